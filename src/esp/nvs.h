/* esp/nvs.h — NVS partition images (ESP-IDF, components/nvs_flash). Pure: bytes in, bytes out. Any
 * thread.
 *
 * A partition is pages of 4096 bytes, each a sector of the flash. A page (src/nvs_page.cpp) is a
 * header, a bitmap of two bits an entry and 126 entries of 32 bytes; nvs_page.h has it to the byte.
 * A number is one entry; a string is a first entry and its bytes in the next ones, all in one page;
 * a blob is such parts, in as many pages as it needs, and an index over them. Nothing is ever
 * overwritten: a new value is appended and the old one marked erased, and a page of which little
 * lives is moved and erased (src/nvs_pagemanager.cpp).
 *
 * The writer places entries exactly as Espressif's esp-idf-nvs-partition-gen does, byte for byte;
 * the reader sees what a device sees after mounting the bytes (src/nvs_storage.cpp). Encrypted
 * images are read and written with EspNvsKeys; without them, or with others, every entry fails its
 * CRC and the image reads as empty. */
#pragma once

#include "esp/nvs_keys.h"

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_NVS_PAGE_BYTES = 4096,
	ESP_NVS_ENTRY_BYTES = 32,
	ESP_NVS_PAGE_ENTRIES = 126,
	ESP_NVS_NAME_MAX = 15,        /* bytes of a namespace's or a key's name */
	ESP_NVS_NAMESPACES_MAX = 254, /* index 255 is the wildcard */
	ESP_NVS_STRING_MAX = 4000,  /* bytes with the NUL: 125 entries, a page without its first */
	ESP_NVS_VALUE_1_MAX = 1984, /* bytes of a string or blob of format version 1 */
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
	ESP_NVS_FLOAT = 0x24,  /* IEEE 754, 4 bytes; since ESP-IDF 6.1. The generator has none */
	ESP_NVS_DOUBLE = 0x28, /* 8 bytes */
	ESP_NVS_STRING = 0x21,
	ESP_NVS_BLOB = 0x42,
} EspNvsType;

/* The member that the type says: `u` for U8…U64, `i` for I8…I64, `real` for FLOAT and DOUBLE,
 * `text`, `blob`. Borrowed by an entry that is written; owned by EspNvsContents in one that was
 * read. */
