/* esp/openssl.h — OpenSSL 3's libcrypto, opened when a function of it is needed first: a process
 * that only lays out NVS or a partition table does not pay for loading it (three times its whole
 * life). Nothing in this room calls libcrypto but through here. Any thread. */
#pragma once

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* Every function in use; a missing one is added here, in the order of the alphabet. */
#define ESP_OPENSSL_FUNCTIONS(F)                                                                   \
	F(BIO_free)                                                                                \
	F(BIO_new_mem_buf)                                                                         \
	F(BN_CTX_free)                                                                             \
	F(BN_CTX_new)                                                                              \
	F(BN_bn2lebinpad)                                                                          \
	F(BN_clear_free)                                                                           \
	F(BN_div)                                                                                  \
	F(BN_free)                                                                                 \
	F(BN_lebin2bn)                                                                             \
	F(BN_new)                                                                                  \
	F(BN_set_bit)                                                                              \
	F(CRYPTO_free)                                                                             \
	F(ECDSA_SIG_free)                                                                          \
	F(ECDSA_SIG_get0)                                                                          \
	F(ECDSA_SIG_new)                                                                           \
	F(ECDSA_SIG_set0)                                                                          \
	F(ENGINE_by_id)                                                                            \
	F(ENGINE_ctrl_cmd_string)                                                                  \
	F(ENGINE_finish)                                                                           \
	F(ENGINE_free)                                                                             \
	F(ENGINE_init)                                                                             \
	F(ENGINE_load_private_key)                                                                 \
	F(ERR_clear_error)                                                                         \
	F(ERR_peek_error)                                                                          \
	F(ERR_peek_last_error)                                                                     \
	F(ERR_reason_error_string)                                                                 \
	F(EVP_CIPHER_CTX_free)                                                                     \
	F(EVP_CIPHER_CTX_new)                                                                      \
	F(EVP_CIPHER_CTX_set_padding)                                                              \
	F(EVP_CipherInit_ex)                                                                       \
	F(EVP_CipherUpdate)                                                                        \
	F(EVP_Digest)                                                                              \
	F(EVP_PKEY_CTX_free)                                                                       \
	F(EVP_PKEY_CTX_new)                                                                        \
	F(EVP_PKEY_CTX_new_from_name)                                                              \
	F(EVP_PKEY_CTX_set_rsa_mgf1_md)                                                            \
	F(EVP_PKEY_CTX_set_rsa_padding)                                                            \
	F(EVP_PKEY_CTX_set_rsa_pss_saltlen)                                                        \
	F(EVP_PKEY_CTX_set_signature_md)                                                           \
	F(EVP_PKEY_free)                                                                           \
	F(EVP_PKEY_fromdata)                                                                       \
	F(EVP_PKEY_fromdata_init)                                                                  \
	F(EVP_PKEY_get_base_id)                                                                    \
	F(EVP_PKEY_get_bits)                                                                       \
	F(EVP_PKEY_get_bn_param)                                                                   \
	F(EVP_PKEY_get_group_name)                                                                 \
	F(EVP_PKEY_sign)                                                                           \
	F(EVP_PKEY_sign_init)                                                                      \
	F(EVP_PKEY_verify)                                                                         \
	F(EVP_PKEY_verify_init)                                                                    \
	F(EVP_aes_128_ecb)                                                                         \
	F(EVP_aes_256_ecb)                                                                         \
	F(EVP_sha256)                                                                              \
	F(EVP_sha384)                                                                              \
	F(HMAC)                                                                                    \
	F(OPENSSL_cleanse)                                                                         \
	F(OSSL_PARAM_BLD_free)                                                                     \
	F(OSSL_PARAM_BLD_new)                                                                      \
	F(OSSL_PARAM_BLD_push_BN)                                                                  \
	F(OSSL_PARAM_BLD_push_octet_string)                                                        \
	F(OSSL_PARAM_BLD_push_utf8_string)                                                         \
	F(OSSL_PARAM_BLD_to_param)                                                                 \
	F(OSSL_PARAM_free)                                                                         \
	F(PEM_read_bio_PUBKEY)                                                                     \
	F(PEM_read_bio_PrivateKey)                                                                 \
	F(RAND_bytes)                                                                              \
	F(d2i_AutoPrivateKey)                                                                      \
	F(d2i_ECDSA_SIG)                                                                           \
	F(d2i_PUBKEY)                                                                              \
	F(i2d_ECDSA_SIG)                                                                           \
	F(i2d_PUBKEY)

/* Pointers with the types and the names that OpenSSL's headers give. Engines are deprecated, and
 * the only way to PKCS#11 that Debian 12 has. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
typedef struct {
#define ESP_OPENSSL_MEMBER(name) __typeof__(name) *name; /* NOLINT(bugprone-macro-parentheses) */
	ESP_OPENSSL_FUNCTIONS(ESP_OPENSSL_MEMBER)
#undef ESP_OPENSSL_MEMBER
} EspOpenssl;
#pragma GCC diagnostic pop

/* The functions; the same at every call. A machine without libcrypto.so.3 is a broken installation:
 * the process ends with a message that names the library, as GLib ends it without memory. */
const EspOpenssl *esp_openssl(void);
