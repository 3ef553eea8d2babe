#include "broker/local_files.h"

enum {
	/* For one client; its bytes are the limit that matters. Not 0, "no limit": mosquitto 2.0.11
	 * then ends the connection of whoever publishes where he may not. */
	QUEUED_MESSAGES_MAX = 1000 * 1000,
};

char *local_config_text(const char *address, guint16 port, const char *user)
{
	GString *text = g_string_new("# Written by espalier at each start; changes are lost.\n");

	if (user != NULL)
		g_string_append_printf(text, "user %s\n", user);
	g_string_append_printf(text,
			       "pid_file " LOCAL_FILE_PID "\n"
			       "log_dest file " LOCAL_FILE_LOG "\n"
			       "log_type error\n"
			       "log_type warning\n"
			       "log_type notice\n"
			       "log_type information\n"
			       "log_timestamp_format %%Y-%%m-%%dT%%H:%%M:%%S\n"
			       "persistence true\n"
			       "persistence_location ./\n"
			       "persistence_file " LOCAL_FILE_RETAINED "\n"
			       "autosave_interval 300\n"
			       "persistent_client_expiration 1d\n"
			       "sys_interval 0\n"
			       "allow_anonymous false\n"
			       "password_file " LOCAL_FILE_PASSWORDS "\n"
			       "acl_file " LOCAL_FILE_RIGHTS "\n"
			       "max_packet_size %d\n"
			       "max_inflight_messages 100\n"
			       "max_queued_messages %d\n"
			       "max_queued_bytes 67108864\n"
			       "set_tcp_nodelay true\n"
			       "\n"
			       "listener 0 " LOCAL_FILE_CONTROL "\n"
			       "use_username_as_clientid true\n"
			       "\n"
			       "listener %u %s\n"
			       "use_username_as_clientid true\n"
			       "max_connections %d\n"
			       "certfile " LOCAL_FILE_CERTIFICATE "\n"
			       "keyfile " LOCAL_FILE_KEY "\n"
			       "tls_version tlsv1.2\n",
			       BROKER_LOCAL_MAX_PACKET_BYTES, QUEUED_MESSAGES_MAX, port, address,
			       BROKER_LOCAL_MAX_CONNECTIONS);
	return g_string_free(text, FALSE);
}

static void add_server(GString *text, const char *root)
{
	g_string_append_printf(text,
			       "user " BROKER_SERVER_USER "\n"
			       "topic readwrite %s/#\n"
			       "topic readwrite fleet/1/#\n",
			       root);
}

/* Patterns hold for everybody, also for people: what they grant below a reader's own name is taken
 * back. */
static void add_reader(GString *text, const char *root, const char *reader)
{
	g_string_append_printf(text,
			       "user %s\n"
			       "topic deny %s/5/%s/#\n"
			       "topic deny fleet/1/%s/#\n"
			       "topic read %s/5/#\n",
			       reader, root, reader, reader, root);
}

static void add_devices(GString *text, const char *root)
{
	g_string_append_printf(text,
			       "pattern readwrite %s/5/%%u/#\n"
			       "pattern read %s/5/$broadcast/#\n"
			       "pattern write fleet/1/%%u/info\n"
			       "pattern write fleet/1/%%u/ack\n"
			       "pattern write fleet/1/%%u/online\n"
			       "pattern read fleet/1/%%u/cmd\n"
			       "pattern readwrite fleet/1/%%u/ota/#\n",
			       root, root);
}

char *local_rights_text(const char *root, const char *const *readers)
{
	GString *text = g_string_new("# Written by espalier; changes are lost.\n");

	if (root == NULL)
		return g_string_free(text, FALSE);
	add_server(text, root);
	for (; *readers != NULL; readers++)
		add_reader(text, root, *readers);
	add_devices(text, root);
	return g_string_free(text, FALSE);
}
