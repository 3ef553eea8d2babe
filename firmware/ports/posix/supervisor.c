#include "ports/posix/supervisor.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "ports/posix/boot.h"
#include "ports/posix/efuse.h"
#include "ports/posix/exit.h"
#include "ports/posix/flash.h"
#include "ports/posix/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CHILD_FLASH_FD = 3,
	CHILD_PROGRAM_FD = 4,
};

typedef struct {
	const char *path;
	char *label;
	int flash_fd; /* -1 = off for good */
	guint8 mac[WIRE_MAC_BYTES];
	pid_t pid;          /* 0 = not running */
	gint64 start_at_us; /* when to start it next; 0 = not */
	gint64 started_us;
	guint32 crash_wait_ms;
	const char *reset;
	gboolean failed;
} Device;

typedef struct {
	GPtrArray *devices;
	gboolean quiet;
	gboolean stopping;
	gint64 kill_at_us;
	BaseFd signals;
} Supervisor;

static void say(const Supervisor *supervisor, const Device *device, CoreLogLevel level,
		const char *message)
{
	if (!supervisor->quiet || level < CORE_LOG_INFO)
		posix_log(device->label, level, message);
}

static void device_free(gpointer data)
{
	Device *device = data;

	if (device->flash_fd >= 0)
		close(device->flash_fd);
	g_free(device->label);
	g_free(device);
}

/* ---- Switching on ---- */

/* The device's name out of its configuration, else the file's: the same prefix for all its lines.
 */
static char *label_of(const PosixFlash *flash, const char *path)
{
	g_autoptr(EspNvsContents) config = posix_flash_config(flash, NULL);
	const EspNvsEntry *name =
		config == NULL ? NULL
			       : esp_nvs_find(config, WIRE_NVS_ESPALIER, WIRE_NVS_ESPALIER_NAME);

	if (name != NULL && name->type == ESP_NVS_STRING)
		return g_strdup(name->value.text);
	return g_path_get_basename(path);
}

static void complain(const char *message, gpointer user_data)
{
	const Device *device = user_data;

	posix_log(device->label, CORE_LOG_WARNING, message);
}

/* In the child: only calls that are safe after fork. Whoever kills the power supply cuts the power.
 */
static G_NORETURN void become_firmware(const Device *device, int program_fd, char *const *argv,
				       pid_t parent)
{
	static char *const environment[] = {NULL};
	int flash_fd = fcntl(device->flash_fd, F_DUPFD, CHILD_PROGRAM_FD + 1);
	int program = fcntl(program_fd, F_DUPFD, CHILD_PROGRAM_FD + 1);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent || flash_fd < 0 ||
	    program < 0 || dup2(flash_fd, CHILD_FLASH_FD) < 0 ||
	    dup3(program, CHILD_PROGRAM_FD, O_CLOEXEC) < 0)
		_exit(1);
	close(flash_fd);
	close(program);
	fexecve(CHILD_PROGRAM_FD, argv, environment);
	_exit(1);
}

static gboolean spawn(const Supervisor *supervisor, Device *device, const PosixBoot *boot,
		      GError **error)
{
	char mac[WIRE_MAC_CHARS + 1];
	g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
	pid_t parent = getpid();
	pid_t pid;

	wire_mac_format(device->mac, mac);
	g_ptr_array_add(argv, g_strdup("espalier-host-firmware"));
	g_ptr_array_add(argv, g_strdup_printf("--flash-fd=%d", CHILD_FLASH_FD));
	g_ptr_array_add(argv, g_strconcat("--label=", device->label, NULL));
	g_ptr_array_add(argv, g_strconcat("--slot=", boot->slot, NULL));
	g_ptr_array_add(argv, g_strconcat("--firmware-version=", boot->version, NULL));
	g_ptr_array_add(argv, g_strconcat("--firmware-sha256=", boot->sha256, NULL));
	g_ptr_array_add(argv, g_strconcat("--mac=", mac, NULL));
	g_ptr_array_add(argv, g_strconcat("--reset=", device->reset, NULL));
	if (supervisor->quiet)
		g_ptr_array_add(argv, g_strdup("--quiet"));
	g_ptr_array_add(argv, NULL);
	pid = fork();
	if (pid < 0)
		return base_error_set_errno(error, errno, "starting the firmware");
	if (pid == 0)
		become_firmware(device, boot->program_fd, (char *const *)argv->pdata, parent);
	device->pid = pid;
	device->started_us = base_clock_monotonic_us();
	return TRUE;
}

