/* What device and server say to each other: written, read back, and refused where it is not right.
 */
#include "base/json.h"
#include "wire/command.h"
#include "wire/info.h"
#include "wire/mac.h"
#include "wire/sensors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Reads from a copy of exactly that size, so that a reader that looks further is caught. */
#define DECODES(decode, text, out)                                                                 \
	({                                                                                         \
		size_t size_ = strlen(text);                                                       \
		char *copy_ = g_memdup2(size_ == 0 ? "x" : (text), size_ == 0 ? 1 : size_);        \
		bool decoded_ = decode(copy_, size_, out);                                         \
		g_free(copy_);                                                                     \
		decoded_;                                                                          \
	})

static const WireInfo full_info = {
	.firmware_version = "1.4.2",
	.firmware_sha256 = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
	.slot = "ota_1",
	.config = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100",
	.chip = "esp32c3",
	.revision = 104,
	.mac = "02:00:5e:10:00:01",
	.heap_bytes = 4294967295,
	.rssi_dbm = -71,
	.ip = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff",
	.reset = "software",
	.boots = 4294967295,
	.uptime_s = INT64_MAX,
};

static void writes_info_with_the_fields_of_the_contract(void **state)
{
	static const char *const paths[][2] = {
		{"cfg", NULL},  {"chip", NULL},   {"rev", NULL},   {"mac", NULL},   {"heap", NULL},
		{"rssi", NULL}, {"ip", NULL},     {"reset", NULL}, {"boots", NULL}, {"up", NULL},
		{"fw", "ver"},  {"fw", "sha256"}, {"fw", "slot"},
	};
	char text[WIRE_INFO_MAX_BYTES + 1];
	size_t length = wire_info_encode(&full_info, text, sizeof(text));
	g_autoptr(json_t) json = base_json_parse(text, length, NULL);

	(void)state;
	assert_int_equal(length, strlen(text));
	assert_int_equal(base_json_get_int(json, 0, "v", NULL), 1);
	for (guint i = 0; i < G_N_ELEMENTS(paths); i++)
		assert_non_null(base_json_get(json, paths[i][0], paths[i][1], NULL));
	assert_string_equal(base_json_get_string(json, "fw", "slot", NULL), "ota_1");
	assert_int_equal(base_json_get_int(json, 0, "rssi", NULL), -71);
}

static void reads_info_back(void **state)
{
	static const WireInfo bare = {.firmware_version = "0"};
	const WireInfo *infos[] = {&full_info, &bare};
	char text[WIRE_INFO_MAX_BYTES + 1];
	WireInfo read;

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(infos); i++) {
		assert_true(wire_info_encode(infos[i], text, sizeof(text)) > 0);
		memset(&read, 0x55, sizeof(read));
		assert_true(DECODES(wire_info_decode, text, &read));
		assert_memory_equal(&read, infos[i], sizeof(read));
	}
}

static void an_info_of_a_host_device_has_no_radio_and_no_heap(void **state)
{
	WireInfo info = {.firmware_version = "1", .chip = "host", .uptime_s = 0};
	char text[WIRE_INFO_MAX_BYTES + 1];

	(void)state;
	wire_info_encode(&info, text, sizeof(text));
	assert_string_equal(text, "{\"v\":1,\"fw\":{\"ver\":\"1\"},\"chip\":\"host\",\"up\":0}");
}

static void refuses_a_buffer_that_is_too_small(void **state)
{
	char text[WIRE_INFO_MAX_BYTES + 1];
	size_t length = wire_info_encode(&full_info, text, sizeof(text));

	(void)state;
	for (size_t size = 1; size <= length; size++) {
		char *small = malloc(size);

		assert_int_equal(wire_info_encode(&full_info, small, size), 0);
		assert_string_equal(small, "");
		free(small);
	}
	assert_int_equal(wire_info_encode(&full_info, text, length + 1), length);
}

typedef struct {
	const char *text;
	gboolean good;
} Case;

