#include "ports/posix/flash.h"

#include "base/error.h"
#include "base/file.h"
#include "wire/nvs_names.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN_CONFIG_SLOT "cfg" /* u8: the active configuration slot */

enum {
	PRIVATE_MODE = 0600,
	OTHERS_BITS = 0077,
};

struct PosixFlash {
	int fd;
	char *name;
	EspPartitionTable *table;
};

/* ---- Opening ---- */

static gboolean make_private(int fd, const char *path, gboolean *fixed_mode, GError **error)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return base_error_set_errno(error, errno, "flash file %s", path);
	if (!S_ISREG(status.st_mode)) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "flash file %s: not a regular file", path);
		return FALSE;
	}
	*fixed_mode = (status.st_mode & OTHERS_BITS) != 0;
	if (*fixed_mode && fchmod(fd, PRIVATE_MODE) != 0) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "flash file %s: others may read it, and it holds a password; its owner "
			    "must say: chmod 600 %s",
			    path, path);
		return FALSE;
	}
	return TRUE;
}

int posix_flash_open(const char *path, gboolean *fixed_mode, GError **error)
{
	g_auto(BaseFd) fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		base_error_set_errno(error, errno, "flash file %s", path);
		if (errno == ENOENT)
			g_prefix_error(error, "make it with `espalier flash DEVICE --to FILE`: ");
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			g_set_error(error, BASE_ERROR, BASE_ERROR_BUSY,
				    "flash file %s: this device is on already, or is being flashed",
				    path);
		else
			base_error_set_errno(error, errno, "locking the flash file %s", path);
		return -1;
	}
	if (!make_private(fd, path, fixed_mode, error))
		return -1;
	return g_steal_fd(&fd);
}

/* ---- Reading and writing ---- */

static gboolean read_at(int fd, const char *name, guint8 *data, gsize size_bytes, guint64 offset,
			GError **error)
{
	for (gsize done = 0; done < size_bytes;) {
		ssize_t part = pread(fd, data + done, size_bytes - done, (off_t)(offset + done));

		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return base_error_set_errno(error, errno, "reading %s", name);
		if (part == 0) {
			g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
				    "%s: the file ends at 0x%" G_GINT64_MODIFIER
				    "x; flash it again with `espalier flash`",
				    name, offset + done);
			return FALSE;
		}
		done += (gsize)part;
	}
	return TRUE;
}

static gboolean write_at(int fd, const char *name, const guint8 *data, gsize size_bytes,
			 guint64 offset, GError **error)
{
	for (gsize done = 0; done < size_bytes;) {
		ssize_t part = pwrite(fd, data + done, size_bytes - done, (off_t)(offset + done));

		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return base_error_set_errno(error, errno, "writing %s", name);
		done += (gsize)part;
	}
	return TRUE;
}

PosixFlash *posix_flash_new(int fd, const char *name, GError **error)
{
	g_autoptr(EspPartitionTable) table = NULL;
	guint8 binary[ESP_PARTITION_TABLE_BYTES];
	PosixFlash *flash;

	if (!read_at(fd, name, binary, sizeof(binary), ESP_PARTITION_TABLE_OFFSET, error))
		return NULL;
	table = esp_partition_table_from_binary(binary, sizeof(binary), error);
	if (table == NULL) {
		g_prefix_error(error,
			       "%s: no partition table at 0x8000 (not flashed, or interrupted; "
			       "flash it again with `espalier flash`): ",
			       name);
		return NULL;
	}
	flash = g_new0(PosixFlash, 1);
	flash->fd = fd;
	flash->name = g_strdup(name);
	flash->table = g_steal_pointer(&table);
	return flash;
}

void posix_flash_free(PosixFlash *flash)
{
	if (flash == NULL)
		return;
	esp_partition_table_free(flash->table);
	g_free(flash->name);
	g_free(flash);
}

const EspPartitionTable *posix_flash_table(const PosixFlash *flash)
{
	return flash->table;
}

guint8 *posix_flash_read(const PosixFlash *flash, const EspPartition *partition, GError **error)
{
	g_autofree guint8 *data = NULL;

	if (partition->size_bytes == 0) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "%s: partition %s has no bytes",
			    flash->name, partition->label);
		return NULL;
	}
	if (partition->size_bytes > ESP_NVS_MAX_BYTES) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
			    "%s: partition %s has 0x%x bytes, more than a chip's flash",
			    flash->name, partition->label, partition->size_bytes);
		return NULL;
	}
	data = g_malloc(partition->size_bytes);
	if (!read_at(flash->fd, flash->name, data, partition->size_bytes, partition->offset, error))
		return NULL;
	return g_steal_pointer(&data);
}

