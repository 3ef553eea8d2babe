#include "esp/error.h"
#include "esp/signature_key.h"

#include <openssl/core_names.h>
#include <string.h>

enum {
	SALT_BYTES = 32,
	POINT_MAX_BYTES = 1 + 2 * 48,              /* uncompressed, P-384 */
	SIGNATURE_MAX_BYTES = SIGNATURE_RSA_BYTES, /* ECDSA's in DER are shorter */
	UNCOMPRESSED = 4,
};

static void copy_reversed(guint8 *to, const guint8 *from, gsize size_bytes)
{
	for (gsize i = 0; i < size_bytes; i++)
		to[i] = from[size_bytes - 1 - i];
}

static EVP_PKEY *pkey_of_params(const char *type, OSSL_PARAM_BLD *builder)
{
	const EspOpenssl *ssl = esp_openssl();
	EVP_PKEY_CTX *context = ssl->EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = ssl->OSSL_PARAM_BLD_to_param(builder);
	EVP_PKEY *pkey = NULL;

	if (context == NULL || params == NULL || ssl->EVP_PKEY_fromdata_init(context) != 1 ||
	    ssl->EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	ssl->OSSL_PARAM_free(params);
	ssl->EVP_PKEY_CTX_free(context);
	return pkey;
}

static EVP_PKEY *rsa_public(OSSL_PARAM_BLD *builder, const guint8 *key)
{
	const EspOpenssl *ssl = esp_openssl();
	BIGNUM *n = ssl->BN_lebin2bn(key, SIGNATURE_RSA_BYTES, NULL);
	BIGNUM *e = ssl->BN_lebin2bn(key + SIGNATURE_RSA_BYTES, 4, NULL);
	EVP_PKEY *pkey = NULL;

	if (n != NULL && e != NULL &&
	    ssl->OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
	    ssl->OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) == 1)
		pkey = pkey_of_params("RSA", builder);
	ssl->BN_free(e);
	ssl->BN_free(n);
	return pkey;
}

static EVP_PKEY *curve_public(OSSL_PARAM_BLD *builder, const SignatureLayout *layout,
			      const guint8 *key)
{
	const EspOpenssl *ssl = esp_openssl();
	gsize n = layout->number_bytes;
	guint8 point[POINT_MAX_BYTES] = {UNCOMPRESSED};

	copy_reversed(point + 1, key + 1, n);
	copy_reversed(point + 1 + n, key + 1 + n, n);
	if (ssl->OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, layout->group,
						 0) != 1 ||
	    ssl->OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point,
						  1 + 2 * n) != 1)
		return NULL;
	return pkey_of_params("EC", builder);
}

/* The public key of a block. Free it with EVP_PKEY_free. */
static EVP_PKEY *public_of_block(const SignatureLayout *layout, const guint8 *block, GError **error)
{
	const EspOpenssl *ssl = esp_openssl();
	OSSL_PARAM_BLD *builder = ssl->OSSL_PARAM_BLD_new();
	const guint8 *key = block + layout->key_offset;
	EVP_PKEY *pkey =
		layout->curve == 0 ? rsa_public(builder, key) : curve_public(builder, layout, key);

	ssl->OSSL_PARAM_BLD_free(builder);
	if (pkey == NULL)
		signature_set_ssl_error(error, ESP_ERROR_CORRUPT, "the block's %s key is no key",
					layout->name);
	return pkey;
}

static gboolean pss_set(EVP_PKEY_CTX *context)
{
	const EspOpenssl *ssl = esp_openssl();

	return ssl->EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
	       ssl->EVP_PKEY_CTX_set_signature_md(context, ssl->EVP_sha256()) == 1 &&
	       ssl->EVP_PKEY_CTX_set_rsa_mgf1_md(context, ssl->EVP_sha256()) == 1 &&
	       ssl->EVP_PKEY_CTX_set_rsa_pss_saltlen(context, SALT_BYTES) == 1;
}

