/* esp/nvs_keys.h — the keys of NVS encryption and the partition that holds them (ESP-IDF,
 * components/nvs_flash/src/nvs_encrypted_partition.cpp, src/nvs_api.cpp,
 * components/nvs_sec_provider). Pure: bytes in, bytes out. Any thread.
 *
 * NVS is encrypted with XTS-AES-256, each written entry of 32 bytes a unit by itself whose tweak is
 * its offset in the partition. The device has the two keys in one of two ways:
 *
 *   - a partition of type data, subtype nvs_keys, flag encrypted:
 *
 *         0 data key E (32 bytes), 32 tweak key T (32), 64 CRC over 0..63, the rest 0xFF
 *
 *     It is itself under flash encryption. All 0xFF means that no keys were made yet: the device
 *     makes some.
 *   - derived from a key in an eFuse block of purpose HMAC_UP by the HMAC peripheral (all chips but
 *     ESP32 and ESP32-C2): E = HMAC-SHA256(key, 8 times 5A 5A BE AE), T = the same over 8 times
 *     A5 A5 DE CE.
 *
 * Errors name the reason, never a byte of a key. */
#pragma once

#include "esp/declare.h"

#include <glib.h>

G_BEGIN_DECLS

enum {
	ESP_NVS_KEYS_BYTES = 64,
	ESP_NVS_KEYS_PARTITION_BYTES = 0x1000,
	ESP_NVS_HMAC_KEY_BYTES = 32,
};

/* Both keys. A secret: declare it `g_auto(EspNvsKeys) keys = {0};`, which wipes it at the end of
 * its block. */
typedef struct {
	guint8 data[32];  /* E */
	guint8 tweak[32]; /* T */
} EspNvsKeys;

/* Overwrites the keys so that the compiler cannot leave it out; libcrypto is not needed. */
void esp_nvs_keys_clear(EspNvsKeys *keys);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(EspNvsKeys, esp_nvs_keys_clear)

/* New keys from OpenSSL's random generator. FALSE with ESP_ERROR_NOT_SUPPORTED if it has no
 * entropy. */
gboolean esp_nvs_keys_generate(EspNvsKeys *keys, GError **error);

/* The keys that a device derives from the key of its eFuse block. */
void esp_nvs_keys_derive(const guint8 hmac_key[ESP_AT_LEAST ESP_NVS_HMAC_KEY_BYTES],
			 EspNvsKeys *keys);

/* The image of a key partition: all of its bytes are set. */
void esp_nvs_keys_write(const EspNvsKeys *keys,
			guint8 image[ESP_AT_LEAST ESP_NVS_KEYS_PARTITION_BYTES]);

/* Reads a key partition's image as the device does: its CRC must be right. What follows the CRC is
 * not looked at. FALSE, `keys` untouched, with ESP_ERROR_TRUNCATED (fewer than 68 bytes: 64 bare
 * bytes of keys are no partition), ESP_ERROR_NOT_FOUND (keys and CRC are all 0xFF: not initialised)
 * or ESP_ERROR_CORRUPT (the CRC is wrong; device error 0x1117; an image that was read from an
 * encrypted flash looks like that). */
gboolean esp_nvs_keys_read(const guint8 *data, gsize size_bytes, EspNvsKeys *keys, GError **error);

G_END_DECLS