static void reads_info_tolerantly_but_not_carelessly(void **state)
{
	static const Case cases[] = {
		{"{\"v\":1}", TRUE},
		{" {\"v\" : 1 , \"new\":{\"deep\":[1,2,{\"x\":null}]}, \"chip\":\"esp32\"}\n",
		 TRUE},
		{"{\"v\":1,\"a-key-that-is-much-longer-than-any-that-we-know\":true}", TRUE},
		{"{\"v\":1,\"chip\":\"a\\u00e9\\n\"}", TRUE},
		{"{\"v\":2}", FALSE},
		{"{\"v\":\"1\"}", FALSE},
		{"{}", FALSE},
		{"[]", FALSE},
		{"", FALSE},
		{"{\"v\":1}x", FALSE},
		{"{\"v\":1,}", FALSE},
		{"{\"v\":1,\"fw\":3}", FALSE},
		{"{\"v\":1,\"chip\":7}", FALSE},
		{"{\"v\":1,\"chip\":null}", FALSE},
		{"{\"v\":1,\"chip\":\"sixteen-byte-chip\"}", FALSE},
		{"{\"v\":1,\"chip\":\"a\\u0000b\"}", FALSE},
		{"{\"v\":1,\"chip\":\"\\ud800\"}", FALSE},
		{"{\"v\":1,\"chip\":\"\xff\"}", FALSE},
		{"{\"v\":1,\"chip\":\"\xc0\xaf\"}", FALSE},
		{"{\"v\":1,\"chip\":\"\n\"}", FALSE},
		{"{\"v\":1,\"boots\":-1}", FALSE},
		{"{\"v\":1,\"boots\":4294967296}", FALSE},
		{"{\"v\":1,\"boots\":1.5}", FALSE},
		{"{\"v\":1,\"boots\":1e3}", FALSE},
		{"{\"v\":1,\"boots\":01}", FALSE},
		{"{\"v\":1,\"up\":9223372036854775808}", FALSE},
		{"{\"v\":1,\"rssi\":-201}", FALSE},
		{"{\"v\":1,\"rssi\":\"-70\"}", FALSE},
		{"{\"v\":1,\"x\":[[[[[[[1]]]]]]]}", TRUE},
		{"{\"v\":1,\"x\":[[[[[[[[1]]]]]]]]}", FALSE},
	};
	WireInfo untouched, info;

	(void)state;
	memset(&untouched, 0x55, sizeof(untouched));
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
		memset(&info, 0x55, sizeof(info));
		if (DECODES(wire_info_decode, cases[i].text, &info) != cases[i].good)
			fail_msg("%s", cases[i].text);
		if (!cases[i].good)
			assert_memory_equal(&info, &untouched, sizeof(info));
	}
}

static void refuses_messages_that_are_too_large(void **state)
{
	g_autoptr(GString) text =
		g_string_new("{\"v\":1,\"id\":\"a\",\"do\":\"report\",\"ok\":true,"
			     "\"name\":\"a\",\"driver\":\"b\"");
	WireInfo info;
	WireCommand command;
	WireAck ack;
	WireSensor sensor;

	(void)state;
	while (text->len < WIRE_COMMAND_MAX_BYTES - 1)
		g_string_append_c(text, ' ');
	g_string_append_c(text, '}');
	assert_true(wire_command_decode(text->str, text->len, &command));
	assert_true(wire_ack_decode(text->str, text->len, &ack));
	assert_true(wire_sensor_decode(text->str, text->len, &sensor));
	g_string_append_c(text, ' ');
	assert_false(wire_command_decode(text->str, text->len, &command));
	assert_false(wire_ack_decode(text->str, text->len, &ack));
	assert_false(wire_sensor_decode(text->str, text->len, &sensor));
	while (text->len < WIRE_INFO_MAX_BYTES)
		g_string_append_c(text, ' ');
	assert_true(wire_info_decode(text->str, text->len, &info));
	g_string_append_c(text, ' ');
	assert_false(wire_info_decode(text->str, text->len, &info));
}

static void reads_commands_back(void **state)
{
	char text[WIRE_COMMAND_MAX_BYTES + 1];
	WireCommand read;

	(void)state;
	for (WireDo action = WIRE_DO_REBOOT; action < WIRE_DO_UNKNOWN; action++) {
		WireCommand command = {.id = "0191c3a2-7c1d:9.A_b", .action = action};

		assert_true(wire_command_encode(&command, text, sizeof(text)) > 0);
		assert_true(DECODES(wire_command_decode, text, &read));
		assert_string_equal(read.id, command.id);
		assert_int_equal(read.action, action);
	}
	assert_null(wire_do_name(WIRE_DO_UNKNOWN));
	assert_int_equal(wire_command_encode(&(WireCommand){.id = "a", .action = WIRE_DO_UNKNOWN},
					     text, sizeof(text)),
			 0);
	assert_int_equal(wire_command_encode(&(WireCommand){.id = "a b", .action = WIRE_DO_REPORT},
					     text, sizeof(text)),
			 0);
}

