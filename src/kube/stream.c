#include "kube/stream.h"

#include "kube/error.h"
#include "kube/resource.h"

#include <string.h>

/* Where in {"kind":…,"metadata":{…},"items":[{…},…]} the reader is. */
typedef enum {
	AT_START,
	AT_KEY_OR_END,
	IN_KEY,
	AT_COLON,
	AT_VALUE,
	IN_VALUE,
	AFTER_VALUE,
	AT_ITEM_OR_END,
	IN_ITEM,
	AFTER_ITEM,
	AT_END,
} Place;

struct KubeListReader {
	KubeItemFunc on_item;
	gpointer user_data;
	Place place;
	GString *key;
	GByteArray *text;    /* of the value that is kept: metadata or an item */
	gboolean keep;       /* the value in progress is wanted */
	gsize max_bytes;     /* of it */
	guint depth;         /* open brackets of the value in progress */
	gboolean in_string;  /* … inside a string */
	gboolean is_escaped; /* … after a backslash */
	gboolean is_scalar;  /* … is a number, true, false or null */
	gboolean has_items;
	gboolean refused;
	gsize offset; /* bytes read, for messages */
	json_t *metadata;
	GError *fault;
};

KubeListReader *kube_list_reader_new(KubeItemFunc on_item, gpointer user_data)
{
	KubeListReader *reader = g_new0(KubeListReader, 1);

	reader->on_item = on_item;
	reader->user_data = user_data;
	reader->key = g_string_new(NULL);
	reader->text = g_byte_array_new();
	return reader;
}

void kube_list_reader_free(KubeListReader *reader)
{
	if (reader == NULL)
		return;
	g_string_free(reader->key, TRUE);
	g_byte_array_unref(reader->text);
	json_decref(reader->metadata);
	g_clear_error(&reader->fault);
	g_free(reader);
}

static gboolean refuse(KubeListReader *reader, const char *what)
{
	if (reader->fault == NULL)
		kube_error_set(&reader->fault, KUBE_ERROR_PROTOCOL,
			       "the answer is not a list of objects: %s at byte %" G_GSIZE_FORMAT,
			       what, reader->offset);
	return FALSE;
}

static gboolean is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static gboolean keep_byte(KubeListReader *reader, char c)
{
	if (!reader->keep)
		return TRUE;
	if (reader->text->len >= reader->max_bytes)
		return refuse(reader, "a value is too large");
	g_byte_array_append(reader->text, (const guint8 *)&c, 1);
	return TRUE;
}

/* --- values --- */

static void begin_value(KubeListReader *reader, gboolean keep, gsize max_bytes)
{
	reader->keep = keep;
	reader->max_bytes = max_bytes;
	reader->depth = 0;
	reader->in_string = FALSE;
	reader->is_escaped = FALSE;
	reader->is_scalar = FALSE;
	g_byte_array_set_size(reader->text, 0);
}

/* Follows one byte of a value. `is_whole` says that the value ended with this byte. */
static gboolean follow_value(KubeListReader *reader, char c, gboolean *is_whole)
{
	*is_whole = FALSE;
	if (!keep_byte(reader, c))
		return FALSE;
	if (reader->in_string) {
		if (reader->is_escaped)
			reader->is_escaped = FALSE;
		else if (c == '\\')
			reader->is_escaped = TRUE;
		else if (c == '"')
			reader->in_string = FALSE;
		*is_whole = !reader->in_string && reader->depth == 0;
		return TRUE;
	}
	if (c == '"') {
		reader->in_string = TRUE;
	} else if (c == '{' || c == '[') {
		if (++reader->depth > BASE_JSON_MAX_DEPTH)
			return refuse(reader, "it is nested too deep");
	} else if (c == '}' || c == ']') {
		*is_whole = --reader->depth == 0;
	} else if (reader->depth == 0) {
		reader->is_scalar = TRUE;
	}
	return TRUE;
}

static gboolean ends_scalar(const KubeListReader *reader, char c)
{
	return reader->is_scalar && (c == ',' || c == '}' || c == ']' || is_space(c));
}

static gboolean finish_metadata(KubeListReader *reader)
{
	if (!g_str_equal(reader->key->str, "metadata"))
		return TRUE;
	json_decref(reader->metadata);
	reader->metadata =
		base_json_parse((const char *)reader->text->data, reader->text->len, NULL);
	return json_is_object(reader->metadata) ? TRUE : refuse(reader, "its metadata is damaged");
}

