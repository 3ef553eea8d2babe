#include "http/pki.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>

enum {
	MAX_PEM_BYTES = 64 * 1024,
	SERIAL_BYTES = 16,
	SECONDS_A_DAY = 24 * 60 * 60,
	RENEW_DIVISOR = 3, /* renewed when less than a third is left */
};

#define CA_CERTIFICATE "ca.crt"
#define CA_KEY "ca.key"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(EVP_PKEY, EVP_PKEY_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BIO, BIO_free_all)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GENERAL_NAMES, GENERAL_NAMES_free)

struct HttpPki {
	X509 *certificate;
	EVP_PKEY *key;
	char *pem;
};

static gboolean fail_crypto(GError **error, const char *what)
{
	char reason[160];

	ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
	ERR_clear_error();
	g_set_error(error, BASE_ERROR, BASE_ERROR_CRYPTO, "%s: %s", what, reason);
	return FALSE;
}

static time_t now_s(void)
{
	return (time_t)(base_clock_wall_us() / G_USEC_PER_SEC);
}

static char *text_of(BIO *memory)
{
	char *data;
	long size = BIO_get_mem_data(memory, &data);

	return g_strndup(data, (gsize)size);
}

static char *certificate_text(X509 *certificate)
{
	g_autoptr(BIO) memory = BIO_new(BIO_s_mem());

	g_assert(PEM_write_bio_X509(memory, certificate) == 1);
	return text_of(memory);
}

static char *key_text(EVP_PKEY *key)
{
	g_autoptr(BIO) memory = BIO_new(BIO_s_secmem());

	g_assert(PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1);
	return text_of(memory);
}

static X509 *read_certificate(const char *text, gsize size_bytes)
{
	g_autoptr(BIO) memory = BIO_new_mem_buf(text, (int)size_bytes);
	X509 *certificate = PEM_read_bio_X509(memory, NULL, NULL, NULL);

	ERR_clear_error();
	return certificate;
}

static EVP_PKEY *read_key(const char *text, gsize size_bytes)
{
	g_autoptr(BIO) memory = BIO_new_mem_buf(text, (int)size_bytes);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(memory, NULL, NULL, NULL);

	ERR_clear_error();
	return key;
}

static gboolean add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;
	gboolean added;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return added;
}

static GENERAL_NAME *general_name(const char *text)
{
	guint8 address[16];
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *value;
	gboolean is_v4 = inet_pton(AF_INET, text, address) == 1;
	gboolean is_v6 = !is_v4 && inet_pton(AF_INET6, text, address) == 1;

	if (is_v4 || is_v6) {
		value = ASN1_OCTET_STRING_new();
		ASN1_STRING_set(value, address, is_v4 ? 4 : 16);
		GENERAL_NAME_set0_value(name, GEN_IPADD, value);
	} else {
		value = ASN1_IA5STRING_new();
		ASN1_STRING_set(value, text, (int)strlen(text));
		GENERAL_NAME_set0_value(name, GEN_DNS, value);
	}
	return name;
}

static GENERAL_NAMES *general_names(const char *const *names)
{
	GENERAL_NAMES *all = GENERAL_NAMES_new();

	for (gsize i = 0; names[i] != NULL; i++)
		sk_GENERAL_NAME_push(all, general_name(names[i]));
	return all;
}

/* Whole but for the extensions and the signature. */
static X509 *blank_certificate(const char *common_name, EVP_PKEY *key, X509 *issuer, long days)
{
	g_autoptr(X509) certificate = X509_new();
	guint8 serial[SERIAL_BYTES];
	BIGNUM *number;
	X509_NAME *subject = X509_get_subject_name(certificate);
	time_t now = now_s();

	base_random_bytes(serial, sizeof serial);
	serial[0] = (serial[0] & 0x7F) | 0x40; /* positive, of constant length */
	number = BN_bin2bn(serial, sizeof serial, NULL);
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
	X509_set_version(certificate, X509_VERSION_3);
	X509_NAME_add_entry_by_NID(subject, NID_organizationName, MBSTRING_UTF8,
				   (const guchar *)"Espalier", -1, -1, 0);
	X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
				   (const guchar *)common_name, -1, -1, 0);
	X509_set_issuer_name(certificate, issuer != NULL ? X509_get_subject_name(issuer) : subject);
	X509_set_pubkey(certificate, key);
	if (X509_time_adj_ex(X509_getm_notBefore(certificate), -HTTP_PKI_BACKDATE_DAYS, 0, &now) ==
		    NULL ||
	    X509_time_adj_ex(X509_getm_notAfter(certificate), (int)days, 0, &now) == NULL)
		return NULL;
	return g_steal_pointer(&certificate);
}

