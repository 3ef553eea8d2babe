/* Composes the flash file of a host device for tests, out of esp/ alone:
 *
 *     flash_tool OUT key=value…
 *
 * program=FILE version=TEXT (into ota_0; ota_1 too with both=1)  damage=SLOT (one byte of its
 * image) name= host= port= tls= ca=FILE user= password=FILE root= keepalive= s0=JSON … (the
 * configuration) */
#include "base/file.h"
#include "esp/image.h"
#include "esp/nvs.h"
#include "esp/partition_table.h"
#include "wire/nvs_names.h"

#include <stdio.h>
#include <string.h>

enum {
	FLASH_BYTES = 4 * 1024 * 1024,
	FILE_MAX_BYTES = 16 * 1024 * 1024,
	DAMAGE_OFFSET = 0x1000,
};

typedef struct {
	GHashTable *values;
	EspPartitionTable *table;
	guint8 *flash;
} Tool;

static void check(gboolean ok, const GError *error)
{
	if (ok)
		return;
	fprintf(stderr, "flash_tool: %s\n", error == NULL ? "usage" : error->message);
	exit(1);
}

static const char *value_of(const Tool *tool, const char *key, const char *fallback)
{
	const char *value = g_hash_table_lookup(tool->values, key);

	return value == NULL ? fallback : value;
}

/* The content of the file that `key` names, NUL-terminated; NULL without the key. */
static char *file_of(const Tool *tool, const char *key, gsize *size_bytes)
{
	const char *path = value_of(tool, key, NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = NULL;
	char *content;

	if (path == NULL)
		return NULL;
	bytes = base_file_read(path, FILE_MAX_BYTES, &error);
	check(bytes != NULL, error);
	*size_bytes = g_bytes_get_size(bytes);
	content = g_malloc0(*size_bytes + 1);
	memcpy(content, g_bytes_get_data(bytes, NULL), *size_bytes);
	return content;
}

static void put(const Tool *tool, const char *label, const void *data, gsize size_bytes)
{
	const EspPartition *partition = esp_partition_find(tool->table, label);

	check(partition != NULL && size_bytes <= partition->size_bytes, NULL);
	memcpy(tool->flash + partition->offset, data, size_bytes);
}

static void put_program(const Tool *tool)
{
	gsize program_bytes = 0;
	g_autofree char *program = file_of(tool, "program", &program_bytes);
	EspHostImage host = {.program = (const guint8 *)program,
			     .program_bytes = program_bytes,
			     .version = value_of(tool, "version", "1.0.0"),
			     .project = "test"};
	const char *damaged = value_of(tool, "damage", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) image = NULL;

	if (program == NULL)
		return;
	image = esp_image_host_new(&host, &error);
	check(image != NULL, error);
	put(tool, "ota_0", g_bytes_get_data(image, NULL), g_bytes_get_size(image));
	if (value_of(tool, "both", NULL) != NULL)
		put(tool, "ota_1", g_bytes_get_data(image, NULL), g_bytes_get_size(image));
	if (damaged != NULL)
		tool->flash[esp_partition_find(tool->table, damaged)->offset + DAMAGE_OFFSET] ^= 1;
}

static void add(GArray *entries, EspNvsEntry entry)
{
	g_array_append_val(entries, entry);
}

static void put_config(const Tool *tool)
{
	g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(EspNvsEntry));
	const char *name = value_of(tool, "name", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) image = NULL;
	gsize size = 0;
	g_autofree char *ca = file_of(tool, "ca", &size);
	g_autofree char *password = file_of(tool, "password", &size);
	guint8 hash[WIRE_CONFIG_HASH_BYTES];
	char keys[WIRE_NVS_SENSORS_MAX][WIRE_NVS_NAME_MAX + 1];

	if (name == NULL)
		return;
	memset(hash, 0xc5, sizeof(hash));
	add(entries, esp_nvs_string(WIRE_NVS_ESPALIER, WIRE_NVS_ESPALIER_NAME, name));
	add(entries, esp_nvs_blob(WIRE_NVS_ESPALIER, WIRE_NVS_ESPALIER_CONFIG, hash, sizeof(hash)));
	add(entries,
	    esp_nvs_string(WIRE_NVS_MQTT, WIRE_NVS_MQTT_HOST, value_of(tool, "host", "127.0.0.1")));
	add(entries, esp_nvs_unsigned(WIRE_NVS_MQTT, WIRE_NVS_MQTT_PORT, ESP_NVS_U16,
				      g_ascii_strtoull(value_of(tool, "port", "8883"), NULL, 10)));
	add(entries, esp_nvs_unsigned(WIRE_NVS_MQTT, WIRE_NVS_MQTT_TLS, ESP_NVS_U8,
				      g_ascii_strtoull(value_of(tool, "tls", "1"), NULL, 10)));
	if (ca != NULL)
		add(entries, esp_nvs_string(WIRE_NVS_MQTT, WIRE_NVS_MQTT_CA, ca));
	add(entries,
	    esp_nvs_string(WIRE_NVS_MQTT, WIRE_NVS_MQTT_USER, value_of(tool, "user", name)));
	if (password != NULL)
		add(entries, esp_nvs_string(WIRE_NVS_MQTT, WIRE_NVS_MQTT_PASSWORD, password));
	add(entries,
	    esp_nvs_string(WIRE_NVS_MQTT, WIRE_NVS_MQTT_CONVENTION, WIRE_CONVENTION_HOMIE5));
	add(entries,
	    esp_nvs_string(WIRE_NVS_MQTT, WIRE_NVS_MQTT_ROOT, value_of(tool, "root", "homie")));
	add(entries,
	    esp_nvs_unsigned(WIRE_NVS_MQTT, WIRE_NVS_MQTT_KEEPALIVE, ESP_NVS_U16,
			     g_ascii_strtoull(value_of(tool, "keepalive", "10"), NULL, 10)));
	for (unsigned i = 0; wire_nvs_sensor_key(i, keys[i]); i++)
		if (value_of(tool, keys[i], NULL) != NULL)
			add(entries, esp_nvs_string(WIRE_NVS_SENSORS, keys[i],
						    value_of(tool, keys[i], NULL)));
	image = esp_nvs_image_new((const EspNvsEntry *)(gpointer)entries->data, entries->len,
				  esp_partition_find(tool->table, "cfg_0")->size_bytes, &error);
	check(image != NULL, error);
	put(tool, "cfg_0", g_bytes_get_data(image, NULL), g_bytes_get_size(image));
	put(tool, "cfg_1", g_bytes_get_data(image, NULL), g_bytes_get_size(image));
}

