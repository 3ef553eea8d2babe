/* Flash encryption, of the ESP32 and of the other chips, by vectors, by OpenSSL and by pieces. */
#include "esp/flash_encryption.h"

#include "base/digest.h"
#include "esp/error.h"
#include "esp/hash.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_BYTES = 8192 };

static void count_up(guint8 *bytes, gsize size)
{
	for (gsize i = 0; i < size; i++)
		bytes[i] = (guint8)i;
}

static void assert_hex(const guint8 *bytes, const char *hex)
{
	g_autofree char *text = base_hex(bytes, strlen(hex) / 2);

	assert_string_equal(text, hex);
}

/* Encrypts in place with the key 00 01 02 …, or decrypts. */
static void run(EspFlashScheme scheme, EspFlashDirection direction, gsize key_bytes, guint config,
		guint64 address, guint8 *data, gsize size)
{
	guint8 key[ESP_FLASH_ENCRYPTION_KEY_MAX_BYTES];
	g_autoptr(EspFlashCipher) cipher = NULL;
	g_autoptr(GError) error = NULL;

	count_up(key, sizeof key);
	cipher = esp_flash_cipher_new(scheme, direction, key, key_bytes, config, &error);
	assert_null(error);
	assert_true(esp_flash_cipher_run(cipher, address, data, size, &error));
}

