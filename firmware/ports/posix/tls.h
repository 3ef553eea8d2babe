/* ports/posix/tls.h — the TLS settings of a device: it trusts the CA of its configuration and no
 * other, and checks that the certificate is for the host that it calls. */
#pragma once

#include <glib.h>
#include <openssl/ssl.h>

/* Yours (SSL_CTX_free), or NULL with BASE_ERROR_CRYPTO or _INVALID (`ca_pem` holds no certificate).
 */
SSL_CTX *posix_tls_new(const char *ca_pem, const char *host, GError **error);
