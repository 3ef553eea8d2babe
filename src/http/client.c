#include "http/client.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "http/transfer.h"

#include <string.h>

enum { MAX_TOKEN_BYTES = 64 * 1024 };

struct HttpClient {
	HttpClientOptions options; /* strings are ours */
	GMutex lock;
	GPtrArray *idle; /* CURL *, each with its open connection */
	gint cancelled;
	char *token; /* of the file, as it was last read */
	gint64 token_read_us;
};

G_DEFINE_QUARK(espalier - http - client - error - quark, http_client_error)

static void free_easy(gpointer easy)
{
	curl_easy_cleanup(easy);
}

/* Every string of the options, to copy and to free them in one place. */
#define STRINGS(options)                                                                           \
	{                                                                                          \
		&(options)->base_url, &(options)->unix_socket, &(options)->ca_pem,                 \
			&(options)->ca_file, &(options)->client_certificate_pem,                   \
			&(options)->client_key_pem, &(options)->server_name,                       \
			&(options)->bearer_token, &(options)->bearer_token_file, &(options)->user, \
			&(options)->password, &(options)->proxy_url, &(options)->user_agent        \
	}

static gboolean check_options(const HttpClientOptions *options, GError **error)
{
	const char *url = options->base_url;

	if (url == NULL ||
	    !(g_str_has_prefix(url, "https://") || g_str_has_prefix(url, "http://"))) {
		g_set_error(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_INVALID,
			    "'%s' is not a URL: it has to look like https://host:port",
			    url != NULL ? url : "");
		return FALSE;
	}
	if ((options->client_certificate_pem == NULL) != (options->client_key_pem == NULL)) {
		g_set_error_literal(
			error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_INVALID,
			"a client certificate needs its key, and a key its certificate");
		return FALSE;
	}
	return TRUE;
}

HttpClient *http_client_new(const HttpClientOptions *options, GError **error)
{
	HttpClient *client;

	if (!check_options(options, error))
		return NULL;
	http_curl_init();
	client = g_new0(HttpClient, 1);
	client->options = *options;
	{
		const char **strings[] = STRINGS(&client->options);

		for (gsize i = 0; i < G_N_ELEMENTS(strings); i++)
			*strings[i] = g_strdup(*strings[i]);
	}
	if (client->options.user_agent == NULL)
		client->options.user_agent = g_strdup("espalier/" ESPALIER_VERSION);
	if (client->options.max_idle == 0)
		client->options.max_idle = HTTP_CLIENT_MAX_IDLE;
	/* "https://host/" and "https://host" are the same server. */
	while (g_str_has_suffix(client->options.base_url, "/"))
		((char *)client->options.base_url)[strlen(client->options.base_url) - 1] = '\0';
	g_mutex_init(&client->lock);
	client->idle = g_ptr_array_new_with_free_func(free_easy);
	return client;
}

void http_client_cancel(HttpClient *client)
{
	g_atomic_int_set(&client->cancelled, 1);
}

gboolean http_client_is_cancelled(HttpClient *client)
{
	return g_atomic_int_get(&client->cancelled) != 0;
}

void http_client_free(HttpClient *client)
{
	if (client == NULL)
		return;
	g_ptr_array_unref(client->idle);
	base_secret_free(client->token);
	{
		const char **strings[] = STRINGS(&client->options);

		for (gsize i = 0; i < G_N_ELEMENTS(strings); i++)
			base_secret_free((char *)*strings[i]);
	}
	g_mutex_clear(&client->lock);
	g_free(client);
}

const HttpClientOptions *http_client_options(HttpClient *client)
{
	return &client->options;
}

/* Bound tokens are exchanged under us about once an hour. A file that cannot be read at the moment
 * leaves the last token in use. Holds the lock. */
static void read_token(HttpClient *client)
{
	g_autoptr(GBytes) bytes =
		base_file_read(client->options.bearer_token_file, MAX_TOKEN_BYTES, NULL);
	gsize size_bytes = 0;
	const char *text;

	client->token_read_us = base_clock_monotonic_us();
	if (bytes == NULL)
		return;
	text = g_bytes_get_data(bytes, &size_bytes);
	base_secret_free(client->token);
	client->token = g_strstrip(g_strndup(text != NULL ? text : "", size_bytes));
}

char *http_client_token(HttpClient *client)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&client->lock);
	gint64 age_us = base_clock_monotonic_us() - client->token_read_us;

	if (client->options.bearer_token_file == NULL)
		return g_strdup(client->options.bearer_token);
	if (client->token == NULL || age_us >= (gint64)HTTP_CLIENT_TOKEN_REREAD_S * G_USEC_PER_SEC)
		read_token(client);
	return g_strdup(client->token != NULL ? client->token : client->options.bearer_token);
}

