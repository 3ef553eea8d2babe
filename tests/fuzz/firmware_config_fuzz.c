#include "core/config.h"
#include "esp/nvs.h"

#include <glib.h>
#include <string.h>

/* A configuration partition as the device reads it: any bytes as NVS, then every key of it. It can
 * be used, or a sentence says why not. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_string(void *context, const char *space, const char *key, char *out,
			size_t size_bytes)
{
	const EspNvsEntry *entry = esp_nvs_find(context, space, key);

	return entry != NULL && entry->type == ESP_NVS_STRING &&
	       strlen(entry->value.text) < size_bytes &&
	       wire_copy(out, size_bytes, entry->value.text);
}

static bool read_number(void *context, const char *space, const char *key, uint64_t *out)
{
	const EspNvsEntry *entry = esp_nvs_find(context, space, key);

	if (entry == NULL || entry->type == ESP_NVS_STRING || entry->type == ESP_NVS_BLOB)
		return false;
	*out = entry->value.u;
	return true;
}

static bool read_blob(void *context, const char *space, const char *key, uint8_t *out,
		      size_t size_bytes)
{
	const EspNvsEntry *entry = esp_nvs_find(context, space, key);

	if (entry == NULL || entry->type != ESP_NVS_BLOB ||
	    entry->value.blob.size_bytes != size_bytes)
		return false;
	memcpy(out, entry->value.blob.data, size_bytes);
	return true;
}

static void no_log(void *context, CoreLogLevel level, const char *line)
{
	(void)context;
	g_assert(level <= CORE_LOG_INFO && line != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t mac[WIRE_MAC_BYTES] = {2, 0, 0, 0, 0, 1};
	g_autoptr(EspNvsContents) contents = esp_nvs_read(data, size, ESP_NVS_READ_DEFAULT, NULL);
	CorePort port = {.context = contents,
			 .config_string = read_string,
			 .config_number = read_number,
			 .config_blob = read_blob,
			 .log = no_log};
	char problem[CORE_PROBLEM_MAX + 1] = "";
	CoreConfig config;

	if (contents == NULL)
		return 0;
	if (core_config_read(&config, &port, mac, problem))
		g_assert(config.n_sensors <= WIRE_NVS_SENSORS_MAX && config.name[0] != '\0');
	else
		g_assert(problem[0] != '\0');
	return 0;
}
