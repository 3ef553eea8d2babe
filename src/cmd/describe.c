#include "cmd/commands.h"
#include "cmd/connect.h"
#include "cmd/resources.h"
#include "cmd/text.h"

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

/* A scalar or a list's element as one text, yours. */
static char *text_of(const json_t *value)
{
	g_autofree char *dumped = NULL;

	if (json_is_string(value))
		return cmd_text_printable(json_string_value(value), TRUE);
	dumped = base_json_dump(value, NULL);
	return cmd_text_printable(dumped, TRUE);
}

static char *member(const json_t *object, const char *key)
{
	const char *text = base_json_get_string(object, key, NULL);

	return cmd_text_printable(text != NULL ? text : "", FALSE);
}

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
			g_autofree char *text = text_of(item);

			printf("%*s- %s\n", 2 * (depth + 1), "", text);
		}
	} else {
		g_autofree char *text = text_of(value);

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
		g_autofree char *type = member(entry, "type");
		g_autofree char *truth = member(entry, "status");
		g_autofree char *reason = member(entry, "reason");
		g_autofree char *message = member(entry, "message");

		printf("  %-18s %-8s %-6s %-20s %s\n", type, truth, since, reason, message);
	}
}

static const char *last_time(const json_t *event)
{
	const char *last = base_json_get_string(event, "lastTimestamp", NULL);

	if (last == NULL)
		last = base_json_get_string(event, "eventTime", NULL);
	return last != NULL ? last : "";
}

/* RFC 3339 in UTC sorts as text, but for fractions: those of a second count as equal. */
static int compare_times(gconstpointer a, gconstpointer b)
{
	enum { TO_THE_SECOND = sizeof "2026-01-02T03:04:05" - 1 };

	return strncmp(last_time(*(const json_t *const *)a), last_time(*(const json_t *const *)b),
		       TO_THE_SECOND);
}

/* The events of a list, oldest first (elements json_t *, borrowed from it). */
static GPtrArray *sorted_events(const json_t *list)
{
	GPtrArray *events = g_ptr_array_new();
	json_t *event;
	gsize i;

	json_array_foreach (json_object_get(list, "items"), i, event)
		g_ptr_array_add(events, event);
	g_ptr_array_sort(events, compare_times);
	return events;
}

static void print_event(const json_t *event)
{
	g_autofree char *age = age_of(last_time(event));
	g_autofree char *type = member(event, "type");
	g_autofree char *reason = member(event, "reason");
	g_autofree char *message = member(event, "message");

	printf("  %-8s %-6s %-20s %s\n", type, age, reason, message);
}

static void print_events(KubeClient *client, const json_t *object)
{
	g_autofree char *selector =
		g_strdup_printf("involvedObject.uid=%s", kube_object_uid(object));
	KubeListOptions list_options = {.field_selector = selector};
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) list = kube_list(client, &kube_core_events, kube_object_namespace(object),
					   &list_options, &error);
	g_autoptr(GPtrArray) events = sorted_events(list);
	guint first = events->len > EVENTS_MAX ? events->len - EVENTS_MAX : 0;

	if (list == NULL)
		printf("Events:             not readable: %s\n", error->message);
	else if (events->len == 0)
		puts("Events:             none");
	else
		printf("Events:\n  %-8s %-6s %-20s %s\n", "TYPE", "AGE", "REASON", "MESSAGE");
	for (guint i = first; i < events->len; i++)
		print_event(g_ptr_array_index(events, i));
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
		gsize length = text == NULL ? 0 : strcspn(text, "=");
		g_autofree char *size = g_strdup_printf("%" G_GSIZE_FORMAT " bytes",
							length / 4 * 3 + length % 4 * 3 / 4);

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
	CmdExit exit, worst = CMD_DONE;

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
			worst = exit;
	}
	return worst;
}

const CmdCommand cmd_describe = {
	.usage = "KIND NAME…",
	.examples = "  espalier describe device probe-1\n",
	.options = options,
	.run = run,
};
