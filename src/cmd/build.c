#include "cmd/build_output.h"
#include "cmd/command.h"
#include "cmd/commands.h"

#include "base/digest.h"
#include "base/file.h"
#include "wire/nvs_names.h"

#include <stdio.h>

#define HOST_DEFAULT "127.0.0.1"

enum {
	CA_MAX_BYTES = 64 * 1024,
	OUTPUT_MODE = 0700,
	HASH_SHOWN = 12,
};

static char **file_options;
static char *output_option;
static gboolean csv_option;
static char *host_option;
static int port_option;
static char *ca_option;

static const GOptionEntry options[] = {
	{"filename", 'f', 0, G_OPTION_ARG_FILENAME_ARRAY, &file_options, "manifests (repeatable)",
	 "FILE|DIR"},
	{"output", 'o', 0, G_OPTION_ARG_FILENAME, &output_option, "folder to write to", "OUT"},
	{"csv", 0, 0, G_OPTION_ARG_NONE, &csv_option,
	 "write config.csv, the input of esp-idf-nvs-partition-gen, too", NULL},
	{"broker-host", 0, 0, G_OPTION_ARG_STRING, &host_option,
	 "what devices are told where their cluster does not say (127.0.0.1)", "HOST"},
	{"broker-port", 0, 0, G_OPTION_ARG_INT, &port_option, "likewise (8883)", "PORT"},
	{"ca", 0, 0, G_OPTION_ARG_FILENAME, &ca_option,
	 "PEM of the authority that devices trust for the broker", "FILE"},
	{0},
};

typedef struct {
	const CmdOfflineFleet *fleet;
	CmdOfflineEndpoint endpoint;
	GHashTable *folders; /* device name -> CmdOfflineDevice that has OUT/<name> */
	GPtrArray *faults;
} Build;

/* Credentials are minted once: an earlier build's are used again. */
static gboolean find_or_mint(const char *folder, const char *device, char **password,
			     GError **error)
{
	g_autoptr(GError) fault = NULL;

	*password = cmd_build_password(folder, device, &fault);
	if (fault != NULL) {
		g_propagate_error(error, g_steal_pointer(&fault));
		return FALSE;
	}
	if (*password == NULL)
		*password = base_random_password();
	return TRUE;
}

static gboolean build_with(const Build *build, const CmdOfflineDevice *device, const char *folder,
			   const char *password, GError **error)
{
	g_autoptr(ModelPlan) plan =
		cmd_offline_plan(build->fleet, device, &build->endpoint, password, error);
	g_autoptr(GBytes) image = NULL;
	gsize used_bytes = 0;
	CmdBuildOutput output;

	if (plan == NULL)
		return FALSE;
	image = model_plan_image(plan, &used_bytes, error);
	if (image == NULL)
		return FALSE;
	output = (CmdBuildOutput){
		.device = device,
		.plan = plan,
		.image = image,
		.password = password,
		.csv = csv_option,
	};
	if (!cmd_build_write(folder, &output, error))
		return FALSE;
	printf("%-24s %.*s  %" G_GSIZE_FORMAT " of %u bytes  %s\n", device->device->meta.name,
	       HASH_SHOWN, plan->inputs_hash, used_bytes, plan->size_bytes, folder);
	return TRUE;
}

static gboolean is_buildable(const Build *build, const CmdOfflineDevice *device)
{
	const char *name = device->device->meta.name;

	if (g_hash_table_contains(build->folders, name)) {
		cmd_manifest_fault(build->faults, device->manifest, "metadata.name",
				   "another namespace has a Device of that name, too; build one "
				   "namespace at a time");
		return FALSE;
	}
	g_hash_table_add(build->folders, (gpointer)name);
	if (device->device->suspended)
		g_printerr("%s: suspended, so nothing is built for it\n", name);
	return !device->device->suspended;
}

