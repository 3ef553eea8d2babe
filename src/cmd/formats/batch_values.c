#include "cmd/formats/batch_values.h"

#include "base/error.h"
#include "base/file.h"
#include "cmd/formats/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { COPY_BYTES = 64 * 1024 };

static gssize read_some(int fd, char *buffer, gsize size_bytes)
{
	gssize got;

	do
		got = read(fd, buffer, size_bytes);
	while (got < 0 && errno == EINTR);
	return got;
}

/* Copies a pipe to a file without a name, and takes that in its place. */
static gboolean spool(BatchValues *values, GError **error)
{
	g_autofree char *buffer = g_malloc(COPY_BYTES);
	FILE *file = tmpfile();
	gssize got = 0;
	int copy;

	if (file == NULL)
		return base_error_set_errno(error, errno, "making a temporary file");
	while ((got = read_some(values->fd, buffer, COPY_BYTES)) > 0)
		if (fwrite(buffer, 1, (gsize)got, file) != (gsize)got)
			break;
	if (got != 0 || fflush(file) != 0) {
		base_error_set_errno(error, errno, "copying %s to a temporary file", values->name);
		(void)fclose(file);
		return FALSE;
	}
	copy = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
	(void)fclose(file);
	close(values->fd);
	values->fd = copy;
	return copy >= 0 || base_error_set_errno(error, errno, "copying %s", values->name);
}

gboolean batch_values_open(BatchValues *values, const char *path, GError **error)
{
	values->name = cmd_input_name(path);
	values->hash = g_checksum_new(G_CHECKSUM_SHA256);
	values->fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
					    : open(path, O_RDONLY | O_CLOEXEC);
	if (values->fd < 0)
		return base_error_set_errno(error, errno, "reading %s", values->name);
	return lseek(values->fd, 0, SEEK_SET) == 0 || spool(values, error);
}

void batch_values_clear(BatchValues *values)
{
	if (values->hash == NULL)
		return;
	g_clear_pointer(&values->hash, g_checksum_free);
	base_fd_close(&values->fd);
}

gboolean batch_values_rewind(BatchValues *values, GError **error)
{
	g_checksum_reset(values->hash);
	if (lseek(values->fd, 0, SEEK_SET) == 0)
		return TRUE;
	return base_error_set_errno(error, errno, "reading %s again", values->name);
}

gssize batch_values_more(char *buffer, gsize size_bytes, gpointer user_data, GError **error)
{
	BatchValues *values = user_data;
	gssize got = read_some(values->fd, buffer, size_bytes);

	if (got < 0)
		base_error_set_errno(error, errno, "reading %s", values->name);
	else
		g_checksum_update(values->hash, (const guchar *)buffer, got);
	return got;
}
