#include "base/timezone.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The footer of a zone file lies within the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *footer = base_timezone_footer(data, size);

	g_assert(footer == NULL || strlen(footer) < size);
	return 0;
}
