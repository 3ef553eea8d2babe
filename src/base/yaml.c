#include "base/yaml.h"

#include "base/error.h"
#include "base/json.h"
#include "base/yaml_scalar.h"

#include <string.h>
#include <yaml.h>

struct BaseYamlDocument {
	GBytes *text;     /* of its part of the stream */
	guint first_line; /* of that part, from 0 */
	guint index;      /* among the documents of that part */
	json_t *value;
	GError *error;
	guint line;
};

/* One pass over one part of a stream. With `wanted` set it looks for a line instead of keeping
 * values. */
typedef struct {
	yaml_parser_t yaml;
	const char *name;
	guint first_line;
	GHashTable *anchors; /* char * -> json_t *, of the current document */
	gsize n_nodes;
	gsize n_bytes;
	guint depth;
	const char *wanted;
	GString *path;
	guint found_line;
	gsize found_length;
} Reader;

static json_t *read_node(Reader *r, const yaml_event_t *event, GError **error);

static void event_clear(yaml_event_t *event)
{
	yaml_event_delete(event);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(yaml_event_t, event_clear)

static void fail(const Reader *r, yaml_mark_t mark, BaseError code, GError **error,
		 const char *format, ...) G_GNUC_PRINTF(5, 6);

static void fail(const Reader *r, yaml_mark_t mark, BaseError code, GError **error,
		 const char *format, ...)
{
	g_autofree char *message = NULL;
	gsize line = mark.line + r->first_line + 1, column = mark.column + 1;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	if (r->name != NULL)
		g_set_error(error, BASE_ERROR, (int)code,
			    "%s:%" G_GSIZE_FORMAT ":%" G_GSIZE_FORMAT ": %s", r->name, line, column,
			    message);
	else
		g_set_error(error, BASE_ERROR, (int)code,
			    "line %" G_GSIZE_FORMAT ", column %" G_GSIZE_FORMAT ": %s", line,
			    column, message);
}

static void fail_syntax(const Reader *r, GError **error)
{
	const yaml_parser_t *yaml = &r->yaml;
	const char *problem = yaml->problem != NULL ? yaml->problem : "cannot be read as YAML";
	const char *remedy =
		strstr(problem, "cannot start any token") != NULL
			? "; indent with spaces, and quote values that begin with @ or `"
			: "";

	if (yaml->error == YAML_READER_ERROR)
		fail(r, yaml->mark, BASE_ERROR_INVALID, error, "%s", problem);
	else if (yaml->context != NULL)
		fail(r, yaml->problem_mark, BASE_ERROR_INVALID, error,
		     "%s %s that begins on line %" G_GSIZE_FORMAT "%s", problem, yaml->context,
		     yaml->context_mark.line + r->first_line + 1, remedy);
	else
		fail(r, yaml->problem_mark, BASE_ERROR_INVALID, error, "%s%s", problem, remedy);
}

static gboolean next_event(Reader *r, yaml_event_t *event, GError **error)
{
	if (yaml_parser_parse(&r->yaml, event))
		return TRUE;
	fail_syntax(r, error);
	return FALSE;
}

static gboolean count_node(Reader *r, yaml_mark_t mark, gsize n_nodes, gsize n_bytes,
			   GError **error)
{
	r->n_nodes += n_nodes;
	r->n_bytes += n_bytes;
	if (r->n_nodes > BASE_YAML_MAX_NODES) {
		fail(r, mark, BASE_ERROR_TOO_LARGE, error,
		     "the document has more than %d values after its aliases are expanded",
		     BASE_YAML_MAX_NODES);
		return FALSE;
	}
	if (r->n_bytes > BASE_YAML_MAX_EXPANDED_BYTES) {
		fail(r, mark, BASE_ERROR_TOO_LARGE, error,
		     "the document has more than %d bytes after its aliases are expanded",
		     BASE_YAML_MAX_EXPANDED_BYTES);
		return FALSE;
	}
	return TRUE;
}

static gboolean enter(Reader *r, yaml_mark_t mark, guint levels, GError **error)
{
	if (r->depth + levels > BASE_YAML_MAX_DEPTH) {
		fail(r, mark, BASE_ERROR_TOO_LARGE, error, "nested deeper than %d levels",
		     BASE_YAML_MAX_DEPTH);
		return FALSE;
	}
	return TRUE;
}

/* ---- Finding the line of a field path ---- */

static gboolean path_is_on_the_way(const char *path, const char *wanted)
{
	gsize length = strlen(path);

	return strncmp(path, wanted, length) == 0 &&
	       (wanted[length] == '\0' || wanted[length] == '.' || wanted[length] == '[' ||
		length == 0);
}

static void note_line(Reader *r, yaml_mark_t mark)
{
	if (r->wanted == NULL || r->path->len < r->found_length ||
	    !path_is_on_the_way(r->path->str, r->wanted))
		return;
	if (r->found_line != 0 && r->path->len == r->found_length)
		return;
	r->found_line = (guint)mark.line + r->first_line + 1;
	r->found_length = r->path->len;
}

/* Appends a step for a key in the one of the two spellings that leads on to what is wanted. */
static gsize push_key(Reader *r, const char *key)
{
	gsize before;

	if (r->wanted == NULL)
		return 0;
	before = r->path->len;
	g_string_append_printf(r->path, "[%s]", key);
	if (path_is_on_the_way(r->path->str, r->wanted))
		return before;
	g_string_truncate(r->path, before);
	g_string_append_printf(r->path, "%s%s", before == 0 ? "" : ".", key);
	return before;
}

static gsize push_index(Reader *r, gsize index)
{
	gsize before;

	if (r->wanted == NULL)
		return 0;
	before = r->path->len;
	g_string_append_printf(r->path, "[%" G_GSIZE_FORMAT "]", index);
	return before;
}

static void pop(Reader *r, gsize before)
{
	if (r->wanted != NULL)
		g_string_truncate(r->path, before);
}

/* ---- Values ---- */

static void remember_anchor(Reader *r, const yaml_char_t *anchor, json_t *value)
{
	if (anchor != NULL)
		g_hash_table_replace(r->anchors, g_strdup((const char *)anchor),
				     json_incref(value));
}

static void measure(const json_t *value, guint depth, gsize *n_nodes, gsize *n_bytes, guint *levels)
{
	const char *key;
	json_t *member;
	size_t i;

	(*n_nodes)++;
	*levels = MAX(*levels, depth);
	if (json_is_string(value))
		*n_bytes += json_string_length(value);
	json_array_foreach (value, i, member)
		measure(member, depth + 1, n_nodes, n_bytes, levels);
	json_object_foreach ((json_t *)value, key, member) {
		*n_bytes += strlen(key);
		measure(member, depth + 1, n_nodes, n_bytes, levels);
	}
}

static json_t *read_alias(Reader *r, const yaml_event_t *event, GError **error)
{
	const char *anchor = (const char *)event->data.alias.anchor;
	json_t *value = g_hash_table_lookup(r->anchors, anchor);
	gsize n_nodes = 0, n_bytes = 0;
	guint levels = 0;

	if (value == NULL) {
		fail(r, event->start_mark, BASE_ERROR_INVALID, error,
		     "alias *%s stands for nothing: no &%s comes before it in this document",
		     anchor, anchor);
		return NULL;
	}
	measure(value, 0, &n_nodes, &n_bytes, &levels);
	if (!count_node(r, event->start_mark, n_nodes, n_bytes, error) ||
	    !enter(r, event->start_mark, levels, error))
		return NULL;
	return json_deep_copy(value);
}

static json_t *read_scalar(Reader *r, const yaml_event_t *event, GError **error)
{
	g_autoptr(GError) problem = NULL;
	BaseYamlScalar scalar = {
		.text = (const char *)event->data.scalar.value,
		.size_bytes = event->data.scalar.length,
		.tag = (const char *)event->data.scalar.tag,
		.plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE,
	};
	json_t *value;

	if (!count_node(r, event->start_mark, 1, scalar.size_bytes, error))
		return NULL;
	value = base_yaml_scalar_value(&scalar, &problem);
	if (value == NULL) {
		fail(r, event->start_mark, BASE_ERROR_INVALID, error, "%s", problem->message);
		return NULL;
	}
	remember_anchor(r, event->data.scalar.anchor, value);
	return value;
}

static gboolean collection_tag_is_known(Reader *r, const yaml_event_t *event, const char *tag,
					const char *known, GError **error)
{
	if (tag == NULL || strcmp(tag, known) == 0 || strcmp(tag, "!") == 0)
		return TRUE;
	fail(r, event->start_mark, BASE_ERROR_INVALID, error,
	     "tag %s is not known; leave the tag out", tag);
	return FALSE;
}

static json_t *read_sequence(Reader *r, const yaml_event_t *start, GError **error)
{
	g_autoptr(json_t) array = json_array();

	if (!collection_tag_is_known(r, start, (const char *)start->data.sequence_start.tag,
				     YAML_SEQ_TAG, error) ||
	    !count_node(r, start->start_mark, 1, 0, error) ||
	    !enter(r, start->start_mark, 1, error))
		return NULL;
	r->depth++;
	for (gsize i = 0;; i++) {
		g_auto(yaml_event_t) event = {0};
		json_t *member;
		gsize before;

		if (!next_event(r, &event, error))
			return NULL;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			break;
		before = push_index(r, i);
		note_line(r, event.start_mark);
		member = read_node(r, &event, error);
		pop(r, before);
		if (member == NULL)
			return NULL;
		json_array_append_new(array, member);
	}
	r->depth--;
	remember_anchor(r, start->data.sequence_start.anchor, array);
	return g_steal_pointer(&array);
}

static gboolean key_is_good(Reader *r, const yaml_event_t *event, json_t *object, GError **error)
{
	g_autoptr(GError) problem = NULL;
	const char *key = (const char *)event->data.scalar.value;

	if (event->type != YAML_SCALAR_EVENT) {
		fail(r, event->start_mark, BASE_ERROR_INVALID, error, "a key must be plain text%s",
		     event->type == YAML_ALIAS_EVENT ? ", not an alias" : "");
		return FALSE;
	}
	if (!base_yaml_key_check(key, event->data.scalar.length,
				 event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE, &problem)) {
		fail(r, event->start_mark, BASE_ERROR_INVALID, error, "%s", problem->message);
		return FALSE;
	}
	if (json_object_get(object, key) != NULL) {
		fail(r, event->start_mark, BASE_ERROR_INVALID, error,
		     "key \"%s\" is given twice in one mapping; remove one", key);
		return FALSE;
	}
	return count_node(r, event->start_mark, 0, event->data.scalar.length, error);
}

static gboolean read_member(Reader *r, const yaml_event_t *key_event, json_t *object,
			    GError **error)
{
	g_auto(yaml_event_t) event = {0};
	const char *key = (const char *)key_event->data.scalar.value;
	json_t *member;
	gsize before;

	if (!key_is_good(r, key_event, object, error))
		return FALSE;
	before = push_key(r, key);
	note_line(r, key_event->start_mark);
	member = next_event(r, &event, error) ? read_node(r, &event, error) : NULL;
	pop(r, before);
	if (member == NULL)
		return FALSE;
	json_object_set_new(object, key, member);
	return TRUE;
}

static json_t *read_mapping(Reader *r, const yaml_event_t *start, GError **error)
{
	g_autoptr(json_t) object = json_object();

	if (!collection_tag_is_known(r, start, (const char *)start->data.mapping_start.tag,
				     YAML_MAP_TAG, error) ||
	    !count_node(r, start->start_mark, 1, 0, error) ||
	    !enter(r, start->start_mark, 1, error))
		return NULL;
	r->depth++;
	for (;;) {
		g_auto(yaml_event_t) event = {0};

		if (!next_event(r, &event, error))
			return NULL;
		if (event.type == YAML_MAPPING_END_EVENT)
			break;
		if (!read_member(r, &event, object, error))
			return NULL;
	}
	r->depth--;
	remember_anchor(r, start->data.mapping_start.anchor, object);
	return g_steal_pointer(&object);
}

static json_t *read_node(Reader *r, const yaml_event_t *event, GError **error)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return read_alias(r, event, error);
	case YAML_SCALAR_EVENT:
		return read_scalar(r, event, error);
	case YAML_SEQUENCE_START_EVENT:
		return read_sequence(r, event, error);
	case YAML_MAPPING_START_EVENT:
		return read_mapping(r, event, error);
	default:
		fail(r, event->start_mark, BASE_ERROR_INVALID, error, "a value is missing here");
		return NULL;
	}
}