/* Reads the token again after a 401; TRUE if it is another one. */
static gboolean token_has_changed(HttpClient *client)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&client->lock);
	char *before;
	gboolean changed;

	if (client->options.bearer_token_file == NULL)
		return FALSE;
	before = g_strdup(client->token);
	read_token(client);
	changed = g_strcmp0(before, client->token) != 0;
	base_secret_free(before);
	return changed;
}

static CURL *take_easy(HttpClient *client)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&client->lock);
	CURL *easy;

	/* The one used last: its connection is the least likely to have been closed. */
	if (client->idle->len > 0)
		return g_ptr_array_steal_index(client->idle, client->idle->len - 1);
	easy = curl_easy_init();
	/* curl_easy_init fails only where memory is out. */
	g_assert(easy != NULL);
	return easy;
}

static void give_easy(HttpClient *client, CURL *easy)
{
	g_mutex_lock(&client->lock);
	if (client->idle->len < client->options.max_idle) {
		/* Keeps connections and TLS sessions, forgets all options. */
		curl_easy_reset(easy);
		g_ptr_array_add(client->idle, g_steal_pointer(&easy));
	}
	g_mutex_unlock(&client->lock);
	if (easy != NULL)
		curl_easy_cleanup(easy);
}

typedef struct {
	HttpDataFunc on_data;
	gpointer user_data;
} DataSink;

static gboolean hand_out(HttpTransfer *transfer, const guint8 *data, gsize size_bytes)
{
	const DataSink *sink = transfer->sink_data;

	if (sink->on_data(data, size_bytes, sink->user_data))
		return TRUE;
	g_set_error(&transfer->fault, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_SINK,
		    "%s: the answer was not taken to its end", transfer->what);
	return FALSE;
}

static HttpResponse *send_once(HttpClient *client, CURL *easy, const HttpRequest *request,
			       gboolean *with_token, GError **error)
{
	g_auto(HttpTransfer) transfer = {0};
	DataSink sink = {request->on_data, request->user_data};
	CURLcode code;

	if (!http_transfer_prepare(&transfer, client, easy, request, error))
		return NULL;
	if (request->on_data != NULL) {
		transfer.sink = hand_out;
		transfer.sink_data = &sink;
	}
	if (request->timeout_ms == 0)
		curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)HTTP_CLIENT_TIMEOUT_MS);
	code = curl_easy_perform(easy);
	*with_token = transfer.with_token;
	if (code != CURLE_OK) {
		http_transfer_fail(&transfer, code, error);
		return NULL;
	}
	return http_transfer_response(&transfer);
}

HttpResponse *http_client_send(HttpClient *client, const HttpRequest *request, GError **error)
{
	g_autoptr(HttpResponse) response = NULL;
	gboolean with_token = FALSE;
	CURL *easy;

	if (http_client_is_cancelled(client)) {
		g_set_error(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_CANCELLED, "%s: cancelled",
			    request->path);
		return NULL;
	}
	easy = take_easy(client);
	response = send_once(client, easy, request, &with_token, error);
	if (response != NULL && response->status == 401 && with_token &&
	    token_has_changed(client)) {
		g_clear_pointer(&response, http_response_free);
		curl_easy_reset(easy);
		response = send_once(client, easy, request, &with_token, error);
	}
	give_easy(client, easy);
	return g_steal_pointer(&response);
}

const char *http_response_header(const HttpResponse *response, const char *name)
{
	gsize length = strlen(name);

	for (guint i = 0; i < response->headers->len; i++) {
		const char *line = response->headers->pdata[i];

		if (g_ascii_strncasecmp(line, name, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	}
	return NULL;
}

gint64 http_response_retry_after_s(const HttpResponse *response)
{
	const char *value = http_response_header(response, "Retry-After");
	guint64 seconds = 1;

	if (value == NULL)
		return -1;
	if (!g_ascii_string_to_unsigned(value, 10, 0, 24 * 60 * 60, &seconds, NULL))
		return 1;
	return (gint64)seconds;
}

void http_response_free(HttpResponse *response)
{
	if (response == NULL)
		return;
	g_ptr_array_unref(response->headers);
	g_bytes_unref(response->body);
	g_free(response);
}

char *http_escape(const char *text)
{
	return g_uri_escape_string(text, NULL, FALSE);
}