/* Power on or reset: what a chip does from its first instruction on. */
static gboolean boot_device(const Supervisor *supervisor, Device *device, GError **error)
{
	g_autoptr(PosixFlash) flash = posix_flash_new(device->flash_fd, device->path, error);
	PosixBoot boot;
	gboolean started;

	device->start_at_us = 0;
	if (flash == NULL)
		return FALSE;
	g_free(device->label);
	device->label = label_of(flash, device->path);
	if (!posix_boot_load(flash, &boot, complain, device, error))
		return FALSE;
	started = spawn(supervisor, device, &boot, error);
	close(boot.program_fd);
	return started;
}

static void switch_off(Device *device, gboolean failed)
{
	device->failed = failed;
	device->start_at_us = 0;
	if (device->flash_fd >= 0)
		close(device->flash_fd);
	device->flash_fd = -1;
}

static void start(const Supervisor *supervisor, Device *device)
{
	g_autoptr(GError) error = NULL;

	if (boot_device(supervisor, device, &error))
		return;
	say(supervisor, device, CORE_LOG_ERROR, error->message);
	switch_off(device, TRUE);
}

static Device *plug_in(const Supervisor *supervisor, const char *path)
{
	Device *device = g_new0(Device, 1);
	g_autoptr(GError) error = NULL;
	gboolean fixed_mode = FALSE;

	device->path = path;
	device->label = g_path_get_basename(path);
	device->reset = WIRE_RESET_POWER_ON;
	device->flash_fd = posix_flash_open(path, &fixed_mode, &error);
	if (device->flash_fd < 0 || !posix_efuse_mac(path, device->mac, &error)) {
		say(supervisor, device, CORE_LOG_ERROR, error->message);
		switch_off(device, TRUE);
		return device;
	}
	if (fixed_mode)
		say(supervisor, device, CORE_LOG_WARNING,
		    "others could read the flash file, which holds a password; its mode is now "
		    "0600");
	start(supervisor, device);
	return device;
}

/* ---- What comes back from a device ---- */

static void on_crash(const Supervisor *supervisor, Device *device, int status)
{
	gint64 now_us = base_clock_monotonic_us();
	g_autofree char *message = NULL;

	if (now_us - device->started_us >= POSIX_CRASH_FORGET_MS * G_GINT64_CONSTANT(1000))
		device->crash_wait_ms = 0;
	device->crash_wait_ms = device->crash_wait_ms == 0
					? POSIX_CRASH_WAIT_FIRST_MS
					: MIN(device->crash_wait_ms * 2, POSIX_CRASH_WAIT_MAX_MS);
	message = g_strdup_printf("the firmware died (%s %d); resetting in %u ms",
				  WIFSIGNALED(status) ? "signal" : "status",
				  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
				  device->crash_wait_ms);
	say(supervisor, device, CORE_LOG_WARNING, message);
	device->reset = WIRE_RESET_PANIC;
	device->start_at_us = now_us + device->crash_wait_ms * G_GINT64_CONSTANT(1000);
}

static void on_exit_of(const Supervisor *supervisor, Device *device, int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	device->pid = 0;
	if (code == POSIX_EXIT_OFF || code == POSIX_EXIT_HALTED || supervisor->stopping) {
		switch_off(device, code == POSIX_EXIT_HALTED);
	} else if (code == POSIX_EXIT_RESTART) {
		device->reset = WIRE_RESET_SOFTWARE;
		start(supervisor, device);
	} else {
		on_crash(supervisor, device, status);
	}
}

