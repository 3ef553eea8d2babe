/* esp/nvs_mfg.h — the two files of Espressif's mass manufacturing tool (ESP-IDF,
 * tools/mass_mfg/mfg_gen.py and docs/README.rst there), from which each device gets an NVS
 * partition of its own. Pure: bytes in, entries out.
 *
 * The config says which keys there are. It has no header; lines that begin with '#' are dropped:
 *
 *     wifi,namespace,
 *     ssid,data,string,REPEAT
 *     serial,data,u32
 *     cert,file,binary
 *
 * The values have a header with those keys in the config's order, further columns where one likes
 * (an id, a note), and a row a device:
 *
 *     id,ssid,serial,cert
 *     a1,garden,1001,certs/a1.der
 *     a2,,1002,certs/a2.der
 *
 * A key with REPEAT has the first row's value in all of them; further rows leave it empty or repeat
 * it. Quoting is RFC 4180 (esp/csv.h). Encodings are those of esp/nvs_csv.h: i16, i64, u64 too,
 * which the tool refuses or not, by version. Values are taken as they are: lines within quotes that
 * begin with '#' stay, which the tool loses on its way through a CSV a device.
 *
 * Errors are ESP_ERROR_INVALID, _DUPLICATE_KEY or _TOO_LARGE and begin with "line 3: " or "line 3,
 * column 2: "; values are not in them, but for numbers out of range. */
#pragma once

#include "esp/nvs_csv.h"

G_BEGIN_DECLS

enum {
	ESP_NVS_MFG_CONFIG_MAX_BYTES = 1024 * 1024,
	ESP_NVS_MFG_MAX_COLUMNS = 4096,
	ESP_NVS_MFG_ROW_MAX_BYTES = 4 * 1024 * 1024, /* of one device's values, as text */
};

/* ---- The config ---- */

/* Not changed once it is made: any number of threads may read it. */
typedef struct _EspNvsMfg EspNvsMfg;

/* Reads a config. Yours, or NULL. */
EspNvsMfg *esp_nvs_mfg_new(const char *config, gsize size_bytes, GError **error);

/* NULL is nothing. */
void esp_nvs_mfg_free(EspNvsMfg *mfg);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspNvsMfg, esp_nvs_mfg_free)

/* ---- The values ---- */

/* Puts up to `size_bytes` bytes of the values into `buffer` and says how many; 0 at the end, -1
 * with an error. */
typedef gssize (*EspNvsMfgMore)(char *buffer, gsize size_bytes, gpointer user_data, GError **error);

/* A stream of rows: it holds one buffer of 64 KiB and the row with the values to repeat, whatever
 * the number of devices. */
typedef struct _EspNvsMfgValues EspNvsMfgValues;

/* One row, used again for the next one. */
typedef struct _EspNvsMfgRow EspNvsMfgRow;

/* Reads the header. `id_column` is the column that tells devices apart, any of the header's; NULL:
 * they are counted 1, 2, 3. Borrows `mfg`, which must outlive it. Yours, or NULL, also with what
 * `more` said. */
EspNvsMfgValues *esp_nvs_mfg_values_new(const EspNvsMfg *mfg, const char *id_column,
					EspNvsMfgMore more, gpointer user_data, GError **error);

/* NULL is nothing. */
void esp_nvs_mfg_values_free(EspNvsMfgValues *values);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspNvsMfgValues, esp_nvs_mfg_values_free)

EspNvsMfgRow *esp_nvs_mfg_row_new(void);
/* NULL is nothing. */
void esp_nvs_mfg_row_free(EspNvsMfgRow *row);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspNvsMfgRow, esp_nvs_mfg_row_free)

/* Reads the next device's row; one thread at a time. Behind the last, the row's number is 0. FALSE
 * if the row has not the header's columns, or with what `more` said. */
gboolean esp_nvs_mfg_next(EspNvsMfgValues *values, EspNvsMfgRow *row, GError **error);

/* 1 for the first device. */
guint64 esp_nvs_mfg_row_number(const EspNvsMfgRow *row);

/* The line on which the row begins, 1 and up. */
guint esp_nvs_mfg_row_line(const EspNvsMfgRow *row);

/* Bytes of all fields of the row. */
gsize esp_nvs_mfg_row_bytes(const EspNvsMfgRow *row);

/* What tells the device apart: the text of the id column, or its number. Borrowed from the row. */
const char *esp_nvs_mfg_row_id(const EspNvsMfgRow *row);

/* The entries of a row's device, in the config's order, with an ESP_NVS_NAMESPACE entry for each
 * namespace row; names are borrowed from the config. `load` serves keys of type `file`; NULL
 * refuses them. Threads may do this with rows of their own while esp_nvs_mfg_next goes on. Yours,
 * or NULL, also with what `load` said. */
EspNvsContents *esp_nvs_mfg_entries(const EspNvsMfgValues *values, const EspNvsMfgRow *row,
				    EspNvsCsvLoad load, gpointer user_data, GError **error);

G_END_DECLS
