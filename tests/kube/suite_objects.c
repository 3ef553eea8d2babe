#include "kube/suite.h"

#include <string.h>

static gboolean creates_reads_updates_and_deletes(Suite *suite, GError **error)
{
	g_autoptr(json_t) made = suite_create(suite, &kube_devices, suite_device("crud"), error);
	g_autoptr(json_t) read = NULL;
	g_autoptr(json_t) changed = NULL;
	g_autoptr(json_t) again = NULL;
	g_autoptr(GError) fault = NULL;

	GOOD(made != NULL);
	CHECK(kube_object_uid(made) != NULL, "no uid");
	CHECK(kube_object_generation(made) == 1, "generation is not 1");
	read = kube_get(suite->client, &kube_devices, suite->name_space, "crud", error);
	GOOD(read != NULL);
	CHECK(g_strcmp0(kube_object_uid(read), kube_object_uid(made)) == 0, "another uid");
	json_object_set_new(json_object_get(read, "spec"), "displayName", json_string("Bed 3"));
	changed = kube_update(suite->client, &kube_devices, suite->name_space, "crud", NULL, read,
			      NULL, error);
	GOOD(changed != NULL);
	CHECK(kube_object_generation(changed) == 2, "generation did not rise");
	GOOD(kube_delete(suite->client, &kube_devices, suite->name_space, "crud", NULL, error));
	again = kube_get(suite->client, &kube_devices, suite->name_space, "crud", &fault);
	EXPECT(fault, KUBE_ERROR_NOT_FOUND, "devices.espalier.dev \"crud\" not found");
	CHECK(g_strcmp0(kube_error_reason(fault), "NotFound") == 0, "another reason");
	return TRUE;
}

static gboolean refuses_a_second_object_of_a_name(Suite *suite, GError **error)
{
	g_autoptr(json_t) made = suite_create(suite, &kube_devices, suite_device("twice"), error);
	g_autoptr(GError) fault = NULL;
	g_autoptr(json_t) second = NULL;

	GOOD(made != NULL);
	second = suite_create(suite, &kube_devices, suite_device("twice"), &fault);
	EXPECT(fault, KUBE_ERROR_ALREADY_EXISTS, "devices.espalier.dev \"twice\" already exists");
	return TRUE;
}

static gboolean refuses_an_object_in_no_namespace(Suite *suite, GError **error)
{
	g_autoptr(json_t) object = suite_device("nowhere");
	g_autoptr(GError) fault = NULL;
	G_GNUC_UNUSED g_autoptr(json_t) made = kube_create(
		suite->client, &kube_devices, "no-such-namespace", object, NULL, &fault);

	EXPECT(fault, KUBE_ERROR_NOT_FOUND, "namespaces \"no-such-namespace\" not found");
	return TRUE;
}

static gboolean an_update_of_an_old_version_conflicts(Suite *suite, GError **error)
{
	g_autoptr(json_t) old = suite_create(suite, &kube_devices, suite_device("race"), error);
	g_autoptr(json_t) patch = json_pack("{s:{s:s}}", "spec", "location", "north");
	g_autoptr(json_t) stale_patch = NULL;
	g_autoptr(json_t) now = NULL;
	g_autoptr(json_t) none = NULL;
	g_autoptr(GError) fault = NULL;

	GOOD(old != NULL);
	now = kube_merge_patch(suite->client, &kube_devices, suite->name_space, "race", NULL, patch,
			       NULL, error);
	GOOD(now != NULL);
	none = kube_update(suite->client, &kube_devices, suite->name_space, "race", NULL, old, NULL,
			   &fault);
	EXPECT(fault, KUBE_ERROR_CONFLICT, "the object has been modified");
	g_clear_error(&fault);
	stale_patch = json_pack("{s:{s:s}, s:{s:s}}", "metadata", "resourceVersion",
				kube_object_resource_version(old), "spec", "location", "south");
	none = kube_merge_patch(suite->client, &kube_devices, suite->name_space, "race", NULL,
				stale_patch, NULL, &fault);
	EXPECT(fault, KUBE_ERROR_CONFLICT, "the object has been modified");
	return TRUE;
}

