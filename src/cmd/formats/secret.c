#include "cmd/formats/secret.h"

#include "base/error.h"
#include "base/file.h"
#include "cmd/formats/io.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum {
	OTHERS = 0077, /* modes for all but the owner */
	CONTROL_C = 3,
};

void cmd_secret_clear(CmdSecret *secret)
{
	if (secret->data != NULL)
		explicit_bzero(secret->data, secret->size_bytes);
	g_free(secret->data);
	*secret = (CmdSecret){0};
}

/* A buffer that never moves, so that no copy stays behind. */
static void start(CmdSecret *secret, gsize max_bytes)
{
	secret->data = g_malloc0(max_bytes + 2);
	secret->size_bytes = max_bytes + 2;
}

/* Keeps the first `n` bytes; there is a NUL behind them. */
static void keep(CmdSecret *secret, gsize n)
{
	explicit_bzero(secret->data + n, secret->size_bytes - n);
	secret->size_bytes = n;
}

static gboolean read_all(int fd, const char *name, gsize max_bytes, CmdSecret *secret,
			 GError **error)
{
	g_auto(CmdSecret) read_so_far = {0};
	gsize n = 0;
	ssize_t got = 1;

	start(&read_so_far, max_bytes);
	while (n <= max_bytes && got != 0) {
		got = read(fd, read_so_far.data + n, max_bytes + 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return base_error_set_errno(error, errno, "reading %s", name);
		n += (gsize)got;
	}
	if (n > max_bytes) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
			    "%s has more than %" G_GSIZE_FORMAT " bytes: that is no key", name,
			    max_bytes);
		return FALSE;
	}
	keep(&read_so_far, n);
	*secret = read_so_far;
	read_so_far = (CmdSecret){0};
	return TRUE;
}

gboolean cmd_secret_read_any(const char *path, gsize max_bytes, CmdSecret *secret,
			     gboolean *is_private, GError **error)
{
	g_auto(BaseFd) fd = -1;
	struct stat info;

	if (strcmp(path, "-") == 0)
		fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &info) != 0)
		return base_error_set_errno(error, errno, "opening %s", cmd_input_name(path));
	*is_private = !S_ISREG(info.st_mode) || (info.st_mode & OTHERS) == 0;
	return read_all(fd, cmd_input_name(path), max_bytes, secret, error);
}

gboolean cmd_secret_check(const char *path, gboolean is_private, GError **error)
{
	if (!is_private)
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "%s is a secret, and others than its owner may read or write it: "
			    "chmod 600 %s",
			    path, path);
	return is_private;
}

gboolean cmd_secret_read(const char *path, gsize max_bytes, CmdSecret *secret, GError **error)
{
	g_auto(CmdSecret) read_so_far = {0};
	gboolean is_private = FALSE;

	if (!cmd_secret_read_any(path, max_bytes, &read_so_far, &is_private, error) ||
	    !cmd_secret_check(path, is_private, error))
		return FALSE;
	*secret = read_so_far;
	read_so_far = (CmdSecret){0};
	return TRUE;
}

gboolean cmd_secret_read_line(const char *path, gsize max_bytes, CmdSecret *secret, GError **error)
{
	if (!cmd_secret_read(path, max_bytes, secret, error))
		return FALSE;
	keep(secret, strcspn((const char *)secret->data, "\r\n"));
	if (secret->size_bytes > 0)
		return TRUE;
	cmd_secret_clear(secret);
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "the first line of %s is empty",
		    cmd_input_name(path));
	return FALSE;
}

/* Reads what is typed up to the end of the line. FALSE if it was taken back or is too long. */
static gboolean type(int terminal, gsize max_bytes, CmdSecret *secret)
{
	gsize n = 0;
	ssize_t got;
	guint8 byte = 0;

	start(secret, max_bytes);
	while ((got = read(terminal, &byte, 1)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || byte == CONTROL_C)
			return FALSE;
		if (byte == '\n' || byte == '\r')
			break;
		if (n == max_bytes)
			return FALSE;
		secret->data[n++] = byte;
	}
	keep(secret, n);
	return n > 0;
}

gboolean cmd_secret_ask(const char *prompt, const char *remedy, gsize max_bytes, CmdSecret *secret,
			GError **error)
{
	g_auto(CmdSecret) typed = {0};
	g_auto(BaseFd) terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios shown, hidden;
	gboolean done;

	if (terminal < 0 || tcgetattr(terminal, &shown) != 0) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "there is no terminal to ask for the %s: %s", prompt, remedy);
		return FALSE;
	}
	/* Ctrl-C ends the line instead of the program, which would leave the terminal hiding what
	 * is typed. */
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	hidden.c_cc[VEOL] = CONTROL_C;
	tcsetattr(terminal, TCSAFLUSH, &hidden);
	dprintf(terminal, "%c%s: ", g_ascii_toupper(*prompt), prompt + 1);
	done = type(terminal, max_bytes, &typed);
	tcsetattr(terminal, TCSAFLUSH, &shown);
	dprintf(terminal, "\n");
	if (!done) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "no %s was given", prompt);
		return FALSE;
	}
	*secret = typed;
	typed = (CmdSecret){0};
	return TRUE;
}
