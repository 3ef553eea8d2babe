#include "esp/otadata.h"

#include "esp/bytes.h"
#include "esp/crc.h"
#include "esp/error.h"

#include <string.h>

#define EMPTY_SEQUENCE 0xFFFFFFFFU

enum { LABEL_AT = 4, STATE_AT = 24, CRC_AT = 28 };

static const char *const state_names[] = {"NEW", "PENDING_VERIFY", "VALID", "INVALID", "ABORTED"};

static const char *const reason_texts[] = {
	[ESP_OTA_BOOT_ACTIVE] = "otadata selects it",
	[ESP_OTA_BOOT_FIRST] = "otadata selects nothing, or only what was rejected",
	[ESP_OTA_BOOT_NO_OTADATA] = "there is no otadata partition",
	[ESP_OTA_BOOT_NO_SLOTS] = "there are no OTA slots",
	[ESP_OTA_BOOT_DAMAGED] = "otadata is damaged",
};

const char *esp_ota_boot_reason_text(EspOtaBootReason reason)
{
	return reason_texts[reason];
}

const char *esp_ota_state_name(guint32 state)
{
	if (state < G_N_ELEMENTS(state_names))
		return state_names[state];
	return state == ESP_OTA_UNDEFINED ? "UNDEFINED" : NULL;
}

gboolean esp_ota_state_parse(const char *name, guint32 *state)
{
	if (g_ascii_strcasecmp(name, "UNDEFINED") == 0) {
		*state = ESP_OTA_UNDEFINED;
		return TRUE;
	}
	for (guint32 i = 0; i < G_N_ELEMENTS(state_names); i++)
		if (g_ascii_strcasecmp(name, state_names[i]) == 0) {
			*state = i;
			return TRUE;
		}
	return FALSE;
}

/* ---- Records ---- */

static guint32 sequence_crc(guint32 sequence)
{
	guint8 bytes[4];

	esp_put_le32(bytes, sequence);
	return esp_crc_rom(bytes, sizeof bytes);
}

static gboolean rejected(const EspOtaRecord *record)
{
	return record->state == ESP_OTA_INVALID || record->state == ESP_OTA_ABORTED;
}

static EspOtaRecord read_record(const guint8 *at)
{
	EspOtaRecord record = {.sequence = esp_get_le32(at),
			       .state = esp_get_le32(at + STATE_AT),
			       .crc = esp_get_le32(at + CRC_AT)};

	memcpy(record.label, at + LABEL_AT, sizeof record.label);
	record.empty = record.sequence == EMPTY_SEQUENCE;
	record.crc_ok = record.crc == sequence_crc(record.sequence);
	record.usable = !record.empty && record.crc_ok && !rejected(&record);
	return record;
}

static gboolean size_ok(gsize size_bytes, GError **error)
{
	if (size_bytes >= ESP_OTADATA_BYTES)
		return TRUE;
	g_set_error(error, ESP_ERROR, ESP_ERROR_TRUNCATED,
		    "otadata: it has 0x%" G_GSIZE_MODIFIER "x bytes, 0x%x are needed", size_bytes,
		    (guint)ESP_OTADATA_BYTES);
	return FALSE;
}

gboolean esp_otadata_read(const guint8 *data, gsize size_bytes, EspOtaRecord records[static 2],
			  GError **error)
{
	if (!size_ok(size_bytes, error))
		return FALSE;
	for (int i = 0; i < 2; i++)
		records[i] = read_record(data + i * ESP_OTADATA_SECTOR_BYTES);
	return TRUE;
}

/* ---- Choosing ---- */

static int active_record(const EspOtaRecord records[static 2])
{
	if (records[0].usable && records[1].usable)
		return records[1].sequence > records[0].sequence ? 1 : 0;
	return records[0].usable ? 0 : records[1].usable ? 1 : ESP_OTADATA_NO_RECORD;
}

int esp_otadata_slot(const EspOtaRecord *record, guint n_slots)
{
	return (int)((record->sequence - 1) % n_slots);
}

