/* Makes the NVS partition of one device: nvs_make OUT.bin SSID, with the password, a secret and so
 * no argument, on standard input. */
#include <esp/nvs.h>

#include <stdio.h>

int main(int argc, char **argv)
{
	const gsize size_bytes = 0x6000;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) image = NULL;
	EspNvsUsage usage;
	char password[65];

	if (argc != 3 || fgets(password, sizeof password, stdin) == NULL) {
		fprintf(stderr, "usage: nvs_make OUT.bin SSID <PASSWORD_FILE\n");
		return 2;
	}
	const EspNvsEntry entries[] = {
		esp_nvs_string("wifi", "ssid", argv[2]),
		esp_nvs_string("wifi", "password", g_strchomp(password)),
		esp_nvs_unsigned("device", "boots", ESP_NVS_U32, 0),
		esp_nvs_blob("device", "calibration", "\x01\x7f\x00\x80", 4),
	};
	image = esp_nvs_image_new(entries, G_N_ELEMENTS(entries), size_bytes, &error);
	if (image == NULL ||
	    !esp_nvs_layout(entries, G_N_ELEMENTS(entries), size_bytes, &usage, &error) ||
	    !g_file_set_contents_full(argv[1], g_bytes_get_data(image, NULL),
				      (gssize)g_bytes_get_size(image),
				      G_FILE_SET_CONTENTS_CONSISTENT, 0600, &error)) {
		fprintf(stderr, "nvs_make: %s\n", error->message);
		return 1;
	}
	printf("%s: %zu of %zu bytes used\n", argv[1], usage.used_bytes, usage.capacity_bytes);
	return 0;
}
