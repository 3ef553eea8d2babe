/* esp/xts.h — AES-XTS (IEEE 1619, NIST SP 800-38E) over many equal units, as Espressif's chips and
 * libraries use it: NVS encryption takes one entry of 32 bytes for a unit, flash encryption 128
 * bytes. Pure: bytes in, bytes out.
 *
 * A unit is numbered by its tweak, 16 bytes little-endian. With the key halves E (data) and T
 * (tweak), block j of a unit is
 *
 *     X_j = AES_T(tweak) * alpha^j        in GF(2^128), x^128 + x^7 + x^2 + x + 1
 *     C_j = AES_E(P_j xor X_j) xor X_j
 *
 * Units are whole blocks, so ciphertext stealing never occurs. All tweaks of a run go through the
 * cipher in one call and all blocks in a second one: starting OpenSSL's own XTS anew for each unit
 * of 32 bytes costs more than the cipher. Unlike OpenSSL's, equal halves are taken, as the chips
 * take them. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_XTS_BLOCK_BYTES = 16,
	ESP_XTS_128_KEY_BYTES = 32,    /* XTS-AES-128: E then T, 16 bytes each */
	ESP_XTS_256_KEY_BYTES = 64,    /* XTS-AES-256: E then T, 32 bytes each */
	ESP_XTS_UNIT_MAX_BYTES = 4096, /* and a multiple of ESP_XTS_BLOCK_BYTES */
};

/* A key made ready, and the buffers to work with: use it again and again, from one thread at a
 * time. Holds secrets, which are wiped at its end. */
typedef struct _EspXts EspXts;

typedef enum { ESP_XTS_DECRYPT = 0, ESP_XTS_ENCRYPT = 1 } EspXtsDirection;

/* A context for one direction. `key_bytes` is ESP_XTS_128_KEY_BYTES or ESP_XTS_256_KEY_BYTES; any
 * other is a mistake of the caller's, as is a cipher that OpenSSL refuses. Yours. */
EspXts *esp_xts_new(EspXtsDirection direction, const guint8 *key, gsize key_bytes);

/* Wipes and frees; NULL is nothing. */
void esp_xts_free(EspXts *xts);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspXts, esp_xts_free)

/* Turns `n_units` units of `unit_bytes` at `data` into cipher or plaintext in place. Unit i has the
 * tweak `first_tweak + i * tweak_step`, which must not pass 2^64. */
void esp_xts_run(EspXts *xts, guint8 *data, gsize unit_bytes, gsize n_units, guint64 first_tweak,
		 guint64 tweak_step);

G_END_DECLS
