/* esp/nvs_volume.h — a partition opened from bytes in memory, for the reader, which mounts a copy,
 * for updates in place and for inspections. nvs_volume.c has pages and flash; nvs_mount.c puts
 * right what a power cut left, as nvs_flash_init does
 * (components/nvs_flash/src/nvs_pagemanager.cpp, PageManager::load; src/nvs_storage.cpp,
 * Storage::init), in the image and, if there is one, through the flash callbacks. */
#pragma once

#include "esp/nvs.h"
#include "esp/nvs_page.h"
#include "esp/nvs_scan.h"
#include "esp/xts.h"

typedef struct {
	guint8 *bytes; /* within the image */
	guint32 state; /* as it counts: NVS_PAGE_CORRUPT also for a wrong CRC */
	guint32 sequence;
	guint next_free; /* first entry never written; ESP_NVS_PAGE_ENTRIES if there is none */
	guint8 spans[ESP_NVS_PAGE_ENTRIES];  /* of the live item that begins there; 0: none does */
	NvsName names[ESP_NVS_PAGE_ENTRIES]; /* of such an item */
} NvsPage;

typedef struct {
	guint8 *image;   /* in plain, whatever is stored */
	guint8 *stored;  /* the caller's encrypted bytes; NULL if `image` is the caller's */
	EspXts *encrypt; /* NULL as `stored` */
	gsize n_pages;
	NvsPage *pages;
	GPtrArray *used; /* NvsPage, by sequence number */
	GPtrArray *free; /* NvsPage, next one first */
	guint32 next_sequence;
	gsize n_damaged;     /* entries dropped at mount */
	gboolean skip_newer; /* pages of a newer format are passed over, not refused */
	const EspNvsFlash *flash;
} NvsVolume;

/* One live item: its first entry has a right CRC and all its entries are written. */
typedef struct {
	NvsPage *page;
	guint index;
	guint order; /* in which a look-up meets it */
	guint8 space, type, span, chunk;
	guint8 rank;    /* of its namespace in a sort; its index, unless the reader knows better */
	guint64 key[2]; /* as NvsName has it */
	const guint8 *entry; /* 32 bytes; key at 8, value at 24, data after it */
} NvsLiveItem;

/* Looks at `image`; `keys` of an encrypted one, or NULL. FALSE with ESP_ERROR_INVALID for a size
 * that no partition has. */
gboolean nvs_volume_open(NvsVolume *volume, guint8 *image, gsize size_bytes, const EspNvsKeys *keys,
			 GError **error);

/* Sorts the pages into used and free ones, without putting anything right. FALSE as a mount. */
gboolean nvs_volume_load(NvsVolume *volume, GError **error);

/* Mounts what was opened. `writable` does what only a read-write mount does: it drops what an
 * interrupted update left twice and finishes a page that was being moved. FALSE with
 * ESP_ERROR_NOT_SUPPORTED for a newer format, or what `flash` said. */
gboolean nvs_volume_mount(NvsVolume *volume, gboolean writable, const EspNvsFlash *flash,
			  GError **error);

/* Frees what the volume holds, not the caller's image. An empty one is nothing. */
void nvs_volume_clear(NvsVolume *volume);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(NvsVolume, nvs_volume_clear)

/* The first entry of an active page that is empty in the bitmap. */
guint nvs_page_end(const NvsPage *page);

/* From here on an item is live. */
void nvs_page_note_item(NvsPage *page, guint index, guint span);

/* All live items (NvsLiveItem) in the order of a look-up. Yours. */
GArray *nvs_volume_items(const NvsVolume *volume);

/* By namespace, key, chunk, then order of look-up: for g_array_sort. */
gint nvs_live_item_compare(gconstpointer a, gconstpointer b);

/* TRUE if both are of one namespace and key. */
gboolean nvs_live_item_same_key(const NvsLiveItem *a, const NvsLiveItem *b);

/* What the volume, which is mounted, holds. Yours. */
EspNvsContents *nvs_volume_read(const NvsVolume *volume, EspNvsReadFlags flags);

/* TRUE if the item gives a namespace an index that one can have. */
gboolean nvs_defines_space(const NvsLiveItem *item);

/* What one namespace and key has of each of the two versions of a blob. */
typedef struct {
	gsize bytes[2];
	guint chunks[2];
	guint allowed[2]; /* chunks that a valid index wants; 0 until that is known */
} NvsBlobParts;

/* `items` are all of one namespace and key. */
NvsBlobParts nvs_blob_parts(const NvsLiveItem *items, gsize n_items);

/* TRUE if the parts are as many and as long as the index says. */
gboolean nvs_blob_index_ok(const NvsLiveItem *index, const NvsBlobParts *parts);

/* TRUE if `item` is a part that no valid index wants. parts->allowed is known. */
gboolean nvs_blob_part_is_stray(const NvsLiveItem *item, const NvsBlobParts *parts);

/* Writes to flash what clears bits, at `at` within the image; encrypts what is in entries, which
 * are written whole. */
gboolean nvs_volume_write(NvsVolume *volume, guint8 *at, const guint8 *data, gsize size_bytes,
			  GError **error);

/* Gives entries first … first + n - 1 of a page a state, the last words first. */
gboolean nvs_volume_mark(NvsVolume *volume, NvsPage *page, guint first, guint n, guint state,
			 GError **error);

gboolean nvs_volume_set_page_state(NvsVolume *volume, NvsPage *page, guint32 state, GError **error);

/* Erases a page and appends it to the free ones. */
gboolean nvs_volume_free_page(NvsVolume *volume, NvsPage *page, GError **error);

/* Takes a free page into use. ESP_ERROR_TOO_LARGE if there is none. Borrowed. */
NvsPage *nvs_volume_activate(NvsVolume *volume, GError **error);

/* Appends the live items of `from` to `to`, which has room. */
gboolean nvs_volume_copy_items(NvsVolume *volume, const NvsPage *from, NvsPage *to, GError **error);

/* Appends an item with its data at the next free entries of `page`, which has room. */
gboolean nvs_volume_append(NvsVolume *volume, NvsPage *page, const NvsItem *item, GError **error);
