#include "esp/signature_key.h"

#include "esp/bytes.h"
#include "esp/error.h"
#include "esp/hash.h"

#include <openssl/core_names.h>
#include <stdarg.h>
#include <string.h>

enum { GROUP_NAME_MAX = 64 };

static const SignatureLayout layouts[] = {
	[ESP_SIGNATURE_RSA_3072] = {.name = "rsa3072",
				    .version = 2,
				    .digest_bytes = ESP_SHA256_BYTES,
				    .key_offset = 36,
				    .key_bytes = SIGNATURE_KEY_PART_MAX_BYTES,
				    .signature_offset = 812,
				    .number_bytes = SIGNATURE_RSA_BYTES},
	[ESP_SIGNATURE_ECDSA_P192] = {.name = "ecdsa192",
				      .version = 3,
				      .curve = 1,
				      .digest_bytes = ESP_SHA256_BYTES,
				      .key_offset = 36,
				      .key_bytes = 65,
				      .signature_offset = 101,
				      .number_bytes = 24,
				      .group = "prime192v1"},
	[ESP_SIGNATURE_ECDSA_P256] = {.name = "ecdsa256",
				      .version = 3,
				      .curve = 2,
				      .digest_bytes = ESP_SHA256_BYTES,
				      .key_offset = 36,
				      .key_bytes = 65,
				      .signature_offset = 101,
				      .number_bytes = 32,
				      .group = "prime256v1"},
	[ESP_SIGNATURE_ECDSA_P384] = {.name = "ecdsa384",
				      .version = 3,
				      .hash = 1,
				      .curve = 3,
				      .digest_bytes = ESP_SHA384_BYTES,
				      .key_offset = 52,
				      .key_bytes = 97,
				      .signature_offset = 149,
				      .number_bytes = 48,
				      .group = "secp384r1"},
};

const SignatureLayout *signature_layout(EspSignatureScheme scheme)
{
	return &layouts[scheme];
}

const char *esp_signature_scheme_name(EspSignatureScheme scheme)
{
	return layouts[scheme].name;
}

gboolean signature_set_ssl_error(GError **error, int code, const char *format, ...)
{
	const EspOpenssl *ssl = esp_openssl();
	const char *reason = ssl->ERR_reason_error_string(ssl->ERR_peek_last_error());
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	if (reason != NULL)
		g_set_error(error, ESP_ERROR, code, "%s (OpenSSL: %s)", what, reason);
	else
		g_set_error_literal(error, ESP_ERROR, code, what);
	ssl->ERR_clear_error();
	return FALSE;
}

/* One of a public key's numbers, as little-endian bytes. */
static gboolean number_get(const EVP_PKEY *pkey, const char *name, guint8 *bytes, gsize size_bytes)
{
	const EspOpenssl *ssl = esp_openssl();
	BIGNUM *number = NULL;
	gboolean fits = ssl->EVP_PKEY_get_bn_param(pkey, name, &number) == 1 &&
			ssl->BN_bn2lebinpad(number, bytes, (int)size_bytes) >= 0;

	ssl->BN_free(number);
	return fits;
}

static gboolean rsa_part(const EVP_PKEY *pkey, guint8 *part)
{
	guint8 *e = part + SIGNATURE_RSA_BYTES, *r = e + 4, *m = r + SIGNATURE_RSA_BYTES;

	if (!number_get(pkey, OSSL_PKEY_PARAM_RSA_N, part, SIGNATURE_RSA_BYTES) ||
	    !number_get(pkey, OSSL_PKEY_PARAM_RSA_E, e, 4))
		return FALSE;
	signature_rsa_r(part, r);
	esp_put_le32(m, signature_rsa_m(part));
	return TRUE;
}

static gboolean curve_part(const EVP_PKEY *pkey, const SignatureLayout *layout, guint8 *part)
{
	part[0] = layout->curve;
	return number_get(pkey, OSSL_PKEY_PARAM_EC_PUB_X, part + 1, layout->number_bytes) &&
	       number_get(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, part + 1 + layout->number_bytes,
			  layout->number_bytes);
}