static void choose_among_records(guint n_slots, gboolean has_factory, EspOtaBoot *boot)
{
	const EspOtaRecord *records = boot->records;
	int first = has_factory ? ESP_OTADATA_FACTORY_SLOT : 0;
	gboolean none[2];

	for (int i = 0; i < 2; i++)
		none[i] = records[i].empty || rejected(&records[i]);
	boot->record = active_record(records);
	if (none[0] && none[1]) {
		boot->slot = first;
		boot->reason = ESP_OTA_BOOT_FIRST;
		boot->initialise = !has_factory && (records[0].empty || !records[0].crc_ok) &&
				   (records[1].empty || !records[1].crc_ok);
	} else if (boot->record == ESP_OTADATA_NO_RECORD) {
		boot->slot = first;
		boot->reason = ESP_OTA_BOOT_DAMAGED;
	} else {
		boot->slot = esp_otadata_slot(&records[boot->record], n_slots);
		boot->reason = ESP_OTA_BOOT_ACTIVE;
	}
}

gboolean esp_otadata_choose(const guint8 *data, gsize size_bytes, guint n_slots,
			    gboolean has_factory, EspOtaBoot *boot, GError **error)
{
	EspOtaBoot found = {.record = ESP_OTADATA_NO_RECORD};

	if (n_slots == 0 && !has_factory) {
		g_set_error_literal(
			error, ESP_ERROR, ESP_ERROR_NOT_FOUND,
			"the partition table has neither an OTA slot nor a factory app");
		return FALSE;
	}
	if (data != NULL && !esp_otadata_read(data, size_bytes, found.records, error))
		return FALSE;
	if (data == NULL || n_slots == 0) {
		found.reason = data == NULL ? ESP_OTA_BOOT_NO_OTADATA : ESP_OTA_BOOT_NO_SLOTS;
		found.slot = has_factory ? ESP_OTADATA_FACTORY_SLOT : 0;
	} else {
		choose_among_records(n_slots, has_factory, &found);
	}
	*boot = found;
	return TRUE;
}

gsize esp_otadata_fallbacks(int first, guint n_slots, gboolean has_factory, gboolean has_test,
			    int order[static ESP_OTADATA_ORDER_MAX])
{
	gsize n = 0;

	order[n++] = first;
	for (int slot = first - 1; slot >= 0; slot--)
		order[n++] = slot;
	if (has_factory && first != ESP_OTADATA_FACTORY_SLOT)
		order[n++] = ESP_OTADATA_FACTORY_SLOT;
	for (int slot = first + 1; slot < (int)n_slots; slot++)
		order[n++] = slot;
	if (has_test)
		order[n++] = ESP_OTADATA_TEST_SLOT;
	return n;
}

int esp_otadata_rollback_slot(const EspOtaRecord records[static 2], guint n_slots,
			      gboolean has_factory)
{
	int active = active_record(records);

	if (active == ESP_OTADATA_NO_RECORD || n_slots == 0)
		return ESP_OTADATA_NO_SLOT;
	if (records[1 - active].usable)
		return esp_otadata_slot(&records[1 - active], n_slots);
	return has_factory ? ESP_OTADATA_FACTORY_SLOT : ESP_OTADATA_NO_SLOT;
}

/* ---- Writing ---- */

GBytes *esp_otadata_factory_new(void)
{
	guint8 *data = g_malloc(ESP_OTADATA_BYTES);

	memset(data, 0xFF, ESP_OTADATA_BYTES);
	return g_bytes_new_take(data, ESP_OTADATA_BYTES);
}

/* Erases the sector and writes the record, whose CRC is made anew. */
static void write_record(guint8 *data, int index, const EspOtaRecord *record)
{
	guint8 *at = data + index * ESP_OTADATA_SECTOR_BYTES;

	memset(at, 0xFF, ESP_OTADATA_SECTOR_BYTES);
	esp_put_le32(at, record->sequence);
	memcpy(at + LABEL_AT, record->label, sizeof record->label);
	esp_put_le32(at + STATE_AT, record->state);
	esp_put_le32(at + CRC_AT, sequence_crc(record->sequence));
}

/* Erases the sector and writes the record with its state changed and nothing else. */
static void write_state(guint8 *data, int index, EspOtaRecord *record, guint32 state)
{
	write_record(data, index, record);
	esp_put_le32(data + index * ESP_OTADATA_SECTOR_BYTES + STATE_AT, state);
	esp_put_le32(data + index * ESP_OTADATA_SECTOR_BYTES + CRC_AT, record->crc);
	*record = read_record(data + index * ESP_OTADATA_SECTOR_BYTES);
}

/* The least sequence number that means `slot` and is not less than `current`. FALSE if there is
 * none. esp_ota_ops would count on from 0 with 0, which means another slot than the last; but no
 * device has that number. */
