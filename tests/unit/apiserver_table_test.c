#include "apiserver/columns.h"
#include "apiserver/table.h"
#include "base/clock.h"
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define TABLE "application/json;as=Table;v=v1;g=meta.k8s.io"
#define METADATA "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

static void gives_the_form_that_is_asked_for(void **state)
{
	static const struct {
		const char *accept;
		ApiForm form;
	} cases[] = {
		{NULL, API_FORM_OBJECT},
		{"", API_FORM_OBJECT},
		{"*/*", API_FORM_OBJECT},
		{"application/json", API_FORM_OBJECT},
		{"application/vnd.kubernetes.protobuf,application/json", API_FORM_OBJECT},
		{"application/vnd.kubernetes.protobuf", API_FORM_OBJECT},
		{"application/xml", API_FORM_OBJECT},
		{TABLE, API_FORM_TABLE},
		{TABLE ",application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
		 API_FORM_TABLE},
		{"application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
		 API_FORM_OBJECT},
		{"application/json, " TABLE, API_FORM_OBJECT},
		{METADATA, API_FORM_METADATA},
		{"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
		 API_FORM_METADATA},
		{"application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,"
		 "application/json; as=PartialObjectMetadata; g=meta.k8s.io; v=v1,application/json",
		 API_FORM_METADATA},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		if (api_form_of_accept(cases[i].accept) != cases[i].form)
			fail_msg("%s", cases[i].accept);
	}
}

static void reads_what_rows_should_carry(void **state)
{
	ApiInclude include = API_INCLUDE_NONE;

	(void)state;
	assert_true(api_include_parse(NULL, &include));
	assert_int_equal(include, API_INCLUDE_METADATA);
	assert_true(api_include_parse("Object", &include));
	assert_int_equal(include, API_INCLUDE_OBJECT);
	assert_false(api_include_parse("x", &include));
	assert_int_equal(include, API_INCLUDE_OBJECT);
}

static json_t *parse(const char *text)
{
	json_t *value = json_loads(text, 0, NULL);

	if (value == NULL)
		fail_msg("not JSON: %s", text);
	return value;
}

/* Cells of the kinds; "AGO" in an object stands for a time five hours ago. */
static const struct {
	const char *group, *version, *plural, *object, *cells;
} rows[] = {
	{"", "v1", "namespaces",
	 "{'metadata':{'name':'default','creationTimestamp':'AGO'},'status':{'phase':'Active'}}",
	 "['default','Active','5h']"},
	{"", "v1", "secrets",
	 "{'metadata':{'name':'s','creationTimestamp':'AGO'},'type':'Opaque','data':{'a':'','b':''}"
	 "}",
	 "['s','Opaque',2,'5h']"},
	{"", "v1", "configmaps", "{'metadata':{'name':'c'},'data':{'a':''},'binaryData':{'b':''}}",
	 "['c',2,'<unknown>']"},
	{"", "v1", "events",
	 "{'metadata':{'name':'e1'},'involvedObject':{'kind':'ConfigMap','name':'x'},'reason':'R',"
	 "'message':' m ','type':'Normal','source':{},'firstTimestamp':null}",
	 "['<unknown>','Normal','R','configmap/x','','','m','<unknown>',1,'e1']"},
	{"events.k8s.io", "v1", "events",
	 "{'metadata':{'name':'e2'},'regarding':{'kind':'Device'},'reason':'R','note':'m','type':"
	 "'Warning','eventTime':'AGO','reportingController':'espalier.dev/c','reportingInstance':"
	 "'i','series':{'count':3,'lastObservedTime':'AGO'}}",
	 "['5h','Warning','R','device','','espalier.dev/c, i','m','5h',3,'e2']"},
	{"", "v1", "events",
	 "{'metadata':{'name':'e3'},'involvedObject':{'kind':'Device','name':'d','fieldPath':'spec'"
	 "},"
	 "'lastTimestamp':'AGO','count':4,'source':{'component':'c','host':'h'}}",
	 "['5h','','','device/d','spec','c, h','','<unknown>',4,'e3']"},
	{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
	 "{'metadata':{'name':'devices.espalier.dev','creationTimestamp':'2026-01-02T03:04:05Z'}}",
	 "['devices.espalier.dev','2026-01-02T03:04:05Z']"},
	{"espalier.dev", "v1alpha1", "devices",
	 "{'metadata':{'name':'d1','creationTimestamp':'AGO'},'spec':{'deviceClassReference':{'"
	 "name':"
	 "'probe'}},'status':{'conditions':[{'type':'Stalled','status':'x'},{'type':'Ready','"
	 "status':"
	 "'True','message':'all done'},{'type':'Connected','status':'False'}],'lastSeen':'AGO',"
	 "'rssi':-60,'address':'10.0.0.7','firmware':{'running':'1.4.2'}}}",
	 "['d1','probe','True',null,'False',null,'1.4.2','5h','5h','all done','10.0.0.7',-60]"},
	{"espalier.dev", "v1alpha1", "devices",
	 "{'metadata':{'name':'d2'},'status':{'lastSeen':'never','rssi':'loud'}}",
	 "['d2',null,null,null,null,null,null,'<invalid>',null,null,null,null]"},
};