static void encrypts_and_decrypts_the_known_vectors(void **state)
{
	static const struct {
		EspFlashScheme scheme;
		gsize key_bytes;
		guint64 address;
		gboolean zeros; /* else 00 01 02 … */
		const char *expected;
	} rows[] = {
		{ESP_FLASH_AES, 32, 0x10000, FALSE,
		 "83630c7cfe5f7a97258302bbf469bbaad1ee15f32aa45a1b5a3239e452effdcd"},
		{ESP_FLASH_AES, 32, 0x1234C0, TRUE,
		 "f8f165cbf97802e3bf873b2c0e471ca5f8f165cbf97802e3bf873b2c0e471ca5"},
		{ESP_FLASH_XTS, 32, 0x10000, FALSE, "2c2a288e9e96647587883012b81d1739"},
		{ESP_FLASH_XTS, 32, 0x10010, FALSE, "b0c82fa75404ac8367b5dd6793163003"},
		{ESP_FLASH_XTS, 64, 0x10000, FALSE,
		 "ed032950be116e860729b191d93e3cc2541e5722eec0a990b48e4eb691b0acf5"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		gsize size = strlen(rows[i].expected) / 2;
		guint8 plain[64] = {0}, data[64];

		if (!rows[i].zeros)
			count_up(plain, size);
		memcpy(data, plain, size);
		run(rows[i].scheme, ESP_FLASH_ENCRYPT, rows[i].key_bytes, 0xF, rows[i].address,
		    data, size);
		assert_hex(data, rows[i].expected);
		run(rows[i].scheme, ESP_FLASH_DECRYPT, rows[i].key_bytes, 0xF, rows[i].address,
		    data, size);
		assert_memory_equal(data, plain, size);
	}
}

/* Under the zero key, the key that an address makes is that address's tweak: AES with the tweak for
 * its key, in the reverse order of bytes, is what flash holds. */
static void esp32_keys_are_tweaked_by_range_and_address(void **state)
{
	static const struct {
		guint64 address;
		guint config;
		const char *tweak;
	} rows[] = {
		{0x20, 0xF, "0000200004000080200004000080001010000200004000082000040000800011"},
		{0xFFFFE0, 0xF, "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"},
		{0xFFFFE0, 0x1, "ffffffffffffffffe00000000000000000000000000000000000000000000000"},
		{0xFFFFE0, 0x2, "00000000000000001ffffffffffffffff0000000000000000000000000000000"},
		{0xFFFFE0, 0x4, "000000000000000000000000000000000fffffffffffffffe000000000000000"},
		{0xFFFFE0, 0x8, "0000000000000000000000000000000000000000000000001fffffffffffffff"},
		{0x10, 0xF, "0000000000000000000000000000000000000000000000000000000000000000"},
		{0xFFFFE0, 0x0, "0000000000000000000000000000000000000000000000000000000000000000"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint8 zero[32] = {0}, expected[16], data[16] = {0};
		g_autoptr(GBytes) tweak = base_unhex(rows[i].tweak);
		g_autoptr(EspFlashCipher) cipher = esp_flash_cipher_new(
			ESP_FLASH_AES, ESP_FLASH_ENCRYPT, zero, 32, rows[i].config, NULL);
		EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
		int written;

		EVP_DecryptInit_ex(aes, EVP_aes_256_ecb(), NULL, g_bytes_get_data(tweak, NULL),
				   NULL);
		EVP_CIPHER_CTX_set_padding(aes, 0);
		EVP_DecryptUpdate(aes, expected, &written, data, 16);
		EVP_CIPHER_CTX_free(aes);
		assert_true(esp_flash_cipher_run(cipher, rows[i].address, data, 16, NULL));
		for (gsize byte = 0; byte < 16; byte++)
			assert_int_equal(data[byte], expected[15 - byte]);
	}
}

static void a_key_of_24_bytes_repeats_its_last_two_thirds(void **state)
{
	guint8 key[32], data[64], other[64];
	g_autoptr(EspFlashCipher) cipher = NULL;

	(void)state;
	count_up(key, 24);
	for (guint i = 0; i < 8; i++)
		key[24 + i] = (guint8)(8 + i);
	count_up(data, sizeof data);
	count_up(other, sizeof other);
	cipher = esp_flash_cipher_new(ESP_FLASH_AES, ESP_FLASH_ENCRYPT, key, 32, 0xF, NULL);
	assert_true(esp_flash_cipher_run(cipher, 0x1000, data, sizeof data, NULL));
	run(ESP_FLASH_AES, ESP_FLASH_ENCRYPT, 24, 0xF, 0x1000, other, sizeof other);
	assert_memory_equal(data, other, sizeof data);
}

static void a_key_of_16_bytes_is_hashed(void **state)
{
	guint8 key[32], data[64], other[64];
	g_autoptr(EspFlashCipher) cipher = NULL;

	(void)state;
	count_up(data, sizeof data);
	count_up(other, sizeof other);
	esp_sha256(data, 16, key);
	cipher = esp_flash_cipher_new(ESP_FLASH_XTS, ESP_FLASH_ENCRYPT, key, 32, 0, NULL);
	assert_true(esp_flash_cipher_run(cipher, 0x1000, data, sizeof data, NULL));
	run(ESP_FLASH_XTS, ESP_FLASH_ENCRYPT, 16, 0, 0x1000, other, sizeof other);
	assert_memory_equal(data, other, sizeof data);
}

static void pieces_of_any_size_make_the_same_bytes(void **state)
{
	static const gsize steps[] = {16, 32, 48, 112, 128, 144, 4096, 4112};
	static const gsize key_bytes[] = {[ESP_FLASH_AES] = 32, [ESP_FLASH_XTS] = 64};
	guint8 whole[MOST_BYTES], pieces[MOST_BYTES];

	(void)state;
	for (EspFlashScheme scheme = ESP_FLASH_AES; scheme <= ESP_FLASH_XTS; scheme++)
		for (guint64 address = 0x1F0; address < 0x280; address += 16)
			for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
				gsize n, bytes = key_bytes[scheme];

				count_up(whole, sizeof whole);
				count_up(pieces, sizeof pieces);
				run(scheme, ESP_FLASH_ENCRYPT, bytes, 0xF, address, whole,
				    sizeof whole);
				for (gsize at = 0; at < sizeof pieces; at += n) {
					n = MIN(steps[i], sizeof pieces - at);
					run(scheme, ESP_FLASH_ENCRYPT, bytes, 0xF, address + at,
					    pieces + at, n);
				}
				assert_memory_equal(whole, pieces, sizeof whole);
				run(scheme, ESP_FLASH_DECRYPT, bytes, 0xF, address, whole,
				    sizeof whole);
				count_up(pieces, sizeof pieces);
				assert_memory_equal(whole, pieces, sizeof whole);
			}
}

static void addresses_and_sizes_are_multiples_of_16_within_the_flash(void **state)
{
	static const struct {
		guint64 address;
		gsize size;
		const char *aes, *xts; /* messages; NULL: taken */
	} rows[] = {
		{0x10008, 16, "flash address 0x10008 is no multiple of 16",
		 "flash address 0x10008 is no multiple of 16"},
		{0x10001, 16, "flash address 0x10001 is no multiple of 16",
		 "flash address 0x10001 is no multiple of 16"},
		{0x10000, 17, "17 bytes are no multiple of 16", "17 bytes are no multiple of 16"},
		{0x10000, 8, "8 bytes are no multiple of 16", "8 bytes are no multiple of 16"},
		{0xFFFFFFF0, 32, "end past 0x1000000,",
		 "flash address 0xfffffff0 end past 0x100000000,"},
		{0x100000010, 16, "end past 0x1000000,", "end past 0x100000000,"},
		{0xFFFFF0, 32, "32 bytes at flash address 0xfffff0 end past 0x1000000,", NULL},
		{0xFFFFF0, 16, NULL, NULL},
		{0xFFFFFFF0, 16, "end past 0x1000000,", NULL},
		{0x10000, 0, NULL, NULL},
	};
	static const guint8 untouched[32] = {0};

	(void)state;
	for (EspFlashScheme scheme = ESP_FLASH_AES; scheme <= ESP_FLASH_XTS; scheme++)
		for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
			guint8 key[32] = {0}, data[32] = {0};
			g_autoptr(GError) error = NULL;
			g_autoptr(EspFlashCipher) cipher = esp_flash_cipher_new(
				scheme, ESP_FLASH_ENCRYPT, key, sizeof key, 0xF, NULL);
			const char *message = scheme == ESP_FLASH_AES ? rows[i].aes : rows[i].xts;
			gboolean done = esp_flash_cipher_run(cipher, rows[i].address, data,
							     rows[i].size, &error);

			assert_int_equal(done, message == NULL);
			if (done)
				continue;
			assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
			assert_non_null(strstr(error->message, message));
			assert_memory_equal(data, untouched, sizeof data);
		}
}