static void reads_only_what_is_a_command(void **state)
{
	static const Case cases[] = {
		{"{\"id\":\"a\",\"do\":\"reboot\",\"why\":\"asked\"}", TRUE},
		{"{\"id\":\"a\",\"do\":\"something-else\"}", TRUE},
		{"{\"id\":\"a\",\"do\":\"a-word-of-more-than-thirty-one-characters\"}", TRUE},
		{"{\"id\":\"\",\"do\":\"reboot\"}", FALSE},
		{"{\"id\":7,\"do\":\"reboot\"}", FALSE},
		{"{\"id\":\"a/b\",\"do\":\"reboot\"}", FALSE},
		{"{\"id\":\"0123456789012345678901234567890123456789012345678901234567890123\","
		 "\"do\":\"reboot\"}",
		 TRUE},
		{"{\"id\":\"01234567890123456789012345678901234567890123456789012345678901234\","
		 "\"do\":\"reboot\"}",
		 FALSE},
		{"{\"do\":\"reboot\"}", FALSE},
		{"{\"id\":\"a\"}", FALSE},
		{"{\"id\":\"a\",\"do\":1}", FALSE},
		{"reboot", FALSE},
	};
	WireCommand command;

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		if (DECODES(wire_command_decode, cases[i].text, &command) != cases[i].good)
			fail_msg("%s", cases[i].text);
}

static void reads_answers_back(void **state)
{
	static const WireAck acks[] = {
		{.id = "a", .ok = true, .message = ""},
		{.id = "b", .ok = false, .message = "says \"no\"\\\tbecause of \xc3\xa9"},
	};
	char text[WIRE_COMMAND_MAX_BYTES + 1];
	WireAck read;

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(acks); i++) {
		assert_true(wire_ack_encode(&acks[i], text, sizeof(text)) > 0);
		assert_true(DECODES(wire_ack_decode, text, &read));
		assert_string_equal(read.id, acks[i].id);
		assert_int_equal(read.ok, acks[i].ok);
		assert_string_equal(read.message, acks[i].message);
	}
	assert_true(DECODES(wire_ack_decode, "{\"id\":\"a\",\"ok\":true}", &read));
	assert_false(DECODES(wire_ack_decode, "{\"id\":\"a\",\"ok\":1}", &read));
	assert_false(DECODES(wire_ack_decode, "{\"id\":\"a\",\"ok\":true,\"msg\":1}", &read));
	assert_false(DECODES(wire_ack_decode, "{\"ok\":true}", &read));
}

static void reads_sensors_back(void **state)
{
	static const WireSensor sensors[] = {
		{.name = "climate",
		 .driver = "bme280",
		 .on_i2c = true,
		 .n_pins = 2,
		 .pins = {{"sda", 21}, {"scl", 22}},
		 .interval_s = 30},
		{.name = "bed",
		 .driver = "soil",
		 .n_pins = 1,
		 .pins = {{"adc", 34}},
		 .interval_s = 60},
		{.name = "power", .driver = "battery", .interval_s = 604800},
	};
	char text[WIRE_SENSOR_MAX_BYTES + 1];
	WireSensor read;

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(sensors); i++) {
		assert_true(wire_sensor_encode(&sensors[i], text, sizeof(text)) > 0);
		memset(&read, 0x55, sizeof(read));
		assert_true(DECODES(wire_sensor_decode, text, &read));
		assert_memory_equal(&read, &sensors[i], sizeof(read));
	}
	wire_sensor_encode(&sensors[0], text, sizeof(text));
	assert_string_equal(text, "{\"name\":\"climate\",\"driver\":\"bme280\","
				  "\"i2c\":{\"sda\":21,\"scl\":22},\"interval\":30}");
}

typedef struct {
	const char *interval;
	guint32 seconds; /* 0 = refused */
} Interval;

static void reads_intervals_as_seconds_and_as_durations(void **state)
{
	static const Interval intervals[] = {
		{"30", 30},          {"\"30s\"", 30},    {"\"5m\"", 300},  {"\"1h\"", 3600},
		{"\"1h30m\"", 5400}, {"604800", 604800}, {"604801", 0},    {"\"168h\"", 604800},
		{"\"169h\"", 0},     {"0", 0},           {"-1", 0},        {"\"0s\"", 0},
		{"\"\"", 0},         {"\"30\"", 0},      {"\"500ms\"", 0}, {"\"99999999999s\"", 0},
		{"true", 0},         {"1.5", 0},
	};
	WireSensor sensor;

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(intervals); i++) {
		g_autofree char *text =
			g_strdup_printf("{\"name\":\"a\",\"driver\":\"soil\",\"interval\":%s}",
					intervals[i].interval);
		bool good = DECODES(wire_sensor_decode, text, &sensor);

		if (good != (intervals[i].seconds > 0))
			fail_msg("%s", text);
		if (good)
			assert_int_equal(sensor.interval_s, intervals[i].seconds);
	}
	assert_true(DECODES(wire_sensor_decode, "{\"name\":\"a\",\"driver\":\"soil\"}", &sensor));
	assert_int_equal(sensor.interval_s, WIRE_SENSOR_INTERVAL_DEFAULT_S);
}

