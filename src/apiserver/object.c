#include "apiserver/object.h"

#include "base/json.h"
#include "base/json_text.h"

#include <string.h>

#define METADATA_MEMBER ",\"metadata\":"
#define PARTIAL_HEAD                                                                               \
	"{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":"

char *api_object_key(const ApiKind *kind, const char *namespace, const char *name)
{
	if (!kind->namespaced)
		return g_strconcat(kind->storage_prefix, name, NULL);
	return g_strconcat(kind->storage_prefix, namespace, "/", name, NULL);
}

char *api_object_prefix(const ApiKind *kind, const char *namespace)
{
	if (!kind->namespaced || namespace == NULL)
		return g_strdup(kind->storage_prefix);
	return g_strconcat(kind->storage_prefix, namespace, "/", NULL);
}

const char *api_object_key_name(const char *key)
{
	return strrchr(key, '/') + 1;
}

static void append_string(GString *text, const char *string)
{
	if (string == NULL)
		string = "";
	base_json_append_string(text, string, strlen(string));
}

static void append_members(GString *text, json_t *object, const char *const *but)
{
	const char *key;
	json_t *value;

	json_object_foreach (object, key, value) {
		if (g_strv_contains(but, key))
			continue;
		g_string_append_c(text, ',');
		append_string(text, key);
		g_string_append_c(text, ':');
		base_json_append(text, value);
	}
}

static GString *encode(json_t *object, const char *revision, gsize *revision_at)
{
	static const char *const in_front[] = {"apiVersion", "kind", "metadata", NULL};
	static const char *const not_again[] = {"resourceVersion", NULL};
	GString *text = g_string_sized_new(1024);

	g_string_append(text, "{\"apiVersion\":");
	append_string(text, base_json_get_string(object, "apiVersion", NULL));
	g_string_append(text, ",\"kind\":");
	append_string(text, base_json_get_string(object, "kind", NULL));
	g_string_append(text, METADATA_MEMBER "{\"resourceVersion\":\"");
	if (revision_at != NULL)
		*revision_at = text->len;
	g_string_append(text, revision);
	g_string_append_c(text, '"');
	append_members(text, json_object_get(object, "metadata"), not_again);
	g_string_append_c(text, '}');
	append_members(text, object, in_front);
	g_string_append_c(text, '}');
	return text;
}

GBytes *api_object_encode(json_t *object, gsize *revision_at)
{
	return g_string_free_to_bytes(encode(object, "", revision_at));
}

GBytes *api_object_encode_whole(json_t *object)
{
	return base_json_dump_bytes(object);
}

json_t *api_object_decode(GBytes *value)
{
	gsize size_bytes;
	const char *text = g_bytes_get_data(value, &size_bytes);

	return base_json_parse_own(text, size_bytes);
}

/* The end of the object that begins at `text`: after its closing brace. NULL if it has none. */
static const char *object_end(const char *text, const char *end)
{
	guint depth = 0;
	gboolean in_string = FALSE;

	for (; text < end; text++) {
		if (in_string && *text == '\\')
			text++;
		else if (*text == '"')
			in_string = !in_string;
		else if (!in_string && *text == '{')
			depth++;
		else if (!in_string && *text == '}' && --depth == 0)
			return text + 1;
	}
	return NULL;
}

gboolean api_object_metadata_text(GBytes *value, const char **text, gsize *size_bytes)
{
	gsize size;
	const char *data = g_bytes_get_data(value, &size);
	/* apiVersion and kind are short words without braces; empty bytes have no text at all. */
	const char *found =
		data == NULL ? NULL
			     : g_strstr_len(data, (gssize)MIN(size, 512), METADATA_MEMBER "{");
	const char *end;

	if (found == NULL)
		return FALSE;
	found += strlen(METADATA_MEMBER);
	end = object_end(found, data + size);
	if (end == NULL)
		return FALSE;
	*text = found;
	*size_bytes = (gsize)(end - found);
	return TRUE;
}

json_t *api_object_decode_metadata(GBytes *value)
{
	const char *text;
	gsize size_bytes;

	if (!api_object_metadata_text(value, &text, &size_bytes))
		return NULL;
	return base_json_parse_own(text, size_bytes);
}

GBytes *api_object_partial_metadata(GBytes *value)
{
	const char *text = "{}";
	gsize size_bytes = 2;
	GString *partial = g_string_new(PARTIAL_HEAD);

	api_object_metadata_text(value, &text, &size_bytes);
	g_string_append_len(partial, text, (gssize)size_bytes);
	g_string_append_c(partial, '}');
	return g_string_free_to_bytes(partial);
}

gint64 api_object_revision(const json_t *object)
{
	const char *text = api_object_meta(object, "resourceVersion");

	return text != NULL ? g_ascii_strtoll(text, NULL, 10) : 0;
}

void api_object_set_revision(json_t *object, gint64 revision)
{
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, revision);

	base_json_set_string(base_json_ensure_object(object, "metadata"), "resourceVersion", text);
}

const char *api_object_meta(const json_t *object, const char *member)
{
	const char *text = base_json_get_string(object, "metadata", member, NULL);

	return text != NULL && text[0] != '\0' ? text : NULL;
}

gboolean api_object_is_deleting(const json_t *object)
{
	return api_object_meta(object, "deletionTimestamp") != NULL;
}

gboolean api_object_has_finalizers(const json_t *object)
{
	return json_array_size(base_json_get(object, "metadata", "finalizers", NULL)) > 0;
}

gboolean api_object_same(json_t *a, json_t *b)
{
	g_autoptr(json_t) left = json_copy(a);
	g_autoptr(json_t) right = json_copy(b);
	json_t *left_meta = json_copy(json_object_get(a, "metadata"));
	json_t *right_meta = json_copy(json_object_get(b, "metadata"));

	json_object_del(left_meta, "resourceVersion");
	json_object_del(right_meta, "resourceVersion");
	json_object_set_new(left, "metadata", left_meta);
	json_object_set_new(right, "metadata", right_meta);
	return json_equal(left, right) != 0;
}
