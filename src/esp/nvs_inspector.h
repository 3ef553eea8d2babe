/* esp/nvs_inspector.h — an inspection in the making, for the sources of esp/nvs_inspect.h. */
#pragma once

#include "esp/nvs_inspect.h"
#include "esp/nvs_volume.h"

typedef struct {
	NvsVolume volume;     /* loaded, nothing put right; items noted */
	const guint8 *stored; /* as it was given; entries may be encrypted */
	EspNvsInspection *out;
	GArray *findings;        /* EspNvsFinding */
	const char *spaces[256]; /* names by index; NULL: not defined */
} NvsInspector;

/* Adds a finding of a page (NULL: of the image) and an entry (-1: of the page). */
void nvs_inspector_add(NvsInspector *inspector, EspNvsSeverity severity, EspNvsFindingKind kind,
		       const NvsPage *page, gssize entry, const char *format, ...)
	G_GNUC_PRINTF(6, 7);

/* "key 'wifi.ssid'", or "key 'ssid' of namespace 7" where that has no name. Borrowed. */
const char *nvs_inspector_key(NvsInspector *inspector, const guint8 *entry);

/* The pages by their headers and bitmaps, and the items' own bytes. */
void nvs_inspect_page(NvsInspector *inspector, NvsPage *page);

/* Entries of a page in use, one after the other. */
void nvs_inspect_entries(NvsInspector *inspector, NvsPage *page);

/* What only all items together show: namespaces, duplicates, blobs. */
void nvs_inspect_items(NvsInspector *inspector);
