#include "kube/conditions.h"

#include "base/clock.h"
#include "base/json_patch.h"

#include <string.h>

static const char *const truth_names[] = {
	[KUBE_FALSE] = "False",
	[KUBE_TRUE] = "True",
	[KUBE_UNKNOWN] = "Unknown",
};

json_t *kube_status_copy(const json_t *object)
{
	const json_t *status = json_object_get(object, "status");

	return json_is_object(status) ? json_deep_copy(status) : json_object();
}

const json_t *kube_condition_find(const json_t *status, const char *type)
{
	const json_t *conditions = json_object_get(status, "conditions");
	size_t i;
	json_t *entry;

	json_array_foreach (conditions, i, entry) {
		if (g_strcmp0(base_json_get_string(entry, "type", NULL), type) == 0)
			return entry;
	}
	return NULL;
}

/* The entry, made at the end of the list if it is missing. */
static json_t *find_or_add(json_t *status, const char *type)
{
	json_t *found = (json_t *)kube_condition_find(status, type);
	json_t *conditions = json_object_get(status, "conditions");

	if (found != NULL)
		return found;
	if (!json_is_array(conditions)) {
		json_object_set_new(status, "conditions", json_array());
		conditions = json_object_get(status, "conditions");
	}
	found = json_pack("{s:s}", "type", type);
	json_array_append_new(conditions, found);
	return found;
}

/* At most the API server's limit, cut between characters. */
static char *cut(char *text)
{
	gsize keep_bytes = KUBE_CONDITION_MESSAGE_MAX_BYTES - strlen("…");
	const char *end;

	if (strlen(text) <= KUBE_CONDITION_MESSAGE_MAX_BYTES)
		return text;
	end = g_utf8_find_prev_char(text, text + keep_bytes + 1);
	memcpy(text + (end - text), "…", sizeof "…");
	return text;
}

static gboolean set_string(json_t *object, const char *key, const char *text)
{
	if (g_strcmp0(base_json_get_string(object, key, NULL), text) == 0)
		return FALSE;
	base_json_set_string(object, key, text);
	return TRUE;
}

static gboolean set_generation(json_t *entry, gint64 generation)
{
	if (base_json_get_int(entry, -1, "observedGeneration", NULL) == generation)
		return FALSE;
	json_object_set_new(entry, "observedGeneration", json_integer(generation));
	return TRUE;
}

gboolean kube_condition_set(json_t *status, const char *type, KubeTruth truth, const char *reason,
			    gint64 observed_generation, const char *format, ...)
{
	json_t *entry = find_or_add(status, type);
	g_autofree char *text = NULL, *message = NULL;
	gboolean flipped, changed;
	va_list args;

	va_start(args, format);
	text = g_strdup_vprintf(format, args);
	va_end(args);
	message = cut(g_utf8_make_valid(text, -1));
	flipped = set_string(entry, "status", truth_names[truth]);
	changed = set_string(entry, "reason", reason);
	changed = set_string(entry, "message", message) || changed;
	changed = set_generation(entry, observed_generation) || changed;
	if (flipped) {
		g_autofree char *now = base_clock_format_time(base_clock_wall_us());

		base_json_set_string(entry, "lastTransitionTime", now);
	}
	return flipped || changed;
}

gboolean kube_condition_remove(json_t *status, const char *type)
{
	json_t *conditions = json_object_get(status, "conditions");
	size_t i;
	json_t *entry;

	json_array_foreach (conditions, i, entry) {
		if (g_strcmp0(base_json_get_string(entry, "type", NULL), type) == 0) {
			json_array_remove(conditions, i);
			return TRUE;
		}
	}
	return FALSE;
}

KubeTruth kube_condition_truth(const json_t *status, const char *type)
{
	const char *name = base_json_get_string(kube_condition_find(status, type), "status", NULL);

	if (g_strcmp0(name, "True") == 0)
		return KUBE_TRUE;
	return g_strcmp0(name, "False") == 0 ? KUBE_FALSE : KUBE_UNKNOWN;
}

gboolean kube_condition_is_true(const json_t *status, const char *type)
{
	return kube_condition_truth(status, type) == KUBE_TRUE;
}

static const char *text_of(const json_t *status, const char *type, const char *field)
{
	const char *text = base_json_get_string(kube_condition_find(status, type), field, NULL);

	return text != NULL ? text : "";
}

const char *kube_condition_reason(const json_t *status, const char *type)
{
	return text_of(status, type, "reason");
}

const char *kube_condition_message(const json_t *status, const char *type)
{
	return text_of(status, type, "message");
}

static const json_t *or_empty(const json_t *status, const json_t *empty)
{
	return json_is_object(status) ? status : empty;
}

gboolean kube_status_equal(const json_t *a, const json_t *b)
{
	g_autoptr(json_t) empty = json_object();

	return json_equal(or_empty(a, empty), or_empty(b, empty)) != 0;
}

json_t *kube_status_patch(const json_t *before, const json_t *after)
{
	g_autoptr(json_t) empty = json_object();
	json_t *difference = base_merge_patch_diff(or_empty(before, empty), or_empty(after, empty));

	return difference != NULL ? json_pack("{s:o}", "status", difference) : NULL;
}

gboolean kube_status_write(KubeClient *client, const KubeResource *resource, const json_t *object,
			   const json_t *status, gboolean *written, GError **error)
{
	g_autoptr(json_t) patch = kube_status_patch(json_object_get(object, "status"), status);
	const KubeWriteOptions write = {.metadata_only = TRUE};
	g_autoptr(json_t) answer = NULL;
	g_autoptr(GError) fault = NULL;

	if (written != NULL)
		*written = FALSE;
	if (patch == NULL)
		return TRUE;
	answer = kube_merge_patch(client, resource, kube_object_namespace(object),
				  kube_object_name(object), "status", patch, &write, &fault);
	if (answer == NULL && !g_error_matches(fault, KUBE_ERROR, KUBE_ERROR_NOT_FOUND)) {
		g_propagate_error(error, g_steal_pointer(&fault));
		return FALSE;
	}
	if (written != NULL)
		*written = answer != NULL;
	return TRUE;
}
