#include "apiserver/strategic.h"

#include "base/error.h"
#include "base/json.h"

#include <stdarg.h>
#include <string.h>

#define DIRECTIVE_PATCH "$patch"
#define DIRECTIVE_RETAIN_KEYS "$retainKeys"
#define DIRECTIVE_SET_ORDER "$setElementOrder/"
#define DIRECTIVE_DELETE_PRIMITIVES "$deleteFromPrimitiveList/"

/* The lists that merge, by path from the object. All others are replaced. */
static const struct {
	const char *path;
	const char *merge_key; /* NULL: a set of strings */
	const char *kind;      /* NULL: any */
} merging_lists[] = {
	{"metadata.finalizers", NULL, NULL},
	{"metadata.ownerReferences", "uid", NULL},
	{"spec.finalizers", NULL, "Namespace"},
};

/* Where the merge is; a chain on the stack. */
typedef struct Place {
	const struct Place *parent;
	const char *key;
	const char *kind; /* of the object, in the root */
} Place;

static char *path_of(const Place *place, const char *key)
{
	g_autofree char *above = NULL;

	if (place->parent == NULL)
		return g_strdup(key);
	above = path_of(place->parent, place->key);
	return g_strdup_printf("%s.%s", above, key);
}

/* TRUE if the list at `key` merges; `merge_key` is NULL for a set of strings. */
static gboolean list_merges(const Place *place, const char *key, const char **merge_key)
{
	g_autofree char *path = path_of(place, key);
	const Place *root = place;

	while (root->parent != NULL)
		root = root->parent;
	for (gsize i = 0; i < G_N_ELEMENTS(merging_lists); i++) {
		if (g_str_equal(path, merging_lists[i].path) &&
		    (merging_lists[i].kind == NULL ||
		     g_str_equal(merging_lists[i].kind, root->kind))) {
			*merge_key = merging_lists[i].merge_key;
			return TRUE;
		}
	}
	return FALSE;
}

G_GNUC_PRINTF(2, 3) static gboolean fail(GError **error, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, BASE_ERROR, BASE_ERROR_INVALID, message);
	return FALSE;
}

static gboolean merge_into(const Place *place, json_t *object, const json_t *patch, GError **error);

/* --- lists --- */

static gboolean find_string(const json_t *list, const char *text, gsize *index)
{
	json_t *item;
	gsize i;

	json_array_foreach (list, i, item) {
		if (json_is_string(item) && g_str_equal(json_string_value(item), text)) {
			*index = i;
			return TRUE;
		}
	}
	return FALSE;
}

/* The value of an element that tells it from others: itself, or its member `merge_key`. */
static const char *identity_of(const json_t *item, const char *merge_key)
{
	return json_string_value(merge_key == NULL ? item : json_object_get(item, merge_key));
}

static gboolean find_element(const json_t *list, const char *merge_key, const char *identity,
			     gsize *index)
{
	json_t *item;
	gsize i;

	json_array_foreach (list, i, item) {
		const char *mine = identity_of(item, merge_key);

		if (mine != NULL && g_str_equal(mine, identity)) {
			*index = i;
			return TRUE;
		}
	}
	return FALSE;
}

/* Merges one element of a list of objects into `result`. */
static gboolean merge_element(const Place *here, json_t *result, const char *merge_key,
			      const json_t *item, GError **error)
{
	const char *identity = identity_of(item, merge_key);
	const char *directive = base_json_get_string(item, DIRECTIVE_PATCH, NULL);
	gsize index = 0;
	gboolean found;

	if (identity == NULL)
		return fail(error, "map does not contain declared merge key: %s", merge_key);
	found = find_element(result, merge_key, identity, &index);
	if (directive != NULL && g_str_equal(directive, "delete")) {
		if (found)
			json_array_remove(result, index);
		return TRUE;
	}
	if (!found) {
		index = json_array_size(result);
		json_array_append_new(result, json_object());
	}
	return merge_into(here, json_array_get(result, index), item, error);
}

/* A list whose elements include {"$patch": "replace"} stands as it is without that one. */
static json_t *replacement(const json_t *patch)
{
	g_autoptr(json_t) list = json_array();
	gboolean replaces = FALSE;
	json_t *item;
	gsize i;

	json_array_foreach (patch, i, item) {
		const char *directive = base_json_get_string(item, DIRECTIVE_PATCH, NULL);

		if (directive != NULL && g_str_equal(directive, "replace"))
			replaces = TRUE;
		else
			json_array_append_new(list, json_deep_copy(item));
	}
	return replaces ? g_steal_pointer(&list) : NULL;
}

static gboolean merge_list(const Place *here, json_t *list, const json_t *patch,
			   const char *merge_key, GError **error)
{
	g_autoptr(json_t) whole = replacement(patch);
	json_t *item;
	gsize i, found = 0;

	if (whole != NULL) {
		json_array_clear(list);
		json_array_extend(list, whole);
		return TRUE;
	}
	json_array_foreach (patch, i, item) {
		if (merge_key != NULL) {
			if (!merge_element(here, list, merge_key, item, error))
				return FALSE;
		} else if (!json_is_string(item)) {
			return fail(error, "the list \"%s\" takes strings", here->key);
		} else if (!find_string(list, json_string_value(item), &found)) {
			json_array_append_new(list, json_deep_copy(item));
		}
	}
	return TRUE;
}

