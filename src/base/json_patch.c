#include "base/json_patch.h"

#include "base/error.h"

#include <string.h>

/* --- merge patch --- */

json_t *base_merge_patch_apply(const json_t *target, const json_t *patch)
{
	const char *key;
	json_t *value;
	json_t *result;

	if (!json_is_object(patch))
		return json_deep_copy(patch);
	result = json_object();
	if (json_is_object(target)) {
		json_object_foreach ((json_t *)target, key, value) {
			if (json_object_get(patch, key) == NULL)
				json_object_set_new(result, key, json_deep_copy(value));
		}
	}
	json_object_foreach ((json_t *)patch, key, value) {
		if (!json_is_null(value))
			json_object_set_new(
				result, key,
				base_merge_patch_apply(json_object_get(target, key), value));
	}
	return result;
}

/* A member that a merge patch can tell apart from "absent". */
static json_t *present(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return json_is_null(value) ? NULL : value;
}

/* A copy without the nulls that a merge patch would read as "remove". */
static json_t *copy_without_nulls(const json_t *value)
{
	return base_merge_patch_apply(NULL, value);
}

json_t *base_merge_patch_diff(const json_t *from, const json_t *to)
{
	g_autoptr(json_t) patch = NULL;
	const char *key;
	json_t *value;

	if (json_equal(from, to))
		return NULL;
	if (!json_is_object(from) || !json_is_object(to))
		return copy_without_nulls(to);

	patch = json_object();
	json_object_foreach ((json_t *)from, key, value) {
		if (!json_is_null(value) && present(to, key) == NULL)
			json_object_set_new(patch, key, json_null());
	}
	json_object_foreach ((json_t *)to, key, value) {
		json_t *old = present(from, key);
		json_t *change;

		if (json_is_null(value))
			continue;
		change =
			old == NULL ? copy_without_nulls(value) : base_merge_patch_diff(old, value);
		if (change != NULL)
			json_object_set_new(patch, key, change);
	}
	return json_object_size(patch) == 0 ? NULL : g_steal_pointer(&patch);
}

/* --- JSON pointer --- */

/* "~1" is "/", "~0" is "~"; in place. */
static gboolean unescape_token(char *token)
{
	char *to = token;

	for (const char *from = token; *from != '\0'; from++) {
		if (*from != '~') {
			*to++ = *from;
		} else if (from[1] == '0' || from[1] == '1') {
			*to++ = *++from == '0' ? '~' : '/';
		} else {
			return FALSE;
		}
	}
	*to = '\0';
	return TRUE;
}

/* The pointer's tokens, yours; NULL if it is malformed or longer than any document is deep. */
static char **parse_pointer(const char *pointer)
{
	g_auto(GStrv) tokens = NULL;

	if (*pointer == '\0')
		return g_new0(char *, 1);
	if (*pointer != '/')
		return NULL;
	tokens = g_strsplit(pointer + 1, "/", -1);
	if (tokens[0] == NULL) { /* "/" is one empty token; g_strsplit of "" has none */
		g_strfreev(tokens);
		tokens = g_new0(char *, 2);
		tokens[0] = g_strdup("");
	}
	if (g_strv_length(tokens) > BASE_JSON_MAX_DEPTH)
		return NULL;
	for (char **token = tokens; *token != NULL; token++) {
		if (!unescape_token(*token))
			return NULL;
	}
	return g_steal_pointer(&tokens);
}

/* Digits without leading zeros, at most `limit`. */
static gboolean parse_index(const char *token, gsize limit, gsize *index)
{
	guint64 value = 0;

	if (*token == '\0' || (token[0] == '0' && token[1] != '\0'))
		return FALSE;
	for (const char *digit = token; *digit != '\0'; digit++) {
		if (!g_ascii_isdigit(*digit))
			return FALSE;
		value = value * 10 + (guint64)(*digit - '0');
		if (value > limit)
			return FALSE;
	}
	*index = (gsize)value;
	return TRUE;
}

static json_t *child(const json_t *parent, const char *token)
{
	gsize index = 0;

	if (json_is_object(parent))
		return json_object_get(parent, token);
	if (json_is_array(parent) && parse_index(token, json_array_size(parent), &index))
		return json_array_get(parent, index);
	return NULL;
}

static json_t *walk(const json_t *value, char **tokens, gsize n_tokens)
{
	const json_t *at = value;

	for (gsize i = 0; i < n_tokens && at != NULL; i++)
		at = child(at, tokens[i]);
	return (json_t *)at;
}

json_t *base_json_pointer_get(const json_t *value, const char *pointer)
{
	g_auto(GStrv) tokens = parse_pointer(pointer);

	return tokens == NULL ? NULL : walk(value, tokens, g_strv_length(tokens));
}

/* --- JSON patch --- */

typedef enum { OP_ADD, OP_REMOVE, OP_REPLACE, OP_MOVE, OP_COPY, OP_TEST, OP_COUNT } Op;

