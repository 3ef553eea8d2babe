#include "cmd/formats/columns.h"
#include "cmd/formats/otadata_apps.h"

#include <stdio.h>
#include <string.h>

/* What a device does with an otadata at its next start, without rollback and with it. */
typedef struct {
	EspOtaBoot boot;
	EspOtaBoot rolled; /* CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE */
	gboolean rolls;    /* the bootloader with rollback changes the records */
	int order[ESP_OTADATA_ORDER_MAX];
	gsize n_order;
	int rollback_slot;
} Report;

static gboolean make_report(const guint8 *data, gsize size_bytes, const CmdOtadataApps *apps,
			    Report *report, GError **error)
{
	g_autofree guint8 *copy = g_memdup2(data, size_bytes);
	const guint8 *seen = apps->has_otadata ? data : NULL;

	if (!esp_otadata_choose(seen, size_bytes, apps->n_slots, apps->has_factory, &report->boot,
				error) ||
	    !esp_otadata_read(data, size_bytes, report->boot.records, error) ||
	    !esp_otadata_roll(copy, size_bytes, &report->rolls, error) ||
	    !esp_otadata_choose(apps->has_otadata ? copy : NULL, size_bytes, apps->n_slots,
				apps->has_factory, &report->rolled, error))
		return FALSE;
	report->rolls = report->rolls && apps->has_otadata;
	report->n_order = esp_otadata_fallbacks(report->boot.slot, apps->n_slots, apps->has_factory,
						apps->has_test, report->order);
	report->rollback_slot =
		esp_otadata_rollback_slot(report->boot.records, apps->n_slots, apps->has_factory);
	return TRUE;
}

/* Neither empty nor right: damaged, or read from a device with flash encryption. */
static gboolean looks_encrypted(const Report *report)
{
	for (int i = 0; i < 2; i++)
		if (report->boot.records[i].empty || report->boot.records[i].crc_ok)
			return FALSE;
	return TRUE;
}

/* ---- Text ---- */

static char *state_text(const EspOtaRecord *record)
{
	const char *name = esp_ota_state_name(record->state);

	return name != NULL ? g_strdup(name) : g_strdup_printf("0x%08x", record->state);
}

static void add_record(CmdColumns *columns, int index, const EspOtaRecord *record, guint n_slots)
{
	gboolean empty = record->empty;

	cmd_columns_add_number(columns, (guint64)index);
	cmd_columns_add(columns,
			empty ? g_strdup("empty") : g_strdup_printf("%u", record->sequence));
	cmd_columns_add(columns, empty ? g_strdup("-") : state_text(record));
	cmd_columns_add(columns, g_strdup(empty ? "-" : record->crc_ok ? "right" : "wrong"));
	cmd_columns_add(columns,
			empty || n_slots == 0
				? g_strdup("-")
				: cmd_otadata_slot_name(esp_otadata_slot(record, n_slots)));
	cmd_columns_add(columns, g_strdup(record->usable ? "yes" : "no"));
}

static void print_records(const Report *report, const CmdOtadataApps *apps)
{
	static const char *const headings[] = {"RECORD", ">SEQUENCE", "STATE", "CRC",
					       "SLOT",   "USABLE",    NULL};
	CmdColumns *columns = cmd_columns_new(headings);

	for (int i = 0; i < 2; i++)
		add_record(columns, i, &report->boot.records[i], apps->n_slots);
	cmd_columns_print(columns);
}

static void print_order(const Report *report)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (gsize i = 1; i < report->n_order; i++) {
		g_autofree char *slot = cmd_otadata_slot_name(report->order[i]);

		g_string_append_printf(names, "%s%s", i > 1 ? ", " : "", slot);
	}
	if (names->len > 0)
		printf("if that app does not verify, tried in turn: %s\n", names->str);
}

