#include "cmd/apply_patch.h"

#include <string.h>

static gboolean is_secret(const json_t *object)
{
	return g_strcmp0(base_json_get_string(object, "kind", NULL), "Secret") == 0 &&
	       g_strcmp0(base_json_get_string(object, "apiVersion", NULL), "v1") == 0;
}

static void string_data_to_data(json_t *secret)
{
	json_t *strings = json_object_get(secret, "stringData");
	const char *key;
	json_t *value;

	if (!json_is_object(strings))
		return;
	json_object_foreach (strings, key, value) {
		const char *text = json_string_value(value);
		g_autofree char *base64 =
			text == NULL ? NULL : g_base64_encode((const guchar *)text, strlen(text));

		if (base64 != NULL)
			json_object_set_new(base_json_ensure_object(secret, "data"), key,
					    json_string(base64));
	}
	json_object_del(secret, "stringData");
}

json_t *cmd_apply_prepared(const json_t *manifest)
{
	json_t *prepared = json_deep_copy(manifest);
	g_autofree char *text = NULL;
	g_autofree char *remembered = NULL;
	json_t *annotations;

	json_object_del(prepared, "status");
	if (is_secret(prepared)) {
		string_data_to_data(prepared);
		return prepared;
	}
	annotations = base_json_ensure_object(base_json_ensure_object(prepared, "metadata"),
					      "annotations");
	json_object_del(annotations, CMD_LAST_APPLIED);
	text = base_json_dump(prepared, NULL);
	remembered = g_strconcat(text, "\n", NULL);
	base_json_set_string(annotations, CMD_LAST_APPLIED, remembered);
	return prepared;
}

/* Fills `patch`: `now` is what is there, `last` what was applied before (or NULL). */
static void compare(json_t *patch, const json_t *wanted, const json_t *now, const json_t *last)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)wanted, key, value) {
		const json_t *there = json_object_get(now, key);

		if (json_is_object(value) && json_is_object(there)) {
			json_t *inner = json_object();

			compare(inner, value, there, json_object_get(last, key));
			if (json_object_size(inner) > 0)
				json_object_set(patch, key, inner);
			json_decref(inner);
		} else if (json_is_null(value) && there == NULL) {
			continue; /* null means "not there", and it is not */
		} else if (there == NULL || !json_equal(value, there)) {
			json_object_set(patch, key, value);
		}
	}
	json_object_foreach ((json_t *)last, key, value)
		if (json_object_get(wanted, key) == NULL && json_object_get(now, key) != NULL)
			json_object_set_new(patch, key, json_null());
}

static json_t *last_applied(const json_t *current)
{
	const char *text =
		base_json_get_string(current, "metadata", "annotations", CMD_LAST_APPLIED, NULL);

	return text == NULL ? NULL : base_json_parse(text, strlen(text), NULL);
}

json_t *cmd_apply_patch(const json_t *prepared, const json_t *current)
{
	json_t *patch = json_object();
	json_t *last = last_applied(current);

	if (is_secret(prepared) && last == NULL)
		last = json_pack("{s:O*}", "data", json_object_get(current, "data"));
	/* These name the object; they never change, and a server's answer may lack them. */
	json_object_del(last, "apiVersion");
	json_object_del(last, "kind");
	compare(patch, prepared, current, last);
	json_object_del(patch, "apiVersion");
	json_object_del(patch, "kind");
	json_decref(last);
	/* The annotation alone is written too, so that the next comparison starts from this
	 * manifest. */
	if (json_object_size(patch) > 0)
		return patch;
	json_decref(patch);
	return NULL;
}
