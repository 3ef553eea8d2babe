#include "ports/posix/tls.h"

#include "base/error.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>

static gboolean trust(SSL_CTX *context, const char *ca_pem, GError **error)
{
	X509_STORE *store = SSL_CTX_get_cert_store(context);
	BIO *bio = BIO_new_mem_buf(ca_pem, (int)strlen(ca_pem));
	guint n_certificates = 0;
	X509 *certificate;

	while (bio != NULL && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		n_certificates += X509_STORE_add_cert(store, certificate) == 1;
		X509_free(certificate);
	}
	BIO_free(bio);
	ERR_clear_error();
	if (n_certificates > 0)
		return TRUE;
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
		    "mqtt/ca holds no certificate; flash this device again with `espalier flash`");
	return FALSE;
}

/* A certificate names hosts and addresses in different fields. */
static gboolean expect_host(SSL_CTX *context, const char *host)
{
	X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(context);

	X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 ||
	       X509_VERIFY_PARAM_set1_host(parameters, host, 0) == 1;
}

static int on_verify(int accepted, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const char **refusal = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	if (!accepted)
		*refusal = X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
	return accepted;
}

SSL_CTX *posix_tls_new(const char *ca_pem, const char *host, const char **refusal, GError **error)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
	    !expect_host(context, host)) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_CRYPTO, "TLS: %s",
			    ERR_reason_error_string(ERR_get_error()));
		SSL_CTX_free(context);
		return NULL;
	}
	if (!trust(context, ca_pem, error)) {
		SSL_CTX_free(context);
		return NULL;
	}
	SSL_CTX_set_app_data(context, refusal);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_verify);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	return context;
}
