#include "cmd/formats/batch_output.h"

#include "base/error.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FOLDER_MODE = 0755,
	SECRET_FOLDER_MODE = 0700,
	FILE_MODE = 0600,
	TEMPORARY_NAME_BYTES = 32,
	FILE_NAME_BYTES = 256,
};

static const char *const folder_names[BATCH_FOLDERS] = {"bin", "keys"};

/* ---- The folder ---- */

static void temporary_name(guint writer, char name[static TEMPORARY_NAME_BYTES])
{
	g_snprintf(name, TEMPORARY_NAME_BYTES, BASE_FILE_TEMPORARY_PREFIX "%u", writer);
}

static void sweep(int folder)
{
	char name[TEMPORARY_NAME_BYTES];

	for (guint writer = 0; writer < BATCH_WRITERS_MAX; writer++) {
		temporary_name(writer, name);
		(void)unlinkat(folder, name, 0);
	}
}

static gboolean open_folder(BatchOutput *output, BatchFolder folder, mode_t mode, GError **error)
{
	if (mkdirat(output->root, folder_names[folder], mode) != 0 && errno != EEXIST)
		return base_error_set_errno(error, errno, "making folder %s/%s", output->path,
					    folder_names[folder]);
	output->folders[folder] =
		openat(output->root, folder_names[folder], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (output->folders[folder] < 0)
		return base_error_set_errno(error, errno, "opening folder %s/%s", output->path,
					    folder_names[folder]);
	sweep(output->folders[folder]);
	return TRUE;
}

gboolean batch_output_open(BatchOutput *output, const char *path, gboolean with_keys,
			   GError **error)
{
	*output = (BatchOutput){.path = g_strdup(path), .root = -1, .folders = {-1, -1}};
	if (!base_folder_make(path, FOLDER_MODE, error))
		return FALSE;
	output->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (output->root < 0)
		return base_error_set_errno(error, errno, "opening folder %s", path);
	if (flock(output->root, LOCK_EX | LOCK_NB) != 0)
		return base_error_set_errno(error, errno, "another batch is writing to %s", path);
	return base_folder_sweep(path, error) &&
	       open_folder(output, BATCH_IMAGES, FOLDER_MODE, error) &&
	       (!with_keys || open_folder(output, BATCH_KEYS, SECRET_FOLDER_MODE, error));
}

void batch_output_clear(BatchOutput *output)
{
	if (output->path == NULL)
		return;
	for (guint i = 0; i < BATCH_FOLDERS; i++)
		base_fd_close(&output->folders[i]);
	base_fd_close(&output->root);
	g_clear_pointer(&output->path, g_free);
}

gboolean batch_output_is_empty(const BatchOutput *output, GError **error)
{
	for (guint i = 0; i < BATCH_FOLDERS; i++) {
		g_autofree char *path = g_build_filename(output->path, folder_names[i], NULL);
		g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
		const char *name = folder == NULL ? NULL : g_dir_read_name(folder);

		if (name == NULL)
			continue;
		g_set_error(error, BASE_ERROR, BASE_ERROR_EXISTS,
			    "%s/%s is there, and no journal says that it is of this batch; choose "
			    "another folder, or empty this one",
			    path, name);
		return FALSE;
	}
	return TRUE;
}

/* ---- Files ---- */

gboolean batch_output_name_check(const char *prefix, const char *device, GError **error)
{
	gsize length = strlen(device), prefix_length = prefix == NULL ? 0 : strlen(prefix) + 1;
	const char *what = NULL;

	if (length == 0)
		what = "is empty";
	else if (length + prefix_length > BATCH_NAME_MAX_BYTES)
		what = "has with its prefix more than the 200 bytes of a file's name";
	else if (!g_utf8_validate(device, (gssize)length, NULL))
		what = "is not UTF-8";
	else if (*device == '.')
		what = "begins with a dot";
	else if (strchr(device, '/') != NULL)
		what = "has a slash";
	for (const char *c = device; *c != '\0' && what == NULL; c++)
		if (g_ascii_iscntrl(*c))
			what = "has a control character";
	if (what == NULL)
		return TRUE;
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
		    "the device's name %s, so no file can be called after it", what);
	return FALSE;
}

static gboolean write_file(int folder, const char *name, const guint8 *data, gsize size_bytes)
{
	g_auto(BaseFd) fd = openat(
		folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);

	return fd >= 0 && base_fd_write_all(fd, data, size_bytes);
}

gboolean batch_output_put(const BatchOutput *output, BatchFolder folder, guint writer,
			  const char *prefix, const char *device, const void *data,
			  gsize size_bytes, gboolean replace, GError **error)
{
	int fd = output->folders[folder];
	char temporary[TEMPORARY_NAME_BYTES], name[FILE_NAME_BYTES];

	temporary_name(writer, temporary);
	g_snprintf(name, sizeof name, "%s%s%s%s.bin", folder == BATCH_KEYS ? "keys-" : "",
		   prefix == NULL ? "" : prefix, prefix == NULL ? "" : "-", device);
	if (write_file(fd, temporary, data, size_bytes) &&
	    renameat2(fd, temporary, fd, name, replace ? 0 : RENAME_NOREPLACE) == 0)
		return TRUE;
	base_error_set_errno(error, errno, "writing %s/%s/%s", output->path, folder_names[folder],
			     name);
	(void)unlinkat(fd, temporary, 0);
	return FALSE;
}

gboolean batch_output_sync(const BatchOutput *output, GError **error)
{
	for (guint i = 0; i < BATCH_FOLDERS; i++)
		if (output->folders[i] >= 0 && syncfs(output->folders[i]) != 0)
			return base_error_set_errno(error, errno, "syncing %s/%s", output->path,
						    folder_names[i]);
	return TRUE;
}
