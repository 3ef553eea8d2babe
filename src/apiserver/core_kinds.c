#include "apiserver/core_kinds.h"

#include "apiserver/event_views.h"
#include "apiserver/status.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "model/metadata.h"

#include <string.h>

/* --- shapes: what members an object has and of which type --- */

typedef enum {
	SHAPE_STRING,
	SHAPE_BOOL,
	SHAPE_INT,
	SHAPE_TIME,
	SHAPE_OBJECT,
	SHAPE_STRING_LIST,
	SHAPE_OBJECT_LIST,
	SHAPE_STRING_MAP,
	SHAPE_BYTES_MAP, /* base64 */
	SHAPE_DROPPED,   /* known, never kept */
	SHAPE_ANY,
} ShapeType;

typedef struct Shape Shape;

typedef struct {
	const char *name;
	ShapeType type;
	const Shape *shape; /* of objects */
} Member;

struct Shape {
	const char *go_name; /* as the real server's decoder calls it */
	const Member *members;
	gsize n_members;
};

#define SHAPE(go_name, members)                                                                    \
	{                                                                                          \
		go_name, members, G_N_ELEMENTS(members)                                            \
	}

static const Member owner_reference_members[] = {
	{"apiVersion", SHAPE_STRING, NULL}, {"kind", SHAPE_STRING, NULL},
	{"name", SHAPE_STRING, NULL},       {"uid", SHAPE_STRING, NULL},
	{"controller", SHAPE_BOOL, NULL},   {"blockOwnerDeletion", SHAPE_BOOL, NULL},
};
static const Shape owner_reference = SHAPE("OwnerReference", owner_reference_members);

static const Member object_meta_members[] = {
	{"name", SHAPE_STRING, NULL},
	{"generateName", SHAPE_STRING, NULL},
	{"namespace", SHAPE_STRING, NULL},
	{"selfLink", SHAPE_DROPPED, NULL},
	{"uid", SHAPE_STRING, NULL},
	{"resourceVersion", SHAPE_STRING, NULL},
	{"generation", SHAPE_INT, NULL},
	{"creationTimestamp", SHAPE_TIME, NULL},
	{"deletionTimestamp", SHAPE_TIME, NULL},
	{"deletionGracePeriodSeconds", SHAPE_INT, NULL},
	{"labels", SHAPE_STRING_MAP, NULL},
	{"annotations", SHAPE_STRING_MAP, NULL},
	{"ownerReferences", SHAPE_OBJECT_LIST, &owner_reference},
	{"finalizers", SHAPE_STRING_LIST, NULL},
	{"managedFields", SHAPE_DROPPED, NULL},
};
static const Shape object_meta = SHAPE("ObjectMeta", object_meta_members);

#define TYPE_MEMBERS                                                                               \
	{"apiVersion", SHAPE_STRING, NULL}, {"kind", SHAPE_STRING, NULL},                          \
	{                                                                                          \
		"metadata", SHAPE_OBJECT, &object_meta                                             \
	}

static const Member config_map_members[] = {
	TYPE_MEMBERS,
	{"immutable", SHAPE_BOOL, NULL},
	{"data", SHAPE_STRING_MAP, NULL},
	{"binaryData", SHAPE_BYTES_MAP, NULL},
};
static const Member secret_members[] = {
	TYPE_MEMBERS,
	{"immutable", SHAPE_BOOL, NULL},
	{"data", SHAPE_BYTES_MAP, NULL},
	{"stringData", SHAPE_STRING_MAP, NULL},
	{"type", SHAPE_STRING, NULL},
};

static const Member namespace_spec_members[] = {{"finalizers", SHAPE_STRING_LIST, NULL}};
static const Shape namespace_spec = SHAPE("NamespaceSpec", namespace_spec_members);
static const Member namespace_status_members[] = {
	{"phase", SHAPE_STRING, NULL},
	{"conditions", SHAPE_ANY, NULL},
};
static const Shape namespace_status = SHAPE("NamespaceStatus", namespace_status_members);
static const Member namespace_members[] = {
	TYPE_MEMBERS,
	{"spec", SHAPE_OBJECT, &namespace_spec},
	{"status", SHAPE_OBJECT, &namespace_status},
};

