/* esp/nvs_mfg_config.h — what a config of esp/nvs_mfg.h says, for the sources of that header. */
#pragma once

#include "esp/nvs_mfg.h"
#include "esp/nvs_value.h"

/* One row of the config. */
typedef struct {
	const char *space;
	const char *key; /* NULL: a namespace row */
	NvsEncoding encoding;
	gboolean is_file;
	gboolean repeats;
	guint line;
} NvsMfgKey;

struct _EspNvsMfg {
	GStringChunk *names;
	GArray *keys; /* NvsMfgKey, in the config's order */
};

/* The key at `index`, from 0. Borrowed. */
static inline const NvsMfgKey *nvs_mfg_key(const EspNvsMfg *mfg, guint index)
{
	return &g_array_index(mfg->keys, NvsMfgKey, index);
}
