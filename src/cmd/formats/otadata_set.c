#include "cmd/commands.h"
#include "cmd/formats/otadata_apps.h"

#include <string.h>

#define NAME "otadata set"

static char *slot_option, *state_option, *output_option;
static gboolean new_option, factory_option, start_option;

static const GOptionEntry options[] = {
	{"slot", 0, 0, G_OPTION_ARG_STRING, &slot_option,
	 "slot to start: 1, ota_1 or factory (which erases both records)", "SLOT"},
	{"factory", 0, 0, G_OPTION_ARG_NONE, &factory_option, "the same as --slot factory", NULL},
	{"state", 0, 0, G_OPTION_ARG_STRING, &state_option,
	 "state of the record: new (with rollback), undefined (default), valid, invalid, "
	 "pending_verify, aborted; without --slot that of the active record",
	 "STATE"},
	{"start", 0, 0, G_OPTION_ARG_NONE, &start_option,
	 "do what a bootloader with rollback does to the records at a start", NULL},
	{"new", 0, 0, G_OPTION_ARG_NONE, &new_option,
	 "begin with erased otadata instead of reading a file", NULL},
	CMD_OTADATA_OPTIONS,
	{"output", 0, 0, G_OPTION_ARG_STRING, &output_option,
	 "print what it is now as text or json (default text)", "FORMAT"},
	G_OPTION_ENTRY_NULL};

/* What to do. */
typedef struct {
	const char *in; /* NULL: --new */
	const char *out;
	gboolean selects, marks;
	int slot;
	guint32 state;
	gboolean is_json;
	CmdOtadataApps apps;
} Set;

/* ---- Arguments ---- */

static gboolean parse_slot(const char *text, int *slot)
{
	guint64 number = 0;

	if (g_ascii_strcasecmp(text, "factory") == 0) {
		*slot = ESP_OTADATA_FACTORY_SLOT;
		return TRUE;
	}
	if (g_ascii_strncasecmp(text, "ota_", 4) == 0)
		text += 4;
	if (!g_ascii_string_to_unsigned(text, 10, 0, ESP_OTADATA_SLOTS_MAX - 1, &number, NULL))
		return FALSE;
	*slot = (int)number;
	return TRUE;
}

static CmdExit read_changes(Set *set)
{
	set->selects = slot_option != NULL || factory_option;
	set->marks = !set->selects && state_option != NULL;
	set->slot = ESP_OTADATA_FACTORY_SLOT;
	set->state = ESP_OTA_UNDEFINED;
	if (slot_option != NULL && factory_option)
		return cmd_usage_error(NAME, "give --slot or --factory, not both");
	if (slot_option != NULL && !parse_slot(slot_option, &set->slot))
		return cmd_usage_error(NAME,
				       "--slot takes factory or a number from 0 to %d, not '%s'",
				       ESP_OTADATA_SLOTS_MAX - 1, slot_option);
	if (state_option != NULL && !esp_ota_state_parse(state_option, &set->state))
		return cmd_usage_error(NAME,
				       "--state takes new, pending_verify, valid, invalid, aborted "
				       "or undefined, not '%s'",
				       state_option);
	if (set->selects && set->slot == ESP_OTADATA_FACTORY_SLOT && state_option != NULL)
		return cmd_usage_error(NAME, "the factory app has no record and so no --state");
	if (!set->selects && !set->marks && !start_option)
		return cmd_usage_error(NAME,
				       "say what to set: --slot SLOT, --state STATE or --start");
	return CMD_DONE;
}

static CmdExit read_files(int argc, char **argv, Set *set)
{
	if (new_option && argc != 2)
		return cmd_usage_error(NAME, "with --new name one file, the one to make");
	if (argc != 2 && argc != 3)
		return cmd_usage_error(NAME, "name the file with otadata, and the file to write if "
					     "it is another");
	set->in = new_option ? NULL : argv[1];
	set->out = argv[argc - 1];
	if (set->is_json && strcmp(set->out, "-") == 0)
		return cmd_usage_error(NAME, "standard output takes otadata or JSON, not both");
	return CMD_DONE;
}

/* ---- Changes ---- */

static guint8 *read_data(const Set *set, gsize *size_bytes, GError **error)
{
	if (set->in == NULL)
		return g_bytes_unref_to_data(esp_otadata_factory_new(), size_bytes);
	return cmd_otadata_read(set->in, size_bytes, error);
}

/* A start first, as of a device that then runs the app which selects or marks. */
static gboolean change(const Set *set, guint8 *data, gsize size_bytes, GError **error)
{
	if (start_option && !esp_otadata_roll(data, size_bytes, NULL, error))
		return FALSE;
	if (set->selects)
		return esp_otadata_select(data, size_bytes, set->apps.n_slots, set->slot,
					  set->state, NULL, error);
	return !set->marks || esp_otadata_mark(data, size_bytes, set->state, NULL, error);
}

static CmdExit run(int argc, char **argv)
{
	g_autofree guint8 *data = NULL;
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gsize size_bytes = 0;
	Set set = {0};

	if (!cmd_parse(&cmd_otadata_set, &argc, &argv, &exit))
		return exit;
	set.is_json = cmd_output_is_json(NAME, output_option, &exit);
	if (exit == CMD_DONE)
		exit = read_files(argc, argv, &set);
	if (exit == CMD_DONE)
		exit = read_changes(&set);
	if (exit != CMD_DONE || !cmd_otadata_apps_read(NAME, &set.apps, &exit))
		return exit;
	data = read_data(&set, &size_bytes, &error);
	if (data == NULL || !change(&set, data, size_bytes, &error) ||
	    !cmd_output_write(set.out, data, size_bytes, CMD_MODE_PUBLIC, &error) ||
	    (strcmp(set.out, "-") != 0 &&
	     !cmd_otadata_report(data, size_bytes, &set.apps, set.is_json, &error)))
		return cmd_fail(NAME, error);
	return CMD_DONE;
}

const CmdCommand cmd_otadata_set = {
	.usage = "FILE [OUT] --slot SLOT [--state STATE] [--slots N | --table FILE]",
	.examples = "  espalier otadata set --new otadata.bin --slot 0\n"
		    "  espalier otadata set otadata.bin --slot ota_1 --state new --table "
		    "partition-table.bin\n"
		    "  espalier otadata set otadata.bin changed.bin --start --state valid\n"
		    "  espalier otadata set otadata.bin --slot factory\n",
	.words = "new pending_verify valid invalid aborted undefined factory",
	.options = options,
	.run = run,
};
