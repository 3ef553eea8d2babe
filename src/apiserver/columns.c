#include "apiserver/columns.h"

#include "apiserver/event_views.h"
#include "base/clock.h"
#include "base/json.h"

#include <string.h>

#define NAME_DESCRIPTION "Name, unique within the namespace."
#define AGE_DESCRIPTION "Time since the object was made."
#define UNKNOWN_AGE "<unknown>"

static json_t *string_or_empty(const char *text)
{
	return json_string(text == NULL ? "" : text);
}

/* A time as an age; `<unknown>` where there is none, `<invalid>` where it is not a time. */
static char *age_of(const char *time, gint64 now_us)
{
	gint64 then_us = 0;

	if (time == NULL || *time == '\0')
		return g_strdup(UNKNOWN_AGE);
	if (!base_clock_parse_time(time, &then_us))
		return g_strdup("<invalid>");
	return base_clock_format_age(now_us - then_us);
}

static json_t *take_string(char *text)
{
	json_t *value = json_string(text);

	g_free(text);
	return value;
}

static json_t *cell_name(const ApiColumn *column, const json_t *object, gint64 now_us)
{
	(void)column;
	(void)now_us;
	return string_or_empty(base_json_get_string(object, "metadata", "name", NULL));
}

static json_t *cell_age(const ApiColumn *column, const json_t *object, gint64 now_us)
{
	(void)column;
	return take_string(age_of(
		base_json_get_string(object, "metadata", "creationTimestamp", NULL), now_us));
}

static json_t *cell_created(const ApiColumn *column, const json_t *object, gint64 now_us)
{
	(void)column;
	(void)now_us;
	return string_or_empty(base_json_get_string(object, "metadata", "creationTimestamp", NULL));
}

static json_t *cell_phase(const ApiColumn *column, const json_t *object, gint64 now_us)
{
	(void)column;
	(void)now_us;
	return string_or_empty(base_json_get_string(object, "status", "phase", NULL));
}

static json_t *cell_type(const ApiColumn *column, const json_t *object, gint64 now_us)
{
	(void)column;
	(void)now_us;
	return string_or_empty(base_json_get_string(object, "type", NULL));
}

static json_t *cell_data(const ApiColumn *column, const json_t *object, gint64 now_us)
{
	gsize n_keys = json_object_size(json_object_get(object, "data")) +
		       json_object_size(json_object_get(object, "binaryData"));

	(void)column;
	(void)now_us;
	return json_integer((json_int_t)n_keys);
}

/* --- events, as core/v1 --- */

static const char *first_seen(const json_t *event)
{
	const char *time = base_json_get_string(event, "firstTimestamp", NULL);

	return time != NULL ? time : base_json_get_string(event, "eventTime", NULL);
}

static json_t *cell_last_seen(const ApiColumn *column, const json_t *event, gint64 now_us)
{
	const char *time = base_json_get_string(event, "series", "lastObservedTime", NULL);

	(void)column;
	if (time == NULL)
		time = base_json_get_string(event, "lastTimestamp", NULL);
	return take_string(age_of(time != NULL ? time : first_seen(event), now_us));
}

static json_t *cell_first_seen(const ApiColumn *column, const json_t *event, gint64 now_us)
{
	(void)column;
	return take_string(age_of(first_seen(event), now_us));
}

static json_t *cell_reason(const ApiColumn *column, const json_t *event, gint64 now_us)
{
	(void)column;
	(void)now_us;
	return string_or_empty(base_json_get_string(event, "reason", NULL));
}

static json_t *cell_object(const ApiColumn *column, const json_t *event, gint64 now_us)
{
	const char *kind = base_json_get_string(event, "involvedObject", "kind", NULL);
	const char *name = base_json_get_string(event, "involvedObject", "name", NULL);
	g_autofree char *lower = g_ascii_strdown(kind == NULL ? "" : kind, -1);

	(void)column;
	(void)now_us;
	return name == NULL ? json_string(lower)
			    : take_string(g_strdup_printf("%s/%s", lower, name));
}

static json_t *cell_subobject(const ApiColumn *column, const json_t *event, gint64 now_us)
{
	(void)column;
	(void)now_us;
	return string_or_empty(base_json_get_string(event, "involvedObject", "fieldPath", NULL));
}

static const char *first_not_empty(const char *a, const char *b)
{
	if (a != NULL && *a != '\0')
		return a;
	return b == NULL ? "" : b;
}

static json_t *cell_source(const ApiColumn *column, const json_t *event, gint64 now_us)
{
	const char *component =
		first_not_empty(base_json_get_string(event, "source", "component", NULL),
				base_json_get_string(event, "reportingComponent", NULL));
	const char *host = first_not_empty(base_json_get_string(event, "source", "host", NULL),
					   base_json_get_string(event, "reportingInstance", NULL));

	(void)column;
	(void)now_us;
	return *host == '\0' ? json_string(component)
			     : take_string(g_strdup_printf("%s, %s", component, host));
}

