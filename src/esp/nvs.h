/* esp/nvs.h — NVS partition images (ESP-IDF, components/nvs_flash). Pure: bytes in, bytes out. Any
 * thread.
 *
 * A partition is pages of 4096 bytes; a page is a header, a bitmap of two bits an entry and 126
 * entries of 32 bytes. The writer places entries exactly as Espressif's esp-idf-nvs-partition-gen
 * does, byte for byte; the reader sees what a device sees after mounting the bytes. Plain images
 * only: an encrypted one reads as empty. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_NVS_PAGE_BYTES = 4096,
	ESP_NVS_ENTRY_BYTES = 32,
	ESP_NVS_PAGE_ENTRIES = 126,
	ESP_NVS_NAME_MAX = 15,        /* bytes of a namespace's or a key's name */
	ESP_NVS_NAMESPACES_MAX = 254, /* index 255 is the wildcard */
	ESP_NVS_STRING_MAX = 4000,  /* bytes with the NUL: 125 entries, a page without its first */
	ESP_NVS_BLOB_MAX = 508000,  /* 127 chunks of 4000; less in small partitions */
	ESP_NVS_MIN_BYTES = 0x3000, /* the smallest partition that a device can write to */
	ESP_NVS_MAX_BYTES = 0x4000000, /* 64 MiB; far above any chip's use */
};

/* What a key holds. The numbers are those in the partition. */
typedef enum {
	ESP_NVS_NAMESPACE = 0x00, /* no key: only makes sure that `space` exists */
	ESP_NVS_U8 = 0x01,
	ESP_NVS_I8 = 0x11,
	ESP_NVS_U16 = 0x02,
	ESP_NVS_I16 = 0x12,
	ESP_NVS_U32 = 0x04,
	ESP_NVS_I32 = 0x14,
	ESP_NVS_U64 = 0x08,
	ESP_NVS_I64 = 0x18,
	ESP_NVS_STRING = 0x21,
	ESP_NVS_BLOB = 0x42,
} EspNvsType;

/* The member that the type says: `u` for U8…U64, `i` for I8…I64, `text`, `blob`. Borrowed by an
 * entry that is written; owned by EspNvsContents in one that was read. */
typedef union {
	guint64 u;
	gint64 i;
	const char *text; /* UTF-8, NUL-terminated */
	struct {
		const guint8 *data; /* NULL only if size_bytes is 0 */
		gsize size_bytes;
	} blob;
} EspNvsValue;

/* One key in one namespace. Blobs may be empty, strings too. */
typedef struct {
	const char *space; /* 1..15 bytes, ASCII */
	const char *key;   /* 1..15 bytes, ASCII; NULL for ESP_NVS_NAMESPACE */
	EspNvsType type;
	EspNvsValue value;
	const char *origin; /* named in messages ("Secret 'greenhouse-wifi'"); NULL = unnamed */
} EspNvsEntry;

/* Entries in the making: esp_nvs_string("wifi", "ssid", "garden"). They borrow their arguments. */
EspNvsEntry esp_nvs_unsigned(const char *space, const char *key, EspNvsType type, guint64 value);
EspNvsEntry esp_nvs_signed(const char *space, const char *key, EspNvsType type, gint64 value);
EspNvsEntry esp_nvs_string(const char *space, const char *key, const char *text);
EspNvsEntry esp_nvs_blob(const char *space, const char *key, const void *data, gsize size_bytes);

/* "u8", "i8", … "u64", "i64", "string", "blob" (also the spelling of the API); NULL for a number
 * that is none of EspNvsType. Borrowed. */
const char *esp_nvs_type_name(EspNvsType type);

/* The type of such a name. FALSE, `type` untouched, if there is none. */
gboolean esp_nvs_type_from_name(const char *name, EspNvsType *type);

/* Range of an integer type; the other types give FALSE. `min` is 0 for unsigned types. */
gboolean esp_nvs_type_range(EspNvsType type, gint64 *min, guint64 *max);

/* Checks one entry by itself: names of 1..15 printable ASCII characters, a number within its type,
 * a string of at most ESP_NVS_STRING_MAX - 1 bytes. FALSE with ESP_ERROR_INVALID or _TOO_LARGE. */
gboolean esp_nvs_entry_check(const EspNvsEntry *entry, GError **error);

/* Bytewise by namespace, then by key: <0, 0, >0. */
int esp_nvs_entry_compare(const EspNvsEntry *a, const EspNvsEntry *b);

/* ---- Writing ---- */

/* How full a partition is. */
typedef struct {
	gsize used_bytes;     /* entries taken, and tails of pages too short for what came next */
	gsize capacity_bytes; /* what the partition has for entries */
	gsize n_pages;        /* pages in use */
	gsize n_namespaces;
} EspNvsUsage;

