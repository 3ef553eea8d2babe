/* AES-XTS over many units, beside OpenSSL's own and the vectors of ESP-IDF. */
#include "esp/xts.h"

#include "base/digest.h"
#include "esp/bytes.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_BYTES = 16384 };

/* E = 32 times 0x11, T = 32 times 0x22. */
static void vector_key(guint8 key[static ESP_XTS_256_KEY_BYTES])
{
	memset(key, 0x11, 32);
	memset(key + 32, 0x22, 32);
}

static void encrypts_the_vectors_of_esp_idf(void **state)
{
	static const struct {
		guint64 tweak;
		guint8 plain;
		const char *expected;
	} rows[] = {
		{0x3333333333, 0x44,
		 "e622334f184bbce129a25b2ac76b3d92abf98e22df5bdd15af471f3db8946a85"},
		{0x1040, 0xff, "70f8d60b72d9c2406757f3b88196df964ed948a28d334d33546007bd6a6faf7b"},
	};
	guint8 key[ESP_XTS_256_KEY_BYTES];
	g_autoptr(EspXts) encrypt = NULL, decrypt = NULL;

	(void)state;
	vector_key(key);
	encrypt = esp_xts_new(ESP_XTS_ENCRYPT, key, sizeof key);
	decrypt = esp_xts_new(ESP_XTS_DECRYPT, key, sizeof key);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		guint8 unit[32];
		g_autofree char *text = NULL;

		memset(unit, rows[i].plain, sizeof unit);
		esp_xts_run(encrypt, unit, sizeof unit, 1, rows[i].tweak, 0);
		text = base_hex(unit, sizeof unit);
		assert_string_equal(text, rows[i].expected);
		esp_xts_run(decrypt, unit, sizeof unit, 1, rows[i].tweak, 0);
		for (gsize b = 0; b < sizeof unit; b++)
			assert_int_equal(unit[b], rows[i].plain);
	}
}

static void fill(guint8 *bytes, gsize n, guint32 seed)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(seed);

	for (gsize i = 0; i < n; i++)
		bytes[i] = (guint8)g_rand_int_range(random, 0, 256);
}

static void openssl_run(const guint8 *key, gsize key_bytes, guint8 *data, gsize unit_bytes,
			gsize n_units, guint64 tweak, guint64 step)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = key_bytes == 32 ? EVP_aes_128_xts() : EVP_aes_256_xts();

	for (gsize i = 0; i < n_units; i++) {
		guint8 number[16] = {0};
		int written = 0;

		esp_put_le64(number, tweak + i * step);
		assert_int_equal(EVP_EncryptInit_ex(context, cipher, NULL, key, number), 1);
		assert_int_equal(EVP_EncryptUpdate(context, data + i * unit_bytes, &written,
						   data + i * unit_bytes, (int)unit_bytes),
				 1);
		assert_int_equal(written, unit_bytes);
	}
	EVP_CIPHER_CTX_free(context);
}

static void agrees_with_openssl_at_every_size_and_goes_back(void **state)
{
	static const struct {
		gsize key_bytes, unit_bytes, n_units;
		guint64 tweak, step;
	} rows[] = {
		{64, 32, 1, 0x40, 32},
		{64, 32, 126, 0x1040, 32},
		{64, 32, 127, 0xFFFFFFF0, 32},
		{64, 32, 128, 0, 32},
		{64, 32, 129, 0x40, 32},
		{64, 32, 500, 0x40, 32},
		{32, 128, 1, 0x10000, 128},
		{32, 128, 33, 0x10000, 128},
		{64, 128, 100, 0xFFFFFF80, 128},
		{32, 16, 300, 7, 1},
		{32, 48, 90, 1, 3},
		{64, 4096, 3, 5, 4096},
		{64, 2064, 4, 5, 1},
		{64, 32, 0, 5, 1},
	};
	static guint8 plain[MOST_BYTES], ours[MOST_BYTES], theirs[MOST_BYTES];

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		gsize n_bytes = rows[i].unit_bytes * rows[i].n_units;
		guint8 key[ESP_XTS_256_KEY_BYTES];
		g_autoptr(EspXts) encrypt = NULL, decrypt = NULL;

		fill(key, sizeof key, (guint32)i);
		fill(plain, sizeof plain, (guint32)i + 100);
		memcpy(ours, plain, sizeof plain);
		memcpy(theirs, plain, sizeof plain);
		encrypt = esp_xts_new(ESP_XTS_ENCRYPT, key, rows[i].key_bytes);
		decrypt = esp_xts_new(ESP_XTS_DECRYPT, key, rows[i].key_bytes);
		esp_xts_run(encrypt, ours, rows[i].unit_bytes, rows[i].n_units, rows[i].tweak,
			    rows[i].step);
		openssl_run(key, rows[i].key_bytes, theirs, rows[i].unit_bytes, rows[i].n_units,
			    rows[i].tweak, rows[i].step);
		assert_memory_equal(ours, theirs, sizeof ours);
		esp_xts_run(decrypt, ours, rows[i].unit_bytes, rows[i].n_units, rows[i].tweak,
			    rows[i].step);
		assert_memory_equal(ours, plain, sizeof ours);
		assert_memory_equal(ours + n_bytes, plain + n_bytes, sizeof ours - n_bytes);
	}
}

static void a_context_is_used_again(void **state)
{
	guint8 key[ESP_XTS_256_KEY_BYTES], first[64] = {0}, second[64] = {0};
	g_autoptr(EspXts) xts = NULL;

	(void)state;
	vector_key(key);
	xts = esp_xts_new(ESP_XTS_ENCRYPT, key, sizeof key);
	esp_xts_run(xts, first, 32, 2, 0x40, 32);
	esp_xts_run(xts, second, 32, 1, 0x40, 32);
	esp_xts_run(xts, second + 32, 32, 1, 0x60, 32);
	assert_memory_equal(first, second, sizeof first);
	esp_xts_free(NULL);
}

/* OpenSSL refuses them; the chips and mbed TLS do not. */
static void takes_equal_halves_of_a_key(void **state)
{
	guint8 key[ESP_XTS_128_KEY_BYTES] = {0}, unit[16] = {0};
	g_autoptr(EspXts) encrypt = esp_xts_new(ESP_XTS_ENCRYPT, key, sizeof key);
	g_autoptr(EspXts) decrypt = esp_xts_new(ESP_XTS_DECRYPT, key, sizeof key);

	(void)state;
	esp_xts_run(encrypt, unit, sizeof unit, 1, 0, 0);
	assert_int_not_equal(unit[0], 0);
	esp_xts_run(decrypt, unit, sizeof unit, 1, 0, 0);
	for (gsize i = 0; i < sizeof unit; i++)
		assert_int_equal(unit[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encrypts_the_vectors_of_esp_idf),
		cmocka_unit_test(agrees_with_openssl_at_every_size_and_goes_back),
		cmocka_unit_test(a_context_is_used_again),
		cmocka_unit_test(takes_equal_halves_of_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
