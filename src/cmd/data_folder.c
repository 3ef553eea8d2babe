#include "cmd/data_folder.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PORTS_FILE_MAX_BYTES = 4096,
	PID_FILE_MAX_BYTES = 32,
	FREE_PORT_FIRST = 15000,
	FREE_PORT_COUNT =
		32768 - FREE_PORT_FIRST, /* Linux gives outgoing connections ports from 32768 */
	FREE_PORT_TRIES = 64,
};

/* One row a listener: its name in ports.json, its option, the port people expect, where it is kept.
 */
static const struct {
	const char *name;
	const char *option;
	guint16 usual;
	gsize port_offset;
	gsize wish_offset;
} listeners[] = {
	{"api", "--port", 6443, G_STRUCT_OFFSET(CmdPorts, api),
	 G_STRUCT_OFFSET(CmdPortWishes, api)},
	{"broker", "--broker-port", 8883, G_STRUCT_OFFSET(CmdPorts, broker),
	 G_STRUCT_OFFSET(CmdPortWishes, broker)},
	{"artefacts", "--artefact-port", 8443, G_STRUCT_OFFSET(CmdPorts, artefacts),
	 G_STRUCT_OFFSET(CmdPortWishes, artefacts)},
};

char *cmd_data_folder(const char *option)
{
	if (option != NULL)
		return g_canonicalize_filename(option, NULL);
	return g_build_filename(g_get_user_state_dir(), "espalier", NULL);
}

char *cmd_data_path(const char *folder, const char *name)
{
	return g_build_filename(folder, name, NULL);
}

static guint16 *port_of(CmdPorts *ports, gsize row)
{
	return (guint16 *)(void *)((char *)ports + listeners[row].port_offset);
}

static int wish_of(const CmdPortWishes *wishes, gsize row)
{
	return *(const int *)(const void *)((const char *)wishes + listeners[row].wish_offset);
}

/* Binds `port` (0 = any) for a moment. Returns the port it got, or 0 with errno. */
static guint16 try_port(const char *address, guint16 port)
{
	g_auto(BaseFd) fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t length = sizeof where;
	int on = 1;

	if (inet_pton(AF_INET, address, &where.sin_addr) != 1) {
		errno = EADDRNOTAVAIL;
		return 0;
	}
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
	    bind(fd, (struct sockaddr *)&where, sizeof where) != 0 || listen(fd, 1) != 0 ||
	    getsockname(fd, (struct sockaddr *)&where, &length) != 0)
		return 0;
	return ntohs(where.sin_port);
}

/* A port that nothing listens on, below the range from which the kernel takes the ports of outgoing
 * connections: one of those could sit on a kept port when it is wanted again. 0 with errno if there
 * is none. */
static guint16 try_free_port(const char *address)
{
	for (int i = 0; i < FREE_PORT_TRIES; i++) {
		guint16 nonce, port;

		base_random_bytes(&nonce, sizeof nonce);
		port = try_port(address, (guint16)(FREE_PORT_FIRST + nonce % FREE_PORT_COUNT));
		if (port != 0)
			return port;
	}
	return try_port(address, 0);
}

gboolean cmd_ports_load(const char *folder, CmdPorts *ports, GError **error)
{
	g_autofree char *path = cmd_data_path(folder, "ports.json");
	g_autoptr(GBytes) text = base_file_read(path, PORTS_FILE_MAX_BYTES, error);
	g_autoptr(json_t) all = NULL;
	CmdPorts loaded = {0};

	if (text == NULL)
		return FALSE;
	all = base_json_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), error);
	if (all == NULL) {
		g_prefix_error(error, "%s: ", path);
		return FALSE;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(listeners); i++) {
		gint64 port = base_json_get_int(all, 0, listeners[i].name, NULL);

		if (port < 0 || port > G_MAXUINT16) {
			g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "%s: '%s' is not a port",
				    path, listeners[i].name);
			return FALSE;
		}
		*port_of(&loaded, i) = (guint16)port;
	}
	*ports = loaded;
	return TRUE;
}

static gboolean save(const char *folder, CmdPorts *ports, GError **error)
{
	g_autofree char *path = cmd_data_path(folder, "ports.json");
	g_autoptr(json_t) all = json_object();
	g_autofree char *text = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(listeners); i++)
		json_object_set_new(all, listeners[i].name, json_integer(*port_of(ports, i)));
	text = base_json_dump(all, NULL);
	return base_file_update(path, text, strlen(text), 0600, NULL, error);
}

