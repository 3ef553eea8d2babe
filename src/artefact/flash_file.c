#include "artefact/flash_plan.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "esp/chips.h"
#include "wire/mac.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	CHUNK_BYTES = 64 * 1024,
	ERASED = 0xFF,
	EFUSE_MAX_BYTES = 64,
};

/* A write in progress. */
typedef struct {
	int fd;
	const char *path;
	ArtefactProgress progress;
	gpointer user_data;
	guint64 done_bytes, total_bytes;
} Writer;

static gboolean write_at(Writer *writer, const guint8 *data, gsize size, guint64 offset,
			 GError **error)
{
	while (size > 0) {
		ssize_t put = pwrite(writer->fd, data, MIN(size, CHUNK_BYTES), (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return base_error_set_errno(error, errno, "writing %s", writer->path);
		data += put;
		size -= (gsize)put;
		offset += (guint64)put;
		writer->done_bytes += (guint64)put;
		if (writer->progress != NULL)
			writer->progress(writer->done_bytes, writer->total_bytes,
					 writer->user_data);
	}
	return TRUE;
}

static gboolean erase_at(Writer *writer, guint64 size, guint64 offset, GError **error)
{
	guint8 erased[CHUNK_BYTES / 4];

	memset(erased, ERASED, sizeof erased);
	while (size > 0) {
		gsize part = MIN(size, sizeof erased);

		if (!write_at(writer, erased, part, offset, error))
			return FALSE;
		offset += part;
		size -= part;
	}
	return TRUE;
}

static gboolean sync_file(Writer *writer, GError **error)
{
	if (fsync(writer->fd) != 0)
		return base_error_set_errno(error, errno, "writing %s", writer->path);
	return TRUE;
}

static gboolean write_part(Writer *writer, const ArtefactFlashPart *part, GError **error)
{
	gsize size;
	const guint8 *data = g_bytes_get_data(part->bytes, &size);

	return write_at(writer, data, size, part->offset_bytes, error) &&
	       erase_at(writer, part->room_bytes - size, part->offset_bytes + size, error);
}

static const ArtefactFlashPart *table_of(const GPtrArray *parts)
{
	for (guint i = 0; i < parts->len; i++)
		if (strcmp(((const ArtefactFlashPart *)parts->pdata[i])->name, "partition-table") ==
		    0)
			return parts->pdata[i];
	return NULL;
}

/* The table goes first and comes last: without it nothing boots, so a cut leaves the old device, a
 * file that is refused, or the new one. */
static gboolean write_parts(Writer *writer, const ArtefactFlashPlan *plan, GError **error)
{
	const GPtrArray *parts = artefact_flash_plan_parts(plan);
	const ArtefactFlashPart *table = table_of(parts);

	if (!erase_at(writer, table->room_bytes, table->offset_bytes, error) ||
	    !sync_file(writer, error))
		return FALSE;
	for (guint i = 0; i < parts->len; i++)
		if (parts->pdata[i] != table && !write_part(writer, parts->pdata[i], error))
			return FALSE;
	return sync_file(writer, error) && write_part(writer, table, error) &&
	       sync_file(writer, error);
}

/* An erased flash under the final name in one step; somebody who was faster wins. */
static gboolean make_erased(const char *path, guint32 flash_bytes, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(path);
	g_autofree char *name = g_path_get_basename(path);
	g_autofree char *temporary = NULL;
	guint32 nonce;
	Writer writer = {.fd = -1, .path = path};
	gboolean made;

	base_random_bytes(&nonce, sizeof nonce);
	temporary =
		g_strdup_printf("%s/" BASE_FILE_TEMPORARY_PREFIX "%s-%08x", folder, name, nonce);
	writer.fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (writer.fd < 0)
		return base_error_set_errno(error, errno, "making %s", path);
	made = erase_at(&writer, flash_bytes, 0, error) && sync_file(&writer, error);
	close(writer.fd);
	if (made && link(temporary, path) != 0 && errno != EEXIST)
		made = base_error_set_errno(error, errno, "making %s", path);
	unlink(temporary);
	return made && base_folder_sync(folder, error);
}

static int open_locked(const char *path, GError **error)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0) {
		base_error_set_errno(error, errno, "opening %s", path);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (errno == EWOULDBLOCK)
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_BUSY,
			    "the device of %s is on, or somebody else flashes it; end its "
			    "espalier-device first",
			    path);
	else
		base_error_set_errno(error, errno, "locking %s", path);
	close(fd);
	return -1;
}

static gboolean fail_foreign(GError **error, const char *path, const char *why)
{
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
		    "%s is no flash file of a host device (%s); nothing was written. Name another "
		    "file, or remove this one",
		    path, why);
	return FALSE;
}

/* The place of the table holds one, or is erased as after an interrupted flash. Anything else is a
 * file of somebody's that happens to have that size. */
