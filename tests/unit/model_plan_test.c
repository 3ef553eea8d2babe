#include "unit/model_plan_world.h"

static void writes_our_own_namespaces_in_the_order_of_the_table(void **state)
{
	g_autoptr(World) world = world_new(
		CLUSTER("time: {zone: Europe/Zurich, servers: [a.example.org, b.example.org]}")
			CLASS("sensors: [{name: climate, driver: bme280, i2c: {scl: 22, sda: 21}, "
			      "interval: 5m}, {name: bed, driver: soil, pins: {adc: 34}}]"));
	g_autoptr(ModelPlan) plan = NULL;
	g_autofree char *text = NULL, *expected = NULL;

	(void)state;
	world->inputs.broker_ca_pem = "PEM";
	world->inputs.artefact_url = "https://127.0.0.1:1/v1/default/classes/soil-probe";
	world->inputs.posix_tz = "CET-1CEST,M3.5.0,M10.5.0/3";
	plan = plan_of(world);
	text = entries_text(plan, NULL);
	expected = g_strdup_printf(
		"espalier.name:string=probe-1\n"
		"espalier.class:string=soil-probe\n"
		"espalier.cluster:string=greenhouse\n"
		"espalier.ns:string=default\n"
		"espalier.cfg:blob=%s\n"
		"espalier.layout:u8=1\n"
		"mqtt.host:string=127.0.0.1\n"
		"mqtt.port:u16=8883\n"
		"mqtt.tls:u8=1\n"
		"mqtt.ca:string=PEM\n"
		"mqtt.user:string=probe-1\n"
		"mqtt.pass:string=correct-horse-battery\n"
		"mqtt.conv:string=homie5\n"
		"mqtt.root:string=homie\n"
		"mqtt.keepalive:u16=60\n"
		"ota.url:string=https://127.0.0.1:1/v1/default/classes/soil-probe\n"
		"sensors.s0:string={\"name\":\"climate\",\"driver\":\"bme280\",\"i2c\":{\"scl\":22,"
		"\"sda\":21},\"interval\":300}\n"
		"sensors.s1:string={\"name\":\"bed\",\"driver\":\"soil\",\"pins\":{\"adc\":34}}\n"
		"time.tz:string=CET-1CEST,M3.5.0,M10.5.0/3\n"
		"time.ntp0:string=a.example.org\n"
		"time.ntp1:string=b.example.org\n",
		plan->inputs_hash);
	assert_string_equal(text, expected);
	assert_int_equal(plan->n_sources, 0);
}

/* A value stays out of every message, wherever it went wrong. */
static void assert_sensors(const char *yaml, const char *expected)
{
	g_autoptr(World) world = world_new(yaml);
	g_autoptr(ModelPlan) plan = plan_of(world);
	g_autoptr(GString) text = g_string_new(NULL);

	for (gsize i = 0; i < plan->n_entries; i++)
		if (strcmp(plan->entries[i].space, "sensors") == 0)
			g_string_append_printf(text, "%s=%s\n", plan->entries[i].key,
					       plan->entries[i].value.text);
	assert_string_equal(text->str, expected);
}

static void sensors_merge_by_name(void **state)
{
	static const char of_class[] =
		CLASS("sensors: [{name: a, driver: soil, pins: {adc: 1}}, {name: b, driver: "
		      "battery, interval: 60s}, {name: c, driver: bme280, i2c: {sda: 1, scl: 2}}]");
	static const struct {
		const char *device, *expected;
	} cases[] = {
		{DEVICE("sensors: []"),
		 "s0={\"name\":\"a\",\"driver\":\"soil\",\"pins\":{\"adc\":1}}\ns1={\"name\":\"b\","
		 "\"driver\":\"battery\",\"interval\":60}\ns2={\"name\":\"c\",\"driver\":"
		 "\"bme280\",\"i2c\":{\"scl\":2,\"sda\":1}}\n"},
		{DEVICE("sensors: [{name: b, disabled: true}, {name: d, driver: battery}, {name: "
			"a, driver: soil, pins: {adc: 9}, interval: 1h}]"),
		 "s0={\"name\":\"a\",\"driver\":\"soil\",\"pins\":{\"adc\":9},\"interval\":3600}"
		 "\ns1={\"name\":\"c\",\"driver\":\"bme280\",\"i2c\":{\"scl\":2,\"sda\":1}}\ns2={"
		 "\"name\":\"d\",\"driver\":\"battery\"}\n"},
		{DEVICE("sensors: [{name: a, disabled: true}, {name: b, disabled: true}, {name: c, "
			"disabled: true}, {name: x, disabled: true}]"),
		 ""},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *yaml = g_strconcat(of_class, cases[i].device, NULL);

		assert_sensors(yaml, cases[i].expected);
	}
}

