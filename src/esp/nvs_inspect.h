/* esp/nvs_inspect.h — what is wrong with an NVS partition, page by page and entry by entry. For
 * damaged and foreign bytes: esp_nvs_read shows what a device sees in them, this shows why it does
 * not see the rest. Pure; any thread.
 *
 * The rules are those by which ESP-IDF mounts (components/nvs_flash/src/nvs_page.cpp,
 * Page::load and Page::mLoadEntryTable; src/nvs_pagemanager.cpp; src/nvs_storage.cpp,
 * Storage::init). Findings name places, keys and sizes, never values. */
#pragma once

#include "esp/nvs.h"

G_BEGIN_DECLS

enum {
	ESP_NVS_FINDINGS_MAX = 256, /* kept; further ones are only counted */
};

typedef enum {
	ESP_NVS_NOTE,    /* in order, and worth knowing: a page being moved, purged entries */
	ESP_NVS_WARNING, /* left by a power cut; the next mount puts it right and loses no key that
			    was written to its end */
	ESP_NVS_FAULT,   /* damaged: keys are lost, or the device does not mount */
} EspNvsSeverity;

typedef enum {
	ESP_NVS_FINDING_SIZE,             /* the image is no whole number of pages, or too small */
	ESP_NVS_FINDING_NO_FREE_PAGE,     /* it mounts read-only (device error 0x110D) */
	ESP_NVS_FINDING_ALL_ENTRIES_FAIL, /* encrypted, or with other keys */
	ESP_NVS_FINDING_PAGE_STATE,       /* a state word that is none */
	ESP_NVS_FINDING_PAGE_NOT_EMPTY,   /* an unused page with bytes in it */
	ESP_NVS_FINDING_HEADER_CRC,
	ESP_NVS_FINDING_VERSION,      /* newer: the device refuses the partition (0x1110) */
	ESP_NVS_FINDING_SEQUENCE,     /* two pages with one sequence number */
	ESP_NVS_FINDING_FREEING,      /* a page that was being moved */
	ESP_NVS_FINDING_TWO_ACTIVE,   /* more than one active page, or one before a full one */
	ESP_NVS_FINDING_ENTRY_STATE,  /* a bitmap value that is none, or written behind empty */
	ESP_NVS_FINDING_HALF_WRITTEN, /* bytes without their mark, or a first entry alone */
	ESP_NVS_FINDING_ENTRY_CRC,
	ESP_NVS_FINDING_TYPE, /* unknown */
	ESP_NVS_FINDING_SPAN, /* span, size or chunk that do not fit each other or the
				 page */
	ESP_NVS_FINDING_DATA_CRC,
	ESP_NVS_FINDING_BLOB_INDEX, /* an index whose parts are not all there */
	ESP_NVS_FINDING_BLOB_PART,  /* a part of a blob that no index wants */
	ESP_NVS_FINDING_OLD_BLOB,   /* of format version 1: found, but not listed by a device */
	ESP_NVS_FINDING_NAMESPACE,  /* a key whose namespace is not defined, or a bad index */
	ESP_NVS_FINDING_DUPLICATE,  /* two of one namespace and key */
	ESP_NVS_FINDING_KEY,        /* a key that is empty or not ASCII */
	ESP_NVS_FINDING_PURGED,     /* erased entries that are all 0x00 */
} EspNvsFindingKind;

/* "size", "noFreePage", "allEntriesFail", … for JSON: stable. Borrowed. */
const char *esp_nvs_finding_name(EspNvsFindingKind kind);

typedef struct {
	EspNvsSeverity severity;
	EspNvsFindingKind kind;
	gssize page;      /* by place in the image, from 0; -1: of the whole image */
	gssize entry;     /* 0..125; -1: of the whole page */
	gsize offset;     /* in the image, bytes; what `page` and `entry` name */
	const char *text; /* the rest of a sentence that begins with the place; owned by the
			     inspection */
} EspNvsFinding;

/* One page by its own words. */
typedef struct {
	gsize offset;
	guint32 state_word;
	const char *state; /* "unused", "active", "full", "freeing", "corrupt"; as it counts: also
			      "corrupt" for a wrong header. Static */
	guint32 sequence;  /* these four are 0 if unused or corrupt */
	guint format_version; /* 1, 2; 0 for a newer one */
	guint n_written;
	guint n_erased;
	guint n_empty;
	guint n_illegal; /* bitmap values that are no state */
} EspNvsPageSummary;

typedef struct {
	EspNvsPageSummary *pages;
	gsize n_pages;
	EspNvsFinding *findings; /* by place: the image's, then page by page, entry by entry */
	gsize n_findings;        /* at most ESP_NVS_FINDINGS_MAX */
	gsize n_more;            /* further ones, not kept */
	gsize n_faults, n_warnings, n_notes; /* all, also those not kept */
	gboolean looks_encrypted;            /* ESP_NVS_FINDING_ALL_ENTRIES_FAIL is among them */
	GStringChunk *texts;                 /* private */
} EspNvsInspection;

/* Looks at any bytes, of any number; `keys` of an encrypted image, or NULL. Never fails, save for
 * more than ESP_NVS_MAX_BYTES, which gives NULL with ESP_ERROR_TOO_LARGE. Yours. */
EspNvsInspection *esp_nvs_inspect(const guint8 *data, gsize size_bytes, const EspNvsKeys *keys,
				  GError **error);

/* NULL is nothing. */
void esp_nvs_inspection_free(EspNvsInspection *inspection);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspNvsInspection, esp_nvs_inspection_free)

G_END_DECLS