static gboolean a_patch_that_changes_nothing_writes_nothing(Suite *suite, GError **error)
{
	g_autoptr(json_t) made = suite_create(suite, &kube_devices, suite_device("same"), error);
	g_autoptr(json_t) patch =
		json_pack("{s:{s:{s:s}}}", "spec", "deviceClassReference", "name", "soil-probe");
	g_autoptr(json_t) after = NULL;

	GOOD(made != NULL);
	after = kube_merge_patch(suite->client, &kube_devices, suite->name_space, "same", NULL,
				 patch, NULL, error);
	GOOD(after != NULL);
	CHECK(g_strcmp0(kube_object_resource_version(made), kube_object_resource_version(after)) ==
		      0,
	      "the resourceVersion moved");
	return TRUE;
}

static gboolean a_merge_patch_removes_with_null(Suite *suite, GError **error)
{
	g_autoptr(json_t) object = suite_device("null");
	g_autoptr(json_t) patch = json_pack("{s:{s:n}}", "spec", "displayName");
	g_autoptr(json_t) made = NULL;
	g_autoptr(json_t) after = NULL;

	json_object_set_new(json_object_get(object, "spec"), "displayName", json_string("Bed"));
	made = kube_create(suite->client, &kube_devices, suite->name_space, object, NULL, error);
	GOOD(made != NULL);
	after = kube_merge_patch(suite->client, &kube_devices, suite->name_space, "null", NULL,
				 patch, NULL, error);
	GOOD(after != NULL);
	CHECK(base_json_get(after, "spec", "displayName", NULL) == NULL, "it is still there");
	return TRUE;
}

/* Writes of large objects, statuses and Events ask for that: see KubeWriteOptions. */
static gboolean a_write_answers_with_metadata_alone(Suite *suite, GError **error)
{
	const KubeWriteOptions write = {.metadata_only = TRUE};
	g_autoptr(json_t) secret =
		json_pack("{s:s, s:s, s:{s:s}, s:{s:s}}", "apiVersion", "v1", "kind", "Secret",
			  "metadata", "name", "brief", "data", "key", "dmFsdWU=");
	g_autoptr(json_t) patch = json_pack("{s:{s:s}}", "data", "key", "b3RoZXI=");
	g_autoptr(json_t) state = json_pack("{s:{s:s}}", "status", "deviceCluster", "north");
	g_autoptr(json_t) made =
		kube_create(suite->client, &kube_secrets, suite->name_space, secret, &write, error);
	g_autoptr(json_t) device = NULL;
	g_autoptr(json_t) patched = NULL;
	g_autoptr(json_t) told = NULL;

	GOOD(made != NULL);
	patched = kube_merge_patch(suite->client, &kube_secrets, suite->name_space, "brief", NULL,
				   patch, &write, error);
	GOOD(patched != NULL);
	device = suite_create(suite, &kube_devices, suite_device("brief"), error);
	GOOD(device != NULL);
	told = kube_merge_patch(suite->client, &kube_devices, suite->name_space, "brief", "status",
				state, &write, error);
	GOOD(told != NULL);
	const json_t *const answers[] = {made, patched, told};

	for (gsize i = 0; i < G_N_ELEMENTS(answers); i++) {
		CHECK(g_strcmp0(base_json_get_string(answers[i], "kind", NULL),
				"PartialObjectMetadata") == 0,
		      "another kind");
		CHECK(kube_object_resource_version(answers[i]) != NULL, "no version");
		CHECK(json_object_get(answers[i], "data") == NULL &&
			      json_object_get(answers[i], "status") == NULL,
		      "more than metadata");
	}
	return TRUE;
}

