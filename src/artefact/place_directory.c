/* The place `directory`: ROOT/NAME/<namespace>/<class>/<hash>/<file>.
 *
 * A version is written into ROOT/NAME/.tmp-…, synced, and renamed to where it is served from; the
 * writer holds a lock on that folder, so that what a killed process left can be told from work in
 * progress. Uploads gather in ROOT/NAME/.uploads/<namespace>/<class>/<hash>/. */
#include "artefact/place_driver.h"

#include "artefact/bundle.h"
#include "artefact/sums.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define UPLOADS ".uploads"

enum {
	PROBE_FILE_MAX_AGE_S = 3600,
};

typedef struct {
	ArtefactPlace place;
	char *folder;
	GMutex uploads_lock;
} Directory;

static Directory *directory_of(ArtefactPlace *place)
{
	return (Directory *)(void *)place;
}

/* `what` the system refused, in this room's words. Always FALSE. */
static gboolean fail_errno(GError **error, int errno_value, const char *what, const char *path)
{
	if (errno_value == ENOSPC || errno_value == EDQUOT || errno_value == EFBIG)
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_UNREACHABLE,
			    "%s %s: %s; make room there or move the artefacts' folder", what, path,
			    g_strerror(errno_value));
	else
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_UNREACHABLE, "%s %s: %s", what,
			    path, g_strerror(errno_value));
	return FALSE;
}

static gboolean wrap(GError **error, GError *inner)
{
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_UNREACHABLE, "%s", inner->message);
	g_error_free(inner);
	return FALSE;
}

static char *class_path(const Directory *directory, const char *space, const char *class_name)
{
	return g_build_filename(directory->folder, space, class_name, NULL);
}

static char *version_path(const Directory *directory, const ArtefactKey *key)
{
	return g_build_filename(directory->folder, key->space, key->class_name, key->hash, NULL);
}

static char *temporary_path(const Directory *directory)
{
	guint8 nonce[8];
	g_autofree char *suffix = NULL;

	base_random_bytes(nonce, sizeof nonce);
	suffix = base_hex(nonce, sizeof nonce);
	return g_strdup_printf("%s/" BASE_FILE_TEMPORARY_PREFIX "%s", directory->folder, suffix);
}

/* Makes a folder below directory->folder, every new name synced into its parent. */
static gboolean make_folders(const Directory *directory, const char *const *names, GError **error)
{
	g_autofree char *path = g_strdup(directory->folder);

	for (gsize i = 0; names[i] != NULL; i++) {
		g_autofree char *parent = path;

		path = g_build_filename(parent, names[i], NULL);
		if (mkdir(path, 0700) == 0) {
			if (!base_folder_sync(parent, error))
				return FALSE;
		} else if (errno != EEXIST) {
			return fail_errno(error, errno, "making folder", path);
		}
	}
	return TRUE;
}