static json_t *cell_message(const ApiColumn *column, const json_t *event, gint64 now_us)
{
	const char *message = base_json_get_string(event, "message", NULL);

	(void)column;
	(void)now_us;
	return take_string(g_strstrip(g_strdup(message == NULL ? "" : message)));
}

static json_t *cell_count(const ApiColumn *column, const json_t *event, gint64 now_us)
{
	gint64 count = base_json_get_int(event, 0, "series", "count", NULL);

	(void)column;
	(void)now_us;
	if (count == 0)
		count = base_json_get_int(event, 0, "count", NULL);
	return json_integer(count == 0 ? 1 : count);
}

const ApiColumn api_columns_of_namespaces[] = {
	{"Name", "string", "name", NAME_DESCRIPTION, 0, cell_name, NULL},
	{"Status", "string", "", "Active, or Terminating while it is emptied.", 0, cell_phase,
	 NULL},
	{"Age", "string", "", AGE_DESCRIPTION, 0, cell_age, NULL},
};

const ApiColumn api_columns_of_secrets[] = {
	{"Name", "string", "name", NAME_DESCRIPTION, 0, cell_name, NULL},
	{"Type", "string", "", "What the data is for.", 0, cell_type, NULL},
	{"Data", "string", "", "Number of keys.", 0, cell_data, NULL},
	{"Age", "string", "", AGE_DESCRIPTION, 0, cell_age, NULL},
};

const ApiColumn api_columns_of_config_maps[] = {
	{"Name", "string", "name", NAME_DESCRIPTION, 0, cell_name, NULL},
	{"Data", "string", "", "Number of keys.", 0, cell_data, NULL},
	{"Age", "string", "", AGE_DESCRIPTION, 0, cell_age, NULL},
};

const ApiColumn api_columns_of_events[] = {
	{"Last Seen", "string", "", "When it last happened.", 0, cell_last_seen, NULL},
	{"Type", "string", "", "Normal or Warning.", 0, cell_type, NULL},
	{"Reason", "string", "", "Why, in one word.", 0, cell_reason, NULL},
	{"Object", "string", "", "What it happened to.", 0, cell_object, NULL},
	{"Subobject", "string", "", "The part that it happened to.", 1, cell_subobject, NULL},
	{"Source", "string", "", "Who reports it.", 1, cell_source, NULL},
	{"Message", "string", "", "What happened.", 0, cell_message, NULL},
	{"First Seen", "string", "", "When it first happened.", 1, cell_first_seen, NULL},
	{"Count", "string", "", "How often it happened.", 1, cell_count, NULL},
	{"Name", "string", "name", NAME_DESCRIPTION, 1, cell_name, NULL},
};

const ApiColumn api_columns_of_crds[] = {
	{"Name", "string", "name", NAME_DESCRIPTION, 0, cell_name, NULL},
	{"Created At", "date", "", "When it was made.", 0, cell_created, NULL},
};

/* --- ours --- */

static json_t *cell_of_schema(const ApiColumn *column, const json_t *object, gint64 now_us)
{
	g_autoptr(json_t) value = model_column_value(column->of_schema, object);

	if (g_str_equal(column->type, "date"))
		return json_is_string(value) ? take_string(age_of(json_string_value(value), now_us))
					     : json_null();
	if (g_str_equal(column->type, "integer"))
		return json_is_integer(value) ? g_steal_pointer(&value) : json_null();
	if (g_str_equal(column->type, "boolean"))
		return json_is_boolean(value) ? g_steal_pointer(&value) : json_null();
	if (json_is_string(value) || json_is_null(value))
		return g_steal_pointer(&value);
	/* A column of type string shows anything as text. */
	return take_string(base_json_dump(value, NULL));
}

const ApiColumn *api_columns_of_schema(const ModelSchema *schema, gsize *n_columns)
{
	gsize n = 0;
	const ModelColumn *theirs = model_schema_columns(schema, &n);
	ApiColumn *columns = g_new0(ApiColumn, n + 1);

	columns[0] = api_columns_of_secrets[0];
	for (gsize i = 0; i < n; i++)
		columns[i + 1] = (ApiColumn){
			.name = theirs[i].name,
			.type = theirs[i].type,
			.format = theirs[i].format == NULL ? "" : theirs[i].format,
			.description = theirs[i].description == NULL ? "" : theirs[i].description,
			.priority = theirs[i].priority,
			.cell = cell_of_schema,
			.of_schema = &theirs[i],
		};
	*n_columns = n + 1;
	return columns;
}
