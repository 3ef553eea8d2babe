/* esp/partition_names.h — names of types, subtypes and flags, for the sources of
 * esp/partition_table.h. */
#pragma once

#include "esp/partition_table.h"

#include <glib.h>

/* The number of a type's or a subtype's name (any case). FALSE if there is none. */
gboolean partition_type_by_name(const char *name, guint8 *type);
gboolean partition_subtype_by_name(const EspPartitionTableOptions *options, guint type,
				   const char *name, guint8 *subtype);

/* TRUE if any type has a subtype of that name, in small letters. */
gboolean partition_name_is_subtype(const EspPartitionTableOptions *options, const char *name);

/* "bootloader, partition_table, app, data"; "factory, test, …" of a type, or NULL if it has none.
 * Yours. */
char *partition_type_keywords(void);
char *partition_subtype_keywords(const EspPartitionTableOptions *options, guint type);

/* One row a flag, ended by a NULL name. */
typedef struct {
	const char *name;
	guint32 bit;
} PartitionFlag;
extern const PartitionFlag partition_flags[];