/* A fresh folder, locked as long as the descriptor is open. */
static int make_locked_folder(const char *path, GError **error)
{
	int fd;

	if (mkdir(path, 0700) != 0) {
		fail_errno(error, errno, "making folder", path);
		return -1;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
		fail_errno(error, errno, "locking folder", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

static gboolean write_file_at(int folder_fd, const char *name, GBytes *bytes)
{
	g_auto(BaseFd) fd =
		openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	gsize size;
	const guint8 *data = g_bytes_get_data(bytes, &size);

	return fd >= 0 && base_fd_write_all(fd, data, size) && fsync(fd) == 0;
}

/* Renames a whole folder to where it is served from. A version that is there already stays. */
static gboolean publish_folder(const Directory *directory, const char *from, const ArtefactKey *key,
			       GError **error)
{
	const char *const parents[] = {key->space, key->class_name, NULL};
	g_autofree char *to = version_path(directory, key);
	g_autofree char *parent = class_path(directory, key->space, key->class_name);

	if (!make_folders(directory, parents, error))
		return FALSE;
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) != 0) {
		if (errno != EEXIST)
			return fail_errno(error, errno, "storing bundle", to);
		return base_tree_remove(from, error);
	}
	return base_folder_sync(parent, error);
}

static gboolean directory_put(ArtefactPlace *place, const ArtefactKey *key, const GPtrArray *files,
			      GError **error)
{
	Directory *directory = directory_of(place);
	g_autofree char *temporary = temporary_path(directory);
	g_autofree char *target = version_path(directory, key);
	g_auto(BaseFd) fd = -1;
	gboolean written = TRUE;

	if (g_file_test(target, G_FILE_TEST_IS_DIR))
		return TRUE;
	fd = make_locked_folder(temporary, error);
	if (fd < 0)
		return FALSE;
	for (guint i = 0; i < files->len && written; i++) {
		const ArtefactFile *file = files->pdata[i];

		written = write_file_at(fd, file->name, file->bytes) ||
			  fail_errno(error, errno, "writing a bundle into", directory->folder);
	}
	if (written && fsync(fd) != 0)
		written = fail_errno(error, errno, "writing a bundle into", directory->folder);
	if (written && publish_folder(directory, temporary, key, error))
		return TRUE;
	base_tree_remove(temporary, NULL);
	return FALSE;
}

static gboolean directory_has(ArtefactPlace *place, const ArtefactKey *key, GError **error)
{
	g_autofree char *path = version_path(directory_of(place), key);
	struct stat status;

	if (lstat(path, &status) == 0)
		return S_ISDIR(status.st_mode);
	return errno != ENOENT && errno != ENOTDIR ? fail_errno(error, errno, "looking at", path)
						   : FALSE;
}

static int directory_open(ArtefactPlace *place, const ArtefactKey *key, const char *file,
			  guint64 *size_bytes, GError **error)
{
	g_autofree char *folder = version_path(directory_of(place), key);
	g_autofree char *path = g_build_filename(folder, file, NULL);
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
		if (size_bytes != NULL)
			*size_bytes = (guint64)status.st_size;
		return fd;
	}
	if (fd >= 0 || errno == ENOENT || errno == ENOTDIR)
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_NOT_FOUND,
			    "class '%s' in namespace '%s' has no file %s of version %.12s",
			    key->class_name, key->space, file, key->hash);
	else
		fail_errno(error, errno, "reading", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

static gint newest_first(gconstpointer a, gconstpointer b)
{
	const ArtefactVersion *left = *(ArtefactVersion *const *)a;
	const ArtefactVersion *right = *(ArtefactVersion *const *)b;

	if (left->stored_wall_us != right->stored_wall_us)
		return left->stored_wall_us < right->stored_wall_us ? 1 : -1;
	return strcmp(left->hash, right->hash);
}

/* Counts regular files below `path`; what vanishes meanwhile does not count. */
static gboolean count_tree(const char *path, gboolean skip_hidden, guint64 *bytes, guint64 *files)
{
	char *const paths[] = {(char *)path, NULL};
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;

	if (walk == NULL)
		return FALSE;
	while ((entry = fts_read(walk)) != NULL) {
		if (skip_hidden && entry->fts_level == 1 && entry->fts_name[0] == '.') {
			fts_set(walk, entry, FTS_SKIP);
		} else if (entry->fts_info == FTS_F) {
			*bytes += (guint64)entry->fts_statp->st_size;
			(*files)++;
		}
	}
	fts_close(walk);
	return TRUE;
}

static ArtefactVersion *version_at(const Directory *directory, const ArtefactKey *key)
{
	g_autofree char *path = version_path(directory, key);
	ArtefactVersion *version;
	guint64 files = 0;
	struct stat status;

	if (!artefact_key_is_valid(key) || lstat(path, &status) != 0 || !S_ISDIR(status.st_mode))
		return NULL;
	version = g_new0(ArtefactVersion, 1);
	version->hash = g_strdup(key->hash);
	version->stored_wall_us =
		(gint64)status.st_mtim.tv_sec * G_USEC_PER_SEC + status.st_mtim.tv_nsec / 1000;
	count_tree(path, FALSE, &version->size_bytes, &files);
	return version;
}

static GPtrArray *directory_versions(ArtefactPlace *place, const char *space,
				     const char *class_name, GError **error)
{
	Directory *directory = directory_of(place);
	g_autofree char *path = class_path(directory, space, class_name);
	g_autoptr(GPtrArray) versions =
		g_ptr_array_new_with_free_func((GDestroyNotify)artefact_version_free);
	DIR *folder = opendir(path);
	struct dirent *entry;

	if (folder == NULL) {
		if (errno == ENOENT)
			return g_steal_pointer(&versions);
		fail_errno(error, errno, "reading folder", path);
		return NULL;
	}
	while ((entry = readdir(folder)) != NULL) {
		ArtefactKey key = {space, class_name, entry->d_name};
		ArtefactVersion *version = version_at(directory, &key);

		if (version != NULL)
			g_ptr_array_add(versions, version);
	}
	closedir(folder);
	g_ptr_array_sort(versions, newest_first);
	return g_steal_pointer(&versions);
}

static gint by_text(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char **directory_classes(ArtefactPlace *place, const char *space, GError **error)
{
	g_autofree char *path = g_build_filename(directory_of(place)->folder, space, NULL);
	g_autoptr(GPtrArray) classes = g_ptr_array_new_with_free_func(g_free);
	DIR *folder = opendir(path);
	struct dirent *entry;

	if (folder == NULL && errno != ENOENT) {
		fail_errno(error, errno, "reading folder", path);
		return NULL;
	}
	while (folder != NULL && (entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.')
			g_ptr_array_add(classes, g_strdup(entry->d_name));
	if (folder != NULL)
		closedir(folder);
	g_ptr_array_sort(classes, by_text);
	g_ptr_array_add(classes, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&classes), FALSE);
}

static gboolean directory_remove(ArtefactPlace *place, const ArtefactKey *key, GError **error)
{
	Directory *directory = directory_of(place);
	g_autofree char *path = version_path(directory, key);
	g_autofree char *temporary = temporary_path(directory);
	g_autofree char *parent = class_path(directory, key->space, key->class_name);

	/* Out of sight in one step, then file by file; who reads one keeps it open. */
	if (rename(path, temporary) != 0)
		return errno == ENOENT || fail_errno(error, errno, "removing bundle", path);
	return base_folder_sync(parent, error) && base_tree_remove(temporary, error);
}

static gboolean directory_usage(ArtefactPlace *place, guint64 *used_bytes, guint64 *n_objects,
				GError **error)
{
	Directory *directory = directory_of(place);
	guint64 bytes = 0, files = 0;

	if (access(directory->folder, R_OK | X_OK) != 0 ||
	    !count_tree(directory->folder, TRUE, &bytes, &files))
		return fail_errno(error, errno, "reading folder", directory->folder);
	*used_bytes = bytes;
	*n_objects = files;
	return TRUE;
}

static gboolean directory_probe(ArtefactPlace *place, GError **error)
{
	static const char text[] = "espalier writes, reads and removes this file\n";
	g_autofree char *path = temporary_path(directory_of(place));
	g_autoptr(GBytes) back = NULL;
	GError *inner = NULL;

	if (!base_file_write(path, text, sizeof text - 1, 0600, &inner))
		return wrap(error, inner);
	back = base_file_read(path, sizeof text, &inner);
	if (unlink(path) != 0 && inner == NULL)
		return fail_errno(error, errno, "removing", path);
	if (back == NULL)
		return wrap(error, inner);
	if (g_bytes_get_size(back) != sizeof text - 1 ||
	    memcmp(g_bytes_get_data(back, NULL), text, sizeof text - 1) != 0) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_UNREACHABLE,
			    "%s gives back other bytes than were written", path);
		return FALSE;
	}
	return TRUE;
}

static char *upload_path(const Directory *directory, const ArtefactKey *key)
{
	return g_build_filename(directory->folder, UPLOADS, key->space, key->class_name, key->hash,
				NULL);
}

static ArtefactStaged *directory_stage(ArtefactPlace *place, const ArtefactKey *key,
				       const char *file, GError **error)
{
	Directory *directory = directory_of(place);
	const char *const parents[] = {UPLOADS, key->space, key->class_name, key->hash, NULL};
	g_autoptr(ArtefactStaged) staged = g_new0(ArtefactStaged, 1);
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&directory->uploads_lock);
	guint32 nonce;

	staged->fd = -1;
	staged->space = g_strdup(key->space);
	staged->class_name = g_strdup(key->class_name);
	staged->hash = g_strdup(key->hash);
	staged->file = g_strdup(file);
	staged->folder = upload_path(directory, key);
	if (!make_folders(directory, parents, error))
		return NULL;
	base_random_bytes(&nonce, sizeof nonce);
	staged->temporary = g_strdup_printf("%s/" BASE_FILE_TEMPORARY_PREFIX "%s-%08x",
					    staged->folder, file, nonce);
	staged->fd =
		open(staged->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (staged->fd < 0) {
		fail_errno(error, errno, "writing", staged->temporary);
		return NULL;
	}
	return g_steal_pointer(&staged);
}

/* The sums of an upload, or NULL without an error if they have not come yet. */
static GPtrArray *upload_sums(const char *folder, GError **error)
{
	g_autofree char *path = g_build_filename(folder, ARTEFACT_SUMS, NULL);
	g_autoptr(GBytes) text = NULL;

	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return NULL;
	text = base_file_read(path, ARTEFACT_SUMS_MAX_BYTES, error);
	if (text == NULL)
		return NULL;
	return artefact_sums_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), error);
}

