#include "base/json.h"
#include "esp/partition_table.h"
#include "model/device.h"
#include "model/device_class.h"
#include "model/device_cluster.h"
#include "model/device_group.h"
#include "model/error.h"
#include "model/kinds.h"
#include "model/storage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static json_t *json(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	assert_non_null(value);
	return value;
}

static json_t *spec_of(const char *spec)
{
	g_autofree char *text = g_strdup_printf(
		"{\"metadata\":{\"name\":\"x\",\"namespace\":\"garden\"},\"spec\":%s}", spec);

	return json(text);
}

static void reads_metadata(void **state)
{
	g_autoptr(json_t) object =
		json("{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\",\"uid\":\"u\","
		     "\"resourceVersion\":\"7\",\"generation\":3,\"creationTimestamp\":\"2026-01-"
		     "02T03:04:05Z\",\"labels\":{\"l\":\"v\"},\"annotations\":{\"k\":\"w\"},"
		     "\"finalizers\":[\"espalier.dev/device\"]}}");
	g_autoptr(json_t) bare =
		json("{\"metadata\":{\"name\":5,\"labels\":[],\"finalizers\":{}}}");
	g_autofree char *key = NULL;
	ModelMeta meta;

	(void)state;
	model_meta_read(&meta, object);
	key = model_meta_key(&meta);
	assert_string_equal(key, "n/a");
	assert_string_equal(meta.uid, "u");
	assert_string_equal(meta.resource_version, "7");
	assert_int_equal(meta.generation, 3);
	assert_int_equal(meta.creation_wall_us, 1767323045000000);
	assert_int_equal(meta.deletion_wall_us, 0);
	assert_string_equal(model_meta_label(&meta, "l"), "v");
	assert_string_equal(model_meta_annotation(&meta, "k"), "w");
	assert_null(model_meta_label(&meta, "none"));
	assert_true(model_meta_has_finalizer(&meta, MODEL_FINALIZER_DEVICE));
	model_meta_read(&meta, bare);
	assert_null(meta.name);
	assert_null(model_meta_label(&meta, "l"));
	assert_false(model_meta_has_finalizer(&meta, "x"));
	assert_string_equal(meta.namespace, "default");
}

static void reads_a_device(void **state)
{
	g_autoptr(json_t) object = spec_of(
		"{\"deviceClassReference\":{\"name\":\"c\"},\"secret\":{\"name\":\"s\"},"
		"\"suspended\":true,\"settings\":[{\"namespace\":\"a\",\"key\":\"b\",\"type\":"
		"\"u8\",\"value\":\"5\"},{\"namespace\":\"a\",\"key\":\"c\",\"type\":\"string\","
		"\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"m\",\"key\":\"k\"}}}],\"sensors\":["
		"{\"name\":\"t\",\"driver\":\"d\"},{\"name\":\"u\",\"disabled\":true}]}");
	g_autoptr(ModelDevice) device = model_device_from_json(object, NULL);

	(void)state;
	assert_string_equal(device->meta.namespace, "garden");
	assert_string_equal(device->class_name, "c");
	assert_string_equal(device->secret_name, "s");
	assert_true(device->suspended);
	assert_int_equal(device->settings.n_items, 2);
	assert_string_equal(device->settings.items[0].value, "5");
	assert_null(device->settings.items[0].from_kind);
	assert_string_equal(device->settings.items[1].from_kind, "ConfigMap");
	assert_string_equal(device->settings.items[1].from_name, "m");
	assert_string_equal(device->settings.items[1].from_key, "k");
	assert_int_equal(device->sensors.n_items, 2);
	assert_true(device->sensors.items[1].disabled);
}

static void reads_a_class_with_its_defaults(void **state)
{
	g_autoptr(json_t) object =
		spec_of("{\"deviceClusterReference\":{\"name\":\"g\"},\"chip\":\"host\","
			"\"firmware\":{\"builder\":{},\"version\":\"1.0\"}}");
	g_autoptr(ModelDeviceClass) class = model_device_class_from_json(object, NULL);
	g_autoptr(EspPartitionTable) table = model_device_class_table(class, NULL);

	(void)state;
	assert_string_equal(class->cluster_name, "g");
	assert_string_equal(class->chip, MODEL_CHIP_HOST);
	assert_int_equal(class->firmware_origin, MODEL_FIRMWARE_BUILDER);
	assert_int_equal(class->flash_size_bytes, 4 * 1024 * 1024);
	assert_string_equal(class->flash_mode, "dio");
	assert_int_equal(class->expected_interval_us, 60 * G_USEC_PER_SEC);
	assert_non_null(table);
	assert_int_equal(esp_partition_find(table, "cfg_1")->offset, 0x12000);
}

