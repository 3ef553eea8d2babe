/* ports/posix/tls.h — the TLS settings of a device: it trusts the CA of its configuration and no
 * other, and checks that the certificate is for the host that it calls. */
#pragma once

#include <glib.h>
#include <openssl/ssl.h>

/* Yours (SSL_CTX_free), or NULL with BASE_ERROR_CRYPTO or _INVALID (`ca_pem` holds no certificate).
 * When a handshake fails because of the peer's certificate, `*refusal` (lives as long as the
 * context) becomes what is wrong with it, a static text: the MQTT library does not always say. */
SSL_CTX *posix_tls_new(const char *ca_pem, const char *host, const char **refusal, GError **error);