static gboolean sequence_for(guint32 current, int slot, guint n_slots, guint32 *sequence)
{
	guint32 wanted = ((guint32)slot + 1) % n_slots;
	guint32 ahead = (wanted + n_slots - current % n_slots) % n_slots;

	if (current == 0 && ahead == 0)
		ahead = n_slots;
	if (current >= EMPTY_SEQUENCE - ahead)
		return FALSE;
	*sequence = current + ahead;
	return TRUE;
}

static gboolean select_slot(guint8 *data, EspOtaRecord records[static 2], guint n_slots, int slot,
			    guint32 state, int *written)
{
	int active = active_record(records);
	int next = active == ESP_OTADATA_NO_RECORD ? 0 : active;
	guint32 sequence = (guint32)slot + 1;

	if (active != ESP_OTADATA_NO_RECORD) {
		sequence = records[active].sequence;
		if (esp_otadata_slot(&records[active], n_slots) != slot) {
			next = 1 - active;
			if (!sequence_for(sequence, slot, n_slots, &sequence))
				return FALSE;
		}
	}
	records[next].sequence = sequence;
	records[next].state = state;
	write_record(data, next, &records[next]);
	*written = next;
	return TRUE;
}

gboolean esp_otadata_select(guint8 *data, gsize size_bytes, guint n_slots, int slot, guint32 state,
			    int *record, GError **error)
{
	EspOtaRecord records[2];
	int written = ESP_OTADATA_NO_RECORD;

	if (!esp_otadata_read(data, size_bytes, records, error))
		return FALSE;
	if (slot < ESP_OTADATA_FACTORY_SLOT || slot >= (int)n_slots) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "otadata: there is no slot %d, the table has %u", slot, n_slots);
		return FALSE;
	}
	if (slot == ESP_OTADATA_FACTORY_SLOT)
		memset(data, 0xFF, ESP_OTADATA_BYTES);
	else if (!select_slot(data, records, n_slots, slot, state, &written)) {
		g_set_error_literal(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "otadata: no sequence number is left; erase it (select the "
				    "factory app) first");
		return FALSE;
	}
	if (record != NULL)
		*record = written;
	return TRUE;
}

gboolean esp_otadata_mark(guint8 *data, gsize size_bytes, guint32 state, int *record,
			  GError **error)
{
	EspOtaRecord records[2];
	int active;

	if (!esp_otadata_read(data, size_bytes, records, error))
		return FALSE;
	active = active_record(records);
	if (active == ESP_OTADATA_NO_RECORD) {
		g_set_error_literal(error, ESP_ERROR, ESP_ERROR_NOT_FOUND,
				    "otadata: there is no active record to mark");
		return FALSE;
	}
	write_state(data, active, &records[active], state);
	if (record != NULL)
		*record = active;
	return TRUE;
}

gboolean esp_otadata_roll(guint8 *data, gsize size_bytes, gboolean *changed, GError **error)
{
	EspOtaRecord records[2];
	gboolean wrote = FALSE;
	int active;

	if (!esp_otadata_read(data, size_bytes, records, error))
		return FALSE;
	for (int i = 0; i < 2; i++)
		if (records[i].state == ESP_OTA_PENDING_VERIFY) {
			write_state(data, i, &records[i], ESP_OTA_ABORTED);
			wrote = TRUE;
		}
	active = active_record(records);
	if (active != ESP_OTADATA_NO_RECORD && records[active].state == ESP_OTA_NEW) {
		write_state(data, active, &records[active], ESP_OTA_PENDING_VERIFY);
		wrote = TRUE;
	}
	if (changed != NULL)
		*changed = wrote;
	return TRUE;
}

gboolean esp_otadata_initialise(guint8 *data, gsize size_bytes, int slot, GError **error)
{
	EspOtaRecord record = {.sequence = (guint32)slot + 1, .state = ESP_OTA_VALID};

	if (!size_ok(size_bytes, error))
		return FALSE;
	if (slot < 0 || slot >= ESP_OTADATA_SLOTS_MAX) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "otadata: %d is no slot; they are 0 to %d", slot,
			    ESP_OTADATA_SLOTS_MAX - 1);
		return FALSE;
	}
	memset(record.label, 0xFF, sizeof record.label);
	write_record(data, 0, &record);
	return TRUE;
}
