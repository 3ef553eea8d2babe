#include "wire/nvs_names.h"

#include <string.h>

typedef struct {
	const char *name;
	bool reserved;
} Space;

/* In the order in which they are laid out. */
static const Space spaces[] = {
	{WIRE_NVS_ESPALIER, true}, {WIRE_NVS_MQTT, true},      {WIRE_NVS_OTA, true},
	{WIRE_NVS_SENSORS, true},  {WIRE_NVS_TIME, true},      {WIRE_NVS_WIFI, false},
	{WIRE_NVS_MODEM, false},   {WIRE_NVS_SETTINGS, false},
};

static const char *const idf_spaces[] = {"nvs.net80211", "phy", "misc"};

int wire_nvs_space_order(const char *space)
{
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		if (strcmp(spaces[i].name, space) == 0)
			return (int)i;
	return -1;
}

bool wire_nvs_space_is_reserved(const char *space)
{
	int order = wire_nvs_space_order(space);

	for (size_t i = 0; i < sizeof(idf_spaces) / sizeof(idf_spaces[0]); i++)
		if (strcmp(idf_spaces[i], space) == 0)
			return true;
	return order >= 0 && spaces[order].reserved;
}

bool wire_nvs_sensor_key(unsigned index, char key[static WIRE_NVS_NAME_MAX + 1])
{
	size_t length = 0;

	if (index >= WIRE_NVS_SENSORS_MAX)
		return false;
	key[length++] = 's';
	if (index >= 10)
		key[length++] = (char)('0' + index / 10);
	key[length++] = (char)('0' + index % 10);
	key[length] = '\0';
	return true;
}
