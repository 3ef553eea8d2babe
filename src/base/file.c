#include "base/file.h"

#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	TREE_MAX_OPEN_FOLDERS = 16,
};

struct BaseFileLock {
	int fd;
};

void base_fd_close(BaseFd *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

static char *temporary_name(const char *path)
{
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *name = g_path_get_basename(path);

	/* It need not be a secret: the file is made with O_EXCL. */
	return g_strdup_printf("%s/" BASE_FILE_TEMPORARY_PREFIX "%s-%08x", folder, name,
			       g_random_int());
}

gboolean base_fd_write_all(int fd, const void *data, gsize size_bytes)
{
	const guint8 *at = data;

	while (size_bytes > 0) {
		ssize_t put = write(fd, at, size_bytes);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return FALSE;
		at += put;
		size_bytes -= (gsize)put;
	}
	return TRUE;
}

gboolean base_folder_sync(const char *path, GError **error)
{
	g_auto(BaseFd) fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return base_error_set_errno(error, errno, "syncing folder %s", path);
	return TRUE;
}

gboolean base_file_write(const char *path, const void *data, gsize size_bytes, guint mode,
			 GError **error)
{
	g_autofree char *temporary = temporary_name(path);
	g_autofree char *folder = g_path_get_dirname(path);
	g_auto(BaseFd) fd =
		open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return base_error_set_errno(error, errno, "writing %s", path);
	if (!base_fd_write_all(fd, data, size_bytes) || fchmod(fd, (mode_t)mode) != 0 ||
	    fsync(fd) != 0 || rename(temporary, path) != 0) {
		base_error_set_errno(error, errno, "writing %s", path);
		unlink(temporary);
		return FALSE;
	}
	return base_folder_sync(folder, error);
}

static gboolean file_is(const char *path, const void *data, gsize size_bytes, guint mode)
{
	struct stat status;
	g_autoptr(GBytes) old = NULL;

	if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode) ||
	    (status.st_mode & 07777) != mode || (gsize)status.st_size != size_bytes)
		return FALSE;
	old = base_file_read(path, size_bytes, NULL);
	return old != NULL && g_bytes_get_size(old) == size_bytes &&
	       (size_bytes == 0 || memcmp(g_bytes_get_data(old, NULL), data, size_bytes) == 0);
}

gboolean base_file_update(const char *path, const void *data, gsize size_bytes, guint mode,
			  gboolean *changed, GError **error)
{
	gboolean same = file_is(path, data, size_bytes, mode);

	if (!same && !base_file_write(path, data, size_bytes, mode, error))
		return FALSE;
	if (changed != NULL)
		*changed = !same;
	return TRUE;
}

GBytes *base_file_read_fd(int fd, const char *name, gsize max_bytes, GError **error)
{
	g_autoptr(GByteArray) all = g_byte_array_new();
	guint8 buffer[16384];

	for (;;) {
		ssize_t got = read(fd, buffer, sizeof buffer);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			base_error_set_errno(error, errno, "reading %s", name);
			return NULL;
		}
		if (got == 0)
			return g_byte_array_free_to_bytes(g_steal_pointer(&all));
		if ((gsize)got > max_bytes - all->len) {
			g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
				    "%s has more than the %" G_GSIZE_FORMAT
				    " bytes that are accepted",
				    name, max_bytes);
			return NULL;
		}
		g_byte_array_append(all, buffer, (guint)got);
	}
}

GBytes *base_file_read(const char *path, gsize max_bytes, GError **error)
{
	g_auto(BaseFd) fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		base_error_set_errno(error, errno, "reading %s", path);
		return NULL;
	}
	return base_file_read_fd(fd, path, max_bytes, error);
}

gboolean base_folder_make(const char *path, guint mode, GError **error)
{
	if (g_mkdir_with_parents(path, (int)mode) != 0)
		return base_error_set_errno(error, errno, "making folder %s", path);
	return TRUE;
}

gboolean base_folder_sweep(const char *path, GError **error)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	if (folder == NULL)
		return errno == ENOENT ||
		       base_error_set_errno(error, errno, "reading folder %s", path);
	while ((entry = readdir(folder)) != NULL)
		if (g_str_has_prefix(entry->d_name, BASE_FILE_TEMPORARY_PREFIX))
			unlinkat(dirfd(folder), entry->d_name, 0);
	closedir(folder);
	return TRUE;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path) != 0 && errno != ENOENT ? -1 : 0;
}

gboolean base_tree_remove(const char *path, GError **error)
{
	if (nftw(path, remove_one, TREE_MAX_OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) != 0 &&
	    errno != ENOENT)
		return base_error_set_errno(error, errno, "removing %s", path);
	return TRUE;
}

BaseFileLock *base_file_lock(const char *path, GError **error)
{
	g_auto(BaseFd) fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	BaseFileLock *lock;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
		base_error_set_errno(error, errno, "locking %s", path);
		return NULL;
	}
	lock = g_new0(BaseFileLock, 1);
	lock->fd = fd;
	fd = -1;
	return lock;
}

void base_file_lock_free(BaseFileLock *lock)
{
	if (lock == NULL)
		return;
	close(lock->fd);
	g_free(lock);
}
