/* base/file.h — files that are whole or not there. Any thread.
 *
 * Every write goes to a temporary name in the same folder, is fsynced, renamed over the target, and
 * the folder is fsynced: after a power cut at any moment the target is the old file or the new one.
 * Left-over temporaries begin with BASE_FILE_TEMPORARY_PREFIX and are swept by base_folder_sweep.
 */
#pragma once

#include <glib.h>

#define BASE_FILE_TEMPORARY_PREFIX ".tmp-"

/* Replaces `path` by `size_bytes` bytes with exactly `mode` (the umask does not apply). FALSE with
 * BASE_ERROR_*; then the old file is untouched. */
gboolean base_file_write(const char *path, const void *data, gsize size_bytes, guint mode,
			 GError **error);

/* The same, if the file's bytes or mode differ; `changed` (may be NULL) says whether it wrote. */
gboolean base_file_update(const char *path, const void *data, gsize size_bytes, guint mode,
			  gboolean *changed, GError **error);

/* Reads a whole file of at most `max_bytes`. Yours, or NULL with BASE_ERROR_NOT_FOUND, _TOO_LARGE,
 * _IO. */
GBytes *base_file_read(const char *path, gsize max_bytes, GError **error);

/* Reads all of `fd` (a pipe or a file from its position) up to `max_bytes`. `name` is for messages.
 */
GBytes *base_file_read_fd(int fd, const char *name, gsize max_bytes, GError **error);

/* Makes `path` and its missing parents with `mode`; an existing folder is left as it is. */
gboolean base_folder_make(const char *path, guint mode, GError **error);

/* fsyncs a folder, so that renames within it last. */
gboolean base_folder_sync(const char *path, GError **error);

/* Removes left-over temporaries of base_file_write directly in `path`. A missing folder is fine. */
gboolean base_folder_sweep(const char *path, GError **error);

/* Removes a tree; what is already gone is fine. Does not follow symbolic links. */
gboolean base_tree_remove(const char *path, GError **error);

/* An exclusive lock on a file, made if missing (mode 0600), held until released or the process
 * ends. Returns it, yours, or NULL with BASE_ERROR_BUSY (held by another process) or _IO. */
typedef struct BaseFileLock BaseFileLock;
BaseFileLock *base_file_lock(const char *path, GError **error);
/* Releases; NULL is nothing. The file stays. */
void base_file_lock_free(BaseFileLock *lock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaseFileLock, base_file_lock_free)

/* A file descriptor that closes itself and keeps errno:  g_auto(BaseFd) fd = -1; */
typedef int BaseFd;
void base_fd_close(BaseFd *fd);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BaseFd, base_fd_close)

/* Writes all of `data`, whatever pieces the system takes and whatever signals come. FALSE with
 * errno set; then some of it may be written. */
gboolean base_fd_write_all(int fd, const void *data, gsize size_bytes);
