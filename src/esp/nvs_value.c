#include "esp/nvs_value.h"

#include "esp/bytes.h"
#include "esp/error.h"

#include <string.h>

static gboolean value_fails(GError **error, const char *what)
{
	g_set_error_literal(error, ESP_ERROR, ESP_ERROR_INVALID, what);
	return FALSE;
}

static void trim(const guint8 **data, gsize *size_bytes)
{
	while (*size_bytes > 0 && g_ascii_isspace((char)(*data)[0])) {
		(*data)++;
		(*size_bytes)--;
	}
	while (*size_bytes > 0 && g_ascii_isspace((char)(*data)[*size_bytes - 1]))
		(*size_bytes)--;
}

/* Digits with single underscores between them, as Python's int(). */
static gboolean digits(const guint8 *data, gsize size_bytes, guint64 *number)
{
	guint64 sum = 0;
	gboolean after_digit = FALSE;

	for (gsize i = 0; i < size_bytes; i++) {
		if (data[i] == '_' && after_digit) {
			after_digit = FALSE;
			continue;
		}
		if (!g_ascii_isdigit((char)data[i]) || !g_uint64_checked_mul(&sum, sum, 10) ||
		    !g_uint64_checked_add(&sum, sum, (guint64)(data[i] - '0')))
			return FALSE;
		after_digit = TRUE;
	}
	*number = sum;
	return after_digit;
}

static gboolean decode_integer(const NvsEncoding *encoding, const guint8 *data, gsize size_bytes,
			       EspNvsEntry *entry, GPtrArray *values, GError **error)
{
	const guint64 lowest = (guint64)G_MAXINT64 + 1;
	gboolean negative = FALSE;
	guint64 number = 0;

	(void)values;
	trim(&data, &size_bytes);
	if (size_bytes > 0 && (*data == '-' || *data == '+')) {
		negative = *data == '-';
		data++;
		size_bytes--;
	}
	if (!digits(data, size_bytes, &number))
		return value_fails(error, "is no decimal integer of at most 64 bits");
	if (((guint)encoding->type & 0x10) == 0) {
		if (negative && number > 0)
			return value_fails(error, "is negative, but its type is unsigned");
		entry->value.u = number;
		return TRUE;
	}
	if (number > lowest || (!negative && number == lowest))
		return value_fails(error, "does not fit 64 bits with a sign");
	entry->value.i = number == lowest ? G_MININT64
			 : negative       ? -(gint64)number
					  : (gint64)number;
	return TRUE;
}

static guint8 *keep(GPtrArray *values, gsize size_bytes)
{
	guint8 *copy = g_malloc0(size_bytes + 1);

	g_ptr_array_add(values, copy);
	return copy;
}

static void set_blob(EspNvsEntry *entry, const guint8 *data, gsize size_bytes)
{
	entry->type = ESP_NVS_BLOB;
	entry->value.blob.data = data;
	entry->value.blob.size_bytes = size_bytes;
}

static gboolean decode_text(const NvsEncoding *encoding, const guint8 *data, gsize size_bytes,
			    EspNvsEntry *entry, GPtrArray *values, GError **error)
{
	guint8 *copy = keep(values, size_bytes);

	(void)encoding;
	if (size_bytes > 0)
		memcpy(copy, data, size_bytes);
	if (strlen((const char *)copy) != size_bytes)
		return value_fails(error, "is a string with a NUL; make it a blob");
	entry->value.text = (const char *)copy;
	return TRUE;
}

static gboolean decode_binary(const NvsEncoding *encoding, const guint8 *data, gsize size_bytes,
			      EspNvsEntry *entry, GPtrArray *values, GError **error)
{
	guint8 *copy = keep(values, size_bytes);

	(void)encoding;
	(void)error;
	if (size_bytes > 0)
		memcpy(copy, data, size_bytes);
	set_blob(entry, copy, size_bytes);
	return TRUE;
}

static gboolean decode_hex(const NvsEncoding *encoding, const guint8 *data, gsize size_bytes,
			   EspNvsEntry *entry, GPtrArray *values, GError **error)
{
	guint8 *copy;

	(void)encoding;
	trim(&data, &size_bytes);
	if (size_bytes % 2 != 0)
		return value_fails(error, "has an odd number of hexadecimal digits");
	copy = keep(values, size_bytes / 2);
	for (gsize i = 0; i < size_bytes; i += 2) {
		int high = g_ascii_xdigit_value((char)data[i]);
		int low = g_ascii_xdigit_value((char)data[i + 1]);

		if (high < 0 || low < 0)
			return value_fails(error, "has a character that is no hexadecimal digit");
		copy[i / 2] = (guint8)(high << 4 | low);
	}
	set_blob(entry, copy, size_bytes / 2);
	return TRUE;
}

static int base64_digit(guint8 c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = c == '\0' ? NULL : strchr(alphabet, c);

	return found == NULL ? -1 : (int)(found - alphabet);
}