static gboolean has_table_or_nothing(int fd)
{
	guint8 sector[ESP_PARTITION_TABLE_SECTOR_BYTES];
	g_autoptr(EspPartitionTable) table = NULL;
	gsize n_erased = 0, n_common = 0;

	if (pread(fd, sector, sizeof sector, ESP_PARTITION_TABLE_OFFSET) != (ssize_t)sizeof sector)
		return FALSE;
	table = esp_partition_table_from_binary(sector, ESP_PARTITION_TABLE_BYTES, NULL);
	if (table != NULL)
		return TRUE;
	/* A cut in the middle of erasing or writing leaves the beginning of a table or its end. */
	while (n_erased < sizeof sector && sector[sizeof sector - 1 - n_erased] == ERASED)
		n_erased++;
	while (n_common < sizeof sector && sector[n_common] == ERASED)
		n_common++;
	return n_erased >= sizeof sector - ESP_PARTITION_TABLE_BYTES &&
	       (n_common > 0 || (sector[0] == 0xAA && sector[1] == 0x50));
}

static gboolean check_existing(int fd, const char *path, guint32 flash_bytes, GError **error)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return base_error_set_errno(error, errno, "opening %s", path);
	if (!S_ISREG(status.st_mode))
		return fail_foreign(error, path, "not a regular file");
	if (status.st_size >= ESP_FLASH_MIN_BYTES && status.st_size <= ESP_FLASH_MAX_BYTES &&
	    (status.st_size & (status.st_size - 1)) == 0 && status.st_size != flash_bytes &&
	    has_table_or_nothing(fd)) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
			    "the flash of %s has %d MB, the firmware is for %u MB; nothing was "
			    "written. Remove the file to begin with an empty device",
			    path, (int)(status.st_size >> 20), flash_bytes >> 20);
		return FALSE;
	}
	if (status.st_size != flash_bytes)
		return fail_foreign(error, path, "its size is no flash size");
	if (!has_table_or_nothing(fd))
		return fail_foreign(error, path, "there is no partition table at 0x8000");
	if ((status.st_mode & 077) != 0 && fchmod(fd, 0600) != 0)
		return base_error_set_errno(error, errno, "making %s private", path);
	return TRUE;
}

/* What a chip has burnt in: one line of text, which espalier-device reads, too. */
static gboolean ensure_mac(const char *path, guint8 mac[static ARTEFACT_MAC_BYTES], GError **error)
{
	g_autofree char *efuse = g_strconcat(path, ".efuse", NULL);
	g_autoptr(GBytes) old = NULL;
	char text[WIRE_MAC_CHARS + 2];
	GError *inner = NULL;

	old = base_file_read(efuse, EFUSE_MAX_BYTES, &inner);
	if (old != NULL) {
		if (wire_mac_parse(g_bytes_get_data(old, NULL), g_bytes_get_size(old), mac))
			return TRUE;
		g_set_error(
			error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
			"%s does not hold a MAC address; restore it, or remove it for a new one",
			efuse);
		return FALSE;
	}
	if (!g_error_matches(inner, BASE_ERROR, BASE_ERROR_NOT_FOUND)) {
		g_propagate_error(error, inner);
		return FALSE;
	}
	g_error_free(inner);
	base_random_bytes(mac, ARTEFACT_MAC_BYTES);
	wire_mac_make_local(mac);
	wire_mac_format(mac, text);
	text[WIRE_MAC_CHARS] = '\n';
	return base_file_write(efuse, text, WIRE_MAC_CHARS + 1, 0600, error);
}

static guint64 room_sum(const ArtefactFlashPlan *plan)
{
	const GPtrArray *parts = artefact_flash_plan_parts(plan);
	guint64 sum = ESP_PARTITION_TABLE_SECTOR_BYTES;

	for (guint i = 0; i < parts->len; i++)
		sum += ((const ArtefactFlashPart *)parts->pdata[i])->room_bytes;
	return sum;
}

gboolean artefact_flash_file_write(const char *path, const ArtefactFlashPlan *plan,
				   ArtefactProgress progress, gpointer user_data,
				   ArtefactFlashResult *result, GError **error)
{
	guint32 flash_bytes = artefact_flash_plan_flash_bytes(plan);
	ArtefactFlashResult made = {0};
	g_auto(BaseFd) fd = -1;
	Writer writer = {.path = path,
			 .progress = progress,
			 .user_data = user_data,
			 .total_bytes = room_sum(plan)};

	if (strcmp(artefact_flash_plan_chip(plan), "host") != 0) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_WRONG_CHIP,
			    "the firmware is for %s; only a host device has a flash file",
			    artefact_flash_plan_chip(plan));
		return FALSE;
	}
	made.made = !g_file_test(path, G_FILE_TEST_EXISTS);
	if (made.made && !make_erased(path, flash_bytes, error))
		return FALSE;
	fd = open_locked(path, error);
	if (fd < 0 || !check_existing(fd, path, flash_bytes, error) ||
	    !ensure_mac(path, made.mac, error))
		return FALSE;
	writer.fd = fd;
	if (!write_parts(&writer, plan, error)) {
		g_prefix_error(error,
			       "the flash of %s is not complete, its device will not start; "
			       "flash it again: ",
			       path);
		return FALSE;
	}
	made.written_bytes = artefact_flash_plan_bytes(plan);
	if (result != NULL)
		*result = made;
	return TRUE;
}
