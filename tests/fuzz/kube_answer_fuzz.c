#include "kube/error.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a server answers when it refuses: the first byte chooses the HTTP status, the rest is the
 * body. There is always an error with a message that can be printed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const guint statuses[] = {400, 401, 403, 404, 409, 410,
					 413, 415, 422, 429, 500, 504};
	g_autoptr(GBytes) body = NULL;
	g_autoptr(GError) error = NULL;
	const GPtrArray *causes;

	if (size == 0)
		return 0;
	body = g_bytes_new(data + 1, size - 1);
	kube_error_set_from_answer(&error, statuses[data[0] % G_N_ELEMENTS(statuses)], body,
				   "GET /api/v1/secrets");
	g_assert(error != NULL && error->domain == KUBE_ERROR);
	g_assert(g_utf8_validate(error->message, -1, NULL));
	causes = kube_error_causes(error);
	for (guint i = 0; causes != NULL && i < causes->len; i++)
		g_assert(causes->pdata[i] != NULL);
	return 0;
}
