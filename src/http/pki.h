/* http/pki.h — a certificate authority in a folder, and leaves signed by it. P-256 throughout.
 *
 * The authority lives ten years, since devices carry it; a leaf lives one and is renewed when less
 * than a third is left. Time is base/clock's. Any thread for an authority that is open; files are
 * written by base/file.h, keys with mode 0600. Errors are HTTP_ERROR_INVALID or BASE_ERROR_*. */
#pragma once

#include <glib.h>

enum {
	HTTP_PKI_CA_DAYS = 3653,
	HTTP_PKI_LEAF_DAYS = 365,
	HTTP_PKI_BACKDATE_DAYS = 1, /* notBefore lies so far back: clocks of devices lag */
};

typedef struct HttpPki HttpPki;

/* Opens FOLDER/ca.crt and FOLDER/ca.key, or makes both if there is no certificate yet. A
 * certificate whose key is lost, does not fit, or which has expired is an error that says what to
 * do: devices know the old authority, so it is never replaced silently. Returns it, yours. */
HttpPki *http_pki_open(const char *folder, GError **error);
void http_pki_free(HttpPki *pki);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HttpPki, http_pki_free)

/* The authority's certificate, PEM. Borrowed. */
const char *http_pki_ca_pem(const HttpPki *pki);

/* A new leaf for `names` (DNS names and numeric addresses, NULL-ended, at least one): server
 * authentication, subject = the first name. The texts are yours; free the key with
 * base_secret_free. */
gboolean http_pki_issue(HttpPki *pki, const char *const *names, char **certificate_pem,
			char **key_pem, GError **error);

/* The leaf in two files (both 0600), issued anew if missing, damaged, signed by another authority,
 * for other names, not yet valid, or with less than a third of its life left. `certificate_pem` and
 * `key_pem` (either may be NULL) get what is now in the files, `renewed` (may be NULL) whether they
 * were written. Call it at start and every hour. */
gboolean http_pki_ensure(HttpPki *pki, const char *certificate_path, const char *key_path,
			 const char *const *names, char **certificate_pem, char **key_pem,
			 gboolean *renewed, GError **error);
