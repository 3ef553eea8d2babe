#include "esp/flash_encryption.h"

#include "esp/aes.h"
#include "esp/bytes.h"
#include "esp/error.h"
#include "esp/hash.h"
#include "esp/openssl.h"
#include "esp/xts.h"

#include <string.h>

enum {
	BLOCK_BYTES = ESP_FLASH_ENCRYPTION_BLOCK_BYTES,
	UNIT_BYTES = 128, /* of XTS */
	UNITS_AT_ONCE = 32,
	PAIR_BYTES = 32, /* share one tweaked AES key */
	AES_KEY_BYTES = 32,
	AES_KEY_WORDS = AES_KEY_BYTES / 8,
	AES_SHORT_KEY_BYTES = 24,
	XTS_SHORT_KEY_BYTES = 16,
	TWEAK_FIRST_BIT = 5, /* address bits that tweak the key */
	TWEAK_LAST_BIT = 23,
	TWEAK_BITS = TWEAK_LAST_BIT - TWEAK_FIRST_BIT + 1,
	TWEAK_RANGES = 4,
};

/* Where flash ends at the latest: for the ESP32, where its tweak begins anew. */
static const guint64 xts_flash_end = G_GUINT64_CONSTANT(1) << 32;
static const guint64 aes_flash_end = G_GUINT64_CONSTANT(1) << (TWEAK_LAST_BIT + 1);

/* Keys of chips: of each size, the capabilities of which a chip has one. */
static const struct {
	gsize key_bytes;
	guint needed;
	const char *text;
} key_sizes[] = {
	{XTS_SHORT_KEY_BYTES, ESP_CHIP_XTS_SHORT_KEY, "16"},
	{AES_SHORT_KEY_BYTES, ESP_CHIP_AES_TWEAK, "24 (coding scheme 3/4)"},
	{AES_KEY_BYTES, G_MAXUINT, "32"},
	{ESP_XTS_256_KEY_BYTES, ESP_CHIP_XTS_256, "64"},
};

struct _EspFlashCipher {
	EspXts *xts;         /* of ESP_FLASH_XTS */
	EVP_CIPHER_CTX *aes; /* of ESP_FLASH_AES, with the members below */
	guint64 key[AES_KEY_WORDS];
	guint64 flips[TWEAK_BITS][AES_KEY_WORDS]; /* of the key, by each bit of the address */
};

gboolean esp_flash_scheme_of(const EspChip *chip, gsize key_bytes, EspFlashScheme *scheme,
			     GError **error)
{
	g_autoptr(GString) sizes = g_string_new(NULL);

	for (gsize i = 0; i < G_N_ELEMENTS(key_sizes); i++) {
		if ((chip->security & key_sizes[i].needed) == 0)
			continue;
		if (key_bytes == key_sizes[i].key_bytes) {
			*scheme = (chip->security & ESP_CHIP_AES_TWEAK) != 0 ? ESP_FLASH_AES
									     : ESP_FLASH_XTS;
			return TRUE;
		}
		g_string_append_printf(sizes, "%s%s", sizes->len > 0 ? " or " : "",
				       key_sizes[i].text);
	}
	if (sizes->len == 0)
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID, "%s has no flash encryption",
			    chip->title);
	else
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "a flash encryption key of %s has %s bytes, not %zu", chip->title,
			    sizes->str, key_bytes);
	return FALSE;
}

/* Which key bits each bit of the address flips, key bytes as they lie in memory. */
static void flips_fill(guint64 flips[TWEAK_BITS][AES_KEY_WORDS], guint crypt_config)
{
	static const guint run_ends[TWEAK_RANGES] = {14, 12, 10, 8};
	guint8 bytes[TWEAK_BITS][AES_KEY_BYTES] = {0};
	guint key_bit = 0;

	for (guint range = 0; range < TWEAK_RANGES; range++) {
		const guint firsts[] = {TWEAK_LAST_BIT, TWEAK_LAST_BIT, TWEAK_LAST_BIT,
					run_ends[range]};

		for (guint run = 0; run < G_N_ELEMENTS(firsts); run++)
			for (guint bit = firsts[run]; bit >= TWEAK_FIRST_BIT; bit--, key_bit++)
				if ((crypt_config >> range & 1) != 0)
					bytes[bit - TWEAK_FIRST_BIT][key_bit / 8] |=
						(guint8)(0x80U >> key_bit % 8);
	}
	g_assert(key_bit == AES_KEY_BYTES * 8);
	memcpy(flips, bytes, sizeof bytes);
}

