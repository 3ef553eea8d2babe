/* esp/partition_table.h — the partition table of ESP-IDF (components/partition_table: CSV, its
 * rules and its words are those of gen_esp32part.py; bootloader_support/src/flash_partitions.c: how
 * a bootloader reads it), CSV and binary. Pure; any thread.
 *
 * A binary table is rows of 32 bytes: magic 0x50AA, type, subtype, u32 offset, u32 size, 16 bytes
 * of label, u32 flags. After them comes (but for old devices) a row of magic 0xEBEB with the MD5 of
 * all rows before it, and 0xFF up to ESP_PARTITION_TABLE_BYTES. */
#pragma once

#include "esp/declare.h"

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_PARTITION_TABLE_OFFSET = 0x8000, /* default place in flash */
	ESP_PARTITION_TABLE_BYTES = 0xC00,   /* of the binary; its sector is 0x1000 */
	ESP_PARTITION_TABLE_SECTOR_BYTES = 0x1000,
	ESP_PARTITION_ROW_BYTES = 32,
	ESP_PARTITION_LABEL_MAX = 16,            /* bytes; ESP-IDF's documentation says 15 */
	ESP_PARTITIONS_MAX = 95,                 /* rows; with an MD5 row one less */
	ESP_PARTITION_CSV_MAX_BYTES = 64 * 1024, /* one text */
	ESP_PARTITION_OTA_SLOTS_MAX = 16,
};

enum {
	ESP_PARTITION_APP = 0x00,
	ESP_PARTITION_DATA = 0x01,
	ESP_PARTITION_BOOTLOADER = 0x02,
	ESP_PARTITION_PARTITION_TABLE = 0x03,
	ESP_PARTITION_CUSTOM_FIRST = 0x40, /* types below, beside the four above, are ESP-IDF's */
	ESP_PARTITION_CUSTOM_LAST = 0xFE,
};

/* Subtypes of ESP_PARTITION_APP, then of ESP_PARTITION_DATA, of the two others. */
enum {
	ESP_PARTITION_APP_FACTORY = 0x00,
	ESP_PARTITION_APP_OTA_0 = 0x10, /* … 0x1F: ota_15 */
	ESP_PARTITION_APP_TEST = 0x20,
	ESP_PARTITION_DATA_OTA = 0x00,
	ESP_PARTITION_DATA_PHY = 0x01,
	ESP_PARTITION_DATA_NVS = 0x02,
	ESP_PARTITION_DATA_COREDUMP = 0x03,
	ESP_PARTITION_DATA_NVS_KEYS = 0x04,
	ESP_PARTITION_DATA_EFUSE = 0x05,
	ESP_PARTITION_DATA_UNDEFINED = 0x06,
	ESP_PARTITION_DATA_TEE_OTA = 0x90,
	ESP_PARTITION_PRIMARY = 0x00, /* the bootloader and the table that the ROM starts */
	ESP_PARTITION_BOOTLOADER_RECOVERY = 0x02,
};

enum {
	ESP_PARTITION_ENCRYPTED = 1 << 0,
	ESP_PARTITION_READONLY = 1 << 1,
};

/* One row. */
typedef struct {
	char label[17]; /* NUL-terminated */
	guint8 type;
	guint8 subtype;
	guint32 offset; /* bytes from the start of flash */
	guint32 size_bytes;
	guint32 flags; /* a binary's unknown bits, too */
	guint line;    /* of the CSV; 0 = not from CSV */
} EspPartition;

typedef struct {
	EspPartition *partitions; /* in the order of the rows */
	gsize n_partitions;
	gboolean has_md5; /* whether the binary carries, or gets, an MD5 row */
} EspPartitionTable;

/* A subtype that ESP-IDF does not know (its build's EXTRA_PARTITION_SUBTYPES). */
typedef struct {
	guint8 type;
	guint8 subtype;
	char name[32];
} EspPartitionSubtype;

