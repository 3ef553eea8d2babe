#include "cmd/wait.h"

#include "base/clock.h"
#include "base/error.h"
#include "cmd/commands.h"
#include "cmd/connect.h"
#include "cmd/resources.h"
#include "kube/conditions.h"

#include <stdio.h>
#include <string.h>

enum {
	POLL_US = 50 * 1000,
	DEFAULT_TIMEOUT_S = 30,
	TOLD_MAX = 10, /* objects that are named one by one when time is up */
};

CmdObject *cmd_object_new(const KubeResource *resource, const char *name_space, const char *name)
{
	CmdObject *object = g_new0(CmdObject, 1);

	object->resource = resource;
	object->name_space = g_strdup(name_space);
	object->name = g_strdup(name);
	return object;
}

void cmd_object_free(CmdObject *object)
{
	if (object == NULL)
		return;
	g_free(object->name_space);
	g_free(object->name);
	g_free(object);
}

/* TRUE if the condition holds for what is asked now, not for an earlier generation. */
static gboolean holds(const json_t *object, const char *condition)
{
	const json_t *status = json_object_get(object, "status");
	const json_t *entry = kube_condition_find(status, condition);
	gint64 observed = base_json_get_int(entry, kube_object_generation(object),
					    "observedGeneration", NULL);

	return kube_condition_is_true(status, condition) &&
	       observed >= kube_object_generation(object);
}

static void tell(const CmdObject *object, const json_t *now, const char *condition)
{
	const json_t *status = json_object_get(now, "status");
	g_autofree char *word = cmd_resource_word(object->resource);

	g_printerr("%s/%s is not %s: %s: %s\n", word, object->name, condition,
		   kube_condition_reason(status, condition),
		   kube_condition_message(status, condition));
}

CmdExit cmd_wait_for(KubeClient *client, const GPtrArray *objects, const char *condition,
		     gint64 deadline_us)
{
	guint told = 0, missing = 0;

	for (guint i = 0; i < objects->len; i++) {
		const CmdObject *object = g_ptr_array_index(objects, i);

		for (;;) {
			g_autoptr(GError) error = NULL;
			g_autoptr(json_t) now = kube_get(client, object->resource,
							 object->name_space, object->name, &error);

			if (now == NULL) {
				cmd_fail("wait", error);
				return CMD_FAILED;
			}
			if (holds(now, condition))
				break;
			if (base_clock_monotonic_us() >= deadline_us) {
				missing++;
				if (told++ < TOLD_MAX)
					tell(object, now, condition);
				break;
			}
			g_usleep(POLL_US);
		}
	}
	if (missing > told || missing > TOLD_MAX)
		g_printerr("… and %u more\n", missing - TOLD_MAX);
	return missing == 0 ? CMD_DONE : CMD_NOT_READY;
}

static char *for_option;
static gboolean all_option;
static int timeout_option = DEFAULT_TIMEOUT_S;

static const GOptionEntry options[] = {
	{"for", 0, 0, G_OPTION_ARG_STRING, &for_option,
	 "what to wait for (default condition=Ready)", "condition=NAME"},
	{"all", 0, 0, G_OPTION_ARG_NONE, &all_option, "every object of the kind in the namespace",
	 NULL},
	{"timeout", 0, 0, G_OPTION_ARG_INT, &timeout_option, "how long, in seconds (default 30)",
	 "SECONDS"},
	CMD_CONNECT_OPTIONS,
	G_OPTION_ENTRY_NULL,
};

static gboolean list_all(KubeClient *client, const KubeResource *resource, const char *name_space,
			 GPtrArray *objects, GError **error)
{
	KubeListOptions list_options = {.metadata_only = TRUE};
	g_autoptr(json_t) list = kube_list(client, resource, name_space, &list_options, error);
	json_t *item;
	gsize i;

	if (list == NULL)
		return FALSE;
	json_array_foreach (json_object_get(list, "items"), i, item) {
		CmdObject *object = cmd_object_new(resource, kube_object_namespace(item),
						   kube_object_name(item));

		object->may_vanish = TRUE;
		g_ptr_array_add(objects, object);
	}
	return TRUE;
}

static CmdExit run(int argc, char **argv)
{
	static const char prefix[] = "condition=";
	g_autoptr(GPtrArray) objects =
		g_ptr_array_new_with_free_func((GDestroyNotify)cmd_object_free);
	g_autoptr(KubeClient) client = NULL;
	g_autoptr(GError) error = NULL;
	const KubeResource *resource;
	const char *condition = "Ready";
	CmdExit exit;

	if (!cmd_parse(&cmd_wait, &argc, &argv, &exit))
		return exit;
	if (for_option != NULL) {
		if (!g_str_has_prefix(for_option, prefix))
			return cmd_usage_error("wait", "--for takes condition=NAME, not '%s'",
					       for_option);
		condition = for_option + strlen(prefix);
	}
	if (argc < 2 || (!all_option && argc < 3))
		return cmd_usage_error("wait", "name a kind, and names or --all");
	resource = cmd_resource_find(argv[1]);
	if (resource == NULL)
		return cmd_usage_error("wait", "there is no kind '%s'", argv[1]);
	client = cmd_connect(&error);
	if (client == NULL ||
	    (all_option &&
	     !list_all(client, resource, cmd_connect_namespace(client), objects, &error)))
		return cmd_fail("wait", error);
	for (int i = 2; !all_option && i < argc; i++)
		g_ptr_array_add(objects,
				cmd_object_new(resource, cmd_connect_namespace(client), argv[i]));
	return cmd_wait_for(client, objects, condition,
			    base_clock_monotonic_us() + (gint64)timeout_option * G_USEC_PER_SEC);
}

const CmdCommand cmd_wait = {
	.name = "wait",
	.group = "Fleet",
	.summary = "wait until objects have a condition",
	.usage = "KIND (NAME… | --all) [--for condition=NAME] [--timeout SECONDS]",
	.examples = "  espalier wait devices --all --for condition=Connected\n"
		    "  espalier wait device probe-1 --for condition=UpToDate --timeout 120\n",
	.options = options,
	.run = run,
};
