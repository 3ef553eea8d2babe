/* cmd/formats/otadata_apps.h — what the commands of otadata share: which apps the device has (by
 * option or from its partition table), how otadata is read, and the report of it. */
#pragma once

#include "cmd/command.h"
#include "cmd/formats/io.h"
#include "esp/otadata.h"

#include <glib.h>

typedef struct {
	char *slots, *table;
	gboolean factory;
} CmdOtadataWords;
extern CmdOtadataWords cmd_otadata_words;

/* Rows of a GOptionEntry table. */
#define CMD_OTADATA_OPTIONS                                                                        \
	{"slots",                                                                                  \
	 0,                                                                                        \
	 0,                                                                                        \
	 G_OPTION_ARG_STRING,                                                                      \
	 &cmd_otadata_words.slots,                                                                 \
	 "number of OTA slots, ota_0 and following (default 2)",                                   \
	 "N"},                                                                                     \
		{"has-factory",                                                                    \
		 0,                                                                                \
		 0,                                                                                \
		 G_OPTION_ARG_NONE,                                                                \
		 &cmd_otadata_words.factory,                                                       \
		 "the device has a factory app beside them",                                       \
		 NULL},                                                                            \
	{                                                                                          \
		"table", 0, 0, G_OPTION_ARG_FILENAME, &cmd_otadata_words.table,                    \
			"partition table, CSV or binary, which says what apps there are", "FILE"   \
	}

typedef struct {
	guint n_slots;
	gboolean has_factory;
	gboolean has_test;
	gboolean has_otadata; /* FALSE: a table without an otadata partition */
} CmdOtadataApps;

/* FALSE with `exit` set after a message of the command `name`. */
gboolean cmd_otadata_apps_read(const char *name, CmdOtadataApps *apps, CmdExit *exit);

/* Reads otadata from a file or "-"; longer ones are read whole. Yours, with `size_bytes`; NULL with
 * BASE_ERROR_* or ESP_ERROR_TRUNCATED. */
guint8 *cmd_otadata_read(const char *path, gsize *size_bytes, GError **error);

/* "ota_1", "factory", "test". Yours. */
char *cmd_otadata_slot_name(int slot);

/* Prints the records, which app starts and why, and what is tried then: for people, or as a JSON
 * document. FALSE with ESP_ERROR_*. */
gboolean cmd_otadata_report(const guint8 *data, gsize size_bytes, const CmdOtadataApps *apps,
			    gboolean is_json, GError **error);
