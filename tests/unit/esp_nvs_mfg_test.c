#include "esp/error.h"
#include "esp/nvs_mfg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define CONFIG                                                                                     \
	"wifi,namespace,\nssid,data,string,REPEAT\nchan,data,i16\nid,namespace,\nsn,data,u32\n"

/* A text that is handed out `step` bytes at a time. */
typedef struct {
	const char *text;
	gsize left, step;
	gboolean breaks;
} Source;

static gssize more(char *buffer, gsize size_bytes, gpointer user_data, GError **error)
{
	Source *source = user_data;
	gsize n = MIN(MIN(source->left, source->step), size_bytes);

	if (n == 0 && source->breaks) {
		g_set_error_literal(error, ESP_ERROR, ESP_ERROR_TRUNCATED, "the cable is out");
		return -1;
	}
	memcpy(buffer, source->text, n);
	source->text += n;
	source->left -= n;
	return (gssize)n;
}

static Source source_of(const char *text, gsize step)
{
	return (Source){.text = text, .left = strlen(text), .step = step};
}

static EspNvsMfg *config_of(const char *text)
{
	g_autoptr(GError) error = NULL;
	EspNvsMfg *mfg = esp_nvs_mfg_new(text, strlen(text), &error);

	if (mfg == NULL)
		fail_msg("%s", error->message);
	return mfg;
}

static GBytes *load(const char *path, gpointer user_data, GError **error)
{
	(void)user_data;
	if (strcmp(path, "cert.der") == 0)
		return g_bytes_new_static("DER", 3);
	g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_FOUND, "reading %s: No such file", path);
	return NULL;
}

/* Reads all rows; the first error, yours, or NULL. */
static GError *error_of(const char *config, const char *text, const char *id_column)
{
	GError *error = NULL;
	g_autoptr(EspNvsMfg) mfg = esp_nvs_mfg_new(config, strlen(config), &error);
	Source source = source_of(text, 4096);
	g_autoptr(EspNvsMfgValues) values = NULL;
	g_autoptr(EspNvsMfgRow) row = esp_nvs_mfg_row_new();

	if (mfg == NULL)
		return error;
	values = esp_nvs_mfg_values_new(mfg, id_column, more, &source, &error);
	while (values != NULL && esp_nvs_mfg_next(values, row, &error)) {
		g_autoptr(EspNvsContents) contents = NULL;

		if (esp_nvs_mfg_row_number(row) == 0)
			return NULL;
		contents = esp_nvs_mfg_entries(values, row, load, NULL, &error);
		if (contents == NULL)
			break;
	}
	return error;
}

static void gives_each_device_its_entries_in_the_order_of_the_config(void **state)
{
	static const char text[] = "\xEF\xBB\xBF"
				   "note,ssid,chan,sn,name\r\n"
				   "\"first, of two\",gar\"den,-1,7,a\r\n   \n\n"
				   ",,32767,4294967295,b";

	(void)state;
	for (gsize step = 1; step < sizeof text + 1; step++) {
		g_autoptr(EspNvsMfg) mfg = config_of(CONFIG);
		Source source = source_of(text, step);
		g_autoptr(EspNvsMfgValues) values =
			esp_nvs_mfg_values_new(mfg, "name", more, &source, NULL);
		g_autoptr(EspNvsMfgRow) row = esp_nvs_mfg_row_new();
		g_autoptr(EspNvsContents) first = NULL, second = NULL;

		assert_true(esp_nvs_mfg_next(values, row, NULL));
		assert_int_equal(esp_nvs_mfg_row_number(row), 1);
		assert_int_equal(esp_nvs_mfg_row_line(row), 2);
		assert_string_equal(esp_nvs_mfg_row_id(row), "a");
		first = esp_nvs_mfg_entries(values, row, NULL, NULL, NULL);
		assert_true(esp_nvs_mfg_next(values, row, NULL));
		assert_int_equal(esp_nvs_mfg_row_number(row), 2);
		assert_int_equal(esp_nvs_mfg_row_line(row), 5);
		assert_string_equal(esp_nvs_mfg_row_id(row), "b");
		second = esp_nvs_mfg_entries(values, row, NULL, NULL, NULL);
		assert_true(esp_nvs_mfg_next(values, row, NULL));
		assert_int_equal(esp_nvs_mfg_row_number(row), 0);

		assert_int_equal(first->n_entries, 5);
		assert_int_equal(first->entries[0].type, ESP_NVS_NAMESPACE);
		assert_string_equal(first->entries[1].space, "wifi");
		assert_string_equal(first->entries[1].key, "ssid");
		assert_string_equal(first->entries[1].value.text, "gar\"den");
		assert_int_equal(first->entries[2].value.i, -1);
		assert_string_equal(first->entries[3].space, "id");
		assert_int_equal(first->entries[4].value.u, 7);
		assert_string_equal(second->entries[1].value.text, "gar\"den");
		assert_int_equal(second->entries[2].value.i, 32767);
		assert_int_equal(second->entries[4].value.u, 4294967295U);
	}
}

