/* esp/nvs_value.h — the encodings of the generator's CSV, for nvs_csv.c and nvs_mfg.c. Pure; any
 * thread. */
#pragma once

#include "esp/nvs.h"

/* How the text of a value becomes an entry's type and value. */
typedef struct NvsEncoding NvsEncoding;
struct NvsEncoding {
	EspNvsType type;
	/* FALSE with a message that goes on from "key 'a.b' ". */
	gboolean (*decode)(const NvsEncoding *encoding, const guint8 *data, gsize size_bytes,
			   EspNvsEntry *entry, GPtrArray *values, GError **error);
	/* of blob_fill and blob_sz_fill: */
	gsize length;
	guint8 fill;
	gboolean with_size;
};

/* Reads an encoding's name, in any case: u8 i8 … u64 i64, string, hex2bin, base64, binary,
 * blob_fill(LEN;0xNN), blob_sz_fill(LEN;0xNN). FALSE, `encoding` untouched, with ESP_ERROR_INVALID
 * and a message that goes on from "key 'a.b' ". */
gboolean nvs_encoding_parse(const char *name, NvsEncoding *encoding, GError **error);

/* Reads bytes into the type and the value of `entry`. Memory of strings and blobs is added to
 * `values`, which frees it. FALSE with ESP_ERROR_INVALID as above. */
gboolean nvs_encoding_decode(const NvsEncoding *encoding, const guint8 *data, gsize size_bytes,
			     EspNvsEntry *entry, GPtrArray *values, GError **error);