static const Member reference_members[] = {
	{"kind", SHAPE_STRING, NULL},       {"namespace", SHAPE_STRING, NULL},
	{"name", SHAPE_STRING, NULL},       {"uid", SHAPE_STRING, NULL},
	{"apiVersion", SHAPE_STRING, NULL}, {"resourceVersion", SHAPE_STRING, NULL},
	{"fieldPath", SHAPE_STRING, NULL},
};
static const Shape reference = SHAPE("ObjectReference", reference_members);
static const Member source_members[] = {
	{"component", SHAPE_STRING, NULL},
	{"host", SHAPE_STRING, NULL},
};
static const Shape source = SHAPE("EventSource", source_members);
static const Member series_members[] = {
	{"count", SHAPE_INT, NULL},
	{"lastObservedTime", SHAPE_TIME, NULL},
};
static const Shape series = SHAPE("EventSeries", series_members);

#define EVENT_MEMBERS                                                                              \
	TYPE_MEMBERS, {"reason", SHAPE_STRING, NULL}, {"type", SHAPE_STRING, NULL},                \
		{"action", SHAPE_STRING, NULL}, {"eventTime", SHAPE_TIME, NULL},                   \
		{"series", SHAPE_OBJECT, &series}, {"related", SHAPE_OBJECT, &reference},          \
	{                                                                                          \
		"reportingInstance", SHAPE_STRING, NULL                                            \
	}

static const Member core_event_members[] = {
	EVENT_MEMBERS,
	{"involvedObject", SHAPE_OBJECT, &reference},
	{"message", SHAPE_STRING, NULL},
	{"source", SHAPE_OBJECT, &source},
	{"firstTimestamp", SHAPE_TIME, NULL},
	{"lastTimestamp", SHAPE_TIME, NULL},
	{"count", SHAPE_INT, NULL},
	{"reportingComponent", SHAPE_STRING, NULL},
};
static const Member event_members[] = {
	EVENT_MEMBERS,
	{"regarding", SHAPE_OBJECT, &reference},
	{"note", SHAPE_STRING, NULL},
	{"deprecatedSource", SHAPE_OBJECT, &source},
	{"deprecatedFirstTimestamp", SHAPE_TIME, NULL},
	{"deprecatedLastTimestamp", SHAPE_TIME, NULL},
	{"deprecatedCount", SHAPE_INT, NULL},
	{"reportingController", SHAPE_STRING, NULL},
};

static const struct {
	const char *group;
	Shape shape;
} shapes[] = {
	{"", SHAPE("ConfigMap", config_map_members)},     {"", SHAPE("Secret", secret_members)},
	{"", SHAPE("Namespace", namespace_members)},      {"", SHAPE("Event", core_event_members)},
	{"events.k8s.io", SHAPE("Event", event_members)},
};

static const Shape *shape_of(const ApiKind *kind)
{
	for (gsize i = 0; i < G_N_ELEMENTS(shapes); i++) {
		if (g_str_equal(shapes[i].group, kind->group) &&
		    g_str_equal(shapes[i].shape.go_name, kind->kind))
			return &shapes[i].shape;
	}
	return NULL;
}

/* --- reading an object by its shape --- */

/* Where the reader is and whom it tells of unknown members. */
typedef struct {
	const char *path; /* "", "metadata" */
	GPtrArray *unknown;
} Place;

static char *path_of(const Place *place, const char *name)
{
	return *place->path == '\0' ? g_strdup(name) : g_strdup_printf("%s.%s", place->path, name);
}

static const char *json_type_name(const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return "object";
	case JSON_ARRAY:
		return "array";
	case JSON_STRING:
		return "string";
	case JSON_INTEGER:
	case JSON_REAL:
		return "number";
	case JSON_TRUE:
	case JSON_FALSE:
		return "bool";
	case JSON_NULL:
		break;
	}
	return "null";
}

static char *go_type(const Member *member)
{
	switch (member->type) {
	case SHAPE_BOOL:
		return g_strdup("bool");
	case SHAPE_INT:
		return g_strdup("int64");
	case SHAPE_OBJECT:
		return g_strdup_printf("v1.%s", member->shape->go_name);
	case SHAPE_STRING_LIST:
		return g_strdup("[]string");
	case SHAPE_OBJECT_LIST:
		return g_strdup_printf("[]v1.%s", member->shape->go_name);
	case SHAPE_STRING_MAP:
		return g_strdup("map[string]string");
	case SHAPE_BYTES_MAP:
		return g_strdup("map[string][]uint8");
	case SHAPE_STRING:
	case SHAPE_TIME:
	case SHAPE_DROPPED:
	case SHAPE_ANY:
		break;
	}
	return g_strdup("string");
}

/* "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string". */
static gboolean wrong_type(const Place *place, const Shape *shape, const char *name,
			   const json_t *value, const char *type, GError **error)
{
	g_autofree char *path = path_of(place, name);

	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
		    "json: cannot unmarshal %s into Go struct field %s.%s of type %s",
		    json_type_name(value), shape->go_name, path, type);
	return FALSE;
}