/* What the table is for. All zero (or NULL where a pointer to it is taken) is: table at 0x8000,
 * place of the bootloader not known, flash size not checked, MD5 row, no variables, no extra
 * subtypes. */
typedef struct {
	guint32 table_offset; /* 0 = ESP_PARTITION_TABLE_OFFSET */
	/* For rows of type bootloader, which have their place from here and not from the CSV; a row
	 * that needs one that is not known is an error. EspChip.boot_offset. */
	gboolean has_bootloader_offset;
	guint32 bootloader_offset;
	gboolean has_recovery_offset;
	guint32 recovery_offset;
	guint64 flash_bytes;  /* 0 = not checked */
	guint32 mapped_bytes; /* EspChip.mapped_flash_bytes: apps belong below; 0 = not checked */
	gboolean secure_boot_v1; /* app sizes in steps of 0x10000; V2 asks for no more than none */
	gboolean no_md5;         /* from CSV: a table without the MD5 row */
	/* `$NAME` and `${NAME}` in CSV; NULL, or a NULL answer, is an error that names it. */
	const char *(*variable)(const char *name, gpointer user_data);
	gpointer user_data;
	const EspPartitionSubtype *extra_subtypes;
	gsize n_extra_subtypes;
} EspPartitionTableOptions;

/* How much a finding matters: a fault is what ESP-IDF or the device refuses, a warning what they
 * take and is a mistake in most tables. */
typedef enum {
	ESP_PARTITION_WARNING,
	ESP_PARTITION_FAULT,
} EspPartitionSeverity;

typedef struct {
	EspPartitionSeverity severity;
	int code;   /* EspError, of a fault */
	guint line; /* of the CSV; 0 = none, or the table as a whole */
	char *text; /* with the line where there is one, as a GError's message */
} EspPartitionFinding;

void esp_partition_table_free(EspPartitionTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspPartitionTable, esp_partition_table_free)

/* The table of a 4 MB device of ours as CSV: `nvs` for the device itself, otadata, two slots of
 * configuration `cfg_0` and `cfg_1`, two of firmware. */
extern const char esp_partition_table_default_csv[];

/* ---- Reading ---- */

/* Reads `name,type,subtype,offset,size,flags` rows in UTF-8 (or, by their mark, UTF-16 and UTF-32),
 * fills in offsets left out and verifies. Yours, or NULL with the first fault: ESP_ERROR_INVALID
 * ("Error at line 3: …", "line 3: Partition x invalid: …"), _TOO_LARGE. */
EspPartitionTable *esp_partition_table_from_csv(const char *text, gsize size_bytes,
						const EspPartitionTableOptions *options,
						GError **error);

/* Reads a binary table (all of a sector or just the table) and checks what a device checks: rows,
 * MD5, end. A row behind the MD5 row is refused: the bootloader reads it, the app does not. Does
 * not verify offsets. Yours, or NULL with ESP_ERROR_INVALID, _TRUNCATED, _CORRUPT. */
EspPartitionTable *esp_partition_table_from_binary(const guint8 *data, gsize size_bytes,
						   GError **error);

/* TRUE if the bytes begin as a binary table does. */
gboolean esp_partition_table_is_binary(const guint8 *data, gsize size_bytes);

/* CSV or binary, told apart by the first two bytes; a binary is verified, too. */
EspPartitionTable *esp_partition_table_read(const guint8 *data, gsize size_bytes,
					    const EspPartitionTableOptions *options,
					    GError **error);

/* As esp_partition_table_read, but goes on after a fault: appends everything that is wrong with the
 * table to `findings`, faults in the order in which ESP-IDF would come to them. Yours, without rows
 * that have no place and those behind a damaged one of a binary, or NULL if a row of a CSV cannot
 * be read. */
EspPartitionTable *esp_partition_table_check(const guint8 *data, gsize size_bytes,
					     const EspPartitionTableOptions *options,
					     GPtrArray *findings);

/* A list for findings, of EspPartitionFinding *. Yours. */
GPtrArray *esp_partition_findings_new(void);

