#include "esp/aes.h"

EVP_CIPHER_CTX *aes_new(const guint8 *key, gsize key_bytes, int encrypt)
{
	const EspOpenssl *ssl = esp_openssl();
	EVP_CIPHER_CTX *aes = ssl->EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher =
		key_bytes == 16 ? ssl->EVP_aes_128_ecb() : ssl->EVP_aes_256_ecb();

	if (aes == NULL || ssl->EVP_CipherInit_ex(aes, cipher, NULL, key, NULL, encrypt) != 1 ||
	    ssl->EVP_CIPHER_CTX_set_padding(aes, 0) != 1)
		g_error("OpenSSL has no AES; its installation is broken");
	return aes;
}

void aes_turn(EVP_CIPHER_CTX *aes, guint8 *data, gsize size_bytes)
{
	int written = 0;

	if (esp_openssl()->EVP_CipherUpdate(aes, data, &written, data, (int)size_bytes) != 1 ||
	    (gsize)written != size_bytes)
		g_error("OpenSSL's AES failed; its installation is broken");
}