static gboolean matches(int fd, const char *wanted, const char *file, GError **error)
{
	g_autofree char *actual = base_sha256_hex_of_fd(fd, error);

	if (actual == NULL)
		return FALSE;
	if (strcmp(actual, wanted) == 0)
		return TRUE;
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_DAMAGED,
		    "%s has the sum %.12s…, %.12s… was expected; send it again", file, actual,
		    wanted);
	return FALSE;
}

/* Checks the new file itself: SHA256SUMS against the name of the version, others against the list,
 * if that has come. */
static gboolean check_staged(const ArtefactStaged *staged, GError **error)
{
	g_autoptr(GPtrArray) sums = NULL;
	const ArtefactSum *sum;
	GError *inner = NULL;

	if (strcmp(staged->file, ARTEFACT_SUMS) == 0)
		return matches(staged->fd, staged->hash, staged->file, error);
	sums = upload_sums(staged->folder, &inner);
	if (sums == NULL && inner != NULL) {
		g_propagate_error(error, inner);
		return FALSE;
	}
	if (sums == NULL)
		return TRUE;
	sum = artefact_sums_find(sums, staged->file);
	if (sum == NULL) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_DAMAGED,
			    "%s is not named by " ARTEFACT_SUMS, staged->file);
		return FALSE;
	}
	return matches(staged->fd, sum->hash, staged->file, error);
}

