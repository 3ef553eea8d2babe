#include "cmd/table_print.h"

#include "cmd/text.h"

#include "kube/error.h"

#include <string.h>
#include <unistd.h>

#define TABLE_ACCEPT "Accept: application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
#define COLUMN_GAP "   "

/* One row a word that people look for. */
static const struct {
	const char *word;
	const char *colour;
} colours[] = {
	{"True", "\033[32m"},
	{"False", "\033[31m"},
	{"Unknown", "\033[33m"},
};

json_t *cmd_table_get(KubeClient *client, const char *path, GError **error)
{
	static const char *const headers[] = {TABLE_ACCEPT, NULL};
	HttpRequest request = {.path = path, .headers = headers};
	g_autoptr(GError) fault = NULL;
	g_autoptr(HttpResponse) response =
		http_client_send(kube_client_http(client), &request, &fault);

	if (response == NULL) {
		g_set_error(error, KUBE_ERROR, KUBE_ERROR_UNAVAILABLE,
			    "%s (is the API server running there? `espalier up` starts one here)",
			    fault->message);
		return NULL;
	}
	if (response->status != 200) {
		kube_error_set_from_answer(error, response->status, response->body, path);
		return NULL;
	}
	return base_json_parse(g_bytes_get_data(response->body, NULL),
			       g_bytes_get_size(response->body), error);
}

static char *cell_text(const json_t *cell)
{
	if (json_is_string(cell))
		return cmd_text_printable(json_string_value(cell), FALSE);
	if (cell == NULL || json_is_null(cell))
		return g_strdup("");
	return base_json_dump(cell, NULL);
}

static gboolean is_shown(const json_t *column, const CmdTableOptions *options)
{
	return options->wide || base_json_get_int(column, 0, "priority", NULL) == 0;
}

static GPtrArray *header_line(const json_t *columns, const CmdTableOptions *options)
{
	GPtrArray *line = g_ptr_array_new_with_free_func(g_free);
	json_t *column;
	gsize i;

	if (options->namespaces)
		g_ptr_array_add(line, g_strdup("NAMESPACE"));
	json_array_foreach (columns, i, column)
		if (is_shown(column, options)) {
			const char *name = base_json_get_string(column, "name", NULL);
			char *title = g_ascii_strup(name != NULL ? name : "", -1);

			g_ptr_array_add(line, g_strdelimit(title, " ", '-'));
		}
	return line;
}

static GPtrArray *row_line(const json_t *columns, const json_t *row, const CmdTableOptions *options)
{
	GPtrArray *line = g_ptr_array_new_with_free_func(g_free);
	const json_t *cells = json_object_get(row, "cells");
	json_t *column;
	gsize i;

	if (options->namespaces) {
		const char *name_space =
			base_json_get_string(row, "object", "metadata", "namespace", NULL);

		g_ptr_array_add(line, g_strdup(name_space != NULL ? name_space : ""));
	}
	json_array_foreach (columns, i, column) {
		g_autofree char *text = cell_text(json_array_get(cells, i));
		gboolean is_name =
			g_strcmp0(base_json_get_string(column, "format", NULL), "name") == 0;

		if (!is_shown(column, options))
			continue;
		g_ptr_array_add(line, is_name && options->prefix != NULL
					      ? g_strdup_printf("%s/%s", options->prefix, text)
					      : g_steal_pointer(&text));
	}
	return line;
}

static const char *colour_of(const char *text)
{
	for (gsize i = 0; i < G_N_ELEMENTS(colours); i++)
		if (strcmp(colours[i].word, text) == 0)
			return colours[i].colour;
	return NULL;
}

static void print_line(FILE *out, const GPtrArray *line, const glong *widths, gboolean coloured)
{
	for (guint i = 0; i < line->len; i++) {
		const char *text = g_ptr_array_index(line, i);
		const char *colour = coloured ? colour_of(text) : NULL;
		int pad = i + 1 < line->len ? (int)(widths[i] - g_utf8_strlen(text, -1)) : 0;

		fprintf(out, "%s%s%s%*s%s", colour != NULL ? colour : "", text,
			colour != NULL ? "\033[0m" : "", pad, "",
			i + 1 < line->len ? COLUMN_GAP : "\n");
	}
}

void cmd_table_print(FILE *out, const json_t *table, const CmdTableOptions *options)
{
	const json_t *columns = json_object_get(table, "columnDefinitions");
	g_autoptr(GPtrArray) lines =
		g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
	g_autofree glong *widths = g_new0(glong, json_array_size(columns) + 1);
	gboolean coloured = isatty(fileno(out)) && g_getenv("NO_COLOR") == NULL;
	json_t *row;
	gsize r;

	if (!options->no_headers)
		g_ptr_array_add(lines, header_line(columns, options));
	json_array_foreach (json_object_get(table, "rows"), r, row)
		g_ptr_array_add(lines, row_line(columns, row, options));
	for (guint l = 0; l < lines->len; l++) {
		const GPtrArray *line = g_ptr_array_index(lines, l);

		for (guint i = 0; i < line->len; i++)
			widths[i] = MAX(widths[i], g_utf8_strlen(g_ptr_array_index(line, i), -1));
	}
	for (guint l = 0; l < lines->len; l++)
		print_line(out, g_ptr_array_index(lines, l), widths, coloured);
}