/* Characters outside the alphabet are passed over, padding is wanted, as in Python's binascii. */
static gboolean decode_base64(const NvsEncoding *encoding, const guint8 *data, gsize size_bytes,
			      EspNvsEntry *entry, GPtrArray *values, GError **error)
{
	guint8 *copy = keep(values, size_bytes);
	guint position = 0, padding = 0;
	guint32 bits = 0;
	gsize n = 0;

	(void)encoding;
	for (gsize i = 0; i < size_bytes; i++) {
		int digit = base64_digit(data[i]);

		if (data[i] == '=' && position >= 2 && position + ++padding >= 4) {
			position = 0;
			break;
		}
		if (digit < 0)
			continue;
		padding = 0;
		bits = bits << 6 | (guint32)digit;
		if (position > 0)
			copy[n++] = (guint8)(bits >> (6 - 2 * position) & 0xFF);
		position = (position + 1) % 4;
	}
	if (position != 0)
		return value_fails(error, "is base64 that ends too early or lacks its padding");
	set_blob(entry, copy, n);
	return TRUE;
}

/* The value, padded to a length; or its length in 32 bits before that. */
static gboolean decode_fill(const NvsEncoding *encoding, const guint8 *data, gsize size_bytes,
			    EspNvsEntry *entry, GPtrArray *values, GError **error)
{
	gsize start = encoding->with_size ? sizeof(guint32) : 0;
	guint8 *copy;

	if (size_bytes > encoding->length)
		return value_fails(error, "is longer than the length it is filled to");
	copy = keep(values, start + encoding->length);
	if (encoding->with_size)
		esp_put_le32(copy, (guint32)size_bytes);
	memset(copy + start, encoding->fill, encoding->length);
	if (size_bytes > 0)
		memcpy(copy + start, data, size_bytes);
	set_blob(entry, copy, start + encoding->length);
	return TRUE;
}

/* Reads what is behind the name of a filled encoding: "(LEN;0xNN)". */
static gboolean parse_fill(const char *at, gboolean with_size, NvsEncoding *encoding,
			   GError **error)
{
	char *end = NULL;
	guint64 length = g_ascii_strtoull(at + 1, &end, 10);
	int high, low;

	if (!g_ascii_isdigit(at[1]) || length > ESP_NVS_BLOB_MAX || strncmp(end, ";0x", 3) != 0 ||
	    strlen(end) != strlen(";0xNN)") || end[5] != ')')
		return value_fails(error, "has a filled encoding that is not "
					  "blob_fill(LEN;0xNN) or blob_sz_fill(LEN;0xNN)");
	high = g_ascii_xdigit_value(end[3]);
	low = g_ascii_xdigit_value(end[4]);
	if (high < 0 || low < 0)
		return value_fails(error, "is filled with what is no byte as 0xNN");
	*encoding = (NvsEncoding){.type = ESP_NVS_BLOB,
				  .decode = decode_fill,
				  .length = (gsize)length,
				  .fill = (guint8)(high << 4 | low),
				  .with_size = with_size};
	return TRUE;
}

/* One row an encoding that is not filled. */
static const struct {
	const char *name;
	NvsEncoding encoding;
} encoding_rows[] = {
	{"u8", {.type = ESP_NVS_U8, .decode = decode_integer}},
	{"i8", {.type = ESP_NVS_I8, .decode = decode_integer}},
	{"u16", {.type = ESP_NVS_U16, .decode = decode_integer}},
	{"i16", {.type = ESP_NVS_I16, .decode = decode_integer}},
	{"u32", {.type = ESP_NVS_U32, .decode = decode_integer}},
	{"i32", {.type = ESP_NVS_I32, .decode = decode_integer}},
	{"u64", {.type = ESP_NVS_U64, .decode = decode_integer}},
	{"i64", {.type = ESP_NVS_I64, .decode = decode_integer}},
	{"string", {.type = ESP_NVS_STRING, .decode = decode_text}},
	{"hex2bin", {.type = ESP_NVS_BLOB, .decode = decode_hex}},
	{"base64", {.type = ESP_NVS_BLOB, .decode = decode_base64}},
	{"binary", {.type = ESP_NVS_BLOB, .decode = decode_binary}},
};

gboolean nvs_encoding_parse(const char *name, NvsEncoding *encoding, GError **error)
{
	static const char fill[] = "blob_fill", sized_fill[] = "blob_sz_fill";
	g_autofree char *lower = g_ascii_strdown(name, -1);

	for (gsize i = 0; i < G_N_ELEMENTS(encoding_rows); i++)
		if (strcmp(lower, encoding_rows[i].name) == 0) {
			*encoding = encoding_rows[i].encoding;
			return TRUE;
		}
	if (g_str_has_prefix(lower, "blob_fill("))
		return parse_fill(lower + strlen(fill), FALSE, encoding, error);
	if (g_str_has_prefix(lower, "blob_sz_fill("))
		return parse_fill(lower + strlen(sized_fill), TRUE, encoding, error);
	g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
		    "has the encoding '%s', which is none of u8 i8 u16 i16 u32 i32 u64 i64 string "
		    "hex2bin base64 binary",
		    name);
	return FALSE;
}

gboolean nvs_encoding_decode(const NvsEncoding *encoding, const guint8 *data, gsize size_bytes,
			     EspNvsEntry *entry, GPtrArray *values, GError **error)
{
	entry->type = encoding->type;
	return encoding->decode(encoding, data, size_bytes, entry, values, error);
}