static gboolean a_json_patch_tests_before_it_writes(Suite *suite, GError **error)
{
	g_autoptr(json_t) made = suite_create(suite, &kube_devices, suite_device("test"), error);
	g_autoptr(json_t) good =
		json_pack("[{s:s,s:s,s:s},{s:s,s:s,s:s}]", "op", "test", "path", "/metadata/name",
			  "value", "test", "op", "add", "path", "/spec/location", "value", "shed");
	g_autoptr(json_t) bad =
		json_pack("[{s:s,s:s,s:s},{s:s,s:s,s:s}]", "op", "test", "path", "/metadata/name",
			  "value", "other", "op", "add", "path", "/spec/location", "value", "roof");
	g_autoptr(json_t) after = NULL;
	g_autoptr(json_t) none = NULL;
	g_autoptr(GError) fault = NULL;

	GOOD(made != NULL);
	after = kube_json_patch(suite->client, &kube_devices, suite->name_space, "test", NULL, good,
				NULL, error);
	GOOD(after != NULL);
	CHECK(g_strcmp0(base_json_get_string(after, "spec", "location", NULL), "shed") == 0,
	      "it was not written");
	none = kube_json_patch(suite->client, &kube_devices, suite->name_space, "test", NULL, bad,
			       NULL, &fault);
	EXPECT(fault, KUBE_ERROR_INVALID, "");
	return TRUE;
}

static gboolean a_dry_run_stores_nothing(Suite *suite, GError **error)
{
	g_autoptr(json_t) object = suite_device("dry");
	KubeWriteOptions options = {.dry_run = TRUE};
	g_autoptr(json_t) answer = kube_create(suite->client, &kube_devices, suite->name_space,
					       object, &options, error);
	g_autoptr(json_t) none = NULL;
	g_autoptr(GError) fault = NULL;

	GOOD(answer != NULL);
	CHECK(g_strcmp0(kube_object_name(answer), "dry") == 0, "the answer is no object");
	none = kube_get(suite->client, &kube_devices, suite->name_space, "dry", &fault);
	EXPECT(fault, KUBE_ERROR_NOT_FOUND, "not found");
	return TRUE;
}

static gboolean status_and_spec_are_written_apart(Suite *suite, GError **error)
{
	g_autoptr(json_t) object = suite_device("status");
	g_autoptr(json_t) made = NULL;
	g_autoptr(json_t) status = NULL;
	g_autoptr(json_t) read = NULL;
	g_autoptr(json_t) patch = json_pack("{s:{s:s}, s:{s:s}}", "spec", "location", "shed",
					    "status", "address", "10.0.0.9");
	g_autoptr(json_t) after = NULL;
	gboolean written = FALSE;

	json_object_set_new(object, "status", json_pack("{s:s}", "address", "10.0.0.1"));
	made = kube_create(suite->client, &kube_devices, suite->name_space, object, NULL, error);
	GOOD(made != NULL);
	CHECK(json_object_get(made, "status") == NULL, "a create wrote the status");
	status = kube_status_copy(made);
	kube_condition_set(status, "Ready", KUBE_TRUE, "Ready", kube_object_generation(made),
			   "all is done");
	GOOD(kube_status_write(suite->client, &kube_devices, made, status, &written, error));
	CHECK(written, "the status was not written");
	read = kube_get(suite->client, &kube_devices, suite->name_space, "status", error);
	GOOD(read != NULL);
	CHECK(kube_condition_is_true(json_object_get(read, "status"), "Ready"), "it is not there");
	CHECK(kube_object_generation(read) == 1, "a status moved the generation");
	GOOD(kube_status_write(suite->client, &kube_devices, read, status, &written, error));
	CHECK(!written, "the same status was written again");
	after = kube_merge_patch(suite->client, &kube_devices, suite->name_space, "status", NULL,
				 patch, NULL, error);
	GOOD(after != NULL);
	CHECK(kube_object_generation(after) == 2, "a spec did not move the generation");
	CHECK(base_json_get(after, "status", "address", NULL) == NULL,
	      "a write of the object wrote the status");
	return TRUE;
}

