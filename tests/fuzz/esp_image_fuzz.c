/* App images: what is accepted lies within its bytes. */
#include "esp/image.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	guint8 digest[ESP_IMAGE_HASH_BYTES];
	const guint8 *program = NULL;
	gsize program_bytes = 0;
	EspImage image;

	if (!esp_image_read(data, size, &image, NULL))
		return 0;
	g_assert(image.size_bytes <= size);
	esp_image_digest(data, &image, digest);
	if (esp_image_host_program(data, &image, &program, &program_bytes, NULL))
		g_assert(program + program_bytes <= data + size);
	return 0;
}
