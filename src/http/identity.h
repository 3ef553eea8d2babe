/* http/identity.h — a certificate chain and its key in GnuTLS's form, for libmicrohttpd. */
#pragma once

#include <glib.h>
#include <gnutls/abstract.h>

enum { HTTP_IDENTITY_MAX_CHAIN = 4 };

typedef struct {
	gnutls_pcert_st chain[HTTP_IDENTITY_MAX_CHAIN];
	guint n_chain;
	gnutls_privkey_t key;
} HttpIdentity;

/* Reads both PEM texts and checks that they belong together. Returns it, yours, or NULL with
 * HTTP_ERROR_INVALID. */
HttpIdentity *http_identity_new(const char *certificate_pem, const char *key_pem, GError **error);
void http_identity_free(HttpIdentity *identity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpIdentity, http_identity_free)
