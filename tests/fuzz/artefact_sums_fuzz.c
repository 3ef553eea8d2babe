/* SHA256SUMS. */
#include "artefact/sums.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GPtrArray) sums = artefact_sums_parse((const char *)data, size, NULL);

	if (sums == NULL)
		return 0;
	for (guint i = 0; i < sums->len; i++) {
		const ArtefactSum *sum = sums->pdata[i];

		if (strlen(sum->hash) != ARTEFACT_HASH_CHARS || strchr(sum->name, '/') != NULL ||
		    artefact_sums_find(sums, sum->name) != sum)
			abort();
	}
	return 0;
}