static gboolean an_unknown_field_is_refused_or_warned_about(Suite *suite, GError **error)
{
	g_autoptr(json_t) object = suite_device("unknown");
	g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);
	KubeWriteOptions strict = {.field_validation = "Strict"};
	KubeWriteOptions warn = {.field_validation = "Warn", .warnings = warnings};
	g_autoptr(json_t) none = NULL;
	g_autoptr(json_t) made = NULL;
	g_autoptr(GError) fault = NULL;

	json_object_set_new(json_object_get(object, "spec"), "bogus", json_integer(1));
	none = kube_create(suite->client, &kube_devices, suite->name_space, object, &strict,
			   &fault);
	EXPECT(fault, KUBE_ERROR_BAD_REQUEST,
	       "strict decoding error: unknown field \"spec.bogus\"");
	made = kube_create(suite->client, &kube_devices, suite->name_space, object, &warn, error);
	GOOD(made != NULL);
	CHECK(warnings->len == 1, "%u warnings", warnings->len);
	CHECK(g_strcmp0(warnings->pdata[0], "unknown field \"spec.bogus\"") == 0, "warning: %s",
	      (char *)warnings->pdata[0]);
	CHECK(base_json_get(made, "spec", "bogus", NULL) == NULL, "it was stored");
	return TRUE;
}

static gboolean a_refusal_names_the_field(Suite *suite, GError **error)
{
	g_autoptr(json_t) object = suite_device("invalid");
	g_autoptr(json_t) none = NULL;
	g_autoptr(GError) fault = NULL;
	const GPtrArray *causes;
	const KubeErrorCause *cause;

	json_object_set_new(
		json_object_get(object, "spec"), "settings",
		json_pack("[{s:s,s:s,s:s}]", "namespace", "wifi", "key", "", "value", "x"));
	none = kube_create(suite->client, &kube_devices, suite->name_space, object, NULL, &fault);
	EXPECT(fault, KUBE_ERROR_INVALID, "Device.espalier.dev \"invalid\" is invalid");
	causes = kube_error_causes(fault);
	CHECK(causes != NULL && causes->len >= 1, "no causes");
	cause = causes->pdata[0];
	CHECK(g_strcmp0(cause->field, "spec.settings[0].key") == 0, "field %s", cause->field);
	CHECK(g_strcmp0(cause->reason, "FieldValueInvalid") == 0, "reason %s", cause->reason);
	return TRUE;
}

static gboolean a_deletion_keeps_its_precondition(Suite *suite, GError **error)
{
	g_autoptr(json_t) made = suite_create(suite, &kube_devices, suite_device("uid"), error);
	KubeDeleteOptions wrong = {.uid = "00000000-0000-4000-8000-000000000000"};
	KubeDeleteOptions right = {0};
	g_autoptr(GError) fault = NULL;

	GOOD(made != NULL);
	kube_delete(suite->client, &kube_devices, suite->name_space, "uid", &wrong, &fault);
	EXPECT(fault, KUBE_ERROR_CONFLICT, "recondition");
	right.uid = kube_object_uid(made);
	return kube_delete(suite->client, &kube_devices, suite->name_space, "uid", &right, error);
}

static gboolean a_finalizer_holds_the_deletion(Suite *suite, GError **error)
{
	g_autoptr(json_t) made = suite_create(suite, &kube_devices, suite_device("held"), error);
	g_autoptr(json_t) held = NULL;
	g_autoptr(json_t) dying = NULL;
	g_autoptr(json_t) none = NULL;
	g_autoptr(GError) fault = NULL;

	GOOD(made != NULL);
	held = kube_add_finalizer(suite->client, &kube_devices, made, "espalier.dev/device", error);
	GOOD(held != NULL);
	CHECK(kube_object_has_finalizer(held, "espalier.dev/device"), "no finalizer");
	none = kube_add_finalizer(suite->client, &kube_devices, made, "espalier.dev/device",
				  &fault);
	EXPECT(fault, KUBE_ERROR_CONFLICT, "'held' changed since it was read");
	g_clear_error(&fault);
	GOOD(kube_delete(suite->client, &kube_devices, suite->name_space, "held", NULL, error));
	dying = kube_get(suite->client, &kube_devices, suite->name_space, "held", error);
	GOOD(dying != NULL);
	CHECK(kube_object_is_deleting(dying), "no deletionTimestamp");
	GOOD(kube_remove_finalizer(suite->client, &kube_devices, dying, "espalier.dev/device",
				   error));
	none = kube_get(suite->client, &kube_devices, suite->name_space, "held", &fault);
	EXPECT(fault, KUBE_ERROR_NOT_FOUND, "not found");
	/* Once more, on an object that is gone. */
	return kube_remove_finalizer(suite->client, &kube_devices, dying, "espalier.dev/device",
				     error);
}

