/* One sensor out of the configuration, and the Homie description that comes of it. */
#include "wire/homie5.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[WIRE_HOMIE5_DESCRIPTION_MAX];
	WireSensor sensor, again;
	size_t length;

	if (!wire_sensor_decode((const char *)data, size, &sensor))
		return 0;
	length = wire_sensor_encode(&sensor, text, sizeof(text));
	if (!wire_sensor_decode(text, length, &again))
		abort();
	/* "pins":{} and none at all are the same, and so is an empty "i2c". */
	again.on_i2c = sensor.on_i2c;
	if (memcmp(&sensor, &again, sizeof(sensor)) != 0)
		abort();
	if (wire_homie5_description("a", &sensor, 1, text, sizeof(text)) == 0)
		abort();
	return 0;
}
