#include "ports/posix/boot.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "esp/chips.h"
#include "esp/image.h"
#include "esp/otadata.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- The program ---- */

/* This program's own ELF header says what runs here. */
static gboolean own_header(ElfW(Ehdr) * header, GError **error)
{
	g_auto(BaseFd) fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || pread(fd, header, sizeof(*header), 0) != (ssize_t)sizeof(*header))
		return base_error_set_errno(error, errno, "reading /proc/self/exe");
	return TRUE;
}

gboolean posix_boot_check_program(const guint8 *program, gsize size_bytes, GError **error)
{
	ElfW(Ehdr) theirs, ours;

	if (size_bytes < sizeof(theirs) || memcmp(program, ELFMAG, SELFMAG) != 0) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "the image holds no ELF program");
		return FALSE;
	}
	if (!own_header(&ours, error))
		return FALSE;
	memcpy(&theirs, program, sizeof(theirs));
	if (theirs.e_ident[EI_CLASS] == ours.e_ident[EI_CLASS] &&
	    theirs.e_ident[EI_DATA] == ours.e_ident[EI_DATA] && theirs.e_machine == ours.e_machine)
		return TRUE;
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
		    "the program is for another machine (ELF machine %u, here %u); push a firmware "
		    "that was built for this one",
		    theirs.e_machine, ours.e_machine);
	return FALSE;
}

/* Puts the program into memory, sealed, so that what was verified is what runs. -1 on failure. */
static int load_program(const guint8 *program, gsize size_bytes, GError **error)
{
	g_auto(BaseFd) fd = memfd_create("espalier-host-firmware", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || !base_fd_write_all(fd, program, size_bytes) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
		base_error_set_errno(error, errno, "loading the program");
		return -1;
	}
	return g_steal_fd(&fd);
}

/* ---- The image ---- */

static gboolean verify(const guint8 *data, gsize size_bytes, EspImage *image,
		       const guint8 **program, gsize *program_bytes, GError **error)
{
	if (!esp_image_read(data, size_bytes, image, error))
		return FALSE;
	if (image->chip_id != ESP_CHIP_HOST_ID) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "the image is for chip 0x%04x; a host device is 0x%04x", image->chip_id,
			    ESP_CHIP_HOST_ID);
		return FALSE;
	}
	if (!image->has_hash) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "the image has no SHA-256");
		return FALSE;
	}
	return esp_image_host_program(data, image, program, program_bytes, error) &&
	       posix_boot_check_program(*program, *program_bytes, error);
}

static gboolean load(const PosixFlash *flash, const EspPartition *partition, PosixBoot *boot,
		     GError **error)
{
	g_autofree guint8 *data = posix_flash_read(flash, partition, error);
	g_autofree char *sha256 = NULL;
	guint8 digest[ESP_IMAGE_HASH_BYTES];
	const guint8 *program;
	gsize program_bytes;
	EspImage image;
	int fd;

	if (data == NULL ||
	    !verify(data, partition->size_bytes, &image, &program, &program_bytes, error))
		return FALSE;
	fd = load_program(program, program_bytes, error);
	if (fd < 0)
		return FALSE;
	esp_image_digest(data, &image, digest);
	sha256 = base_hex(digest, sizeof(digest));
	g_strlcpy(boot->slot, partition->label, sizeof(boot->slot));
	g_strlcpy(boot->version, image.description.version, sizeof(boot->version));
	g_strlcpy(boot->sha256, sha256, sizeof(boot->sha256));
	boot->program_fd = fd;
	return TRUE;
}

/* ---- The slot ---- */

static const EspPartition *slot_partition(const PosixFlash *flash, int slot)
{
	guint subtype = slot == ESP_OTADATA_FACTORY_SLOT ? ESP_PARTITION_APP_FACTORY
							 : ESP_PARTITION_APP_OTA_0 + (guint)slot;

	return esp_partition_find_type(posix_flash_table(flash), ESP_PARTITION_APP, subtype);
}

/* otadata as it is, or NULL with `otadata` NULL where the table has none. */
static gboolean read_otadata(const PosixFlash *flash, const EspPartition *partition,
			     guint8 **otadata, GError **error)
{
	*otadata = NULL;
	if (partition == NULL)
		return TRUE;
	*otadata = posix_flash_read(flash, partition, error);
	return *otadata != NULL;
}

/* The first start writes down which slot it took, as a bootloader does. */
static void initialise(const PosixFlash *flash, const EspPartition *partition, guint8 *otadata,
		       guint n_slots, const EspOtaBoot *chosen, PosixBootComplain complain,
		       gpointer user_data)
{
	g_autoptr(GError) error = NULL;
	gsize offset;
	int record;

	if (!chosen->initialise || otadata == NULL)
		return;
	if (!esp_otadata_select(otadata, partition->size_bytes, n_slots, chosen->slot,
				ESP_OTA_VALID, &record, &error)) {
		complain(error->message, user_data);
		return;
	}
	offset = record == 1 ? ESP_OTADATA_SECTOR_BYTES : 0;
	if (!posix_flash_write(flash, partition, offset, otadata + offset, ESP_OTADATA_SECTOR_BYTES,
			       &error))
		complain(error->message, user_data);
}

static gboolean try_slots(const PosixFlash *flash, const int *order, gsize n_order, PosixBoot *boot,
			  PosixBootComplain complain, gpointer user_data, GError **error)
{
	g_autoptr(GError) first = NULL;

	for (gsize i = 0; i < n_order; i++) {
		const EspPartition *partition = slot_partition(flash, order[i]);
		g_autoptr(GError) problem = NULL;

		if (partition == NULL)
			continue;
		if (load(flash, partition, boot, &problem))
			return TRUE;
		g_prefix_error(&problem, "%s: ", partition->label);
		complain(problem->message, user_data);
		if (first == NULL)
			first = g_steal_pointer(&problem);
	}
	g_set_error(error, BASE_ERROR, BASE_ERROR_NOT_FOUND,
		    "no bootable firmware (%s); flash it again with `espalier flash`",
		    first == NULL ? "the table has no slot" : first->message);
	return FALSE;
}

gboolean posix_boot_load(const PosixFlash *flash, PosixBoot *boot, PosixBootComplain complain,
			 gpointer user_data, GError **error)
{
	const EspPartitionTable *table = posix_flash_table(flash);
	const EspPartition *partition =
		esp_partition_find_type(table, ESP_PARTITION_DATA, ESP_PARTITION_DATA_OTA);
	gboolean has_factory = slot_partition(flash, ESP_OTADATA_FACTORY_SLOT) != NULL;
	guint n_slots = esp_partition_ota_slots(table);
	g_autofree guint8 *otadata = NULL;
	int order[ESP_OTADATA_ORDER_MAX];
	EspOtaBoot chosen;
	gsize n_order;

	if (!read_otadata(flash, partition, &otadata, error) ||
	    !esp_otadata_choose(otadata, otadata == NULL ? 0 : partition->size_bytes, n_slots,
				has_factory, &chosen, error))
		return FALSE;
	n_order = esp_otadata_fallbacks(chosen.slot, n_slots, has_factory, FALSE, order);
	if (!try_slots(flash, order, n_order, boot, complain, user_data, error))
		return FALSE;
	initialise(flash, partition, otadata, n_slots, &chosen, complain, user_data);
	return TRUE;
}
