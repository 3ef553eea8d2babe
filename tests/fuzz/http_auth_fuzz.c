/* The Authorization header. */
#include "base/digest.h"
#include "http/auth.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *header = g_strndup((const char *)data, size);
	char *user = NULL, *password = NULL;

	if (http_auth_basic(header, &user, &password) &&
	    (!g_utf8_validate(user, -1, NULL) || strchr(user, ':') != NULL))
		abort();
	g_free(user);
	base_secret_free(password);
	base_secret_free(http_auth_bearer(header));
	return 0;
}
