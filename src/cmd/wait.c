#include "cmd/wait.h"

#include "base/clock.h"
#include "base/error.h"
#include "cmd/commands.h"
#include "cmd/connect.h"
#include "cmd/progress.h"
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

gboolean cmd_timeout_check(const char *command, int timeout_s, CmdExit *exit)
{
	if (timeout_s >= 0 && timeout_s <= CMD_TIMEOUT_MAX_S)
		return TRUE;
	*exit = cmd_usage_error(command, "--timeout takes seconds from 0 to %d, not %d",
				CMD_TIMEOUT_MAX_S, timeout_s);
	return FALSE;
}

typedef enum {
	LOOK_HOLDS,
	LOOK_NOT_YET,
	LOOK_FAULT,
} Look;

/* `now` is what was seen, yours. */
static Look look(KubeClient *client, const CmdObject *object, const char *condition, json_t **now)
{
	g_autoptr(GError) error = NULL;

	*now = kube_get(client, object->resource, object->name_space, object->name, &error);
	if (*now != NULL)
		return holds(*now, condition) ? LOOK_HOLDS : LOOK_NOT_YET;
	if (object->may_vanish && g_error_matches(error, KUBE_ERROR, KUBE_ERROR_NOT_FOUND))
		return LOOK_HOLDS;
	if (!g_error_matches(error, KUBE_ERROR, KUBE_ERROR_CANCELLED))
		cmd_fail("wait", error);
	return LOOK_FAULT;
}

/* Looks at one object until it is as wanted, or time is up: LOOK_NOT_YET with `last`, yours. */
static Look await(KubeClient *client, const CmdObject *object, const char *condition,
		  gint64 deadline_us, json_t **last)
{
	for (;;) {
		g_autoptr(json_t) now = NULL;
		Look seen = look(client, object, condition, &now);

		if (seen != LOOK_NOT_YET)
			return seen;
		if (base_clock_monotonic_us() >= deadline_us) {
			*last = g_steal_pointer(&now);
			return LOOK_NOT_YET;
		}
		g_usleep(POLL_US);
	}
}

CmdExit cmd_wait_for(KubeClient *client, const GPtrArray *objects, const char *condition,
		     gint64 deadline_us)
{
	g_autofree char *what = g_strdup_printf("waiting for %u to be %s", objects->len, condition);
	CmdProgress progress;
	guint missing = 0;
	gboolean failed = FALSE;

	cmd_progress_begin(&progress);
	for (guint i = 0; i < objects->len && !failed; i++) {
		const CmdObject *object = g_ptr_array_index(objects, i);
		g_autoptr(json_t) last = NULL;
		Look seen;

		cmd_progress_show(&progress, what, i, objects->len);
		seen = await(client, object, condition, deadline_us, &last);
		failed = seen == LOOK_FAULT;
		if (seen != LOOK_NOT_YET)
			continue;
		cmd_progress_end(&progress);
		if (missing++ < TOLD_MAX)
			tell(object, last, condition);
	}
	cmd_progress_end(&progress);
	if (missing > TOLD_MAX)
		g_printerr("… and %u more\n", missing - TOLD_MAX);
	if (failed)
		return CMD_FAILED;
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
	if (argc < 2 || all_option != (argc == 2))
		return cmd_usage_error("wait", "name a kind, and either names or --all");
	if (!cmd_timeout_check("wait", timeout_option, &exit))
		return exit;
	resource = cmd_resource_find(argv[1]);
	if (resource == NULL)
		return cmd_usage_error("wait", "there is no kind '%s'", argv[1]);
	client = cmd_connect(&error);
	if (client == NULL ||
	    (all_option &&
	     !list_all(client, resource, cmd_connect_namespace(client), objects, &error)))
		return cmd_fail("wait", error);
	if (all_option && objects->len == 0) {
		g_printerr("espalier wait: there are no %s in namespace %s to wait for\n",
			   resource->plural, cmd_connect_namespace(client));
		return CMD_FAILED;
	}
	for (int i = 2; i < argc; i++)
		g_ptr_array_add(objects,
				cmd_object_new(resource, cmd_connect_namespace(client), argv[i]));
	return cmd_wait_for(client, objects, condition,
			    base_clock_monotonic_us() + (gint64)timeout_option * G_USEC_PER_SEC);
}

const CmdCommand cmd_wait = {
	.usage = "KIND (NAME… | --all) [--for condition=NAME] [--timeout SECONDS]",
	.examples = "  espalier wait devices --all --for condition=Connected\n"
		    "  espalier wait device probe-1 --for condition=UpToDate --timeout 120\n",
	.options = options,
	.run = run,
};
