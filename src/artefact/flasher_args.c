#include "artefact/flasher_args.h"

#include "artefact/place.h"
#include "base/error.h"
#include "base/json.h"

#include <errno.h>
#include <string.h>

#define FILE_NAME "flasher_args.json"

enum {
	MAX_PATH_CHARS = 255,
};

/* A role, its key, and the key of ESP-IDF 4. */
static const struct {
	const char *key, *old_key;
	gsize member;
} roles[] = {
	{"bootloader", NULL, G_STRUCT_OFFSET(ArtefactFlasherArgs, bootloader)},
	{"partition-table", "partition_table", G_STRUCT_OFFSET(ArtefactFlasherArgs, table)},
	{"otadata", NULL, G_STRUCT_OFFSET(ArtefactFlasherArgs, otadata)},
	{"app", NULL, G_STRUCT_OFFSET(ArtefactFlasherArgs, app)},
};

static const ArtefactArgsFile **role_member(ArtefactFlasherArgs *args, gsize role)
{
	return &G_STRUCT_MEMBER(const ArtefactArgsFile *, args, roles[role].member);
}

static gboolean fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
static gboolean fail(GError **error, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID, FILE_NAME ": %s", message);
	return FALSE;
}

static void file_free(gpointer data)
{
	ArtefactArgsFile *file = data;

	g_free(file->path);
	g_free(file);
}

ArtefactFlasherArgs *artefact_flasher_args_new(const char *chip)
{
	ArtefactFlasherArgs *args = g_new0(ArtefactFlasherArgs, 1);

	args->chip = g_strdup(chip);
	args->stub = TRUE;
	args->files = g_ptr_array_new_with_free_func(file_free);
	return args;
}

void artefact_flasher_args_free(ArtefactFlasherArgs *args)
{
	if (args == NULL)
		return;
	g_free(args->chip);
	g_free(args->mode);
	g_free(args->size);
	g_free(args->frequency);
	g_free(args->before);
	g_free(args->after);
	g_ptr_array_unref(args->files);
	g_free(args);
}

static gint by_offset(gconstpointer a, gconstpointer b)
{
	const ArtefactArgsFile *const *left = a, *const *right = b;

	if ((*left)->offset_bytes != (*right)->offset_bytes)
		return (*left)->offset_bytes < (*right)->offset_bytes ? -1 : 1;
	return 0;
}

const ArtefactArgsFile *artefact_flasher_args_add(ArtefactFlasherArgs *args, guint32 offset_bytes,
						  const char *path)
{
	ArtefactArgsFile *file = g_new0(ArtefactArgsFile, 1);

	file->offset_bytes = offset_bytes;
	file->path = g_strdup(path);
	g_ptr_array_add(args->files, file);
	g_ptr_array_sort(args->files, by_offset);
	return file;
}

static gboolean parse_offset(const char *text, guint32 *offset)
{
	char *end = NULL;
	guint64 value;

	if (text == NULL || !g_ascii_isdigit(text[0]))
		return FALSE;
	errno = 0;
	value = g_ascii_strtoull(text, &end, 0);
	if (errno != 0 || *end != '\0' || value > G_MAXUINT32)
		return FALSE;
	*offset = (guint32)value;
	return TRUE;
}

/* A path that stays within the build folder. */
static gboolean path_is_safe(const char *path)
{
	g_auto(GStrv) parts = NULL;

	if (path == NULL || path[0] == '\0' || path[0] == '/' ||
	    strnlen(path, MAX_PATH_CHARS + 1) > MAX_PATH_CHARS || strchr(path, '\\') != NULL)
		return FALSE;
	parts = g_strsplit(path, "/", -1);
	return !g_strv_contains((const char *const *)parts, "..");
}

static gboolean parse_files(ArtefactFlasherArgs *args, const json_t *files, GError **error)
{
	const char *key;
	json_t *value;

	if (!json_is_object(files) || json_object_size(files) == 0)
		return fail(error,
			    "has no \"flash_files\"; build the project first (idf.py build)");
	if (json_object_size(files) > ARTEFACT_ARGS_MAX_FILES)
		return fail(error, "\"flash_files\" names more than %d files",
			    ARTEFACT_ARGS_MAX_FILES);
	json_object_foreach ((json_t *)files, key, value) {
		const char *path = json_string_value(value);
		guint32 offset;

		if (!parse_offset(key, &offset))
			return fail(error, "\"flash_files\": '%.40s' is not an offset", key);
		if (!path_is_safe(path))
			return fail(error,
				    "\"flash_files\": the file at %.40s is not a path within the "
				    "build folder",
				    key);
		artefact_flasher_args_add(args, offset, path);
	}
	return TRUE;
}

/* "flash_mode", "flash-mode" in the settings, or behind "--flash_mode", "--flash-mode" in the list
 * of arguments. Yours. */
static char *setting(const json_t *root, const char *name)
{
	g_autofree char *dashed = g_strdelimit(g_strdup(name), "_", '-');
	const json_t *settings = json_object_get(root, "flash_settings");
	const json_t *list = json_object_get(root, "write_flash_args");
	const char *value = base_json_get_string(settings, name, NULL);

	if (list == NULL)
		list = json_object_get(root, "write-flash-args");
	if (settings == NULL)
		settings = json_object_get(root, "flash-settings");
	if (value == NULL)
		value = base_json_get_string(settings, name, NULL);
	if (value == NULL)
		value = base_json_get_string(settings, dashed, NULL);
	for (gsize i = 0; value == NULL && i + 1 < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));

		if (word != NULL && g_str_has_prefix(word, "--") &&
		    (strcmp(word + 2, name) == 0 || strcmp(word + 2, dashed) == 0))
			value = json_string_value(json_array_get(list, i + 1));
	}
	return g_strdup(value);
}

