#include "esp/partition_names.h"

#include "esp/error.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
	guint8 type;
	const char *name;
} TypeName;

/* In ESP-IDF's order, in which its messages list them. */
static const TypeName types[] = {
	{ESP_PARTITION_BOOTLOADER, "bootloader"},
	{ESP_PARTITION_PARTITION_TABLE, "partition_table"},
	{ESP_PARTITION_APP, "app"},
	{ESP_PARTITION_DATA, "data"},
};

typedef struct {
	guint8 type;
	guint8 subtype;
	const char *name;
} SubtypeName;

static const SubtypeName subtypes[] = {
	{ESP_PARTITION_BOOTLOADER, 0x00, "primary"},
	{ESP_PARTITION_BOOTLOADER, 0x01, "ota"},
	{ESP_PARTITION_BOOTLOADER, 0x02, "recovery"},
	{ESP_PARTITION_PARTITION_TABLE, 0x00, "primary"},
	{ESP_PARTITION_PARTITION_TABLE, 0x01, "ota"},
	{ESP_PARTITION_APP, 0x00, "factory"},
	{ESP_PARTITION_APP, 0x20, "test"},
	{ESP_PARTITION_APP, 0x10, "ota_0"},
	{ESP_PARTITION_APP, 0x11, "ota_1"},
	{ESP_PARTITION_APP, 0x12, "ota_2"},
	{ESP_PARTITION_APP, 0x13, "ota_3"},
	{ESP_PARTITION_APP, 0x14, "ota_4"},
	{ESP_PARTITION_APP, 0x15, "ota_5"},
	{ESP_PARTITION_APP, 0x16, "ota_6"},
	{ESP_PARTITION_APP, 0x17, "ota_7"},
	{ESP_PARTITION_APP, 0x18, "ota_8"},
	{ESP_PARTITION_APP, 0x19, "ota_9"},
	{ESP_PARTITION_APP, 0x1A, "ota_10"},
	{ESP_PARTITION_APP, 0x1B, "ota_11"},
	{ESP_PARTITION_APP, 0x1C, "ota_12"},
	{ESP_PARTITION_APP, 0x1D, "ota_13"},
	{ESP_PARTITION_APP, 0x1E, "ota_14"},
	{ESP_PARTITION_APP, 0x1F, "ota_15"},
	{ESP_PARTITION_APP, 0x30, "tee_0"},
	{ESP_PARTITION_APP, 0x31, "tee_1"},
	{ESP_PARTITION_DATA, 0x00, "ota"},
	{ESP_PARTITION_DATA, 0x01, "phy"},
	{ESP_PARTITION_DATA, 0x02, "nvs"},
	{ESP_PARTITION_DATA, 0x03, "coredump"},
	{ESP_PARTITION_DATA, 0x04, "nvs_keys"},
	{ESP_PARTITION_DATA, 0x05, "efuse"},
	{ESP_PARTITION_DATA, 0x06, "undefined"},
	{ESP_PARTITION_DATA, 0x80, "esphttpd"},
	{ESP_PARTITION_DATA, 0x81, "fat"},
	{ESP_PARTITION_DATA, 0x82, "spiffs"},
	{ESP_PARTITION_DATA, 0x83, "littlefs"},
	{ESP_PARTITION_DATA, 0x90, "tee_ota"},
};

const PartitionFlag partition_flags[] = {
	{"encrypted", ESP_PARTITION_ENCRYPTED},
	{"readonly", ESP_PARTITION_READONLY},
	{NULL, 0},
};

/* ---- From names ---- */

gboolean partition_type_by_name(const char *name, guint8 *type)
{
	for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
		if (g_ascii_strcasecmp(types[i].name, name) == 0) {
			*type = types[i].type;
			return TRUE;
		}
	return FALSE;
}

gboolean partition_subtype_by_name(const EspPartitionTableOptions *options, guint type,
				   const char *name, guint8 *subtype)
{
	for (gsize i = 0; i < G_N_ELEMENTS(subtypes); i++)
		if (subtypes[i].type == type && g_ascii_strcasecmp(subtypes[i].name, name) == 0) {
			*subtype = subtypes[i].subtype;
			return TRUE;
		}
	for (gsize i = 0; i < options->n_extra_subtypes; i++) {
		const EspPartitionSubtype *extra = &options->extra_subtypes[i];

		if (extra->type == type && g_ascii_strcasecmp(extra->name, name) == 0) {
			*subtype = extra->subtype;
			return TRUE;
		}
	}
	return FALSE;
}

