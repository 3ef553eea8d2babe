#include "cmd/formats/nvs_show.h"

#include "base/hex.h"

#include <string.h>

enum { SIGNED = 0x10, WIDTH = 0x0F };

static const struct {
	EspNvsType type;
	const char *getter;
} getters[] = {
	{ESP_NVS_U8, "nvs_get_u8"},       {ESP_NVS_I8, "nvs_get_i8"},
	{ESP_NVS_U16, "nvs_get_u16"},     {ESP_NVS_I16, "nvs_get_i16"},
	{ESP_NVS_U32, "nvs_get_u32"},     {ESP_NVS_I32, "nvs_get_i32"},
	{ESP_NVS_U64, "nvs_get_u64"},     {ESP_NVS_I64, "nvs_get_i64"},
	{ESP_NVS_FLOAT, "nvs_get_float"}, {ESP_NVS_DOUBLE, "nvs_get_double"},
	{ESP_NVS_STRING, "nvs_get_str"},  {ESP_NVS_BLOB, "nvs_get_blob"},
};

const char *nvs_show_getter(EspNvsType type)
{
	for (gsize i = 0; i < G_N_ELEMENTS(getters); i++)
		if (getters[i].type == type)
			return getters[i].getter;
	return "nvs_get_item";
}

gsize nvs_show_size(const EspNvsEntry *entry)
{
	switch (entry->type) {
	case ESP_NVS_STRING:
		return strlen(entry->value.text);
	case ESP_NVS_BLOB:
		return entry->value.blob.size_bytes;
	default:
		return (gsize)((guint)entry->type & WIDTH);
	}
}

static void append_hex(GString *text, const void *data, gsize size_bytes)
{
	g_autofree char *hex = base_hex(data, size_bytes);

	g_string_append(text, hex);
}

static void append_number(GString *text, const EspNvsEntry *entry)
{
	char real[G_ASCII_DTOSTR_BUF_SIZE];

	if (entry->type == ESP_NVS_FLOAT)
		g_string_append(text,
				g_ascii_formatd(real, sizeof real, "%.9g", entry->value.real));
	else if (entry->type == ESP_NVS_DOUBLE)
		g_string_append(text,
				g_ascii_formatd(real, sizeof real, "%.17g", entry->value.real));
	else if (((guint)entry->type & SIGNED) != 0)
		g_string_append_printf(text, "%" G_GINT64_FORMAT, entry->value.i);
	else
		g_string_append_printf(text, "%" G_GUINT64_FORMAT, entry->value.u);
}

void nvs_show_raw(GString *text, const EspNvsEntry *entry)
{
	if (entry->type == ESP_NVS_STRING)
		append_hex(text, entry->value.text, strlen(entry->value.text) + 1);
	else if (entry->type == ESP_NVS_BLOB)
		append_hex(text, entry->value.blob.data, entry->value.blob.size_bytes);
	else
		append_number(text, entry);
}

/* In quotes; UTF-8 stays, control characters and what is not UTF-8 are escaped as in C. */
static void append_quoted(GString *text, const char *string, gsize max_bytes)
{
	gsize length = strlen(string);
	const char *at = string, *cut = string + MIN(length, max_bytes);

	g_string_append_c(text, '"');
	while (at < cut) {
		gunichar c = g_utf8_get_char_validated(at, string + length - at);

		if (c == (gunichar)-1 || c == (gunichar)-2) {
			g_string_append_printf(text, "\\x%02x", (guchar)*at++);
			continue;
		}
		if (c == '"' || c == '\\')
			g_string_append_printf(text, "\\%c", (char)c);
		else if (!g_unichar_isprint(c))
			g_string_append_printf(text, c < 0x80 ? "\\x%02x" : "\\u%04x", c);
		else
			g_string_append_unichar(text, c);
		at = g_utf8_next_char(at);
	}
	g_string_append(text, at < string + length ? "\"…" : "\"");
}

char *nvs_show_value(const EspNvsEntry *entry, gsize max_bytes)
{
	GString *text = g_string_new(NULL);
	gsize size_bytes = nvs_show_size(entry);

	if (entry->type == ESP_NVS_STRING) {
		append_quoted(text, entry->value.text, max_bytes);
	} else if (entry->type == ESP_NVS_BLOB) {
		append_hex(text, entry->value.blob.data, MIN(size_bytes, max_bytes));
		g_string_append(text, size_bytes > max_bytes ? "…" : "");
	} else {
		append_number(text, entry);
	}
	return g_string_free(text, FALSE);
}

json_t *nvs_show_json(const EspNvsEntry *entry)
{
	json_t *object = json_pack("{s:s,s:s,s:s,s:I}", "namespace", entry->space, "key",
				   entry->key, "type", esp_nvs_type_name(entry->type), "sizeBytes",
				   (json_int_t)nvs_show_size(entry));
	gboolean is_text =
		entry->type == ESP_NVS_STRING && g_utf8_validate(entry->value.text, -1, NULL);
	g_autoptr(GString) raw = g_string_new(NULL);

	nvs_show_raw(raw, entry);
	if (is_text)
		json_object_set_new(object, "value", json_string(entry->value.text));
	else if (entry->type == ESP_NVS_STRING || entry->type == ESP_NVS_BLOB)
		json_object_set_new(object, "valueHex", json_string(raw->str));
	else if (entry->type == ESP_NVS_U64 || entry->type == ESP_NVS_I64)
		json_object_set_new(object, "value", json_string(raw->str));
	else if (entry->type == ESP_NVS_FLOAT || entry->type == ESP_NVS_DOUBLE)
		json_object_set_new(object, "value", json_real(entry->value.real));
	else
		json_object_set_new(object, "value",
				    json_integer(((guint)entry->type & SIGNED) != 0
							 ? (json_int_t)entry->value.i
							 : (json_int_t)entry->value.u));
	return object;
}