static gboolean read_object(const Place *place, const Shape *shape, json_t *object, GError **error);

/* The first byte that standard base64 does not have, as Go counts; -1 if there is none. */
static gssize base64_fault(const char *text)
{
	gsize length = strlen(text);
	gsize data = strcspn(text, "=");

	for (gsize i = 0; i < data; i++) {
		if (!g_ascii_isalnum(text[i]) && text[i] != '+' && text[i] != '/')
			return (gssize)i;
	}
	if (length % 4 != 0)
		return (gssize)length;
	if (length - data > 2 || strspn(text + data, "=") != length - data)
		return (gssize)data;
	return -1;
}

static gboolean read_map(const Place *place, const Shape *shape, const Member *member, json_t *map,
			 GError **error)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe (map, next, key, value) {
		gssize fault;

		if (json_is_null(value)) {
			json_object_set_new(map, key, json_string(""));
			continue;
		}
		if (!json_is_string(value))
			return wrong_type(place, shape, member->name, value,
					  member->type == SHAPE_BYTES_MAP ? "[]uint8" : "string",
					  error);
		fault = member->type == SHAPE_BYTES_MAP ? base64_fault(json_string_value(value))
							: -1;
		if (fault >= 0) {
			g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
				    "illegal base64 data at input byte %" G_GSSIZE_FORMAT, fault);
			return FALSE;
		}
	}
	return TRUE;
}

static gboolean read_list(const Place *place, const Shape *shape, const Member *member,
			  json_t *list, GError **error)
{
	json_t *item;
	gsize i;

	json_array_foreach (list, i, item) {
		g_autofree char *name = g_strdup_printf("%s[%" G_GSIZE_FORMAT "]", member->name, i);
		g_autofree char *path = path_of(place, name);
		const Place within = {.path = path, .unknown = place->unknown};

		if (member->type == SHAPE_STRING_LIST ? !json_is_string(item)
						      : !json_is_object(item))
			return wrong_type(
				place, shape, member->name, item,
				member->type == SHAPE_STRING_LIST ? "string" : "v1.object", error);
		if (member->type == SHAPE_OBJECT_LIST &&
		    !read_object(&within, member->shape, item, error))
			return FALSE;
	}
	return TRUE;
}

static gboolean type_fits(ShapeType type, const json_t *value)
{
	switch (type) {
	case SHAPE_STRING:
	case SHAPE_TIME:
		return json_is_string(value);
	case SHAPE_BOOL:
		return json_is_boolean(value);
	case SHAPE_INT:
		return json_is_integer(value);
	case SHAPE_OBJECT:
	case SHAPE_STRING_MAP:
	case SHAPE_BYTES_MAP:
		return json_is_object(value);
	case SHAPE_STRING_LIST:
	case SHAPE_OBJECT_LIST:
		return json_is_array(value);
	case SHAPE_DROPPED:
	case SHAPE_ANY:
		break;
	}
	return TRUE;
}

static gboolean read_member(const Place *place, const Shape *shape, const Member *member,
			    json_t *value, GError **error)
{
	g_autofree char *type = go_type(member);
	g_autofree char *path = path_of(place, member->name);
	const Place within = {.path = path, .unknown = place->unknown};
	gint64 ignored = 0;

	if (!type_fits(member->type, value))
		return wrong_type(place, shape, member->name, value, type, error);
	switch (member->type) {
	case SHAPE_OBJECT:
		return read_object(&within, member->shape, value, error);
	case SHAPE_STRING_LIST:
	case SHAPE_OBJECT_LIST:
		return read_list(place, shape, member, value, error);
	case SHAPE_STRING_MAP:
	case SHAPE_BYTES_MAP:
		return read_map(place, shape, member, value, error);
	case SHAPE_TIME:
		if (base_clock_parse_time(json_string_value(value), &ignored))
			return TRUE;
		g_set_error(
			error, BASE_ERROR, BASE_ERROR_INVALID,
			"parsing time \"%s\" as \"2006-01-02T15:04:05Z07:00\": %s is not RFC 3339",
			json_string_value(value), path);
		return FALSE;
	case SHAPE_STRING:
	case SHAPE_BOOL:
	case SHAPE_INT:
	case SHAPE_DROPPED:
	case SHAPE_ANY:
		break;
	}
	return TRUE;
}

