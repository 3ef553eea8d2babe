#include "http/identity.h"

#include "http/server.h"

#include <gnutls/x509.h>
#include <string.h>

static gnutls_datum_t datum(const char *text)
{
	gnutls_datum_t view = {.data = (unsigned char *)text, .size = (unsigned)strlen(text)};

	return view;
}

/* The key must be that of the leaf: the identifiers of both public keys are compared. */
static gboolean belong_together(HttpIdentity *identity)
{
	guint8 of_leaf[64], of_key[64];
	size_t leaf_size = sizeof of_leaf, key_size = sizeof of_key;
	gnutls_pubkey_t public;
	gboolean same;

	if (gnutls_pubkey_init(&public) < 0)
		return FALSE;
	same = gnutls_pubkey_import_privkey(public, identity->key, 0, 0) >= 0 &&
	       gnutls_pubkey_get_key_id(public, 0, of_key, &key_size) >= 0 &&
	       gnutls_pubkey_get_key_id(identity->chain[0].pubkey, 0, of_leaf, &leaf_size) >= 0 &&
	       key_size == leaf_size && memcmp(of_key, of_leaf, key_size) == 0;
	gnutls_pubkey_deinit(public);
	return same;
}

HttpIdentity *http_identity_new(const char *certificate_pem, const char *key_pem, GError **error)
{
	g_autoptr(HttpIdentity) identity = g_new0(HttpIdentity, 1);
	gnutls_datum_t certificate = datum(certificate_pem), key = datum(key_pem);
	unsigned n_chain = HTTP_IDENTITY_MAX_CHAIN;
	int result;

	result = gnutls_pcert_list_import_x509_raw(identity->chain, &n_chain, &certificate,
						   GNUTLS_X509_FMT_PEM,
						   GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
	if (result < 0 || n_chain == 0) {
		g_set_error(error, HTTP_ERROR, HTTP_ERROR_INVALID,
			    "the TLS certificate is not a PEM chain of at most %d: %s",
			    HTTP_IDENTITY_MAX_CHAIN, gnutls_strerror(result));
		return NULL;
	}
	identity->n_chain = n_chain;
	result = gnutls_privkey_init(&identity->key);
	if (result >= 0)
		result = gnutls_privkey_import_x509_raw(identity->key, &key, GNUTLS_X509_FMT_PEM,
							NULL, 0);
	if (result < 0) {
		g_set_error(error, HTTP_ERROR, HTTP_ERROR_INVALID,
			    "the TLS key is not a PEM private key: %s", gnutls_strerror(result));
		return NULL;
	}
	if (!belong_together(identity)) {
		g_set_error(error, HTTP_ERROR, HTTP_ERROR_INVALID,
			    "the TLS key does not belong to the certificate; write both anew");
		return NULL;
	}
	return g_steal_pointer(&identity);
}

void http_identity_free(HttpIdentity *identity)
{
	if (identity == NULL)
		return;
	for (guint i = 0; i < identity->n_chain; i++)
		gnutls_pcert_deinit(&identity->chain[i]);
	if (identity->key != NULL)
		gnutls_privkey_deinit(identity->key);
	g_free(identity);
}
