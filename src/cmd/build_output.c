#include "cmd/build_output.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "esp/nvs_csv.h"
#include "model/kinds.h"
#include "model/secret.h"

#include <string.h>

#define SECRET_FILE "secret.yaml"
#define CONFIG_FILE "config.bin"
#define PLAN_FILE "flash-plan.json"
#define CSV_FILE "config.csv"

enum {
	SECRET_MODE = 0600,
	PUBLIC_MODE = 0644,
	FOLDER_MODE = 0700,
	SECRET_MAX_BYTES = 2 * 1024 * 1024,
};

/* ---- Credentials of an earlier build ---- */

char *cmd_build_password(const char *folder, const char *device, GError **error)
{
	g_autofree char *path = g_build_filename(folder, SECRET_FILE, NULL);
	g_autoptr(GError) fault = NULL;
	g_autoptr(GBytes) file = base_file_read(path, SECRET_MAX_BYTES, &fault);
	g_autoptr(json_t) secret = NULL;
	g_autofree char *username = NULL;
	char *password;

	if (file == NULL) {
		if (!g_error_matches(fault, BASE_ERROR, BASE_ERROR_NOT_FOUND))
			g_propagate_error(error, g_steal_pointer(&fault));
		return NULL;
	}
	secret = base_yaml_parse(g_bytes_get_data(file, NULL), g_bytes_get_size(file), path, error);
	if (secret == NULL)
		return NULL;
	username = model_secret_text(secret, MODEL_SECRET_KEY_USERNAME);
	password = model_secret_text(secret, MODEL_SECRET_KEY_PASSWORD);
	if (g_strcmp0(username, device) == 0 && password != NULL && password[0] != '\0')
		return password;
	base_secret_free(password);
	g_set_error(
		error, BASE_ERROR, BASE_ERROR_INVALID,
		"%s: does not hold the credentials of '%s'; put the right file there, or remove "
		"it for new credentials",
		path, device);
	return NULL;
}

/* ---- Files ---- */

static void append_base64(GString *text, const char *key, const void *data, gsize size_bytes)
{
	char *base64 = g_base64_encode(data, size_bytes);

	g_string_append_printf(text, "  %s: %s\n", key, base64);
	base_secret_free(base64);
}

/* A manifest that kubectl apply takes: the Device's own Secret, as its controller makes it. */
static char *secret_yaml(const CmdBuildOutput *output)
{
	const ModelMeta *meta = &output->device->device->meta;
	const char *namespace =
		base_json_get_string(output->device->device->object, "metadata", "namespace", NULL);
	g_autofree char *name = model_device_secret_name(meta->name);
	g_autofree char *sha256 = base_sha256_hex_of_bytes(output->image);
	GString *text = g_string_new(
		"# The credentials and the configuration of one device: keep this file secret. "
		"Building again finds the\n# credentials here; kubectl apply -f hands them to a "
		"cluster.\napiVersion: v1\nkind: Secret\n");

	g_string_append_printf(text, "metadata:\n  name: \"%s\"\n", name);
	if (namespace != NULL)
		g_string_append_printf(text, "  namespace: \"%s\"\n", namespace);
	g_string_append_printf(text, "  labels:\n    %s: \"%s\"\n", MODEL_LABEL_DEVICE, meta->name);
	g_string_append_printf(text, "  annotations:\n    %s: \"%s\"\n",
			       MODEL_ANNOTATION_CONFIG_INPUTS, output->plan->inputs_hash);
	g_string_append_printf(text, "type: %s\ndata:\n", MODEL_SECRET_TYPE_DEVICE);
	append_base64(text, MODEL_SECRET_KEY_USERNAME, meta->name, strlen(meta->name));
	append_base64(text, MODEL_SECRET_KEY_PASSWORD, output->password, strlen(output->password));
	append_base64(text, MODEL_SECRET_KEY_CONFIG_SHA256, sha256, strlen(sha256));
	append_base64(text, MODEL_SECRET_KEY_CONFIG, g_bytes_get_data(output->image, NULL),
		      g_bytes_get_size(output->image));
	return g_string_free(text, FALSE);
}

/* `flash_files` is what ESP-IDF's flasher_args.json calls it: offset to file. */
static char *flash_plan_json(const CmdBuildOutput *output)
{
	const ModelDeviceClass *class = output->device->device_class;
	const ModelPlan *plan = output->plan;
	g_autofree char *sha256 = base_sha256_hex_of_bytes(output->image);
	g_autoptr(json_t) files = json_object();
	g_autoptr(json_t) parts = json_array();
	g_autoptr(json_t) json = NULL;
	g_autofree char *text = NULL;

	for (gsize i = 0; i < plan->n_slots; i++) {
		g_autofree char *offset = g_strdup_printf("0x%x", plan->slots[i].offset);

		base_json_set_string(files, offset, CONFIG_FILE);
		json_array_append_new(parts, json_pack("{s:s, s:s, s:i, s:s, s:s}", "partition",
						       plan->slots[i].label, "offset", offset,
						       "size", (int)plan->slots[i].size_bytes,
						       "file", CONFIG_FILE, "sha256", sha256));
	}
	json = json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s}, s:O, s:O}", "device",
			 output->device->device->meta.name, "deviceClass", class->meta.name, "chip",
			 class->chip, "configInputs", plan->inputs_hash, "flash_settings",
			 "flash_mode", class->flash_mode, "flash_size", class->flash_size,
			 "flash_freq", class->flash_frequency, "flash_files", files, "parts",
			 parts);
	text = json_dumps(json, JSON_INDENT(2));
	return g_strconcat(text, "\n", NULL);
}

static gboolean update(const char *folder, const char *name, const void *data, gsize size_bytes,
		       guint mode, GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return base_file_update(path, data, size_bytes, mode, NULL, error);
}

static gboolean write_csv(const char *folder, const CmdBuildOutput *output, GError **error)
{
	char *csv = esp_nvs_csv_write(output->plan->entries, output->plan->n_entries, error);
	gboolean written;

	if (csv == NULL)
		return FALSE;
	written = update(folder, CSV_FILE, csv, strlen(csv), SECRET_MODE, error);
	base_secret_free(csv);
	return written;
}

gboolean cmd_build_write(const char *folder, const CmdBuildOutput *output, GError **error)
{
	g_autofree char *plan = flash_plan_json(output);
	char *secret = NULL;
	gboolean written;

	if (!base_folder_make(folder, FOLDER_MODE, error))
		return FALSE;
	/* The credentials first: once config.bin may be on a device, they must not be lost. */
	secret = secret_yaml(output);
	written = update(folder, SECRET_FILE, secret, strlen(secret), SECRET_MODE, error);
	base_secret_free(secret);
	return written &&
	       update(folder, CONFIG_FILE, g_bytes_get_data(output->image, NULL),
		      g_bytes_get_size(output->image), SECRET_MODE, error) &&
	       update(folder, PLAN_FILE, plan, strlen(plan), PUBLIC_MODE, error) &&
	       (!output->csv || write_csv(folder, output, error));
}