static void reads_a_cluster_with_its_defaults(void **state)
{
	g_autoptr(json_t) object =
		spec_of("{\"mqtt\":{\"users\":[{\"name\":\"t\",\"injectSecrets\":[{\"name\":\"i\","
			"\"mapping\":{\"username\":\"U\"}}]}]},\"time\":{\"zone\":\"Europe/"
			"Zurich\",\"servers\":[\"a\",\"b\"]}}");
	g_autoptr(json_t) told = spec_of(
		"{\"mqtt\":{\"deviceEndpoint\":{\"host\":\"h\"},\"rootTopic\":\"r\",\"convention\":"
		"\"Plain\"},\"presence\":{\"late\":5,\"offline\":\"1h30m\"}}");
	g_autoptr(ModelDeviceCluster) cluster = model_device_cluster_from_json(object, NULL);
	g_autoptr(ModelDeviceCluster) other = model_device_cluster_from_json(told, NULL);

	(void)state;
	assert_string_equal(cluster->broker_type, MODEL_BROKER_LOCAL);
	assert_string_equal(cluster->convention, MODEL_CONVENTION_HOMIE5);
	assert_string_equal(cluster->root_topic, "homie");
	assert_null(cluster->endpoint_host);
	assert_int_equal(cluster->endpoint_port, 0);
	assert_int_equal(cluster->late_intervals, 3);
	assert_int_equal(cluster->offline_after_us, 24 * G_TIME_SPAN_HOUR);
	assert_string_equal(cluster->users[0].role, MODEL_ROLE_READER);
	assert_string_equal(cluster->users[0].inject_secrets[0].username_key, "U");
	assert_null(cluster->users[0].inject_secrets[0].password_key);
	assert_string_equal(cluster->ntp_servers[1], "b");
	assert_null(cluster->ntp_servers[2]);
	assert_int_equal(other->endpoint_port, 8883);
	assert_string_equal(other->root_topic, "r");
	assert_int_equal(other->late_intervals, 5);
	assert_int_equal(other->offline_after_us, 90 * G_TIME_SPAN_MINUTE);
	assert_string_equal(model_convention_wire_name("Homie5"), "homie5");
	assert_null(model_convention_wire_name("Morse"));
}

static void selects_devices_of_its_own_namespace(void **state)
{
	g_autoptr(json_t) object =
		spec_of("{\"selector\":{\"matchLabels\":{\"site\":\"north\"}},\"priority\":10}");
	g_autoptr(ModelDeviceGroup) group = model_device_group_from_json(object, NULL);
	g_autoptr(json_t) here = json("{\"metadata\":{\"name\":\"d\",\"namespace\":\"garden\","
				      "\"labels\":{\"site\":\"north\"}}}");
	g_autoptr(json_t) elsewhere = json("{\"metadata\":{\"name\":\"d\",\"namespace\":\"yard\","
					   "\"labels\":{\"site\":\"north\"}}}");
	ModelMeta meta;

	(void)state;
	assert_int_equal(group->priority, 10);
	model_meta_read(&meta, here);
	assert_true(model_device_group_matches(group, &meta));
	model_meta_read(&meta, elsewhere);
	assert_false(model_device_group_matches(group, &meta));
}

static void reads_a_storage(void **state)
{
	g_autoptr(json_t) object =
		spec_of("{\"directory\":{\"name\":\"greenhouse\"},\"reclaimPolicy\":\"Delete\"}");
	g_autoptr(ModelStorage) storage = model_storage_from_json(object, NULL);
	g_autofree char *place = model_storage_place(storage);

	(void)state;
	assert_string_equal(storage->directory_name, "greenhouse");
	assert_string_equal(place, "directory greenhouse");
	assert_int_equal(storage->keep_versions, 3);
	assert_true(storage->reclaim_delete);
}

static gpointer view(const char *kind, json_t *object, GError **error)
{
	if (strcmp(kind, "Device") == 0)
		return model_device_from_json(object, error);
	if (strcmp(kind, "DeviceClass") == 0)
		return model_device_class_from_json(object, error);
	if (strcmp(kind, "DeviceCluster") == 0)
		return model_device_cluster_from_json(object, error);
	if (strcmp(kind, "DeviceGroup") == 0)
		return model_device_group_from_json(object, error);
	return model_storage_from_json(object, error);
}