/* ---- Documents ---- */

static void drop_value(gpointer value)
{
	json_decref(value);
}

static void reader_begin(Reader *r, const char *text, gsize size_bytes, const char *name,
			 guint first_line)
{
	*r = (Reader){.name = name, .first_line = first_line};
	if (!yaml_parser_initialize(&r->yaml))
		g_error("out of memory");
	yaml_parser_set_encoding(&r->yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->yaml, (const unsigned char *)text, size_bytes);
	r->anchors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, drop_value);
}

static void reader_end(Reader *r)
{
	yaml_parser_delete(&r->yaml);
	g_hash_table_destroy(r->anchors);
	if (r->path != NULL)
		g_string_free(r->path, TRUE);
}

/* Reads the next document. NULL without an error at the end of the part. */
static json_t *read_document(Reader *r, guint *line, GError **error)
{
	for (;;) {
		g_auto(yaml_event_t) event = {0};
		json_t *value;

		if (!next_event(r, &event, error))
			return NULL;
		if (event.type == YAML_STREAM_END_EVENT)
			return NULL;
		if (event.type == YAML_STREAM_START_EVENT ||
		    event.type == YAML_DOCUMENT_START_EVENT ||
		    event.type == YAML_DOCUMENT_END_EVENT)
			continue;
		g_hash_table_remove_all(r->anchors);
		r->n_nodes = r->n_bytes = 0;
		r->depth = 0;
		*line = (guint)event.start_mark.line + r->first_line + 1;
		note_line(r, event.start_mark);
		value = read_node(r, &event, error);
		return value;
	}
}