static char *quoted(const char *text, const char *ago)
{
	g_autoptr(GString) out = g_string_new(text);

	g_string_replace(out, "'", "\"", 0);
	g_string_replace(out, "AGO", ago, 0);
	return g_strdup(out->str);
}

static void prints_the_cells_of_every_kind(void **state)
{
	g_autofree char *ago =
		base_clock_format_time(base_clock_wall_us() - (gint64)5 * 3600 * G_USEC_PER_SEC);

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		const ApiKind *kind = api_kind_find(rows[i].group, rows[i].version, rows[i].plural);
		g_autofree char *text = quoted(rows[i].object, ago);
		g_autofree char *wanted = quoted(rows[i].cells, ago);
		g_autoptr(json_t) object = parse(text);
		g_autoptr(json_t) table =
			api_form_object(kind, API_FORM_TABLE, API_INCLUDE_METADATA, object, TRUE);
		const json_t *row = json_array_get(json_object_get(table, "rows"), 0);
		g_autofree char *cells = base_json_dump(json_object_get(row, "cells"), NULL);

		assert_string_equal(cells, wanted);
		assert_int_equal(json_array_size(json_object_get(table, "columnDefinitions")),
				 json_array_size(json_object_get(row, "cells")));
		assert_string_equal(base_json_get_string(row, "object", "kind", NULL),
				    "PartialObjectMetadata");
	}
}

static void a_row_carries_what_was_asked_for(void **state)
{
	const ApiKind *kind = api_kind_find("", "v1", "secrets");
	g_autoptr(json_t) object = parse("{\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\","
					 "\"resourceVersion\":\"7\"},\"data\":{}}");
	g_autoptr(json_t) whole =
		api_form_object(kind, API_FORM_TABLE, API_INCLUDE_OBJECT, object, FALSE);
	g_autoptr(json_t) none =
		api_form_object(kind, API_FORM_TABLE, API_INCLUDE_NONE, object, TRUE);
	g_autoptr(json_t) partial =
		api_form_object(kind, API_FORM_METADATA, API_INCLUDE_NONE, object, TRUE);
	g_autofree char *text = base_json_dump(partial, NULL);

	(void)state;
	assert_true(json_equal(
		json_object_get(json_array_get(json_object_get(whole, "rows"), 0), "object"),
		object));
	assert_true(json_is_null(json_object_get(whole, "columnDefinitions")));
	assert_string_equal(base_json_get_string(whole, "metadata", "resourceVersion", NULL), "7");
	assert_null(json_object_get(json_array_get(json_object_get(none, "rows"), 0), "object"));
	assert_string_equal(text, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":"
				  "\"meta.k8s.io/v1\",\"metadata\":{\"name\":\"s\","
				  "\"resourceVersion\":\"7\"}}");
}

/* What a list of the texts `a` and `b` looks like. */
static void assert_list(ApiForm form, const char *continue_token, gint64 remaining,
			const char *expected)
{
	static const char a[] = "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\"}}";
	static const char b[] = "{\"metadata\":{\"name\":\"b\"}}";
	const ApiKind *kind = api_kind_find("", "v1", "configmaps");
	ApiList *list = api_list_new(kind, form, API_INCLUDE_NONE);
	g_autoptr(GBytes) bytes = g_bytes_new_static(a, sizeof(a) - 1);
	g_autoptr(json_t) object = parse(b);
	g_autoptr(GBytes) body = NULL;

	assert_true(api_list_add(list, bytes, NULL, NULL));
	assert_true(api_list_add(list, NULL, object, NULL));
	body = api_list_finish(list, 12, continue_token, remaining);
	if (g_bytes_get_size(body) != strlen(expected) ||
	    memcmp(g_bytes_get_data(body, NULL), expected, strlen(expected)) != 0)
		fail_msg("got %.*s", (int)g_bytes_get_size(body),
			 (const char *)g_bytes_get_data(body, NULL));
}

