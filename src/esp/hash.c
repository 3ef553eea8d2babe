#include "esp/hash.h"

#include "esp/openssl.h"

/* By GLib: a table is at most 3 KiB, less than opening OpenSSL costs. */
void esp_md5(const void *data, gsize size_bytes, guint8 *digest)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_MD5);
	gsize digest_bytes = ESP_MD5_BYTES;

	g_checksum_update(checksum, data, (gssize)size_bytes);
	g_checksum_get_digest(checksum, digest, &digest_bytes);
}

void esp_sha256(const void *data, gsize size_bytes, guint8 *digest)
{
	const EspOpenssl *openssl = esp_openssl();

	if (openssl->EVP_Digest(data, size_bytes, digest, NULL, openssl->EVP_sha256(), NULL) != 1)
		g_error("OpenSSL has no SHA-256");
}

void esp_sha384(const void *data, gsize size_bytes, guint8 *digest)
{
	const EspOpenssl *openssl = esp_openssl();

	if (openssl->EVP_Digest(data, size_bytes, digest, NULL, openssl->EVP_sha384(), NULL) != 1)
		g_error("OpenSSL has no SHA-384");
}

void esp_hmac_sha256(const void *key, gsize key_bytes, const void *data, gsize size_bytes,
		     guint8 *digest)
{
	const EspOpenssl *openssl = esp_openssl();

	g_assert(key_bytes <= G_MAXINT);
	if (openssl->HMAC(openssl->EVP_sha256(), key, (int)key_bytes, data, size_bytes, digest,
			  NULL) == NULL)
		g_error("OpenSSL has no HMAC-SHA256");
}
