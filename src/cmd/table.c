#include "cmd/command.h"
#include "cmd/commands.h"

#include <string.h>

/* One row a command, in the order of help; rows of a group stand together, a family's behind its
 * own. */
static const CmdRow table[] = {
	{"up", "One machine",
	 "run the whole control plane here: API, broker, artefacts, controllers", &cmd_up},
	{"down", "One machine", "end the control plane of a data folder", &cmd_down},
	{"apply", "Fleet", "create or change objects out of manifests", &cmd_apply_command},
	{"get", "Fleet", "print objects as a table, as names or as JSON", &cmd_get},
	{"describe", "Fleet", "everything about an object: fields, conditions, events",
	 &cmd_describe},
	{"delete", "Fleet", "delete objects and wait until they are gone", &cmd_delete},
	{"wait", "Fleet", "wait until objects have a condition", &cmd_wait},
	{"build", "Build and flash",
	 "make configuration partitions out of manifests, with no server", &cmd_build},
	{"push", "Build and flash", "make an ESP-IDF build folder the firmware of a class",
	 &cmd_push},
	{"flash", "Build and flash",
	 "write a host device's flash file: table, firmware, its configuration", &cmd_flash},
	{"nvs", "Formats", "NVS partition images: what a device keeps, byte by byte", NULL},
	{"nvs generate", "Formats", "make an image of a CSV", &cmd_nvs_generate},
	{"nvs dump", "Formats", "print what is in an image", &cmd_nvs_dump},
	{"nvs check", "Formats", "say what is wrong with an image, page by page", &cmd_nvs_check},
	{"nvs diff", "Formats", "compare two images key by key", &cmd_nvs_diff},
	{"nvs plan", "Formats", "say how much of a partition a CSV takes, and what still fits",
	 &cmd_nvs_plan},
	{"nvs keys", "Formats", "make encryption keys, at random or of an eFuse key",
	 &cmd_nvs_keys},
	{"nvs encrypt", "Formats", "encrypt an image", &cmd_nvs_encrypt},
	{"nvs decrypt", "Formats", "decrypt an image", &cmd_nvs_decrypt},
	{"nvs batch", "Formats", "make the images of a whole factory run", &cmd_nvs_batch},
	{"partitions", "Formats", "partition tables, as CSV and as the bytes in flash", NULL},
	{"partitions build", "Formats", "make a binary partition table out of CSV",
	 &cmd_partitions_build},
	{"partitions show", "Formats", "print a partition table as a table, CSV or JSON",
	 &cmd_partitions_show},
	{"partitions check", "Formats",
	 "say all that is wrong with a partition table, and what is free", &cmd_partitions_check},
	{"image", "Formats", "app and bootloader images: information, checks, signatures", NULL},
	{"image info", "Formats", "print all that an image says of itself", &cmd_image_info},
	{"image verify", "Formats", "say whether a chip would start an image, check by check",
	 &cmd_image_verify},
	{"image merge", "Formats", "make one file of all that goes into a flash", &cmd_image_merge},
	{"image sign", "Formats", "sign an image for secure boot version 2", &cmd_image_sign},
	{"image verify-signature", "Formats", "verify an image's signatures for secure boot",
	 &cmd_image_verify_signature},
	{"image key-digest", "Formats", "print the digest of a signing key that eFuses keep",
	 &cmd_image_key_digest},
	{"image encrypt", "Formats", "make the bytes of an encrypted flash", &cmd_image_encrypt},
	{"image decrypt", "Formats", "read the bytes of an encrypted flash", &cmd_image_decrypt},
	{"otadata", "Formats", "which firmware slot boots, and why", NULL},
	{"otadata show", "Formats", "print the records, which slot boots, and what is tried next",
	 &cmd_otadata_show},
	{"otadata set", "Formats", "select a slot, or change the state of the one selected",
	 &cmd_otadata_set},
	{"completion", "Help", "print completion for a shell", &cmd_completion},
	{"man", "Help", "print the manual page", &cmd_man},
};

const CmdRow *cmd_rows(gsize *n_rows)
{
	*n_rows = G_N_ELEMENTS(table);
	return table;
}

static const CmdRow *find(const char *name)
{
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

const CmdRow *cmd_row_find(int argc, char **argv, int *n_words)
{
	for (int n = MIN(argc, 2); n > 0; n--) {
		g_autofree char *name =
			n == 2 ? g_strconcat(argv[0], " ", argv[1], NULL) : g_strdup(argv[0]);
		const CmdRow *row = find(name);

		if (row != NULL) {
			*n_words = n;
			return row;
		}
	}
	return NULL;
}

gboolean cmd_row_is_of_family(const CmdRow *row, const CmdRow *family)
{
	gsize length = strlen(family->name);

	return strncmp(row->name, family->name, length) == 0 && row->name[length] == ' ';
}

gboolean cmd_row_is_family(const CmdRow *row)
{
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++)
		if (cmd_row_is_of_family(&table[i], row))
			return TRUE;
	return FALSE;
}
