#include "cmd/commands.h"
#include "cmd/connect.h"
#include "cmd/resources.h"
#include "cmd/wait.h"

#include "base/clock.h"

#include <stdio.h>

enum {
	DEFAULT_TIMEOUT_S = 60, /* for finalizers */
	POLL_US = 50 * 1000,
};

static gboolean no_wait_option;
static int timeout_option = DEFAULT_TIMEOUT_S;

static const GOptionEntry options[] = {
	{"no-wait", 0, 0, G_OPTION_ARG_NONE, &no_wait_option,
	 "do not wait until the object is gone", NULL},
	{"timeout", 0, 0, G_OPTION_ARG_INT, &timeout_option,
	 "how long to wait, in seconds (default 60)", "SECONDS"},
	CMD_CONNECT_OPTIONS,
	G_OPTION_ENTRY_NULL,
};

/* Until the object, or at least this very one, is gone. */
static gboolean wait_gone(KubeClient *client, const KubeResource *resource, const char *name_space,
			  const char *name)
{
	gint64 deadline_us = base_clock_monotonic_us() + (gint64)timeout_option * G_USEC_PER_SEC;

	for (;;) {
		g_autoptr(GError) error = NULL;
		g_autoptr(json_t) now = kube_get(client, resource, name_space, name, &error);

		if (g_error_matches(error, KUBE_ERROR, KUBE_ERROR_NOT_FOUND) ||
		    (now != NULL && !kube_object_is_deleting(now)))
			return TRUE;
		if (base_clock_monotonic_us() >= deadline_us)
			return FALSE;
		g_usleep(POLL_US);
	}
}

static CmdExit delete_one(KubeClient *client, const KubeResource *resource, const char *name)
{
	const char *name_space = cmd_connect_namespace(client);
	g_autofree char *word = cmd_resource_word(resource);
	g_autoptr(GError) error = NULL;

	if (!kube_delete(client, resource, name_space, name, NULL, &error))
		return cmd_fail("delete", error);
	if (!no_wait_option && !wait_gone(client, resource, name_space, name)) {
		g_printerr("espalier delete: %s/%s is still being deleted after %d s; `espalier "
			   "describe %s %s` says "
			   "what holds it\n",
			   word, name, timeout_option, resource->plural, name);
		return CMD_NOT_READY;
	}
	printf("%s/%s deleted\n", word, name);
	return CMD_DONE;
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(KubeClient) client = NULL;
	g_autoptr(GError) error = NULL;
	const KubeResource *resource;
	CmdExit exit;
	CmdExit worst = CMD_DONE;

	if (!cmd_parse(&cmd_delete, &argc, &argv, &exit))
		return exit;
	if (argc < 3)
		return cmd_usage_error("delete", "name a kind and at least one object");
	if (!cmd_timeout_check("delete", timeout_option, &exit))
		return exit;
	resource = cmd_resource_find(argv[1]);
	if (resource == NULL)
		return cmd_usage_error("delete", "there is no kind '%s'", argv[1]);
	client = cmd_connect(&error);
	if (client == NULL)
		return cmd_fail("delete", error);
	for (int i = 2; i < argc; i++) {
		exit = delete_one(client, resource, argv[i]);
		if (exit != CMD_DONE)
			worst = exit;
	}
	return worst;
}

const CmdCommand cmd_delete = {
	.usage = "KIND NAME… [--no-wait | --timeout SECONDS]",
	.examples = "  espalier delete device probe-1\n  espalier delete devgrp north south\n",
	.options = options,
	.run = run,
};
