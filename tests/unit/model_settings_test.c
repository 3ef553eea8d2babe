#include "unit/model_plan_world.h"

static void the_nearest_layer_wins(void **state)
{
	(void)state;
	assert_people_get(
		DEVICE("settings: [{key: a, value: device}]") GROUP(
			"high", "20", "settings: [{key: a, value: high}, {key: b, value: high}]")
			GROUP("low", "10",
			      "settings: [{key: a, value: low}, {key: b, value: low}, {key: c, "
			      "value: low}]")
				CLASS("settings: [{key: a, value: class}, {key: b, value: class}, "
				      "{key: c, value: class}, {key: d, value: class}]")
					CLUSTER("settings: [{key: a, value: cluster}, {key: b, "
						"value: cluster}, {key: c, value: cluster}, {key: "
						"d, value: cluster}, {key: e, value: cluster}]"),
		"settings.a:string=device\nsettings.b:string=high\nsettings.c:string=low\nsettings."
		"d:string=class\nsettings.e:string=cluster\n",
		"settings.a<Device/probe-1 settings.b<DeviceGroup/high settings.c<DeviceGroup/low "
		"settings.d<DeviceClass/soil-probe settings.e<DeviceCluster/greenhouse ");
}

static void a_layers_secret_yields_to_its_settings_and_beats_farther_layers(void **state)
{
	(void)state;
	assert_people_get(
		DEVICE("secret: {name: own}, settings: [{namespace: wifi, key: ssid, value: "
		       "explicit}]") SECRET("own", "{wifi.ssid: hidden, wifi.pass: own}")
			CLASS("settings: [{namespace: wifi, key: pass, value: class}]"),
		"wifi.pass:string=own\nwifi.ssid:string=explicit\n",
		"wifi.pass<Secret/own wifi.ssid<Device/probe-1 ");
}

static void only_groups_that_match_count(void **state)
{
	(void)state;
	assert_people_get("---\nkind: DeviceGroup\nmetadata: {name: south}\nspec: {selector: "
			  "{matchLabels: {site: south}}, settings: [{key: a, value: south}]}\n"
			  "---\nkind: DeviceGroup\nmetadata: {name: north}\nspec: {selector: "
			  "{matchLabels: {site: north}}, settings: [{key: a, value: north}]}\n",
			  "settings.a:string=north\n", "settings.a<DeviceGroup/north ");
}

static void namespaces_are_laid_out_known_ones_first_then_bytewise(void **state)
{
	(void)state;
	assert_people_get(
		DEVICE("settings: [{namespace: zoo, key: b, value: '1'}, {namespace: zoo, key: a, "
		       "value: '2'}, {namespace: Alpha, key: x, value: '3'}, {key: s, value: '4'}, "
		       "{namespace: modem, key: apn, value: '5'}, {namespace: wifi, key: ssid, "
		       "value: '6'}]"),
		"wifi.ssid:string=6\nmodem.apn:string=5\nsettings.s:string=4\nAlpha.x:string="
		"3\nzoo.a:string=2\nzoo.b:string=1\n",
		"wifi.ssid<Device/probe-1 modem.apn<Device/probe-1 settings.s<Device/probe-1 "
		"Alpha.x<Device/probe-1 zoo.a<Device/probe-1 zoo.b<Device/probe-1 ");
}

static void reads_every_type_at_its_limits(void **state)
{
	(void)state;
	assert_people_get(
		DEVICE("settings: [{key: a, type: u8, value: '255'}, {key: b, type: u16, value: "
		       "'65535'}, {key: c, type: u32, value: '4294967295'}, {key: d, type: u64, "
		       "value: '18446744073709551615'}, {key: e, type: i8, value: '-128'}, {key: "
		       "f, type: i16, value: '-32768'}, {key: g, type: i32, value: '-2147483648'}, "
		       "{key: h, type: i64, value: '-9223372036854775808'}, {key: i, type: i64, "
		       "value: '9223372036854775807'}, {key: j, type: blob, value: 3q2+7w==}, "
		       "{key: k, type: blob, value: ''}, {key: l, value: ''}, {key: m, value: "
		       "'Zürich'}, {key: n, type: i8, value: '-0'}]"),
		"settings.a:u8=255\nsettings.b:u16=65535\nsettings.c:u32=4294967295\nsettings.d:"
		"u64=18446744073709551615\nsettings.e:i8=-128\nsettings.f:i16=-32768\nsettings.g:"
		"i32=-2147483648\nsettings.h:i64=-9223372036854775808\nsettings.i:i64="
		"9223372036854775807\nsettings.j:blob=deadbeef\nsettings.k:blob=\nsettings.l:"
		"string=\nsettings.m:string=Zürich\nsettings.n:i8=0\n",
		"settings.a<Device/probe-1 settings.b<Device/probe-1 settings.c<Device/probe-1 "
		"settings.d<Device/probe-1 settings.e<Device/probe-1 settings.f<Device/probe-1 "
		"settings.g<Device/probe-1 settings.h<Device/probe-1 settings.i<Device/probe-1 "
		"settings.j<Device/probe-1 settings.k<Device/probe-1 settings.l<Device/probe-1 "
		"settings.m<Device/probe-1 settings.n<Device/probe-1 ");
}

