#include "apiserver/protobuf.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"

#include <string.h>

/* Protocol buffers, wire format: a message is fields, a field is a tag (number << 3 | wire type)
 * and a value. What a message's fields are called and how each is shown in JSON is a table. */

enum {
	VARINT_MAX_BYTES = 10,
};

static const guint8 magic[] = {0x6b, 0x38, 0x73, 0x00};

typedef enum {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_BYTES = 2,
	WIRE_FIXED32 = 5,
} WireType;

typedef enum {
	FIELD_STRING,
	FIELD_BYTES, /* base64 in JSON */
	FIELD_INT,
	FIELD_BOOL,
	FIELD_MESSAGE,
	FIELD_TIME,           /* {1 seconds, 2 nanoseconds} as RFC 3339 */
	FIELD_STRING_LIST,    /* repeated */
	FIELD_MESSAGE_LIST,   /* repeated */
	FIELD_MAP_OF_STRINGS, /* repeated {1 key, 2 value} */
	FIELD_MAP_OF_BYTES,
} FieldType;

typedef struct Message Message;

typedef struct {
	guint number;
	const char *name;
	FieldType type;
	const Message *message; /* of FIELD_MESSAGE and FIELD_MESSAGE_LIST */
} Field;

struct Message {
	const Field *fields;
	gsize n_fields;
};

#define MESSAGE(fields)                                                                            \
	{                                                                                          \
		fields, G_N_ELEMENTS(fields)                                                       \
	}

static const Field owner_reference_fields[] = {
	{1, "kind", FIELD_STRING, NULL},     {3, "name", FIELD_STRING, NULL},
	{4, "uid", FIELD_STRING, NULL},      {5, "apiVersion", FIELD_STRING, NULL},
	{6, "controller", FIELD_BOOL, NULL}, {7, "blockOwnerDeletion", FIELD_BOOL, NULL},
};
static const Message owner_reference = MESSAGE(owner_reference_fields);

/* managedFields (17) are skipped: the server keeps no field managers. */
static const Field object_meta_fields[] = {
	{1, "name", FIELD_STRING, NULL},
	{2, "generateName", FIELD_STRING, NULL},
	{3, "namespace", FIELD_STRING, NULL},
	{5, "uid", FIELD_STRING, NULL},
	{6, "resourceVersion", FIELD_STRING, NULL},
	{7, "generation", FIELD_INT, NULL},
	{8, "creationTimestamp", FIELD_TIME, NULL},
	{9, "deletionTimestamp", FIELD_TIME, NULL},
	{10, "deletionGracePeriodSeconds", FIELD_INT, NULL},
	{11, "labels", FIELD_MAP_OF_STRINGS, NULL},
	{12, "annotations", FIELD_MAP_OF_STRINGS, NULL},
	{13, "ownerReferences", FIELD_MESSAGE_LIST, &owner_reference},
	{14, "finalizers", FIELD_STRING_LIST, NULL},
};
static const Message object_meta = MESSAGE(object_meta_fields);

static const Field secret_fields[] = {
	{1, "metadata", FIELD_MESSAGE, &object_meta},
	{2, "data", FIELD_MAP_OF_BYTES, NULL},
	{3, "type", FIELD_STRING, NULL},
	{4, "stringData", FIELD_MAP_OF_STRINGS, NULL},
	{5, "immutable", FIELD_BOOL, NULL},
};
static const Field config_map_fields[] = {
	{1, "metadata", FIELD_MESSAGE, &object_meta},
	{2, "data", FIELD_MAP_OF_STRINGS, NULL},
	{3, "binaryData", FIELD_MAP_OF_BYTES, NULL},
	{4, "immutable", FIELD_BOOL, NULL},
};

static const Field namespace_spec_fields[] = {{1, "finalizers", FIELD_STRING_LIST, NULL}};
static const Message namespace_spec = MESSAGE(namespace_spec_fields);
static const Field namespace_status_fields[] = {{1, "phase", FIELD_STRING, NULL}};
static const Message namespace_status = MESSAGE(namespace_status_fields);
static const Field namespace_fields[] = {
	{1, "metadata", FIELD_MESSAGE, &object_meta},
	{2, "spec", FIELD_MESSAGE, &namespace_spec},
	{3, "status", FIELD_MESSAGE, &namespace_status},
};

