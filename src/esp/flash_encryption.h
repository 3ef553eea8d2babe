/* esp/flash_encryption.h — flash encryption: the bytes as they lie in an encrypted flash, made
 * ahead of the first boot or read back (ESP-IDF, docs/en/security/flash-encryption.rst; esptool,
 * espsecure encrypt-flash-data and decrypt-flash-data). Pure: bytes in, bytes out.
 *
 * A block of 16 bytes is encrypted by itself, under the key and the flash address A that it has:
 * the same bytes at another address are other bytes. Two schemes:
 *
 * AES with a key tweak, the ESP32's. Both blocks of 32 bytes have a key of their own: AES-256 with
 * the key in which bit i (0 is the most significant of byte 0) is flipped where bit P[i] of A is
 * set. P is, for each `last` of 14, 12, 10 and 8: three times 23, 22, … 5, then `last` … 5. The
 * eFuse FLASH_CRYPT_CONFIG switches the flips of the four ranges 0..66, 67..131, 132..194, 195..255
 * on by its bits 0..3. In flash lies the AES *decryption* of the block, its 16 bytes reversed
 * before and after. A 24-byte key (eFuse coding scheme 3/4) is used with its bytes 8..15 again
 * behind it.
 *
 * XTS-AES, all other chips'. A unit is the 128 bytes of flash from A & ~0x7F, which is also its
 * tweak (esp/xts.h); all of its 128 bytes are reversed before and after. Keys have 32 bytes
 * (XTS-AES-128) or 64 (XTS-AES-256), data half first. The ESP32-C2 may keep 16 bytes instead, whose
 * SHA-256 is the XTS-AES-128 key.
 *
 * Key files are in this order; espefuse burns XTS keys with their bytes reversed. */
#pragma once

#include "esp/chips.h"

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_FLASH_ENCRYPTION_BLOCK_BYTES = 16, /* of addresses and sizes */
	ESP_FLASH_ENCRYPTION_KEY_MAX_BYTES = 64,
	ESP_FLASH_CRYPT_CONFIG_MAX = 0xF, /* what the chips' bootloader sets, too */
};

typedef enum {
	ESP_FLASH_AES, /* ESP32; keys of 24 or 32 bytes */
	ESP_FLASH_XTS, /* all others; keys of 16, 32 or 64 bytes */
} EspFlashScheme;

typedef enum { ESP_FLASH_DECRYPT = 0, ESP_FLASH_ENCRYPT = 1 } EspFlashDirection;

/* The scheme of a chip, for a key of `key_bytes`. FALSE, `scheme` untouched, with
 * ESP_ERROR_INVALID: the chip has no key of that size; the message has those it has. */
gboolean esp_flash_scheme_of(const EspChip *chip, gsize key_bytes, EspFlashScheme *scheme,
			     GError **error);

/* A key made ready for one direction: use it again and again, from one thread at a time. Holds
 * secrets, which are wiped at its end. */
typedef struct _EspFlashCipher EspFlashCipher;

/* A cipher for one direction. `crypt_config` is 0..ESP_FLASH_CRYPT_CONFIG_MAX and only looked at
 * for ESP_FLASH_AES. The key is copied. Yours, or NULL with ESP_ERROR_INVALID: the key has a size
 * that the scheme does not have, or `crypt_config` is larger. */
EspFlashCipher *esp_flash_cipher_new(EspFlashScheme scheme, EspFlashDirection direction,
				     const guint8 *key, gsize key_bytes, guint crypt_config,
				     GError **error);

/* Wipes and frees; NULL is nothing. */
void esp_flash_cipher_free(EspFlashCipher *cipher);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EspFlashCipher, esp_flash_cipher_free)

/* Turns the `size_bytes` at `data`, which lie or will lie in flash from `address` on, in place.
 * Pieces in any order and of any size make the same bytes as the whole in one call. FALSE, `data`
 * untouched, with ESP_ERROR_INVALID: address or size is no multiple of 16, or the end is past 4
 * GiB.
 *
 * Nothing is filled up here. What espsecure adds to 16 bytes for the ESP32 is random;
 * for the other chips it refuses, as a signature or a hash would be over other bytes. */
gboolean esp_flash_cipher_run(EspFlashCipher *cipher, guint64 address, guint8 *data,
			      gsize size_bytes, GError **error);

G_END_DECLS