static void refuses_values_that_their_type_cannot_hold(void **state)
{
	static const struct {
		const char *setting, *message;
	} cases[] = {
		{"type: u8, value: '256'", "settings: 'settings.a' is out of range: the type u8 "
					   "holds 0 to 255 (from Device 'probe-1')"},
		{"type: u8, value: '-1'", "the type u8 holds 0 to 255"},
		{"type: i8, value: '128'", "the type i8 holds -128 to 127"},
		{"type: i8, value: '-129'", "the type i8 holds -128 to 127"},
		{"type: u64, value: '18446744073709551616'", "out of range"},
		{"type: i64, value: '-9223372036854775809'", "out of range"},
		{"type: u8, value: '0x10'", "is no decimal integer, as the type u8 wants"},
		{"type: u8, value: ''", "is no decimal integer"},
		{"type: u8, value: ' 1'", "is no decimal integer"},
		{"type: u8, value: '+1'", "is no decimal integer"},
		{"type: i8, value: '-'", "is no decimal integer"},
		{"type: u8, value: '1.0'", "is no decimal integer"},
		{"type: blob, value: 'abc'", "is no base64, as the type blob wants"},
		{"type: blob, value: '!!!!'", "is no base64"},
		{"type: blob, value: 'a==='", "is no base64"},
		{"type: float, value: '1'",
		 "has the type 'float', which is none of string, blob, u8…u64, i8…i64"},
		{"type: namespace, value: '1'", "has the type 'namespace', which is none of"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *yaml =
			g_strdup_printf(DEVICE("settings: [{key: a, %s}]"), cases[i].setting);

		assert_fails(yaml, MODEL_ERROR_SPEC_INVALID, cases[i].message);
	}
}

static void refuses_a_string_longer_than_nvs_holds(void **state)
{
	g_autofree char *longest = g_strnfill(ESP_NVS_STRING_MAX - 1, 'x');
	g_autofree char *fits =
		g_strdup_printf(SECRET("s", "{ca: %s}") DEVICE("secret: {name: s}"), longest);
	g_autofree char *over =
		g_strdup_printf(SECRET("s", "{ca: x%s}") DEVICE("secret: {name: s}"), longest);
	g_autoptr(World) world = world_new(fits);
	g_autoptr(ModelPlan) plan = plan_of(world);

	(void)state;
	assert_non_null(plan);
	assert_fails(over, MODEL_ERROR_SPEC_INVALID,
		     "settings: 'settings.ca' has 4000 bytes, an NVS string at most 3999; make it "
		     "a blob (from Secret 's')");
}

static void names_have_their_limits(void **state)
{
	static const struct {
		const char *yaml, *message;
	} cases[] = {
		{DEVICE("secret: {name: greenhouse-wifi}")
			 SECRET("greenhouse-wifi", "{wifi.password-is-long: x}"),
		 "settings: key 'password-is-long' of namespace 'wifi' has 16 characters, NVS "
		 "allows 15 (from Secret 'greenhouse-wifi')"},
		{DEVICE("settings: [{key: password-is-long, value: x}]"),
		 "has 16 characters, NVS allows 15 (from Device 'probe-1')"},
		{DEVICE("secret: {name: s}") SECRET("s", "{a-namespace-too-long.x: y}"),
		 "settings: namespace 'a-namespace-too-long' has 20 characters, NVS allows 15"},
		{DEVICE("secret: {name: s}") SECRET("s", "{wifi.: y}"),
		 "settings: the key of namespace 'wifi' is empty; write NAMESPACE.KEY (from Secret "
		 "'s')"},
		{DEVICE("secret: {name: s}") SECRET("s", "{.ssid: y}"),
		 "settings: the namespace is empty"},
		{DEVICE("settings: [{key: 'a b', value: x}]"),
		 "characters other than printable ASCII"},
		{DEVICE("settings: [{key: 'é', value: x}]"),
		 "characters other than printable ASCII"},
		{DEVICE("settings: [{key: a, value: x}, {key: a, value: x}]"),
		 "settings: 'settings.a' is given twice"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
		assert_fails(cases[i].yaml, MODEL_ERROR_SPEC_INVALID, cases[i].message);
	assert_people_get(
		DEVICE("secret: {name: s}")
			SECRET("s", "{123456789012345.123456789012345: x, plain: y, a.b.c: z}"),
		"settings.plain:string=y\n123456789012345.123456789012345:string=x\na.b.c:string="
		"z\n",
		"settings.plain<Secret/s 123456789012345.123456789012345<Secret/s a.b.c<Secret/s ");
}

static void nobody_writes_our_namespaces(void **state)
{
	static const char *const reserved[] = {"espalier", "mqtt",         "ota", "sensors",
					       "time",     "nvs.net80211", "phy", "misc"};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(reserved); i++) {
		g_autofree char *explicit = g_strdup_printf(
			DEVICE("settings: [{namespace: %s, key: a, value: x}]"), reserved[i]);
		g_autofree char *secret = g_strdup_printf(
			CLASS("secret: {name: s}") SECRET("s", "{%s.a: x}"), reserved[i]);
		g_autofree char *message = g_strdup_printf(
			"is in namespace '%s', which is written by Espalier or by ESP-IDF itself",
			reserved[i]);

		assert_fails(explicit, MODEL_ERROR_SPEC_INVALID, message);
		if (strchr(reserved[i], '.') == NULL) /* a Secret's key splits at the first dot */
			assert_fails(secret, MODEL_ERROR_SPEC_INVALID, message);
	}
}

static void reads_secrets_as_text_or_bytes(void **state)
{
	(void)state;
	assert_people_get(
		DEVICE("secret: {name: s}") "---\nkind: Secret\nmetadata: {name: s, labels: "
					    "{espalier.dev/settings: 'true'}}\n"
					    "data: {a.text: Z2FyZGVu, a.nul: YQBi, a.bytes: //79, "
					    "a.empty: ''}\n",
		"a.bytes:blob=fffefd\na.empty:string=\na.nul:blob=610062\na.text:string=garden\n",
		"a.bytes<Secret/s a.empty<Secret/s a.nul<Secret/s a.text<Secret/s ");
}

static void takes_values_from_secrets_and_config_maps(void **state)
{
	(void)state;
	assert_people_get(
		DEVICE("settings: [{key: a, type: u8, valueFrom: {secretKeyRef: {name: s, key: "
		       "k}}}, {key: b, type: blob, valueFrom: {configMapKeyRef: {name: m, key: "
		       "bin}}}, {key: c, valueFrom: {configMapKeyRef: {name: m, key: text}}}]")
			SECRET("s", "{k: '7'}") "---\nkind: ConfigMap\nmetadata: {name: m, labels: "
						"{espalier.dev/settings: 'true'}}\ndata: {text: "
						"hello}\nbinaryData: {bin: AAE=}\n",
		"settings.a:u8=7\nsettings.b:blob=0001\nsettings.c:string=hello\n",
		"settings.a<Secret/s settings.b<ConfigMap/m settings.c<ConfigMap/m ");
}

static void says_what_is_missing_and_what_to_do(void **state)
{
	static const char unlabelled[] = "---\nkind: Secret\nmetadata: {name: s}\nstringData: {a: "
					 "b}\n---\nkind: ConfigMap\nmetadata: {name: m, labels: "
					 "{espalier.dev/settings: 'false'}}\ndata: {a: b}\n";
	static const struct {
		const char *yaml;
		ModelError code;
		const char *message;
	} cases[] = {
		{DEVICE("secret: {name: gone}"), MODEL_ERROR_SECRET_NOT_FOUND,
		 "Secret 'gone', which Device 'probe-1' names, is not in namespace 'default'; "
		 "create it, with the label espalier.dev/settings=true"},
		{GROUP("g", "1", "secret: {name: gone}"), MODEL_ERROR_SECRET_NOT_FOUND,
		 "which DeviceGroup 'g' names"},
		{CLASS("secret: {name: gone}"), MODEL_ERROR_SECRET_NOT_FOUND,
		 "which DeviceClass 'soil-probe' names"},
		{CLUSTER("secret: {name: gone}"), MODEL_ERROR_SECRET_NOT_FOUND,
		 "which DeviceCluster 'greenhouse' names"},
		{DEVICE("secret: {name: s}"), MODEL_ERROR_SECRET_NOT_LABELLED,
		 "Secret 's', which Device 'probe-1' names, may not be read as settings; allow it: "
		 "kubectl label secret s -n default espalier.dev/settings=true"},
		{DEVICE("settings: [{key: a, valueFrom: {secretKeyRef: {name: s, key: a}}}]"),
		 MODEL_ERROR_SECRET_NOT_LABELLED, "kubectl label secret s"},
		{DEVICE("settings: [{key: a, valueFrom: {configMapKeyRef: {name: m, key: a}}}]"),
		 MODEL_ERROR_CONFIG_MAP_NOT_LABELLED,
		 "kubectl label configmap m -n default espalier.dev/settings=true"},
		{DEVICE("settings: [{key: a, valueFrom: {configMapKeyRef: {name: gone, key: a}}}]"),
		 MODEL_ERROR_CONFIG_MAP_NOT_FOUND,
		 "ConfigMap 'gone', which Device 'probe-1' names"},
		{DEVICE("settings: [{key: a, valueFrom: {secretKeyRef: {name: t, key: b}}}]")
			 SECRET("t", "{a: b}"),
		 MODEL_ERROR_SECRET_KEY_NOT_FOUND,
		 "Secret 't' has no key 'b', which the setting 'settings.a' of Device 'probe-1' "
		 "names"},
		{DEVICE("settings: [{key: a, type: u8, valueFrom: {secretKeyRef: {name: t, key: "
			"a}}}]") SECRET("t", "{a: canary}"),
		 MODEL_ERROR_SPEC_INVALID,
		 "settings: 'settings.a' is no decimal integer, as the type u8 wants (from Secret "
		 "'t')"},
		{DEVICE("secret: {name: t}") "---\nkind: Secret\nmetadata: {name: t, labels: "
					     "{espalier.dev/settings: 'true'}}\ndata: {a: '!'}\n",
		 MODEL_ERROR_SPEC_INVALID, "settings: 'a' is not base64 (from Secret 't')"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *yaml = g_strconcat(unlabelled, cases[i].yaml, NULL);

		assert_fails(yaml, cases[i].code, cases[i].message);
	}
}

static void no_message_has_a_value(void **state)
{
	static const char *const cases[] = {
		DEVICE("settings: [{key: a, type: u8, value: CANARY}]"),
		DEVICE("settings: [{key: a, type: blob, value: CANARY!}]"),
		DEVICE("secret: {name: s}") SECRET("s", "{mqtt.pass: CANARY}"),
		GROUP("a", "1", "settings: [{key: k, value: CANARY1}]")
			GROUP("b", "1", "settings: [{key: k, value: CANARY2}]"),
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(World) world = world_new(cases[i]);
		g_autoptr(GError) error = NULL;

		assert_null(model_plan_new(&world->inputs, &error));
		assert_null(strstr(error->message, "CANARY"));
	}
}

static void groups_of_equal_priority_may_agree(void **state)
{
	(void)state;
	assert_people_get(
		GROUP("b", "10", "settings: [{key: k, value: same}, {key: only-b, value: x}]")
			GROUP("a", "10", "secret: {name: s}") SECRET("s", "{k: same}"),
		"settings.k:string=same\nsettings.only-b:string=x\n",
		"settings.k<Secret/s settings.only-b<DeviceGroup/b ");
}

static void groups_of_equal_priority_may_not_differ(void **state)
{
	(void)state;
	assert_fails(GROUP("west", "10",
			   "settings: [{namespace: wifi, key: ssid, value: x}, {key: k, value: x}]")
			     GROUP("east", "10",
				   "settings: [{namespace: wifi, key: ssid, value: y}, {key: k, "
				   "value: z}]") GROUP("none", "10", "settings: []"),
		     MODEL_ERROR_CONFLICT,
		     "DeviceGroups of the same priority differ on 'settings.k' ('east', 'west'), "
		     "'wifi.ssid' ('east', 'west'); give one of them another spec.priority, or set "
		     "the key on the Device");
	assert_fails(GROUP("a", "10", "settings: [{key: k, type: u8, value: '1'}]")
			     GROUP("b", "10", "settings: [{key: k, value: '1'}]"),
		     MODEL_ERROR_CONFLICT, "'settings.k' ('a', 'b')");
}

static void a_nearer_layer_settles_a_conflict(void **state)
{
	static const char differing[] = GROUP("a", "10", "settings: [{key: k, value: x}]")
		GROUP("b", "10", "settings: [{key: k, value: y}]");
	g_autofree char *by_device =
		g_strconcat(differing, DEVICE("settings: [{key: k, value: device}]"), NULL);
	g_autofree char *by_group =
		g_strconcat(differing, GROUP("c", "11", "settings: [{key: k, value: c}]"), NULL);
	g_autofree char *by_class =
		g_strconcat(differing, CLASS("settings: [{key: k, value: class}]"), NULL);

	(void)state;
	assert_people_get(by_device, "settings.k:string=device\n", "settings.k<Device/probe-1 ");
	assert_people_get(by_group, "settings.k:string=c\n", "settings.k<DeviceGroup/c ");
	assert_fails(by_class, MODEL_ERROR_CONFLICT, "'settings.k' ('a', 'b')");
}

static void lists_the_conflicts_of_groups(void **state)
{
	g_autoptr(World) world = world_new(
		GROUP("a", "10",
		      "settings: [{key: k, value: x}, {key: m, value: x}], secret: {name: gone}")
			GROUP("b", "10", "settings: [{key: k, value: y}, {key: l, value: y}]")
				GROUP("c", "10",
				      "settings: [{key: k, value: x}, {key: l, value: z}]")
					GROUP("d", "5", "settings: [{key: k, value: q}]"));
	g_autoptr(GPtrArray) conflicts = NULL;
	g_autoptr(GString) text = g_string_new(NULL);

	(void)state;
	conflicts = model_group_conflicts(world->inputs.groups, world->inputs.n_groups,
					  world_lookup, world);
	for (guint i = 0; i < conflicts->len; i++) {
		const ModelConflict *conflict = g_ptr_array_index(conflicts, i);

		g_string_append_printf(text, "%s:", conflict->key);
		for (guint g = 0; g < conflict->groups->len; g++)
			g_string_append_printf(text, " %s",
					       (char *)g_ptr_array_index(conflict->groups, g));
		g_string_append(text, "; ");
	}
	/* a's Secret is gone, so a is passed over as a whole. */
	assert_string_equal(text->str, "settings.k: b c; settings.l: b c; ");
}

static void refuses_more_groups_than_one_device_may_have(void **state)
{
	g_autoptr(GString) yaml = g_string_new(NULL);

	(void)state;
	for (int i = 0; i <= MODEL_GROUPS_MAX; i++)
		g_string_append_printf(
			yaml,
			"---\nkind: DeviceGroup\nmetadata: {name: g%d}\nspec: {selector: {}}\n", i);
	assert_fails(yaml->str, MODEL_ERROR_SPEC_INVALID,
		     "65 DeviceGroups select the device, at most 64 may");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_nearest_layer_wins),
		cmocka_unit_test(a_layers_secret_yields_to_its_settings_and_beats_farther_layers),
		cmocka_unit_test(only_groups_that_match_count),
		cmocka_unit_test(namespaces_are_laid_out_known_ones_first_then_bytewise),
		cmocka_unit_test(reads_every_type_at_its_limits),
		cmocka_unit_test(refuses_values_that_their_type_cannot_hold),
		cmocka_unit_test(refuses_a_string_longer_than_nvs_holds),
		cmocka_unit_test(names_have_their_limits),
		cmocka_unit_test(nobody_writes_our_namespaces),
		cmocka_unit_test(reads_secrets_as_text_or_bytes),
		cmocka_unit_test(takes_values_from_secrets_and_config_maps),
		cmocka_unit_test(says_what_is_missing_and_what_to_do),
		cmocka_unit_test(no_message_has_a_value),
		cmocka_unit_test(groups_of_equal_priority_may_agree),
		cmocka_unit_test(groups_of_equal_priority_may_not_differ),
		cmocka_unit_test(a_nearer_layer_settles_a_conflict),
		cmocka_unit_test(lists_the_conflicts_of_groups),
		cmocka_unit_test(refuses_more_groups_than_one_device_may_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
