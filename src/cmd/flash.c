#include "cmd/commands.h"
#include "cmd/connect.h"
#include "cmd/locate.h"
#include "cmd/progress.h"

#include "artefact/flash_plan.h"
#include "artefact/sums.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "kube/error.h"
#include "model/kinds.h"
#include "model/secret.h"
#include "wire/mac.h"

#include <stdio.h>
#include <string.h>

static char *to_option, *config_option, *bundle_option, *output_option;

static const GOptionEntry options[] = {
	{"to", 0, 0, G_OPTION_ARG_FILENAME, &to_option,
	 "flash file of the host device; made if it is missing", "FILE"},
	{"config", 0, 0, G_OPTION_ARG_FILENAME, &config_option,
	 "its configuration (config.bin), instead of asking the server", "FILE"},
	{"bundle", 0, 0, G_OPTION_ARG_FILENAME, &bundle_option,
	 "its firmware as a bundle folder, instead of asking the server", "DIR"},
	{"output", 'o', 0, G_OPTION_ARG_STRING, &output_option, "json: the result for scripts",
	 "FORM"},
	CMD_CONNECT_OPTIONS,
	G_OPTION_ENTRY_NULL,
};

enum {
	CONFIG_MAX_BYTES = 1024 * 1024,
};

/* What is flashed, from wherever it came. */
typedef struct {
	const char *device;
	GBytes *config;
	ArtefactBundle *bundle;
} Flash;

static void flash_clear(Flash *flash)
{
	g_clear_pointer(&flash->config, g_bytes_unref);
	g_clear_pointer(&flash->bundle, artefact_bundle_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Flash, flash_clear)

/* --- from the server --- */

static gboolean config_matches(GBytes *config, const json_t *secret)
{
	g_autoptr(GBytes) wanted = model_secret_bytes(secret, MODEL_SECRET_KEY_CONFIG_SHA256);
	g_autofree char *actual = base_sha256_hex_of_bytes(config);

	return wanted != NULL && g_bytes_get_size(wanted) >= BASE_SHA256_HEX_CHARS &&
	       memcmp(g_bytes_get_data(wanted, NULL), actual, BASE_SHA256_HEX_CHARS) == 0;
}

static GBytes *fetch_config(KubeClient *client, const char *device, GError **error)
{
	g_autofree char *name = g_strconcat(device, MODEL_DEVICE_SECRET_SUFFIX, NULL);
	GError *inner = NULL;
	g_autoptr(json_t) secret =
		kube_get(client, &kube_secrets, cmd_connect_namespace(client), name, &inner);
	GBytes *config;

	if (secret == NULL && g_error_matches(inner, KUBE_ERROR, KUBE_ERROR_FORBIDDEN)) {
		g_error_free(inner);
		g_set_error(
			error, KUBE_ERROR, KUBE_ERROR_FORBIDDEN,
			"your role may not read Secret '%s'; get the configuration with the "
			"device's own credentials (flash.sh --from-server) or from somebody who "
			"may, and give it with --config",
			name);
		return NULL;
	}
	if (secret == NULL && !g_error_matches(inner, KUBE_ERROR, KUBE_ERROR_NOT_FOUND)) {
		g_propagate_error(error, inner);
		return NULL;
	}
	g_clear_error(&inner);
	config = model_secret_bytes(secret, MODEL_SECRET_KEY_CONFIG);
	if (config != NULL && config_matches(config, secret))
		return config;
	if (config != NULL)
		g_bytes_unref(config);
	g_set_error(
		error, KUBE_ERROR, KUBE_ERROR_NOT_FOUND,
		"the configuration of '%s' is not ready; its conditions say why: espalier describe "
		"device %s",
		device, device);
	return NULL;
}

static gboolean fetch_file(const CmdArtefacts *artefacts, const json_t *device_class,
			   const char *hash, const char *name, GPtrArray *files, GError **error)
{
	g_autoptr(GBytes) bytes = cmd_artefacts_get(artefacts, device_class, hash, name, error);

	if (bytes == NULL)
		return FALSE;
	g_ptr_array_add(files, artefact_file_new(name, bytes));
	return TRUE;
}

/* All files that SHA256SUMS names, save the ELF, which nobody flashes. */
static ArtefactBundle *fetch_files(const CmdArtefacts *artefacts, const json_t *device_class,
				   const char *hash, GError **error)
{
	g_autoptr(GPtrArray) files =
		g_ptr_array_new_with_free_func((GDestroyNotify)artefact_file_free);
	g_autoptr(GPtrArray) sums = NULL;
	GBytes *text;
	CmdProgress progress;

	cmd_progress_begin(&progress);
	if (!fetch_file(artefacts, device_class, hash, ARTEFACT_SUMS, files, error))
		return NULL;
	text = ((ArtefactFile *)files->pdata[0])->bytes;
	sums = artefact_sums_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), error);
	for (guint i = 0; sums != NULL && i < sums->len; i++) {
		const ArtefactSum *sum = sums->pdata[i];

		if (strcmp(sum->name, ARTEFACT_ELF) == 0)
			continue;
		cmd_progress_show(&progress, sum->name, 0, 0);
		if (!fetch_file(artefacts, device_class, hash, sum->name, files, error))
			g_clear_pointer(&sums, g_ptr_array_unref);
	}
	cmd_progress_end(&progress);
	return sums != NULL ? artefact_bundle_from_files(files, error) : NULL;
}

