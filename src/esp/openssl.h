/* esp/openssl.h — OpenSSL 3's libcrypto, opened when a function of it is needed first: a process
 * that only lays out NVS or a partition table does not pay for loading it (three times its whole
 * life). Nothing in this room calls libcrypto but through here. Any thread. */
#pragma once

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

/* Every function in use; a missing one is added here, in the order of the alphabet. */
#define ESP_OPENSSL_FUNCTIONS(F)                                                                   \
	F(EVP_CIPHER_CTX_free)                                                                     \
	F(EVP_CIPHER_CTX_new)                                                                      \
	F(EVP_CIPHER_CTX_set_padding)                                                              \
	F(EVP_CipherInit_ex)                                                                       \
	F(EVP_CipherUpdate)                                                                        \
	F(EVP_Digest)                                                                              \
	F(EVP_aes_128_ecb)                                                                         \
	F(EVP_aes_256_ecb)                                                                         \
	F(EVP_sha256)                                                                              \
	F(EVP_sha384)                                                                              \
	F(HMAC)                                                                                    \
	F(OPENSSL_cleanse)                                                                         \
	F(RAND_bytes)

/* Pointers with the types and the names that OpenSSL's headers give. */
typedef struct {
#define ESP_OPENSSL_MEMBER(name) __typeof__(name) *name;
	ESP_OPENSSL_FUNCTIONS(ESP_OPENSSL_MEMBER)
#undef ESP_OPENSSL_MEMBER
} EspOpenssl;

/* The functions; the same at every call. A machine without libcrypto.so.3 is a broken installation:
 * the process ends with a message that names the library, as GLib ends it without memory. */
const EspOpenssl *esp_openssl(void);
