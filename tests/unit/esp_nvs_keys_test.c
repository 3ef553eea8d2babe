/* Keys of NVS encryption, their partition, and images encrypted with them. */
#include "base/digest.h"
#include "esp_nvs_world.h"

static void derives_the_keys_of_the_hmac_scheme(void **state)
{
	guint8 hmac_key[ESP_NVS_HMAC_KEY_BYTES], image[ESP_NVS_KEYS_PARTITION_BYTES];
	g_auto(EspNvsKeys) keys = {0};
	g_autofree char *data = NULL, *tweak = NULL;

	(void)state;
	for (guint i = 0; i < sizeof hmac_key; i++)
		hmac_key[i] = (guint8)(i + 1);
	esp_nvs_keys_derive(hmac_key, &keys);
	data = base_hex(keys.data, sizeof keys.data);
	tweak = base_hex(keys.tweak, sizeof keys.tweak);
	assert_string_equal(data,
			    "ff6989e4fafd2d8cb313aa5743f0173f9b8a2c8587872832134682e0e0538dbd");
	assert_string_equal(tweak,
			    "9c8e2ba7513701768c3c22db4b0fe056daf8abfc9acff43a6f931d8373ac1f93");
	esp_nvs_keys_write(&keys, image);
	assert_int_equal(esp_get_le32(image + 64), 0x2FA057DA);
}

static void a_key_partition_is_read_as_it_was_written(void **state)
{
	guint8 image[ESP_NVS_KEYS_PARTITION_BYTES];
	g_auto(EspNvsKeys) keys = {0}, read = {0};

	(void)state;
	assert_true(esp_nvs_keys_generate(&keys, NULL));
	esp_nvs_keys_write(&keys, image);
	assert_memory_equal(image, &keys, 64);
	for (gsize i = 68; i < sizeof image; i++)
		assert_int_equal(image[i], 0xFF);
	assert_true(esp_nvs_keys_read(image, sizeof image, &read, NULL));
	assert_memory_equal(&read, &keys, sizeof keys);
	assert_true(esp_nvs_keys_read(image, 68, &read, NULL));
}

static void generated_keys_differ(void **state)
{
	g_auto(EspNvsKeys) one = {0}, two = {0};

	(void)state;
	assert_true(esp_nvs_keys_generate(&one, NULL));
	assert_true(esp_nvs_keys_generate(&two, NULL));
	assert_memory_not_equal(one.data, two.data, 32);
	assert_memory_not_equal(one.tweak, two.tweak, 32);
	assert_memory_not_equal(one.data, one.tweak, 32);
}

static void cleared_keys_are_gone(void **state)
{
	EspNvsKeys keys = vector_keys();
	static const EspNvsKeys zero;

	(void)state;
	esp_nvs_keys_clear(&keys);
	assert_memory_equal(&keys, &zero, sizeof keys);
}