static const Field resource_attributes_fields[] = {
	{1, "namespace", FIELD_STRING, NULL}, {2, "verb", FIELD_STRING, NULL},
	{3, "group", FIELD_STRING, NULL},     {4, "version", FIELD_STRING, NULL},
	{5, "resource", FIELD_STRING, NULL},  {6, "subresource", FIELD_STRING, NULL},
	{7, "name", FIELD_STRING, NULL},
};
static const Message resource_attributes = MESSAGE(resource_attributes_fields);
static const Field path_attributes_fields[] = {
	{1, "path", FIELD_STRING, NULL},
	{2, "verb", FIELD_STRING, NULL},
};
static const Message path_attributes = MESSAGE(path_attributes_fields);
static const Field access_spec_fields[] = {
	{1, "resourceAttributes", FIELD_MESSAGE, &resource_attributes},
	{2, "nonResourceAttributes", FIELD_MESSAGE, &path_attributes},
};
static const Message access_spec = MESSAGE(access_spec_fields);
static const Field access_review_fields[] = {
	{1, "metadata", FIELD_MESSAGE, &object_meta},
	{2, "spec", FIELD_MESSAGE, &access_spec},
};

static const Field rules_spec_fields[] = {{1, "namespace", FIELD_STRING, NULL}};
static const Message rules_spec = MESSAGE(rules_spec_fields);
static const Field rules_review_fields[] = {
	{1, "metadata", FIELD_MESSAGE, &object_meta},
	{2, "spec", FIELD_MESSAGE, &rules_spec},
};

static const Field self_review_fields[] = {{1, "metadata", FIELD_MESSAGE, &object_meta}};

static const Field preconditions_fields[] = {
	{1, "uid", FIELD_STRING, NULL},
	{2, "resourceVersion", FIELD_STRING, NULL},
};
static const Message preconditions = MESSAGE(preconditions_fields);
static const Field delete_options_fields[] = {
	{1, "gracePeriodSeconds", FIELD_INT, NULL},
	{2, "preconditions", FIELD_MESSAGE, &preconditions},
	{3, "orphanDependents", FIELD_BOOL, NULL},
	{4, "propagationPolicy", FIELD_STRING, NULL},
	{5, "dryRun", FIELD_STRING_LIST, NULL},
};

static const struct {
	const char *kind;
	Message message;
} kinds[] = {
	{"Secret", MESSAGE(secret_fields)},
	{"ConfigMap", MESSAGE(config_map_fields)},
	{"Namespace", MESSAGE(namespace_fields)},
	{"SelfSubjectAccessReview", MESSAGE(access_review_fields)},
	{"SelfSubjectRulesReview", MESSAGE(rules_review_fields)},
	{"SelfSubjectReview", MESSAGE(self_review_fields)},
	{"DeleteOptions", MESSAGE(delete_options_fields)},
};

/* --- the wire --- */

/* What is left of a message. `budget` counts down over the whole body. Nesting is bounded by the
 * tables above: no message contains itself. */
typedef struct {
	const guint8 *data;
	gsize size_bytes;
	guint *budget;
} Reader;

/* One field as it stands on the wire. */
typedef struct {
	guint64 number;
	WireType wire;
	guint64 value;      /* of varint and fixed */
	const guint8 *data; /* of bytes */
	gsize size_bytes;
} Item;

static gboolean invalid(GError **error, const char *what)
{
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "protobuf: %s", what);
	return FALSE;
}

static gboolean read_varint(Reader *reader, guint64 *value, GError **error)
{
	guint64 result = 0;

	for (gsize i = 0; i < VARINT_MAX_BYTES && i < reader->size_bytes; i++) {
		guint8 byte = reader->data[i];

		result |= (guint64)(byte & 0x7f) << (7 * i);
		if ((byte & 0x80) == 0) {
			reader->data += i + 1;
			reader->size_bytes -= i + 1;
			*value = result;
			return TRUE;
		}
	}
	return invalid(error, "a number does not end");
}

static gboolean read_fixed(Reader *reader, gsize size_bytes, guint64 *value, GError **error)
{
	guint64 result = 0;

	if (reader->size_bytes < size_bytes)
		return invalid(error, "the body ends within a field");
	for (gsize i = 0; i < size_bytes; i++)
		result |= (guint64)reader->data[i] << (8 * i);
	reader->data += size_bytes;
	reader->size_bytes -= size_bytes;
	*value = result;
	return TRUE;
}

static gboolean read_item(Reader *reader, Item *item, GError **error)
{
	guint64 tag = 0, length = 0;

	if ((*reader->budget)-- == 0) {
		*reader->budget = 0;
		g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
			    "protobuf: more than %d fields", API_PROTOBUF_MAX_ENTRIES);
		return FALSE;
	}
	if (!read_varint(reader, &tag, error))
		return FALSE;
	item->number = tag >> 3;
	item->wire = (WireType)(tag & 7);
	switch (item->wire) {
	case WIRE_VARINT:
		return read_varint(reader, &item->value, error);
	case WIRE_FIXED64:
		return read_fixed(reader, 8, &item->value, error);
	case WIRE_FIXED32:
		return read_fixed(reader, 4, &item->value, error);
	case WIRE_BYTES:
		if (!read_varint(reader, &length, error))
			return FALSE;
		if (length > reader->size_bytes)
			return invalid(error, "a field is longer than what is left of the body");
		item->data = reader->data;
		item->size_bytes = (gsize)length;
		reader->data += item->size_bytes;
		reader->size_bytes -= item->size_bytes;
		return TRUE;
	}
	return invalid(error, "a field has an unknown wire type");
}

