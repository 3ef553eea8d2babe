#include "cmd/apply.h"

#include "cmd/apply_patch.h"
#include "cmd/commands.h"
#include "cmd/connect.h"
#include "cmd/manifests.h"
#include "cmd/resources.h"
#include "cmd/wait.h"

#include "model/object.h"

#include <stdio.h>
#include <string.h>

enum {
	THREADS = 8, /* so that a server with group commit can join their writes */
	MAX_TRIES = 5,
};

/* What comes first: what others need. */
static const KubeResource *const order[] = {
	&kube_namespaces,      &kube_config_maps,    &kube_secrets,       &kube_storages,
	&kube_device_clusters, &kube_device_classes, &kube_device_groups, &kube_devices,
};

typedef struct {
	KubeClient *client;
	const char *name_space;
	gboolean quiet;
	gboolean dry_run;
	GMutex mutex; /* for all below, and for what is printed */
	GPtrArray *applied;
	json_t *results; /* or NULL: for JSON */
	guint faults;
	gboolean cancelled; /* the client was, by a signal */
} Apply;

static void print_fault(Apply *apply, const CmdManifest *manifest, const char *field,
			const char *message)
{
	g_autofree char *where = cmd_manifest_where(manifest, field);

	g_mutex_lock(&apply->mutex);
	apply->faults++;
	g_printerr("%s: %s\n", where, message);
	g_mutex_unlock(&apply->mutex);
}

/* Each cause of a refusal on its own line, with the line of its field. */
static void report_refusal(Apply *apply, const CmdManifest *manifest, const GError *error)
{
	const GPtrArray *causes = kube_error_causes(error);
	g_autofree char *what = g_strdup_printf(
		"%s '%s': %s", base_json_get_string(manifest->object, "kind", NULL),
		base_json_get_string(manifest->object, "metadata", "name", NULL), error->message);

	if (causes == NULL || causes->len == 0) {
		print_fault(apply, manifest, NULL, what);
		return;
	}
	for (guint i = 0; i < causes->len; i++) {
		const KubeErrorCause *cause = g_ptr_array_index(causes, i);
		g_autofree char *message = g_strdup_printf(
			"%s '%s': %s: %s", base_json_get_string(manifest->object, "kind", NULL),
			base_json_get_string(manifest->object, "metadata", "name", NULL),
			cause->field != NULL ? cause->field : "(object)",
			cause->message != NULL ? cause->message : error->message);

		print_fault(apply, manifest, cause->field, message);
	}
}

static void report(Apply *apply, const CmdManifest *manifest, const GError *error)
{
	if (g_error_matches(error, KUBE_ERROR, KUBE_ERROR_CANCELLED)) {
		g_mutex_lock(&apply->mutex);
		apply->cancelled = TRUE;
		g_mutex_unlock(&apply->mutex);
		return;
	}
	report_refusal(apply, manifest, error);
}

/* Merges onto what is there. "configured" or "unchanged", static; NULL with an error. */
static const char *merge(Apply *apply, const KubeResource *resource, const char *name_space,
			 const char *name, const json_t *prepared, const KubeWriteOptions *write,
			 GError **error)
{
	for (int i = 1;; i++) {
		g_autoptr(GError) fault = NULL;
		g_autoptr(json_t) current =
			kube_get(apply->client, resource, name_space, name, error);
		g_autoptr(json_t) patch =
			current == NULL ? NULL : cmd_apply_patch(prepared, current);
		g_autoptr(json_t) written = NULL;

		if (current == NULL)
			return NULL;
		if (patch == NULL)
			return "unchanged";
		written = kube_merge_patch(apply->client, resource, name_space, name, NULL, patch,
					   write, &fault);
		if (written != NULL)
			return "configured";
		if (i == MAX_TRIES || !g_error_matches(fault, KUBE_ERROR, KUBE_ERROR_CONFLICT)) {
			g_propagate_error(error, g_steal_pointer(&fault));
			return NULL;
		}
	}
}

static const char *bring(Apply *apply, const KubeResource *resource, const char *name_space,
			 const char *name, const json_t *manifest, GError **error)
{
	g_autoptr(json_t) prepared = cmd_apply_prepared(manifest);
	KubeWriteOptions write = {.field_validation = "Strict", .dry_run = apply->dry_run};
	g_autoptr(GError) fault = NULL;
	g_autoptr(json_t) made =
		kube_create(apply->client, resource, name_space, prepared, &write, &fault);

	if (made != NULL)
		return "created";
	if (g_error_matches(fault, KUBE_ERROR, KUBE_ERROR_ALREADY_EXISTS))
		return merge(apply, resource, name_space, name, prepared, &write, error);
	g_propagate_error(error, g_steal_pointer(&fault));
	return NULL;
}