static ArtefactBundle *fetch_bundle(KubeClient *client, const char *class_name, GError **error)
{
	g_autoptr(json_t) device_class = kube_get(client, &kube_device_classes,
						  cmd_connect_namespace(client), class_name, error);
	g_auto(CmdArtefacts) artefacts = {0};
	const char *chip, *hash;

	if (device_class == NULL)
		return NULL;
	chip = base_json_get_string(device_class, "spec", "chip", NULL);
	if (g_strcmp0(chip, "host") != 0) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_WRONG_CHIP,
			    "class '%s' is for %s; only a host device is flashed into a file. Its "
			    "parts are in the bundle, for esptool",
			    class_name, chip);
		return NULL;
	}
	hash = base_json_get_string(device_class, "status", "firmware", "inputHash", NULL);
	if (hash == NULL) {
		g_set_error(
			error, KUBE_ERROR, KUBE_ERROR_NOT_FOUND,
			"the firmware of class '%s' is not ready; its conditions say why: espalier "
			"describe deviceclass %s",
			class_name, class_name);
		return NULL;
	}
	if (g_str_has_prefix(hash, MODEL_DIGEST_PREFIX))
		hash += strlen(MODEL_DIGEST_PREFIX);
	if (!cmd_artefacts_locate(client, device_class, &artefacts, error))
		return NULL;
	return fetch_files(&artefacts, device_class, hash, error);
}

static gboolean fetch(Flash *flash, GError **error)
{
	g_autoptr(KubeClient) client = cmd_connect(error);
	g_autoptr(json_t) device = NULL;
	const char *class_name;

	if (client == NULL)
		return FALSE;
	device = kube_get(client, &kube_devices, cmd_connect_namespace(client), flash->device,
			  error);
	if (device == NULL)
		return FALSE;
	if (base_json_get_bool(device, FALSE, "spec", "suspended", NULL)) {
		g_set_error(error, KUBE_ERROR, KUBE_ERROR_INVALID,
			    "device '%s' is suspended, it could not connect; end that with "
			    "spec.suspended: false",
			    flash->device);
		return FALSE;
	}
	class_name = base_json_get_string(device, "spec", "deviceClassReference", "name", NULL);
	if (flash->config == NULL)
		flash->config = fetch_config(client, flash->device, error);
	if (flash->config != NULL && flash->bundle == NULL)
		flash->bundle = fetch_bundle(client, class_name, error);
	return flash->config != NULL && flash->bundle != NULL;
}

/* --- from files --- */