/* --- values --- */

static gboolean field_error(GError **error, const char *name, const char *what)
{
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "protobuf: field %s %s", name, what);
	return FALSE;
}

/* NULL if the bytes are not text that JSON can hold. */
static json_t *text_of(const Item *item)
{
	return json_stringn((const char *)item->data, item->size_bytes);
}

static json_t *base64_of(const Item *item)
{
	g_autofree char *text = g_base64_encode(item->data, item->size_bytes);

	return json_string(text);
}

static Reader reader_within(const Reader *reader, const Item *item)
{
	return (Reader){
		.data = item->data,
		.size_bytes = item->size_bytes,
		.budget = reader->budget,
	};
}

static gboolean read_time(const Reader *reader, const Item *item, json_t *object, const char *name,
			  GError **error)
{
	static const guint64 seconds_max = 253402300799; /* the end of the year 9999 */
	Reader within = reader_within(reader, item);
	guint64 seconds = 0;
	g_autofree char *text = NULL;

	while (within.size_bytes > 0) {
		Item part = {0};

		if (!read_item(&within, &part, error))
			return FALSE;
		if (part.number == 1 && part.wire == WIRE_VARINT)
			seconds = part.value;
	}
	/* An empty time is Go's zero time: absent. */
	if (seconds == 0)
		return TRUE;
	if (seconds > seconds_max)
		return field_error(error, name, "is not a time");
	text = base_clock_format_time((gint64)seconds * G_USEC_PER_SEC);
	json_object_set_new(object, name, json_string(text));
	return TRUE;
}

/* One {1 key, 2 value} into `map`. */
static gboolean read_entry(const Reader *reader, const Item *item, json_t *map, const char *name,
			   gboolean bytes, GError **error)
{
	Reader within = reader_within(reader, item);
	g_autoptr(json_t) key = json_string("");
	g_autoptr(json_t) value = json_string("");

	while (within.size_bytes > 0) {
		Item part = {0};

		if (!read_item(&within, &part, error))
			return FALSE;
		if (part.wire != WIRE_BYTES)
			continue;
		if (part.number == 1) {
			json_decref(key);
			key = text_of(&part);
		} else if (part.number == 2) {
			json_decref(value);
			value = bytes ? base64_of(&part) : text_of(&part);
		}
	}
	if (key == NULL || value == NULL ||
	    strlen(json_string_value(key)) != json_string_length(key))
		return field_error(error, name, "is not UTF-8");
	json_object_set_new(map, json_string_value(key), g_steal_pointer(&value));
	return TRUE;
}

static json_t *ensure_list(json_t *object, const char *name)
{
	if (json_object_get(object, name) == NULL)
		json_object_set_new(object, name, json_array());
	return json_object_get(object, name);
}

static gboolean read_message(Reader *reader, const Message *message, json_t *object,
			     GError **error);

static gboolean read_list_item(const Reader *reader, const Field *field, const Item *item,
			       json_t *object, GError **error)
{
	json_t *list = ensure_list(object, field->name);
	Reader within = reader_within(reader, item);
	g_autoptr(json_t) element = NULL;

	if (field->type == FIELD_MESSAGE_LIST) {
		element = json_object();
		if (!read_message(&within, field->message, element, error))
			return FALSE;
	} else {
		element = text_of(item);
		if (element == NULL)
			return field_error(error, field->name, "is not UTF-8");
	}
	json_array_append_new(list, g_steal_pointer(&element));
	return TRUE;
}

static gboolean read_nested(const Reader *reader, const Field *field, const Item *item,
			    json_t *object, GError **error)
{
	Reader within = reader_within(reader, item);
	g_autoptr(json_t) nested = json_object();

	if (!read_message(&within, field->message, nested, error))
		return FALSE;
	if (json_object_size(nested) > 0)
		json_object_set_new(object, field->name, g_steal_pointer(&nested));
	return TRUE;
}