typedef union {
	guint64 u;
	gint64 i;
	double real;      /* never NaN: the API refuses it */
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
EspNvsEntry esp_nvs_real(const char *space, const char *key, EspNvsType type, double value);
EspNvsEntry esp_nvs_string(const char *space, const char *key, const char *text);
EspNvsEntry esp_nvs_blob(const char *space, const char *key, const void *data, gsize size_bytes);

/* "u8", "i8", … "u64", "i64", "float", "double", "string", "blob" (also the spelling of the API);
 * NULL for a number that is none of EspNvsType, and for ESP_NVS_NAMESPACE. Borrowed. */
const char *esp_nvs_type_name(EspNvsType type);

/* The type of such a name that settings and the generator's CSV know: all but float and double.
 * FALSE, `type` untouched, if there is none. */
gboolean esp_nvs_type_from_name(const char *name, EspNvsType *type);

/* Range of an integer type; the other types give FALSE. `min` is 0 for unsigned types. */
gboolean esp_nvs_type_range(EspNvsType type, gint64 *min, guint64 *max);

/* Checks one entry by itself: names of 1..15 printable ASCII characters, a number within its type
 * that is no NaN, a string of at most ESP_NVS_STRING_MAX - 1 bytes of UTF-8, a blob of at most
 * ESP_NVS_BLOB_MAX. FALSE with ESP_ERROR_INVALID or _TOO_LARGE. */
gboolean esp_nvs_entry_check(const EspNvsEntry *entry, GError **error);

/* Bytewise by namespace, then by key: <0, 0, >0. */
int esp_nvs_entry_compare(const EspNvsEntry *a, const EspNvsEntry *b);

/* TRUE if both have the same type and value, whatever their names. Numbers are compared by their
 * bits, as flash holds them: 0.0 is not -0.0. Neither is an ESP_NVS_NAMESPACE. */
gboolean esp_nvs_same_value(const EspNvsEntry *a, const EspNvsEntry *b);

/* ---- Writing ---- */

/* How an image is written. All zero, or NULL in its place, is version 2 in plain. */
typedef struct {
	/* 2, or 0 for it: blobs in parts, ESP-IDF 4.0 and later. 1: blobs in one piece; strings
	 * with their NUL and blobs have at most ESP_NVS_VALUE_1_MAX bytes. */
	guint format_version;
	const EspNvsKeys *keys; /* NULL: not encrypted. Borrowed for the call */
} EspNvsWriteOptions;

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
 * before its first key. The same entries give the same bytes, always. `size_bytes` is a multiple of
 * 4096: at least 0x3000, then the last page stays free, as the device needs it to mount; or 0x1000
 * or 0x2000, where all pages are used and the partition must be mounted read-only. Returns the
 * image, yours, or NULL with ESP_ERROR_DUPLICATE_KEY, ESP_ERROR_TOO_LARGE (the message says how
 * many bytes are missing and which keys are the largest) or ESP_ERROR_INVALID. */
GBytes *esp_nvs_image_new(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
			  GError **error);

/* The same into `image` of `size_bytes`, every byte of which is set. On failure its content is
 * undefined if the arguments fit, untouched if not. `usage` may be NULL. */
gboolean esp_nvs_image_write(const EspNvsEntry *entries, gsize n_entries, guint8 *image,
			     gsize size_bytes, EspNvsUsage *usage, GError **error);

/* The same with options; NULL are the default ones. ESP_ERROR_INVALID also for a version other than
 * 1 and 2. */
gboolean esp_nvs_image_write_with(const EspNvsEntry *entries, gsize n_entries,
				  const EspNvsWriteOptions *options, guint8 *image,
				  gsize size_bytes, EspNvsUsage *usage, GError **error);

/* ---- Size reports ---- */

/* What one key takes. */
typedef struct {
	const EspNvsEntry *entry; /* of the caller's; never an ESP_NVS_NAMESPACE */
	gsize value_bytes;        /* of the value: a string with its NUL, a number its width */
	gsize taken_bytes;        /* of entries: first ones, data, a blob's index */
} EspNvsKeySize;

/* How entries lie in a partition, and what would still fit behind them: one more key at a time, in
 * a namespace that is already there. */
typedef struct {
	EspNvsUsage usage;
	gboolean fits;
	gsize missing_bytes;     /* how much larger capacity_bytes would have to be; 0 if it fits */
	gsize free_bytes;        /* capacity_bytes - used_bytes; 0 if it does not fit */
	gsize smallest_bytes;    /* the smallest partition that takes them and can be written to */
	gssize string_max_bytes; /* the longest further string, without its NUL; -1: none fits */
	gssize blob_max_bytes;   /* the longest further blob; -1: not even an empty one fits */
	gsize n_more_numbers;    /* further keys of a fixed type: u8 … i64, float, double */
	EspNvsKeySize *keys;     /* all keys: by taken_bytes, then value_bytes, largest first */
	gsize n_keys;
} EspNvsSizeReport;

/* Works the report out, also for entries that do not fit: that is in `fits`, not an error. NULL
 * with the other errors of esp_nvs_image_write_with. It borrows `entries`. Yours. */
EspNvsSizeReport *esp_nvs_size_report(const EspNvsEntry *entries, gsize n_entries, gsize size_bytes,
				      const EspNvsWriteOptions *options, GError **error);

/* NULL is nothing. */
void esp_nvs_size_report_free(EspNvsSizeReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspNvsSizeReport, esp_nvs_size_report_free)

/* ---- Encryption of a whole image ---- */

/* Encrypts or decrypts `image` in place: each entry that its page's bitmap says is written, in
 * pages whose header is right. Headers, bitmaps, empty entries and free pages are never encrypted;
 * erased entries are left as they are, since one that was purged is all 0x00 and nothing says which
 * were. FALSE, `image` untouched, with ESP_ERROR_INVALID if `size_bytes` is not 1..16384 pages, or
 * ESP_ERROR_CORRUPT from esp_nvs_decrypt if there are entries and not one has a right CRC under
 * these keys (other keys, or a plain image), and from esp_nvs_encrypt if not one has a right CRC as
 * it is (encrypted already). */
gboolean esp_nvs_encrypt(guint8 *image, gsize size_bytes, const EspNvsKeys *keys, GError **error);
gboolean esp_nvs_decrypt(guint8 *image, gsize size_bytes, const EspNvsKeys *keys, GError **error);

/* ---- Reading ---- */

typedef enum {
	ESP_NVS_READ_DEFAULT = 0,
	ESP_NVS_READ_OLD_BLOBS = 1 << 0, /* also blobs of format version 1, which nvs_get_blob still
					    finds but the device's iterator does not list */
	ESP_NVS_READ_SALVAGE = 1 << 1, /* what can be read where the device refuses to mount: pages
					  of a newer format and a last part page are passed over */
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

/* The same of an image that is encrypted with `keys`; NULL keys: that is plain. Other keys are no
 * error: all entries count as damaged, as on the device, which then erases them. */
EspNvsContents *esp_nvs_read_encrypted(const guint8 *data, gsize size_bytes, const EspNvsKeys *keys,
				       EspNvsReadFlags flags, GError **error);

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
 * an empty partition. Needs at least ESP_NVS_MIN_BYTES. `keys` of an encrypted image, NULL of a
 * plain one; `flash` may be NULL. FALSE with ESP_ERROR_TOO_LARGE (partition full), _INVALID,
 * _CORRUPT (several entries and not one with a right CRC: other keys; a device would erase them
 * all, here nothing is touched), or what `flash` said. */
gboolean esp_nvs_set(guint8 *image, gsize size_bytes, const EspNvsKeys *keys,
		     const EspNvsEntry *entry, const EspNvsFlash *flash, GError **error);

/* Removes one key; one that is not there is ESP_ERROR_NOT_FOUND. */
gboolean esp_nvs_erase(guint8 *image, gsize size_bytes, const EspNvsKeys *keys, const char *space,
		       const char *key, const EspNvsFlash *flash, GError **error);

G_END_DECLS
