#include "kube/suite.h"

enum { MANY = 520 }; /* more than one page */

static gboolean lists_more_than_a_page(Suite *suite, GError **error)
{
	KubeListOptions by_label = {.label_selector = "test=page"};
	KubeListOptions one_page = {.label_selector = "test=page", .limit = 100};
	g_autoptr(json_t) all = NULL;
	g_autoptr(json_t) page = NULL;
	g_autoptr(json_t) next = NULL;

	for (guint i = 0; i < MANY; i++) {
		g_autofree char *name = g_strdup_printf("page-%03u", i);
		g_autoptr(json_t) made =
			suite_create(suite, &kube_config_maps, suite_config_map(name), error);

		GOOD(made != NULL);
	}
	all = kube_list(suite->client, &kube_config_maps, suite->name_space, &by_label, error);
	GOOD(all != NULL);
	CHECK(json_array_size(json_object_get(all, "items")) == MANY, "%zu items",
	      json_array_size(json_object_get(all, "items")));
	CHECK(base_json_get(all, "metadata", "continue", NULL) == NULL, "a token is left");
	page = kube_list(suite->client, &kube_config_maps, suite->name_space, &one_page, error);
	GOOD(page != NULL);
	CHECK(json_array_size(json_object_get(page, "items")) == 100, "a page has another size");
	one_page.continue_ = base_json_get_string(page, "metadata", "continue", NULL);
	CHECK(one_page.continue_ != NULL, "no token");
	next = kube_list(suite->client, &kube_config_maps, suite->name_space, &one_page, error);
	GOOD(next != NULL);
	CHECK(g_strcmp0(kube_object_name(json_array_get(json_object_get(next, "items"), 0)),
			"page-100") == 0,
	      "the second page begins with %s",
	      kube_object_name(json_array_get(json_object_get(next, "items"), 0)));
	return TRUE;
}

static gboolean selects(Suite *suite, const KubeResource *resource, const char *labels,
			const char *fields, gsize expected, GError **error)
{
	KubeListOptions options = {.label_selector = labels, .field_selector = fields};
	g_autoptr(json_t) list =
		kube_list(suite->client, resource, suite->name_space, &options, error);
	gsize found;

	GOOD(list != NULL);
	found = json_array_size(json_object_get(list, "items"));
	CHECK(found == expected, "labels '%s' fields '%s': %zu instead of %zu",
	      labels != NULL ? labels : "", fields != NULL ? fields : "", found, expected);
	return TRUE;
}

static gboolean selects_by_labels_and_fields(Suite *suite, GError **error)
{
	static const struct {
		const char *labels, *fields;
		gsize expected;
	} table[] = {
		{"test=pick", NULL, 3},
		{"test==pick", NULL, 3},
		{"test in (pick,none)", NULL, 3},
		{"test=pick,site=north", NULL, 2},
		{"test=pick,site!=north", NULL, 1},
		{"test=pick,site notin (north)", NULL, 1},
		{"test=pick,!site", NULL, 1},
		{"test=pick,site", NULL, 2},
		{"test=none", NULL, 0},
		{"test=pick", "metadata.name=pick-1", 1},
		{"test=pick", "metadata.name!=pick-1", 2},
		{"test=pick", "spec.deviceClassReference.name=soil-probe", 3},
		{"test=pick", "spec.deviceClassReference.name=other", 0},
	};

	for (guint i = 1; i <= 3; i++) {
		g_autofree char *name = g_strdup_printf("pick-%u", i);
		json_t *device = suite_device(name);
		g_autoptr(json_t) made = NULL;

		if (i < 3)
			base_json_set_string(base_json_get(device, "metadata", "labels", NULL),
					     "site", "north");
		made = suite_create(suite, &kube_devices, device, error);
		GOOD(made != NULL);
	}
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
		GOOD(selects(suite, &kube_devices, table[i].labels, table[i].fields,
			     table[i].expected, error));
	return TRUE;
}

static gboolean refuses_a_field_that_is_not_selectable(Suite *suite, GError **error)
{
	KubeListOptions options = {.field_selector = "spec.location=shed"};
	g_autoptr(GError) fault = NULL;
	G_GNUC_UNUSED g_autoptr(json_t) none =
		kube_list(suite->client, &kube_devices, suite->name_space, &options, &fault);

	EXPECT(fault, KUBE_ERROR_BAD_REQUEST, "field label not supported: spec.location");
	return TRUE;
}

static gboolean metadata_brings_no_content(Suite *suite, GError **error)
{
	g_autoptr(json_t) made = suite_create(suite, &kube_secrets, suite_secret("meta"), error);
	KubeListOptions options = {.label_selector = "test=meta", .metadata_only = TRUE};
	g_autoptr(json_t) one = NULL;
	g_autoptr(json_t) list = NULL;
	const json_t *item;

	GOOD(made != NULL);
	one = kube_get_metadata(suite->client, &kube_secrets, suite->name_space, "meta", error);
	GOOD(one != NULL);
	CHECK(g_strcmp0(base_json_get_string(one, "kind", NULL), "PartialObjectMetadata") == 0,
	      "the server answered with a %s", base_json_get_string(one, "kind", NULL));
	CHECK(json_object_get(one, "data") == NULL, "it has data");
	CHECK(kube_object_uid(one) != NULL, "it has no uid");
	list = kube_list(suite->client, &kube_secrets, suite->name_space, &options, error);
	GOOD(list != NULL);
	CHECK(g_strcmp0(base_json_get_string(list, "kind", NULL), "PartialObjectMetadataList") == 0,
	      "the list is a %s", base_json_get_string(list, "kind", NULL));
	item = json_array_get(json_object_get(list, "items"), 0);
	CHECK(item != NULL && json_object_get(item, "data") == NULL, "an item has data");
	return TRUE;
}

static gboolean an_old_token_or_revision_is_refused(Suite *suite, GError **error)
{
	KubeListOptions options = {.limit = 1, .continue_ = "bm90IGEgdG9rZW4"};
	g_autoptr(GError) fault = NULL;
	G_GNUC_UNUSED g_autoptr(json_t) none =
		kube_list(suite->client, &kube_devices, suite->name_space, &options, &fault);

	EXPECT(fault, KUBE_ERROR_BAD_REQUEST, "continue");
	return TRUE;
}

const SuiteCase suite_selection_cases[] = {
	{"lists more than a page", lists_more_than_a_page, FALSE, FALSE},
	{"selects by labels and fields", selects_by_labels_and_fields, FALSE, FALSE},
	{"refuses a field that is not selectable", refuses_a_field_that_is_not_selectable, FALSE,
	 FALSE},
	{"metadata brings no content", metadata_brings_no_content, FALSE, FALSE},
	{"a damaged continue token is refused", an_old_token_or_revision_is_refused, FALSE, FALSE},
	{NULL, NULL, FALSE, FALSE},
};