static void note(Apply *apply, const KubeResource *resource, const char *name_space,
		 const char *name, const char *done)
{
	g_autofree char *word = cmd_resource_word(resource);

	g_mutex_lock(&apply->mutex);
	if (!apply->quiet)
		printf("%s/%s %s%s\n", word, name, done, apply->dry_run ? " (server dry run)" : "");
	if (apply->applied != NULL)
		g_ptr_array_add(apply->applied, cmd_object_new(resource, name_space, name));
	if (apply->results != NULL)
		json_array_append_new(apply->results,
				      json_pack("{s:s, s:s*, s:s, s:s}", "kind", resource->kind,
						"namespace",
						resource->cluster_scoped ? NULL : name_space,
						"name", name, "result", done));
	g_mutex_unlock(&apply->mutex);
}

static void apply_one(Apply *apply, const CmdManifest *manifest)
{
	const char *name = base_json_get_string(manifest->object, "metadata", "name", NULL);
	const char *name_space =
		base_json_get_string(manifest->object, "metadata", "namespace", NULL);
	const KubeResource *resource =
		cmd_resource_of(base_json_get_string(manifest->object, "apiVersion", NULL),
				base_json_get_string(manifest->object, "kind", NULL));
	g_autoptr(GError) error = NULL;
	const char *done;

	if (name == NULL) {
		print_fault(apply, manifest, "metadata",
			    "metadata.name is missing: give the object a name");
		return;
	}
	if (name_space == NULL)
		name_space = apply->name_space;
	done = bring(apply, resource, name_space, name, manifest->object, &error);
	if (done == NULL)
		report(apply, manifest, error);
	else
		note(apply, resource, name_space, name, done);
}

/* Manifests that may be applied in any order, and the next to be taken. */
typedef struct {
	Apply *apply;
	GPtrArray *manifests;
	gint next;
} Batch;

static gpointer apply_batch(gpointer data)
{
	Batch *batch = data;

	for (;;) {
		gint i = g_atomic_int_add(&batch->next, 1);

		if (i >= (gint)batch->manifests->len)
			return NULL;
		apply_one(batch->apply, g_ptr_array_index(batch->manifests, i));
	}
}

/* On as many threads as are of use, which have ended when it returns. */
static void apply_at_once(Apply *apply, GPtrArray *manifests)
{
	Batch batch = {.apply = apply, .manifests = manifests};
	GThread *threads[THREADS];
	guint n_threads = MIN((guint)THREADS, manifests->len);

	for (guint i = 0; i < n_threads; i++)
		threads[i] = g_thread_new("apply", apply_batch, &batch);
	for (guint i = 0; i < n_threads; i++)
		g_thread_join(threads[i]);
}

/* All objects of one kind at once, kind after kind. */
static void apply_in_order(Apply *apply, const GPtrArray *objects)
{
	for (gsize o = 0; o < G_N_ELEMENTS(order); o++) {
		g_autoptr(GPtrArray) batch = g_ptr_array_new();

		for (guint i = 0; i < objects->len; i++) {
			CmdManifest *manifest = g_ptr_array_index(objects, i);

			if (cmd_resource_of(
				    base_json_get_string(manifest->object, "apiVersion", NULL),
				    base_json_get_string(manifest->object, "kind", NULL)) ==
			    order[o])
				g_ptr_array_add(batch, manifest);
		}
		apply_at_once(apply, batch);
	}
}

/* Two manifests of one object would be applied at the same time, in no order: the second is
 * refused. Returns those that are left, borrowed. */
static GPtrArray *without_doubles(Apply *apply, const GPtrArray *objects)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	GPtrArray *left = g_ptr_array_new();

	for (guint i = 0; i < objects->len; i++) {
		CmdManifest *manifest = g_ptr_array_index(objects, i);
		const char *kind = base_json_get_string(manifest->object, "kind", NULL);
		const char *name = base_json_get_string(manifest->object, "metadata", "name", NULL);
		const char *space =
			base_json_get_string(manifest->object, "metadata", "namespace", NULL);
		char *reference = model_reference(kind != NULL ? kind : "",
						  space != NULL ? space : apply->name_space,
						  name != NULL ? name : "");
		const CmdManifest *first = g_hash_table_lookup(seen, reference);

		if (first == NULL || name == NULL) {
			g_hash_table_insert(seen, reference, manifest);
			g_ptr_array_add(left, manifest);
		} else {
			g_autofree char *where = cmd_manifest_where(first, NULL);
			g_autofree char *message =
				g_strdup_printf("%s '%s' is given twice, first at %s: remove one",
						kind, name, where);

			g_free(reference);
			print_fault(apply, manifest, NULL, message);
		}
	}
	return left;
}