static const struct {
	const char *name;
	gboolean has_value;
	gboolean has_from;
} ops[OP_COUNT] = {
	[OP_ADD] = {"add", TRUE, FALSE},         [OP_REMOVE] = {"remove", FALSE, FALSE},
	[OP_REPLACE] = {"replace", TRUE, FALSE}, [OP_MOVE] = {"move", FALSE, TRUE},
	[OP_COPY] = {"copy", FALSE, TRUE},       [OP_TEST] = {"test", TRUE, FALSE},
};

/* One operation, read. */
typedef struct {
	Op op;
	gsize index; /* for messages */
	const char *path;
	char **tokens;
	gsize n_tokens;
	const char *from;
	char **from_tokens;
	gsize n_from_tokens;
	const json_t *value;
} Operation;

static void operation_clear(Operation *operation)
{
	g_strfreev(operation->tokens);
	g_strfreev(operation->from_tokens);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Operation, operation_clear)

/* The document being patched. */
typedef struct {
	json_t *root;
	gsize copied_bytes;
} Document;

static gboolean fail(const Operation *operation, BaseError code, GError **error, const char *what,
		     const char *detail)
{
	g_set_error(error, BASE_ERROR, (int)code, "operation %" G_GSIZE_FORMAT " (%s \"%s\"): %s%s",
		    operation->index, ops[operation->op].name, operation->path, what, detail);
	return FALSE;
}

static gsize depth_of(const json_t *value)
{
	const char *key;
	json_t *member;
	gsize index, deepest = 0;

	if (!json_is_object(value) && !json_is_array(value))
		return 0;
	json_object_foreach ((json_t *)value, key, member)
		deepest = MAX(deepest, depth_of(member));
	json_array_foreach (value, index, member)
		deepest = MAX(deepest, depth_of(member));
	return deepest + 1;
}

/* Equal as RFC 6902 §4.6 says: numbers by value, objects without order. */
static gboolean same(const json_t *a, const json_t *b)
{
	const char *key;
	json_t *member;
	gsize index;

	if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b)) {
		double x = json_number_value(a), y = json_number_value(b);

		return !(x < y) && !(x > y);
	}
	if (json_is_object(a) && json_is_object(b)) {
		if (json_object_size(a) != json_object_size(b))
			return FALSE;
		json_object_foreach ((json_t *)a, key, member) {
			if (!same(member, json_object_get(b, key)))
				return FALSE;
		}
		return TRUE;
	}
	if (json_is_array(a) && json_is_array(b)) {
		if (json_array_size(a) != json_array_size(b))
			return FALSE;
		json_array_foreach (a, index, member) {
			if (!same(member, json_array_get(b, index)))
				return FALSE;
		}
		return TRUE;
	}
	return json_equal(a, b) != 0;
}

/* Puts `value` (taken) at the operation's path: inserts into arrays, sets in objects. */
static gboolean put(Document *document, const Operation *operation, json_t *value, GError **error)
{
	g_autoptr(json_t) owned = value;
	const char *last;
	json_t *parent;
	gsize index = 0;

	if (operation->n_tokens + depth_of(value) > BASE_JSON_MAX_DEPTH)
		return fail(operation, BASE_ERROR_TOO_LARGE, error,
			    "the document would be nested too deep", "");
	if (operation->n_tokens == 0) {
		json_decref(document->root);
		document->root = g_steal_pointer(&owned);
		return TRUE;
	}
	parent = walk(document->root, operation->tokens, operation->n_tokens - 1);
	last = operation->tokens[operation->n_tokens - 1];
	if (json_is_object(parent)) {
		json_object_set_new(parent, last, g_steal_pointer(&owned));
		return TRUE;
	}
	if (!json_is_array(parent))
		return fail(operation, BASE_ERROR_NOT_FOUND, error,
			    "its parent is not there or is neither object nor array", "");
	if (g_str_equal(last, "-"))
		index = json_array_size(parent);
	else if (!parse_index(last, json_array_size(parent), &index))
		return fail(operation, BASE_ERROR_NOT_FOUND, error,
			    "no such index in the array: ", last);
	json_array_insert_new(parent, index, g_steal_pointer(&owned));
	return TRUE;
}

/* Takes what is at `tokens` out of the document. Yours; NULL if it is not there. */
static json_t *take(Document *document, char **tokens, gsize n_tokens)
{
	json_t *found = walk(document->root, tokens, n_tokens);
	json_t *parent;
	gsize index = 0;

	if (found == NULL)
		return NULL;
	json_incref(found);
	if (n_tokens == 0) {
		json_decref(document->root);
		document->root = json_null();
		return found;
	}
	parent = walk(document->root, tokens, n_tokens - 1);
	if (json_is_object(parent))
		json_object_del(parent, tokens[n_tokens - 1]);
	else if (parse_index(tokens[n_tokens - 1], json_array_size(parent), &index))
		json_array_remove(parent, index);
	return found;
}

static gboolean replace(Document *document, const Operation *operation, GError **error)
{
	json_t *old = take(document, operation->tokens, operation->n_tokens);

	if (old == NULL)
		return fail(operation, BASE_ERROR_NOT_FOUND, error, "nothing is there", "");
	json_decref(old);
	return put(document, operation, json_deep_copy(operation->value), error);
}

