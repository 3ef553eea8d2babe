#include "cmd/formats/merge_input.h"

#include "artefact/bundle.h"
#include "artefact/sums.h"
#include "base/file.h"
#include "base/hex.h"
#include "cmd/formats/io.h"
#include "esp/error.h"
#include "esp/hash.h"
#include "esp/image.h"

#include <string.h>
#include <sys/stat.h>

static void part_clear(gpointer data)
{
	EspMergePart *part = data;

	g_free((char *)part->name);
	g_bytes_unref(part->bytes);
}

void cmd_merge_input_clear(CmdMergeInput *input)
{
	if (input->parts != NULL)
		g_array_unref(input->parts);
	artefact_flasher_args_free(input->args);
}

static void add(CmdMergeInput *input, const char *name, guint32 offset, GBytes *bytes)
{
	EspMergePart part = {g_strdup(name), offset, g_bytes_ref(bytes)};

	if (input->parts == NULL) {
		input->parts = g_array_new(FALSE, FALSE, sizeof part);
		g_array_set_clear_func(input->parts, part_clear);
	}
	g_array_append_val(input->parts, part);
}

/* What is merged is no more public than its parts. */
static void note_mode(CmdMergeInput *input, const char *path)
{
	struct stat info;

	if (stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
	    (info.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		input->is_secret = TRUE;
}

/* ---- A folder ---- */

static GBytes *read_from(const char *folder, const char *name, gsize max_bytes, GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return base_file_read(path, max_bytes, error);
}

/* NULL without an error: the folder has no list of sums. */
static gboolean read_sums(const char *folder, GPtrArray **sums, GError **error)
{
	g_autofree char *path = g_build_filename(folder, ARTEFACT_SUMS, NULL);
	g_autoptr(GBytes) text = NULL;

	*sums = NULL;
	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return TRUE;
	text = base_file_read(path, ARTEFACT_SUMS_MAX_BYTES, error);
	if (text == NULL)
		return FALSE;
	*sums = artefact_sums_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), error);
	return *sums != NULL;
}

static gboolean check_sum(const GPtrArray *sums, const char *name, GBytes *bytes, GError **error)
{
	const ArtefactSum *sum = sums == NULL ? NULL : artefact_sums_find(sums, name);
	g_autofree char *hex = NULL;
	guint8 digest[ESP_SHA256_BYTES];

	if (sums == NULL)
		return TRUE;
	esp_sha256(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), digest);
	hex = base_hex(digest, sizeof digest);
	if (sum != NULL && strcmp(sum->hash, hex) == 0)
		return TRUE;
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_DAMAGED,
		    sum == NULL ? "%s is not in " ARTEFACT_SUMS "; fetch the bundle again"
				: "%s is not the file that " ARTEFACT_SUMS
				  " names; fetch the bundle again",
		    name);
	return FALSE;
}

static gboolean read_files(CmdMergeInput *input, const char *folder, GError **error)
{
	g_autoptr(GPtrArray) sums = NULL;

	if (!read_sums(folder, &sums, error))
		return FALSE;
	for (guint i = 0; i < input->args->files->len; i++) {
		const ArtefactArgsFile *file = input->args->files->pdata[i];
		g_autofree char *path = g_build_filename(folder, file->path, NULL);
		g_autoptr(GBytes) bytes = base_file_read(path, CMD_INPUT_MAX_BYTES, error);

		if (bytes == NULL || !check_sum(sums, file->path, bytes, error))
			return FALSE;
		note_mode(input, path);
		add(input, file->path, file->offset_bytes, bytes);
	}
	return TRUE;
}

gboolean cmd_merge_input_from_folder(CmdMergeInput *input, const char *folder, GError **error)
{
	g_autoptr(GBytes) text = read_from(folder, ARTEFACT_ARGS, ARTEFACT_ARGS_MAX_BYTES, error);

	if (text == NULL)
		return FALSE;
	input->args = artefact_flasher_args_parse(g_bytes_get_data(text, NULL),
						  g_bytes_get_size(text), error);
	return input->args != NULL && read_files(input, folder, error);
}

/* ---- Words ---- */

gboolean cmd_merge_input_from_words(CmdMergeInput *input, char **words, int n_words, GError **error)
{
	guint64 offset;

	for (int i = 0; i < n_words; i += 2)
		if (!cmd_number_parse("the place of a file", words[i], 0, G_MAXUINT32, &offset,
				      error))
			return FALSE;
	for (int i = 0; i + 1 < n_words; i += 2) {
		g_autoptr(GBytes) bytes = cmd_input_read(words[i + 1], CMD_INPUT_MAX_BYTES, error);

		if (bytes == NULL ||
		    !cmd_number_parse("", words[i], 0, G_MAXUINT32, &offset, error))
			return FALSE;
		note_mode(input, words[i + 1]);
		add(input, cmd_input_name(words[i + 1]), (guint32)offset, bytes);
	}
	return TRUE;
}

/* ---- Checks ---- */

static gboolean find_chip(CmdMergeInput *input, const char *name, GError **error)
{
	const char *wanted = name != NULL ? name : input->args != NULL ? input->args->chip : NULL;

	if (wanted == NULL)
		return TRUE;
	input->chip = esp_chip_find(wanted);
	if (input->chip == NULL) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
			    "the chip '%.20s' is not known here; esp32, esp32c3, esp32s3 … are",
			    wanted);
		return FALSE;
	}
	if (input->args == NULL || strcmp(input->args->chip, wanted) == 0)
		return TRUE;
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_WRONG_CHIP,
		    "the folder is built for %s, not for %s", input->args->chip, wanted);
	return FALSE;
}

/* What is no image at all (a table, encrypted firmware) is not looked at. */
static gboolean check_part(CmdMergeInput *input, const EspMergePart *part, GError **error)
{
	g_autoptr(GError) fault = NULL;
	const EspChip *chip;
	EspImage image;

	if (!esp_image_examine(g_bytes_get_data(part->bytes, NULL), g_bytes_get_size(part->bytes),
			       &image, &fault) &&
	    !g_error_matches(fault, ESP_ERROR, ESP_ERROR_CORRUPT))
		return TRUE;
	chip = esp_chip_find_id(image.chip_id);
	if (input->chip == NULL)
		input->chip = chip;
	if (chip != input->chip) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_WRONG_CHIP,
			    "%s is an image for %s, not for %s", part->name,
			    chip == NULL ? "an unknown chip" : chip->title, input->chip->title);
		return FALSE;
	}
	if (fault == NULL)
		return TRUE;
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_DAMAGED, "%s: %s", part->name,
		    fault->message);
	return FALSE;
}

gboolean cmd_merge_input_check(CmdMergeInput *input, const char *chip_name, GError **error)
{
	if (!find_chip(input, chip_name, error))
		return FALSE;
	for (guint i = 0; i < input->parts->len; i++)
		if (!check_part(input, &g_array_index(input->parts, EspMergePart, i), error))
			return FALSE;
	return TRUE;
}
