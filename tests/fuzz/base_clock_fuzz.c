#include "base/clock.h"
#include "base/digest.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Times, durations and hex, as manifests, events and manifest files have them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *text = g_strndup((const char *)data, size);
	g_autoptr(GBytes) bytes = base_unhex(text);
	gint64 us = 0, again_us = 0;

	if (base_clock_parse_time(text, &us)) {
		g_autofree char *printed = base_clock_format_microtime(us);

		g_assert(base_clock_parse_time(printed, &again_us) && again_us == us);
	}
	if (base_clock_parse_duration(text, &us)) {
		g_autofree char *age = base_clock_format_age(us);

		g_assert(us >= 0 && age != NULL);
	}
	g_assert(bytes == NULL || g_bytes_get_size(bytes) == strlen(text) / 2);
	return 0;
}