static void says_what_is_wrong_with_a_key_partition(void **state)
{
	guint8 image[ESP_NVS_KEYS_PARTITION_BYTES];
	EspNvsKeys keys = vector_keys(), untouched = vector_keys();
	const struct {
		gsize size;
		gsize damaged_at; /* 0: none */
		gboolean erased;
		int code;
		const char *message;
	} rows[] = {
		{67, 0, FALSE, ESP_ERROR_TRUNCATED,
		 "NVS key partition: it ends after 67 bytes; 64 of keys and 4 of their CRC are "
		 "wanted"},
		{0, 0, FALSE, ESP_ERROR_TRUNCATED,
		 "NVS key partition: it ends after 0 bytes; 64 of keys and 4 of their CRC are "
		 "wanted"},
		{PAGE, 0, TRUE, ESP_ERROR_NOT_FOUND,
		 "NVS key partition: it is erased flash: no keys were made yet"},
		{68, 0, TRUE, ESP_ERROR_NOT_FOUND,
		 "NVS key partition: it is erased flash: no keys were made yet"},
		{PAGE, 63, FALSE, ESP_ERROR_CORRUPT,
		 "NVS key partition: the CRC at offset 64 is wrong: it is damaged, encrypted or no "
		 "key partition"},
		{PAGE, 67, FALSE, ESP_ERROR_CORRUPT,
		 "NVS key partition: the CRC at offset 64 is wrong: it is damaged, encrypted or no "
		 "key partition"},
		{PAGE, 67, TRUE, ESP_ERROR_CORRUPT,
		 "NVS key partition: the CRC at offset 64 is wrong: it is damaged, encrypted or no "
		 "key partition"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		esp_nvs_keys_write(&untouched, image);
		if (rows[i].erased)
			memset(image, 0xFF, sizeof image);
		if (rows[i].damaged_at != 0)
			image[rows[i].damaged_at] ^= 0x10;
		assert_false(esp_nvs_keys_read(image, rows[i].size, &keys, &error));
		assert_int_equal(error->code, rows[i].code);
		assert_string_equal(error->message, rows[i].message);
		assert_memory_equal(&keys, &untouched, sizeof keys);
	}
}

/* ---- Encrypted images ---- */

static const char *const space = "device";

static void encrypts_each_written_entry_and_nothing_else(void **state)
{
	const EspNvsEntry entry = {.space = space, .type = ESP_NVS_NAMESPACE};
	EspNvsKeys keys = vector_keys();
	const EspNvsWriteOptions options = {.keys = &keys};
	guint8 image[SIZE], plain[SIZE];
	g_autofree char *text = NULL;

	(void)state;
	lay_out_with(image, &entry, 1, &options);
	lay_out(plain, &entry, 1);
	text = base_hex(entry_at(image, 0), ENTRY);
	assert_string_equal(text,
			    "1b799f3616c4e6e9fedbe148f7782d0605ef951db4268e743335bc918e385a17");
	memcpy(entry_at(image, 0), entry_at(plain, 0), ENTRY);
	assert_memory_equal(image, plain, SIZE);
}

static void three_keys(EspNvsEntry entries[static 3], const guint8 *blob, gsize blob_bytes)
{
	entries[0] = esp_nvs_string("wifi", "pass", "correct horse battery staple, and a nail");
	entries[1] = esp_nvs_blob("x", "blob", blob, blob_bytes);
	entries[2] = esp_nvs_signed("x", "n", ESP_NVS_I32, -7);
}

static void an_image_encrypted_whole_is_the_one_written_encrypted(void **state)
{
	static const guint8 blob[5000] = {1, 2, 3};
	EspNvsKeys keys = vector_keys();
	const EspNvsWriteOptions options = {.keys = &keys};
	EspNvsEntry entries[3];
	guint8 written[SIZE], plain[SIZE], image[SIZE];
	g_autoptr(GError) error = NULL;

	(void)state;
	three_keys(entries, blob, sizeof blob);
	lay_out_with(written, entries, 3, &options);
	lay_out(plain, entries, 3);
	memcpy(image, plain, SIZE);
	assert_true(esp_nvs_encrypt(image, SIZE, &keys, &error));
	assert_memory_equal(image, written, SIZE);
	assert_true(esp_nvs_decrypt(image, SIZE, &keys, &error));
	assert_memory_equal(image, plain, SIZE);
}

static void erased_and_purged_entries_are_left_alone(void **state)
{
	const EspNvsEntry entries[] = {
		esp_nvs_unsigned("a", "one", ESP_NVS_U8, 1),
		esp_nvs_unsigned("a", "two", ESP_NVS_U8, 2),
		esp_nvs_unsigned("a", "three", ESP_NVS_U8, 3),
	};
	EspNvsKeys keys = vector_keys();
	guint8 plain[SIZE], image[SIZE];

	(void)state;
	lay_out(plain, entries, 3);
	memset(entry_at(plain, 1), 0x00, ENTRY);
	set_state(plain, 1, ERASED);
	set_state(plain, 2, ERASED);
	memcpy(image, plain, SIZE);
	assert_true(esp_nvs_encrypt(image, SIZE, &keys, NULL));
	assert_memory_not_equal(entry_at(image, 0), entry_at(plain, 0), ENTRY);
	assert_memory_equal(entry_at(image, 1), entry_at(plain, 1), 2 * ENTRY);
	assert_memory_not_equal(entry_at(image, 3), entry_at(plain, 3), ENTRY);
}

static void pages_that_do_not_count_are_left_alone(void **state)
{
	guint8 image[SIZE], before[SIZE];
	EspNvsKeys keys = vector_keys();

	(void)state;
	one_key(image, 1);
	image[28] ^= 1;
	memcpy(before, image, SIZE);
	assert_true(esp_nvs_encrypt(image, SIZE, &keys, NULL));
	assert_memory_equal(image, before, SIZE);
}

static void refuses_to_encrypt_twice_and_to_decrypt_with_other_keys(void **state)
{
	EspNvsKeys keys = vector_keys(), other = vector_keys();
	guint8 image[SIZE], before[SIZE];
	g_autoptr(GError) twice = NULL, wrong = NULL, plain = NULL, odd = NULL, none = NULL;

	(void)state;
	other.data[0] ^= 1;
	one_key(image, 1);
	assert_false(esp_nvs_decrypt(image, SIZE, &keys, &plain));
	assert_true(g_error_matches(plain, ESP_ERROR, ESP_ERROR_CORRUPT));
	assert_true(esp_nvs_encrypt(image, SIZE, &keys, NULL));
	memcpy(before, image, SIZE);
	assert_false(esp_nvs_encrypt(image, SIZE, &keys, &twice));
	assert_true(g_error_matches(twice, ESP_ERROR, ESP_ERROR_CORRUPT));
	assert_string_equal(twice->message,
			    "not one written entry of the NVS image has a right CRC as it is: it "
			    "is encrypted already, or damaged");
	assert_false(esp_nvs_decrypt(image, SIZE, &other, &wrong));
	assert_true(g_error_matches(wrong, ESP_ERROR, ESP_ERROR_CORRUPT));
	assert_string_equal(wrong->message,
			    "not one written entry of the NVS image has a right CRC after "
			    "decryption: the keys are others, or it is not encrypted");
	assert_memory_equal(image, before, SIZE);
	assert_false(esp_nvs_encrypt(image, SIZE - 1, &keys, &odd));
	assert_true(g_error_matches(odd, ESP_ERROR, ESP_ERROR_INVALID));
	assert_false(esp_nvs_decrypt(image, 0, &keys, &none));
	assert_true(g_error_matches(none, ESP_ERROR, ESP_ERROR_INVALID));
}

static void one_right_entry_anywhere_shows_whose_an_image_is(void **state)
{
	static const guint8 blob[5000] = {1, 2, 3};
	const EspNvsEntry entry = esp_nvs_blob("x", "blob", blob, sizeof blob);
	EspNvsKeys keys = vector_keys();
	guint8 image[SIZE], plain[SIZE];

	(void)state;
	lay_out(plain, &entry, 1);
	/* The only right ones are then in the second page. */
	entry_at(plain, 0)[8] ^= 1;
	entry_at(plain, 1)[8] ^= 1;
	memcpy(image, plain, SIZE);
	assert_true(esp_nvs_encrypt(image, SIZE, &keys, NULL));
	assert_true(esp_nvs_decrypt(image, SIZE, &keys, NULL));
	assert_memory_equal(image, plain, SIZE);
}

static void reads_with_the_keys_and_nothing_with_others(void **state)
{
	static const guint8 blob[5000] = {1, 2, 3};
	EspNvsKeys keys = vector_keys(), other = vector_keys();
	const EspNvsWriteOptions options = {.keys = &keys};
	g_autoptr(EspNvsContents) contents = NULL, wrong = NULL, plain = NULL;
	EspNvsEntry entries[3];
	guint8 image[SIZE];

	(void)state;
	other.tweak[31] ^= 0x80;
	three_keys(entries, blob, sizeof blob);
	lay_out_with(image, entries, 3, &options);
	contents = esp_nvs_read_encrypted(image, SIZE, &keys, 0, NULL);
	assert_int_equal(contents->n_entries, 3);
	assert_int_equal(contents->n_damaged, 0);
	assert_string_equal(esp_nvs_find(contents, "wifi", "pass")->value.text,
			    entries[0].value.text);
	assert_memory_equal(esp_nvs_find(contents, "x", "blob")->value.blob.data, blob,
			    sizeof blob);
	assert_int_equal(esp_nvs_find(contents, "x", "n")->value.i, -7);
	wrong = esp_nvs_read_encrypted(image, SIZE, &other, 0, NULL);
	assert_int_equal(wrong->n_entries, 0);
	assert_true(wrong->n_damaged >= 7);
	plain = esp_nvs_read(image, SIZE, 0, NULL);
	assert_int_equal(plain->n_entries, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derives_the_keys_of_the_hmac_scheme),
		cmocka_unit_test(a_key_partition_is_read_as_it_was_written),
		cmocka_unit_test(generated_keys_differ),
		cmocka_unit_test(cleared_keys_are_gone),
		cmocka_unit_test(says_what_is_wrong_with_a_key_partition),
		cmocka_unit_test(encrypts_each_written_entry_and_nothing_else),
		cmocka_unit_test(an_image_encrypted_whole_is_the_one_written_encrypted),
		cmocka_unit_test(erased_and_purged_entries_are_left_alone),
		cmocka_unit_test(pages_that_do_not_count_are_left_alone),
		cmocka_unit_test(refuses_to_encrypt_twice_and_to_decrypt_with_other_keys),
		cmocka_unit_test(one_right_entry_anywhere_shows_whose_an_image_is),
		cmocka_unit_test(reads_with_the_keys_and_nothing_with_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
