#include "http/auth.h"

#include "base/digest.h"

#include <string.h>

#define BASE64_ALPHABET "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/* What stands behind the scheme, without spaces around it, or NULL. */
static char *credentials_of(const char *header, const char *scheme)
{
	gsize size = strlen(scheme);
	char *credentials;

	if (header == NULL || strnlen(header, HTTP_AUTH_MAX_CHARS + 1) > HTTP_AUTH_MAX_CHARS ||
	    g_ascii_strncasecmp(header, scheme, size) != 0 || header[size] != ' ')
		return NULL;
	credentials = g_strstrip(g_strdup(header + size));
	if (credentials[0] != '\0')
		return credentials;
	g_free(credentials);
	return NULL;
}

static gboolean is_base64(const char *text)
{
	gsize digits = strspn(text, BASE64_ALPHABET);
	gsize padding = strspn(text + digits, "=");

	return digits > 0 && padding <= 2 && (digits + padding) % 4 == 0 &&
	       text[digits + padding] == '\0';
}

gboolean http_auth_basic(const char *header, char **user, char **password)
{
	char *encoded = credentials_of(header, "Basic");
	g_autofree char *decoded = NULL;
	gsize size = 0;
	gboolean good = FALSE;
	const char *colon;

	if (encoded == NULL)
		return FALSE;
	if (is_base64(encoded)) {
		guchar *bytes = g_base64_decode(encoded, &size);

		decoded = g_strndup((const char *)bytes, size);
		memset(bytes, 0, size);
		g_free(bytes);
	}
	base_secret_free(encoded);
	if (decoded == NULL)
		return FALSE;
	colon = strchr(decoded, ':');
	if (strlen(decoded) == size && colon != NULL &&
	    g_utf8_validate(decoded, (gssize)size, NULL)) {
		*user = g_strndup(decoded, (gsize)(colon - decoded));
		*password = g_strdup(colon + 1);
		good = TRUE;
	}
	base_secret_free(g_steal_pointer(&decoded));
	return good;
}

char *http_auth_bearer(const char *header)
{
	return credentials_of(header, "Bearer");
}
