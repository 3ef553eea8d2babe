/* apiserver/columns.h — what the columns of a Table are and how their cells are made. Within the
 * room only; pure but for the clock. */
#pragma once

#include "apiserver/kinds.h"
#include "model/schema.h"

/* Makes a cell out of an object at a wall-clock time. Yours. */
typedef json_t *(*ApiCellFunc)(const ApiColumn *column, const json_t *object, gint64 now_us);

struct ApiColumn {
	const char *name;
	const char *type;
	const char *format; /* "" or "name" */
	const char *description;
	gint64 priority; /* 0 always, 1 with -o wide */
	ApiCellFunc cell;
	const ModelColumn *of_schema; /* for the cell of a CRD's column */
};

enum {
	API_COLUMNS_OF_NAMESPACES = 3,
	API_COLUMNS_OF_SECRETS = 4,
	API_COLUMNS_OF_CONFIG_MAPS = 3,
	API_COLUMNS_OF_EVENTS = 10,
	API_COLUMNS_OF_CRDS = 2,
};
extern const ApiColumn api_columns_of_namespaces[API_COLUMNS_OF_NAMESPACES];
extern const ApiColumn api_columns_of_secrets[API_COLUMNS_OF_SECRETS];
extern const ApiColumn api_columns_of_config_maps[API_COLUMNS_OF_CONFIG_MAPS];
extern const ApiColumn api_columns_of_events[API_COLUMNS_OF_EVENTS];
extern const ApiColumn api_columns_of_crds[API_COLUMNS_OF_CRDS];

/* Name and the additionalPrinterColumns of one of our kinds. Made once, never freed. */
const ApiColumn *api_columns_of_schema(const ModelSchema *schema, gsize *n_columns);
