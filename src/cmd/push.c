#include "cmd/commands.h"
#include "cmd/connect.h"
#include "cmd/locate.h"
#include "cmd/progress.h"

#include "artefact/bundle.h"
#include "esp/chips.h"
#include "kube/error.h"
#include "model/kinds.h"

#include <stdio.h>
#include <string.h>

static char *chip_option, *output_option;

static const GOptionEntry options[] = {
	{"chip", 0, 0, G_OPTION_ARG_STRING, &chip_option,
	 "refuse unless the build is for this chip (default: the class's)", "CHIP"},
	{"output", 'o', 0, G_OPTION_ARG_STRING, &output_option, "json: the result for scripts",
	 "FORM"},
	CMD_CONNECT_OPTIONS,
	G_OPTION_ENTRY_NULL,
};

enum {
	VERSION_MAX_CHARS = 31,
};

/* Uploads all files, the list of sums first, so that a damaged file is found as it arrives. */
static gboolean upload(const CmdArtefacts *artefacts, const json_t *device_class,
		       const ArtefactBundle *bundle, GError **error)
{
	const char *hash = artefact_bundle_sums_hash(bundle);
	const GPtrArray *files = artefact_bundle_files(bundle);
	gboolean published = FALSE;
	CmdProgress progress;

	cmd_progress_begin(&progress);
	if (!cmd_artefacts_put(artefacts, device_class, hash, ARTEFACT_SUMS,
			       artefact_bundle_file(bundle, ARTEFACT_SUMS), &published, error))
		return FALSE;
	for (guint i = 0; i < files->len && !published; i++) {
		const ArtefactFile *file = files->pdata[i];

		if (strcmp(file->name, ARTEFACT_SUMS) == 0)
			continue;
		cmd_progress_show(&progress, file->name, 0, 0);
		if (!cmd_artefacts_put(artefacts, device_class, hash, file->name, file->bytes,
				       &published, error)) {
			cmd_progress_end(&progress);
			return FALSE;
		}
	}
	cmd_progress_end(&progress);
	if (published)
		return TRUE;
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
		    "%s has all files but does not show the bundle; push it again", artefacts->url);
	return FALSE;
}

/* What spec.firmware.version accepts. */
static gboolean is_version(const char *text)
{
	if (!g_ascii_isalnum(text[0]) || strlen(text) > VERSION_MAX_CHARS)
		return FALSE;
	for (; *text != '\0'; text++)
		if (!g_ascii_isalnum(*text) && strchr("._+-", *text) == NULL)
			return FALSE;
	return TRUE;
}

static gboolean patch_class(KubeClient *client, const json_t *device_class,
			    const ArtefactBundle *bundle, GError **error)
{
	const char *version = artefact_bundle_version(bundle);
	g_autofree char *digest =
		g_strconcat(MODEL_DIGEST_PREFIX, artefact_bundle_sums_hash(bundle), NULL);
	g_autoptr(json_t) patch = json_pack(
		"{s:{s:{s:{s:s}, s:n, s:o}}}", "spec", "firmware", "prebuilt", "digest", digest,
		"builder", "version", is_version(version) ? json_string(version) : json_null());
	g_autoptr(json_t) patched =
		kube_merge_patch(client, &kube_device_classes, kube_object_namespace(device_class),
				 kube_object_name(device_class), NULL, patch, NULL, error);

	return patched != NULL;
}

static void print_result(const json_t *device_class, const ArtefactBundle *bundle)
{
	const char *name = kube_object_name(device_class);

	if (output_option != NULL) {
		g_autoptr(json_t) result = json_pack(
			"{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "class", name, "chip",
			artefact_bundle_chip(bundle), "version", artefact_bundle_version(bundle),
			"project", artefact_bundle_project(bundle), "digest",
			artefact_bundle_digest(bundle), "bundle", artefact_bundle_sums_hash(bundle),
			"sizeBytes", (json_int_t)artefact_bundle_app_bytes(bundle), "slotBytes",
			(json_int_t)artefact_bundle_slot_bytes(bundle));
		g_autofree char *text = base_json_dump(result, NULL);

		puts(text);
		return;
	}
	printf("%s: %s %s for %s, %zu of %zu bytes of a slot, bundle %.12s\n", name,
	       artefact_bundle_project(bundle), artefact_bundle_version(bundle),
	       artefact_bundle_chip(bundle), artefact_bundle_app_bytes(bundle),
	       artefact_bundle_slot_bytes(bundle), artefact_bundle_sums_hash(bundle));
	if (artefact_bundle_n_slots(bundle) < 2)
		g_printerr("note: the partition table has one slot for firmware, so there are no "
			   "updates over the air\n");
	g_printerr("next: espalier get deviceclass %s, then flash its devices\n", name);
}

static gboolean push(KubeClient *client, const char *class_name, const char *folder, GError **error)
{
	g_autoptr(json_t) device_class = kube_get(client, &kube_device_classes,
						  cmd_connect_namespace(client), class_name, error);
	g_autoptr(ArtefactBundle) bundle = NULL;
	g_auto(CmdArtefacts) artefacts = {0};
	const char *chip;

	if (device_class == NULL)
		return FALSE;
	chip = base_json_get_string(device_class, "spec", "chip", NULL);
	if (chip_option != NULL && g_strcmp0(chip, chip_option) != 0) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_WRONG_CHIP,
			    "class '%s' is for %s, not for %s; push to a class of that chip",
			    class_name, chip, chip_option);
		return FALSE;
	}
	bundle = artefact_bundle_from_build(folder, chip, error);
	if (bundle == NULL || !cmd_artefacts_locate(client, device_class, &artefacts, error) ||
	    !upload(&artefacts, device_class, bundle, error) ||
	    !patch_class(client, device_class, bundle, error))
		return FALSE;
	print_result(device_class, bundle);
	return TRUE;
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(KubeClient) client = NULL;
	g_autoptr(GError) error = NULL;
	CmdExit exit;

	if (!cmd_parse(&cmd_push, &argc, &argv, &exit))
		return exit;
	if (argc != 3)
		return cmd_usage_error("push", "name a class and an ESP-IDF build folder");
	if (output_option != NULL && strcmp(output_option, "json") != 0)
		return cmd_usage_error("push", "-o takes json, not '%s'", output_option);
	if (chip_option != NULL && esp_chip_find(chip_option) == NULL)
		return cmd_usage_error("push", "there is no chip '%s'", chip_option);
	client = cmd_connect(&error);
	if (client == NULL || !push(client, argv[1], argv[2], &error))
		return cmd_fail("push", error);
	return CMD_DONE;
}

const CmdCommand cmd_push = {
	.usage = "CLASS BUILD_DIR [--chip CHIP] [-o json]",
	.examples = "  espalier push soil-probe-c3 ~/esp/my-app/build\n"
		    "  espalier push soil-probe-c3 build --chip esp32c3 -o json\n",
	.options = options,
	.run = run,
};
