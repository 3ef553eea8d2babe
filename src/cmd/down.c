#include "cmd/commands.h"
#include "cmd/data_folder.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

enum {
	STOP_TIMEOUT_S = 15, /* `espalier up` itself takes at most 10 s */
	POLL_US = 20 * 1000,
};

static char *data_option;

static const GOptionEntry options[] = {
	{"data", 0, 0, G_OPTION_ARG_FILENAME, &data_option, "folder of the `espalier up` to end",
	 "DIR"},
	G_OPTION_ENTRY_NULL,
};

static CmdExit run(int argc, char **argv)
{
	g_autofree char *folder = NULL;
	gint64 deadline_us;
	CmdExit exit;
	int pid;

	if (!cmd_parse(&cmd_down, &argc, &argv, &exit))
		return exit;
	folder = cmd_data_folder(data_option);
	pid = cmd_data_folder_owner(folder);
	if (pid <= 0) {
		g_printerr("espalier down: nothing is running in %s\n", folder);
		return CMD_DONE;
	}
	if (kill(pid, SIGTERM) != 0) {
		g_printerr("espalier down: cannot end process %d of %s: %s\n", pid, folder,
			   g_strerror(errno));
		return CMD_FAILED;
	}
	deadline_us = base_clock_monotonic_us() + STOP_TIMEOUT_S * G_USEC_PER_SEC;
	while (cmd_data_folder_owner(folder) == pid) {
		if (base_clock_monotonic_us() > deadline_us) {
			g_printerr("espalier down: process %d has not ended after %d s; a second "
				   "SIGTERM ends it at once\n",
				   pid, STOP_TIMEOUT_S);
			return CMD_FAILED;
		}
		g_usleep(POLL_US);
	}
	return CMD_DONE;
}

const CmdCommand cmd_down = {
	.usage = "[--data DIR]",
	.examples = "  espalier down\n  espalier down --data ~/greenhouse\n",
	.options = options,
	.run = run,
};