static gboolean load(Flash *flash, GError **error)
{
	if (config_option != NULL) {
		flash->config = base_file_read(config_option, CONFIG_MAX_BYTES, error);
		if (flash->config == NULL)
			return FALSE;
	}
	if (bundle_option != NULL) {
		flash->bundle = artefact_bundle_from_folder(bundle_option, error);
		if (flash->bundle == NULL)
			return FALSE;
	}
	return (flash->config != NULL && flash->bundle != NULL) || fetch(flash, error);
}

/* --- the result --- */

static json_t *parts_json(const ArtefactFlashPlan *plan)
{
	const GPtrArray *parts = artefact_flash_plan_parts(plan);
	json_t *list = json_array();

	for (guint i = 0; i < parts->len; i++) {
		const ArtefactFlashPart *part = parts->pdata[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:I}", "name", part->name, "offset",
						(json_int_t)part->offset_bytes, "sizeBytes",
						(json_int_t)g_bytes_get_size(part->bytes)));
	}
	return list;
}

static void print_result(const Flash *flash, const ArtefactFlashPlan *plan,
			 const ArtefactFlashResult *result)
{
	g_autofree char *config = base_sha256_hex_of_bytes(flash->config);
	char mac[WIRE_MAC_CHARS + 1];

	wire_mac_format(result->mac, mac);
	if (output_option != NULL) {
		g_autoptr(json_t) all = json_pack(
			"{s:s, s:s, s:s, s:b, s:{s:s, s:s}, s:{s:s}, s:o}", "device", flash->device,
			"file", to_option, "mac", mac, "made", result->made, "firmware", "version",
			artefact_bundle_version(flash->bundle), "digest",
			artefact_bundle_digest(flash->bundle), "config", "sha256", config, "parts",
			parts_json(plan));
		g_autofree char *text = base_json_dump(all, NULL);

		puts(text);
		return;
	}
	printf("%s: firmware %s, configuration %.12s, MAC %s in %s%s\n", flash->device,
	       artefact_bundle_version(flash->bundle), config, mac, to_option,
	       result->made ? "" : " (its own partition nvs was kept)");
	g_printerr("next: espalier-device %s\n", to_option);
}

static void on_progress(guint64 done_bytes, guint64 total_bytes, gpointer user_data)
{
	cmd_progress_show(user_data, "writing", done_bytes, total_bytes);
}

static gboolean write_flash(const Flash *flash, GError **error)
{
	g_autoptr(ArtefactFlashPlan) plan =
		artefact_flash_plan_new(flash->bundle, flash->config, "host", error);
	ArtefactFlashResult result;
	CmdProgress progress;
	gboolean written;

	if (plan == NULL)
		return FALSE;
	cmd_progress_begin(&progress);
	written =
		artefact_flash_file_write(to_option, plan, on_progress, &progress, &result, error);
	cmd_progress_end(&progress);
	if (written)
		print_result(flash, plan, &result);
	return written;
}

static CmdExit run(int argc, char **argv)
{
	g_auto(Flash) flash = {0};
	g_autoptr(GError) error = NULL;
	CmdExit exit;

	if (!cmd_parse(&cmd_flash, &argc, &argv, &exit))
		return exit;
	if (argc != 2)
		return cmd_usage_error("flash", "name one device");
	if (to_option == NULL)
		return cmd_usage_error("flash", "name the flash file: --to FILE");
	if (output_option != NULL && strcmp(output_option, "json") != 0)
		return cmd_usage_error("flash", "-o takes json, not '%s'", output_option);
	flash.device = argv[1];
	if (!load(&flash, &error) || !write_flash(&flash, &error))
		return cmd_fail("flash", error);
	return CMD_DONE;
}

const CmdCommand cmd_flash = {
	.usage = "DEVICE --to FILE [--config FILE] [--bundle DIR] [-o json]",
	.examples = "  espalier flash probe-1 --to probe-1.flash\n"
		    "  espalier flash probe-1 --to probe-1.flash --config out/probe-1/config.bin "
		    "--bundle bundle\n",
	.options = options,
	.run = run,
};