static void reads_only_what_is_a_sensor(void **state)
{
	static const Case cases[] = {
		{"{\"name\":\"a\",\"driver\":\"unknown\",\"disabled\":false}", TRUE},
		{"{\"name\":\"A\",\"driver\":\"soil\"}", FALSE},
		{"{\"name\":\"$a\",\"driver\":\"soil\"}", FALSE},
		{"{\"name\":\"a/b\",\"driver\":\"soil\"}", FALSE},
		{"{\"name\":\"\",\"driver\":\"soil\"}", FALSE},
		{"{\"name\":\"0123456789012345678901234567890\",\"driver\":\"soil\"}", TRUE},
		{"{\"name\":\"01234567890123456789012345678901\",\"driver\":\"soil\"}", FALSE},
		{"{\"driver\":\"soil\"}", FALSE},
		{"{\"name\":\"a\"}", FALSE},
		{"{\"name\":\"a\",\"driver\":\"soil\",\"i2c\":[]}", FALSE},
		{"{\"name\":\"a\",\"driver\":\"soil\",\"pins\":{\"adc\":\"34\"}}", FALSE},
		{"{\"name\":\"a\",\"driver\":\"soil\",\"pins\":{\"adc\":128}}", FALSE},
		{"{\"name\":\"a\",\"driver\":\"soil\",\"pins\":{\"ADC\":1}}", FALSE},
		{"{\"name\":\"a\",\"driver\":\"soil\",\"pins\":{}}", TRUE},
		{"{\"name\":\"a\",\"driver\":\"soil\",\"pins\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,"
		 "\"e\":1,"
		 "\"f\":1,\"g\":1,\"h\":1}}",
		 TRUE},
		{"{\"name\":\"a\",\"driver\":\"soil\",\"pins\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,"
		 "\"e\":1,"
		 "\"f\":1,\"g\":1,\"h\":1,\"i\":1}}",
		 FALSE},
	};
	WireSensor sensor;

	(void)state;
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		if (DECODES(wire_sensor_decode, cases[i].text, &sensor) != cases[i].good)
			fail_msg("%s", cases[i].text);
}

static void reads_mac_addresses(void **state)
{
	static const Case cases[] = {
		{"02:00:5e:10:00:ff", TRUE},     {"02:00:5E:10:00:FF\n", TRUE},
		{"02:00:5e:10:00:ff\r\n", TRUE}, {"02:00:5e:10:00", FALSE},
		{"02-00-5e-10-00-ff", FALSE},    {"02:00:5e:10:00:fg", FALSE},
		{"02:00:5e:10:00:ff:", FALSE},   {"", FALSE},
	};
	uint8_t mac[WIRE_MAC_BYTES] = {0xff, 1, 2, 3, 4, 5};
	char text[WIRE_MAC_CHARS + 1];

	(void)state;
	wire_mac_make_local(mac);
	wire_mac_format(mac, text);
	assert_string_equal(text, "fe:01:02:03:04:05");
	for (guint i = 0; i < G_N_ELEMENTS(cases); i++)
		if (wire_mac_parse(cases[i].text, strlen(cases[i].text), mac) != cases[i].good)
			fail_msg("%s", cases[i].text);
	wire_mac_format(mac, text);
	assert_string_equal(text, "02:00:5e:10:00:ff");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_info_with_the_fields_of_the_contract),
		cmocka_unit_test(reads_info_back),
		cmocka_unit_test(an_info_of_a_host_device_has_no_radio_and_no_heap),
		cmocka_unit_test(refuses_a_buffer_that_is_too_small),
		cmocka_unit_test(reads_info_tolerantly_but_not_carelessly),
		cmocka_unit_test(refuses_messages_that_are_too_large),
		cmocka_unit_test(reads_commands_back),
		cmocka_unit_test(reads_only_what_is_a_command),
		cmocka_unit_test(reads_answers_back),
		cmocka_unit_test(reads_sensors_back),
		cmocka_unit_test(reads_intervals_as_seconds_and_as_durations),
		cmocka_unit_test(reads_only_what_is_a_sensor),
		cmocka_unit_test(reads_mac_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
