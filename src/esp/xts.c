#include "esp/xts.h"

#include "esp/aes.h"
#include "esp/openssl.h"

#include <string.h>

enum {
	RUN_BYTES = 4096, /* worked on at once: stays in the nearest cache */
	ALPHA = 0x87,     /* x^7 + x^2 + x + 1, what x^128 is */
};

G_STATIC_ASSERT((int)ESP_XTS_UNIT_MAX_BYTES <= (int)RUN_BYTES);

struct _EspXts {
	EVP_CIPHER_CTX *data, *tweak;
	guint8 first[RUN_BYTES]; /* of each unit, its tweak in ciphertext */
	guint8 masks[RUN_BYTES]; /* of each block, what is added before and after the cipher */
};

EspXts *esp_xts_new(EspXtsDirection direction, const guint8 *key, gsize key_bytes)
{
	EspXts *xts;

	g_return_val_if_fail(
		key_bytes == ESP_XTS_128_KEY_BYTES || key_bytes == ESP_XTS_256_KEY_BYTES, NULL);
	xts = g_new(EspXts, 1);
	xts->data = aes_new(key, key_bytes / 2, direction == ESP_XTS_ENCRYPT);
	xts->tweak = aes_new(key + key_bytes / 2, key_bytes / 2, 1);
	return xts;
}

void esp_xts_free(EspXts *xts)
{
	if (xts == NULL)
		return;
	esp_openssl()->EVP_CIPHER_CTX_free(xts->data);
	esp_openssl()->EVP_CIPHER_CTX_free(xts->tweak);
	esp_openssl()->OPENSSL_cleanse(xts, sizeof *xts);
	g_free(xts);
}

/* Whole words: bytes one by one would cost more than the cipher. */
static guint64 load(const guint8 *bytes)
{
	guint64 word;

	memcpy(&word, bytes, sizeof word);
	return GUINT64_FROM_LE(word);
}

static void store(guint8 *bytes, guint64 word)
{
	word = GUINT64_TO_LE(word);
	memcpy(bytes, &word, sizeof word);
}

/* The masks of every block from the first ones of the units. */
static void spread(EspXts *xts, gsize unit_blocks, gsize n_units)
{
	guint8 *mask = xts->masks;

	for (gsize unit = 0; unit < n_units; unit++) {
		guint64 low = load(xts->first + unit * ESP_XTS_BLOCK_BYTES);
		guint64 high = load(xts->first + unit * ESP_XTS_BLOCK_BYTES + 8);

		for (gsize block = 0; block < unit_blocks; block++) {
			guint64 carry = (high >> 63) * ALPHA;

			store(mask, low);
			store(mask + 8, high);
			mask += ESP_XTS_BLOCK_BYTES;
			high = high << 1 | low >> 63;
			low = low << 1 ^ carry;
		}
	}
}

static void add(guint8 *data, const guint8 *masks, gsize size_bytes)
{
	for (gsize i = 0; i < size_bytes; i += 8)
		store(data + i, load(data + i) ^ load(masks + i));
}

void esp_xts_run(EspXts *xts, guint8 *data, gsize unit_bytes, gsize n_units, guint64 first_tweak,
		 guint64 tweak_step)
{
	gsize units_at_once;

	g_return_if_fail(unit_bytes > 0 && unit_bytes % ESP_XTS_BLOCK_BYTES == 0 &&
			 unit_bytes <= ESP_XTS_UNIT_MAX_BYTES);
	units_at_once = RUN_BYTES / unit_bytes;
	while (n_units > 0) {
		gsize n = MIN(n_units, units_at_once);

		for (gsize i = 0; i < n; i++) {
			store(xts->first + i * ESP_XTS_BLOCK_BYTES, first_tweak);
			store(xts->first + i * ESP_XTS_BLOCK_BYTES + 8, 0);
			first_tweak += tweak_step;
		}
		aes_turn(xts->tweak, xts->first, n * ESP_XTS_BLOCK_BYTES);
		spread(xts, unit_bytes / ESP_XTS_BLOCK_BYTES, n);
		add(data, xts->masks, n * unit_bytes);
		aes_turn(xts->data, data, n * unit_bytes);
		add(data, xts->masks, n * unit_bytes);
		data += n * unit_bytes;
		n_units -= n;
	}
}