/* Is every file there and right? One that came before the list and does not match is dropped. */
static gboolean upload_is_complete(const char *folder, const GPtrArray *sums, GError **error)
{
	for (guint i = 0; i < sums->len; i++) {
		const ArtefactSum *sum = sums->pdata[i];
		g_autofree char *path = g_build_filename(folder, sum->name, NULL);

		if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
			return FALSE;
	}
	for (guint i = 0; i < sums->len; i++) {
		const ArtefactSum *sum = sums->pdata[i];
		g_autofree char *path = g_build_filename(folder, sum->name, NULL);
		g_auto(BaseFd) fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

		if (fd < 0)
			return FALSE;
		if (!matches(fd, sum->hash, sum->name, error)) {
			unlink(path);
			return FALSE;
		}
	}
	return TRUE;
}

/* Removes what the list does not name: it came before the list did. */
static void drop_unnamed(const char *path, const GPtrArray *sums)
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL)
		if (strcmp(entry->d_name, ARTEFACT_SUMS) != 0 &&
		    artefact_sums_find(sums, entry->d_name) == NULL)
			unlinkat(dirfd(folder), entry->d_name, 0);
	closedir(folder);
}

static gboolean publish_upload(Directory *directory, const ArtefactStaged *staged,
			       gboolean *published, GError **error)
{
	ArtefactKey key = {staged->space, staged->class_name, staged->hash};
	g_autoptr(GPtrArray) sums = NULL;
	GError *inner = NULL;

	sums = upload_sums(staged->folder, &inner);
	if (sums == NULL || !upload_is_complete(staged->folder, sums, &inner)) {
		if (inner == NULL)
			return TRUE;
		g_propagate_error(error, inner);
		return FALSE;
	}
	drop_unnamed(staged->folder, sums);
	if (!base_folder_sync(staged->folder, error) ||
	    !publish_folder(directory, staged->folder, &key, error))
		return FALSE;
	*published = TRUE;
	return TRUE;
}

