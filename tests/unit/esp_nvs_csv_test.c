#include "base/file.h"
#include "esp/error.h"
#include "esp/nvs_csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define HEAD "key,type,encoding,value\n"
#define SPACE HEAD "a,namespace,,\n"

static EspNvsContents *contents_of(const char *csv)
{
	g_autoptr(GError) error = NULL;
	EspNvsContents *contents = esp_nvs_csv_read(csv, strlen(csv), NULL, NULL, &error);

	if (contents == NULL)
		fail_msg("%s", error->message);
	return contents;
}

static void reads_text_as_the_generator_does(void **state)
{
	static const struct {
		const char *csv, *text;
	} rows[] = {
		{SPACE "k,data,string,hello\n", "hello"},
		{SPACE "k,data,String,hello", "hello"},
		{SPACE "k,data,string,\n", ""},
		{SPACE "k,data,string\n", ""},
		{SPACE "k,data,string,\"a \"\"b\"\", c\"\n", "a \"b\", c"},
		{SPACE "k,data,string,\"two\r\nlines\"\r\n", "two\nlines"},
		{SPACE "k,data,string,\"one\n# dropped\ntwo\"\n", "one\ntwo"},
		{SPACE "k,data,string,a\"b\n", "a\"b"},
		{SPACE "k,data,string,\"a\"b\n", "ab"},
		{SPACE "# a comment, \"unclosed\n\n\nk,data,string, x \n", " x "},
		{"\xEF\xBB\xBF" SPACE "k,data,string,x\n", "x"},
		{"more,value,encoding,key,type\n,,,a,namespace\nz,x,string,k,data,extra\n", "x"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(EspNvsContents) contents = contents_of(rows[i].csv);

		assert_int_equal(contents->n_entries, 2);
		assert_int_equal(contents->entries[0].type, ESP_NVS_NAMESPACE);
		assert_string_equal(contents->entries[1].space, "a");
		assert_string_equal(contents->entries[1].key, "k");
		assert_string_equal(contents->entries[1].value.text, rows[i].text);
	}
}

static void reads_blobs_of_every_encoding(void **state)
{
	static const struct {
		const char *encoding, *value, *bytes;
		gsize n;
	} rows[] = {
		{"hex2bin", " 00ffA5 ", "\x00\xff\xa5", 3},
		{"hex2bin", "", "", 0},
		{"base64", "AP+l", "\x00\xff\xa5", 3},
		{"base64", "AA==", "\x00", 1},
		{"base64", "A-P+ l!A=A==", "\x00\xff\xa5\x00", 4},
		{"binary", "abc", "abc", 3},
		{"blob_fill(4;0xEE)", "ab", "ab\xEE\xEE", 4},
		{"blob_sz_fill(3;0x00)", "ab", "\2\0\0\0ab\0", 7},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *csv =
			g_strdup_printf(SPACE "k,data,%s,%s\n", rows[i].encoding, rows[i].value);
		g_autoptr(EspNvsContents) contents = contents_of(csv);

		assert_int_equal(contents->entries[1].type, ESP_NVS_BLOB);
		assert_int_equal(contents->entries[1].value.blob.size_bytes, rows[i].n);
		assert_memory_equal(contents->entries[1].value.blob.data, rows[i].bytes, rows[i].n);
	}
}

static void reads_integers_to_the_ends_of_their_range(void **state)
{
	static const struct {
		const char *type, *value;
		gint64 number;
	} rows[] = {
		{"u8", "255", 255},
		{"i8", "-128", -128},
		{"u16", " +6_55 ", 655},
		{"i64", "-9223372036854775808", G_MININT64},
		{"i64", "9223372036854775807", G_MAXINT64},
		{"u64", "18446744073709551615", -1},
		{"u32", "-0", 0},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *csv =
			g_strdup_printf(SPACE "k,data,%s,%s\n", rows[i].type, rows[i].value);
		g_autoptr(EspNvsContents) contents = contents_of(csv);

		assert_int_equal(contents->entries[1].value.i, rows[i].number);
	}
}

static void says_in_which_line_what_is_wrong(void **state)
{
	static const struct {
		const char *csv, *message;
		int code;
	} rows[] = {
		{"", "line 1: the text is empty; the first line is key,type,encoding,value",
		 ESP_ERROR_INVALID},
		{"key,type,value\n",
		 "line 1: there is no column 'encoding'; the first line is "
		 "key,type,encoding,value",
		 ESP_ERROR_INVALID},
		{HEAD "k,data,u8,1\n",
		 "line 2: there is no namespace yet; begin with a row of type 'namespace'",
		 ESP_ERROR_INVALID},
		{SPACE "# c\nk,dota,u8,1\n",
		 "line 4: the type 'dota' is none of namespace, data, file", ESP_ERROR_INVALID},
		{SPACE "k,data, u8,1\n",
		 "line 3: key 'a.k' has the encoding ' u8', which is none of u8 i8 u16 i16 u32 "
		 "i32 u64 i64 string hex2bin base64 binary",
		 ESP_ERROR_INVALID},
		{SPACE "k,data,u8,256\n",
		 "line 3: key 'a.k' is 256, which does not fit u8 (0 to 255)", ESP_ERROR_INVALID},
		{SPACE "k,data,u8,-1\n", "line 3: key 'a.k' is negative, but its type is unsigned",
		 ESP_ERROR_INVALID},
		{SPACE "k,data,u8,0x10\n",
		 "line 3: key 'a.k' is no decimal integer of at most 64 bits", ESP_ERROR_INVALID},
		{SPACE "k,data,u64,18446744073709551616\n",
		 "line 3: key 'a.k' is no decimal integer of at most 64 bits", ESP_ERROR_INVALID},
		{SPACE "k,data,u8,1__0\n",
		 "line 3: key 'a.k' is no decimal integer of at most 64 bits", ESP_ERROR_INVALID},
		{SPACE "k,data,i64,9223372036854775808\n",
		 "line 3: key 'a.k' does not fit 64 bits with a sign", ESP_ERROR_INVALID},
		{SPACE "k,data,hex2bin,abc\n",
		 "line 3: key 'a.k' has an odd number of hexadecimal digits", ESP_ERROR_INVALID},
		{SPACE "k,data,hex2bin,0g\n",
		 "line 3: key 'a.k' has a character that is no hexadecimal digit",
		 ESP_ERROR_INVALID},
		{SPACE "k,data,base64,AAA\n",
		 "line 3: key 'a.k' is base64 that ends too early or lacks its padding",
		 ESP_ERROR_INVALID},
		{SPACE "k,data,blob_fill(1;0x00),ab\n",
		 "line 3: key 'a.k' is longer than the length it is filled to", ESP_ERROR_INVALID},
		{SPACE "k,file,string,/etc/hostname\n",
		 "line 3: rows of type 'file' are not read here; give the value itself",
		 ESP_ERROR_INVALID},
		{SPACE "k,data,u8,1\nk,data,u8,2\n",
		 "line 4: key 'a.k' is given twice; remove one of them", ESP_ERROR_DUPLICATE_KEY},
		{SPACE "\"x\ny\",data,string,\"never closed\n",
		 "line 4: a quote is opened and never closed", ESP_ERROR_INVALID},
		{SPACE ",data,u8,1\n",
		 "line 3: namespace 'a' has an empty key; NVS wants 1 to 15 characters",
		 ESP_ERROR_INVALID},
		{HEAD "namespace-of-17-c,namespace,,\n",
		 "line 2: namespace 'namespace-of-17-c' has 17 characters, NVS allows 15",
		 ESP_ERROR_INVALID},
		{HEAD ",namespace,,\n", "line 2: the namespace has no name", ESP_ERROR_INVALID},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(esp_nvs_csv_read(rows[i].csv, strlen(rows[i].csv), NULL, NULL, &error));
		assert_string_equal(error->message, rows[i].message);
		assert_int_equal(error->code, rows[i].code);
	}
}

static void holds_its_limits(void **state)
{
	g_autofree char *large = g_strnfill(ESP_NVS_CSV_MAX_BYTES + 1, '\n');
	g_autofree char *commas = g_strnfill(ESP_NVS_CSV_MAX_COLUMNS, ',');
	g_autofree char *wide = g_strconcat(HEAD, commas, "\n", NULL);
	g_autoptr(GError) error = NULL, wide_error = NULL, nul_error = NULL;
	static const char nul[] = SPACE "k,data,string,a\0b\n";

	(void)state;
	assert_null(esp_nvs_csv_read(large, strlen(large), NULL, NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TOO_LARGE));
	assert_null(esp_nvs_csv_read(wide, strlen(wide), NULL, NULL, &wide_error));
	assert_string_equal(wide_error->message, "line 2: there are more than 64 columns");
	assert_null(esp_nvs_csv_read(nul, sizeof nul - 1, NULL, NULL, &nul_error));
	assert_string_equal(nul_error->message, "line 3: there is a NUL in the text");
}

static GBytes *load(const char *path, gpointer user_data, GError **error)
{
	if (strcmp(path, "number.txt") == 0)
		return g_bytes_new_static(" 42\n", 4);
	g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_FOUND, "no file %s in %s", path,
		    (const char *)user_data);
	return NULL;
}