static gboolean aes_start(EspFlashCipher *cipher, EspFlashDirection direction, const guint8 *key,
			  gsize key_bytes, guint crypt_config, GError **error)
{
	guint8 *whole = (guint8 *)cipher->key;

	if (key_bytes != AES_KEY_BYTES && key_bytes != AES_SHORT_KEY_BYTES) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "a flash encryption key of the ESP32 has 32 bytes (or 24, in coding "
			    "scheme 3/4), not %zu",
			    key_bytes);
		return FALSE;
	}
	if (crypt_config > ESP_FLASH_CRYPT_CONFIG_MAX) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "FLASH_CRYPT_CONFIG is 0x0 to 0xf, not 0x%x", crypt_config);
		return FALSE;
	}
	memcpy(whole, key, key_bytes);
	if (key_bytes == AES_SHORT_KEY_BYTES)
		memcpy(whole + AES_SHORT_KEY_BYTES, key + 8, AES_KEY_BYTES - AES_SHORT_KEY_BYTES);
	flips_fill(cipher->flips, crypt_config);
	cipher->aes = aes_new(NULL, AES_KEY_BYTES, direction == ESP_FLASH_DECRYPT);
	return TRUE;
}

static gboolean xts_start(EspFlashCipher *cipher, EspFlashDirection direction, const guint8 *key,
			  gsize key_bytes, GError **error)
{
	EspXtsDirection way = direction == ESP_FLASH_ENCRYPT ? ESP_XTS_ENCRYPT : ESP_XTS_DECRYPT;
	guint8 derived[ESP_SHA256_BYTES];

	if (key_bytes == XTS_SHORT_KEY_BYTES) {
		esp_sha256(key, key_bytes, derived);
		cipher->xts = esp_xts_new(way, derived, sizeof derived);
		esp_openssl()->OPENSSL_cleanse(derived, sizeof derived);
		return TRUE;
	}
	if (key_bytes != ESP_XTS_128_KEY_BYTES && key_bytes != ESP_XTS_256_KEY_BYTES) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "a flash encryption key for XTS-AES has 32 or 64 bytes (or 16, on the "
			    "ESP32-C2), not %zu",
			    key_bytes);
		return FALSE;
	}
	cipher->xts = esp_xts_new(way, key, key_bytes);
	return TRUE;
}

EspFlashCipher *esp_flash_cipher_new(EspFlashScheme scheme, EspFlashDirection direction,
				     const guint8 *key, gsize key_bytes, guint crypt_config,
				     GError **error)
{
	g_autoptr(EspFlashCipher) cipher = g_new0(EspFlashCipher, 1);

	if (scheme == ESP_FLASH_AES
		    ? !aes_start(cipher, direction, key, key_bytes, crypt_config, error)
		    : !xts_start(cipher, direction, key, key_bytes, error))
		return NULL;
	return g_steal_pointer(&cipher);
}

void esp_flash_cipher_free(EspFlashCipher *cipher)
{
	if (cipher == NULL)
		return;
	esp_xts_free(cipher->xts);
	esp_openssl()->EVP_CIPHER_CTX_free(cipher->aes);
	esp_openssl()->OPENSSL_cleanse(cipher, sizeof *cipher);
	g_free(cipher);
}

static void reverse(guint8 *bytes, gsize size_bytes)
{
	guint8 *end = bytes + size_bytes;

	for (; bytes < end; bytes += 8) {
		guint64 first, last;

		end -= 8;
		memcpy(&first, bytes, 8);
		memcpy(&last, end, 8);
		first = GUINT64_SWAP_LE_BE(first);
		last = GUINT64_SWAP_LE_BE(last);
		memcpy(bytes, &last, 8);
		memcpy(end, &first, 8);
	}
}

/* `tweaked` is the key of the address before; it becomes that of `address`. `changed` has the bits
 * in which the two addresses differ. */
static void tweak(const EspFlashCipher *cipher, guint64 tweaked[AES_KEY_WORDS], guint32 changed)
{
	changed = changed >> TWEAK_FIRST_BIT & ((1U << TWEAK_BITS) - 1);
	for (; changed != 0; changed &= changed - 1) {
		const guint64 *flips = cipher->flips[__builtin_ctz(changed)];

		for (guint i = 0; i < AES_KEY_WORDS; i++)
			tweaked[i] ^= flips[i];
	}
}