static void refuse_unknown_kinds(Apply *apply, const GPtrArray *objects)
{
	for (guint i = 0; i < objects->len; i++) {
		CmdManifest *manifest = g_ptr_array_index(objects, i);
		const char *api_version =
			base_json_get_string(manifest->object, "apiVersion", NULL);
		const char *kind = base_json_get_string(manifest->object, "kind", NULL);
		const KubeResource *resource = cmd_resource_of(api_version, kind);
		gboolean known = FALSE;

		for (gsize o = 0; o < G_N_ELEMENTS(order); o++)
			known |= resource == order[o];
		if (!known) {
			g_autofree char *message =
				g_strdup_printf("no kind '%s' in '%s' is applied here: there are "
						"Storage, DeviceCluster, DeviceClass, "
						"DeviceGroup and Device in espalier.dev/v1alpha1, "
						"and Secret, ConfigMap and Namespace in v1",
						kind, api_version);

			print_fault(apply, manifest, "kind", message);
		}
	}
}

static gboolean apply_paths(Apply *apply, const char *const *paths)
{
	g_autoptr(GPtrArray) unreadable = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(CmdManifests) manifests = cmd_manifests_load(paths, unreadable);
	g_autoptr(GPtrArray) objects = NULL;

	g_mutex_init(&apply->mutex);
	for (guint i = 0; i < unreadable->len; i++)
		g_printerr("%s\n", (const char *)g_ptr_array_index(unreadable, i));
	refuse_unknown_kinds(apply, cmd_manifests_objects(manifests));
	objects = without_doubles(apply, cmd_manifests_objects(manifests));
	apply_in_order(apply, objects);
	g_mutex_clear(&apply->mutex);
	fflush(stdout);
	return unreadable->len == 0 && apply->faults == 0 && !apply->cancelled;
}

gboolean cmd_apply(KubeClient *client, const char *const *paths, const char *name_space,
		   gboolean quiet, GPtrArray *applied)
{
	Apply apply = {
		.client = client, .name_space = name_space, .quiet = quiet, .applied = applied};

	return apply_paths(&apply, paths);
}

static char **file_options;
static char *output_option;
static gboolean dry_run_option;

static const GOptionEntry options[] = {
	{"filename", 'f', 0, G_OPTION_ARG_FILENAME_ARRAY, &file_options,
	 "manifests (repeatable); - is standard input", "FILE|DIR|-"},
	{"dry-run", 0, 0, G_OPTION_ARG_NONE, &dry_run_option,
	 "check everything at the server, store nothing", NULL},
	{"output", 'o', 0, G_OPTION_ARG_STRING, &output_option,
	 "json: kind, namespace, name and result of each", "json"},
	CMD_CONNECT_OPTIONS,
	G_OPTION_ENTRY_NULL,
};

/* For scripts: what was applied; what was refused is on standard error. */
static void print_results(const json_t *results)
{
	g_autofree char *text = json_dumps(results, JSON_INDENT(4));

	puts(text);
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(KubeClient) client = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) results = json_array();
	Apply apply = {0};
	gboolean good;
	CmdExit exit;

	if (!cmd_parse(&cmd_apply_command, &argc, &argv, &exit))
		return exit;
	if (file_options == NULL || argc > 1)
		return cmd_usage_error("apply", "give manifests with -f FILE or -f DIR");
	if (output_option != NULL && strcmp(output_option, "json") != 0)
		return cmd_usage_error("apply", "-o takes json, not '%s'", output_option);
	client = cmd_connect(&error);
	if (client == NULL)
		return cmd_fail("apply", error);
	apply.client = client;
	apply.name_space = cmd_connect_namespace(client);
	apply.dry_run = dry_run_option;
	apply.quiet = output_option != NULL;
	apply.results = output_option != NULL ? results : NULL;
	good = apply_paths(&apply, (const char *const *)file_options);
	if (output_option != NULL)
		print_results(results);
	return good ? CMD_DONE : CMD_FAILED;
}

const CmdCommand cmd_apply_command = {
	.usage = "-f FILE|DIR|- [--dry-run] [-o json]",
	.examples = "  espalier apply -f samples/greenhouse\n"
		    "  espalier apply -f samples/greenhouse --dry-run\n"
		    "  espalier apply -f - < samples/greenhouse/groups.yaml\n",
	.options = options,
	.run = run,
};
