#include "esp/partition_names.h"

#include "esp/partition_table.h"

#include <string.h>

typedef struct {
	guint8 type;
	const char *name;
} TypeName;

static const TypeName types[] = {
	{ESP_PARTITION_APP, "app"},
	{ESP_PARTITION_DATA, "data"},
	{ESP_PARTITION_BOOTLOADER, "bootloader"},
	{ESP_PARTITION_PARTITION_TABLE, "partition_table"},
};

typedef struct {
	guint8 type;
	guint8 subtype;
	const char *name;
} SubtypeName;

static const SubtypeName subtypes[] = {
	{ESP_PARTITION_APP, 0x00, "factory"},      {ESP_PARTITION_APP, 0x10, "ota_0"},
	{ESP_PARTITION_APP, 0x11, "ota_1"},        {ESP_PARTITION_APP, 0x12, "ota_2"},
	{ESP_PARTITION_APP, 0x13, "ota_3"},        {ESP_PARTITION_APP, 0x14, "ota_4"},
	{ESP_PARTITION_APP, 0x15, "ota_5"},        {ESP_PARTITION_APP, 0x16, "ota_6"},
	{ESP_PARTITION_APP, 0x17, "ota_7"},        {ESP_PARTITION_APP, 0x18, "ota_8"},
	{ESP_PARTITION_APP, 0x19, "ota_9"},        {ESP_PARTITION_APP, 0x1A, "ota_10"},
	{ESP_PARTITION_APP, 0x1B, "ota_11"},       {ESP_PARTITION_APP, 0x1C, "ota_12"},
	{ESP_PARTITION_APP, 0x1D, "ota_13"},       {ESP_PARTITION_APP, 0x1E, "ota_14"},
	{ESP_PARTITION_APP, 0x1F, "ota_15"},       {ESP_PARTITION_APP, 0x20, "test"},
	{ESP_PARTITION_APP, 0x30, "tee_0"},        {ESP_PARTITION_APP, 0x31, "tee_1"},
	{ESP_PARTITION_DATA, 0x00, "ota"},         {ESP_PARTITION_DATA, 0x01, "phy"},
	{ESP_PARTITION_DATA, 0x02, "nvs"},         {ESP_PARTITION_DATA, 0x03, "coredump"},
	{ESP_PARTITION_DATA, 0x04, "nvs_keys"},    {ESP_PARTITION_DATA, 0x05, "efuse"},
	{ESP_PARTITION_DATA, 0x06, "undefined"},   {ESP_PARTITION_DATA, 0x80, "esphttpd"},
	{ESP_PARTITION_DATA, 0x81, "fat"},         {ESP_PARTITION_DATA, 0x82, "spiffs"},
	{ESP_PARTITION_DATA, 0x83, "littlefs"},    {ESP_PARTITION_DATA, 0x90, "tee_ota"},
	{ESP_PARTITION_BOOTLOADER, 0, "primary"},  {ESP_PARTITION_BOOTLOADER, 1, "ota"},
	{ESP_PARTITION_BOOTLOADER, 2, "recovery"}, {ESP_PARTITION_PARTITION_TABLE, 0, "primary"},
	{ESP_PARTITION_PARTITION_TABLE, 1, "ota"},
};

const PartitionFlag partition_flags[] = {
	{"encrypted", ESP_PARTITION_ENCRYPTED},
	{"readonly", ESP_PARTITION_READONLY},
	{NULL, 0},
};

gboolean partition_type_by_name(const char *name, guint8 *type)
{
	for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
		if (g_ascii_strcasecmp(types[i].name, name) == 0) {
			*type = types[i].type;
			return TRUE;
		}
	return FALSE;
}

gboolean partition_subtype_by_name(guint type, const char *name, guint8 *subtype)
{
	for (gsize i = 0; i < G_N_ELEMENTS(subtypes); i++)
		if (subtypes[i].type == type && g_ascii_strcasecmp(subtypes[i].name, name) == 0) {
			*subtype = subtypes[i].subtype;
			return TRUE;
		}
	return FALSE;
}

const char *esp_partition_type_name(guint type, char buffer[static 8])
{
	for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
		if (types[i].type == type)
			return types[i].name;
	g_snprintf(buffer, 8, "0x%02x", type & 0xFF);
	return buffer;
}

const char *esp_partition_subtype_name(guint type, guint subtype, char buffer[static 8])
{
	for (gsize i = 0; i < G_N_ELEMENTS(subtypes); i++)
		if (subtypes[i].type == type && subtypes[i].subtype == subtype)
			return subtypes[i].name;
	g_snprintf(buffer, 8, "0x%02x", subtype & 0xFF);
	return buffer;
}
