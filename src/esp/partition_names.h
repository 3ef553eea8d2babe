/* esp/partition_names.h — names of types, subtypes and flags, for the sources of
 * esp/partition_table.h. */
#pragma once

#include <glib.h>

/* The number of a type's or a subtype's name (any case). FALSE if there is none. */
gboolean partition_type_by_name(const char *name, guint8 *type);
gboolean partition_subtype_by_name(guint type, const char *name, guint8 *subtype);

/* One row a flag, ended by a NULL name. */
typedef struct {
	const char *name;
	guint32 bit;
} PartitionFlag;
extern const PartitionFlag partition_flags[];
