#include "cmd/formats/otadata_apps.h"

#include "esp/partition_table.h"

#include <stdlib.h>

enum { SLOTS_DEFAULT = 2, INPUT_MAX_BYTES = 1024 * 1024 };

CmdOtadataWords cmd_otadata_words;

static const char *from_environment(const char *name, gpointer user_data)
{
	(void)user_data;
	return g_getenv(name);
}

static gboolean read_table(const char *name, CmdOtadataApps *apps, CmdExit *exit)
{
	const char *path = cmd_otadata_words.table;
	/* Where the bootloader lies does not matter for the apps. */
	const EspPartitionTableOptions options = {.variable = from_environment,
						  .has_bootloader_offset = TRUE,
						  .has_recovery_offset = TRUE};
	g_autoptr(EspPartitionTable) table = NULL;
	g_autoptr(GBytes) bytes = NULL;
	g_autoptr(GError) error = NULL;
	gsize size_bytes = 0;
	const guint8 *data;

	bytes = cmd_input_read(path, ESP_PARTITION_CSV_MAX_BYTES, &error);
	if (bytes != NULL) {
		data = g_bytes_get_data(bytes, &size_bytes);
		table = esp_partition_table_read(data, size_bytes, &options, &error);
		g_prefix_error(&error, "%s: ", cmd_input_name(path));
	}
	if (table == NULL) {
		*exit = cmd_fail(name, error);
		return FALSE;
	}
	apps->n_slots = esp_partition_ota_slots(table);
	apps->has_factory = esp_partition_find_type(table, ESP_PARTITION_APP,
						    ESP_PARTITION_APP_FACTORY) != NULL;
	apps->has_test =
		esp_partition_find_type(table, ESP_PARTITION_APP, ESP_PARTITION_APP_TEST) != NULL;
	apps->has_otadata =
		esp_partition_find_type(table, ESP_PARTITION_DATA, ESP_PARTITION_DATA_OTA) != NULL;
	return TRUE;
}

gboolean cmd_otadata_apps_read(const char *name, CmdOtadataApps *apps, CmdExit *exit)
{
	g_autoptr(GError) error = NULL;
	guint64 n_slots = SLOTS_DEFAULT;

	if (cmd_otadata_words.table != NULL) {
		if (cmd_otadata_words.slots == NULL && !cmd_otadata_words.factory)
			return read_table(name, apps, exit);
		*exit = cmd_usage_error(name, "--table says what apps there are; leave out --slots "
					      "and --has-factory");
		return FALSE;
	}
	if (cmd_otadata_words.slots != NULL &&
	    !cmd_number_parse("--slots", cmd_otadata_words.slots, 0, ESP_OTADATA_SLOTS_MAX,
			      &n_slots, &error)) {
		*exit = cmd_usage_error(name, "--slots takes a number from 0 to %d, not '%s'",
					ESP_OTADATA_SLOTS_MAX, cmd_otadata_words.slots);
		return FALSE;
	}
	apps->n_slots = (guint)n_slots;
	apps->has_factory = cmd_otadata_words.factory;
	apps->has_otadata = TRUE;
	return TRUE;
}

guint8 *cmd_otadata_read(const char *path, gsize *size_bytes, GError **error)
{
	g_autoptr(GBytes) bytes = cmd_input_read(path, INPUT_MAX_BYTES, error);
	EspOtaRecord records[2];

	if (bytes == NULL)
		return NULL;
	if (!esp_otadata_read(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), records,
			      error)) {
		g_prefix_error(error, "%s: ", cmd_input_name(path));
		return NULL;
	}
	return g_bytes_unref_to_data(g_steal_pointer(&bytes), size_bytes);
}

char *cmd_otadata_slot_name(int slot)
{
	if (slot == ESP_OTADATA_FACTORY_SLOT)
		return g_strdup("factory");
	if (slot == ESP_OTADATA_TEST_SLOT)
		return g_strdup("test");
	return g_strdup_printf("ota_%d", slot);
}
