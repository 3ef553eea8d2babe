/* esp/hash.h — the hashes of Espressif's formats, by libcrypto: MD5 (RFC 1321), SHA-2 (FIPS 180-4),
 * HMAC (RFC 2104). Pure; any thread. */
#pragma once

#include <glib.h>

enum {
	ESP_MD5_BYTES = 16,
	ESP_SHA256_BYTES = 32,
	ESP_SHA384_BYTES = 48,
};

/* The last row of a partition table. */
void esp_md5(const void *data, gsize size_bytes, guint8 *digest);

/* Appended to images, digest of signatures and of public keys. ESP_SHA256_BYTES to `digest`. */
void esp_sha256(const void *data, gsize size_bytes, guint8 *digest);

/* Digest of ECDSA P-384 signatures. ESP_SHA384_BYTES to `digest`. */
void esp_sha384(const void *data, gsize size_bytes, guint8 *digest);

/* HMAC-SHA256, as the chips' HMAC peripheral makes it. ESP_SHA256_BYTES to `digest`. */
void esp_hmac_sha256(const void *key, gsize key_bytes, const void *data, gsize size_bytes,
		     guint8 *digest);