/* The scheme that a key is of. */
static gboolean scheme_of(const EVP_PKEY *pkey, EspSignatureScheme *scheme, GError **error)
{
	const EspOpenssl *ssl = esp_openssl();
	char group[GROUP_NAME_MAX] = "unknown";
	gsize length = 0;

	if (ssl->EVP_PKEY_get_base_id(pkey) == EVP_PKEY_RSA) {
		*scheme = ESP_SIGNATURE_RSA_3072;
		if (ssl->EVP_PKEY_get_bits(pkey) == SIGNATURE_RSA_BITS)
			return TRUE;
		g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_SUPPORTED,
			    "an RSA key of %d bits: secure boot takes RSA keys of 3072",
			    ssl->EVP_PKEY_get_bits(pkey));
		return FALSE;
	}
	if (ssl->EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_SUPPORTED,
			    "neither an RSA key nor one of an elliptic curve: secure boot takes "
			    "RSA-3072, ECDSA P-192, P-256 and P-384");
		return FALSE;
	}
	if (ssl->EVP_PKEY_get_group_name(pkey, group, sizeof group, &length) == 1)
		for (guint i = 0; i < G_N_ELEMENTS(layouts); i++)
			if (g_strcmp0(layouts[i].group, group) == 0) {
				*scheme = (EspSignatureScheme)i;
				return TRUE;
			}
	g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_SUPPORTED,
		    "a key of the curve %s: secure boot takes P-192, P-256 and P-384", group);
	return FALSE;
}

/* The same public key by itself and in OpenSSL 3's own form, whatever holds the private one. Free
 * it with EVP_PKEY_free; NULL if it has none. */
static EVP_PKEY *public_copy(const EVP_PKEY *pkey)
{
	const EspOpenssl *ssl = esp_openssl();
	guint8 *der = NULL;
	int size = ssl->i2d_PUBKEY(pkey, &der);
	const guint8 *at = der;
	EVP_PKEY *copy = size > 0 ? ssl->d2i_PUBKEY(NULL, &at, size) : NULL;

	ssl->CRYPTO_free(der, __FILE__, __LINE__);
	return copy;
}

/* A key of the public half alone. */
static EspSignatureKey *key_of_public(const EVP_PKEY *pkey, GError **error)
{
	g_autoptr(EspSignatureKey) key = g_new0(EspSignatureKey, 1);
	const SignatureLayout *layout;

	if (!scheme_of(pkey, &key->scheme, error))
		return NULL;
	layout = signature_layout(key->scheme);
	if (layout->curve == 0 ? !rsa_part(pkey, key->part)
			       : !curve_part(pkey, layout, key->part)) {
		signature_set_ssl_error(error, ESP_ERROR_NOT_SUPPORTED,
					"the public key does not fit a signature block");
		return NULL;
	}
	esp_sha256(key->part, layout->key_bytes, key->digest);
	return g_steal_pointer(&key);
}

EspSignatureKey *signature_key_new(EVP_PKEY *private, GError **error)
{
	const EspOpenssl *ssl = esp_openssl();
	EVP_PKEY *public = public_copy(private);
	EspSignatureKey *key = NULL;

	if (public == NULL)
		signature_set_ssl_error(error, ESP_ERROR_NOT_SUPPORTED,
					"a private key without its public half");
	else
		key = key_of_public(public, error);
	ssl->EVP_PKEY_free(public);
	if (key != NULL)
		key->private = private;
	else
		ssl->EVP_PKEY_free(private);
	return key;
}

void esp_signature_key_free(EspSignatureKey *key)
{
	if (key == NULL)
		return;
	esp_openssl()->EVP_PKEY_free(key->private);
	g_free(key);
}

EspSignatureScheme esp_signature_key_scheme(const EspSignatureKey *key)
{
	return key->scheme;
}

const guint8 *esp_signature_key_digest(const EspSignatureKey *key)
{
	return key->digest;
}

/* What OpenSSL's callback for passphrases needs, and what it leaves. OpenSSL may try several ways
 * to read a key and ask in each; a person is asked once. */
