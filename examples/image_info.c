/* Verifies an app image and says what it is: image_info APP.bin */
#include <esp/chips.h>
#include <esp/image.h>

#include <stdio.h>

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *data = NULL;
	const EspChip *chip;
	gsize size_bytes = 0;
	EspImage image;

	if (argc != 2 || !g_file_get_contents(argv[1], &data, &size_bytes, &error) ||
	    !esp_image_read((const guint8 *)data, size_bytes, &image, &error)) {
		fprintf(stderr, "image_info: %s\n", error ? error->message : "which image?");
		return 1;
	}
	chip = esp_chip_find_id(image.chip_id);
	printf("%s, %zu bytes, entry 0x%08x\n", chip ? chip->title : "unknown chip",
	       image.size_bytes, image.entry);
	if (image.has_description)
		printf("%s %s, made with ESP-IDF %s\n", image.description.project,
		       image.description.version, image.description.idf_version);
	for (gsize i = 0; i < image.n_segments; i++)
		printf("segment %zu: %u bytes to 0x%08x\n", i, image.segments[i].size_bytes,
		       image.segments[i].load_address);
	return 0;
}
