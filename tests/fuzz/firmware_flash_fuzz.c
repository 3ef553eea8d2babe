#include "ports/posix/boot.h"

#include <sys/mman.h>
#include <unistd.h>

/* The flash of a host device from the partition table on: any bytes at 0x8000 of an erased flash.
 * It has a table or not, its configuration reads or not, it boots or not, and says why. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX_BYTES = 0x20000 };

static void no_complaint(const char *message, gpointer user_data)
{
	(void)user_data;
	g_assert(message != NULL);
}

static void boot(int fd)
{
	g_autoptr(GError) error = NULL, config_error = NULL, boot_error = NULL;
	g_autoptr(PosixFlash) flash = posix_flash_new(fd, "fuzz", &error);
	g_autoptr(EspNvsContents) config = NULL;
	PosixBoot chosen;

	g_assert((flash == NULL) == (error != NULL));
	if (flash == NULL)
		return;
	config = posix_flash_config(flash, &config_error);
	g_assert((config == NULL) == (config_error != NULL));
	if (posix_boot_load(flash, &chosen, no_complaint, NULL, &boot_error))
		close(chosen.program_fd);
	else
		g_assert(boot_error != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;

	if (size == 0 || size > INPUT_MAX_BYTES)
		return 0;
	if (fd < 0)
		fd = memfd_create("flash", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) != 0 ||
	    pwrite(fd, data, size, ESP_PARTITION_TABLE_OFFSET) != (ssize_t)size)
		return 0;
	boot(fd);
	return 0;
}
