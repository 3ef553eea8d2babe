/* esp_image_tool — makes host images, for esp_image_peer_test.py.
 *
 *     esp_image_tool make PROGRAM OUT      a host image around a program
 */
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

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;

	if (argc == 4 && strcmp(argv[1], "make") == 0 && make(argv[2], argv[3], &error))
		return 0;
	printf("%s\n", error == NULL ? "usage: make PROGRAM OUT" : error->message);
	return 1;
}