static void writes_lists_in_every_form(void **state)
{
	(void)state;
	assert_list(API_FORM_OBJECT, NULL, -1,
		    "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{"
		    "\"resourceVersion\":\"12\"},\"items\":[{\"metadata\":{\"name\":\"a\"},"
		    "\"data\":{\"k\":\"v\"}},{\"metadata\":{\"name\":\"b\"}}]}");
	assert_list(API_FORM_METADATA, "abc", 5,
		    "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/v1\","
		    "\"metadata\":{\"resourceVersion\":\"12\",\"continue\":\"abc\","
		    "\"remainingItemCount\":5},\"items\":[{\"kind\":\"PartialObjectMetadata\","
		    "\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{\"name\":\"a\"}},{\"kind\":"
		    "\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{"
		    "\"name\":\"b\"}}]}");
	assert_list(
		API_FORM_TABLE, "", -1,
		"{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{"
		"\"resourceVersion\":\"12\"},\"columnDefinitions\":[{\"name\":\"Name\",\"type\":"
		"\"string\",\"format\":\"name\",\"description\":\"Name, unique within the "
		"namespace.\",\"priority\":0},{\"name\":\"Data\",\"type\":\"string\",\"format\":"
		"\"\",\"description\":\"Number of keys.\",\"priority\":0},{\"name\":\"Age\","
		"\"type\":\"string\",\"format\":\"\",\"description\":\"Time since the object was "
		"made.\",\"priority\":0}],\"rows\":[{\"cells\":[\"a\",1,\"<unknown>\"]},{"
		"\"cells\":[\"b\",0,\"<unknown>\"]}]}");
}

static void refuses_items_that_are_not_json(void **state)
{
	g_autoptr(ApiList) list = api_list_new(api_kind_find("", "v1", "secrets"), API_FORM_TABLE,
					       API_INCLUDE_METADATA);
	g_autoptr(GBytes) bytes = g_bytes_new_static("{", 1);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_false(api_list_add(list, bytes, NULL, &error));
	assert_non_null(error);
}

static void knows_every_kind_by_its_names(void **state)
{
	static const char *const ours[] = {"storages", "deviceclusters", "deviceclasses",
					   "devicegroups", "devices"};
	gsize n = 0;
	const ApiKind *kinds = api_kinds(&n);

	(void)state;
	assert_int_equal(n, 14);
	assert_string_equal(kinds[0].group, "");
	for (gsize i = 0; i < G_N_ELEMENTS(ours); i++) {
		const ApiKind *kind = api_kind_find("espalier.dev", "v1alpha1", ours[i]);

		assert_non_null(kind);
		assert_string_equal(kind->categories[0], "espalier");
		assert_true(kind->has_status);
		assert_false(kind->strategic);
		assert_int_equal(kind->rules, API_RULES_SCHEMA);
		assert_ptr_equal(api_kind_find_by_kind("espalier.dev", "v1alpha1", kind->kind),
				 kind);
	}
	assert_null(api_kind_find("", "v1", "pods"));
	assert_null(api_kind_find("espalier.dev", "v1", "devices"));
	for (gsize i = 1; i < n; i++) /* a group's rows stand together: discovery counts on it */
		for (gsize j = 0; j + 1 < i; j++)
			if (g_str_equal(kinds[i].group, kinds[j].group))
				assert_string_equal(kinds[i].group, kinds[i - 1].group);
}

static void finds_the_fields_that_may_be_selected(void **state)
{
	static const struct {
		const char *group, *version, *plural, *field, *value;
	} cases[] = {
		{"", "v1", "secrets", "type", "Opaque"},
		{"", "v1", "secrets", "metadata.name", "n"},
		{"", "v1", "secrets", "metadata.namespace", "ns"},
		{"", "v1", "secrets", "data.a", NULL},
		{"", "v1", "namespaces", "metadata.namespace", NULL},
		{"", "v1", "events", "involvedObject.uid", "u"},
		{"", "v1", "events", "involvedObject.namespace", ""},
		{"", "v1", "events", "source", "c"},
		{"", "v1", "events", "regarding.uid", NULL},
		{"events.k8s.io", "v1", "events", "regarding.uid", "u"},
		{"events.k8s.io", "v1", "events", "reportingController", "r"},
		{"espalier.dev", "v1alpha1", "devices", "spec.deviceClassReference.name", "p"},
		{"espalier.dev", "v1alpha1", "devices", "spec.suspended", NULL},
	};
	g_autoptr(json_t) object =
		parse("{\"type\":\"Opaque\",\"metadata\":{\"name\":\"n\",\"namespace\":\"ns\"},"
		      "\"involvedObject\":{\"uid\":\"u\"},\"source\":{\"component\":\"c\"},"
		      "\"reportingComponent\":\"r\",\"spec\":{\"deviceClassReference\":{\"name\":"
		      "\"p\"}}}");

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		const ApiKind *kind =
			api_kind_find(cases[i].group, cases[i].version, cases[i].plural);
		char scratch[API_FIELD_SCRATCH_BYTES];

		assert_int_equal(api_kind_selects(kind, cases[i].field), cases[i].value != NULL);
		if (cases[i].value != NULL)
			assert_string_equal(api_kind_field(kind, object, cases[i].field, scratch),
					    cases[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_form_that_is_asked_for),
		cmocka_unit_test(reads_what_rows_should_carry),
		cmocka_unit_test(prints_the_cells_of_every_kind),
		cmocka_unit_test(a_row_carries_what_was_asked_for),
		cmocka_unit_test(writes_lists_in_every_form),
		cmocka_unit_test(refuses_items_that_are_not_json),
		cmocka_unit_test(knows_every_kind_by_its_names),
		cmocka_unit_test(finds_the_fields_that_may_be_selected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