/* ECDSA's r and s, in DER as OpenSSL has them, from and to a block's. */
static gboolean der_of_numbers(const SignatureLayout *layout, const guint8 *numbers, guint8 *der,
			       gsize *der_bytes)
{
	const EspOpenssl *ssl = esp_openssl();
	int n = (int)layout->number_bytes, size = -1;
	ECDSA_SIG *pair = ssl->ECDSA_SIG_new();

	if (pair != NULL && ssl->ECDSA_SIG_set0(pair, ssl->BN_lebin2bn(numbers, n, NULL),
						ssl->BN_lebin2bn(numbers + n, n, NULL)) == 1)
		size = ssl->i2d_ECDSA_SIG(pair, &der);
	ssl->ECDSA_SIG_free(pair);
	if (size <= 0)
		return FALSE;
	*der_bytes = (gsize)size;
	return TRUE;
}

static gboolean numbers_of_der(const SignatureLayout *layout, const guint8 *der, gsize der_bytes,
			       guint8 *numbers)
{
	const EspOpenssl *ssl = esp_openssl();
	ECDSA_SIG *pair = ssl->d2i_ECDSA_SIG(NULL, &der, (long)der_bytes);
	int n = (int)layout->number_bytes;
	const BIGNUM *r = NULL, *s = NULL;
	gboolean fits = FALSE;

	if (pair != NULL) {
		ssl->ECDSA_SIG_get0(pair, &r, &s);
		fits = ssl->BN_bn2lebinpad(r, numbers, n) == n &&
		       ssl->BN_bn2lebinpad(s, numbers + n, n) == n;
	}
	ssl->ECDSA_SIG_free(pair);
	return fits;
}

gboolean signature_block_check(const SignatureLayout *layout, const guint8 *block, GError **error)
{
	const EspOpenssl *ssl = esp_openssl();
	const guint8 *digest = block + SIGNATURE_DIGEST_OFFSET;
	const guint8 *numbers = block + layout->signature_offset;
	guint8 signature[SIGNATURE_MAX_BYTES];
	gsize size = SIGNATURE_RSA_BYTES;
	EVP_PKEY *pkey = public_of_block(layout, block, error);
	EVP_PKEY_CTX *context;
	gboolean right;

	if (pkey == NULL)
		return FALSE;
	context = ssl->EVP_PKEY_CTX_new(pkey, NULL);
	right = context != NULL && ssl->EVP_PKEY_verify_init(context) == 1;
	if (layout->curve == 0) {
		copy_reversed(signature, numbers, SIGNATURE_RSA_BYTES);
		right = right && pss_set(context);
	} else {
		right = right && der_of_numbers(layout, numbers, signature, &size);
	}
	right = right &&
		ssl->EVP_PKEY_verify(context, signature, size, digest, layout->digest_bytes) == 1;
	ssl->EVP_PKEY_CTX_free(context);
	ssl->EVP_PKEY_free(pkey);
	ssl->ERR_clear_error();
	if (!right)
		g_set_error(error, ESP_ERROR, ESP_ERROR_CORRUPT,
			    "the signature is not one by the block's %s key over its digest",
			    layout->name);
	return right;
}

gboolean signature_block_sign(const EspSignatureKey *key, guint8 *block, GError **error)
{
	const EspOpenssl *ssl = esp_openssl();
	const SignatureLayout *layout = signature_layout(key->scheme);
	guint8 *numbers = block + layout->signature_offset, signature[SIGNATURE_MAX_BYTES];
	gsize size = sizeof signature;
	EVP_PKEY_CTX *context = ssl->EVP_PKEY_CTX_new(key->private, NULL);
	gboolean done;

	ssl->ERR_clear_error();
	done = context != NULL && ssl->EVP_PKEY_sign_init(context) == 1 &&
	       (layout->curve != 0 || pss_set(context)) &&
	       ssl->EVP_PKEY_sign(context, signature, &size, block + SIGNATURE_DIGEST_OFFSET,
				  layout->digest_bytes) == 1;
	ssl->EVP_PKEY_CTX_free(context);
	if (done && layout->curve == 0)
		copy_reversed(numbers, signature, SIGNATURE_RSA_BYTES);
	else if (done)
		done = numbers_of_der(layout, signature, size, numbers);
	if (!done)
		return signature_set_ssl_error(error, ESP_ERROR_NOT_SUPPORTED,
					       "the %s key did not sign", layout->name);
	return TRUE;
}
