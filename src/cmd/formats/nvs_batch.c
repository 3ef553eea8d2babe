#include "cmd/commands.h"
#include "cmd/formats/batch_run.h"
#include "cmd/formats/io.h"
#include "cmd/formats/nvs_files.h"
#include "esp/nvs_keys.h"

static const char name[] = "nvs batch";

enum { MS_A_SECOND = 1000 };

static char *folder_option;
static char *size_option;
static char *id_column_option;
static char *prefix_option;
static char *encrypt_option;
static char *output_option;
static gboolean generate_keys_option;
static int version_option = 2;
static int jobs_option;

static const GOptionEntry options[] = {
	{"out", 'o', 0, G_OPTION_ARG_FILENAME, &folder_option,
	 "folder of the batch: bin/ and keys/ are made in it", "DIR"},
	{"size", 's', 0, G_OPTION_ARG_STRING, &size_option,
	 "size of the partition: 0x3000, 12288 or 12K (default 0x3000)", "SIZE"},
	{"id-column", 0, 0, G_OPTION_ARG_STRING, &id_column_option,
	 "column of VALUES.csv that names the files (default: 1, 2, 3, …)", "NAME"},
	{"prefix", 0, 0, G_OPTION_ARG_STRING, &prefix_option,
	 "put in front of the files' names, with a dash", "TEXT"},
	{"encrypt-with", 0, 0, G_OPTION_ARG_FILENAME, &encrypt_option,
	 "encrypt all images with the keys of this file", "KEYS"},
	{"generate-keys", 0, 0, G_OPTION_ARG_NONE, &generate_keys_option,
	 "encrypt each image with keys of its own, made at random", NULL},
	{"format-version", 0, 0, G_OPTION_ARG_INT, &version_option,
	 "1, or 2 (default) for blobs in parts, ESP-IDF 4.0 and later", "N"},
	{"jobs", 'j', 0, G_OPTION_ARG_INT, &jobs_option, "threads (default: one a core)", "N"},
	{"output", 0, 0, G_OPTION_ARG_STRING, &output_option, "text (default) or json", "FORMAT"},
	G_OPTION_ENTRY_NULL,
};

static gboolean options_check(CmdExit *exit)
{
	*exit = CMD_USAGE;
	if (folder_option == NULL)
		cmd_usage_error(name, "name the folder of the batch with --out");
	else if (jobs_option < 0 || jobs_option > BATCH_WRITERS_MAX)
		cmd_usage_error(name, "--jobs takes 1 to %d threads, not %d", BATCH_WRITERS_MAX,
				jobs_option);
	else if (encrypt_option != NULL && generate_keys_option)
		cmd_usage_error(name, "choose one of --encrypt-with and --generate-keys");
	else
		return nvs_version_check(name, version_option);
	return FALSE;
}

static void print_json(const BatchPlan *plan, const BatchResult *result)
{
	cmd_json_print(json_pack(
		"{s:I,s:I,s:I,s:I,s:b,s:s,s:I,s:I}", "devices", (json_int_t)result->n_devices,
		"alreadyMade", (json_int_t)result->n_before, "sizeBytes",
		(json_int_t)plan->size_bytes, "formatVersion", (json_int_t)plan->format_version,
		"encrypted", plan->keys != NULL || plan->generate_keys, "folder", plan->folder,
		"checkMs", (json_int_t)(result->check_s * MS_A_SECOND), "writeMs",
		(json_int_t)(result->write_s * MS_A_SECOND)));
}

static void print_text(const BatchPlan *plan, const BatchResult *result)
{
	guint64 made = result->n_devices - result->n_before;
	double seconds = result->check_s + result->write_s;

	if (result->n_before > 0)
		g_print("%" G_GUINT64_FORMAT " devices were there already\n", result->n_before);
	g_print("%" G_GUINT64_FORMAT " devices made in %.1f s", made, seconds);
	if (made > 0 && seconds > 0)
		g_print(" (%.0f a second)", (double)made / seconds);
	g_print(": %s/bin\n", plan->folder);
	if (plan->generate_keys)
		g_print("their keys: %s/keys\n", plan->folder);
}

static CmdExit run(int argc, char **argv)
{
	BatchPlan plan = {0};
	BatchResult result = {0};
	g_auto(EspNvsKeys) keys = {0};
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gboolean json;

	if (!cmd_parse(&cmd_nvs_batch, &argc, &argv, &exit))
		return exit;
	if (argc != 3)
		return cmd_usage_error(name,
				       "name the config and the values: CONFIG.csv VALUES.csv");
	json = cmd_output_is_json(name, output_option, &exit);
	if (exit != CMD_DONE || !options_check(&exit))
		return exit;
	if (!nvs_size_parse(size_option == NULL ? "0x3000" : size_option, &plan.size_bytes, &error))
		return cmd_usage_error(name, "%s", error->message);
	if (encrypt_option != NULL && !nvs_keys_load(encrypt_option, &keys, &error))
		return cmd_fail(name, error);
	plan.config_path = argv[1];
	plan.values_path = argv[2];
	plan.folder = folder_option;
	plan.prefix = prefix_option;
	plan.id_column = id_column_option;
	plan.format_version = (guint)version_option;
	plan.keys = encrypt_option == NULL ? NULL : &keys;
	plan.generate_keys = generate_keys_option;
	plan.n_workers = jobs_option > 0 ? (guint)jobs_option
					 : MIN(g_get_num_processors(), BATCH_WRITERS_MAX);
	if (!batch_run(&plan, &result, &error))
		return cmd_fail(name, error);
	if (json)
		print_json(&plan, &result);
	else
		print_text(&plan, &result);
	return CMD_DONE;
}

const CmdCommand cmd_nvs_batch = {
	.usage = "CONFIG.csv VALUES.csv --out DIR [--size SIZE] [--id-column NAME] [--prefix TEXT] "
		 "[--encrypt-with KEYS | --generate-keys] [--jobs N]",
	.examples = "  espalier nvs batch config.csv values.csv --out factory --size 0x3000\n"
		    "  espalier nvs batch config.csv values.csv --out factory --id-column serial "
		    "--generate-keys\n",
	.options = options,
	.run = run,
};
