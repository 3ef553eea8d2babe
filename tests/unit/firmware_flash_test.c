#include "base/error.h"
#include "esp/chips.h"
#include "ports/posix/boot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROWS_AT = ESP_PARTITION_TABLE_OFFSET };

static void note(const char *message, gpointer user_data)
{
	g_ptr_array_add(user_data, g_strdup(message));
}

/* A flash with one app partition of `size_bytes` at 0x10000. */
static PosixFlash *flash_with_app(int *fd, guint32 size_bytes)
{
	guint8 table[ESP_PARTITION_TABLE_BYTES];
	guint8 row[32] = {0xaa, 0x50, ESP_PARTITION_APP, ESP_PARTITION_APP_FACTORY, 0, 0, 1, 0};

	memset(table, 0xff, sizeof table);
	for (guint i = 0; i < sizeof size_bytes; i++)
		row[8 + i] = (guint8)(size_bytes >> (8 * i));
	g_strlcpy((char *)row + 12, "factory", 16);
	memcpy(table, row, sizeof row);
	*fd = memfd_create("flash", MFD_CLOEXEC);
	assert_true(*fd >= 0);
	assert_int_equal(pwrite(*fd, table, sizeof table, ROWS_AT), sizeof table);
	return posix_flash_new(*fd, "probe.flash", NULL);
}

static void says_why_a_slot_without_bytes_does_not_boot(void **state)
{
	static const struct {
		guint32 size_bytes;
		const char *message;
	} rows[] = {
		{0, "no bootable firmware (factory: probe.flash: partition factory has no bytes); "
		    "flash it again with `espalier flash`"},
		{0x10000, "no bootable firmware (factory: probe.flash: the file ends at 0x10000; "
			  "flash it again with `espalier flash`); flash it again with `espalier "
			  "flash`"},
		{G_MAXUINT32, "no bootable firmware (factory: probe.flash: partition factory has "
			      "0xffffffff bytes, more than a chip's flash); flash it again with "
			      "`espalier flash`"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GPtrArray) complaints = g_ptr_array_new_with_free_func(g_free);
		g_autoptr(GError) error = NULL;
		int fd;
		g_autoptr(PosixFlash) flash = flash_with_app(&fd, rows[i].size_bytes);
		PosixBoot boot = {.program_fd = -1};

		assert_non_null(flash);
		assert_false(posix_boot_load(flash, &boot, note, complaints, &error));
		assert_string_equal(error->message, rows[i].message);
		assert_int_equal(complaints->len, 1);
		assert_int_equal(boot.program_fd, -1);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_why_a_slot_without_bytes_does_not_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