gboolean posix_flash_write(const PosixFlash *flash, const EspPartition *partition, gsize offset,
			   const guint8 *data, gsize size_bytes, GError **error)
{
	g_assert(offset <= partition->size_bytes && size_bytes <= partition->size_bytes - offset);
	if (!write_at(flash->fd, flash->name, data, size_bytes, partition->offset + offset, error))
		return FALSE;
	if (fdatasync(flash->fd) != 0)
		return base_error_set_errno(error, errno, "syncing %s", flash->name);
	return TRUE;
}

/* ---- NVS ---- */

static EspNvsContents *read_nvs(const PosixFlash *flash, const EspPartition *partition,
				GError **error)
{
	g_autofree guint8 *data = posix_flash_read(flash, partition, error);
	EspNvsContents *contents;

	if (data == NULL)
		return NULL;
	contents = esp_nvs_read(data, partition->size_bytes, ESP_NVS_READ_DEFAULT, error);
	if (contents == NULL)
		g_prefix_error(error, "%s: partition %s: ", flash->name, partition->label);
	/* It may hold the device's password. */
	explicit_bzero(data, partition->size_bytes);
	return contents;
}

gboolean posix_flash_own_get(const PosixFlash *flash, const char *key, guint32 *value)
{
	const EspPartition *own = esp_partition_find(flash->table, WIRE_PARTITION_OWN);
	g_autoptr(EspNvsContents) contents = own == NULL ? NULL : read_nvs(flash, own, NULL);
	const EspNvsEntry *entry;

	if (contents == NULL)
		return FALSE;
	entry = esp_nvs_find(contents, WIRE_NVS_ESPALIER, key);
	if (entry == NULL || (entry->type != ESP_NVS_U32 && entry->type != ESP_NVS_U8))
		return FALSE;
	*value = (guint32)entry->value.u;
	return TRUE;
}

EspNvsContents *posix_flash_config(const PosixFlash *flash, GError **error)
{
	const EspPartition *config = esp_partition_find(flash->table, WIRE_PARTITION_CONFIG_0);
	const EspPartition *spare = esp_partition_find(flash->table, WIRE_PARTITION_CONFIG_1);
	guint32 slot;

	if (config == NULL)
		config = esp_partition_find(flash->table, WIRE_PARTITION_OWN);
	else if (spare != NULL && posix_flash_own_get(flash, OWN_CONFIG_SLOT, &slot) && slot == 1)
		config = spare;
	if (config == NULL) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND,
			    "%s: the partition table has neither %s nor %s", flash->name,
			    WIRE_PARTITION_CONFIG_0, WIRE_PARTITION_OWN);
		return NULL;
	}
	return read_nvs(flash, config, error);
}

typedef struct {
	const PosixFlash *flash;
	const EspPartition *partition;
} Update;

static gboolean update_write(gsize offset, const guint8 *data, gsize size_bytes, gpointer user_data,
			     GError **error)
{
	const Update *update = user_data;

	return posix_flash_write(update->flash, update->partition, offset, data, size_bytes, error);
}

static gboolean update_erase(gsize offset, gpointer user_data, GError **error)
{
	const Update *update = user_data;
	guint8 erased[ESP_NVS_PAGE_BYTES];

	memset(erased, 0xff, sizeof(erased));
	return posix_flash_write(update->flash, update->partition, offset, erased, sizeof(erased),
				 error);
}

gboolean posix_flash_own_set(const PosixFlash *flash, const char *key, guint32 value,
			     GError **error)
{
	Update update = {flash, esp_partition_find(flash->table, WIRE_PARTITION_OWN)};
	EspNvsFlash operations = {update_write, update_erase, &update};
	EspNvsEntry entry = esp_nvs_unsigned(WIRE_NVS_ESPALIER, key, ESP_NVS_U32, value);
	g_autofree guint8 *image = NULL;

	if (update.partition == NULL) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND,
			    "%s: the partition table has no %s", flash->name, WIRE_PARTITION_OWN);
		return FALSE;
	}
	image = posix_flash_read(flash, update.partition, error);
	if (image == NULL)
		return FALSE;
	return esp_nvs_set(image, update.partition->size_bytes, NULL, &entry, &operations, error);
}
