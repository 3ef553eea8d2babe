#include "cmd/commands.h"
#include "cmd/connect.h"
#include "cmd/resources.h"
#include "cmd/table_print.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

static char *output_option, *selector_option;
static gboolean all_namespaces_option, no_headers_option;

static const GOptionEntry options[] = {
	{"output", 'o', 0, G_OPTION_ARG_STRING, &output_option, "wide, name or json", "FORM"},
	{"selector", 'l', 0, G_OPTION_ARG_STRING, &selector_option,
	 "only objects with these labels", "KEY=VALUE"},
	{"all-namespaces", 'A', 0, G_OPTION_ARG_NONE, &all_namespaces_option, "of every namespace",
	 NULL},
	{"no-headers", 0, 0, G_OPTION_ARG_NONE, &no_headers_option, "no line of titles", NULL},
	CMD_CONNECT_OPTIONS,
	G_OPTION_ENTRY_NULL,
};

typedef enum { FORM_TABLE, FORM_WIDE, FORM_NAME, FORM_JSON } Form;

static const struct {
	const char *name;
	Form form;
} forms[] = {{"wide", FORM_WIDE}, {"name", FORM_NAME}, {"json", FORM_JSON}};

typedef struct {
	KubeClient *client;
	const char *name_space; /* NULL: all */
	Form form;
	gboolean several; /* kinds */
	guint printed;
	json_t *items; /* for JSON */
} Get;

static void print_names(const KubeResource *resource, const json_t *list)
{
	g_autofree char *word = cmd_resource_word(resource);
	json_t *item;
	gsize i;

	json_array_foreach (json_object_get(list, "items"), i, item)
		printf("%s/%s\n", word, kube_object_name(item));
}

static gboolean get_objects(Get *get, const KubeResource *resource, GError **error)
{
	KubeListOptions list_options = {.label_selector = selector_option,
					.metadata_only = get->form == FORM_NAME};
	g_autoptr(json_t) list =
		kube_list(get->client, resource, get->name_space, &list_options, error);

	if (list == NULL)
		return FALSE;
	get->printed += (guint)json_array_size(json_object_get(list, "items"));
	if (get->form == FORM_NAME)
		print_names(resource, list);
	else
		json_array_extend(get->items, json_object_get(list, "items"));
	return TRUE;
}

static gboolean get_table(Get *get, const KubeResource *resource, const char *name, GError **error)
{
	g_autofree char *path = kube_resource_path(resource, get->name_space, name, NULL);
	g_autofree char *selector = selector_option == NULL ? NULL : http_escape(selector_option);
	g_autofree char *query = selector == NULL
					 ? g_strdup(path)
					 : g_strconcat(path, "?labelSelector=", selector, NULL);
	g_autofree char *word = cmd_resource_word(resource);
	CmdTableOptions table_options = {
		.wide = get->form == FORM_WIDE,
		.namespaces = get->name_space == NULL && !resource->cluster_scoped,
		.no_headers = no_headers_option,
		.prefix = get->several ? word : NULL,
	};
	g_autoptr(json_t) table = cmd_table_get(get->client, query, error);
	gsize n_rows;

	if (table == NULL)
		return FALSE;
	n_rows = json_array_size(json_object_get(table, "rows"));
	if (n_rows == 0)
		return TRUE;
	if (get->printed > 0 && get->several)
		putchar('\n');
	get->printed += (guint)n_rows;
	cmd_table_print(stdout, table, &table_options);
	return TRUE;
}

static gboolean get_one(Get *get, const KubeResource *resource, const char *name, GError **error)
{
	json_t *object;

	if (get->form == FORM_TABLE || get->form == FORM_WIDE)
		return get_table(get, resource, name, error);
	object = kube_get(get->client, resource, get->name_space, name, error);
	if (object == NULL)
		return FALSE;
	get->printed++;
	if (get->form == FORM_NAME) {
		g_autofree char *word = cmd_resource_word(resource);

		printf("%s/%s\n", word, name);
	}
	json_array_append_new(get->items, object);
	return TRUE;
}

static gboolean get_kind(Get *get, const KubeResource *resource, GError **error)
{
	return get->form == FORM_TABLE || get->form == FORM_WIDE
		       ? get_table(get, resource, NULL, error)
		       : get_objects(get, resource, error);
}

static void print_json(Get *get, gboolean single)
{
	g_autoptr(json_t) list = NULL;
	char *text;

	if (single)
		list = json_incref(json_array_get(get->items, 0));
	else
		list = json_pack("{s:s, s:s, s:O}", "apiVersion", "v1", "kind", "List", "items",
				 get->items);
	text = json_dumps(list, JSON_INDENT(4));
	puts(text);
	g_free(text);
}

static gboolean read_form(Form *form)
{
	*form = FORM_TABLE;
	if (output_option == NULL)
		return TRUE;
	for (gsize i = 0; i < G_N_ELEMENTS(forms); i++)
		if (strcmp(forms[i].name, output_option) == 0) {
			*form = forms[i].form;
			return TRUE;
		}
	return FALSE;
}

/* Prints and clears the error of one thing that was not got, so that the next has its own. */
static gboolean tell(gboolean got, GError **error)
{
	if (!got)
		cmd_fail("get", *error);
	g_clear_error(error);
	return got;
}

static CmdExit run(int argc, char **argv)
{
	g_autoptr(GPtrArray) resources = NULL;
	g_autoptr(GError) error = NULL;
	g_autoptr(json_t) items = json_array();
	g_autoptr(KubeClient) client = NULL;
	Get get = {.items = items};
	gboolean failed = FALSE;
	CmdExit exit;

	if (!cmd_parse(&cmd_get, &argc, &argv, &exit))
		return exit;
	if (argc < 2)
		return cmd_usage_error("get", "name a kind, for example: espalier get devices");
	if (!read_form(&get.form))
		return cmd_usage_error("get", "-o takes wide, name or json, not '%s'",
				       output_option);
	if (all_namespaces_option && argc > 2)
		return cmd_usage_error("get", "names are of one namespace: leave out -A, or '%s'",
				       argv[2]);
	resources = cmd_resources_parse(argv[1], &error);
	if (resources == NULL || (client = cmd_connect(&error)) == NULL)
		return cmd_fail("get", error);
	get.client = client;
	get.name_space = all_namespaces_option ? NULL : cmd_connect_namespace(client);
	get.several = resources->len > 1;
	for (guint r = 0; r < resources->len; r++) {
		const KubeResource *resource = g_ptr_array_index(resources, r);

		if (argc == 2)
			failed |= !tell(get_kind(&get, resource, &error), &error);
		for (int i = 2; i < argc; i++)
			failed |= !tell(get_one(&get, resource, argv[i], &error), &error);
	}
	if (get.form == FORM_JSON && !failed)
		print_json(&get, argc == 3 && resources->len == 1);
	else if (get.printed == 0 && !failed)
		g_printerr("No resources found.\n");
	return failed ? CMD_FAILED : CMD_DONE;
}

const CmdCommand cmd_get = {
	.usage = "KIND[,KIND…] [NAME…] [-o wide|name|json] [-l KEY=VALUE] [-A]",
	.examples = "  espalier get devices\n"
		    "  espalier get devices -l site=north -o wide\n"
		    "  espalier get espalier -A\n"
		    "  espalier get device probe-1 -o json\n",
	.options = options,
	.run = run,
};