static gboolean finish_item(KubeListReader *reader)
{
	g_byte_array_append(reader->text, (const guint8 *)"", 1);
	if (reader->on_item((const char *)reader->text->data, reader->text->len - 1,
			    reader->user_data))
		return TRUE;
	reader->refused = TRUE;
	return FALSE;
}

/* --- the frame --- */

/* One byte of the frame: moves to `place` if it is `expected`. */
static gboolean expect(KubeListReader *reader, char c, char expected, Place place)
{
	if (c != expected)
		return refuse(reader, "unexpected character");
	reader->place = place;
	return TRUE;
}

static gboolean step_key(KubeListReader *reader, char c)
{
	if (c == '"') {
		reader->place = AT_COLON;
		return TRUE;
	}
	/* No member of a list has a name that needs escaping. */
	if (c == '\\' || reader->key->len >= KUBE_STREAM_MAX_KEY_BYTES)
		return refuse(reader, "strange member");
	g_string_append_c(reader->key, c);
	return TRUE;
}

static gboolean step_value_start(KubeListReader *reader, char c)
{
	gboolean whole;

	if (c == '[' && g_str_equal(reader->key->str, "items")) {
		reader->has_items = TRUE;
		reader->place = AT_ITEM_OR_END;
		return TRUE;
	}
	if (c == ',' || c == '}' || c == ']' || c == ':')
		return refuse(reader, "a value is missing");
	begin_value(reader, g_str_equal(reader->key->str, "metadata"),
		    KUBE_STREAM_MAX_METADATA_BYTES);
	reader->place = IN_VALUE;
	return follow_value(reader, c, &whole);
}

static gboolean step_value(KubeListReader *reader, char c)
{
	gboolean whole;

	if (!follow_value(reader, c, &whole))
		return FALSE;
	if (!whole)
		return TRUE;
	reader->place = AFTER_VALUE;
	return finish_metadata(reader);
}

static gboolean step_item_start(KubeListReader *reader, char c)
{
	gboolean whole;

	if (c == ']' && reader->place == AT_ITEM_OR_END) {
		reader->place = AFTER_VALUE;
		return TRUE;
	}
	if (c != '{')
		return refuse(reader, "an item is no object");
	begin_value(reader, TRUE, BASE_JSON_MAX_BYTES);
	reader->place = IN_ITEM;
	return follow_value(reader, c, &whole);
}

static gboolean step_item(KubeListReader *reader, char c)
{
	gboolean whole;

	if (!follow_value(reader, c, &whole))
		return FALSE;
	if (!whole)
		return TRUE;
	reader->place = AFTER_ITEM;
	return finish_item(reader);
}

static gboolean step_after_item(KubeListReader *reader, char c)
{
	if (c == ']') {
		reader->place = AFTER_VALUE;
		return TRUE;
	}
	/* "[{},]" is let through: jansson is strict about what is inside, and Go never writes it.
	 */
	return expect(reader, c, ',', AT_ITEM_OR_END);
}

static gboolean step_after_value(KubeListReader *reader, char c)
{
	if (c == '}') {
		reader->place = AT_END;
		return TRUE;
	}
	return expect(reader, c, ',', AT_KEY_OR_END);
}

static gboolean step_key_start(KubeListReader *reader, char c)
{
	if (c == '}') {
		reader->place = AT_END;
		return TRUE;
	}
	g_string_truncate(reader->key, 0);
	return expect(reader, c, '"', IN_KEY);
}

static gboolean step(KubeListReader *reader, char c)
{
	switch (reader->place) {
	case IN_KEY:
		return step_key(reader, c);
	case IN_VALUE:
		return step_value(reader, c);
	case IN_ITEM:
		return step_item(reader, c);
	default:
		break;
	}
	if (is_space(c))
		return TRUE;
	switch (reader->place) {
	case AT_START:
		return expect(reader, c, '{', AT_KEY_OR_END);
	case AT_KEY_OR_END:
		return step_key_start(reader, c);
	case AT_COLON:
		return expect(reader, c, ':', AT_VALUE);
	case AT_VALUE:
		return step_value_start(reader, c);
	case AFTER_VALUE:
		return step_after_value(reader, c);
	case AT_ITEM_OR_END:
		return step_item_start(reader, c);
	case AFTER_ITEM:
		return step_after_item(reader, c);
	default:
		return refuse(reader, "something follows its end");
	}
}