/* Works out how `entries` lie in a partition of `size_bytes` without writing it. `usage` may be
 * NULL. Fails as esp_nvs_image_new does. */
gboolean esp_nvs_layout(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
			EspNvsUsage *usage, GError **error);

/* Lays `entries` out, in the order given, as a partition of `size_bytes`; a namespace is defined
 * before its first key. `size_bytes` is a multiple of 4096: at least 0x3000, then the last page
 * stays free, as the device needs it to mount; or 0x1000 or 0x2000, where all pages are used and
 * the partition must be mounted read-only. Returns the image, yours, or NULL with
 * ESP_ERROR_DUPLICATE_KEY, ESP_ERROR_TOO_LARGE (the message says how many bytes are missing and
 * which keys are the largest) or ESP_ERROR_INVALID. */
GBytes *esp_nvs_image_new(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
			  GError **error);

/* The same into `image` of `size_bytes`, every byte of which is set. On failure its content is
 * undefined if the arguments fit, untouched if not. `usage` may be NULL. */
gboolean esp_nvs_image_write(const EspNvsEntry *entries, gsize n_entries, guint8 *image,
			     gsize size_bytes, EspNvsUsage *usage, GError **error);

/* ---- Reading ---- */

typedef enum {
	ESP_NVS_READ_DEFAULT = 0,
	ESP_NVS_READ_OLD_BLOBS = 1 << 0, /* also blobs of format version 1, which nvs_get_blob still
					    finds but the device's iterator does not list */
} EspNvsReadFlags;

/* What was read: entries sorted by esp_nvs_entry_compare, each (namespace, key) with what
 * nvs_get_* gives after a mount. Strings end at their first NUL. */
typedef struct {
	EspNvsEntry *entries;
	gsize n_entries;
	gsize n_damaged; /* entries dropped for a wrong CRC, half-written, or without their other
			    part */
	GStringChunk *names; /* private */
	GPtrArray *values;   /* private */
} EspNvsContents;

/* Empty, for sources of this room that fill it. Yours. */
EspNvsContents *esp_nvs_contents_new(void);

/* NULL is nothing. */
void esp_nvs_contents_free(EspNvsContents *contents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspNvsContents, esp_nvs_contents_free)

/* Reads a partition as a mount does: pages in order of their sequence numbers, erased, half-written
 * and damaged entries left out, duplicates and blob versions resolved, a page that was being moved
 * read where its items are now. Any bytes are safe: what is not readable is not there. NULL with
 * ESP_ERROR_INVALID if `size_bytes` is not 1..16384 pages, or ESP_ERROR_NOT_SUPPORTED if a page has
 * a newer format (the device refuses it, too). Yours. */
EspNvsContents *esp_nvs_read(const guint8 *data, gsize size_bytes, EspNvsReadFlags flags,
			     GError **error);

/* The entry of that name, borrowed from `contents`, or NULL. */
const EspNvsEntry *esp_nvs_find(const EspNvsContents *contents, const char *space, const char *key);

/* ---- Updating in place ---- */

/* Where an update goes, operation by operation, in the order that keeps the partition readable
 * after a power cut between any two of them or within one. Each is called after the image in memory
 * was changed in the same way; one that returns FALSE ends the update at once. */
typedef struct {
	/* Clears bits: `size_bytes` bytes at `offset`, a multiple of 4. */
	gboolean (*write)(gsize offset, const guint8 *data, gsize size_bytes, gpointer user_data,
			  GError **error);
	/* Sets the ESP_NVS_PAGE_BYTES bytes at `offset` to 0xFF. */
	gboolean (*erase)(gsize offset, gpointer user_data, GError **error);
	gpointer user_data;
} EspNvsFlash;

/* Mounts `image` and sets one key as nvs_set_* and nvs_commit do: the new item is appended, then
 * the old one is marked erased; a full page is followed by a new one, and when only one page is
 * free the page that gains most is moved into it. Equal values write nothing. An all-0xFF image is
 * an empty partition. Needs at least ESP_NVS_MIN_BYTES. `flash` may be NULL. FALSE with
 * ESP_ERROR_TOO_LARGE (partition full), _INVALID, or what `flash` said. */
gboolean esp_nvs_set(guint8 *image, gsize size_bytes, const EspNvsEntry *entry,
		     const EspNvsFlash *flash, GError **error);

/* Removes one key; one that is not there is ESP_ERROR_NOT_FOUND. */
gboolean esp_nvs_erase(guint8 *image, gsize size_bytes, const char *space, const char *key,
		       const EspNvsFlash *flash, GError **error);

G_END_DECLS
