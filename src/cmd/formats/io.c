#include "cmd/formats/io.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	KIBIBYTE = 1024,
	MEBIBYTE = 1024 * 1024,
};

static gboolean is_dash(const char *path)
{
	return strcmp(path, "-") == 0;
}

const char *cmd_input_name(const char *path)
{
	return is_dash(path) ? "standard input" : path;
}

GBytes *cmd_input_read(const char *path, gsize max_bytes, GError **error)
{
	return is_dash(path)
		       ? base_file_read_fd(STDIN_FILENO, cmd_input_name(path), max_bytes, error)
		       : base_file_read(path, max_bytes, error);
}

static gboolean write_all(int fd, const char *name, const void *data, gsize size_bytes,
			  GError **error)
{
	return base_fd_write_all(fd, data, size_bytes) ||
	       base_error_set_errno(error, errno, "writing to %s", name);
}

static gboolean write_stdout(const void *data, gsize size_bytes, GError **error)
{
	if (isatty(STDOUT_FILENO) != 0) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "standard output is a terminal, and these are bytes: name a file, or "
			    "redirect it");
		return FALSE;
	}
	fflush(stdout);
	return write_all(STDOUT_FILENO, "standard output", data, size_bytes, error);
}

/* A device or a pipe cannot be replaced by a file. */
static gboolean write_special(const char *path, const void *data, gsize size_bytes, GError **error)
{
	g_auto(BaseFd) fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		return write_all(fd, path, data, size_bytes, error);
	base_error_set_errno(error, errno, "opening %s", path);
	return FALSE;
}

static guint without_umask(guint mode)
{
	mode_t mask = umask(0);

	umask(mask);
	return mode & ~(guint)mask;
}

gboolean cmd_output_write(const char *path, const void *data, gsize size_bytes, guint mode,
			  GError **error)
{
	struct stat info;
	char *target;
	gboolean done;

	if (is_dash(path))
		return write_stdout(data, size_bytes, error);
	if (stat(path, &info) != 0)
		return base_file_write(path, data, size_bytes, without_umask(mode), error);
	if (!S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode))
		return write_special(path, data, size_bytes, error);
	target = realpath(path, NULL);
	done = base_file_write(target != NULL ? target : path, data, size_bytes,
			       without_umask(mode), error);
	free(target);
	return done;
}

gboolean cmd_output_is_json(const char *name, const char *output, CmdExit *exit)
{
	if (output == NULL || strcmp(output, "text") == 0)
		return FALSE;
	if (strcmp(output, "json") == 0)
		return TRUE;
	*exit = cmd_usage_error(name, "--output takes text or json, not '%s'", output);
	return FALSE;
}

void cmd_json_print(json_t *document)
{
	json_dumpf(document, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(document);
}

const EspChip *cmd_chip_parse(const char *text, GError **error)
{
	const EspChip *chip = esp_chip_find(text);

	if (chip == NULL)
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "--chip '%s' is not known here; esp32, esp32c3, esp32s3 … are", text);
	return chip;
}

static guint64 unit_of(char suffix)
{
	switch (g_ascii_tolower(suffix)) {
	case 'k':
		return KIBIBYTE;
	case 'm':
		return MEBIBYTE;
	default:
		return 1;
	}
}

gboolean cmd_number_parse(const char *option, const char *text, guint64 min, guint64 max,
			  guint64 *value, GError **error)
{
	gsize length = strlen(text);
	guint64 unit = length > 0 ? unit_of(text[length - 1]) : 1;
	g_autofree char *digits = g_strndup(text, unit == 1 ? length : length - 1);
	gboolean is_hex = g_ascii_strncasecmp(digits, "0x", 2) == 0;
	guint64 number;

	if (!g_ascii_string_to_unsigned(is_hex ? digits + 2 : digits, is_hex ? 16 : 10, 0,
					G_MAXUINT64, &number, NULL) ||
	    number > G_MAXUINT64 / unit || number * unit < min || number * unit > max) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "%s takes a number from 0x%" G_GINT64_MODIFIER
			    "x to 0x%" G_GINT64_MODIFIER "x (12288, 0x3000 or 12K), not '%s'",
			    option, min, max, text);
		return FALSE;
	}
	*value = number * unit;
	return TRUE;
}
