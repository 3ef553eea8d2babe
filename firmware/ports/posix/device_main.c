/* espalier-device — boot ROM, bootloader and power supply of host devices. */
#include "ports/posix/supervisor.h"

#include <stdio.h>

enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

static const char description[] =
	"Each FLASH_FILE is the flash of one host device, written by `espalier flash`.\n"
	"While a device is on, its file is locked. SIGTERM or Ctrl-C switches all off.\n"
	"\n"
	"Examples:\n"
	"  espalier flash probe-11 --to probe-11.flash\n"
	"  espalier-device probe-11.flash\n"
	"  espalier-device --quiet fleet/*.flash\n"
	"\n"
	"Exit status: 0 all were switched off; 1 a device could not start; 2 usage.\n";

int main(int argc, char **argv)
{
	gboolean quiet = FALSE, version = FALSE;
	const GOptionEntry options[] = {
		{"quiet", 'q', 0, G_OPTION_ARG_NONE, &quiet, "Log warnings and errors only", NULL},
		{"version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version", NULL},
		G_OPTION_ENTRY_NULL,
	};
	g_autoptr(GOptionContext) context = g_option_context_new("FLASH_FILE…");
	g_autoptr(GError) error = NULL;

	g_option_context_set_summary(context, "Switches host devices on and keeps them running.");
	g_option_context_set_description(context, description);
	g_option_context_add_main_entries(context, options, NULL);
	if (!g_option_context_parse(context, &argc, &argv, &error)) {
		fprintf(stderr, "espalier-device: %s; see espalier-device --help\n",
			error->message);
		return EXIT_USAGE;
	}
	if (version) {
		printf("espalier-device %s\n", ESPALIER_VERSION);
		return EXIT_DONE;
	}
	if (argc < 2) {
		fprintf(stderr, "espalier-device: no flash file; see espalier-device --help\n");
		return EXIT_USAGE;
	}
	return posix_supervise((const char *const *)argv + 1, quiet) == 0 ? EXIT_DONE : EXIT_FAILED;
}