static void says_what_it_cannot_read(void **state)
{
	static const struct {
		const char *kind, *spec, *message;
	} cases[] = {
		{"Device", "{}", "Device 'x': spec.deviceClassReference.name is missing"},
		{"Device", "[]", "x: spec is missing"},
		{"DeviceClass", "{\"chip\":\"host\"}",
		 "DeviceClass 'x': spec.deviceClusterReference.name is missing"},
		{"DeviceClass", "{\"deviceClusterReference\":{\"name\":\"g\"}}",
		 "DeviceClass 'x': spec.chip is missing"},
		{"DeviceClass",
		 "{\"deviceClusterReference\":{\"name\":\"g\"},\"chip\":\"host\","
		 "\"expectedInterval\":\"soon\"}",
		 "spec.expectedInterval is 'soon', which is no duration"},
		{"DeviceClass",
		 "{\"deviceClusterReference\":{\"name\":\"g\"},\"chip\":\"host\",\"flash\":{"
		 "\"size\":\"4 MB\"}}",
		 "spec.flash.size is '4 MB'"},
		{"DeviceCluster", "{\"presence\":{\"offline\":\"\"}}",
		 "spec.presence.offline is ''"},
		{"DeviceGroup", "{\"selector\":{\"matchLabels\":{\"a b\":\"c\"}}}",
		 "DeviceGroup 'x': spec.selector: "},
		{"Storage", "{}", "Storage 'x': spec needs exactly one of s3 and directory.name"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(json_t) object = spec_of(cases[i].spec);
		g_autoptr(GError) error = NULL;

		assert_null(view(cases[i].kind, object, &error));
		if (strstr(error->message, cases[i].message) == NULL)
			fail_msg("%s", error->message);
		assert_true(error->domain == MODEL_ERROR);
	}
}

static void names_what_an_object_refers_to(void **state)
{
	static const struct {
		const char *kind, *spec, *references;
	} cases[] = {
		{"Device",
		 "{\"deviceClassReference\":{\"name\":\"c\"},\"secret\":{\"name\":\"s\"},"
		 "\"settings\":[{\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\"}}},{\"valueFrom\":"
		 "{\"configMapKeyRef\":{\"name\":\"m\"}}}]}",
		 "DeviceClass/garden/c Secret/garden/s ConfigMap/garden/m "},
		{"DeviceClass",
		 "{\"deviceClusterReference\":{\"name\":\"g\"},\"storageReference\":{\"name\":"
		 "\"st\"}}",
		 "DeviceCluster/garden/g Storage/garden/st "},
		{"DeviceCluster",
		 "{\"storageReference\":{\"name\":\"st\"},\"mqtt\":{\"users\":[{\"injectSecrets\":["
		 "{\"name\":\"i\"}]}],\"broker\":{\"adminSecret\":{\"name\":\"ad\"}}}}",
		 "Storage/garden/st Secret/garden/ad Secret/garden/i "},
		{"DeviceGroup", "{\"secret\":{\"name\":\"s\"}}", "Secret/garden/s "},
		{"Storage", "{\"s3\":{\"credentialsSecret\":{\"name\":\"k\"}}}",
		 "Secret/garden/k "},
		{"Storage", "{\"directory\":{\"name\":\"d\"}}", ""},
		{"Device", "7", ""},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(json_t) object = spec_of(cases[i].spec);
		g_autoptr(GPtrArray) references = model_object_references(cases[i].kind, object);
		g_autoptr(GString) text = g_string_new(NULL);

		for (guint r = 0; r < references->len; r++)
			g_string_append_printf(text, "%s ",
					       (char *)g_ptr_array_index(references, r));
		assert_string_equal(text->str, cases[i].references);
	}
}

static void names_the_first_field_whose_time_has_not_come(void **state)
{
	static const struct {
		const char *kind, *spec, *path;
	} cases[] = {
		{"Storage", "{\"directory\":{\"name\":\"d\"}}", NULL},
		{"Storage", "{\"s3\":{}}", "spec.s3"},
		{"DeviceCluster",
		 "{\"mqtt\":{\"broker\":{\"type\":\"Local\"},\"convention\":\"Homie5\"}}", NULL},
		{"DeviceCluster", "{\"mqtt\":{\"broker\":{\"type\":\"RabbitMQ\"}}}",
		 "spec.mqtt.broker.type"},
		{"DeviceCluster", "{\"mqtt\":{\"convention\":\"Plain\"}}", "spec.mqtt.convention"},
		{"DeviceCluster", "{\"artefacts\":{\"tlsSecret\":{\"name\":\"x\"}}}",
		 "spec.artefacts.tlsSecret"},
		{"DeviceClass", "{\"chip\":\"esp32\",\"firmware\":{\"builder\":{\"image\":{}}}}",
		 NULL},
		{"DeviceClass", "{\"chip\":\"host\",\"firmware\":{\"builder\":{}}}", NULL},
		{"DeviceClass", "{\"chip\":\"host\",\"firmware\":{\"builder\":{\"sdkconfig\":{}}}}",
		 "spec.firmware.builder.sdkconfig"},
		{"DeviceClass",
		 "{\"config\":{\"encryption\":\"None\",\"updatePolicy\":\"OnFlash\"},\"security\":{"
		 "\"secureBoot\":\"None\"}}",
		 NULL},
		{"DeviceClass", "{\"config\":{\"encryption\":\"HMAC\"}}", "spec.config.encryption"},
		{"DeviceClass", "{\"config\":{\"updatePolicy\":\"Rollout\"}}",
		 "spec.config.updatePolicy"},
		{"DeviceClass", "{\"config\":{\"builder\":{}}}", "spec.config.builder"},
		{"DeviceClass", "{\"security\":{\"flashEncryption\":\"Release\"}}",
		 "spec.security.flashEncryption"},
		{"DeviceClass", "{\"security\":{\"secureBoot\":\"V2\"}}",
		 "spec.security.secureBoot"},
		{"DeviceClass", "{\"ota\":{\"policy\":\"Manual\"}}", "spec.ota"},
		{"Device", "{\"firmware\":{\"version\":\"1\"}}", "spec.firmware.version"},
		{"Device", "{\"firmware\":{}}", NULL},
		{"DeviceGroup", "{\"selector\":{}}", NULL},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(json_t) object = spec_of(cases[i].spec);
		const char *path = model_object_unsupported(cases[i].kind, object);

		if (g_strcmp0(path, cases[i].path) != 0)
			fail_msg("%s %s: %s", cases[i].kind, cases[i].spec, path);
	}
}

static void every_error_has_its_reason(void **state)
{
	static const struct {
		ModelError code;
		const char *reason;
	} cases[] = {
		{MODEL_ERROR_SPEC_INVALID, "SpecInvalid"},
		{MODEL_ERROR_NOT_SUPPORTED, "NotSupportedYet"},
		{MODEL_ERROR_SECRET_NOT_FOUND, "SecretNotFound"},
		{MODEL_ERROR_SECRET_NOT_LABELLED, "SecretNotLabelled"},
		{MODEL_ERROR_SECRET_KEY_NOT_FOUND, "SecretKeyNotFound"},
		{MODEL_ERROR_CONFIG_MAP_NOT_FOUND, "ConfigMapNotFound"},
		{MODEL_ERROR_CONFIG_MAP_NOT_LABELLED, "ConfigMapNotLabelled"},
		{MODEL_ERROR_CONFIG_MAP_KEY_NOT_FOUND, "ConfigMapKeyNotFound"},
		{MODEL_ERROR_CONFLICT, "SettingConflict"},
		{MODEL_ERROR_TOO_LARGE, "ConfigTooLarge"},
		{MODEL_ERROR_SELECTOR, "SelectorInvalid"},
	};
	g_autoptr(GError) foreign = g_error_new(G_FILE_ERROR, 1, "x");

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = g_error_new(MODEL_ERROR, (gint)cases[i].code, "x");

		assert_string_equal(model_error_reason(error), cases[i].reason);
	}
	assert_string_equal(model_error_reason(foreign), "InternalError");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_metadata),
		cmocka_unit_test(reads_a_device),
		cmocka_unit_test(reads_a_class_with_its_defaults),
		cmocka_unit_test(reads_a_cluster_with_its_defaults),
		cmocka_unit_test(selects_devices_of_its_own_namespace),
		cmocka_unit_test(reads_a_storage),
		cmocka_unit_test(says_what_it_cannot_read),
		cmocka_unit_test(names_what_an_object_refers_to),
		cmocka_unit_test(names_the_first_field_whose_time_has_not_come),
		cmocka_unit_test(every_error_has_its_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