static BaseYamlDocument *document_new(GBytes *part, guint first_line, guint index)
{
	BaseYamlDocument *document = g_new0(BaseYamlDocument, 1);

	document->text = g_bytes_ref(part);
	document->first_line = first_line;
	document->index = index;
	document->line = first_line + 1;
	return document;
}

/* Appends the documents of one part: usually one. After a bad one the rest of the part is lost. */
static void read_part(GPtrArray *documents, GBytes *part, const char *name, guint first_line)
{
	gsize size_bytes;
	const char *text = g_bytes_get_data(part, &size_bytes);
	Reader r;

	reader_begin(&r, text, size_bytes, name, first_line);
	for (guint index = 0;; index++) {
		BaseYamlDocument *document = document_new(part, first_line, index);

		document->value = read_document(&r, &document->line, &document->error);
		if (document->value != NULL && json_is_null(document->value)) {
			base_yaml_document_free(document);
			continue;
		}
		if (document->value == NULL && document->error == NULL) {
			base_yaml_document_free(document);
			break;
		}
		g_ptr_array_add(documents, document);
		if (document->error != NULL)
			break;
	}
	reader_end(&r);
}

static gboolean line_starts_document(const char *line, const char *end)
{
	return end - line >= 3 && strncmp(line, "---", 3) == 0 &&
	       (end - line == 3 || strchr(" \t\r\n", line[3]) != NULL);
}