static gboolean directory_commit_file(ArtefactPlace *place, ArtefactStaged *staged,
				      gboolean *published, GError **error)
{
	Directory *directory = directory_of(place);
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&directory->uploads_lock);
	g_autofree char *path = g_build_filename(staged->folder, staged->file, NULL);
	g_autofree char *target = NULL;
	ArtefactKey key = {staged->space, staged->class_name, staged->hash};

	*published = FALSE;
	target = version_path(directory, &key);
	if (g_file_test(target, G_FILE_TEST_IS_DIR)) { /* another upload was faster */
		*published = TRUE;
		return TRUE;
	}
	if (!check_staged(staged, error))
		return FALSE;
	if (fsync(staged->fd) != 0 || rename(staged->temporary, path) != 0)
		return fail_errno(error, errno, "writing", path);
	g_clear_pointer(&staged->temporary, g_free);
	return publish_upload(directory, staged, published, error);
}

static gboolean directory_sweep_uploads(ArtefactPlace *place, guint older_than_s, GError **error)
{
	Directory *directory = directory_of(place);
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&directory->uploads_lock);
	g_autofree char *uploads = g_build_filename(directory->folder, UPLOADS, NULL);
	char *const paths[] = {uploads, NULL};
	gint64 limit_s = base_clock_wall_us() / G_USEC_PER_SEC - older_than_s;
	g_autoptr(GPtrArray) old = g_ptr_array_new_with_free_func(g_free);
	FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;

	while (walk != NULL && (entry = fts_read(walk)) != NULL)
		if (entry->fts_info == FTS_D && entry->fts_level == 3) {
			if (entry->fts_statp->st_mtime <= limit_s)
				g_ptr_array_add(old, g_strdup(entry->fts_path));
			fts_set(walk, entry, FTS_SKIP);
		}
	if (walk != NULL)
		fts_close(walk);
	for (guint i = 0; i < old->len; i++)
		if (!base_tree_remove(old->pdata[i], error))
			return FALSE;
	return TRUE;
}

/* Removes what a killed process left: folders whose lock is free, and files (of a probe) that are
 * too old to be at work. */
static void sweep_temporaries(const Directory *directory)
{
	gint64 now_s = base_clock_wall_us() / G_USEC_PER_SEC;
	DIR *folder = opendir(directory->folder);
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		g_autofree char *path = NULL;
		g_auto(BaseFd) fd = -1;
		struct stat status;

		if (!g_str_has_prefix(entry->d_name, BASE_FILE_TEMPORARY_PREFIX))
			continue;
		path = g_build_filename(directory->folder, entry->d_name, NULL);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 || fstat(fd, &status) != 0)
			continue;
		if (S_ISDIR(status.st_mode) ? flock(fd, LOCK_EX | LOCK_NB) == 0
					    : status.st_mtime < now_s - PROBE_FILE_MAX_AGE_S)
			base_tree_remove(path, NULL);
	}
	if (folder != NULL)
		closedir(folder);
}

static void directory_free(ArtefactPlace *place)
{
	Directory *directory = directory_of(place);

	g_mutex_clear(&directory->uploads_lock);
	g_free(directory->folder);
	g_free(directory);
}

static const ArtefactPlaceDriver driver = {
	.free = directory_free,
	.put = directory_put,
	.has = directory_has,
	.open = directory_open,
	.versions = directory_versions,
	.classes = directory_classes,
	.remove = directory_remove,
	.usage = directory_usage,
	.probe = directory_probe,
	.stage = directory_stage,
	.commit_file = directory_commit_file,
	.sweep_uploads = directory_sweep_uploads,
};

ArtefactPlace *artefact_place_directory_new(const char *root, const char *name, GError **error)
{
	g_autoptr(ArtefactPlace) place = NULL;
	Directory *directory;
	GError *inner = NULL;

	if (!artefact_file_name_is_valid(name)) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
			    "directory '%.80s' is no folder name: letters, digits and ._-", name);
		return NULL;
	}
	directory = g_new0(Directory, 1);
	g_atomic_ref_count_init(&directory->place.references);
	directory->place.driver = &driver;
	directory->folder = g_build_filename(root, name, NULL);
	g_mutex_init(&directory->uploads_lock);
	place = &directory->place;
	if (!base_folder_make(directory->folder, 0700, &inner)) {
		wrap(error, inner);
		return NULL;
	}
	sweep_temporaries(directory);
	return g_steal_pointer(&place);
}
