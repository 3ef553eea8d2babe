/* nvs_csv_tool — turns the generator's CSV into images, many in one process, for nvs_peer_test.py.
 *
 * Reads commands, one a line, and answers each:
 *
 *     image SIZE VERSION KEYS LENGTH   and LENGTH bytes of CSV; KEYS is 128 hexadecimal digits or -
 *         ok N M      N bytes of image and M of the CSV written back from the same entries (0 if
 *                     the generator cannot carry them)
 *     decrypt SIZE KEYS                and SIZE bytes of image
 *         ok N 0      N bytes of image
 *     derive HMACKEY                   64 hexadecimal digits
 *         ok N 0      the key partition
 *
 * or "error CODE N" and a message of N bytes. Each image is also read back, encrypted and decrypted
 * whole and inspected. */
#include "esp/error.h"
#include "esp/nvs.h"
#include "esp/nvs_csv.h"
#include "esp/nvs_inspect.h"

#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 512 };

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

static gboolean fails(GError **error, const char *what)
{
	g_set_error_literal(error, ESP_ERROR, ESP_ERROR_CORRUPT, what);
	return FALSE;
}

static gboolean reads_back(const EspNvsContents *written, const guint8 *image, gsize size,
			   const EspNvsKeys *keys, GError **error)
{
	g_autoptr(EspNvsContents) read =
		esp_nvs_read_encrypted(image, size, keys, ESP_NVS_READ_OLD_BLOBS, error);
	gsize n = 0;

	if (read == NULL)
		return FALSE;
	for (gsize i = 0; i < written->n_entries; i++) {
		const EspNvsEntry *entry = &written->entries[i];

		if (entry->type == ESP_NVS_NAMESPACE)
			continue;
		n++;
		if (!equal(entry, esp_nvs_find(read, entry->space, entry->key)))
			return fails(error, "a key reads back otherwise");
	}
	return (read->n_entries == n && read->n_damaged == 0) ||
	       fails(error, "more reads back than was written");
}

static gboolean inspects_clean(const guint8 *image, gsize size, const EspNvsKeys *keys,
			       GError **error)
{
	g_autoptr(EspNvsInspection) inspection = esp_nvs_inspect(image, size, keys, error);

	return inspection != NULL && (inspection->n_faults + inspection->n_warnings == 0 ||
				      fails(error, inspection->findings[0].text));
}

/* Decrypted whole it is the plain one, which encrypted whole is it again. */
static gboolean goes_both_ways(const EspNvsContents *contents, const EspNvsWriteOptions *options,
			       const guint8 *image, gsize size, GError **error)
{
	const EspNvsWriteOptions plain_options = {.format_version = options->format_version};
	g_autofree guint8 *plain = g_malloc(size), *turned = g_memdup2(image, size);

	if (!esp_nvs_image_write_with(contents->entries, contents->n_entries, &plain_options, plain,
				      size, NULL, error) ||
	    !esp_nvs_decrypt(turned, size, options->keys, error))
		return FALSE;
	if (memcmp(turned, plain, size) != 0)
		return fails(error, "decrypted whole it is not the plain image");
	if (!esp_nvs_encrypt(turned, size, options->keys, error))
		return FALSE;
	return memcmp(turned, image, size) == 0 || fails(error, "encrypted again it is another");
}

static GBytes *load(const char *path, gpointer user_data, GError **error)
{
	char *text = NULL;
	gsize length = 0;

	(void)user_data;
	return g_file_get_contents(path, &text, &length, error) ? g_bytes_new_take(text, length)
								: NULL;
}

static GBytes *make(const char *csv, gsize length, gsize size, const EspNvsWriteOptions *options,
		    char **written_csv, GError **error)
{
	g_autoptr(EspNvsContents) contents = esp_nvs_csv_read(csv, length, load, NULL, error);
	g_autofree guint8 *image = NULL;

	if (contents == NULL)
		return NULL;
	image = g_malloc(size);
	if (!esp_nvs_image_write_with(contents->entries, contents->n_entries, options, image, size,
				      NULL, error) ||
	    !reads_back(contents, image, size, options->keys, error) ||
	    !inspects_clean(image, size, options->keys, error) ||
	    (options->keys != NULL && !goes_both_ways(contents, options, image, size, error)))
		return NULL;
	*written_csv = esp_nvs_csv_write(contents->entries, contents->n_entries, NULL);
	return g_bytes_new_take(g_steal_pointer(&image), size);
}

