/* esp/partition_table.h — the partition table of ESP-IDF (components/partition_table), CSV and
 * binary. Pure; any thread. */
#pragma once

#include "esp/declare.h"

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_PARTITION_TABLE_OFFSET = 0x8000, /* default place in flash */
	ESP_PARTITION_TABLE_BYTES = 0xC00,   /* of the binary; its sector is 0x1000 */
	ESP_PARTITION_TABLE_SECTOR_BYTES = 0x1000,
	ESP_PARTITION_LABEL_MAX = 15,            /* bytes of a name in CSV; binary may fill 16 */
	ESP_PARTITIONS_MAX = 94,                 /* rows beside the MD5 row */
	ESP_PARTITION_CSV_MAX_BYTES = 64 * 1024, /* one text */
	ESP_PARTITION_OTA_SLOTS_MAX = 16,
};

enum {
	ESP_PARTITION_APP = 0x00,
	ESP_PARTITION_DATA = 0x01,
	ESP_PARTITION_BOOTLOADER = 0x02,
	ESP_PARTITION_PARTITION_TABLE = 0x03,
};

/* Subtypes of ESP_PARTITION_APP, then of ESP_PARTITION_DATA. */
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
	guint32 flags;
} EspPartition;

typedef struct {
	EspPartition *partitions; /* in the order of the rows */
	gsize n_partitions;
	gboolean has_md5; /* made from CSV: TRUE; from a binary: whether it carried one */
} EspPartitionTable;

/* What the table is for. All zero (or NULL where a pointer to it is taken) is: table at 0x8000,
 * bootloader at 0, flash size not checked, no variables. */
typedef struct {
	guint32 table_offset;      /* 0 = ESP_PARTITION_TABLE_OFFSET */
	guint32 bootloader_offset; /* for rows bootloader/primary; EspChip.boot_offset */
	guint64 flash_bytes;       /* 0 = not checked */
	gboolean secure_boot_v1;   /* app sizes in steps of 0x10000 */
	/* `$NAME` and `${NAME}` in CSV; NULL, or a NULL answer, is an error that names it. */
	const char *(*variable)(const char *name, gpointer user_data);
	gpointer user_data;
} EspPartitionTableOptions;

void esp_partition_table_free(EspPartitionTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspPartitionTable, esp_partition_table_free)

/* The table of a 4 MB device of ours as CSV: `nvs` for the device itself, otadata, two slots of
 * configuration `cfg_0` and `cfg_1`, two of firmware. */
extern const char esp_partition_table_default_csv[];

/* Reads `name,type,subtype,offset,size,flags` rows, fills in offsets left out and verifies. Yours,
 * or NULL with ESP_ERROR_INVALID ("line 3: …" or "partition 'x': …"), _TOO_LARGE. */
EspPartitionTable *esp_partition_table_from_csv(const char *text, gsize size_bytes,
						const EspPartitionTableOptions *options,
						GError **error);

/* Reads a binary table (all of a sector or just the table) and checks what a device checks: rows,
 * MD5, end. Does not verify offsets. Yours, or NULL with ESP_ERROR_INVALID, _TRUNCATED, _CORRUPT.
 */
EspPartitionTable *esp_partition_table_from_binary(const guint8 *data, gsize size_bytes,
						   GError **error);

/* CSV or binary, told apart by the first two bytes; a binary is verified, too. */
EspPartitionTable *esp_partition_table_read(const guint8 *data, gsize size_bytes,
					    const EspPartitionTableOptions *options,
					    GError **error);

/* Every check of ESP-IDF's gen_esp32part.py: alignment, sizes, unique names, overlaps, place below
 * the table, otadata and NVS sizes, flags, flash size. FALSE with ESP_ERROR_INVALID or _TOO_LARGE
 * (beyond the flash). */
gboolean esp_partition_table_verify(const EspPartitionTable *table,
				    const EspPartitionTableOptions *options, GError **error);

/* The binary, ESP_PARTITION_TABLE_BYTES bytes with the MD5 row. Yours, or NULL with
 * ESP_ERROR_TOO_LARGE (more than ESP_PARTITIONS_MAX rows). */
GBytes *esp_partition_table_to_binary(const EspPartitionTable *table, GError **error);

/* CSV that reads back to the same table. Yours. */
char *esp_partition_table_to_csv(const EspPartitionTable *table);

/* The first partition called `label`, or of that type and subtype; borrowed, or NULL. */
const EspPartition *esp_partition_find(const EspPartitionTable *table, const char *label);
const EspPartition *esp_partition_find_type(const EspPartitionTable *table, guint type,
					    guint subtype);

/* Number of ota_N app partitions counted from ota_0 without a gap (0..16), as the bootloader does.
 */
guint esp_partition_ota_slots(const EspPartitionTable *table);

/* TRUE if flash encryption encrypts this partition whatever its flag says. */
gboolean esp_partition_always_encrypted(const EspPartition *partition);

/* "app", "data", … or "0x40"; "ota_0", "nvs", … or "0x99". The latter is written to `buffer` if it
 * has no name. Borrowed from the table of names or from `buffer`. */
const char *esp_partition_type_name(guint type, char buffer[ESP_AT_LEAST 8]);
const char *esp_partition_subtype_name(guint type, guint subtype, char buffer[ESP_AT_LEAST 8]);

G_END_DECLS
