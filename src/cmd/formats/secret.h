/* cmd/formats/secret.h — keys, passphrases and PINs on their way in: from files that nobody else
 * may read, from pipes, from the terminal; never from arguments or the environment, which others
 * can read. Each is wiped at its end. */
#pragma once

#include <glib.h>

/* `g_auto(CmdSecret) secret = {0};` */
typedef struct {
	guint8 *data;
	gsize size_bytes;
} CmdSecret;

/* Wipes and frees. */
void cmd_secret_clear(CmdSecret *secret);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CmdSecret, cmd_secret_clear)

/* Reads a file or a pipe (also as /dev/fd/N) of at most `max_bytes`, or standard input for "-".
 * What is read has a NUL behind it, not counted. A file that its group or others may read or write
 * is refused. FALSE, `secret` untouched, with BASE_ERROR_NOT_FOUND, _TOO_LARGE, _IO, or
 * BASE_ERROR_INVALID (the modes; the message has the remedy). */
gboolean cmd_secret_read(const char *path, gsize max_bytes, CmdSecret *secret, GError **error);

/* The same for what may turn out to be public: whatever the modes, which `is_private` tells. */
gboolean cmd_secret_read_any(const char *path, gsize max_bytes, CmdSecret *secret,
			     gboolean *is_private, GError **error);

/* What cmd_secret_read says of the modes that cmd_secret_read_any told. */
gboolean cmd_secret_check(const char *path, gboolean is_private, GError **error);

/* Reads a line of text, its end dropped: a passphrase, a PIN. As cmd_secret_read, and
 * BASE_ERROR_INVALID if it is empty. */
gboolean cmd_secret_read_line(const char *path, gsize max_bytes, CmdSecret *secret, GError **error);

/* Asks on the terminal, without showing what is typed. `remedy` names the option for those who have
 * no terminal. FALSE with BASE_ERROR_INVALID: no terminal, nothing typed, Ctrl-C, too long. */
gboolean cmd_secret_ask(const char *prompt, const char *remedy, gsize max_bytes, CmdSecret *secret,
			GError **error);