/* Elements named in `order` come first and in that order; the others follow as they were. */
static void set_order(json_t *list, const json_t *order, const char *merge_key)
{
	g_autoptr(json_t) sorted = json_array();
	json_t *item;
	gsize i, index = 0;

	json_array_foreach (order, i, item) {
		const char *identity = identity_of(item, merge_key);

		if (identity != NULL && find_element(list, merge_key, identity, &index)) {
			json_array_append(sorted, json_array_get(list, index));
			json_array_remove(list, index);
		}
	}
	json_array_extend(sorted, list);
	json_array_clear(list);
	json_array_extend(list, sorted);
}

static void delete_primitives(json_t *list, const json_t *gone)
{
	json_t *item;
	gsize i, index = 0;

	json_array_foreach (gone, i, item) {
		while (json_is_string(item) && find_string(list, json_string_value(item), &index))
			json_array_remove(list, index);
	}
}

/* --- objects --- */

/* The directives that stand beside the list they speak of: `$setElementOrder/<list>` and
 * `$deleteFromPrimitiveList/<list>`. */
static gboolean apply_list_directive(const Place *place, json_t *result, const char *directive,
				     const json_t *value, GError **error)
{
	gboolean ordering = g_str_has_prefix(directive, DIRECTIVE_SET_ORDER);
	const char *key = strchr(directive, '/') + 1;
	const char *merge_key = NULL;
	json_t *list = json_object_get(result, key);

	if (!json_is_array(value))
		return fail(error, "the directive \"%s\" takes a list", directive);
	if (!list_merges(place, key, &merge_key) || (!ordering && merge_key != NULL))
		return fail(error, "the directive \"%s\" does not fit its list", directive);
	if (!json_is_array(list))
		return TRUE;
	if (ordering)
		set_order(list, value, merge_key);
	else
		delete_primitives(list, value);
	return TRUE;
}

static gboolean is_list_directive(const char *key)
{
	return g_str_has_prefix(key, DIRECTIVE_SET_ORDER) ||
	       g_str_has_prefix(key, DIRECTIVE_DELETE_PRIMITIVES);
}

/* `$retainKeys`: what is not named goes. */
static gboolean retain_keys(json_t *result, const json_t *keys, GError **error)
{
	const char *key;
	json_t *value;
	void *next;
	gsize index = 0;

	if (!json_is_array(keys))
		return fail(error, "the directive \"%s\" takes a list", DIRECTIVE_RETAIN_KEYS);
	json_object_foreach_safe (result, next, key, value) {
		if (!find_string(keys, key, &index))
			json_object_del(result, key);
	}
	return TRUE;
}

/* The list at `key`, made if there is none. Borrowed. */
static json_t *ensure_array(json_t *object, const char *key)
{
	if (!json_is_array(json_object_get(object, key)))
		json_object_set_new(object, key, json_array());
	return json_object_get(object, key);
}

static gboolean merge_member(const Place *place, json_t *object, const char *key,
			     const json_t *value, GError **error)
{
	const Place here = {.parent = place, .key = key};
	const char *merge_key = NULL;

	if (json_is_null(value)) {
		json_object_del(object, key);
		return TRUE;
	}
	if (json_is_object(value))
		return merge_into(&here, base_json_ensure_object(object, key), value, error);
	if (json_is_array(value) && list_merges(place, key, &merge_key))
		return merge_list(&here, ensure_array(object, key), value, merge_key, error);
	json_object_set_new(object, key, json_deep_copy(value));
	return TRUE;
}

/* What `$patch` says of a whole object; `done` if that was all there is to do. */
static gboolean apply_patch_directive(json_t *object, const json_t *patch, gboolean *done,
				      GError **error)
{
	const json_t *directive = json_object_get(patch, DIRECTIVE_PATCH);
	const char *word = json_string_value(directive);

	*done = FALSE;
	if (directive == NULL || (word != NULL && g_str_equal(word, "merge")))
		return TRUE;
	if (word == NULL || (!g_str_equal(word, "delete") && !g_str_equal(word, "replace")))
		return fail(error, "unknown patch type: %s", word == NULL ? "not a string" : word);
	json_object_clear(object);
	if (g_str_equal(word, "replace")) {
		g_autoptr(json_t) copy = json_deep_copy(patch);

		json_object_del(copy, DIRECTIVE_PATCH);
		json_object_update(object, copy);
	}
	*done = TRUE;
	return TRUE;
}

static gboolean merge_into(const Place *place, json_t *object, const json_t *patch, GError **error)
{
	const json_t *keys = json_object_get(patch, DIRECTIVE_RETAIN_KEYS);
	gboolean done = FALSE;
	const char *key;
	json_t *value;

	if (!apply_patch_directive(object, patch, &done, error))
		return FALSE;
	if (done)
		return TRUE;
	if (keys != NULL && !retain_keys(object, keys, error))
		return FALSE;
	json_object_foreach ((json_t *)patch, key, value) {
		if (!is_list_directive(key) && !g_str_equal(key, DIRECTIVE_PATCH) &&
		    !g_str_equal(key, DIRECTIVE_RETAIN_KEYS) &&
		    !merge_member(place, object, key, value, error))
			return FALSE;
	}
	/* The order is of the merged list, so it comes last. */
	json_object_foreach ((json_t *)patch, key, value) {
		if (is_list_directive(key) &&
		    !apply_list_directive(place, object, key, value, error))
			return FALSE;
	}
	return TRUE;
}

json_t *api_strategic_apply(const ApiKind *kind, const json_t *object, const json_t *patch,
			    GError **error)
{
	const Place root = {.kind = kind->kind};
	g_autoptr(json_t) result = NULL;

	if (!json_is_object(patch)) {
		fail(error, "a strategic merge patch must be an object");
		return NULL;
	}
	result = json_is_object(object) ? json_deep_copy(object) : json_object();
	return merge_into(&root, result, patch, error) ? g_steal_pointer(&result) : NULL;
}
