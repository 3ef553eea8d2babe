#include "cmd/formats/image_describe.h"

#include "cmd/formats/io.h"

gboolean cmd_image_open(CmdImage *file, const char *path, const EspImageTarget *target,
			GError **error)
{
	const guint8 *data;
	gsize size_bytes;

	file->bytes = cmd_input_read(path, CMD_INPUT_MAX_BYTES, error);
	if (file->bytes == NULL)
		return FALSE;
	data = g_bytes_get_data(file->bytes, &size_bytes);
	file->name = cmd_input_name(path);
	file->report = esp_image_report_new(data, size_bytes, target);
	file->is_signed = esp_image_is_signed(data, size_bytes, &file->report->image);
	return TRUE;
}

void cmd_image_clear(CmdImage *file)
{
	g_clear_pointer(&file->bytes, g_bytes_unref);
	g_clear_pointer(&file->report, esp_image_report_free);
}

const char *cmd_image_kind_name(EspImageKind kind)
{
	static const char *const names[] = {
		[ESP_IMAGE_KIND_UNKNOWN] = "unknown",
		[ESP_IMAGE_KIND_APP] = "app",
		[ESP_IMAGE_KIND_BOOTLOADER] = "bootloader",
	};

	return names[kind];
}

gboolean cmd_image_check_is_of_damage(const EspImageCheck *check)
{
	static const char *const names[] = {"form", "checksum", "hash", NULL};

	return check->verdict == ESP_IMAGE_CHECK_FAILED && g_strv_contains(names, check->name);
}

gboolean cmd_image_is_limit(guint revision)
{
	return revision != 0 && revision != ESP_IMAGE_NO_REVISION_LIMIT;
}
