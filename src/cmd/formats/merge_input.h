/* cmd/formats/merge_input.h — what `image merge` puts together: the files of a bundle or of a build
 * folder, or files named one by one. */
#pragma once

#include "artefact/flasher_args.h"
#include "esp/merge.h"

#include <glib.h>

typedef struct {
	GArray *parts;             /* EspMergePart */
	ArtefactFlasherArgs *args; /* flasher_args.json; NULL: none */
	const EspChip *chip;       /* NULL: nothing says which */
	gboolean is_secret;        /* one of the files may be read by its owner only */
} CmdMergeInput;

void cmd_merge_input_clear(CmdMergeInput *input);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CmdMergeInput, cmd_merge_input_clear)

/* Reads flasher_args.json of `folder` and the files that it names, each as SHA256SUMS says if the
 * folder has one. FALSE with ARTEFACT_ERROR_* or BASE_ERROR_*, naming the file. */
gboolean cmd_merge_input_from_folder(CmdMergeInput *input, const char *folder, GError **error);

/* Reads `n_words` words, by turns an offset in flash and a file. FALSE with BASE_ERROR_INVALID for
 * an offset that is none, before any file is read; or BASE_ERROR_* of a file. */
gboolean cmd_merge_input_from_words(CmdMergeInput *input, char **words, int n_words,
				    GError **error);

/* Looks at the images among the parts: their chip is that of `chip_name` (NULL: of the bundle, or
 * else of the first image), and none is damaged. Sets `chip`. FALSE with ARTEFACT_ERROR_WRONG_CHIP,
 * _DAMAGED or _INVALID. */
gboolean cmd_merge_input_check(CmdMergeInput *input, const char *chip_name, GError **error);
