/* Which of two slots boots; with a number, selects that one for the next boot: otadata FILE [SLOT]
 */
#include <esp/otadata.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	const guint n_slots = 2;
	g_autoptr(GError) error = NULL;
	g_autofree char *data = NULL;
	gsize size_bytes = 0;
	EspOtaBoot boot;

	if (argc < 2 || !g_file_get_contents(argv[1], &data, &size_bytes, &error) ||
	    (argc > 2 &&
	     !esp_otadata_select((guint8 *)data, size_bytes, n_slots,
				 (int)strtol(argv[2], NULL, 10), ESP_OTA_NEW, NULL, &error)) ||
	    !esp_otadata_choose((const guint8 *)data, size_bytes, n_slots, FALSE, &boot, &error) ||
	    (argc > 2 && !g_file_set_contents(argv[1], data, (gssize)size_bytes, &error))) {
		fprintf(stderr, "otadata: %s\n", error ? error->message : "which partition?");
		return 1;
	}
	printf("slot %d boots: %s\n", boot.slot, esp_ota_boot_reason_text(boot.reason));
	return 0;
}