static void print_rollback(const Report *report)
{
	g_autofree char *rolled = cmd_otadata_slot_name(report->rolled.slot);

	for (int i = 0; report->rolls && i < 2; i++) {
		g_autofree char *before = state_text(&report->boot.records[i]);
		g_autofree char *after = state_text(&report->rolled.records[i]);

		if (report->boot.records[i].state != report->rolled.records[i].state)
			printf("a bootloader with rollback makes record %d %s (it is %s) and "
			       "starts %s\n",
			       i, after, before, rolled);
	}
	if (report->rollback_slot != ESP_OTADATA_NO_SLOT) {
		g_autofree char *slot = cmd_otadata_slot_name(report->rollback_slot);

		printf("an app that rejects itself is followed by %s\n", slot);
	}
}

static gboolean report_text(const guint8 *data, gsize size_bytes, const CmdOtadataApps *apps,
			    GError **error)
{
	Report report;
	g_autofree char *slot = NULL;

	if (!make_report(data, size_bytes, apps, &report, error))
		return FALSE;
	slot = cmd_otadata_slot_name(report.boot.slot);
	print_records(&report, apps);
	printf("starts: %s (%s%s)\n", slot, esp_ota_boot_reason_text(report.boot.reason),
	       report.boot.initialise ? "; the bootloader writes that into record 0" : "");
	if (looks_encrypted(&report))
		printf("both records are damaged, or this was read from a device with flash "
		       "encryption\n");
	print_order(&report);
	print_rollback(&report);
	return TRUE;
}

/* ---- JSON ---- */

static json_t *record_json(const EspOtaRecord *record, guint n_slots)
{
	g_autofree char *state = state_text(record);
	json_t *object = json_pack("{s:b, s:b}", "empty", record->empty, "usable", record->usable);

	if (record->empty)
		return object;
	json_object_set_new(object, "sequence", json_integer(record->sequence));
	json_object_set_new(object, "state", json_string(state));
	json_object_set_new(object, "crcOk", json_boolean(record->crc_ok));
	if (n_slots > 0) {
		g_autofree char *slot = cmd_otadata_slot_name(esp_otadata_slot(record, n_slots));

		json_object_set_new(object, "slot", json_string(slot));
	}
	return object;
}

static json_t *order_json(const Report *report)
{
	json_t *list = json_array();

	for (gsize i = 1; i < report->n_order; i++) {
		g_autofree char *slot = cmd_otadata_slot_name(report->order[i]);

		json_array_append_new(list, json_string(slot));
	}
	return list;
}

static json_t *report_json(const guint8 *data, gsize size_bytes, const CmdOtadataApps *apps,
			   GError **error)
{
	Report report;
	g_autofree char *slot = NULL, *rolled = NULL, *rollback = NULL;
	json_t *document;

	if (!make_report(data, size_bytes, apps, &report, error))
		return NULL;
	slot = cmd_otadata_slot_name(report.boot.slot);
	rolled = cmd_otadata_slot_name(report.rolled.slot);
	document = json_pack("{s:[o, o], s:s, s:s, s:b, s:o, s:{s:b, s:s}}", "records",
			     record_json(&report.boot.records[0], apps->n_slots),
			     record_json(&report.boot.records[1], apps->n_slots), "starts", slot,
			     "reason", esp_ota_boot_reason_text(report.boot.reason), "initialises",
			     report.boot.initialise, "fallbacks", order_json(&report),
			     "withRollback", "changes", report.rolls, "starts", rolled);
	if (report.boot.record != ESP_OTADATA_NO_RECORD)
		json_object_set_new(document, "activeRecord", json_integer(report.boot.record));
	if (report.rollback_slot != ESP_OTADATA_NO_SLOT) {
		rollback = cmd_otadata_slot_name(report.rollback_slot);
		json_object_set_new(document, "rejectedGoesTo", json_string(rollback));
	}
	return document;
}

gboolean cmd_otadata_report(const guint8 *data, gsize size_bytes, const CmdOtadataApps *apps,
			    gboolean is_json, GError **error)
{
	json_t *document;

	if (!is_json)
		return report_text(data, size_bytes, apps, error);
	document = report_json(data, size_bytes, apps, error);
	if (document != NULL)
		cmd_json_print(document);
	return document != NULL;
}
