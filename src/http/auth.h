/* http/auth.h — the Authorization header (RFC 7617, RFC 6750). Pure; the texts are secrets. */
#pragma once

#include <glib.h>

enum {
	HTTP_AUTH_MAX_CHARS = 4096, /* of the header's value */
};

/* Reads "Basic …". FALSE, out parameters untouched, if `header` is NULL or anything else; user and
 * password have no NUL and are UTF-8. Both are yours; free the password with base_secret_free. */
gboolean http_auth_basic(const char *header, char **user, char **password);

/* Reads "Bearer …". The token is yours (base_secret_free), or NULL. */
char *http_auth_bearer(const char *header);
