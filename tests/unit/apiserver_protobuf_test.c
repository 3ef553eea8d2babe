#include "apiserver/protobuf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MAGIC "6b387300"

/* Bodies: {hex, JSON} or {hex, NULL, code, message}. The first is what kubectl 1.34 sends for
 * `create secret generic s1 --from-literal=a=b`. */
static const struct {
	const char *what, *hex, *json;
	BaseError code;
	const char *message;
} bodies[] = {
	{"a Secret of kubectl",
	 MAGIC "0a0c0a0276311206536563726574121e0a120a02733112001a0022002a003200"
	       "3800420012060a01611201621a001a002200",
	 "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s1\",\"generation\":"
	 "0},"
	 "\"data\":{\"a\":\"Yg==\"}}",
	 0, NULL},
	{"a ConfigMap with labels, a time and an owner",
	 MAGIC "0a0f0a0276311209436f6e6669674d617012360a2c0a016342060880e2cfaa06"
	       "5a060a016b1201766a140a044b696e641a016e2201752a027631300138007201"
	       "6612060a0161120162",
	 "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
	 "\"creationTimestamp\":\"2023-11-14T22:13:20Z\",\"labels\":{\"k\":\"v\"},"
	 "\"ownerReferences\":[{\"kind\":\"Kind\",\"name\":\"n\",\"uid\":\"u\",\"apiVersion\":"
	 "\"v1\","
	 "\"controller\":true,\"blockOwnerDeletion\":false}],\"finalizers\":[\"f\"]},\"data\":{"
	 "\"a\":\"b\"}}",
	 0, NULL},
	{"DeleteOptions",
	 MAGIC "0a130a027631120d44656c6574654f7074696f6e73121b080012030a01751801"
	       "22064f727068616e2a03416c6c2a03466f6f",
	 "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"gracePeriodSeconds\":0,"
	 "\"preconditions\":{\"uid\":\"u\"},\"orphanDependents\":true,\"propagationPolicy\":"
	 "\"Orphan\",\"dryRun\":[\"All\",\"Foo\"]}",
	 0, NULL},
	{"unknown fields of every wire type",
	 MAGIC "0a0c0a02763112065365637265741217a00601a1060000000000000000a50600"
	       "000000aa060158",
	 "{\"apiVersion\":\"v1\",\"kind\":\"Secret\"}", 0, NULL},
	{"no object at all", MAGIC "0a0c0a0276311206536563726574",
	 "{\"apiVersion\":\"v1\",\"kind\":\"Secret\"}", 0, NULL},

	{"nothing", "", NULL, BASE_ERROR_INVALID,
	 "protobuf: provided data does not appear to be a protobuf message, expected prefix [107 "
	 "56 "
	 "115 0]"},
	{"JSON", "7b7d7b7d7b7d", NULL, BASE_ERROR_INVALID,
	 "protobuf: provided data does not appear to be a protobuf message, expected prefix [107 "
	 "56 "
	 "115 0]"},
	{"a kind that is not known", MAGIC "0a090a0276311203506f64", NULL, BASE_ERROR_NOT_FOUND,
	 "protobuf: objects of kind \"Pod\" are taken as JSON only"},
	{"no kind", MAGIC, NULL, BASE_ERROR_NOT_FOUND,
	 "protobuf: objects of kind \"\" are taken as JSON only"},
	{"a length past the end", MAGIC "0a7f", NULL, BASE_ERROR_INVALID,
	 "protobuf: a field is longer than what is left of the body"},
	{"a length near 2^64", MAGIC "0affffffffffffffffff01", NULL, BASE_ERROR_INVALID,
	 "protobuf: a field is longer than what is left of the body"},
	{"a number without end", MAGIC "ffffffffffffffffffffff", NULL, BASE_ERROR_INVALID,
	 "protobuf: a number does not end"},
	{"a group", MAGIC "0b", NULL, BASE_ERROR_INVALID,
	 "protobuf: a field has an unknown wire type"},
	{"a name that is not UTF-8", MAGIC "0a0c0a027631120653656372657412050a030a01ff", NULL,
	 BASE_ERROR_INVALID, "protobuf: field name is not UTF-8"},
	{"a name as a number", MAGIC "0a0c0a027631120653656372657412040a020801", NULL,
	 BASE_ERROR_INVALID, "protobuf: field name has the wrong wire type"},
	{"a key with a NUL", MAGIC "0a0c0a0276311206536563726574120712050a03610062", NULL,
	 BASE_ERROR_INVALID, "protobuf: field data is not UTF-8"},
	{"a time after the year 9999",
	 MAGIC "0a0c0a0276311206536563726574120e0a0c420a08808080808080808040", NULL,
	 BASE_ERROR_INVALID, "protobuf: field creationTimestamp is not a time"},
	{"an encoding within", MAGIC "0a0c0a02763112065365637265741a04677a6970", NULL,
	 BASE_ERROR_INVALID, "protobuf: the object within has an encoding of its own"},
};