static gboolean is_gone(gpointer user_data)
{
	Suite *suite = user_data;
	g_autoptr(GError) fault = NULL;
	G_GNUC_UNUSED g_autoptr(json_t) secret =
		kube_get(suite->client, &kube_secrets, suite->name_space, "child", &fault);

	return g_error_matches(fault, KUBE_ERROR, KUBE_ERROR_NOT_FOUND);
}

static gboolean what_is_owned_goes_with_its_owner(Suite *suite, GError **error)
{
	g_autoptr(json_t) owner = suite_create(suite, &kube_devices, suite_device("owner"), error);
	g_autoptr(json_t) child = suite_secret("child");
	g_autoptr(json_t) made = NULL;
	KubeRef reference;

	GOOD(owner != NULL);
	reference = kube_ref_of(&kube_devices, owner);
	json_object_set_new(json_object_get(child, "metadata"), "ownerReferences",
			    json_pack("[o]", kube_owner_reference(&reference)));
	made = kube_create(suite->client, &kube_secrets, suite->name_space, child, NULL, error);
	GOOD(made != NULL);
	CHECK(kube_is_owned_by(made, kube_object_uid(owner)), "it has no owner");
	GOOD(kube_delete(suite->client, &kube_devices, suite->name_space, "owner", NULL, error));
	/* A real garbage collector looks for new kinds every 30 s. */
	CHECK(suite_wait(is_gone, suite, 60), "the child is still there");
	return TRUE;
}

static gboolean a_wrong_token_is_unauthorized(Suite *suite, GError **error)
{
	g_autoptr(KubeConfig) config = kube_config_load(suite->kubeconfig, NULL, error);
	g_autoptr(KubeClient) stranger = NULL;
	g_autoptr(json_t) none = NULL;
	g_autoptr(GError) fault = NULL;

	GOOD(config != NULL);
	g_free(config->token);
	config->token = g_strdup("wrong");
	stranger = kube_client_new(config, error);
	GOOD(stranger != NULL);
	none = kube_get(stranger, &kube_namespaces, NULL, "default", &fault);
	EXPECT(fault, KUBE_ERROR_UNAUTHORIZED, "Unauthorized");
	return TRUE;
}

const SuiteCase suite_object_cases[] = {
	{"creates, reads, updates and deletes", creates_reads_updates_and_deletes, FALSE, FALSE},
	{"refuses a second object of a name", refuses_a_second_object_of_a_name, FALSE, FALSE},
	{"refuses an object in no namespace", refuses_an_object_in_no_namespace, FALSE, FALSE},
	{"an update of an old version conflicts", an_update_of_an_old_version_conflicts, FALSE,
	 FALSE},
	{"a patch that changes nothing writes nothing", a_patch_that_changes_nothing_writes_nothing,
	 FALSE, FALSE},
	{"a merge patch removes with null", a_merge_patch_removes_with_null, FALSE, FALSE},
	{"a write answers with metadata alone", a_write_answers_with_metadata_alone, FALSE, FALSE},
	{"a JSON patch tests before it writes", a_json_patch_tests_before_it_writes, FALSE, FALSE},
	{"a dry run stores nothing", a_dry_run_stores_nothing, FALSE, FALSE},
	{"status and spec are written apart", status_and_spec_are_written_apart, FALSE, FALSE},
	{"an unknown field is refused or warned about", an_unknown_field_is_refused_or_warned_about,
	 FALSE, FALSE},
	{"a refusal names the field", a_refusal_names_the_field, FALSE, FALSE},
	{"a deletion keeps its precondition", a_deletion_keeps_its_precondition, FALSE, FALSE},
	{"a finalizer holds the deletion", a_finalizer_holds_the_deletion, FALSE, FALSE},
	{"what is owned goes with its owner", what_is_owned_goes_with_its_owner, FALSE, FALSE},
	{"a wrong token is unauthorized", a_wrong_token_is_unauthorized, FALSE, FALSE},
	{NULL, NULL, FALSE, FALSE},
};
