/* artefact_fixture.h — build folders and bundles for the tests. */
#pragma once

#include "artefact/bundle.h"
#include "base/digest.h"
#include "base/file.h"
#include "esp/chips.h"
#include "esp/image.h"
#include "esp/otadata.h"

#include <stdlib.h>
#include <string.h>

static inline GBytes *fixture_program(void)
{
	static const char text[] = "\x7f"
				   "ELF is what a program begins with";

	return g_bytes_new_static(text, sizeof text);
}

static inline ArtefactBundle *fixture_host_bundle(const char *version)
{
	g_autoptr(GBytes) program = fixture_program();
	ArtefactHostFirmware firmware = {
		.program = program, .project = "probe", .version = version};
	g_autoptr(GError) error = NULL;
	ArtefactBundle *bundle = artefact_bundle_for_host(&firmware, &error);

	if (bundle == NULL)
		g_error("%s", error->message);
	return bundle;
}

/* An image for any chip: a host image with another chip id and its hash made anew. */
static inline GBytes *fixture_image(guint16 chip_id, gsize program_bytes)
{
	g_autofree guint8 *program = g_malloc0(program_bytes);
	EspHostImage host = {.program = program,
			     .program_bytes = program_bytes,
			     .version = "1.2.3",
			     .project = "blinky"};
	g_autoptr(GBytes) image = esp_image_host_new(&host, NULL);
	gsize size = g_bytes_get_size(image);
	g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(image, NULL), size);

	copy[12] = (guint8)chip_id;
	copy[13] = (guint8)(chip_id >> 8);
	base_sha256(copy, size - ESP_IMAGE_HASH_BYTES, copy + size - ESP_IMAGE_HASH_BYTES);
	return g_bytes_new(copy, size);
}

static inline void fixture_write(const char *folder, const char *name, GBytes *bytes)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *parent = g_path_get_dirname(path);
	g_autoptr(GError) error = NULL;

	if (!base_folder_make(parent, 0700, &error) ||
	    !base_file_write(path, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), 0600,
			     &error))
		g_error("%s", error->message);
}

static inline void fixture_write_text(const char *folder, const char *name, const char *text)
{
	g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

	fixture_write(folder, name, bytes);
}

#define FIXTURE_ARGS_5                                                                             \
	"{\"write_flash_args\":[\"--flash_mode\",\"dio\",\"--flash_size\",\"4MB\",\"--flash_"      \
	"freq\",\"80m\"],"                                                                         \
	"\"flash_settings\":{\"flash_mode\":\"dio\",\"flash_size\":\"4MB\",\"flash_freq\":"        \
	"\"80m\"},"                                                                                \
	"\"flash_files\":{\"0x0\":\"bootloader/bootloader.bin\",\"0x20000\":\"blinky.bin\","       \
	"\"0x8000\":\"partition_table/partition-table.bin\",\"0xd000\":\"ota_data_initial.bin\"}," \
	"\"bootloader\":{\"offset\":\"0x0\",\"file\":\"bootloader/bootloader.bin\"},"              \
	"\"app\":{\"offset\":\"0x20000\",\"file\":\"blinky.bin\"},"                                \
	"\"partition-table\":{\"offset\":\"0x8000\",\"file\":\"partition_table/"                   \
	"partition-table.bin\"},"                                                                  \
	"\"otadata\":{\"offset\":\"0xd000\",\"file\":\"ota_data_initial.bin\"},"                   \
	"\"extra_esptool_args\":{\"after\":\"hard_reset\",\"before\":\"default_reset\",\"stub\":"  \
	"true,\"chip\":\"esp32c3\"}}"

/* A build folder for ESP32-C3 as ESP-IDF 5 leaves it. Yours. */
static inline char *fixture_build_folder(void)
{
	char *folder = g_dir_make_tmp("build-XXXXXX", NULL);
	guint16 c3 = esp_chip_find("esp32c3")->id;
	g_autoptr(EspPartitionTable) table =
		esp_partition_table_from_csv(esp_partition_table_default_csv,
					     strlen(esp_partition_table_default_csv), NULL, NULL);
	g_autoptr(GBytes) binary = esp_partition_table_to_binary(table, NULL);
	g_autoptr(GBytes) app = fixture_image(c3, 5000);
	g_autoptr(GBytes) bootloader = fixture_image(c3, 3000);
	g_autoptr(GBytes) otadata = esp_otadata_factory_new();

	fixture_write(folder, "bootloader/bootloader.bin", bootloader);
	fixture_write(folder, "partition_table/partition-table.bin", binary);
	fixture_write(folder, "blinky.bin", app);
	fixture_write(folder, "ota_data_initial.bin", otadata);
	fixture_write_text(folder, "blinky.elf",
			   "\x7f"
			   "ELF with symbols");
	fixture_write_text(folder, "flasher_args.json", FIXTURE_ARGS_5);
	return folder;
}
