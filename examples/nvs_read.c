/* Prints what a device would find in an NVS partition: nvs_read IMAGE.bin */
#include <esp/nvs.h>

#include <stdio.h>

static void print_value(const EspNvsEntry *entry)
{
	gint64 least = 0;
	guint64 most = 0;

	if (entry->type == ESP_NVS_STRING)
		printf("\"%s\"\n", entry->value.text);
	else if (entry->type == ESP_NVS_BLOB)
		printf("%zu bytes\n", entry->value.blob.size_bytes);
	else if (esp_nvs_type_range(entry->type, &least, &most) && least < 0)
		printf("%" G_GINT64_FORMAT "\n", entry->value.i);
	else
		printf("%" G_GUINT64_FORMAT "\n", entry->value.u);
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(EspNvsContents) contents = NULL;
	g_autofree char *data = NULL;
	gsize size_bytes = 0;

	if (argc != 2 || !g_file_get_contents(argv[1], &data, &size_bytes, &error) ||
	    (contents = esp_nvs_read((const guint8 *)data, size_bytes, ESP_NVS_READ_DEFAULT,
				     &error)) == NULL) {
		fprintf(stderr, "nvs_read: %s\n", error ? error->message : "which image?");
		return 1;
	}
	for (gsize i = 0; i < contents->n_entries; i++) {
		const EspNvsEntry *entry = &contents->entries[i];

		printf("%s.%s (%s) ", entry->space, entry->key, esp_nvs_type_name(entry->type));
		print_value(entry);
	}
	return 0;
}