/* The first fault as an error. TRUE if there is none. */
gboolean esp_partition_findings_ok(const GPtrArray *findings, GError **error);

/* ---- Rules ---- */

/* Every check of ESP-IDF's gen_esp32part.py: alignment, sizes, unique names, overlaps, place below
 * the table, otadata and NVS sizes, flags, flash size. FALSE with the first fault,
 * ESP_ERROR_INVALID or _TOO_LARGE (beyond the flash, more rows than fit). */
gboolean esp_partition_table_verify(const EspPartitionTable *table,
				    const EspPartitionTableOptions *options, GError **error);

/* The same and what ESP-IDF would take but is likely wrong, all of it, appended to `findings`. */
void esp_partition_table_find_faults(const EspPartitionTable *table,
				     const EspPartitionTableOptions *options, GPtrArray *findings);

/* Flash that no partition uses, from the table's end to the flash's end (or the last partition's,
 * if the flash size is not known). Of a table without overlaps. */
typedef struct {
	guint64 offset;
	guint64 size_bytes;
} EspPartitionGap;

/* The gaps in order, of EspPartitionGap. Yours. */
GArray *esp_partition_table_gaps(const EspPartitionTable *table,
				 const EspPartitionTableOptions *options);

/* ---- Writing ---- */

/* The binary, ESP_PARTITION_TABLE_BYTES bytes, with the MD5 row if the table has one. Yours, or
 * NULL with ESP_ERROR_TOO_LARGE (more rows than fit). */
GBytes *esp_partition_table_to_binary(const EspPartitionTable *table, GError **error);

/* CSV as gen_esp32part.py writes it, to the byte (flags it does not know are left out); it reads
 * back to the same table. Yours, or NULL with ESP_ERROR_INVALID: a name that CSV cannot hold
 * (comma, '$', a space or '#' in front). */
char *esp_partition_table_to_csv(const EspPartitionTable *table,
				 const EspPartitionTableOptions *options, GError **error);

/* ---- Finding ---- */

/* The first partition called `label`, or of that type and subtype; borrowed, or NULL. */
const EspPartition *esp_partition_find(const EspPartitionTable *table, const char *label);
const EspPartition *esp_partition_find_type(const EspPartitionTable *table, guint type,
					    guint subtype);

/* Number of ota_N app partitions counted from ota_0 without a gap (0..16), as esp_ota_ops does. The
 * bootloader counts all of them, which is the same where there is no gap (a gap is a warning of
 * esp_partition_table_find_faults).
 */
guint esp_partition_ota_slots(const EspPartitionTable *table);

/* TRUE if flash encryption encrypts this partition whatever its flag says. */
gboolean esp_partition_always_encrypted(const EspPartition *partition);

/* TRUE for the rows of the first bootloader and the table, which lie at or below the table. */
gboolean esp_partition_is_primary(const EspPartition *partition);

/* ---- Names ---- */

/* "app", "data", … or "0x40"; "ota_0", "nvs", … or "0x99". The latter is written to `buffer` if it
 * has no name. Borrowed from the table of names or from `buffer`. */
const char *esp_partition_type_name(guint type, char buffer[ESP_AT_LEAST 8]);
const char *esp_partition_subtype_name(guint type, guint subtype, char buffer[ESP_AT_LEAST 8]);

/* Reads "app, my_app, 0x40" as ESP-IDF's --extra-partition-subtypes takes it (the number is
 * hexadecimal). FALSE, `subtype` untouched, with ESP_ERROR_INVALID: no such type, a number that is
 * taken. */
gboolean esp_partition_subtype_parse(const char *text, EspPartitionSubtype *subtype,
				     GError **error);

/* esp_partition_subtype_name with the options' extra ones. */
const char *esp_partition_subtype_name_with(const EspPartitionTableOptions *options, guint type,
					    guint subtype, char buffer[ESP_AT_LEAST 8]);

G_END_DECLS