int main(int argc, char **argv)
{
	g_autoptr(GHashTable) values =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	g_autofree guint8 *flash = g_malloc(FLASH_BYTES);
	g_autoptr(EspPartitionTable) table = NULL;
	g_autoptr(GBytes) binary = NULL;
	g_autoptr(GError) error = NULL;
	Tool tool = {.values = values, .flash = flash};

	check(argc >= 2, NULL);
	for (int i = 2; i < argc; i++) {
		char *equals = strchr(argv[i], '=');

		check(equals != NULL, NULL);
		g_hash_table_replace(values, g_strndup(argv[i], (gsize)(equals - argv[i])),
				     g_strdup(equals + 1));
	}
	memset(flash, 0xff, FLASH_BYTES);
	table = esp_partition_table_from_csv(esp_partition_table_default_csv,
					     strlen(esp_partition_table_default_csv), NULL, &error);
	check(table != NULL, error);
	tool.table = table;
	binary = esp_partition_table_to_binary(table, &error);
	check(binary != NULL, error);
	memcpy(flash + ESP_PARTITION_TABLE_OFFSET, g_bytes_get_data(binary, NULL),
	       g_bytes_get_size(binary));
	put_program(&tool);
	put_config(&tool);
	check(base_file_write(argv[1], flash, FLASH_BYTES, 0600, &error), error);
	return 0;
}