static void refuses_sensors_that_the_device_could_not_read(void **state)
{
	static const struct {
		const char *sensor, *message;
	} cases[] = {
		{"{name: a, driver: soil, interval: 500ms}",
		 "sensors: 'a' has the interval 500ms; write whole seconds from 1s to 168h"},
		{"{name: a, driver: soil, interval: 200h}", "has the interval 200h"},
		{"{name: a, driver: soil, i2c: {sda: 1, scl: 2}, pins: {adc: 3}}",
		 "sensors: 'a' has both i2c and pins"},
		{"{name: a, driver: soil, pins: {a-pin-with-a-long-name: 3}}",
		 "has a pin 'a-pin-with-a-long-name' that cannot be"},
		{"{name: A, driver: soil}", "cannot be written for the device"},
		{"{name: a}", "sensors: 'a' has no driver"},
	};
	g_autoptr(GString) many = g_string_new(NULL);

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *yaml = g_strdup_printf(DEVICE("sensors: [%s]"), cases[i].sensor);

		assert_fails(yaml, MODEL_ERROR_SPEC_INVALID, cases[i].message);
	}
	for (int i = 0; i <= 16; i++)
		g_string_append_printf(many, "%s{name: n%d, driver: soil}", i > 0 ? ", " : "", i);
	{
		g_autofree char *yaml = g_strdup_printf(DEVICE("sensors: [%s]"), many->str);

		assert_fails(yaml, MODEL_ERROR_SPEC_INVALID,
			     "sensors: 'n16' is one too many: a device has at most 16 sensors");
	}
}

static void the_hash_covers_every_input_and_nothing_else(void **state)
{
	g_autoptr(World) world =
		world_new(DEVICE("settings: [{key: a, value: x}, {key: b, type: u8, value: '1'}]"));
	g_autoptr(World) same =
		world_new(DEVICE("displayName: other, location: shed, settings: [{key: b, type: "
				 "u8, value: '1'}, {key: a, value: x}]"));
	g_autoptr(World) moved = world_new(DEVICE("settings: [{key: b, type: u8, value: '1'}]")
						   CLASS("settings: [{key: a, value: x}]"));
	g_autoptr(ModelPlan) plan = plan_of(world), plan_same = plan_of(same),
			     plan_moved = plan_of(moved);
	static const struct {
		const char *yaml;
	} others[] = {
		{DEVICE("settings: [{key: a, value: y}, {key: b, type: u8, value: '1'}]")},
		{DEVICE("settings: [{key: a, value: x}, {key: b, type: u16, value: '1'}]")},
		{DEVICE("settings: [{key: a, value: x}, {key: b, type: u8, value: '2'}]")},
		{DEVICE("settings: [{key: a, value: x}]")},
		{DEVICE("settings: [{key: a, value: x}, {key: b, type: u8, value: '1'}], sensors: "
			"[{name: s, driver: soil}]")},
		{DEVICE("settings: [{key: a, value: x}, {key: b, type: u8, value: '1'}]")
			 CLUSTER("time: {servers: [n]}")},
		{DEVICE("settings: [{key: a, value: x}, {key: b, type: u8, value: '1'}]")
			 CLUSTER("mqtt: {rootTopic: r}")},
		{DEVICE("settings: [{key: a, value: x}, {key: b, type: u8, value: '1'}]") CLASS(
			"partitions: "
			"\"nvs,data,nvs,0x9000,0x4000\\notadata,data,ota,0xd000,0x2000\\ncfg_0,"
			"data,nvs,0xf000,0x4000\\nota_0,app,ota_0,0x20000,1M\\n\"")},
	};

	(void)state;
	assert_int_equal(strlen(plan->inputs_hash), 64);
	assert_string_equal(plan->inputs_hash, plan_same->inputs_hash);
	assert_string_equal(plan->inputs_hash, plan_moved->inputs_hash);
	for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
		g_autoptr(World) other = world_new(others[i].yaml);
		g_autoptr(ModelPlan) plan_other = plan_of(other);

		if (strcmp(plan->inputs_hash, plan_other->inputs_hash) == 0)
			fail_msg("the hash does not see: %s", others[i].yaml);
	}
}