static X509 *new_authority(EVP_PKEY *key)
{
	guint8 nonce[4];
	g_autofree char *suffix = NULL;
	g_autofree char *name = NULL;
	g_autoptr(X509) certificate = NULL;

	base_random_bytes(nonce, sizeof nonce);
	suffix = base_hex(nonce, sizeof nonce);
	name = g_strdup_printf("Espalier CA %s", suffix);
	certificate = blank_certificate(name, key, NULL, HTTP_PKI_CA_DAYS);
	if (certificate == NULL ||
	    !add_extension(certificate, certificate, NID_basic_constraints,
			   "critical,CA:TRUE,pathlen:0") ||
	    !add_extension(certificate, certificate, NID_key_usage,
			   "critical,keyCertSign,cRLSign") ||
	    !add_extension(certificate, certificate, NID_subject_key_identifier, "hash") ||
	    X509_sign(certificate, key, EVP_sha256()) == 0)
		return NULL;
	return g_steal_pointer(&certificate);
}

static gboolean make_authority(HttpPki *pki, const char *certificate_path, const char *key_path,
			       GError **error)
{
	char *key_pem;
	gboolean written;

	pki->key = EVP_EC_gen("P-256");
	pki->certificate = pki->key != NULL ? new_authority(pki->key) : NULL;
	if (pki->certificate == NULL)
		return fail_crypto(error, "making the certificate authority");
	pki->pem = certificate_text(pki->certificate);
	key_pem = key_text(pki->key);
	/* The key first: after a cut between the two the folder has a key alone, and
	 * http_pki_open starts over. */
	written = base_file_write(key_path, key_pem, strlen(key_pem), 0600, error) &&
		  base_file_write(certificate_path, pki->pem, strlen(pki->pem), 0644, error);
	base_secret_free(key_pem);
	return written;
}

static gboolean load_authority(HttpPki *pki, const char *certificate_path, const char *key_path,
			       GError **error)
{
	g_autoptr(GBytes) certificate = base_file_read(certificate_path, MAX_PEM_BYTES, error);
	g_autoptr(GBytes) key = NULL;
	time_t now = now_s();

	if (certificate == NULL)
		return FALSE;
	key = base_file_read(key_path, MAX_PEM_BYTES, error);
	if (key == NULL) {
		g_prefix_error(error,
			       "the certificate authority %s has lost its key; restore it, "
			       "or remove both and flash all devices anew: ",
			       certificate_path);
		return FALSE;
	}
	pki->certificate = read_certificate(g_bytes_get_data(certificate, NULL),
					    g_bytes_get_size(certificate));
	pki->key = read_key(g_bytes_get_data(key, NULL), g_bytes_get_size(key));
	if (pki->certificate == NULL || pki->key == NULL ||
	    X509_check_private_key(pki->certificate, pki->key) != 1) {
		ERR_clear_error();
		g_set_error(error, HTTP_ERROR, HTTP_ERROR_INVALID,
			    "%s and %s are damaged or do not belong together; restore them from a "
			    "copy, or remove both and flash all devices anew",
			    certificate_path, key_path);
		return FALSE;
	}
	if (X509_cmp_time(X509_get0_notAfter(pki->certificate), &now) < 0) {
		g_set_error(error, HTTP_ERROR, HTTP_ERROR_INVALID,
			    "the certificate authority %s has expired; is the clock right? If so, "
			    "remove it and its key and flash all devices anew",
			    certificate_path);
		return FALSE;
	}
	pki->pem = certificate_text(pki->certificate);
	return TRUE;
}

HttpPki *http_pki_open(const char *folder, GError **error)
{
	g_autoptr(HttpPki) pki = g_new0(HttpPki, 1);
	g_autofree char *certificate_path = g_build_filename(folder, CA_CERTIFICATE, NULL);
	g_autofree char *key_path = g_build_filename(folder, CA_KEY, NULL);
	gboolean opened;

	if (!base_folder_make(folder, 0700, error))
		return NULL;
	opened = g_file_test(certificate_path, G_FILE_TEST_EXISTS)
			 ? load_authority(pki, certificate_path, key_path, error)
			 : make_authority(pki, certificate_path, key_path, error);
	return opened ? g_steal_pointer(&pki) : NULL;
}

void http_pki_free(HttpPki *pki)
{
	if (pki == NULL)
		return;
	X509_free(pki->certificate);
	EVP_PKEY_free(pki->key);
	g_free(pki->pem);
	g_free(pki);
}

const char *http_pki_ca_pem(const HttpPki *pki)
{
	return pki->pem;
}

