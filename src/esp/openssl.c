#include "esp/openssl.h"

#include <dlfcn.h>
#include <glib.h>

/* The name that programs linked to OpenSSL 3 ask for, too. */
#define LIBRARY "libcrypto.so.3"

static gpointer find(gpointer library, const char *name)
{
	gpointer function = dlsym(library, name);

	if (function == NULL)
		g_error(LIBRARY " has no %s: install OpenSSL 3.0 or later (libssl3)", name);
	return function;
}

static gpointer open_library(G_GNUC_UNUSED gpointer data)
{
	static EspOpenssl functions;
	gpointer library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (library == NULL)
		g_error("%s: install OpenSSL 3.0 or later (libssl3)", dlerror());
#define FIND(name) functions.name = (__typeof__(functions.name))find(library, #name);
	ESP_OPENSSL_FUNCTIONS(FIND)
#undef FIND
	return &functions;
}

const EspOpenssl *esp_openssl(void)
{
	static GOnce once = G_ONCE_INIT;

	return g_once(&once, open_library, NULL);
}
