/* Names, topics, texts and the Homie description. */
#include "base/json.h"
#include "wire/homie5.h"
#include "wire/nvs_names.h"
#include "wire/text.h"
#include "wire/topics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void knows_the_order_of_namespaces(void **state)
{
	static const char *const spaces[] = {"espalier", "mqtt", "ota",   "sensors",
					     "time",     "wifi", "modem", "settings"};

	(void)state;
	for (int i = 0; i < (int)G_N_ELEMENTS(spaces); i++)
		assert_int_equal(wire_nvs_space_order(spaces[i]), i);
	assert_int_equal(wire_nvs_space_order("app"), -1);
	assert_int_equal(wire_nvs_space_order(""), -1);
}

static void reserves_our_namespaces_and_those_of_esp_idf(void **state)
{
	static const char *const reserved[] = {"espalier", "mqtt",         "ota", "sensors",
					       "time",     "nvs.net80211", "phy", "misc"};
	static const char *const free_ones[] = {"wifi", "modem", "settings", "app", "Espalier", ""};

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(reserved); i++)
		assert_true(wire_nvs_space_is_reserved(reserved[i]));
	for (guint i = 0; i < G_N_ELEMENTS(free_ones); i++)
		assert_false(wire_nvs_space_is_reserved(free_ones[i]));
}

static void names_sixteen_sensors(void **state)
{
	char key[WIRE_NVS_NAME_MAX + 1];

	(void)state;
	for (unsigned i = 0; i < WIRE_NVS_SENSORS_MAX; i++) {
		g_autofree char *expected = g_strdup_printf("s%u", i);

		assert_true(wire_nvs_sensor_key(i, key));
		assert_string_equal(key, expected);
	}
	assert_false(wire_nvs_sensor_key(WIRE_NVS_SENSORS_MAX, key));
}

static void builds_topics(void **state)
{
	char topic[WIRE_TOPIC_MAX + 1];

	(void)state;
	assert_true(wire_topic_fleet(topic, sizeof(topic), "probe-1", WIRE_FLEET_INFO));
	assert_string_equal(topic, "fleet/1/probe-1/info");
	assert_true(wire_topic_fleet(topic, sizeof(topic), "+", WIRE_FLEET_ACK));
	assert_string_equal(topic, "fleet/1/+/ack");
	assert_true(wire_topic_homie5(topic, sizeof(topic), "homie", "probe-1", "$state"));
	assert_string_equal(topic, "homie/5/probe-1/$state");
	assert_false(wire_topic_homie5(topic, 22, "homie", "probe-1", "$state"));
	assert_string_equal(topic, "");
	assert_false(wire_topic_fleet(topic, 20, "probe-1", WIRE_FLEET_INFO));
	assert_string_equal(topic, "");
}

typedef struct {
	const char *topic;
	const char *device; /* NULL = not one */
	int kind;           /* of fleet topics */
	const char *rest;   /* of Homie topics */
} Topic;

static void reads_fleet_topics(void **state)
{
	static const Topic topics[] = {
		{"fleet/1/probe-1/info", "probe-1", WIRE_FLEET_INFO, NULL},
		{"fleet/1/probe-1/cmd", "probe-1", WIRE_FLEET_CMD, NULL},
		{"fleet/1/p/ack", "p", WIRE_FLEET_ACK, NULL},
		{"fleet/1/p/online", "p", WIRE_FLEET_ONLINE, NULL},
		{"fleet/1/p/other", NULL, 0, NULL},
		{"fleet/1/p", NULL, 0, NULL},
		{"fleet/1//info", NULL, 0, NULL},
		{"fleet/1/p/info/x", NULL, 0, NULL},
		{"fleet/2/p/info", NULL, 0, NULL},
		{"fleet/1/P/info", NULL, 0, NULL},
		{"fleet/1/+/info", NULL, 0, NULL},
		{"fleet/1/0123456789012345678901234567890123456789012345678901/info",
		 "0123456789012345678901234567890123456789012345678901", WIRE_FLEET_INFO, NULL},
		{"fleet/1/01234567890123456789012345678901234567890123456789012/info", NULL, 0,
		 NULL},
		{"", NULL, 0, NULL},
	};

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(topics); i++) {
		char device[WIRE_DEVICE_NAME_MAX + 1] = "untouched";
		WireFleetTopic kind = (WireFleetTopic)99;

		if (wire_topic_fleet_parse(topics[i].topic, device, &kind) !=
		    (topics[i].device != NULL))
			fail_msg("%s", topics[i].topic);
		assert_string_equal(device,
				    topics[i].device == NULL ? "untouched" : topics[i].device);
		assert_int_equal(kind, topics[i].device == NULL ? 99 : topics[i].kind);
	}
}

static void reads_homie_topics(void **state)
{
	static const Topic topics[] = {
		{"garden/5/probe-1/$state", "probe-1", 0, "$state"},
		{"garden/5/p/climate/temperature", "p", 0, "climate/temperature"},
		{"garden/5/p/", "p", 0, ""},
		{"garden/5/p", NULL, 0, NULL},
		{"garden/4/p/$state", NULL, 0, NULL},
		{"gardens/5/p/$state", NULL, 0, NULL},
		{"garden/5/$broadcast/alert", NULL, 0, NULL},
	};

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(topics); i++) {
		char device[WIRE_DEVICE_NAME_MAX + 1] = "untouched";
		const char *rest = NULL;

		if (wire_topic_homie5_parse(topics[i].topic, "garden", device, &rest) !=
		    (topics[i].device != NULL))
			fail_msg("%s", topics[i].topic);
		assert_string_equal(device,
				    topics[i].device == NULL ? "untouched" : topics[i].device);
		if (topics[i].rest != NULL)
			assert_string_equal(rest, topics[i].rest);
	}
}

