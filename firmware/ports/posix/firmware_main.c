/* espalier-host-firmware — the firmware of host devices: the core around the posix port. Started by
 * the boot ROM (espalier-device) with the flash file's descriptor; nothing secret is in its
 * arguments. */
#include "core/device.h"
#include "ports/posix/exit.h"
#include "ports/posix/log.h"
#include "ports/posix/port.h"
#include "wire/text.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

typedef struct {
	int flash_fd;
	gboolean quiet;
	char *label;
	char *slot;
	char *version;
	char *sha256;
	char *mac;
	char *reset;
} Arguments;

static void arguments_clear(Arguments *arguments)
{
	g_free(arguments->label);
	g_free(arguments->slot);
	g_free(arguments->version);
	g_free(arguments->sha256);
	g_free(arguments->mac);
	g_free(arguments->reset);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Arguments, arguments_clear)

/* Large, and alive as long as the program: as on a chip. */
static CoreDevice device;

static gboolean parse(int argc, char **argv, Arguments *arguments, GError **error)
{
	const GOptionEntry options[] = {
		{"flash-fd", 0, 0, G_OPTION_ARG_INT, &arguments->flash_fd, "The flash file", "FD"},
		{"label", 0, 0, G_OPTION_ARG_STRING, &arguments->label, "Prefix of log lines",
		 "NAME"},
		{"slot", 0, 0, G_OPTION_ARG_STRING, &arguments->slot, "Started from", "PARTITION"},
		{"firmware-version", 0, 0, G_OPTION_ARG_STRING, &arguments->version,
		 "Of the image's description", "VERSION"},
		{"firmware-sha256", 0, 0, G_OPTION_ARG_STRING, &arguments->sha256, "Of the image",
		 "HEX"},
		{"mac", 0, 0, G_OPTION_ARG_STRING, &arguments->mac, "Hardware address", "MAC"},
		{"reset", 0, 0, G_OPTION_ARG_STRING, &arguments->reset, "Reason of this start",
		 "WORD"},
		{"quiet", 0, 0, G_OPTION_ARG_NONE, &arguments->quiet,
		 "Log warnings and errors only", NULL},
		G_OPTION_ENTRY_NULL,
	};
	g_autoptr(GOptionContext) context = g_option_context_new(NULL);

	g_option_context_set_summary(context, "The firmware of host devices. It is not started by "
					      "hand: espalier-device FLASH_FILE does it.");
	g_option_context_add_main_entries(context, options, NULL);
	return g_option_context_parse(context, &argc, &argv, error);
}

static gboolean describe(const Arguments *arguments, CoreHardware *hardware)
{
	/* Revision 0.0: a host has none, and says so. */
	*hardware = (CoreHardware){.chip = "host", .revision = 0};
	return arguments->flash_fd > 2 && arguments->label != NULL && arguments->mac != NULL &&
	       arguments->slot != NULL && arguments->version != NULL && arguments->sha256 != NULL &&
	       arguments->reset != NULL &&
	       wire_mac_parse(arguments->mac, strlen(arguments->mac), hardware->mac) &&
	       wire_copy(hardware->slot, sizeof(hardware->slot), arguments->slot) &&
	       wire_copy(hardware->firmware_sha256, sizeof(hardware->firmware_sha256),
			 arguments->sha256) &&
	       wire_copy(hardware->firmware_version, sizeof(hardware->firmware_version),
			 arguments->version) &&
	       wire_copy(hardware->reset, sizeof(hardware->reset), arguments->reset);
}

static PosixExit live(PosixPort *port)
{
	core_start(&device, posix_port_functions(port));
	posix_port_forget_config(port);
	if (device.phase == CORE_HALTED)
		return POSIX_EXIT_HALTED;
	for (;;) {
		guint32 wait_ms = core_step(&device);

		if (device.phase == CORE_STOPPED)
			return posix_port_restarts(port) ? POSIX_EXIT_RESTART : POSIX_EXIT_OFF;
		posix_port_wait(port, wait_ms);
	}
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(PosixFlash) flash = NULL;
	g_autoptr(PosixPort) port = NULL;
	g_auto(Arguments) arguments = {.flash_fd = -1};
	CoreHardware hardware;

	if (!parse(argc, argv, &arguments, &error) || !describe(&arguments, &hardware)) {
		fprintf(stderr,
			"espalier-host-firmware: %s; start it with espalier-device FLASH_FILE\n",
			error == NULL ? "incomplete arguments" : error->message);
		return POSIX_EXIT_HALTED;
	}
	prctl(PR_SET_NAME, "espalier-fw");
	flash = posix_flash_new(arguments.flash_fd, arguments.label, &error);
	if (flash != NULL)
		port = posix_port_new(flash, &hardware, arguments.label, arguments.quiet, &error);
	if (port == NULL) {
		posix_log(arguments.label, CORE_LOG_ERROR, error->message);
		return POSIX_EXIT_HALTED;
	}
	return (int)live(port);
}