static void reads_files_through_its_caller(void **state)
{
	static const char good[] = SPACE "k,file,u8,number.txt\n";
	static const char bad[] = SPACE "k,file,u8,other.txt\n";
	g_autoptr(EspNvsContents) contents =
		esp_nvs_csv_read(good, strlen(good), load, "here", NULL);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_int_equal(contents->entries[1].value.u, 42);
	assert_null(esp_nvs_csv_read(bad, strlen(bad), load, "here", &error));
	assert_string_equal(error->message, "line 3: no file other.txt in here");
}

static void writes_what_it_reads(void **state)
{
	const EspNvsEntry entries[] = {
		esp_nvs_string("wifi", "ssid", "my \"garden\", north"),
		esp_nvs_string("wifi", "#pass", "two\nlines"),
		esp_nvs_signed("x", "n", ESP_NVS_I32, -5),
		esp_nvs_blob("x", "b", "\0\xff", 2),
		{.space = "empty", .type = ESP_NVS_NAMESPACE},
	};
	g_autofree char *csv = esp_nvs_csv_write(entries, G_N_ELEMENTS(entries), NULL);
	g_autoptr(EspNvsContents) contents = NULL;
	g_autoptr(GBytes) first = NULL, second = NULL;

	(void)state;
	assert_string_equal(csv, HEAD "wifi,namespace,,\n"
				      "ssid,data,string,\"my \"\"garden\"\", north\"\n"
				      "\"#pass\",data,string,\"two\nlines\"\n"
				      "x,namespace,,\nn,data,i32,-5\nb,data,base64,AP8=\n"
				      "empty,namespace,,\n");
	contents = contents_of(csv);
	first = esp_nvs_image_new(entries, G_N_ELEMENTS(entries), 0x3000, NULL);
	second = esp_nvs_image_new(contents->entries, contents->n_entries, 0x3000, NULL);
	assert_true(g_bytes_equal(first, second));
}

