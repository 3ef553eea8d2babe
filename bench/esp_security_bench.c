/* Flash encryption beside OpenSSL on the same units, by turns in one process: XTS on units of 128
 * bytes, and of the ESP32 the key schedule and two blocks of AES-256 for each 32 bytes. OpenSSL's
 * figures are without the reversals and the key tweak that the chips want. Then signing and
 * verifying, beside hashing the same image. */
#include "esp/flash_encryption.h"
#include "esp/hash.h"
#include "esp/openssl.h"
#include "esp/signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SAMPLES = 41,
	DATA_BYTES = 1024 * 1024,
	XTS_UNIT_BYTES = 128,
	PAIR_BYTES = 32,
};

static guint8 data[DATA_BYTES];
static EspFlashCipher *flash_cipher;
static EVP_CIPHER_CTX *openssl_cipher;

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double time_of(void (*work)(void))
{
	gint64 start = g_get_monotonic_time();

	work();
	return (double)(g_get_monotonic_time() - start);
}

/* Medians in microseconds, taken by turns. */
static void time_both(void (*ours)(void), void (*theirs)(void), double *ours_us, double *theirs_us)
{
	double a[SAMPLES], b[SAMPLES];

	for (guint i = 0; i < SAMPLES; i++) {
		a[i] = time_of(ours);
		b[i] = time_of(theirs);
	}
	qsort(a, SAMPLES, sizeof *a, compare_doubles);
	qsort(b, SAMPLES, sizeof *b, compare_doubles);
	*ours_us = a[SAMPLES / 2];
	*theirs_us = b[SAMPLES / 2];
}

static void run_ours(void)
{
	if (!esp_flash_cipher_run(flash_cipher, 0x10000, data, DATA_BYTES, NULL))
		g_error("the address is wrong");
}

static void run_openssl_xts(void)
{
	const EspOpenssl *ssl = esp_openssl();
	guint8 tweak[16] = {0};
	int written;

	for (guint32 at = 0; at < DATA_BYTES; at += XTS_UNIT_BYTES) {
		memcpy(tweak, &at, sizeof at);
		ssl->EVP_CipherInit_ex(openssl_cipher, NULL, NULL, NULL, tweak, -1);
		ssl->EVP_CipherUpdate(openssl_cipher, data + at, &written, data + at,
				      XTS_UNIT_BYTES);
	}
}

static void run_openssl_aes(void)
{
	const EspOpenssl *ssl = esp_openssl();
	guint8 key[32] = {0};
	int written;

	for (guint32 at = 0; at < DATA_BYTES; at += PAIR_BYTES) {
		memcpy(key, &at, sizeof at);
		ssl->EVP_CipherInit_ex(openssl_cipher, NULL, NULL, key, NULL, -1);
		ssl->EVP_CipherUpdate(openssl_cipher, data + at, &written, data + at, PAIR_BYTES);
	}
}

static void compare(const char *title, EspFlashScheme scheme, EspFlashDirection direction,
		    gsize key_bytes, const EVP_CIPHER *cipher)
{
	const EspOpenssl *ssl = esp_openssl();
	gboolean is_aes = scheme == ESP_FLASH_AES;
	guint8 key[ESP_FLASH_ENCRYPTION_KEY_MAX_BYTES];
	double ours, theirs;
	/* In flash of the ESP32 lies what AES decrypts. */
	int encrypt = is_aes ? direction == ESP_FLASH_DECRYPT : direction == ESP_FLASH_ENCRYPT;

	for (gsize i = 0; i < sizeof key; i++)
		key[i] = (guint8)i;
	flash_cipher = esp_flash_cipher_new(scheme, direction, key, key_bytes, 0xF, NULL);
	openssl_cipher = ssl->EVP_CIPHER_CTX_new();
	ssl->EVP_CipherInit_ex(openssl_cipher, cipher, NULL, key, key, encrypt);
	ssl->EVP_CIPHER_CTX_set_padding(openssl_cipher, 0);
	time_both(run_ours, is_aes ? run_openssl_aes : run_openssl_xts, &ours, &theirs);
	printf("  %-34s %8.1f MB/s  OpenSSL %8.1f MB/s  time %.2f of OpenSSL's\n", title,
	       DATA_BYTES / ours, DATA_BYTES / theirs, ours / theirs);
	ssl->EVP_CIPHER_CTX_free(openssl_cipher);
	esp_flash_cipher_free(flash_cipher);
}

static EspSignatureKey *key_of(const char *name)
{
	g_autofree char *path =
		g_strconcat(ESPALIER_SOURCE_DIR "/tests/data/signing/", name, ".pem", NULL);
	g_autofree char *pem = NULL;
	gsize size;

	if (!g_file_get_contents(path, &pem, &size, NULL))
		g_error("%s cannot be read", path);
	return esp_signature_key_read_private((const guint8 *)pem, size, NULL, NULL, NULL);
}

static EspSignatureKey *signing_key;
static GBytes *signed_image;

static void sign(void)
{
	g_clear_pointer(&signed_image, g_bytes_unref);
	signed_image =
		esp_signature_sign(data, DATA_BYTES, &signing_key, 1, ESP_SIGNATURE_FRESH, NULL);
}

static void verify(void)
{
	if (!esp_signature_verify(g_bytes_get_data(signed_image, NULL),
				  g_bytes_get_size(signed_image), NULL, 0, NULL, NULL))
		g_error("the signature is wrong");
}

static void hash(void)
{
	guint8 digest[ESP_SHA384_BYTES];

	if (esp_signature_key_scheme(signing_key) == ESP_SIGNATURE_ECDSA_P384)
		esp_sha384(data, DATA_BYTES, digest);
	else
		esp_sha256(data, DATA_BYTES, digest);
}

static void measure_signatures(const char *name)
{
	double sign_us, verify_us, hash_us, again_us;

	signing_key = key_of(name);
	time_both(sign, hash, &sign_us, &hash_us);
	time_both(verify, hash, &verify_us, &again_us);
	printf("  %-34s sign %8.0f us  verify %8.0f us  of which the hash %8.0f us\n", name,
	       sign_us, verify_us, hash_us);
	g_clear_pointer(&signed_image, g_bytes_unref);
	g_clear_pointer(&signing_key, esp_signature_key_free);
}

int main(void)
{
	static const char *const keys[] = {"rsa3072", "ecdsa192", "ecdsa256", "ecdsa384"};
	const EVP_CIPHER *aes = esp_openssl()->EVP_aes_256_ecb();

	printf("flash encryption of 1 MiB (goal: at most 1.5 times OpenSSL's time)\n");
	compare("ESP32, encrypt", ESP_FLASH_AES, ESP_FLASH_ENCRYPT, 32, aes);
	compare("ESP32, decrypt", ESP_FLASH_AES, ESP_FLASH_DECRYPT, 32, aes);
	compare("XTS-AES-128, encrypt", ESP_FLASH_XTS, ESP_FLASH_ENCRYPT, 32, EVP_aes_128_xts());
	compare("XTS-AES-128, decrypt", ESP_FLASH_XTS, ESP_FLASH_DECRYPT, 32, EVP_aes_128_xts());
	compare("XTS-AES-256, encrypt", ESP_FLASH_XTS, ESP_FLASH_ENCRYPT, 64, EVP_aes_256_xts());
	compare("XTS-AES-256, decrypt", ESP_FLASH_XTS, ESP_FLASH_DECRYPT, 64, EVP_aes_256_xts());
	printf("signatures of an image of 1 MiB\n");
	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		measure_signatures(keys[i]);
	return 0;
}
