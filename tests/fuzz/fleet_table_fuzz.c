/* What a broker may deliver: flags, a topic's length, topic, payload; several messages in a row. */
#include "fleet/table.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

enum {
	HEAD_BYTES = 3, /* flags, topic's length, payload's length */
};

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
	g_autoptr(FleetTable) table = fleet_table_new("homie");
	gint64 us = 0;

	fleet_table_declare(table, "probe-1");
	while (size >= HEAD_BYTES) {
		gsize topic_bytes = MIN(data[1], size - HEAD_BYTES);
		gsize payload_bytes = MIN((gsize)data[2] * 8, size - HEAD_BYTES - topic_bytes);
		g_autofree char *topic = g_strndup((const char *)data + HEAD_BYTES, topic_bytes);
		g_autofree char *payload =
			payload_bytes > 0
				? g_memdup2(data + HEAD_BYTES + topic_bytes, payload_bytes)
				: NULL;
		FleetMessage message = {.topic = topic,
					.payload = payload,
					.size_bytes = payload_bytes,
					.retained = (data[0] & 1) != 0};
		FleetNow now = {.wall_us = us + 1, .monotonic_us = us + 1};
		char device[WIRE_DEVICE_NAME_MAX + 1];
		FleetHeard heard;
		FleetDevice out;

		if ((data[0] & 2) != 0)
			fleet_table_begin(table);
		fleet_table_hear(table, &message, &now, &heard);
		g_assert(heard.changed == 0 || fleet_table_get(table, heard.device, &out));
		g_assert(fleet_table_online(table) <= fleet_table_devices(table));
		if (fleet_table_device_of(table, topic, device))
			g_assert(strlen(device) <= WIRE_DEVICE_NAME_MAX);
		if ((data[0] & 4) != 0) {
			g_auto(GStrv) lost = fleet_table_end(table, &now);

			g_assert(lost != NULL);
		}
		us++;
		data += HEAD_BYTES + topic_bytes + payload_bytes;
		size -= HEAD_BYTES + topic_bytes + payload_bytes;
	}
	return 0;
}