/* ---- Commands ---- */

static gboolean answer(GBytes *bytes, const char *csv, const GError *error)
{
	gsize n = 0;
	const void *data = bytes == NULL ? NULL : g_bytes_get_data(bytes, &n);

	if (bytes == NULL) {
		printf("error %d %zu\n%s", error->code, strlen(error->message), error->message);
		return fflush(stdout) == 0;
	}
	printf("ok %zu %zu\n", n, csv == NULL ? 0 : strlen(csv));
	fwrite(data, 1, n, stdout);
	fputs(csv == NULL ? "" : csv, stdout);
	return fflush(stdout) == 0;
}

static void from_hex(const char *text, guint8 *bytes, gsize n)
{
	for (gsize i = 0; i < n; i++)
		bytes[i] = (guint8)(g_ascii_xdigit_value(text[2 * i]) << 4 |
				    g_ascii_xdigit_value(text[2 * i + 1]));
}

static gboolean do_image(char **words)
{
	gsize size = g_ascii_strtoull(words[1], NULL, 0);
	gsize length = g_ascii_strtoull(words[4], NULL, 0);
	g_autofree char *csv = g_malloc(length + 1), *written = NULL;
	g_auto(EspNvsKeys) keys = {0};
	EspNvsWriteOptions options = {.format_version = (guint)g_ascii_strtoull(words[2], NULL, 0)};
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) image = NULL;

	if (fread(csv, 1, length, stdin) != length)
		return FALSE;
	if (*words[3] != '-') {
		from_hex(words[3], (guint8 *)&keys, sizeof keys);
		options.keys = &keys;
	}
	image = make(csv, length, size, &options, &written, &error);
	return answer(image, written, error);
}

static gboolean do_decrypt(char **words)
{
	gsize size = g_ascii_strtoull(words[1], NULL, 0);
	g_autofree guint8 *image = g_malloc(size + 1);
	g_auto(EspNvsKeys) keys = {0};
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) bytes = NULL;

	from_hex(words[2], (guint8 *)&keys, sizeof keys);
	if (fread(image, 1, size, stdin) != size)
		return FALSE;
	if (esp_nvs_decrypt(image, size, &keys, &error))
		bytes = g_bytes_new(image, size);
	return answer(bytes, NULL, error);
}

static gboolean do_derive(char **words)
{
	guint8 hmac_key[ESP_NVS_HMAC_KEY_BYTES], image[ESP_NVS_KEYS_PARTITION_BYTES];
	g_auto(EspNvsKeys) keys = {0};
	g_autoptr(GBytes) bytes = NULL;

	from_hex(words[1], hmac_key, sizeof hmac_key);
	esp_nvs_keys_derive(hmac_key, &keys);
	esp_nvs_keys_write(&keys, image);
	bytes = g_bytes_new(image, sizeof image);
	return answer(bytes, NULL, NULL);
}

static const struct {
	const char *name;
	guint n_words;
	gboolean (*run)(char **words);
} commands[] = {{"image", 5, do_image}, {"decrypt", 3, do_decrypt}, {"derive", 2, do_derive}};

static gboolean run(char *line)
{
	g_auto(GStrv) words = g_strsplit(g_strchomp(line), " ", -1);

	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		if (g_strcmp0(words[0], commands[i].name) == 0 &&
		    g_strv_length(words) == commands[i].n_words)
			return commands[i].run(words);
	return FALSE;
}

int main(void)
{
	char line[LINE_MAX_BYTES];

	while (fgets(line, sizeof line, stdin) != NULL)
		if (!run(line))
			return 1;
	return 0;
}