static const Member *find_member(const Shape *shape, const char *name)
{
	for (gsize i = 0; i < shape->n_members; i++) {
		if (g_str_equal(shape->members[i].name, name))
			return &shape->members[i];
	}
	return NULL;
}

static gboolean read_object(const Place *place, const Shape *shape, json_t *object, GError **error)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe (object, next, key, value) {
		const Member *member = find_member(shape, key);

		if (member == NULL && place->unknown != NULL)
			g_ptr_array_add(place->unknown, path_of(place, key));
		if (member == NULL || member->type == SHAPE_DROPPED || json_is_null(value))
			json_object_del(object, key);
		else if (!read_member(place, shape, member, value, error))
			return FALSE;
	}
	return TRUE;
}

gboolean api_core_prune(const ApiKind *kind, json_t *object, GPtrArray *unknown_paths,
			GError **error)
{
	const Place root = {.path = "", .unknown = unknown_paths};

	return read_object(&root, shape_of(kind), object, error);
}

gboolean api_meta_prune(json_t *object, GPtrArray *unknown_paths, GError **error)
{
	const Place place = {.path = "metadata", .unknown = unknown_paths};
	json_t *metadata = json_object_get(object, "metadata");

	if (metadata == NULL || json_is_null(metadata)) {
		json_object_del(object, "metadata");
		return TRUE;
	}
	if (!json_is_object(metadata)) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "json: cannot unmarshal %s into Go struct field .metadata of type "
			    "v1.ObjectMeta",
			    json_type_name(metadata));
		return FALSE;
	}
	return read_object(&place, &object_meta, metadata, error);
}

/* --- defaults --- */

static void default_secret(json_t *secret)
{
	json_t *strings = json_object_get(secret, "stringData");
	const char *key;
	json_t *value;

	json_object_foreach (strings, key, value) {
		g_autofree char *encoded = g_base64_encode((const guchar *)json_string_value(value),
							   json_string_length(value));

		json_object_set_new(base_json_ensure_object(secret, "data"), key,
				    json_string(encoded));
	}
	json_object_del(secret, "stringData");
	if (json_string_length(json_object_get(secret, "type")) == 0)
		json_object_set_new(secret, "type", json_string("Opaque"));
}

static void default_namespace(json_t *namespace)
{
	const char *name = base_json_get_string(namespace, "metadata", "name", NULL);
	json_t *metadata = base_json_ensure_object(namespace, "metadata");

	if (name != NULL)
		base_json_set_string(base_json_ensure_object(metadata, "labels"),
				     "kubernetes.io/metadata.name", name);
	if (base_json_get(namespace, "spec", "finalizers", NULL) == NULL)
		json_object_set_new(base_json_ensure_object(namespace, "spec"), "finalizers",
				    json_pack("[s]", "kubernetes"));
	if (base_json_get_string(namespace, "status", "phase", NULL) == NULL)
		base_json_set_string(base_json_ensure_object(namespace, "status"), "phase",
				     "Active");
}

void api_core_default(const ApiKind *kind, json_t *object)
{
	if (g_str_equal(kind->kind, "Secret"))
		default_secret(object);
	else if (g_str_equal(kind->kind, "Namespace"))
		default_namespace(object);
}

/* --- validation --- */

static void take_errors(GPtrArray *causes, GPtrArray *errors)
{
	for (guint i = 0; i < errors->len; i++) {
		const ModelFieldError *error = errors->pdata[i];

		api_causes_add(causes, error->reason, error->field, "%s", error->message);
	}
	g_ptr_array_unref(errors);
}

static const char *text_of(const json_t *object, const char *member)
{
	const char *text = base_json_get_string(object, member, NULL);

	return text == NULL ? "" : text;
}

/* What an event is about lies in the event's own namespace; what has none, in `default`. */
static void validate_event_namespace(const json_t *event, GPtrArray *causes)
{
	const char *theirs = text_of(json_object_get(event, "involvedObject"), "namespace");
	const char *mine = text_of(json_object_get(event, "metadata"), "namespace");
	g_autoptr(json_t) value = json_string(theirs);

	if (!g_str_equal(mine, *theirs == '\0' ? "default" : theirs))
		api_causes_invalid(causes, "involvedObject.namespace", value,
				   "does not match event.namespace");
}

