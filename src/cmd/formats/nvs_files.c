#include "cmd/formats/nvs_files.h"

#include "base/error.h"
#include "base/file.h"
#include "cmd/formats/io.h"
#include "cmd/formats/secret.h"
#include "esp/nvs_keys.h"

gboolean nvs_size_parse(const char *text, gsize *size_bytes, GError **error)
{
	guint64 size;

	if (!cmd_number_parse("--size", text, ESP_NVS_PAGE_BYTES, ESP_NVS_MAX_BYTES, &size, error))
		return FALSE;
	if (size % ESP_NVS_PAGE_BYTES != 0) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "--size takes a multiple of 0x%x, not '%s'", ESP_NVS_PAGE_BYTES, text);
		return FALSE;
	}
	*size_bytes = (gsize)size;
	return TRUE;
}

gboolean nvs_version_check(const char *name, int version)
{
	if (version == 1 || version == 2)
		return TRUE;
	cmd_usage_error(name, "--format-version takes 1 or 2, not %d", version);
	return FALSE;
}

gboolean nvs_keys_load(const char *path, EspNvsKeys *keys, GError **error)
{
	g_auto(CmdSecret) secret = {0};

	if (!cmd_secret_read(path, NVS_KEYS_FILE_MAX_BYTES, &secret, error))
		return FALSE;
	if (esp_nvs_keys_read(secret.data, secret.size_bytes, keys, error))
		return TRUE;
	g_prefix_error(error, "%s: ", cmd_input_name(path));
	return FALSE;
}

GBytes *nvs_image_load(const char *path, GError **error)
{
	return cmd_input_read(path, ESP_NVS_MAX_BYTES, error);
}

GBytes *nvs_files_load(const char *path, gpointer user_data, GError **error)
{
	(void)user_data;
	return base_file_read(path, NVS_FILE_MAX_BYTES, error);
}

EspNvsContents *nvs_csv_load(char **paths, int n, GError **error)
{
	g_autoptr(EspNvsCsv) csv = esp_nvs_csv_new(nvs_files_load, NULL);

	for (int i = 0; i < n; i++) {
		g_autoptr(GBytes) text = cmd_input_read(paths[i], ESP_NVS_CSV_MAX_BYTES, error);

		if (text == NULL)
			return NULL;
		if (!esp_nvs_csv_add(csv, g_bytes_get_data(text, NULL), g_bytes_get_size(text),
				     error)) {
			g_prefix_error(error, "%s: ", cmd_input_name(paths[i]));
			return NULL;
		}
	}
	return esp_nvs_csv_finish(g_steal_pointer(&csv));
}
