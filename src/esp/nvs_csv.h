/* esp/nvs_csv.h — the CSV of Espressif's esp-idf-nvs-partition-gen, both ways. Pure; any thread.
 *
 * Header `key,type,encoding,value` in any order, further columns ignored; RFC 4180 quoting; lines
 * that begin with '#' are dropped before anything else, even within quotes, as the generator does.
 * Encodings, in any case: u8 i8 u16 i16 u32 i32 u64 i64 (decimal), string, hex2bin, base64, binary,
 * blob_fill(LEN;0xNN) (padded to LEN bytes) and blob_sz_fill(LEN;0xNN) (the same behind the value's
 * length in 32 bits). A UTF-8 byte order mark, at which the generator fails, is passed over.
 * Stricter than the generator where it would write a damaged partition: unknown type words, rows
 * before a namespace, duplicates, empty keys and names that are not ASCII are errors. */
#pragma once

#include "esp/nvs.h"

G_BEGIN_DECLS

enum {
	ESP_NVS_CSV_MAX_BYTES = 8 * 1024 * 1024,        /* one text */
	ESP_NVS_CSV_MAX_VALUE_BYTES = 64 * 1024 * 1024, /* all blobs: the largest partition */
	ESP_NVS_CSV_MAX_COLUMNS = 64,
};

/* Gives the bytes of a `file` row's path, yours, or NULL with an error. */
typedef GBytes *(*EspNvsCsvLoad)(const char *path, gpointer user_data, GError **error);

/* Reads a CSV into entries, in its order, with an ESP_NVS_NAMESPACE entry for each namespace row.
 * They are not sorted, so esp_nvs_find does not apply. `load` serves rows of type `file`; NULL
 * refuses them. Yours, or NULL with ESP_ERROR_INVALID, _DUPLICATE_KEY, _TOO_LARGE ("line 3: …") or
 * what `load` said. */
EspNvsContents *esp_nvs_csv_read(const char *text, gsize size_bytes, EspNvsCsvLoad load,
				 gpointer user_data, GError **error);

/* The same of several texts, each with its header, read as if they were one: the namespace of one's
 * last rows goes on in the next, and a key may be in one of them only. */
typedef struct _EspNvsCsv EspNvsCsv;

/* `load` and `user_data` as above. Yours. */
EspNvsCsv *esp_nvs_csv_new(EspNvsCsvLoad load, gpointer user_data);

/* Reads one text. After a failure (as of esp_nvs_csv_read) there is only esp_nvs_csv_free. */
gboolean esp_nvs_csv_add(EspNvsCsv *csv, const char *text, gsize size_bytes, GError **error);

/* All that was read, yours; `csv` is freed. */
EspNvsContents *esp_nvs_csv_finish(EspNvsCsv *csv);

/* NULL is nothing. */
void esp_nvs_csv_free(EspNvsCsv *csv);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspNvsCsv, esp_nvs_csv_free)

/* Writes the CSV from which the generator makes the bytes of esp_nvs_image_new for the same
 * entries; blobs are base64. Yours, or NULL with ESP_ERROR_INVALID for what the generator's CSV
 * cannot carry: keys of one namespace that do not follow each other, strings with a carriage return
 * or with a line that begins with '#'. */
char *esp_nvs_csv_write(const EspNvsEntry *entries, gsize n_entries, GError **error);

G_END_DECLS
