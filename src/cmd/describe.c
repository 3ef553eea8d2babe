#include "cmd/commands.h"
#include "cmd/connect.h"
#include "cmd/resources.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

static const GOptionEntry options[] = {
	CMD_CONNECT_OPTIONS,
	G_OPTION_ENTRY_NULL,
};

enum {
	KEY_COLUMNS = 18,
	EVENTS_MAX = 50,
};

static void print_value(const char *key, const json_t *value, int depth);

static void print_object(const json_t *object, int depth)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value)
		if (strcmp(key, "conditions") != 0)
			print_value(key, value, depth);
}

static void print_value(const char *key, const json_t *value, int depth)
{
	g_autofree char *title = g_strconcat(key, ":", NULL);
	json_t *item;
	gsize i;

	if (json_is_object(value)) {
		printf("%*s%s\n", 2 * depth, "", title);
		print_object(value, depth + 1);
	} else if (json_is_array(value)) {
		printf("%*s%s\n", 2 * depth, "", title);
		json_array_foreach (value, i, item) {
			g_autofree char *text = json_is_string(item)
							? g_strdup(json_string_value(item))
							: base_json_dump(item, NULL);

			printf("%*s- %s\n", 2 * (depth + 1), "", text);
		}
	} else {
		g_autofree char *text = json_is_string(value) ? g_strdup(json_string_value(value))
							      : base_json_dump(value, NULL);

		printf("%*s%-*s %s\n", 2 * depth, "", KEY_COLUMNS - 2 * depth, title, text);
	}
}

static char *age_of(const char *time)
{
	gint64 wall_us;

	if (!base_clock_parse_time(time, &wall_us))
		return g_strdup("<unknown>");
	return base_clock_format_age(base_clock_wall_us() - wall_us);
}

static void print_conditions(const json_t *object)
{
	json_t *conditions = base_json_get(object, "status", "conditions", NULL);
	json_t *entry;
	gsize i;

	if (json_array_size(conditions) == 0)
		return;
	printf("Conditions:\n  %-18s %-8s %-6s %-20s %s\n", "TYPE", "STATUS", "SINCE", "REASON",
	       "MESSAGE");
	json_array_foreach (conditions, i, entry) {
		g_autofree char *since =
			age_of(base_json_get_string(entry, "lastTransitionTime", NULL));

		printf("  %-18s %-8s %-6s %-20s %s\n", base_json_get_string(entry, "type", NULL),
		       base_json_get_string(entry, "status", NULL), since,
		       base_json_get_string(entry, "reason", NULL),
		       base_json_get_string(entry, "message", NULL));
	}
}

static void print_events(KubeClient *client, const json_t *object)
{
	g_autofree char *selector =
		g_strdup_printf("involvedObject.uid=%s", kube_object_uid(object));
	KubeListOptions list_options = {.field_selector = selector, .limit = EVENTS_MAX};
	g_autoptr(json_t) list = kube_list(client, &kube_core_events, kube_object_namespace(object),
					   &list_options, NULL);
	json_t *event;
	gsize i;

	if (json_array_size(json_object_get(list, "items")) == 0) {
		puts("Events:             none");
		return;
	}
	printf("Events:\n  %-8s %-6s %-20s %s\n", "TYPE", "AGE", "REASON", "MESSAGE");
	json_array_foreach (json_object_get(list, "items"), i, event) {
		const char *last = base_json_get_string(event, "lastTimestamp", NULL);
		g_autofree char *age = age_of(
			last != NULL ? last : base_json_get_string(event, "eventTime", NULL));

		printf("  %-8s %-6s %-20s %s\n", base_json_get_string(event, "type", NULL), age,
		       base_json_get_string(event, "reason", NULL),
		       base_json_get_string(event, "message", NULL));
	}
}

/* A Secret's content is never printed: its keys and sizes are. */
static void hide_data(json_t *object)
{
	json_t *data = json_object_get(object, "data");
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe (data, next, key, value) {
		const char *text = json_string_value(value);
		g_autofree char *size = g_strdup_printf("%" G_GSIZE_FORMAT " bytes",
							text == NULL ? 0 : strlen(text) / 4 * 3);

		json_object_set_new(data, key, json_string(size));
	}
}

static CmdExit describe(KubeClient *client, const KubeResource *resource, const char *name)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) object =
		kube_get(client, resource, cmd_connect_namespace(client), name, &error);
	json_t *metadata;

	if (object == NULL)
		return cmd_fail("describe", error);
	if (resource == &kube_secrets)
		hide_data(object);
	metadata = json_object_get(object, "metadata");
	json_object_del(metadata, "managedFields");
	json_object_del(json_object_get(metadata, "annotations"),
			"kubectl.kubernetes.io/last-applied-configuration");
	print_object(object, 0);
	print_conditions(object);
	print_events(client, object);
	return CMD_DONE;
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(KubeClient) client = NULL;
	g_autoptr(GError) error = NULL;
	const KubeResource *resource;
	CmdExit exit;

	if (!cmd_parse(&cmd_describe, &argc, &argv, &exit))
		return exit;
	if (argc < 3)
		return cmd_usage_error("describe", "name a kind and at least one object");
	resource = cmd_resource_find(argv[1]);
	if (resource == NULL)
		return cmd_usage_error("describe", "there is no kind '%s'", argv[1]);
	client = cmd_connect(&error);
	if (client == NULL)
		return cmd_fail("describe", error);
	for (int i = 2; i < argc; i++) {
		if (i > 2)
			putchar('\n');
		exit = describe(client, resource, argv[i]);
		if (exit != CMD_DONE)
			return exit;
	}
	return CMD_DONE;
}

const CmdCommand cmd_describe = {
	.name = "describe",
	.group = "Fleet",
	.summary = "everything about an object: fields, conditions, events",
	.usage = "KIND NAME…",
	.examples = "  espalier describe device probe-1\n",
	.options = options,
	.run = run,
};