static void refuses_what_the_generators_csv_cannot_carry(void **state)
{
	g_autofree char *text = g_strnfill(3968, 'x');
	static guint8 blob[98305];
	const struct {
		EspNvsEntry entry;
		const char *why;
	} rows[] = {
		{esp_nvs_string("a", "k", "x\r"), "its string has a carriage return"},
		{esp_nvs_string("a", "k", "x\n#y"), "a line of its string begins with '#'"},
		{esp_nvs_string("a", "k", text), "its string is longer than 3967 bytes"},
		{esp_nvs_blob("a", "k", blob, sizeof blob), "its blob is longer than 98304 bytes"},
		{esp_nvs_string("a", "sta.ssid", "x"), "the generator adds keys of its own to it"},
	};
	const EspNvsEntry mixed[] = {
		esp_nvs_unsigned("a", "x", ESP_NVS_U8, 1),
		esp_nvs_unsigned("b", "x", ESP_NVS_U8, 1),
		esp_nvs_unsigned("a", "y", ESP_NVS_U8, 1),
	};
	g_autoptr(GError) mixed_error = NULL;

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(esp_nvs_csv_write(&rows[i].entry, 1, &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
		assert_true(g_str_has_suffix(error->message, rows[i].why));
	}
	assert_null(esp_nvs_csv_write(mixed, 3, &mixed_error));
	assert_string_equal(mixed_error->message,
			    "the generator's CSV cannot return to namespace 'a': give its keys one "
			    "after the other");
}

static void reads_the_csv_of_a_real_device(void **state)
{
	g_autoptr(GBytes) csv = base_file_read(
		ESPALIER_SOURCE_DIR "/tests/data/esp32c3-otadata/nvs-before.csv", 1 << 16, NULL);
	g_autoptr(GBytes) image = base_file_read(
		ESPALIER_SOURCE_DIR "/tests/data/esp32c3-otadata/nvs-after-3-boots.bin", 1 << 16,
		NULL);
	g_autoptr(EspNvsContents) before = esp_nvs_csv_read(
		g_bytes_get_data(csv, NULL), g_bytes_get_size(csv), NULL, NULL, NULL);
	g_autoptr(EspNvsContents) after =
		esp_nvs_read(g_bytes_get_data(image, NULL), g_bytes_get_size(image), 0, NULL);

	(void)state;
	assert_int_equal(before->n_entries, 5);
	for (gsize i = 1; i < before->n_entries; i++) {
		const EspNvsEntry *entry = &before->entries[i];

		assert_string_equal(esp_nvs_find(after, entry->space, entry->key)->value.text,
				    entry->value.text);
	}
	assert_true(after->n_entries > 4);
}

static void reads_several_texts_as_one(void **state)
{
	static const char first[] = SPACE "k,data,u8,1\n", second[] = "value,key,type,encoding\n"
								      "2,l,data,u8\n";
	g_autoptr(EspNvsCsv) csv = esp_nvs_csv_new(NULL, NULL);
	g_autoptr(EspNvsCsv) twice = esp_nvs_csv_new(NULL, NULL);
	g_autoptr(EspNvsContents) contents = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_true(esp_nvs_csv_add(csv, first, strlen(first), NULL));
	assert_true(esp_nvs_csv_add(csv, second, strlen(second), NULL));
	contents = esp_nvs_csv_finish(g_steal_pointer(&csv));
	assert_int_equal(contents->n_entries, 3);
	assert_string_equal(contents->entries[2].space, "a");
	assert_string_equal(contents->entries[2].key, "l");
	assert_int_equal(contents->entries[2].value.u, 2);
	assert_true(esp_nvs_csv_add(twice, first, strlen(first), NULL));
	assert_false(esp_nvs_csv_add(twice, first, strlen(first), &error));
	assert_string_equal(error->message, "line 3: key 'a.k' is given twice; remove one of them");
}

static void bounds_what_fills_make_of_a_short_text(void **state)
{
	g_autoptr(GString) csv = g_string_new(SPACE);
	guint n = ESP_NVS_CSV_MAX_VALUE_BYTES / ESP_NVS_BLOB_MAX + 1;
	g_autofree char *message = g_strdup_printf(
		"line %u: with key 'a.k%u' the blobs have more than 67108864 bytes", n + 2, n);
	g_autoptr(GError) error = NULL;

	(void)state;
	for (guint i = 1; i <= n; i++)
		g_string_append_printf(csv, "k%u,data,blob_fill(%d;0x00),\n", i, ESP_NVS_BLOB_MAX);
	assert_null(esp_nvs_csv_read(csv->str, csv->len, NULL, NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TOO_LARGE));
	assert_string_equal(error->message, message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_text_as_the_generator_does),
		cmocka_unit_test(reads_blobs_of_every_encoding),
		cmocka_unit_test(reads_integers_to_the_ends_of_their_range),
		cmocka_unit_test(says_in_which_line_what_is_wrong),
		cmocka_unit_test(holds_its_limits),
		cmocka_unit_test(reads_files_through_its_caller),
		cmocka_unit_test(reads_several_texts_as_one),
		cmocka_unit_test(bounds_what_fills_make_of_a_short_text),
		cmocka_unit_test(writes_what_it_reads),
		cmocka_unit_test(refuses_what_the_generators_csv_cannot_carry),
		cmocka_unit_test(reads_the_csv_of_a_real_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