static gboolean parse_role(ArtefactFlasherArgs *args, const json_t *root, gsize role,
			   GError **error)
{
	const json_t *entry = json_object_get(root, roles[role].key);
	guint32 offset;

	if (entry == NULL && roles[role].old_key != NULL)
		entry = json_object_get(root, roles[role].old_key);
	if (entry == NULL)
		return TRUE;
	if (!parse_offset(base_json_get_string(entry, "offset", NULL), &offset))
		return fail(error, "\"%s\" has no offset", roles[role].key);
	for (guint i = 0; i < args->files->len; i++) {
		const ArtefactArgsFile *file = args->files->pdata[i];

		if (file->offset_bytes == offset)
			*role_member(args, role) = file;
	}
	if (*role_member(args, role) == NULL)
		return fail(error, "\"%s\" at 0x%x is not among \"flash_files\"", roles[role].key,
			    offset);
	return TRUE;
}

static gboolean parse_root(ArtefactFlasherArgs *args, const json_t *root, GError **error)
{
	const json_t *extra = json_object_get(root, "extra_esptool_args");
	const json_t *files = json_object_get(root, "flash_files");

	if (extra == NULL)
		extra = json_object_get(root, "extra-esptool-args");
	if (files == NULL)
		files = json_object_get(root, "flash-files");
	args->chip = g_strdup(base_json_get_string(extra, "chip", NULL));
	args->before = g_strdup(base_json_get_string(extra, "before", NULL));
	args->after = g_strdup(base_json_get_string(extra, "after", NULL));
	args->stub = base_json_get_bool(extra, TRUE, "stub", NULL);
	args->mode = setting(root, "flash_mode");
	args->size = setting(root, "flash_size");
	args->frequency = setting(root, "flash_freq");
	if (args->chip == NULL)
		return fail(error, "does not name the chip (\"extra_esptool_args\": {\"chip\"})");
	if (!parse_files(args, files, error))
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(roles); i++)
		if (!parse_role(args, root, i, error))
			return FALSE;
	return TRUE;
}

ArtefactFlasherArgs *artefact_flasher_args_parse(const char *text, gsize size_bytes, GError **error)
{
	g_autoptr(ArtefactFlasherArgs) args = artefact_flasher_args_new(NULL);
	g_autoptr(json_t) root = NULL;
	GError *inner = NULL;

	if (size_bytes > ARTEFACT_ARGS_MAX_BYTES) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_TOO_LARGE,
			    FILE_NAME " has %zu bytes, at most %d are read", size_bytes,
			    ARTEFACT_ARGS_MAX_BYTES);
		return NULL;
	}
	root = base_json_parse(text, size_bytes, &inner);
	if (root == NULL) {
		fail(error, "%s", inner->message);
		g_error_free(inner);
		return NULL;
	}
	if (!json_is_object(root)) {
		fail(error, "is not a JSON object");
		return NULL;
	}
	return parse_root(args, root, error) ? g_steal_pointer(&args) : NULL;
}

static void add_setting(const ArtefactFlasherArgs *args, json_t *list, json_t *settings,
			const char *name, const char *value)
{
	g_autofree char *option = g_strdup_printf("--%s", name);

	(void)args;
	if (value == NULL)
		return;
	json_array_append_new(list, json_string(option));
	json_array_append_new(list, json_string(value));
	base_json_set_string(settings, name, value);
}

static json_t *role_object(const ArtefactArgsFile *file)
{
	g_autofree char *offset = g_strdup_printf("0x%x", file->offset_bytes);

	return json_pack("{s:s, s:s, s:s}", "offset", offset, "file", file->path, "encrypted",
			 "false");
}

GBytes *artefact_flasher_args_text(const ArtefactFlasherArgs *args)
{
	json_t *list = json_array(), *settings = json_object(), *files = json_object();
	g_autoptr(json_t) root = json_object();
	json_t *extra = json_object();
	char *text;

	add_setting(args, list, settings, "flash_mode", args->mode);
	add_setting(args, list, settings, "flash_size", args->size);
	add_setting(args, list, settings, "flash_freq", args->frequency);
	for (guint i = 0; i < args->files->len; i++) {
		const ArtefactArgsFile *file = args->files->pdata[i];
		g_autofree char *offset = g_strdup_printf("0x%x", file->offset_bytes);

		base_json_set_string(files, offset, file->path);
	}
	json_object_set_new(root, "write_flash_args", list);
	json_object_set_new(root, "flash_settings", settings);
	json_object_set_new(root, "flash_files", files);
	for (gsize i = 0; i < G_N_ELEMENTS(roles); i++) {
		const ArtefactArgsFile *file = *role_member((ArtefactFlasherArgs *)args, i);

		if (file != NULL)
			json_object_set_new(root, roles[i].key, role_object(file));
	}
	base_json_set_string(extra, "after", args->after);
	base_json_set_string(extra, "before", args->before);
	json_object_set_new(extra, "stub", json_boolean(args->stub));
	base_json_set_string(extra, "chip", args->chip);
	json_object_set_new(root, "extra_esptool_args", extra);
	text = json_dumps(root, JSON_INDENT(4));
	return g_bytes_new_take(text, strlen(text));
}
