#include "cmd/formats/otadata_apps.h"

#include "cmd/formats/partitions_options.h"

#include <stdlib.h>

enum { SLOTS_DEFAULT = 2, INPUT_MAX_BYTES = 1024 * 1024 };

CmdOtadataWords cmd_otadata_words;

static gboolean read_table(const char *name, CmdOtadataApps *apps, CmdExit *exit)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(EspPartitionTable) table =
		cmd_partitions_table_load(cmd_otadata_words.table, &error);

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