/* TRUE if [from, to) has nothing but comments, directives and blank lines: it belongs to what
 * follows. */
static gboolean is_preamble(const char *from, const char *to)
{
	while (from < to) {
		const char *newline = memchr(from, '\n', (gsize)(to - from));
		const char *end = newline != NULL ? newline : to;

		while (from < end && strchr(" \t\r", *from) != NULL)
			from++;
		if (from < end && *from != '#' && *from != '%')
			return FALSE;
		from = newline != NULL ? newline + 1 : to;
	}
	return TRUE;
}

static gboolean add_part(GPtrArray *documents, GBytes *stream, const char *from, const char *to,
			 const char *name, guint first_line, GError **error)
{
	const char *text = g_bytes_get_data(stream, NULL);
	g_autoptr(GBytes) part =
		g_bytes_new_from_bytes(stream, (gsize)(from - text), (gsize)(to - from));

	read_part(documents, part, name, first_line);
	if (documents->len <= BASE_YAML_MAX_DOCUMENTS)
		return TRUE;
	g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
		    "%s has more than %d documents; split it", name != NULL ? name : "the stream",
		    BASE_YAML_MAX_DOCUMENTS);
	return FALSE;
}

/* "---" at the start of a line always begins a document, so the stream can be cut there, and a bad
 * document does not hide the next. */
static gboolean split(GPtrArray *documents, GBytes *stream, const char *name, GError **error)
{
	gsize size_bytes;
	const char *text = g_bytes_get_data(stream, &size_bytes);
	const char *end = text + size_bytes, *from = text, *line = text;
	guint line_number = 0, first_line = 0;

	while (line < end) {
		const char *newline = memchr(line, '\n', (gsize)(end - line));

		if (line > from && line_starts_document(line, end) && !is_preamble(from, line)) {
			if (!add_part(documents, stream, from, line, name, first_line, error))
				return FALSE;
			from = line;
			first_line = line_number;
		}
		line = newline != NULL ? newline + 1 : end;
		line_number++;
	}
	return add_part(documents, stream, from, end, name, first_line, error);
}

