#include "cmd/manifests.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STANDARD_INPUT "-"

struct CmdManifests {
	GPtrArray *objects;   /* CmdManifest */
	GPtrArray *documents; /* arrays of BaseYamlDocument, kept for the lines in messages */
};

static void manifest_free(CmdManifest *manifest)
{
	json_decref(manifest->object);
	g_free(manifest->file);
	g_free(manifest->path_in_document);
	g_free(manifest);
}

static void add_object(CmdManifests *manifests, json_t *object, const char *file,
		       BaseYamlDocument *document, char *path_in_document)
{
	CmdManifest *manifest = g_new0(CmdManifest, 1);

	manifest->object = json_incref(object);
	manifest->file = g_strdup(file);
	manifest->document = document;
	manifest->path_in_document = path_in_document;
	g_ptr_array_add(manifests->objects, manifest);
}

static void add_value(CmdManifests *manifests, const char *file, BaseYamlDocument *document,
		      GPtrArray *faults)
{
	json_t *value = base_yaml_document_value(document);
	const char *kind = base_json_get_string(value, "kind", NULL);
	json_t *items = json_object_get(value, "items");
	json_t *item;
	gsize i;

	if (kind == NULL || base_json_get_string(value, "apiVersion", NULL) == NULL) {
		g_ptr_array_add(
			faults,
			g_strdup_printf(
				"%s:%u: this is no Kubernetes object: it has no apiVersion and "
				"kind",
				file, base_yaml_document_line(document)));
		return;
	}
	if (!g_str_has_suffix(kind, "List") || !json_is_array(items)) {
		add_object(manifests, value, file, document, g_strdup(""));
		return;
	}
	json_array_foreach (items, i, item)
		add_object(manifests, item, file, document,
			   g_strdup_printf("items[%" G_GSIZE_FORMAT "].", i));
}

static void load_file(CmdManifests *manifests, const char *path, GPtrArray *faults)
{
	g_autoptr(GError) error = NULL;
	gboolean is_input = strcmp(path, STANDARD_INPUT) == 0;
	g_autoptr(GBytes) text = is_input ? base_file_read_fd(STDIN_FILENO, "standard input",
							      CMD_MANIFEST_MAX_BYTES, &error)
					  : base_file_read(path, CMD_MANIFEST_MAX_BYTES, &error);
	GPtrArray *documents;

	documents = text == NULL ? NULL
				 : base_yaml_parse_stream(g_bytes_get_data(text, NULL),
							  g_bytes_get_size(text), path, &error);
	if (documents == NULL) {
		g_ptr_array_add(faults, g_strdup(error->message));
		return;
	}
	g_ptr_array_add(manifests->documents, documents);
	for (guint i = 0; i < documents->len; i++) {
		BaseYamlDocument *document = g_ptr_array_index(documents, i);
		const GError *fault = base_yaml_document_error(document);

		if (fault != NULL)
			g_ptr_array_add(faults, g_strdup(fault->message));
		else
			add_value(manifests, path, document, faults);
	}
}

static gboolean is_manifest_name(const char *name)
{
	return name[0] != '.' &&
	       (g_str_has_suffix(name, ".yaml") || g_str_has_suffix(name, ".yml") ||
		g_str_has_suffix(name, ".json"));
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void load_folder(CmdManifests *manifests, const char *path, GPtrArray *faults)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) folder = g_dir_open(path, 0, &error);
	const char *name;

	if (folder == NULL) {
		g_ptr_array_add(faults, g_strdup(error->message));
		return;
	}
	while ((name = g_dir_read_name(folder)) != NULL)
		if (is_manifest_name(name))
			g_ptr_array_add(names, g_build_filename(path, name, NULL));
	g_ptr_array_sort(names, compare_names);
	if (names->len == 0)
		g_ptr_array_add(
			faults,
			g_strdup_printf("%s: there is no *.yaml, *.yml or *.json in this folder",
					path));
	for (guint i = 0; i < names->len; i++)
		load_file(manifests, g_ptr_array_index(names, i), faults);
}

CmdManifests *cmd_manifests_load(const char *const *paths, GPtrArray *faults)
{
	CmdManifests *manifests = g_new0(CmdManifests, 1);

	manifests->objects = g_ptr_array_new_with_free_func((GDestroyNotify)manifest_free);
	manifests->documents = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref);
	for (; *paths != NULL; paths++) {
		struct stat status;

		if (strcmp(*paths, STANDARD_INPUT) == 0)
			load_file(manifests, *paths, faults);
		else if (stat(*paths, &status) != 0)
			g_ptr_array_add(faults,
					g_strdup_printf("%s: %s", *paths, g_strerror(errno)));
		else if (S_ISDIR(status.st_mode))
			load_folder(manifests, *paths, faults);
		else
			load_file(manifests, *paths, faults);
	}
	return manifests;
}

const GPtrArray *cmd_manifests_objects(const CmdManifests *manifests)
{
	return manifests->objects;
}

char *cmd_manifest_where(const CmdManifest *manifest, const char *field_path)
{
	g_autofree char *whole =
		g_strconcat(manifest->path_in_document, field_path != NULL ? field_path : "", NULL);
	guint line = whole[0] == '\0' ? base_yaml_document_line(manifest->document)
				      : base_yaml_document_line_of(manifest->document, whole);

	return g_strdup_printf("%s:%u", manifest->file, line);
}

void cmd_manifests_free(CmdManifests *manifests)
{
	if (manifests == NULL)
		return;
	g_ptr_array_unref(manifests->objects);
	g_ptr_array_unref(manifests->documents);
	g_free(manifests);
}
