/* esp_image_tool — makes and reads app images, for esp_image_peer_test.py.
 *
 *     esp_image_tool make PROGRAM OUT      a host image around a program
 *     esp_image_tool read FILE             what our reader says: "ok CHIP CHECKSUM HASH", or the
 * error */
#include "base/digest.h"
#include "base/file.h"
#include "esp/image.h"

#include <stdio.h>
#include <string.h>

enum { FILE_MAX_BYTES = 32 * 1024 * 1024 };

static gboolean make(const char *program_path, const char *out, GError **error)
{
	g_autoptr(GBytes) program = base_file_read(program_path, FILE_MAX_BYTES, error);
	g_autoptr(GBytes) image = NULL;
	EspHostImage host = {.version = "1.4.2", .project = "peer"};

	if (program == NULL)
		return FALSE;
	host.program = g_bytes_get_data(program, &host.program_bytes);
	image = esp_image_host_new(&host, error);
	return image != NULL && base_file_write(out, g_bytes_get_data(image, NULL),
						g_bytes_get_size(image), 0644, error);
}

static gboolean read_image(const char *path, GError **error)
{
	g_autoptr(GBytes) file = base_file_read(path, FILE_MAX_BYTES, error);
	g_autofree char *hash = NULL;
	EspImage image;

	if (file == NULL ||
	    !esp_image_read(g_bytes_get_data(file, NULL), g_bytes_get_size(file), &image, error))
		return FALSE;
	hash = base_hex(image.hash, sizeof image.hash);
	printf("ok %u 0x%02x %s\n", image.chip_id, image.checksum, hash);
	return TRUE;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	gboolean done = FALSE;

	if (argc == 4 && strcmp(argv[1], "make") == 0)
		done = make(argv[2], argv[3], &error);
	else if (argc == 3 && strcmp(argv[1], "read") == 0)
		done = read_image(argv[2], &error);
	if (!done)
		printf("%s\n",
		       error == NULL ? "usage: make PROGRAM OUT | read FILE" : error->message);
	return done ? 0 : 1;
}
