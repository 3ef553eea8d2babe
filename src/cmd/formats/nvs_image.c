#include "cmd/formats/nvs_image.h"

#include "cmd/formats/io.h"
#include "cmd/formats/nvs_files.h"
#include "esp/nvs_keys.h"

static const char *const severity_names[] = {
	[ESP_NVS_NOTE] = "note",
	[ESP_NVS_WARNING] = "warning",
	[ESP_NVS_FAULT] = "fault",
};

gboolean nvs_image_open(NvsImage *image, const char *path, const char *keys_path, GError **error)
{
	const EspNvsReadFlags flags = ESP_NVS_READ_OLD_BLOBS | ESP_NVS_READ_SALVAGE;
	g_autoptr(GBytes) bytes = nvs_image_load(path, error);
	g_auto(EspNvsKeys) keys = {0};
	const EspNvsKeys *used = keys_path == NULL ? NULL : &keys;
	gconstpointer data;

	if (bytes == NULL || (used != NULL && !nvs_keys_load(keys_path, &keys, error)))
		return FALSE;
	data = g_bytes_get_data(bytes, &image->size_bytes);
	image->name = cmd_input_name(path);
	image->inspection = esp_nvs_inspect(data, image->size_bytes, used, error);
	if (image->inspection == NULL)
		return FALSE;
	image->contents = esp_nvs_read_encrypted(data, image->size_bytes, used, flags, NULL);
	if (image->contents == NULL) /* the inspection says why */
		image->contents = esp_nvs_contents_new();
	return TRUE;
}

void nvs_image_clear(NvsImage *image)
{
	g_clear_pointer(&image->contents, esp_nvs_contents_free);
	g_clear_pointer(&image->inspection, esp_nvs_inspection_free);
}

static void print_finding(FILE *out, const NvsImage *image, const EspNvsFinding *finding)
{
	fprintf(out, "%s: ", image->name);
	if (finding->page >= 0)
		fprintf(out, "page %" G_GSSIZE_FORMAT, finding->page);
	if (finding->entry >= 0)
		fprintf(out, ", entry %" G_GSSIZE_FORMAT, finding->entry);
	if (finding->page >= 0)
		fprintf(out, " (0x%" G_GSIZE_MODIFIER "x): ", finding->offset);
	fprintf(out, "%s: %s\n", severity_names[finding->severity], finding->text);
}

void nvs_findings_print(FILE *out, const NvsImage *image, EspNvsSeverity least)
{
	const EspNvsInspection *inspection = image->inspection;

	for (gsize i = 0; i < inspection->n_findings; i++)
		if (inspection->findings[i].severity >= least)
			print_finding(out, image, &inspection->findings[i]);
	if (inspection->n_more > 0)
		fprintf(out, "%s: … and %" G_GSIZE_FORMAT " more\n", image->name,
			inspection->n_more);
}

/* A place, or null where the finding is of something larger. */
static json_t *place(gssize number)
{
	return number < 0 ? json_null() : json_integer((json_int_t)number);
}

json_t *nvs_findings_json(const NvsImage *image, EspNvsSeverity least)
{
	const EspNvsInspection *inspection = image->inspection;
	json_t *array = json_array();

	for (gsize i = 0; i < inspection->n_findings; i++) {
		const EspNvsFinding *finding = &inspection->findings[i];

		if (finding->severity < least)
			continue;
		json_array_append_new(array, json_pack("{s:s,s:s,s:o,s:o,s:I,s:s}", "severity",
						       severity_names[finding->severity], "kind",
						       esp_nvs_finding_name(finding->kind), "page",
						       place(finding->page), "entry",
						       place(finding->entry), "offset",
						       (json_int_t)finding->offset, "message",
						       finding->text));
	}
	return array;
}