static X509 *new_leaf(HttpPki *pki, EVP_PKEY *key, const char *const *names)
{
	g_autoptr(X509) leaf =
		blank_certificate(names[0], key, pki->certificate, HTTP_PKI_LEAF_DAYS);
	g_autoptr(GENERAL_NAMES) alternatives = general_names(names);

	if (leaf == NULL ||
	    !add_extension(leaf, pki->certificate, NID_basic_constraints, "critical,CA:FALSE") ||
	    !add_extension(leaf, pki->certificate, NID_key_usage, "critical,digitalSignature") ||
	    !add_extension(leaf, pki->certificate, NID_ext_key_usage, "serverAuth") ||
	    !add_extension(leaf, pki->certificate, NID_subject_key_identifier, "hash") ||
	    !add_extension(leaf, pki->certificate, NID_authority_key_identifier, "keyid:always") ||
	    X509_add1_ext_i2d(leaf, NID_subject_alt_name, alternatives, 0, X509V3_ADD_DEFAULT) !=
		    1 ||
	    X509_sign(leaf, pki->key, EVP_sha256()) == 0)
		return NULL;
	return g_steal_pointer(&leaf);
}

gboolean http_pki_issue(HttpPki *pki, const char *const *names, char **certificate_pem,
			char **key_pem, GError **error)
{
	g_autoptr(EVP_PKEY) key = EVP_EC_gen("P-256");
	g_autoptr(X509) leaf = NULL;

	g_return_val_if_fail(names[0] != NULL, FALSE);
	leaf = key != NULL ? new_leaf(pki, key, names) : NULL;
	if (leaf == NULL)
		return fail_crypto(error, "signing a certificate");
	*certificate_pem = certificate_text(leaf);
	*key_pem = key_text(key);
	return TRUE;
}

static gboolean has_names(X509 *leaf, const char *const *names)
{
	g_autoptr(GENERAL_NAMES) actual = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
	g_autoptr(GENERAL_NAMES) wanted = general_names(names);

	if (actual == NULL || sk_GENERAL_NAME_num(actual) != sk_GENERAL_NAME_num(wanted))
		return FALSE;
	for (int i = 0; i < sk_GENERAL_NAME_num(wanted); i++)
		if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(actual, i),
				     sk_GENERAL_NAME_value(wanted, i)) != 0)
			return FALSE;
	return TRUE;
}

static gboolean is_fresh(X509 *leaf)
{
	time_t now = now_s();
	time_t soon = now + (time_t)HTTP_PKI_LEAF_DAYS * SECONDS_A_DAY / RENEW_DIVISOR;

	return X509_cmp_time(X509_get0_notBefore(leaf), &now) < 0 &&
	       X509_cmp_time(X509_get0_notAfter(leaf), &soon) > 0;
}

static gboolean leaf_is_good(HttpPki *pki, GBytes *certificate_bytes, GBytes *key_bytes,
			     const char *const *names)
{
	g_autoptr(X509) leaf = NULL;
	g_autoptr(EVP_PKEY) key = NULL;
	gboolean good;

	if (certificate_bytes == NULL || key_bytes == NULL)
		return FALSE;
	leaf = read_certificate(g_bytes_get_data(certificate_bytes, NULL),
				g_bytes_get_size(certificate_bytes));
	key = read_key(g_bytes_get_data(key_bytes, NULL), g_bytes_get_size(key_bytes));
	good = leaf != NULL && key != NULL && X509_check_private_key(leaf, key) == 1 &&
	       X509_verify(leaf, pki->key) == 1 && has_names(leaf, names) && is_fresh(leaf);
	ERR_clear_error();
	return good;
}

static char *string_of(GBytes *bytes)
{
	return g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

gboolean http_pki_ensure(HttpPki *pki, const char *certificate_path, const char *key_path,
			 const char *const *names, char **certificate_pem, char **key_pem,
			 gboolean *renewed, GError **error)
{
	g_autoptr(GBytes) certificate_bytes = base_file_read(certificate_path, MAX_PEM_BYTES, NULL);
	g_autoptr(GBytes) key_bytes = base_file_read(key_path, MAX_PEM_BYTES, NULL);
	gboolean good = leaf_is_good(pki, certificate_bytes, key_bytes, names);
	g_autofree char *certificate = NULL;
	char *key = NULL;

	if (good) {
		certificate = string_of(certificate_bytes);
		key = string_of(key_bytes);
	} else if (!http_pki_issue(pki, names, &certificate, &key, error) ||
		   !base_file_write(key_path, key, strlen(key), 0600, error) ||
		   !base_file_write(certificate_path, certificate, strlen(certificate), 0600,
				    error)) {
		base_secret_free(key);
		return FALSE;
	}
	if (certificate_pem != NULL)
		*certificate_pem = g_steal_pointer(&certificate);
	if (key_pem != NULL)
		*key_pem = g_steal_pointer(&key);
	if (renewed != NULL)
		*renewed = !good;
	base_secret_free(key);
	return TRUE;
}