typedef struct {
	int64_t value;
	unsigned decimals;
	const char *text;
} Decimal;

static void writes_decimals(void **state)
{
	static const Decimal decimals[] = {
		{2134, 2, "21.34"}, {-5, 2, "-0.05"}, {0, 2, "0.00"},
		{7, 0, "7"},        {-7, 0, "-7"},    {1000, 3, "1.000"},
		{-40, 1, "-4.0"},   {0, 0, "0"},      {INT64_MIN, 2, "-92233720368547758.08"},
	};

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(decimals); i++) {
		char buffer[32];
		WireText text;

		wire_text_begin(&text, buffer, sizeof(buffer));
		wire_text_add_decimal(&text, decimals[i].value, decimals[i].decimals);
		assert_int_equal(wire_text_end(&text), strlen(decimals[i].text));
		assert_string_equal(buffer, decimals[i].text);
	}
}

static void hashes_as_fnv_1a(void **state)
{
	(void)state;
	assert_int_equal(wire_hash("", 0), 0x811c9dc5);
	assert_int_equal(wire_hash("a", 1), 0xe40c292c);
	assert_int_equal(wire_hash("foobar", 6), 0xbf9cf968);
}

static void reads_states(void **state)
{
	static const char *const words[] = {"init", "ready", "disconnected", "sleeping", "lost"};
	WireHomie5State read;

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
		assert_true(wire_homie5_state_parse(words[i], strlen(words[i]), &read));
		assert_string_equal(wire_homie5_state_name(read), words[i]);
	}
	assert_false(wire_homie5_state_parse("", 0, &read));
	assert_false(wire_homie5_state_parse("alert", 5, &read));
	assert_false(wire_homie5_state_parse("readyx", 6, &read));
}

static void describes_a_device(void **state)
{
	static const WireSensor sensors[] = {
		{.name = "climate", .driver = "bme280"},
		{.name = "gas", .driver = "mq135"},
		{.name = "power", .driver = "battery"},
	};
	char text[WIRE_HOMIE5_DESCRIPTION_MAX];
	size_t length = wire_homie5_description("probe-1", sensors, 3, text, sizeof(text));
	g_autoptr(json_t) json = base_json_parse(text, length, NULL);

	(void)state;
	assert_string_equal(base_json_get_string(json, "homie", NULL), "5.0");
	assert_string_equal(base_json_get_string(json, "name", NULL), "probe-1");
	assert_int_equal(json_object_size(base_json_get(json, "nodes", NULL)), 2);
	assert_string_equal(base_json_get_string(json, "nodes", "climate", "properties",
						 "temperature", "unit", NULL),
			    "\xc2\xb0"
			    "C");
	assert_string_equal(base_json_get_string(json, "nodes", "power", "properties", "level",
						 "datatype", NULL),
			    "integer");
}

static gint64 version_of(const char *device, const WireSensor *sensors, size_t n_sensors)
{
	char text[WIRE_HOMIE5_DESCRIPTION_MAX];
	size_t length = wire_homie5_description(device, sensors, n_sensors, text, sizeof(text));
	g_autoptr(json_t) json = base_json_parse(text, length, NULL);

	return base_json_get_int(json, -1, "version", NULL);
}

static void the_version_follows_the_document(void **state)
{
	WireSensor sensor = {.name = "climate", .driver = "bme280", .interval_s = 30};
	gint64 version = version_of("probe-1", &sensor, 1);

	(void)state;
	assert_in_range(version, 1, G_MAXUINT32);
	sensor.interval_s = 60;
	assert_int_equal(version_of("probe-1", &sensor, 1), version);
	assert_int_not_equal(version_of("probe-2", &sensor, 1), version);
	assert_int_not_equal(version_of("probe-1", &sensor, 0), version);
}

static void the_largest_description_fits(void **state)
{
	static const char device[] = "0123456789012345678901234567890123456789012345678901";
	WireSensor sensors[WIRE_NVS_SENSORS_MAX] = {0};
	char text[WIRE_HOMIE5_DESCRIPTION_MAX];
	size_t n_drivers;
	size_t largest = 0;
	const WireDriver *drivers = wire_drivers(&n_drivers);

	(void)state;
	for (size_t driver = 0; driver < n_drivers; driver++) {
		size_t length;

		for (size_t i = 0; i < WIRE_NVS_SENSORS_MAX; i++) {
			memset(sensors[i].name, 'a', WIRE_SENSOR_NAME_MAX);
			wire_copy(sensors[i].driver, sizeof(sensors[i].driver),
				  drivers[driver].driver);
		}
		length = wire_homie5_description(device, sensors, WIRE_NVS_SENSORS_MAX, text,
						 sizeof(text));
		assert_int_not_equal(length, 0);
		largest = MAX(largest, length);
	}
	assert_int_equal(wire_homie5_description(device, sensors, WIRE_NVS_SENSORS_MAX, text, 1000),
			 0);
	print_message("largest description: %zu bytes\n", largest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_order_of_namespaces),
		cmocka_unit_test(reserves_our_namespaces_and_those_of_esp_idf),
		cmocka_unit_test(names_sixteen_sensors),
		cmocka_unit_test(builds_topics),
		cmocka_unit_test(reads_fleet_topics),
		cmocka_unit_test(reads_homie_topics),
		cmocka_unit_test(writes_decimals),
		cmocka_unit_test(hashes_as_fnv_1a),
		cmocka_unit_test(reads_states),
		cmocka_unit_test(describes_a_device),
		cmocka_unit_test(the_version_follows_the_document),
		cmocka_unit_test(the_largest_description_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
