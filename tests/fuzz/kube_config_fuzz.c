/* Reads kubeconfigs; whatever is accepted has a server and a namespace. */
#include "kube/config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(KubeConfig) config = NULL;

	/* No folder and no absolute files: nothing on the disk is read. */
	if (size == 0 || memchr(data, '/', size) != NULL)
		return 0;
	config = kube_config_parse((const char *)data, size, "fuzz", NULL, NULL, &error);
	if ((config == NULL) != (error != NULL))
		abort();
	if (config != NULL && (config->server == NULL || config->name_space == NULL))
		abort();
	return 0;
}