static gboolean choose_one(const char *address, gsize row, int wish, guint16 *port, GError **error)
{
	guint16 got;

	/* A kept port is its listener's to take, which says so if somebody else has it. */
	if (*port != 0 && (wish <= 0 || wish == *port))
		return TRUE;
	if (wish > 0) {
		got = try_port(address, (guint16)wish);
	} else {
		got = wish == 0 ? 0 : try_port(address, listeners[row].usual);
		if (got == 0)
			got = try_free_port(address);
	}
	if (got != 0) {
		*port = got;
		return TRUE;
	}
	if (errno == EADDRNOTAVAIL)
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "cannot listen on %s: it is no IPv4 address of this machine; give one "
			    "with --listen",
			    address);
	else
		g_set_error(error, BASE_ERROR, BASE_ERROR_BUSY,
			    "port %d of %s is taken: choose another with %s, or 0 for a free one",
			    wish, address, listeners[row].option);
	return FALSE;
}

/* Devices are told the address, so it must be one that leads here. */
static gboolean check_address(const char *address, GError **error)
{
	struct in_addr parsed;

	if (inet_pton(AF_INET, address, &parsed) != 1 || parsed.s_addr != htonl(INADDR_ANY))
		return TRUE;
	g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
		    "%s stands for every address, but --listen is also what devices are told: "
		    "give the one of this machine that they can reach",
		    address);
	return FALSE;
}

static gboolean check_distinct(CmdPorts *ports, GError **error)
{
	for (gsize i = 0; i < G_N_ELEMENTS(listeners); i++)
		for (gsize j = 0; j < i; j++)
			if (*port_of(ports, i) == *port_of(ports, j)) {
				g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
					    "port %u is asked for twice, by %s and %s (ports once "
					    "chosen are kept in ports.json): give each its own",
					    *port_of(ports, i), listeners[j].option,
					    listeners[i].option);
				return FALSE;
			}
	return TRUE;
}

gboolean cmd_ports_choose(const char *folder, const char *address, const CmdPortWishes *wishes,
			  CmdPorts *ports, GError **error)
{
	CmdPorts chosen = {0};
	g_autoptr(GError) load_error = NULL;

	if (!cmd_ports_load(folder, &chosen, &load_error) &&
	    !g_error_matches(load_error, BASE_ERROR, BASE_ERROR_NOT_FOUND)) {
		g_propagate_error(error, g_steal_pointer(&load_error));
		return FALSE;
	}
	if (!check_address(address, error))
		return FALSE;
	for (gsize i = 0; i < G_N_ELEMENTS(listeners); i++)
		if (!choose_one(address, i, wish_of(wishes, i), port_of(&chosen, i), error))
			return FALSE;
	if (!check_distinct(&chosen, error))
		return FALSE;
	if (!save(folder, &chosen, error))
		return FALSE;
	*ports = chosen;
	return TRUE;
}

/* TRUE if process `pid` holds a flock on the file of that inode, as /proc/locks tells; also where
 * there is no such file. Right after a lock changed hands the file with the process id may still be
 * its former owner's, whose id may be anybody's by now. */
static gboolean holds_lock(int pid, ino_t inode)
{
	g_autofree char *locks = NULL;
	g_autofree char *owner = g_strdup_printf(" %d ", pid);
	g_autofree char *file = g_strdup_printf(":%" G_GUINT64_FORMAT " ", (guint64)inode);
	g_auto(GStrv) lines = NULL;

	if (!g_file_get_contents("/proc/locks", &locks, NULL, NULL))
		return TRUE;
	lines = g_strsplit(locks, "\n", -1);
	for (char **line = lines; *line != NULL; line++)
		if (strstr(*line, "FLOCK") != NULL && strstr(*line, owner) != NULL &&
		    strstr(*line, file) != NULL)
			return TRUE;
	return FALSE;
}

int cmd_data_folder_owner(const char *folder)
{
	g_autofree char *lock_path = cmd_data_path(folder, "lock");
	g_autofree char *pid_path = cmd_data_path(folder, "pid");
	g_auto(BaseFd) fd = open(lock_path, O_RDWR | O_CLOEXEC);
	g_autoptr(GBytes) pid = NULL;
	g_autofree char *text = NULL;
	struct stat status;
	int owner;

	/* The lock is the truth; the file with the process id may be left over. */
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	pid = base_file_read(pid_path, PID_FILE_MAX_BYTES, NULL);
	if (pid == NULL)
		return 0;
	text = g_strndup(g_bytes_get_data(pid, NULL), g_bytes_get_size(pid));
	owner = (int)g_ascii_strtoll(text, NULL, 10);
	return fstat(fd, &status) == 0 && holds_lock(owner, status.st_ino) ? owner : 0;
}