static void the_hash_covers_what_is_handed_in(void **state)
{
	g_autoptr(World) world = world_new(NULL);
	ModelPlanInputs variants[] = {world->inputs, world->inputs, world->inputs, world->inputs,
				      world->inputs, world->inputs, world->inputs, world->inputs};
	g_autoptr(ModelPlan) plan = plan_of(world);

	(void)state;
	variants[0].password = "another";
	variants[1].broker_host = "192.0.2.1";
	variants[2].broker_port = 1;
	variants[3].broker_tls = FALSE;
	variants[4].broker_ca_pem = "PEM";
	variants[5].artefact_url = "https://x";
	variants[6].posix_tz = "CET-1";
	variants[7].builder_digest = "sha256:x";
	for (gsize i = 0; i < G_N_ELEMENTS(variants); i++) {
		g_autoptr(ModelPlan) other = model_plan_new(&variants[i], NULL);

		assert_non_null(other);
		if (strcmp(plan->inputs_hash, other->inputs_hash) == 0)
			fail_msg("variant %d", (int)i);
	}
}

static void goes_to_the_partitions_that_the_table_names(void **state)
{
	static const struct {
		const char *yaml, *slots;
	} cases[] = {
		{"", "cfg_0@0xf000+0x3000 cfg_1@0x12000+0x3000 "},
		{CLASS("partitions: "
		       "\"nvs,data,nvs,0x9000,0x5000\\nphy_init,data,phy,0xe000,0x1000\\nfactory,"
		       "app,factory,0x10000,1M\\n\""),
		 "nvs@0x9000+0x5000 "},
		{CLASS("partitions: "
		       "\"nvs,data,nvs,0x9000,0x4000\\ncfg_0,data,nvs,0xd000,0x4000\\nfactory,app,"
		       "factory,0x20000,1M\\n\""),
		 "cfg_0@0xd000+0x4000 "},
	};
	static const struct {
		const char *yaml, *message;
	} refused[] = {
		{CLASS("partitions: \"factory,app,factory,0x10000,1M\\n\""),
		 "DeviceClass 'soil-probe': the partition table has neither 'cfg_0' nor 'nvs' for "
		 "the configuration"},
		{CLASS("partitions: "
		       "\"cfg_0,data,nvs,0x9000,0x3000\\ncfg_1,data,nvs,0xc000,0x4000\\nfactory,"
		       "app,factory,0x10000,1M\\n\""),
		 "partitions 'cfg_0' and 'cfg_1' take turns, so they must have the same size"},
		{CLASS("partitions: "
		       "\"cfg_0,data,spiffs,0x9000,0x3000\\nfactory,app,factory,0x10000,1M\\n\""),
		 "partition 'cfg_0' holds the configuration, so it must be of type data and "
		 "subtype nvs"},
		{CLASS("partitions: \"nvs,data,nvs,0x9000,oops\\n\""),
		 "DeviceClass 'soil-probe': spec.partitions: "},
		{CLASS("flash: {size: 2MB}"), "DeviceClass 'soil-probe': spec.partitions: "},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(World) world = world_new(cases[i].yaml);
		g_autoptr(ModelPlan) plan = plan_of(world);
		g_autoptr(GString) text = g_string_new(NULL);

		for (gsize s = 0; s < plan->n_slots; s++)
			g_string_append_printf(text, "%s@0x%x+0x%x ", plan->slots[s].label,
					       plan->slots[s].offset, plan->slots[s].size_bytes);
		assert_string_equal(text->str, cases[i].slots);
		assert_int_equal(plan->size_bytes, plan->slots[0].size_bytes);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(refused); i++)
		assert_fails(refused[i].yaml, MODEL_ERROR_SPEC_INVALID, refused[i].message);
}

