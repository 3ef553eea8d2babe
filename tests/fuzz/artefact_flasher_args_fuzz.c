/* flasher_args.json; what is accepted is written and read back to the same. */
#include "artefact/flasher_args.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(ArtefactFlasherArgs) args =
		artefact_flasher_args_parse((const char *)data, size, NULL);
	g_autoptr(ArtefactFlasherArgs) again = NULL;
	g_autoptr(GBytes) text = NULL;
	gsize text_size;
	const char *written;

	if (args == NULL)
		return 0;
	for (guint i = 0; i < args->files->len; i++) {
		const ArtefactArgsFile *file = args->files->pdata[i];
		g_auto(GStrv) steps = g_strsplit(file->path, "/", -1);

		if (file->path[0] == '/' || g_strv_contains((const char *const *)steps, ".."))
			abort();
	}
	text = artefact_flasher_args_text(args);
	written = g_bytes_get_data(text, &text_size);
	again = artefact_flasher_args_parse(written, text_size, NULL);
	if (text_size <= ARTEFACT_ARGS_MAX_BYTES &&
	    (again == NULL || strcmp(again->chip, args->chip) != 0))
		abort();
	return 0;
}