gboolean partition_name_is_subtype(const EspPartitionTableOptions *options, const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(subtypes); i++)
		if (strcmp(subtypes[i].name, name) == 0)
			return TRUE;
	for (gsize i = 0; i < options->n_extra_subtypes; i++)
		if (strcmp(options->extra_subtypes[i].name, name) == 0)
			return TRUE;
	return FALSE;
}

static void add_keyword(GString *list, const char *name)
{
	if (list->len > 0)
		g_string_append(list, ", ");
	g_string_append(list, name);
}

char *partition_type_keywords(void)
{
	GString *list = g_string_new(NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
		add_keyword(list, types[i].name);
	return g_string_free(list, FALSE);
}

char *partition_subtype_keywords(const EspPartitionTableOptions *options, guint type)
{
	GString *list = g_string_new(NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(subtypes); i++)
		if (subtypes[i].type == type)
			add_keyword(list, subtypes[i].name);
	for (gsize i = 0; i < options->n_extra_subtypes; i++)
		if (options->extra_subtypes[i].type == type)
			add_keyword(list, options->extra_subtypes[i].name);
	return g_string_free(list, list->len == 0);
}

/* ---- To names ---- */

const char *esp_partition_type_name(guint type, char buffer[static 8])
{
	for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
		if (types[i].type == type)
			return types[i].name;
	g_snprintf(buffer, 8, "0x%02x", type & 0xFF);
	return buffer;
}

const char *esp_partition_subtype_name_with(const EspPartitionTableOptions *options, guint type,
					    guint subtype, char buffer[static 8])
{
	for (gsize i = 0; i < G_N_ELEMENTS(subtypes); i++)
		if (subtypes[i].type == type && subtypes[i].subtype == subtype)
			return subtypes[i].name;
	for (gsize i = 0; options != NULL && i < options->n_extra_subtypes; i++)
		if (options->extra_subtypes[i].type == type &&
		    options->extra_subtypes[i].subtype == subtype)
			return options->extra_subtypes[i].name;
	g_snprintf(buffer, 8, "0x%02x", subtype & 0xFF);
	return buffer;
}

const char *esp_partition_subtype_name(guint type, guint subtype, char buffer[static 8])
{
	return esp_partition_subtype_name_with(NULL, type, subtype, buffer);
}

/* ---- Extra subtypes ---- */

static gboolean extra_fails(GError **error, const char *text, const char *reason)
{
	g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
		    "Error parsing custom subtypes: '%s': %s; write \"type, name, 0xNN\"", text,
		    reason);
	return FALSE;
}

static gboolean hex_byte(const char *text, guint8 *byte)
{
	char *end = NULL;
	guint64 value;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	if (!g_ascii_isxdigit(*text))
		return FALSE;
	value = g_ascii_strtoull(text, &end, 16);
	if (*end != '\0' || value > G_MAXUINT8)
		return FALSE;
	*byte = (guint8)value;
	return TRUE;
}

gboolean esp_partition_subtype_parse(const char *text, EspPartitionSubtype *subtype, GError **error)
{
	g_auto(GStrv) fields = g_strsplit(text, ",", 0);
	EspPartitionSubtype extra = {0};

	if (g_strv_length(fields) != 3)
		return extra_fails(error, text, "it has not three fields");
	for (int i = 0; i < 3; i++)
		g_strstrip(fields[i]);
	if (!partition_type_by_name(fields[0], &extra.type))
		return extra_fails(error, text, "Invalid partition type");
	if (*fields[1] == '\0' || strlen(fields[1]) >= sizeof extra.name)
		return extra_fails(error, text, "its name has not 1 to 31 bytes");
	if (!hex_byte(fields[2], &extra.subtype))
		return extra_fails(error, text, "its number is not 0x00 to 0xff");
	for (gsize i = 0; i < G_N_ELEMENTS(subtypes); i++)
		if (subtypes[i].type == extra.type && subtypes[i].subtype == extra.subtype)
			return extra_fails(error, text,
					   "Found duplicate value in partition subtype");
	(void)g_strlcpy(extra.name, fields[1], sizeof extra.name);
	*subtype = extra;
	return TRUE;
}