static void counts_devices_where_no_column_names_them(void **state)
{
	g_autoptr(EspNvsMfg) mfg = config_of("a,namespace,\nk,data,u8\n");
	Source source = source_of("k\n1\n2\n", 64);
	g_autoptr(EspNvsMfgValues) values = esp_nvs_mfg_values_new(mfg, NULL, more, &source, NULL);
	g_autoptr(EspNvsMfgRow) row = esp_nvs_mfg_row_new();

	(void)state;
	assert_true(esp_nvs_mfg_next(values, row, NULL));
	assert_string_equal(esp_nvs_mfg_row_id(row), "1");
	assert_true(esp_nvs_mfg_next(values, row, NULL));
	assert_string_equal(esp_nvs_mfg_row_id(row), "2");
}

static void tells_keys_of_one_name_apart_by_their_order(void **state)
{
	g_autoptr(EspNvsMfg) mfg =
		config_of("# two networks\na,namespace,\nk,data,u8\nb,namespace\nk,data,u8,\n");
	Source source = source_of("k,between,k\n1,,2\n", 64);
	g_autoptr(EspNvsMfgValues) values = esp_nvs_mfg_values_new(mfg, NULL, more, &source, NULL);
	g_autoptr(EspNvsMfgRow) row = esp_nvs_mfg_row_new();
	g_autoptr(EspNvsContents) contents = NULL;

	(void)state;
	assert_true(esp_nvs_mfg_next(values, row, NULL));
	contents = esp_nvs_mfg_entries(values, row, NULL, NULL, NULL);
	assert_string_equal(contents->entries[1].space, "a");
	assert_int_equal(contents->entries[1].value.u, 1);
	assert_string_equal(contents->entries[3].space, "b");
	assert_int_equal(contents->entries[3].value.u, 2);
}

static void reads_files_and_lines_that_begin_with_a_hash(void **state)
{
	g_autoptr(EspNvsMfg) mfg = config_of("a,namespace,\nt,data,string\nc,file,binary\n");
	Source source = source_of("t,c\n\"one\n# two\",cert.der\n#3,cert.der\n", 5);
	g_autoptr(EspNvsMfgValues) values = esp_nvs_mfg_values_new(mfg, "t", more, &source, NULL);
	g_autoptr(EspNvsMfgRow) row = esp_nvs_mfg_row_new();
	g_autoptr(EspNvsContents) contents = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_true(esp_nvs_mfg_next(values, row, NULL));
	contents = esp_nvs_mfg_entries(values, row, load, NULL, NULL);
	assert_string_equal(contents->entries[1].value.text, "one\n# two");
	assert_int_equal(contents->entries[2].value.blob.size_bytes, 3);
	assert_memory_equal(contents->entries[2].value.blob.data, "DER", 3);
	assert_true(esp_nvs_mfg_next(values, row, NULL));
	assert_string_equal(esp_nvs_mfg_row_id(row), "#3");
	assert_null(esp_nvs_mfg_entries(values, row, NULL, NULL, &error));
	assert_string_equal(error->message, "line 4, column 2: key 'a.c' is of type 'file', which "
					    "is not read here");
}