static gboolean read_bytes_field(const Reader *reader, const Field *field, const Item *item,
				 json_t *object, GError **error)
{
	json_t *text;

	switch (field->type) {
	case FIELD_MESSAGE:
		return read_nested(reader, field, item, object, error);
	case FIELD_TIME:
		return read_time(reader, item, object, field->name, error);
	case FIELD_STRING_LIST:
	case FIELD_MESSAGE_LIST:
		return read_list_item(reader, field, item, object, error);
	case FIELD_MAP_OF_STRINGS:
	case FIELD_MAP_OF_BYTES:
		return read_entry(reader, item, base_json_ensure_object(object, field->name),
				  field->name, field->type == FIELD_MAP_OF_BYTES, error);
	case FIELD_STRING:
	case FIELD_BYTES:
	case FIELD_INT:
	case FIELD_BOOL:
		break;
	}
	if (item->size_bytes == 0)
		return TRUE;
	text = field->type == FIELD_BYTES ? base64_of(item) : text_of(item);
	if (text == NULL)
		return field_error(error, field->name, "is not UTF-8");
	json_object_set_new(object, field->name, text);
	return TRUE;
}

static gboolean read_field(const Reader *reader, const Field *field, const Item *item,
			   json_t *object, GError **error)
{
	gboolean number = field->type == FIELD_INT || field->type == FIELD_BOOL;

	if (item->wire != (number ? WIRE_VARINT : WIRE_BYTES))
		return field_error(error, field->name, "has the wrong wire type");
	if (!number)
		return read_bytes_field(reader, field, item, object, error);
	json_object_set_new(object, field->name,
			    field->type == FIELD_BOOL ? json_boolean(item->value != 0)
						      : json_integer((json_int_t)item->value));
	return TRUE;
}

static gboolean read_message(Reader *reader, const Message *message, json_t *object, GError **error)
{
	while (reader->size_bytes > 0) {
		Item item = {0};

		if (!read_item(reader, &item, error))
			return FALSE;
		for (gsize i = 0; i < message->n_fields; i++) {
			const Field *field = &message->fields[i];

			if (field->number == item.number &&
			    !read_field(reader, field, &item, object, error))
				return FALSE;
		}
	}
	return TRUE;
}

/* --- the envelope --- */

static const Field type_meta_fields[] = {
	{1, "apiVersion", FIELD_STRING, NULL},
	{2, "kind", FIELD_STRING, NULL},
};
static const Message type_meta = MESSAGE(type_meta_fields);

/* runtime.Unknown: 1 typeMeta, 2 raw, 3 contentEncoding, 4 contentType. */
static gboolean read_envelope(Reader *reader, json_t *object, Reader *raw, GError **error)
{
	*raw = (Reader){.data = (const guint8 *)"", .budget = reader->budget};
	while (reader->size_bytes > 0) {
		Item item = {0};

		if (!read_item(reader, &item, error))
			return FALSE;
		if (item.wire != WIRE_BYTES)
			continue;
		if (item.number == 1) {
			Reader within = reader_within(reader, &item);

			if (!read_message(&within, &type_meta, object, error))
				return FALSE;
		} else if (item.number == 2) {
			*raw = reader_within(reader, &item);
		} else if (item.number == 3 && item.size_bytes > 0) {
			return invalid(error, "the object within has an encoding of its own");
		}
	}
	return TRUE;
}

json_t *api_protobuf_decode(const guint8 *data, gsize size_bytes, GError **error)
{
	g_autoptr(json_t) object = json_object();
	guint budget = API_PROTOBUF_MAX_ENTRIES;
	Reader reader = {.budget = &budget};
	Reader raw;
	const char *kind;

	if (size_bytes > API_PROTOBUF_MAX_BYTES) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
			    "protobuf: the body has %" G_GSIZE_FORMAT
			    " bytes, at most %d are accepted",
			    size_bytes, API_PROTOBUF_MAX_BYTES);
		return NULL;
	}
	if (size_bytes < sizeof(magic) || memcmp(data, magic, sizeof(magic)) != 0) {
		invalid(error, "provided data does not appear to be a protobuf message, expected "
			       "prefix [107 56 115 0]");
		return NULL;
	}
	reader.data = data + sizeof(magic);
	reader.size_bytes = size_bytes - sizeof(magic);
	if (!read_envelope(&reader, object, &raw, error))
		return NULL;

	kind = base_json_get_string(object, "kind", NULL);
	for (gsize i = 0; kind != NULL && i < G_N_ELEMENTS(kinds); i++) {
		if (g_str_equal(kinds[i].kind, kind))
			return read_message(&raw, &kinds[i].message, object, error)
				       ? g_steal_pointer(&object)
				       : NULL;
	}
	g_set_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND,
		    "protobuf: objects of kind \"%s\" are taken as JSON only",
		    kind == NULL ? "" : kind);
	return NULL;
}
