#include "ports/posix/efuse.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"

#include <string.h>

enum {
	EFUSE_MODE = 0600,
	EFUSE_MAX_BYTES = 64,
};

static gboolean burn(const char *path, guint8 mac[static WIRE_MAC_BYTES], GError **error)
{
	char text[WIRE_MAC_CHARS + 1];
	g_autofree char *line = NULL;
	guint8 made[WIRE_MAC_BYTES];

	base_random_bytes(made, sizeof(made));
	wire_mac_make_local(made);
	wire_mac_format(made, text);
	line = g_strconcat(text, "\n", NULL);
	if (!base_file_write(path, line, strlen(line), EFUSE_MODE, error))
		return FALSE;
	memcpy(mac, made, sizeof(made));
	return TRUE;
}

gboolean posix_efuse_mac(const char *flash_path, guint8 mac[static WIRE_MAC_BYTES], GError **error)
{
	g_autofree char *path = g_strconcat(flash_path, ".efuse", NULL);
	g_autoptr(GError) problem = NULL;
	g_autoptr(GBytes) bytes = base_file_read(path, EFUSE_MAX_BYTES, &problem);

	if (bytes == NULL && g_error_matches(problem, BASE_ERROR, BASE_ERROR_NOT_FOUND))
		return burn(path, mac, error);
	if (bytes == NULL) {
		g_propagate_error(error, g_steal_pointer(&problem));
		return FALSE;
	}
	if (wire_mac_parse(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), mac))
		return TRUE;
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
		    "%s: not a MAC address; remove the file, and the device gets a new one", path);
	return FALSE;
}
