/* nvs_csv_tool — turns the generator's CSV into images, many in one process, for nvs_peer_test.py.
 *
 * Reads frames "SIZE LENGTH\n" and LENGTH bytes of CSV; answers each with "ok N M\n", N bytes of
 * image and M bytes of the CSV written back from the same entries (0 if the generator cannot carry
 * them), or "error CODE N\n" and a message. Each image is also read back and compared with its
 * entries. */
#include "esp/error.h"
#include "esp/nvs.h"
#include "esp/nvs_csv.h"

#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 64 };

static gboolean equal(const EspNvsEntry *a, const EspNvsEntry *b)
{
	if (b == NULL || a->type != b->type)
		return FALSE;
	switch (a->type) {
	case ESP_NVS_STRING:
		return strcmp(a->value.text, b->value.text) == 0;
	case ESP_NVS_BLOB:
		return a->value.blob.size_bytes == b->value.blob.size_bytes &&
		       memcmp(a->value.blob.data, b->value.blob.data, a->value.blob.size_bytes) ==
			       0;
	default:
		return a->value.u == b->value.u;
	}
}

static gboolean reads_back(const EspNvsContents *written, GBytes *image, GError **error)
{
	gsize size = 0;
	const guint8 *data = g_bytes_get_data(image, &size);
	g_autoptr(EspNvsContents) read = esp_nvs_read(data, size, ESP_NVS_READ_DEFAULT, error);
	gsize n = 0;

	if (read == NULL)
		return FALSE;
	for (gsize i = 0; i < written->n_entries; i++) {
		const EspNvsEntry *entry = &written->entries[i];

		if (entry->type == ESP_NVS_NAMESPACE)
			continue;
		n++;
		if (!equal(entry, esp_nvs_find(read, entry->space, entry->key))) {
			g_set_error(error, ESP_ERROR, ESP_ERROR_CORRUPT,
				    "key '%s.%s' reads back otherwise", entry->space, entry->key);
			return FALSE;
		}
	}
	if (read->n_entries == n && read->n_damaged == 0)
		return TRUE;
	g_set_error_literal(error, ESP_ERROR, ESP_ERROR_CORRUPT,
			    "more reads back than was written");
	return FALSE;
}

static GBytes *make(const char *csv, gsize length, gsize size, char **written_csv, GError **error)
{
	g_autoptr(EspNvsContents) contents = esp_nvs_csv_read(csv, length, NULL, NULL, error);
	g_autoptr(GBytes) image = NULL;

	if (contents == NULL)
		return NULL;
	image = esp_nvs_image_new(contents->entries, contents->n_entries, size, error);
	if (image == NULL || !reads_back(contents, image, error))
		return NULL;
	*written_csv = esp_nvs_csv_write(contents->entries, contents->n_entries, NULL);
	return g_steal_pointer(&image);
}

static gboolean answer(gsize size, gsize length)
{
	g_autofree char *csv = g_malloc(length + 1), *written = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) image = NULL;

	if (fread(csv, 1, length, stdin) != length)
		return FALSE;
	image = make(csv, length, size, &written, &error);
	if (image == NULL) {
		printf("error %d %zu\n%s", error->code, strlen(error->message), error->message);
	} else {
		gsize n = 0;
		const void *data = g_bytes_get_data(image, &n);

		printf("ok %zu %zu\n", n, written == NULL ? 0 : strlen(written));
		fwrite(data, 1, n, stdout);
		fputs(written == NULL ? "" : written, stdout);
	}
	return fflush(stdout) == 0;
}

int main(void)
{
	char line[LINE_MAX_BYTES];

	while (fgets(line, sizeof line, stdin) != NULL) {
		char *end = NULL;
		guint64 size = g_ascii_strtoull(line, &end, 0);
		guint64 length = g_ascii_strtoull(end, NULL, 0);

		if (!answer(size, length))
			return 1;
	}
	return 0;
}