/* Children are asked for by id: whoever links this may have others. */
static void reap(const Supervisor *supervisor)
{
	for (guint i = 0; i < supervisor->devices->len; i++) {
		Device *device = supervisor->devices->pdata[i];
		int status;

		if (device->pid != 0 && waitpid(device->pid, &status, WNOHANG) == device->pid)
			on_exit_of(supervisor, device, status);
	}
}

/* ---- Switching off ---- */

static void signal_all(const Supervisor *supervisor, int number)
{
	for (guint i = 0; i < supervisor->devices->len; i++) {
		const Device *device = supervisor->devices->pdata[i];

		if (device->pid != 0)
			kill(device->pid, number);
	}
}

/* The first signal switches off cleanly, a second one at once. */
static void on_signal(Supervisor *supervisor)
{
	if (supervisor->stopping) {
		signal_all(supervisor, SIGKILL);
		return;
	}
	supervisor->stopping = TRUE;
	supervisor->kill_at_us =
		base_clock_monotonic_us() + POSIX_STOP_TIMEOUT_MS * G_GINT64_CONSTANT(1000);
	for (guint i = 0; i < supervisor->devices->len; i++) {
		Device *device = supervisor->devices->pdata[i];

		if (device->pid == 0)
			switch_off(device, device->failed);
	}
	signal_all(supervisor, SIGTERM);
}

/* ---- The loop ---- */

static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* Devices stay on when nobody reads their log any more. */
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static gboolean any_is_on(const Supervisor *supervisor)
{
	for (guint i = 0; i < supervisor->devices->len; i++)
		if (((const Device *)supervisor->devices->pdata[i])->flash_fd >= 0)
			return TRUE;
	return FALSE;
}

/* Starts what is due. Returns when to look again, or -1 for not before a signal. */
static int handle_time(const Supervisor *supervisor)
{
	gint64 now_us = base_clock_monotonic_us();
	gint64 next_us = supervisor->stopping ? supervisor->kill_at_us : G_MAXINT64;

	if (supervisor->stopping && now_us >= supervisor->kill_at_us)
		signal_all(supervisor, SIGKILL);
	for (guint i = 0; i < supervisor->devices->len; i++) {
		Device *device = supervisor->devices->pdata[i];

		if (device->start_at_us != 0 && now_us >= device->start_at_us)
			start(supervisor, device);
		if (device->start_at_us != 0)
			next_us = MIN(next_us, device->start_at_us);
	}
	if (next_us == G_MAXINT64)
		return -1;
	return (int)CLAMP((next_us - now_us) / 1000 + 1, 1, G_MAXINT);
}

static void read_signals(Supervisor *supervisor)
{
	struct signalfd_siginfo info;

	while (read(supervisor->signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
		if (info.ssi_signo != SIGCHLD)
			on_signal(supervisor);
	reap(supervisor);
}

static guint count_failed(const Supervisor *supervisor)
{
	guint n_failed = 0;

	for (guint i = 0; i < supervisor->devices->len; i++)
		n_failed += ((const Device *)supervisor->devices->pdata[i])->failed ? 1 : 0;
	return n_failed;
}

guint posix_supervise(const char *const *paths, gboolean quiet)
{
	g_autoptr(GPtrArray) devices = g_ptr_array_new_with_free_func(device_free);
	Supervisor supervisor = {.devices = devices, .quiet = quiet, .signals = take_signals()};

	for (; *paths != NULL; paths++)
		g_ptr_array_add(devices, plug_in(&supervisor, *paths));
	while (any_is_on(&supervisor)) {
		struct pollfd poller = {supervisor.signals, POLLIN, 0};
		int timeout_ms = handle_time(&supervisor);

		if (poll(&poller, 1, timeout_ms) > 0)
			read_signals(&supervisor);
	}
	base_fd_close(&supervisor.signals);
	return count_failed(&supervisor);
}