/* Events with an eventTime are of the newer API, whose rules hold in both views. */
static void validate_new_event(const json_t *event, GPtrArray *causes)
{
	enum { WORD_MAX = 128, NOTE_MAX = 1024 };
	static const struct {
		const char *member, *field;
		gsize max_bytes;
		gboolean required;
	} rules[] = {
		{"reportingComponent", "reportingController", 253, TRUE},
		{"reportingInstance", "reportingInstance", WORD_MAX, TRUE},
		{"action", "action", WORD_MAX, TRUE},
		{"reason", "reason", WORD_MAX, TRUE},
		{"message", "message", NOTE_MAX, FALSE},
	};

	for (gsize i = 0; i < G_N_ELEMENTS(rules); i++) {
		const char *text = text_of(event, rules[i].member);
		g_autoptr(json_t) empty = json_string("");
		g_autofree char *detail = g_strdup_printf(
			"can have at most %" G_GSIZE_FORMAT " characters", rules[i].max_bytes);

		if (rules[i].required && *text == '\0')
			api_causes_required(causes, rules[i].field, NULL);
		if (strlen(text) > rules[i].max_bytes)
			api_causes_invalid(causes, rules[i].field, empty, detail);
	}
}

static void validate_event(const ApiKind *kind, const json_t *object, GPtrArray *causes)
{
	g_autoptr(json_t) event = api_event_to_core(object);
	const char *type = text_of(event, "type");
	gboolean timed = *text_of(event, "eventTime") != '\0';

	validate_event_namespace(event, causes);
	if (timed)
		validate_new_event(event, causes);
	if (*kind->group == '\0')
		return;
	if (!timed)
		api_causes_required(causes, "eventTime", NULL);
	if (!g_str_equal(type, "Normal") && !g_str_equal(type, "Warning")) {
		g_autoptr(json_t) empty = json_string("");
		g_autofree char *detail = g_strdup_printf("has invalid value: %s", type);

		api_causes_invalid(causes, "type", empty, detail);
	}
}

void api_core_validate(const ApiKind *kind, const json_t *object, const json_t *old,
		       GPtrArray *causes)
{
	GPtrArray *errors = model_field_errors_new();

	if (g_str_equal(kind->kind, "Secret"))
		model_secret_validate(object, old, errors);
	else if (g_str_equal(kind->kind, "ConfigMap"))
		model_config_map_validate(object, old, errors);
	else if (g_str_equal(kind->kind, "Event") && old == NULL)
		validate_event(kind, object, causes);
	take_errors(causes, errors);
}

static void require_same(const json_t *object, const json_t *old, const char *member,
			 GPtrArray *causes)
{
	const json_t *now = base_json_get(object, "metadata", member, NULL);
	const json_t *before = base_json_get(old, "metadata", member, NULL);
	g_autofree char *field = g_strdup_printf("metadata.%s", member);
	g_autoptr(json_t) empty = json_string("");

	if (now != NULL && !json_equal(now, before == NULL ? empty : before))
		api_causes_invalid(causes, field, now, "field is immutable");
}

/* While an object is being deleted its finalizers only become fewer. */
static void forbid_new_finalizers(const json_t *object, const json_t *old, GPtrArray *causes)
{
	const json_t *before = base_json_get(old, "metadata", "finalizers", NULL);
	g_autoptr(json_t) added = json_array();
	json_t *finalizer, *known;
	gsize i, j;

	json_array_foreach (base_json_get(object, "metadata", "finalizers", NULL), i, finalizer) {
		gboolean found = FALSE;

		json_array_foreach (before, j, known)
			found = found || json_equal(known, finalizer);
		if (!found)
			json_array_append(added, finalizer);
	}
	if (json_array_size(added) > 0) {
		g_autofree char *list = base_json_dump(added, NULL);
		g_autofree char *inner = g_strndup(list + 1, strlen(list) - 2);
		g_autofree char *detail = g_strdup_printf(
			"no new finalizers can be added if the object is being deleted, found new "
			"finalizers []string{%s}",
			inner);

		api_causes_forbidden(causes, "metadata.finalizers", detail);
	}
}

void api_meta_validate(const ApiKind *kind, const json_t *object, const json_t *old,
		       GPtrArray *causes)
{
	static const char *const fixed[] = {"name", "namespace", "uid", "creationTimestamp"};
	GPtrArray *errors = model_field_errors_new();

	model_metadata_validate(object,
				g_str_equal(kind->kind, "Namespace") ? MODEL_NAME_DNS_LABEL
								     : MODEL_NAME_DNS_SUBDOMAIN,
				errors);
	take_errors(causes, errors);
	if (old == NULL)
		return;
	for (gsize i = 0; i < G_N_ELEMENTS(fixed); i++)
		require_same(object, old, fixed[i], causes);
	if (base_json_get_string(old, "metadata", "deletionTimestamp", NULL) != NULL)
		forbid_new_finalizers(object, old, causes);
}