static void reads_bodies_and_says_what_is_wrong_with_them(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(bodies); i++) {
		g_autoptr(GBytes) bytes = base_unhex(bodies[i].hex);
		g_autoptr(GError) error = NULL;
		g_autoptr(json_t) object = NULL;
		gsize size_bytes = 0;
		const guint8 *data;

		if (bytes == NULL)
			fail_msg("%s: not hex", bodies[i].what);
		data = g_bytes_get_data(bytes, &size_bytes);
		object = api_protobuf_decode(data, size_bytes, &error);
		if (bodies[i].json != NULL) {
			g_autofree char *text = object == NULL ? g_strdup(error->message)
							       : base_json_dump(object, NULL);

			if (!g_str_equal(text, bodies[i].json))
				fail_msg("%s: %s", bodies[i].what, text);
		} else {
			assert_null(object);
			assert_string_equal(error->message, bodies[i].message);
			assert_true(g_error_matches(error, BASE_ERROR, (int)bodies[i].code));
		}
	}
}

static void every_cut_body_is_read_or_refused(void **state)
{
	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(bodies); i++) {
		g_autoptr(GBytes) bytes = base_unhex(bodies[i].hex);
		gsize size_bytes = 0;
		const guint8 *data = g_bytes_get_data(bytes, &size_bytes);

		for (gsize cut = 0; cut < size_bytes; cut++) {
			g_autofree guint8 *part = g_memdup2(data, cut);
			g_autoptr(GError) error = NULL;
			g_autoptr(json_t) object = api_protobuf_decode(part, cut, &error);

			assert_true((object == NULL) == (error != NULL));
		}
	}
}

static void refuses_more_fields_and_bytes_than_are_allowed(void **state)
{
	g_autoptr(GByteArray) body = g_byte_array_new();
	g_autoptr(GBytes) head = base_unhex(MAGIC);
	g_autofree guint8 *large = g_malloc0(API_PROTOBUF_MAX_BYTES + 1);
	g_autoptr(GError) error = NULL;
	g_autoptr(GError) too_large = NULL;

	(void)state;
	g_byte_array_append(body, g_bytes_get_data(head, NULL), 4);
	for (guint i = 0; i <= API_PROTOBUF_MAX_ENTRIES; i++)
		g_byte_array_append(body, (const guint8 *)"\x20\x01", 2);
	assert_null(api_protobuf_decode(body->data, body->len, &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_TOO_LARGE));
	assert_string_equal(error->message, "protobuf: more than 65536 fields");

	assert_null(api_protobuf_decode(large, API_PROTOBUF_MAX_BYTES + 1, &too_large));
	assert_true(g_error_matches(too_large, BASE_ERROR, BASE_ERROR_TOO_LARGE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_bodies_and_says_what_is_wrong_with_them),
		cmocka_unit_test(every_cut_body_is_read_or_refused),
		cmocka_unit_test(refuses_more_fields_and_bytes_than_are_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