static gboolean move(Document *document, const Operation *operation, GError **error)
{
	json_t *value;

	if (operation->n_from_tokens < operation->n_tokens) {
		gboolean inside = TRUE;

		for (gsize i = 0; i < operation->n_from_tokens && inside; i++)
			inside = g_str_equal(operation->from_tokens[i], operation->tokens[i]);
		if (inside)
			return fail(operation, BASE_ERROR_INVALID, error,
				    "a value cannot move into itself from ", operation->from);
	}
	value = take(document, operation->from_tokens, operation->n_from_tokens);
	if (value == NULL)
		return fail(operation, BASE_ERROR_NOT_FOUND, error, "nothing is at ",
			    operation->from);
	return put(document, operation, value, error);
}

static gboolean copy(Document *document, const Operation *operation, GError **error)
{
	const json_t *value =
		walk(document->root, operation->from_tokens, operation->n_from_tokens);

	if (value == NULL)
		return fail(operation, BASE_ERROR_NOT_FOUND, error, "nothing is at ",
			    operation->from);
	/* Each copy of the whole into a part of it doubles the document. */
	document->copied_bytes += json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
	if (document->copied_bytes > BASE_JSON_PATCH_MAX_BYTES)
		return fail(operation, BASE_ERROR_TOO_LARGE, error,
			    "the patch copies more than may be copied by one patch", "");
	return put(document, operation, json_deep_copy(value), error);
}

static gboolean run(Document *document, const Operation *operation, GError **error)
{
	json_t *found;

	switch (operation->op) {
	case OP_ADD:
		return put(document, operation, json_deep_copy(operation->value), error);
	case OP_REPLACE:
		return replace(document, operation, error);
	case OP_MOVE:
		return move(document, operation, error);
	case OP_COPY:
		return copy(document, operation, error);
	case OP_REMOVE:
		found = take(document, operation->tokens, operation->n_tokens);
		if (found == NULL)
			return fail(operation, BASE_ERROR_NOT_FOUND, error, "nothing is there", "");
		json_decref(found);
		return TRUE;
	case OP_TEST:
		found = walk(document->root, operation->tokens, operation->n_tokens);
		if (found == NULL || !same(found, operation->value))
			return fail(operation, BASE_ERROR_NOT_FOUND, error,
				    "the value there is another", "");
		return TRUE;
	case OP_COUNT:
		break;
	}
	g_assert_not_reached();
}

static gboolean malformed(gsize index, GError **error, const char *what, const char *detail)
{
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "operation %" G_GSIZE_FORMAT ": %s%s",
		    index, what, detail);
	return FALSE;
}

static gboolean read_operation(const json_t *json, gsize index, Operation *out, GError **error)
{
	const char *name = json_string_value(json_object_get(json, "op"));
	g_auto(Operation) operation = {.op = OP_COUNT, .index = index};

	if (!json_is_object(json) || name == NULL)
		return malformed(index, error, "it must be an object with a string \"op\"", "");
	for (Op op = 0; op < OP_COUNT; op++) {
		if (g_str_equal(name, ops[op].name))
			operation.op = op;
	}
	if (operation.op == OP_COUNT)
		return malformed(index, error, "unknown op: ", name);

	operation.path = json_string_value(json_object_get(json, "path"));
	operation.tokens = operation.path == NULL ? NULL : parse_pointer(operation.path);
	if (operation.tokens == NULL)
		return malformed(index, error, "\"path\" must be a JSON pointer", "");
	operation.n_tokens = g_strv_length(operation.tokens);

	operation.value = json_object_get(json, "value");
	if (ops[operation.op].has_value && operation.value == NULL)
		return malformed(index, error, "\"value\" is missing for op ", name);
	if (ops[operation.op].has_from) {
		operation.from = json_string_value(json_object_get(json, "from"));
		operation.from_tokens =
			operation.from == NULL ? NULL : parse_pointer(operation.from);
		if (operation.from_tokens == NULL)
			return malformed(index, error, "\"from\" must be a JSON pointer", "");
		operation.n_from_tokens = g_strv_length(operation.from_tokens);
	}
	*out = operation;
	operation.tokens = NULL;
	operation.from_tokens = NULL;
	return TRUE;
}

json_t *base_json_patch_apply(const json_t *target, const json_t *patch, GError **error)
{
	Document document = {0};
	json_t *json;
	gsize index;

	if (!json_is_array(patch)) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "a JSON patch must be an array of operations");
		return NULL;
	}
	if (json_array_size(patch) > BASE_JSON_PATCH_MAX_OPERATIONS) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
			    "the JSON patch has %" G_GSIZE_FORMAT
			    " operations, at most %d are accepted",
			    json_array_size(patch), BASE_JSON_PATCH_MAX_OPERATIONS);
		return NULL;
	}
	document.root = json_deep_copy(target);
	json_array_foreach (patch, index, json) {
		g_auto(Operation) operation = {0};

		if (!read_operation(json, index, &operation, error) ||
		    !run(&document, &operation, error)) {
			json_decref(document.root);
			return NULL;
		}
	}
	return document.root;
}
