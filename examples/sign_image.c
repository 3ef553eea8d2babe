/* Signs an app for secure boot version 2 and verifies it: sign_image KEY.pem IN.bin OUT.bin */
#include <esp/signature.h>

#include <stdio.h>

int main(int argc, char **argv)
{
	g_auto(EspSignatureReport) report = {0};
	g_autoptr(GError) error = NULL;
	g_autoptr(EspSignatureKey) key = NULL;
	g_autoptr(GBytes) signed_image = NULL;
	g_autofree char *pem = NULL, *data = NULL;
	gsize pem_bytes = 0, size_bytes = 0;

	if (argc != 4 || !g_file_get_contents(argv[1], &pem, &pem_bytes, &error) ||
	    !g_file_get_contents(argv[2], &data, &size_bytes, &error) ||
	    (key = esp_signature_key_read_private((const guint8 *)pem, pem_bytes, NULL, NULL,
						  &error)) == NULL ||
	    (signed_image = esp_signature_sign((const guint8 *)data, size_bytes, &key, 1,
					       ESP_SIGNATURE_FRESH, &error)) == NULL ||
	    !esp_signature_verify(g_bytes_get_data(signed_image, NULL),
				  g_bytes_get_size(signed_image), NULL, 0, &report, &error) ||
	    !g_file_set_contents(argv[3], g_bytes_get_data(signed_image, NULL),
				 (gssize)g_bytes_get_size(signed_image), &error)) {
		fprintf(stderr, "sign_image: %s\n", error ? error->message : "which image?");
		return 1;
	}
	printf("%s: %s, %zu bytes signed\n", argv[3],
	       esp_signature_scheme_name(esp_signature_key_scheme(key)), report.signed_bytes);
	return 0;
}