static void build_device(const Build *build, const CmdOfflineDevice *device)
{
	const char *name = device->device->meta.name;
	g_autofree char *folder = g_build_filename(output_option, name, NULL);
	g_autoptr(GError) error = NULL;
	char *password = NULL;

	if (!is_buildable(build, device))
		return;
	if (!find_or_mint(folder, name, &password, &error) ||
	    !build_with(build, device, folder, password, &error))
		cmd_manifest_fault(build->faults, device->manifest, NULL, "%s", error->message);
	base_secret_free(password);
}

/* Where nothing says what devices are told, the default is said aloud. */
static void tell_endpoint(const Build *build)
{
	const GPtrArray *devices = cmd_offline_fleet_devices(build->fleet);
	gboolean told = host_option != NULL && port_option != 0 && ca_option != NULL;

	for (guint i = 0; i < devices->len && !told; i++) {
		const CmdOfflineDevice *device = g_ptr_array_index(devices, i);

		if (!cmd_offline_device_needs_endpoint(device))
			continue;
		g_printerr(
			"note: cluster '%s' has no spec.mqtt.deviceEndpoint, so devices are told "
			"%s:%u%s; --broker-host, --broker-port and --ca change that\n",
			device->cluster->meta.name, build->endpoint.broker_host,
			build->endpoint.broker_port,
			build->endpoint.broker_ca_pem == NULL ? " and no authority to trust" : "");
		told = TRUE;
	}
}

static void print_faults(const GPtrArray *faults)
{
	for (guint i = 0; i < faults->len; i++)
		g_printerr("%s\n", (const char *)g_ptr_array_index(faults, i));
}

/* Reads, checks, builds; everything that is good goes on. */
static gboolean build_all(const char *ca_pem, GError **error)
{
	g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(CmdManifests) manifests =
		cmd_manifests_load((const char *const *)file_options, faults);
	g_autoptr(GPtrArray) good = cmd_manifests_check(manifests, faults);
	g_autoptr(CmdOfflineFleet) fleet = cmd_offline_fleet_new(good, faults);
	g_autoptr(GHashTable) folders = g_hash_table_new(g_str_hash, g_str_equal);
	Build build = {
		.fleet = fleet,
		.endpoint = {.broker_host = host_option != NULL ? host_option : HOST_DEFAULT,
			     .broker_port = (guint16)(port_option != 0 ? port_option
								       : WIRE_MQTT_PORT_DEFAULT),
			     .broker_ca_pem = ca_pem},
		.folders = folders,
		.faults = faults,
	};
	const GPtrArray *devices = cmd_offline_fleet_devices(fleet);

	if (!base_folder_make(output_option, OUTPUT_MODE, error))
		return FALSE;
	tell_endpoint(&build);
	for (guint i = 0; i < devices->len; i++)
		build_device(&build, g_ptr_array_index(devices, i));
	fflush(stdout);
	print_faults(faults);
	if (faults->len == 0)
		return TRUE;
	g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID,
		    "%u fault%s; everything else is built", faults->len,
		    faults->len == 1 ? "" : "s");
	return FALSE;
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) ca = NULL;
	g_autofree char *ca_pem = NULL;
	CmdExit exit;

	if (!cmd_parse(&cmd_build, &argc, &argv, &exit))
		return exit;
	if (file_options == NULL || output_option == NULL || argc > 1)
		return cmd_usage_error(
			"build", "give manifests with -f FILE or -f DIR, and a folder with -o");
	if (port_option < 0 || port_option > G_MAXUINT16)
		return cmd_usage_error("build", "--broker-port is from 1 to 65535");
	if (ca_option != NULL) {
		ca = base_file_read(ca_option, CA_MAX_BYTES, &error);
		if (ca == NULL)
			return cmd_fail("build", error);
		ca_pem = g_strndup(g_bytes_get_data(ca, NULL), g_bytes_get_size(ca));
	}
	return build_all(ca_pem, &error) ? CMD_DONE : cmd_fail("build", error);
}

const CmdCommand cmd_build = {
	.usage = "-f FILE|DIR -o OUT [--csv]",
	.examples = "  espalier build -f samples/greenhouse -o out\n"
		    "  espalier build -f samples/greenhouse -o out --csv --broker-host "
		    "broker.example.org\n",
	.options = options,
	.run = run,
};
