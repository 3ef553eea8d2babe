/* cmd/data_folder.h — the folder that holds all state of one-machine mode, and the ports chosen for
 * it. */
#pragma once

#include <glib.h>

/* The folder of --data, or $XDG_STATE_HOME/espalier, or ~/.local/state/espalier; absolute. Yours.
 */
char *cmd_data_folder(const char *option);

/* `folder`/`name`. Yours. */
char *cmd_data_path(const char *folder, const char *name);

/* Ports of the three listeners. Chosen once and kept in ports.json, since flashed devices know
 * them. */
typedef struct {
	guint16 api;
	guint16 broker;
	guint16 artefacts;
} CmdPorts;

/* What the user asked for: -1 = not given (keep, or choose), 0 = a free one, else that port. */
typedef struct {
	int api;
	int broker;
	int artefacts;
} CmdPortWishes;

/* Reads ports.json, applies `wishes`, chooses free ports on `address` for what is still open
 * (preferring the usual ones: 6443, 8883, 8443), writes the file if it changed. A wished port that
 * is taken is BASE_ERROR_BUSY with the remedy; a kept one is not tried here. With a wish of 0 a
 * kept port stays. BASE_ERROR_INVALID for an address that is not this machine's or stands for all,
 * and for one port wished twice. */
gboolean cmd_ports_choose(const char *folder, const char *address, const CmdPortWishes *wishes,
			  CmdPorts *ports, GError **error);

/* Reads ports.json of a folder. FALSE with BASE_ERROR_NOT_FOUND if nothing ever ran there. */
gboolean cmd_ports_load(const char *folder, CmdPorts *ports, GError **error);

/* The process id of the `espalier up` that holds `folder`, or 0 if none does, or if it has only
 * just taken it. */
int cmd_data_folder_owner(const char *folder);