static gboolean looks_like_json(const char *text, gsize size_bytes)
{
	gsize i = 0;

	while (i < size_bytes && strchr(" \t\r\n", text[i]) != NULL)
		i++;
	return i < size_bytes && text[i] == '{';
}

static void read_json(GPtrArray *documents, GBytes *stream, const char *name)
{
	gsize size_bytes;
	const char *text = g_bytes_get_data(stream, &size_bytes);
	BaseYamlDocument *document = document_new(stream, 0, 0);

	document->value = base_json_parse(text, size_bytes, &document->error);
	if (document->error != NULL && name != NULL)
		g_prefix_error(&document->error, "%s: ", name);
	g_ptr_array_add(documents, document);
}

static gboolean stream_is_readable(const char *text, gsize size_bytes, const char *name,
				   GError **error)
{
	const char *what = name != NULL ? name : "the stream";
	const char *bad = NULL;

	if (size_bytes > BASE_YAML_MAX_BYTES) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
			    "%s has %" G_GSIZE_FORMAT " bytes, at most %d are accepted; split it",
			    what, size_bytes, BASE_YAML_MAX_BYTES);
		return FALSE;
	}
	if (!g_utf8_validate_len(text, size_bytes, &bad)) {
		guint line = 1;

		for (const char *c = text; c < bad; c++)
			line += *c == '\n';
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "%s:%u: not UTF-8 text; save it as UTF-8", what, line);
		return FALSE;
	}
	return TRUE;
}

GPtrArray *base_yaml_parse_stream(const char *text, gsize size_bytes, const char *name,
				  GError **error)
{
	g_autoptr(GPtrArray) documents =
		g_ptr_array_new_with_free_func((GDestroyNotify)base_yaml_document_free);
	g_autoptr(GBytes) stream = NULL;

	if (!stream_is_readable(text, size_bytes, name, error))
		return NULL;
	if (size_bytes == 0)
		return g_steal_pointer(&documents);
	stream = g_bytes_new(text, size_bytes);
	if (looks_like_json(text, size_bytes))
		read_json(documents, stream, name);
	else if (!split(documents, stream, name, error))
		return NULL;
	return g_steal_pointer(&documents);
}

GPtrArray *base_yaml_parse_documents(const char *text, gsize size_bytes, const char *name,
				     GError **error)
{
	g_autoptr(GPtrArray) documents = base_yaml_parse_stream(text, size_bytes, name, error);

	if (documents == NULL)
		return NULL;
	for (guint i = 0; i < documents->len; i++) {
		const BaseYamlDocument *document = g_ptr_array_index(documents, i);

		if (document->error != NULL) {
			g_propagate_error(error, g_error_copy(document->error));
			return NULL;
		}
	}
	return g_steal_pointer(&documents);
}

json_t *base_yaml_parse(const char *text, gsize size_bytes, const char *name, GError **error)
{
	g_autoptr(GPtrArray) documents = base_yaml_parse_documents(text, size_bytes, name, error);

	if (documents == NULL)
		return NULL;
	if (documents->len != 1) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "%s has %u documents, one is expected",
			    name != NULL ? name : "the text", documents->len);
		return NULL;
	}
	return json_incref(base_yaml_document_value(g_ptr_array_index(documents, 0)));
}

json_t *base_yaml_document_value(const BaseYamlDocument *document)
{
	return document->value;
}

const GError *base_yaml_document_error(const BaseYamlDocument *document)
{
	return document->error;
}

guint base_yaml_document_line(const BaseYamlDocument *document)
{
	return document->line;
}

guint base_yaml_document_line_of(const BaseYamlDocument *document, const char *field_path)
{
	gsize size_bytes;
	const char *text = g_bytes_get_data(document->text, &size_bytes);
	guint line = document->line, found;
	Reader r;

	reader_begin(&r, text, size_bytes, NULL, document->first_line);
	r.path = g_string_new(NULL);
	for (guint i = 0; i <= document->index; i++) {
		g_autoptr(GError) ignored = NULL;
		g_autoptr(json_t) value = NULL;

		r.wanted = i == document->index ? field_path : NULL;
		value = read_document(&r, &line, &ignored);
		if (value == NULL)
			break;
	}
	found = r.found_line != 0 ? r.found_line : document->line;
	reader_end(&r);
	return found;
}

void base_yaml_document_free(BaseYamlDocument *document)
{
	if (document == NULL)
		return;
	g_bytes_unref(document->text);
	json_decref(document->value);
	g_clear_error(&document->error);
	g_free(document);
}
