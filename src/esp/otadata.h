/* esp/otadata.h — which firmware slot boots (ESP-IDF, bootloader_support/src/bootloader_utility.c
 * and bootloader_common_loader.c for what the bootloader does, app_update/esp_ota_ops.c for what an
 * app does). Pure; any thread.
 *
 * The partition data/ota is two sectors with a record of 32 bytes at the start of each: u32
 * sequence, 20 bytes of label (not used: 0xFF), u32 state, u32 CRC of the sequence alone. The
 * usable record with the higher sequence number is the active one; its slot is (sequence - 1) mod
 * slots.
 *
 * Anti-rollback (CONFIG_BOOTLOADER_APP_ANTI_ROLLBACK) looks into the apps, so what is said here is
 * for devices without it. With it a record whose app has a secure_version below that of the eFuses
 * is passed over, so is such an app among those tried afterwards, and the table must have no
 * factory app. */
#pragma once

#include "esp/declare.h"

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_OTADATA_BYTES = 0x2000,
	ESP_OTADATA_SECTOR_BYTES = 0x1000,
	ESP_OTADATA_RECORD_BYTES = 32,
	ESP_OTADATA_LABEL_BYTES = 20,
	ESP_OTADATA_SLOTS_MAX = 16,
	ESP_OTADATA_ORDER_MAX = 18,    /* all slots, factory and test app */
	ESP_OTADATA_FACTORY_SLOT = -1, /* where a slot number is given: the factory app */
	ESP_OTADATA_TEST_SLOT = -2,    /* only as the last of esp_otadata_fallbacks */
	ESP_OTADATA_NO_RECORD = -1,
	ESP_OTADATA_NO_SLOT = -3,
};

typedef enum {
	ESP_OTA_NEW = 0,
	ESP_OTA_PENDING_VERIFY = 1,
	ESP_OTA_VALID = 2,
	ESP_OTA_INVALID = 3,
	ESP_OTA_ABORTED = 4,
} EspOtaState;
#define ESP_OTA_UNDEFINED 0xFFFFFFFFU

typedef struct {
	guint32 sequence;
	guint8 label[ESP_OTADATA_LABEL_BYTES];
	guint32 state;  /* EspOtaState, ESP_OTA_UNDEFINED or any other number */
	guint32 crc;    /* as it is stored */
	gboolean empty; /* sequence 0xFFFFFFFF */
	gboolean crc_ok;
	gboolean usable; /* not empty, neither INVALID nor ABORTED, CRC right */
} EspOtaRecord;

/* Why a slot was chosen. */
typedef enum {
	ESP_OTA_BOOT_ACTIVE,     /* the active record says so */
	ESP_OTA_BOOT_FIRST,      /* nothing was ever selected, or all of it was rejected */
	ESP_OTA_BOOT_NO_OTADATA, /* the table has no otadata partition */
	ESP_OTA_BOOT_NO_SLOTS,   /* the table has no ota_N partitions */
	ESP_OTA_BOOT_DAMAGED,    /* no record has a right CRC */
} EspOtaBootReason;

typedef struct {
	int slot;   /* 0…15, or ESP_OTADATA_FACTORY_SLOT */
	int record; /* 0 or 1: the active record; ESP_OTADATA_NO_RECORD */
	EspOtaBootReason reason;
	gboolean initialise; /* the bootloader writes record 0 for `slot` (state VALID) */
	EspOtaRecord records[2];
} EspOtaBoot;

/* A sentence for a reason. Borrowed. */
const char *esp_ota_boot_reason_text(EspOtaBootReason reason);

/* "NEW", "VALID", … "UNDEFINED"; NULL for other numbers. Borrowed. */
const char *esp_ota_state_name(guint32 state);

/* The state of a name, in any case. FALSE, `state` untouched, for other words. */
gboolean esp_ota_state_parse(const char *name, guint32 *state);

/* The two records. FALSE with ESP_ERROR_TRUNCATED if `size_bytes` is less than ESP_OTADATA_BYTES.
 */
gboolean esp_otadata_read(const guint8 *data, gsize size_bytes,
			  EspOtaRecord records[ESP_AT_LEAST 2], GError **error);

/* What the bootloader would start. `data` NULL means that there is no otadata partition. FALSE with
 * ESP_ERROR_NOT_FOUND if there is neither a slot nor a factory app, or _TRUNCATED. */
gboolean esp_otadata_choose(const guint8 *data, gsize size_bytes, guint n_slots,
			    gboolean has_factory, EspOtaBoot *boot, GError **error);

/* The order in which apps are tried once `first` fails to verify: lower slots down to the factory
 * app, then higher ones, the test app last. Writes the numbers to `order`, `first` in front;
 * returns how many. */
gsize esp_otadata_fallbacks(int first, guint n_slots, gboolean has_factory, gboolean has_test,
			    int order[ESP_AT_LEAST ESP_OTADATA_ORDER_MAX]);

/* The slot of a record that is not empty. */
int esp_otadata_slot(const EspOtaRecord *record, guint n_slots);

/* Where an app that rejects itself (esp_ota_mark_app_invalid_rollback) would send the device: the
 * slot of the other record if that is usable, else the factory app; the image there must verify.
 * ESP_OTADATA_NO_SLOT if there is none or nothing is active. */
int esp_otadata_rollback_slot(const EspOtaRecord records[ESP_AT_LEAST 2], guint n_slots,
			      gboolean has_factory);

/* Factory content: ESP_OTADATA_BYTES of 0xFF. Yours. */
GBytes *esp_otadata_factory_new(void);

/* Selects `slot` with `state` (ESP_OTA_NEW with rollback, ESP_OTA_UNDEFINED without) as
 * esp_ota_set_boot_partition does; ESP_OTADATA_FACTORY_SLOT erases both records. Only one sector is
 * rewritten, the one with the active record stays unless it is of that slot: `record` (may be NULL)
 * says which (0, 1, or ESP_OTADATA_NO_RECORD for both). The sector keeps its record's label and
 * nothing else. FALSE with ESP_ERROR_INVALID (no such slot, no sequence number left) or _TRUNCATED.
 */
gboolean esp_otadata_select(guint8 *data, gsize size_bytes, guint n_slots, int slot, guint32 state,
			    int *record, GError **error);

/* Gives the active record another state (VALID: the app confirms itself; INVALID: it rejects
 * itself). FALSE with ESP_ERROR_NOT_FOUND if there is no active record, or _TRUNCATED. */
gboolean esp_otadata_mark(guint8 *data, gsize size_bytes, guint32 state, int *record,
			  GError **error);

/* What the bootloader does to the records before it chooses, with rollback on: PENDING_VERIFY
 * becomes ABORTED (in any record, its CRC right or not), then an active NEW becomes PENDING_VERIFY.
 * `changed` (may be NULL) says if it wrote. */
gboolean esp_otadata_roll(guint8 *data, gsize size_bytes, gboolean *changed, GError **error);

/* Writes down which slot started, as the bootloader does where EspOtaBoot.initialise says so:
 * record 0, state VALID. FALSE with ESP_ERROR_INVALID or _TRUNCATED. */
gboolean esp_otadata_initialise(guint8 *data, gsize size_bytes, int slot, GError **error);

G_END_DECLS