static void refuses_keys_and_configurations_that_there_are_not(void **state)
{
	static const struct {
		EspFlashScheme scheme;
		gsize key_bytes;
		guint config;
		const char *message;
	} rows[] = {
		{ESP_FLASH_AES, 16, 0xF, "has 32 bytes (or 24, in coding scheme 3/4), not 16"},
		{ESP_FLASH_AES, 64, 0xF, "has 32 bytes (or 24, in coding scheme 3/4), not 64"},
		{ESP_FLASH_AES, 0, 0xF, "has 32 bytes (or 24, in coding scheme 3/4), not 0"},
		{ESP_FLASH_AES, 32, 0x10, "FLASH_CRYPT_CONFIG is 0x0 to 0xf, not 0x10"},
		{ESP_FLASH_XTS, 24, 0xF, "has 32 or 64 bytes (or 16, on the ESP32-C2), not 24"},
		{ESP_FLASH_XTS, 48, 0xF, "has 32 or 64 bytes (or 16, on the ESP32-C2), not 48"},
		{ESP_FLASH_XTS, 0, 0xF, "has 32 or 64 bytes (or 16, on the ESP32-C2), not 0"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint8 key[64] = {0};
		g_autoptr(GError) error = NULL;

		assert_null(esp_flash_cipher_new(rows[i].scheme, ESP_FLASH_ENCRYPT, key,
						 rows[i].key_bytes, rows[i].config, &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
		assert_non_null(strstr(error->message, rows[i].message));
	}
}

static void a_chip_and_the_size_of_a_key_give_the_scheme(void **state)
{
	static const struct {
		const char *chip;
		gsize key_bytes;
		int scheme; /* -1: none */
		const char *message;
	} rows[] = {
		{"esp32", 32, ESP_FLASH_AES, NULL},
		{"esp32", 24, ESP_FLASH_AES, NULL},
		{"esp32", 64, -1, "of ESP32 has 24 (coding scheme 3/4) or 32 bytes, not 64"},
		{"esp32c3", 32, ESP_FLASH_XTS, NULL},
		{"esp32c3", 64, -1, "of ESP32-C3 has 32 bytes, not 64"},
		{"esp32c3", 24, -1, "of ESP32-C3 has 32 bytes, not 24"},
		{"esp32c3", 16, -1, "of ESP32-C3 has 32 bytes, not 16"},
		{"esp32c2", 16, ESP_FLASH_XTS, NULL},
		{"esp32c2", 32, ESP_FLASH_XTS, NULL},
		{"esp32c2", 64, -1, "of ESP32-C2 has 16 or 32 bytes, not 64"},
		{"esp32s3", 64, ESP_FLASH_XTS, NULL},
		{"esp32s2", 64, ESP_FLASH_XTS, NULL},
		{"esp32p4", 64, ESP_FLASH_XTS, NULL},
		{"esp32c5", 64, ESP_FLASH_XTS, NULL},
		{"esp32h4", 64, ESP_FLASH_XTS, NULL},
		{"esp32s31", 64, ESP_FLASH_XTS, NULL},
		{"esp32s3", 32, ESP_FLASH_XTS, NULL},
		{"esp32c6", 64, -1, "of ESP32-C6 has 32 bytes, not 64"},
		{"host", 32, -1, "host device has no flash encryption"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		EspFlashScheme scheme = (EspFlashScheme)77;
		g_autoptr(GError) error = NULL;
		gboolean known = esp_flash_scheme_of(esp_chip_find(rows[i].chip), rows[i].key_bytes,
						     &scheme, &error);

		assert_int_equal(known, rows[i].scheme >= 0);
		assert_int_equal(scheme, known ? rows[i].scheme : 77);
		if (!known)
			assert_non_null(strstr(error->message, rows[i].message));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encrypts_and_decrypts_the_known_vectors),
		cmocka_unit_test(esp32_keys_are_tweaked_by_range_and_address),
		cmocka_unit_test(a_key_of_24_bytes_repeats_its_last_two_thirds),
		cmocka_unit_test(a_key_of_16_bytes_is_hashed),
		cmocka_unit_test(pieces_of_any_size_make_the_same_bytes),
		cmocka_unit_test(addresses_and_sizes_are_multiples_of_16_within_the_flash),
		cmocka_unit_test(refuses_keys_and_configurations_that_there_are_not),
		cmocka_unit_test(a_chip_and_the_size_of_a_key_give_the_scheme),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