static void a_pushed_table_wins(void **state)
{
	static const char csv[] = "nvs,data,nvs,0x9000,0x4000\ncfg_0,data,nvs,0xd000,"
				  "0x5000\nfactory,app,factory,0x20000,1M\n";
	g_autoptr(World) world = world_new(NULL);
	g_autoptr(EspPartitionTable) table =
		esp_partition_table_from_csv(csv, strlen(csv), NULL, NULL);
	g_autoptr(ModelPlan) plan = NULL;

	(void)state;
	world->inputs.table = table;
	plan = plan_of(world);
	assert_int_equal(plan->n_slots, 1);
	assert_int_equal(plan->size_bytes, 0x5000);
}

static void lays_out_what_the_device_reads_back(void **state)
{
	g_autoptr(World) world =
		world_new(DEVICE("settings: [{namespace: wifi, key: ssid, value: garden}]"));
	g_autoptr(ModelPlan) plan = plan_of(world);
	gsize used_bytes = 0;
	g_autoptr(GBytes) image = model_plan_image(plan, &used_bytes, NULL);
	g_autoptr(EspNvsContents) contents = NULL;
	g_autofree char *hash = NULL;
	const EspNvsEntry *cfg;

	(void)state;
	assert_int_equal(g_bytes_get_size(image), 0x3000);
	assert_true(used_bytes > 500 && used_bytes < 0x3000);
	contents = esp_nvs_read(g_bytes_get_data(image, NULL), g_bytes_get_size(image),
				ESP_NVS_READ_DEFAULT, NULL);
	assert_int_equal(contents->n_entries, plan->n_entries);
	assert_string_equal(esp_nvs_find(contents, "wifi", "ssid")->value.text, "garden");
	cfg = esp_nvs_find(contents, "espalier", "cfg");
	hash = base_hex(cfg->value.blob.data, cfg->value.blob.size_bytes);
	assert_string_equal(hash, plan->inputs_hash);
}

static void says_how_much_does_not_fit(void **state)
{
	g_autoptr(GString) settings = g_string_new(NULL);
	g_autofree char *yaml = NULL;
	g_autoptr(World) world = NULL;
	g_autoptr(ModelPlan) plan = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	for (int i = 0; i < 4; i++) {
		g_autofree char *fill = g_strnfill(3000, 'x');

		g_string_append_printf(settings, "{key: big%d, value: %s}, ", i, fill);
	}
	yaml = g_strdup_printf(DEVICE("settings: [%s]"), settings->str);
	world = world_new(yaml);
	plan = plan_of(world);
	assert_null(model_plan_image(plan, NULL, &error));
	assert_true(g_error_matches(error, MODEL_ERROR, MODEL_ERROR_TOO_LARGE));
	assert_true(g_str_has_prefix(error->message,
				     "the configuration does not fit partition 'cfg_0': "));
	assert_non_null(
		strstr(error->message,
		       "remove settings, or give the class a table with larger partitions"));
}

static void lists_sources_without_values(void **state)
{
	g_autoptr(World) world =
		world_new(DEVICE("settings: [{namespace: wifi, key: pass, value: CANARY}]"));
	g_autoptr(ModelPlan) plan = plan_of(world);
	g_autoptr(json_t) sources = model_plan_sources_json(plan);
	g_autofree char *text = base_json_dump(sources, NULL);

	(void)state;
	assert_string_equal(text, "[{\"key\":\"wifi.pass\",\"from\":\"Device/probe-1\"}]");
}

static void needs_to_know_the_broker(void **state)
{
	g_autoptr(World) world = world_new(NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	world->inputs.broker_host = NULL;
	assert_null(model_plan_new(&world->inputs, &error));
	assert_non_null(strstr(
		error->message,
		"DeviceCluster 'greenhouse': what devices are told of the broker is not known"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_our_own_namespaces_in_the_order_of_the_table),
		cmocka_unit_test(sensors_merge_by_name),
		cmocka_unit_test(refuses_sensors_that_the_device_could_not_read),
		cmocka_unit_test(the_hash_covers_every_input_and_nothing_else),
		cmocka_unit_test(the_hash_covers_what_is_handed_in),
		cmocka_unit_test(goes_to_the_partitions_that_the_table_names),
		cmocka_unit_test(a_pushed_table_wins),
		cmocka_unit_test(lays_out_what_the_device_reads_back),
		cmocka_unit_test(says_how_much_does_not_fit),
		cmocka_unit_test(lists_sources_without_values),
		cmocka_unit_test(needs_to_know_the_broker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