gboolean kube_list_reader_feed(KubeListReader *reader, const char *data, gsize size_bytes,
			       GError **error)
{
	for (gsize i = 0; i < size_bytes; i++) {
		gboolean good = TRUE;

		/* A number ends with the byte after it. */
		if (reader->place == IN_VALUE && ends_scalar(reader, data[i])) {
			reader->place = AFTER_VALUE;
			good = finish_metadata(reader);
		}
		if (good && reader->fault == NULL && !reader->refused)
			good = step(reader, data[i]);
		if (reader->fault != NULL && error != NULL)
			*error = g_error_copy(reader->fault);
		if (!good || reader->fault != NULL || reader->refused)
			return FALSE;
		reader->offset++;
	}
	return TRUE;
}

gboolean kube_list_reader_finish(KubeListReader *reader, GError **error)
{
	if (reader->fault == NULL && reader->place != AT_END)
		refuse(reader, "it ends in the middle");
	/* "items": null is how Go prints an empty list; no metadata is no list. */
	if (reader->fault == NULL && reader->metadata == NULL)
		refuse(reader, "it has no metadata");
	if (reader->fault == NULL)
		return TRUE;
	if (error != NULL)
		*error = g_error_copy(reader->fault);
	return FALSE;
}

static const char *metadata_string(const KubeListReader *reader, const char *key)
{
	const char *text = base_json_get_string(reader->metadata, key, NULL);

	return text != NULL && text[0] != '\0' ? text : NULL;
}

const char *kube_list_reader_resource_version(const KubeListReader *reader)
{
	return metadata_string(reader, "resourceVersion");
}

const char *kube_list_reader_continue(const KubeListReader *reader)
{
	return metadata_string(reader, "continue");
}

/* --- events of a watch --- */

static const char *const watch_types[] = {
	[KUBE_WATCH_ADDED] = "ADDED",     [KUBE_WATCH_MODIFIED] = "MODIFIED",
	[KUBE_WATCH_DELETED] = "DELETED", [KUBE_WATCH_BOOKMARK] = "BOOKMARK",
	[KUBE_WATCH_ERROR] = "ERROR",
};

gboolean kube_object_is_addressable(const json_t *object)
{
	const char *name = kube_object_name(object);
	const json_t *name_space = base_json_get(object, "metadata", "namespace", NULL);

	if (name == NULL || name[0] == '\0' || strchr(name, '/') != NULL)
		return FALSE;
	return name_space == NULL ||
	       (json_is_string(name_space) && strchr(json_string_value(name_space), '/') == NULL);
}

static gboolean check_event(KubeWatchType type, const json_t *object, GError **error)
{
	if (!json_is_object(object))
		return kube_error_set(error, KUBE_ERROR_PROTOCOL,
				      "a watch sent a %s event without an object",
				      watch_types[type]);
	if (type == KUBE_WATCH_ERROR)
		return TRUE;
	if (kube_object_resource_version(object) == NULL)
		return kube_error_set(error, KUBE_ERROR_PROTOCOL,
				      "a watch sent a %s event without resourceVersion",
				      watch_types[type]);
	if (type != KUBE_WATCH_BOOKMARK && !kube_object_is_addressable(object))
		return kube_error_set(error, KUBE_ERROR_PROTOCOL,
				      "a watch sent a %s event without a proper name",
				      watch_types[type]);
	return TRUE;
}

gboolean kube_watch_event_read(const char *line, gsize size_bytes, KubeWatchEvent *event,
			       GError **error)
{
	g_autoptr(GError) fault = NULL;
	g_autoptr(json_t) whole = base_json_parse(line, size_bytes, &fault);
	const char *name = base_json_get_string(whole, "type", NULL);
	json_t *object = json_object_get(whole, "object");

	if (whole == NULL)
		return kube_error_set(error, KUBE_ERROR_PROTOCOL,
				      "a watch sent a line that is no JSON: %s", fault->message);
	for (gsize i = 0; name != NULL && i < G_N_ELEMENTS(watch_types); i++) {
		if (!g_str_equal(name, watch_types[i]))
			continue;
		if (!check_event((KubeWatchType)i, object, error))
			return FALSE;
		event->type = (KubeWatchType)i;
		event->object = json_incref(object);
		event->resource_version =
			i == KUBE_WATCH_ERROR ? NULL : kube_object_resource_version(object);
		return TRUE;
	}
	return kube_error_set(error, KUBE_ERROR_PROTOCOL,
			      "a watch sent an event of an unknown type");
}

void kube_watch_event_clear(KubeWatchEvent *event)
{
	json_decref(event->object);
	*event = (KubeWatchEvent){0};
}