typedef struct {
	EspPassphraseFunc ask;
	gpointer user_data;
	gboolean asked;
	char text[ESP_SIGNATURE_PASSPHRASE_MAX_BYTES];
	int length; /* -1: there is none */
	GError *error;
} Passphrase;

static int ask_passphrase(char *buffer, int size, G_GNUC_UNUSED int writing, void *user_data)
{
	Passphrase *passphrase = user_data;

	if (!passphrase->asked && passphrase->ask != NULL)
		passphrase->length = passphrase->ask(passphrase->text, sizeof passphrase->text,
						     passphrase->user_data, &passphrase->error);
	passphrase->asked = TRUE;
	if (passphrase->length < 0 || passphrase->length > size)
		return -1;
	memcpy(buffer, passphrase->text, (gsize)passphrase->length);
	return passphrase->length;
}

static gboolean is_pem(const guint8 *data, gsize size_bytes)
{
	return g_strstr_len((const char *)data, (gssize)size_bytes, "-----BEGIN ") != NULL;
}

/* Why OpenSSL found no private key; `asked` tells whether it met an encrypted one. */
static void set_read_error(Passphrase *passphrase, GError **error)
{
	if (passphrase->error != NULL) {
		g_propagate_error(error, g_steal_pointer(&passphrase->error));
		esp_openssl()->ERR_clear_error();
	} else if (passphrase->asked && passphrase->ask == NULL) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "the private key is encrypted and no passphrase was given");
		esp_openssl()->ERR_clear_error();
	} else if (passphrase->asked) {
		signature_set_ssl_error(error, ESP_ERROR_INVALID,
					"the passphrase does not open the private key");
	} else {
		signature_set_ssl_error(error, ESP_ERROR_INVALID, "no private key in PEM or DER");
	}
}

EspSignatureKey *esp_signature_key_read_private(const guint8 *data, gsize size_bytes,
						EspPassphraseFunc passphrase, gpointer user_data,
						GError **error)
{
	const EspOpenssl *ssl = esp_openssl();
	Passphrase asking = {.ask = passphrase, .user_data = user_data, .length = -1};
	EVP_PKEY *pkey;

	if (size_bytes > ESP_SIGNATURE_KEY_FILE_MAX_BYTES) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "%zu bytes are too many for a private key", size_bytes);
		return NULL;
	}
	ssl->ERR_clear_error();
	if (is_pem(data, size_bytes)) {
		BIO *bio = ssl->BIO_new_mem_buf(data, (int)size_bytes);

		pkey = ssl->PEM_read_bio_PrivateKey(bio, NULL, ask_passphrase, &asking);
		ssl->BIO_free(bio);
	} else {
		pkey = ssl->d2i_AutoPrivateKey(NULL, &data, (long)size_bytes);
	}
	ssl->OPENSSL_cleanse(asking.text, sizeof asking.text);
	if (pkey == NULL) {
		set_read_error(&asking, error);
		return NULL;
	}
	return signature_key_new(pkey, error);
}

EspSignatureKey *esp_signature_key_read_public(const guint8 *data, gsize size_bytes, GError **error)
{
	const EspOpenssl *ssl = esp_openssl();
	EspSignatureKey *key = NULL;
	EVP_PKEY *pkey;

	if (size_bytes > ESP_SIGNATURE_KEY_FILE_MAX_BYTES) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "%zu bytes are too many for a public key", size_bytes);
		return NULL;
	}
	ssl->ERR_clear_error();
	if (is_pem(data, size_bytes)) {
		BIO *bio = ssl->BIO_new_mem_buf(data, (int)size_bytes);

		pkey = ssl->PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
		ssl->BIO_free(bio);
	} else {
		pkey = ssl->d2i_PUBKEY(NULL, &data, (long)size_bytes);
	}
	if (pkey != NULL)
		key = key_of_public(pkey, error);
	else
		signature_set_ssl_error(error, ESP_ERROR_INVALID, "no public key in PEM or DER");
	ssl->EVP_PKEY_free(pkey);
	return key;
}
