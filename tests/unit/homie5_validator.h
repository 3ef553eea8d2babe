/* A validator of Homie 5: fed with what one device publishes, in order, it remembers the first
 * breach. Rules of the convention v5.0.0, for a device without children and without settable
 * properties. */
#pragma once

#include "base/json.h"

#include <glib.h>
#include <string.h>

typedef struct {
	char *prefix; /* "<root>/5/<device>/" */
	char *state;
	char *description; /* as published */
	json_t *document;
	GHashTable *values; /* "node/property" since the present start-up */
	guint n_descriptions, n_values;
	char *breach; /* the first; NULL = none */
} Homie5Validator;

static Homie5Validator *homie5_validator_new(const char *root, const char *device)
{
	Homie5Validator *validator = g_new0(Homie5Validator, 1);

	validator->prefix = g_strdup_printf("%s/5/%s/", root, device);
	validator->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return validator;
}

static void homie5_validator_free(Homie5Validator *validator)
{
	g_free(validator->prefix);
	g_free(validator->state);
	g_free(validator->description);
	g_free(validator->breach);
	json_decref(validator->document);
	g_hash_table_unref(validator->values);
	g_free(validator);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Homie5Validator, homie5_validator_free)

static void breach(Homie5Validator *validator, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void breach(Homie5Validator *validator, const char *format, ...)
{
	va_list args;

	if (validator->breach != NULL)
		return;
	va_start(args, format);
	validator->breach = g_strdup_vprintf(format, args);
	va_end(args);
}

static gboolean is_id(const char *text)
{
	return text[0] != '\0' &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(text);
}

static gboolean has_null(const json_t *value)
{
	const char *key;
	json_t *member;

	if (json_is_null(value))
		return TRUE;
	json_object_foreach ((json_t *)value, key, member) {
		if (has_null(member))
			return TRUE;
	}
	return FALSE;
}

/* A whole number of 64 bits, or a float: digits, one point, exponent; no plus, no spaces. */
static gboolean is_number(const char *text, gboolean is_float)
{
	const char *pattern =
		is_float ? "^-?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE]-?[0-9]+)?$" : "^-?[0-9]{1,18}$";

	return g_regex_match_simple(pattern, text, 0, 0);
}

/* "[min]:[max][:step]" against a value; NULL value checks the format alone. */
static gboolean range_holds(const char *format, gboolean is_float, const char *value)
{
	g_auto(GStrv) parts = g_strsplit(format, ":", -1);
	guint n = g_strv_length(parts);
	gdouble number = value == NULL ? 0 : g_ascii_strtod(value, NULL);

	if (n < 2 || n > 3)
		return FALSE;
	for (guint i = 0; i < n; i++)
		if (parts[i][0] != '\0' && !is_number(parts[i], is_float))
			return FALSE;
	if (parts[0][0] != '\0' && parts[1][0] != '\0' &&
	    g_ascii_strtod(parts[0], NULL) > g_ascii_strtod(parts[1], NULL))
		return FALSE;
	if (n == 3 && g_ascii_strtod(parts[2], NULL) <= 0)
		return FALSE;
	if (value == NULL)
		return TRUE;
	return (parts[0][0] == '\0' || number >= g_ascii_strtod(parts[0], NULL)) &&
	       (parts[1][0] == '\0' || number <= g_ascii_strtod(parts[1], NULL));
}

static void check_property(Homie5Validator *validator, const char *id, const json_t *property)
{
	static const char *const types[] = {"integer", "float",    "boolean",  "string", "enum",
					    "color",   "datetime", "duration", "json",   NULL};
	const char *datatype = base_json_get_string(property, "datatype", NULL);
	const char *format = base_json_get_string(property, "format", NULL);

	if (!is_id(id))
		breach(validator, "property id '%s' is not one", id);
	if (datatype == NULL || !g_strv_contains(types, datatype))
		breach(validator, "property '%s' has no datatype", id);
	else if (format != NULL &&
		 (strcmp(datatype, "float") == 0 || strcmp(datatype, "integer") == 0) &&
		 !range_holds(format, strcmp(datatype, "float") == 0, NULL))
		breach(validator, "property '%s' has a bad format '%s'", id, format);
}

static void check_nodes(Homie5Validator *validator, const json_t *document)
{
	const char *node_id, *property_id;
	json_t *node, *property;

	json_object_foreach (base_json_get(document, "nodes", NULL), node_id, node) {
		if (!is_id(node_id))
			breach(validator, "node id '%s' is not one", node_id);
		json_object_foreach (base_json_get(node, "properties", NULL), property_id,
				     property) {
			check_property(validator, property_id, property);
		}
	}
}

static void check_version(Homie5Validator *validator, const json_t *document, const char *payload)
{
	gboolean same_version = base_json_get_int(validator->document, -1, "version", NULL) ==
				base_json_get_int(document, -2, "version", NULL);

	if (!json_is_integer(base_json_get(document, "version", NULL)) ||
	    base_json_get_int(document, -1, "version", NULL) < 0 ||
	    base_json_get_int(document, -1, "version", NULL) > (G_GINT64_CONSTANT(1) << 53))
		breach(validator, "version is no integer that all can read");
	if (validator->description != NULL &&
	    same_version != (strcmp(payload, validator->description) == 0))
		breach(validator, "version and document do not change together");
}

static void take_description(Homie5Validator *validator, const char *payload)
{
	g_autoptr(json_t) document = base_json_parse(payload, strlen(payload), NULL);
	const char *homie = base_json_get_string(document, "homie", NULL);

	if (document == NULL || !json_is_object(document)) {
		breach(validator, "$description is no JSON object");
		return;
	}
	if (g_strcmp0(validator->state, "ready") == 0 ||
	    g_strcmp0(validator->state, "sleeping") == 0)
		breach(validator, "$description changed while %s", validator->state);
	if (homie == NULL || !g_regex_match_simple("^5\\.[0-9]+$", homie, 0, 0))
		breach(validator, "homie is not 5.x");
	if (has_null(document))
		breach(validator, "$description has a null");
	if (base_json_get(document, "root", NULL) != NULL ||
	    base_json_get(document, "parent", NULL) != NULL)
		breach(validator, "a root device has a root or parent");
	check_version(validator, document, payload);
	check_nodes(validator, document);
	g_free(validator->description);
	validator->description = g_strdup(payload);
	json_decref(validator->document);
	validator->document = g_steal_pointer(&document);
	validator->n_descriptions++;
}

/* `ready` only after the description and all values of retained properties. */
static void check_ready(Homie5Validator *validator)
{
	const char *node_id, *property_id;
	json_t *node, *property;

	if (validator->document == NULL)
		breach(validator, "ready without $description");
	json_object_foreach (base_json_get(validator->document, "nodes", NULL), node_id, node) {
		json_object_foreach (base_json_get(node, "properties", NULL), property_id,
				     property) {
			g_autofree char *path = g_strconcat(node_id, "/", property_id, NULL);

			if (!g_hash_table_contains(validator->values, path))
				breach(validator, "ready without a value of %s", path);
		}
	}
}

static void take_state(Homie5Validator *validator, const char *payload)
{
	static const char *const states[] = {"init",     "ready", "disconnected",
					     "sleeping", "lost",  NULL};

	if (!g_strv_contains(states, payload))
		breach(validator, "unknown $state '%s'", payload);
	if (strcmp(payload, "init") == 0)
		g_hash_table_remove_all(validator->values);
	if (strcmp(payload, "ready") == 0) {
		if (g_strcmp0(validator->state, "init") != 0)
			breach(validator, "ready after %s", validator->state);
		check_ready(validator);
	}
	g_free(validator->state);
	validator->state = g_strdup(payload);
}

static void take_value(Homie5Validator *validator, const char *path, const char *payload)
{
	g_auto(GStrv) ids = g_strsplit(path, "/", -1);
	const json_t *property = g_strv_length(ids) != 2
					 ? NULL
					 : base_json_get(validator->document, "nodes", ids[0],
							 "properties", ids[1], NULL);
	const char *datatype = base_json_get_string(property, "datatype", NULL);
	const char *format = base_json_get_string(property, "format", NULL);
	gboolean is_float = g_strcmp0(datatype, "float") == 0;

	if (property == NULL) {
		breach(validator, "a value of %s, which is not described", path);
		return;
	}
	if ((is_float || g_strcmp0(datatype, "integer") == 0) &&
	    (!is_number(payload, is_float) ||
	     (format != NULL && !range_holds(format, is_float, payload))))
		breach(validator, "value '%s' of %s is no %s within '%s'", payload, path, datatype,
		       format);
	g_hash_table_add(validator->values, g_strdup(path));
	validator->n_values++;
}

/* Feeds one message; topics of others are left alone. QoS is 1 throughout. */
static void homie5_validator_feed(Homie5Validator *validator, const char *topic,
				  const char *payload, gboolean retain)
{
	const char *rest;

	if (!g_str_has_prefix(topic, validator->prefix))
		return;
	rest = topic + strlen(validator->prefix);
	if (!retain)
		breach(validator, "%s is not retained", rest);
	if (payload[0] == '\0' || g_str_has_prefix(payload, "\xef\xbb\xbf"))
		breach(validator, "%s is empty or begins with a mark", rest);
	if (strcmp(rest, "$state") == 0)
		take_state(validator, payload);
	else if (strcmp(rest, "$description") == 0)
		take_description(validator, payload);
	else
		take_value(validator, rest, payload);
}
