#include "cmd/other_program.h"

#include <string.h>
#include <unistd.h>

#define PROGRAM "espalier-fleet"

/* Where it may stand, seen from the folder of this executable. */
static const char *const places[] = {PROGRAM, "../libexec/espalier/" PROGRAM};

CmdExit cmd_other_program_exec(char **argv)
{
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *folder = self != NULL ? g_path_get_dirname(self) : NULL;

	for (gsize i = 0; folder != NULL && i < G_N_ELEMENTS(places); i++) {
		g_autofree char *path = g_build_filename(folder, places[i], NULL);

		if (strcmp(path, self) != 0)
			execv(path, argv);
	}
	g_printerr("espalier: %s is not installed: `%s` needs it in the folder %s or in "
		   "../libexec/espalier of it\n",
		   PROGRAM, argv[1], folder != NULL ? folder : "of this program");
	return CMD_FAILED;
}
