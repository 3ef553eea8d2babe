#include "esp/error.h"
#include "esp/nvs_csv.h"

#include <string.h>

enum {
	STRING_MAX = 3968,  /* bytes with the NUL; on longer ones the generator fails */
	FIELD_MAX = 131072, /* characters of a field that Python's csv module reads */
	BLOB_MAX = FIELD_MAX / 4 * 3,
};

/* Keys at which the generator adds keys of its own. */
static const char *const special_keys[] = {"sta.ssid", "sta.pswd", "ap.authmode"};

static gboolean cannot(GError **error, const EspNvsEntry *entry, const char *why)
{
	g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
		    "the generator's CSV cannot carry key '%s.%s': %s", entry->space, entry->key,
		    why);
	return FALSE;
}

static gboolean text_can(const EspNvsEntry *entry, GError **error)
{
	const char *text = entry->value.text;

	if (strlen(text) >= STRING_MAX)
		return cannot(error, entry, "its string is longer than 3967 bytes");
	if (strchr(text, '\r') != NULL)
		return cannot(error, entry, "its string has a carriage return");
	if (strstr(text, "\n#") != NULL)
		return cannot(error, entry, "a line of its string begins with '#'");
	return TRUE;
}

static gboolean entry_can(const EspNvsEntry *entry, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(special_keys); i++)
		if (strcmp(entry->key, special_keys[i]) == 0)
			return cannot(error, entry, "the generator adds keys of its own to it");
	if (entry->type == ESP_NVS_STRING)
		return text_can(entry, error);
	if (entry->type == ESP_NVS_BLOB && entry->value.blob.size_bytes > BLOB_MAX)
		return cannot(error, entry, "its blob is longer than 98304 bytes");
	return TRUE;
}

/* Quoted where a reader could otherwise misread it. */
static void append_field(GString *csv, const char *text)
{
	if (strpbrk(text, ",\"\n#") == NULL) {
		g_string_append(csv, text);
		return;
	}
	g_string_append_c(csv, '"');
	for (const char *c = text; *c != '\0'; c++) {
		if (*c == '"')
			g_string_append_c(csv, '"');
		g_string_append_c(csv, *c);
	}
	g_string_append_c(csv, '"');
}

static void append_value(GString *csv, const EspNvsEntry *entry)
{
	switch (entry->type) {
	case ESP_NVS_STRING:
		append_field(csv, entry->value.text);
		break;
	case ESP_NVS_BLOB: {
		g_autofree char *base64 =
			g_base64_encode(entry->value.blob.data, entry->value.blob.size_bytes);

		g_string_append(csv, base64);
		break;
	}
	default:
		if (((guint)entry->type & 0x10) != 0)
			g_string_append_printf(csv, "%" G_GINT64_FORMAT, entry->value.i);
		else
			g_string_append_printf(csv, "%" G_GUINT64_FORMAT, entry->value.u);
	}
}

static gboolean append_space(GString *csv, GHashTable *seen, const EspNvsEntry *entry,
			     GError **error)
{
	if (!g_hash_table_add(seen, (gpointer)entry->space)) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "the generator's CSV cannot return to namespace '%s': give its keys "
			    "one after the other",
			    entry->space);
		return FALSE;
	}
	append_field(csv, entry->space);
	g_string_append(csv, ",namespace,,\n");
	return TRUE;
}

char *esp_nvs_csv_write(const EspNvsEntry *entries, gsize n_entries, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	g_autoptr(GString) csv = g_string_new("key,type,encoding,value\n");
	const char *space = NULL;

	for (gsize i = 0; i < n_entries; i++) {
		const EspNvsEntry *entry = &entries[i];

		if (!esp_nvs_entry_check(entry, error))
			return NULL;
		if (space == NULL || strcmp(space, entry->space) != 0) {
			if (!append_space(csv, seen, entry, error))
				return NULL;
			space = entry->space;
		}
		if (entry->type == ESP_NVS_NAMESPACE)
			continue;
		if (!entry_can(entry, error))
			return NULL;
		append_field(csv, entry->key);
		g_string_append_printf(
			csv, ",data,%s,",
			entry->type == ESP_NVS_BLOB ? "base64" : esp_nvs_type_name(entry->type));
		append_value(csv, entry);
		g_string_append_c(csv, '\n');
	}
	return g_string_free(g_steal_pointer(&csv), FALSE);
}