static void says_where_a_config_is_wrong(void **state)
{
	static const struct {
		const char *config, *message;
		int code;
	} rows[] = {
		{"", "line 1: the config is empty; begin with a row 'name,namespace,'",
		 ESP_ERROR_INVALID},
		{"key,type,encoding\n",
		 "line 1, column 1: a config has no header; remove this line", ESP_ERROR_INVALID},
		{"k,data,u8\n",
		 "line 1, column 2: there is no namespace yet; begin with a row 'name,namespace,'",
		 ESP_ERROR_INVALID},
		{"a,namespace,\nk,dota,u8\n",
		 "line 2, column 2: the type 'dota' is none of namespace, data, file",
		 ESP_ERROR_INVALID},
		{"a,namespace,\nk\n",
		 "line 2, column 2: the type '' is none of namespace, data, file",
		 ESP_ERROR_INVALID},
		{"a,namespace,\nk,data,u7\n",
		 "line 2, column 3: key 'a.k' has the encoding 'u7', which is none of u8 i8 u16 "
		 "i16 u32 i32 u64 i64 string hex2bin base64 binary",
		 ESP_ERROR_INVALID},
		{"a,namespace,\nk,data,u8,repeat\n",
		 "line 2, column 4: 'repeat' is not REPEAT; a row is key,type,encoding[,REPEAT]",
		 ESP_ERROR_INVALID},
		{"a,namespace,\nk,data,u8,REPEAT,x\n",
		 "line 2, column 5: 'x' is one column too many; a row is "
		 "key,type,encoding[,REPEAT]",
		 ESP_ERROR_INVALID},
		{"a,namespace,u8\n",
		 "line 1, column 3: 'u8' is one column too many; a row is "
		 "key,type,encoding[,REPEAT]",
		 ESP_ERROR_INVALID},
		{",namespace,\n", "line 1, column 1: the namespace has no name", ESP_ERROR_INVALID},
		{"a,namespace,\nsixteen-letters-,data,u8\n",
		 "line 2, column 1: key 'a.sixteen-letters-' has 16 characters, NVS allows 15",
		 ESP_ERROR_INVALID},
		{"a,namespace,\n,data,u8\n",
		 "line 2, column 1: namespace 'a' has an empty key; NVS wants 1 to 15 characters",
		 ESP_ERROR_INVALID},
		{"a,namespace,\nk,data,u8\nb,namespace,\na,namespace,\nk,data,u8\n",
		 "line 5, column 1: key 'a.k' is given twice; remove one of them",
		 ESP_ERROR_DUPLICATE_KEY},
		{"a,namespace,\n\"k,data,u8\n", "line 2: a quote is opened and never closed",
		 ESP_ERROR_INVALID},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = error_of(rows[i].config, "", NULL);

		assert_non_null(error);
		assert_string_equal(error->message, rows[i].message);
		assert_int_equal(error->code, rows[i].code);
	}
}