static void aes_run(EspFlashCipher *cipher, guint32 address, guint8 *data, gsize size_bytes)
{
	const EspOpenssl *ssl = esp_openssl();
	guint64 tweaked[AES_KEY_WORDS];
	guint32 before = 0;

	memcpy(tweaked, cipher->key, sizeof tweaked);
	while (size_bytes > 0) {
		gsize n = MIN(size_bytes, PAIR_BYTES - address % PAIR_BYTES);

		tweak(cipher, tweaked, address ^ before);
		for (gsize i = 0; i < n; i += BLOCK_BYTES)
			reverse(data + i, BLOCK_BYTES);
		if (ssl->EVP_CipherInit_ex(cipher->aes, NULL, NULL, (const guint8 *)tweaked, NULL,
					   -1) != 1)
			g_error("OpenSSL's AES takes no key; its installation is broken");
		aes_turn(cipher->aes, data, n);
		for (gsize i = 0; i < n; i += BLOCK_BYTES)
			reverse(data + i, BLOCK_BYTES);
		before = address;
		address += (guint32)n;
		data += n;
		size_bytes -= n;
	}
	ssl->OPENSSL_cleanse(tweaked, sizeof tweaked);
}

/* Whole units. */
static void xts_run_units(EspFlashCipher *cipher, guint64 address, guint8 *data, gsize n_units)
{
	while (n_units > 0) {
		gsize n = MIN(n_units, UNITS_AT_ONCE);

		for (gsize i = 0; i < n; i++)
			reverse(data + i * UNIT_BYTES, UNIT_BYTES);
		esp_xts_run(cipher->xts, data, UNIT_BYTES, n, address, UNIT_BYTES);
		for (gsize i = 0; i < n; i++)
			reverse(data + i * UNIT_BYTES, UNIT_BYTES);
		address += n * UNIT_BYTES;
		data += n * UNIT_BYTES;
		n_units -= n;
	}
}

/* A part of one unit: blocks do not depend on each other, so any bytes serve as the others. */
static void xts_run_part(EspFlashCipher *cipher, guint64 address, guint8 *data, gsize size_bytes)
{
	gsize start = address % UNIT_BYTES;
	guint8 unit[UNIT_BYTES] = {0};

	memcpy(unit + start, data, size_bytes);
	xts_run_units(cipher, address - start, unit, 1);
	memcpy(data, unit + start, size_bytes);
	esp_openssl()->OPENSSL_cleanse(unit, sizeof unit);
}

static void xts_run(EspFlashCipher *cipher, guint64 address, guint8 *data, gsize size_bytes)
{
	gsize head = MIN(size_bytes, (UNIT_BYTES - address % UNIT_BYTES) % UNIT_BYTES);
	gsize tail = (size_bytes - head) % UNIT_BYTES, whole = size_bytes - head - tail;

	if (head > 0)
		xts_run_part(cipher, address, data, head);
	xts_run_units(cipher, address + head, data + head, whole / UNIT_BYTES);
	if (tail > 0)
		xts_run_part(cipher, address + head + whole, data + head + whole, tail);
}

gboolean esp_flash_cipher_run(EspFlashCipher *cipher, guint64 address, guint8 *data,
			      gsize size_bytes, GError **error)
{
	guint64 flash_end = cipher->aes != NULL ? aes_flash_end : xts_flash_end;

	if (address % BLOCK_BYTES != 0) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "flash address 0x%" G_GINT64_MODIFIER
			    "x is no multiple of 16: blocks of 16 bytes are encrypted",
			    address);
		return FALSE;
	}
	if (size_bytes % BLOCK_BYTES != 0) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "%zu bytes are no multiple of 16: blocks of 16 bytes are encrypted",
			    size_bytes);
		return FALSE;
	}
	if (address > flash_end || size_bytes > flash_end - address) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "%zu bytes at flash address 0x%" G_GINT64_MODIFIER
			    "x end past 0x%" G_GINT64_MODIFIER "x, more than a chip can address",
			    size_bytes, address, flash_end);
		return FALSE;
	}
	if (cipher->aes != NULL)
		aes_run(cipher, (guint32)address, data, size_bytes);
	else
		xts_run(cipher, address, data, size_bytes);
	return TRUE;
}