static void says_where_values_are_wrong(void **state)
{
	static const struct {
		const char *values, *id_column, *message;
	} rows[] = {
		{"", NULL,
		 "line 1: the values are empty; the first line has the names of the keys"},
		{"ssid,chan\n", NULL,
		 "line 1: there is no column 'sn', which line 5 of the config wants"},
		{"chan,ssid,sn\n", NULL,
		 "line 1, column 1: 'chan' stands where 'ssid' is next; give the columns in the "
		 "order of the config, each key once"},
		{"ssid,chan,sn,chan\n", NULL,
		 "line 1, column 4: 'chan' stands where no key is left; give the columns in the "
		 "order of the config, each key once"},
		{"ssid,chan,sn\n", "mac",
		 "line 1: there is no column 'mac' to take the devices' names from"},
		{"ssid,chan,sn\ng,1,1\n,1\n", NULL,
		 "line 3: the row has 2 columns, the header has 3"},
		{"ssid,chan,sn\ng,1,1,\n", NULL, "line 2: the row has 4 columns, the header has 3"},
		{"ssid,chan,sn\ng,32768,1\n", NULL,
		 "line 2, column 2: key 'wifi.chan' is 32768, which does not fit i16 (-32768 to "
		 "32767)"},
		{"ssid,chan,sn\ng,1,x\n", NULL,
		 "line 2, column 3: key 'id.sn' is no decimal integer of at most 64 bits"},
		{"ssid,chan,sn\ng,1,1\nh,1,1\n", NULL,
		 "line 3, column 1: key 'wifi.ssid' is marked REPEAT and has another value than in "
		 "the first row; leave it empty, or take REPEAT from the config"},
		{"ssid,chan,sn\ng,1,\"1\n", NULL, "line 2: a quote is opened and never closed"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = error_of(CONFIG, rows[i].values, rows[i].id_column);

		assert_non_null(error);
		assert_string_equal(error->message, rows[i].message);
		assert_int_equal(error->code, ESP_ERROR_INVALID);
	}
}

static void says_which_file_of_which_row_is_missing(void **state)
{
	g_autoptr(GError) error = error_of("a,namespace,\nc,file,binary\n", "c\nlost.der\n", NULL);

	(void)state;
	assert_string_equal(error->message, "line 2, column 1: reading lost.der: No such file");
	assert_int_equal(error->code, ESP_ERROR_NOT_FOUND);
}

static void passes_on_what_its_source_says(void **state)
{
	static const char *const texts[] = {"k", "k\n1\n2", "k\n1\n\"2"};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(EspNvsMfg) mfg = config_of("a,namespace,\nk,data,u8\n");
		Source source = source_of(texts[i], 2);
		g_autoptr(EspNvsMfgValues) values = NULL;
		g_autoptr(EspNvsMfgRow) row = esp_nvs_mfg_row_new();
		g_autoptr(GError) error = NULL;

		source.breaks = TRUE;
		values = esp_nvs_mfg_values_new(mfg, NULL, more, &source, &error);
		while (values != NULL && esp_nvs_mfg_next(values, row, &error))
			assert_int_not_equal(esp_nvs_mfg_row_number(row), 0);
		assert_string_equal(error->message, "the cable is out");
	}
}

static void holds_its_limits(void **state)
{
	g_autofree char *config = g_strnfill(ESP_NVS_MFG_CONFIG_MAX_BYTES + 1, '\n');
	g_autofree char *commas = g_strnfill(ESP_NVS_MFG_MAX_COLUMNS, ',');
	g_autofree char *wide = g_strnfill(ESP_NVS_MFG_ROW_MAX_BYTES, 'x');
	g_autofree char *wide_row = g_strconcat("k\n", wide, "\n", NULL);
	g_autoptr(GError) large = error_of(config, "", NULL);
	g_autoptr(GError) columns = error_of("a,namespace,\nk,data,u8\n", commas, NULL);
	g_autoptr(GError) row = error_of("a,namespace,\nk,data,u8\n", wide_row, NULL);

	(void)state;
	assert_string_equal(large->message,
			    "the config has 1048577 bytes, at most 1048576 are read");
	assert_string_equal(columns->message, "line 1: there are more than 4096 columns");
	assert_string_equal(row->message, "line 2: the row has more than 4194304 bytes");
	assert_int_equal(row->code, ESP_ERROR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_each_device_its_entries_in_the_order_of_the_config),
		cmocka_unit_test(counts_devices_where_no_column_names_them),
		cmocka_unit_test(tells_keys_of_one_name_apart_by_their_order),
		cmocka_unit_test(reads_files_and_lines_that_begin_with_a_hash),
		cmocka_unit_test(says_where_a_config_is_wrong),
		cmocka_unit_test(says_where_values_are_wrong),
		cmocka_unit_test(says_which_file_of_which_row_is_missing),
		cmocka_unit_test(passes_on_what_its_source_says),
		cmocka_unit_test(holds_its_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
