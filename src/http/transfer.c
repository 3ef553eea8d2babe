#include "http/transfer.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	KEEPALIVE_IDLE_S = 30,
	KEEPALIVE_INTERVAL_S = 10,
	KEEPALIVE_PROBES = 3,
	UPLOAD_BUFFER_BYTES =
		16 * 1024, /* curl's smallest; its default of 64 KiB is kept a handle */
	MAX_HEADER_BYTES = 8 * 1024,
};

void http_curl_init(void)
{
	static gsize once;

	if (g_once_init_enter(&once)) {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		g_once_init_leave(&once, 1);
	}
}

static gboolean is_success(HttpTransfer *transfer)
{
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status < 300;
}

static gboolean collect(HttpTransfer *transfer, const guint8 *data, gsize size_bytes)
{
	if (size_bytes > transfer->max_body_bytes - transfer->collected->len) {
		g_set_error(&transfer->fault, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_TOO_LARGE,
			    "%s: the answer is larger than %" G_GSIZE_FORMAT " bytes",
			    transfer->what, transfer->max_body_bytes);
		return FALSE;
	}
	g_byte_array_append(transfer->collected, data, (guint)size_bytes);
	return TRUE;
}

static size_t on_body(char *data, size_t size, size_t count, void *user_data)
{
	HttpTransfer *transfer = user_data;
	gsize size_bytes = size * count;
	gboolean taken;

	if (transfer->sink != NULL && is_success(transfer))
		taken = transfer->sink(transfer, (const guint8 *)data, size_bytes);
	else
		taken = collect(transfer, (const guint8 *)data, size_bytes);
	/* Any other number than what was given makes curl stop. */
	return taken ? size_bytes : 0;
}

static size_t on_header(char *data, size_t size, size_t count, void *user_data)
{
	HttpTransfer *transfer = user_data;
	gsize size_bytes = size * count;
	g_autofree char *line = NULL;

	if (size_bytes >= 5 && memcmp(data, "HTTP/", 5) == 0) {
		g_ptr_array_set_size(transfer->response_headers, 0);
		return size_bytes;
	}
	if (transfer->response_headers->len >= HTTP_CLIENT_MAX_HEADERS ||
	    size_bytes > MAX_HEADER_BYTES)
		return size_bytes;
	line = g_strchomp(g_strndup(data, size_bytes));
	if (line[0] != '\0')
		g_ptr_array_add(transfer->response_headers, g_steal_pointer(&line));
	return size_bytes;
}

static size_t on_upload(char *buffer, size_t size, size_t count, void *user_data)
{
	HttpTransfer *transfer = user_data;
	gssize got;

	do
		got = read(transfer->upload_fd, buffer, size * count);
	while (got < 0 && errno == EINTR);
	return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

static int on_progress(void *user_data, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
		       curl_off_t up)
{
	HttpTransfer *transfer = user_data;

	(void)down_total, (void)down, (void)up_total, (void)up;
	return http_client_is_cancelled(transfer->client) ? 1 : 0;
}

/* curl sets idle time and interval, but not how many probes may stay unanswered. */
static int on_socket(void *user_data, curl_socket_t fd, curlsocktype purpose)
{
	int probes = KEEPALIVE_PROBES;

	(void)user_data, (void)purpose;
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
	return CURL_SOCKOPT_OK;
}

static void add_header(HttpTransfer *transfer, const char *line)
{
	transfer->headers = curl_slist_append(transfer->headers, line);
}

static gboolean tells_secrets_safely(const HttpClientOptions *options)
{
	return options->unix_socket != NULL || g_str_has_prefix(options->base_url, "https://");
}

static void set_identity(HttpTransfer *transfer, const HttpClientOptions *options)
{
	char *token;

	if (!tells_secrets_safely(options))
		return;
	if (options->user != NULL) {
		curl_easy_setopt(transfer->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(transfer->easy, CURLOPT_USERNAME, options->user);
		curl_easy_setopt(transfer->easy, CURLOPT_PASSWORD,
				 options->password != NULL ? options->password : "");
	}
	token = http_client_token(transfer->client);
	if (token != NULL) {
		g_autofree char *line = g_strconcat("Authorization: Bearer ", token, NULL);

		add_header(transfer, line);
		transfer->with_token = TRUE;
		explicit_bzero(line, strlen(line));
		explicit_bzero(token, strlen(token));
		g_free(token);
	}
}

static void set_blob(CURL *easy, CURLoption option, const char *pem)
{
	struct curl_blob blob = {.data = (void *)pem, .len = strlen(pem), .flags = CURL_BLOB_COPY};

	curl_easy_setopt(easy, option, &blob);
}

static void set_tls(CURL *easy, const HttpClientOptions *options)
{
	if (options->ca_pem != NULL || options->ca_file != NULL) {
		/* The system's folder would be trusted besides. */
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
	}
	if (options->ca_pem != NULL)
		set_blob(easy, CURLOPT_CAINFO_BLOB, options->ca_pem);
	if (options->client_certificate_pem != NULL) {
		set_blob(easy, CURLOPT_SSLCERT_BLOB, options->client_certificate_pem);
		set_blob(easy, CURLOPT_SSLKEY_BLOB, options->client_key_pem);
	}
	if (options->insecure_skip_verify) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
}

/* Asks for another name than the one it connects to, as kubeconfig's tls-server-name wants. */
static gboolean set_url(HttpTransfer *transfer, const HttpClientOptions *options, const char *path,
			GError **error)
{
	g_autofree char *plain = g_strconcat(options->base_url, path, NULL);
	CURLU *url = curl_url();
	char *host = NULL, *port = NULL, *full = NULL;
	gboolean good;

	good = curl_url_set(url, CURLUPART_URL, plain, 0) == CURLUE_OK &&
	       curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	       curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
	if (good && options->server_name != NULL) {
		g_autofree char *there =
			g_strdup_printf("%s:%s:%s:%s", options->server_name, port, host, port);

		good = curl_url_set(url, CURLUPART_HOST, options->server_name, 0) == CURLUE_OK;
		transfer->connect_to = curl_slist_append(NULL, there);
		curl_easy_setopt(transfer->easy, CURLOPT_CONNECT_TO, transfer->connect_to);
	}
	good = good && curl_url_get(url, CURLUPART_URL, &full, 0) == CURLUE_OK;
	if (good)
		curl_easy_setopt(transfer->easy, CURLOPT_URL, full);
	else
		g_set_error(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_INVALID,
			    "'%s' is not a URL: it has to look like https://host:port", plain);
	curl_free(host);
	curl_free(port);
	curl_free(full);
	curl_url_cleanup(url);
	return good;
}

static void set_connection(CURL *easy, const HttpClientOptions *options)
{
	if (options->unix_socket != NULL)
		curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, options->unix_socket);
	/* An empty name also hides the variables http_proxy, https_proxy and ALL_PROXY. */
	curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy_url != NULL ? options->proxy_url : "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CLIENT_CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
	if (options->unix_socket == NULL)
		curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
}

static gboolean set_upload(HttpTransfer *transfer, const char *path, GError **error)
{
	struct stat info;

	transfer->upload_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (transfer->upload_fd < 0 || fstat(transfer->upload_fd, &info) != 0) {
		g_set_error(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_SINK, "%s: %s", path,
			    g_strerror(errno));
		return FALSE;
	}
	curl_easy_setopt(transfer->easy, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(transfer->easy, CURLOPT_READFUNCTION, on_upload);
	curl_easy_setopt(transfer->easy, CURLOPT_READDATA, transfer);
	curl_easy_setopt(transfer->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)info.st_size);
	return TRUE;
}

static gboolean set_body(HttpTransfer *transfer, const HttpRequest *request, const char *method,
			 GError **error)
{
	CURL *easy = transfer->easy;
	gsize size_bytes = 0;
	const void *data = "";

	if (request->body_path != NULL) {
		if (!set_upload(transfer, request->body_path, error))
			return FALSE;
	} else if (request->body != NULL || g_str_equal(method, "POST") ||
		   g_str_equal(method, "PUT")) {
		if (request->body != NULL) {
			transfer->request_body = g_bytes_ref(request->body);
			data = g_bytes_get_data(request->body, &size_bytes);
		}
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size_bytes);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, data != NULL ? data : "");
		/* No pause for a "100 Continue" before a short body. */
		add_header(transfer, "Expect:");
	} else if (g_str_equal(method, "HEAD")) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return TRUE;
	}
	curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
	return TRUE;
}

static void set_callbacks(HttpTransfer *transfer)
{
	CURL *easy = transfer->easy;

	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->curl_message);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER_BYTES);
}

/* The request without its query, which may be long. */
static char *name_of_request(const HttpClientOptions *options, const char *method, const char *path)
{
	int length = (int)strcspn(path, "?");

	if (options->unix_socket != NULL)
		return g_strdup_printf("%s %s%.*s", method, options->unix_socket, length, path);
	return g_strdup_printf("%s %s%.*s", method, options->base_url, length, path);
}

gboolean http_transfer_prepare(HttpTransfer *transfer, HttpClient *client, CURL *easy,
			       const HttpRequest *request, GError **error)
{
	const HttpClientOptions *options = http_client_options(client);
	const char *method = request->method != NULL ? request->method : "GET";

	*transfer = (HttpTransfer){
		.client = client,
		.easy = easy,
		.upload_fd = -1,
		.max_body_bytes = request->max_body_bytes != 0 ? request->max_body_bytes
							       : HTTP_CLIENT_MAX_BODY_BYTES,
		.collected = g_byte_array_new(),
		.response_headers = g_ptr_array_new_with_free_func(g_free),
		.what = name_of_request(options, method, request->path),
	};
	set_callbacks(transfer);
	set_connection(easy, options);
	set_tls(easy, options);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, options->user_agent);
	if (!set_url(transfer, options, request->path, error) ||
	    !set_body(transfer, request, method, error))
		return FALSE;
	for (gsize i = 0; request->headers != NULL && request->headers[i] != NULL; i++)
		add_header(transfer, request->headers[i]);
	set_identity(transfer, options);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	return TRUE;
}

HttpResponse *http_transfer_response(HttpTransfer *transfer)
{
	HttpResponse *response = g_new0(HttpResponse, 1);
	long status = 0;

	curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	response->status = (guint)status;
	response->headers = g_steal_pointer(&transfer->response_headers);
	response->body = g_byte_array_free_to_bytes(g_steal_pointer(&transfer->collected));
	return response;
}

/* curl's codes that a caller can act on differently. */
static HttpClientError code_of_curl(CURLcode code)
{
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_SSL_CERTPROBLEM:
		return HTTP_CLIENT_ERROR_INVALID;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return HTTP_CLIENT_ERROR_UNREACHABLE;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
		return HTTP_CLIENT_ERROR_TLS;
	case CURLE_OPERATION_TIMEDOUT:
		return HTTP_CLIENT_ERROR_TIMEOUT;
	case CURLE_ABORTED_BY_CALLBACK:
		return HTTP_CLIENT_ERROR_CANCELLED;
	default:
		return HTTP_CLIENT_ERROR_BROKEN;
	}
}

gboolean http_transfer_fail(HttpTransfer *transfer, CURLcode code, GError **error)
{
	const char *message = transfer->curl_message;

	if (transfer->fault != NULL) {
		g_propagate_error(error, g_steal_pointer(&transfer->fault));
		return FALSE;
	}
	if (http_client_is_cancelled(transfer->client)) {
		g_set_error(error, HTTP_CLIENT_ERROR, HTTP_CLIENT_ERROR_CANCELLED, "%s: cancelled",
			    transfer->what);
		return FALSE;
	}
	if (message[0] == '\0')
		message = curl_easy_strerror(code);
	g_set_error(error, HTTP_CLIENT_ERROR, (int)code_of_curl(code), "%s: %s", transfer->what,
		    message);
	return FALSE;
}

static void wipe_and_free(struct curl_slist *list)
{
	for (struct curl_slist *at = list; at != NULL; at = at->next)
		if (g_ascii_strncasecmp(at->data, "Authorization:", 14) == 0)
			explicit_bzero(at->data, strlen(at->data));
	curl_slist_free_all(list);
}

void http_transfer_clear(HttpTransfer *transfer)
{
	if (transfer->client == NULL)
		return;
	wipe_and_free(transfer->headers);
	curl_slist_free_all(transfer->connect_to);
	g_clear_pointer(&transfer->request_body, g_bytes_unref);
	g_clear_pointer(&transfer->collected, g_byte_array_unref);
	g_clear_pointer(&transfer->response_headers, g_ptr_array_unref);
	g_clear_error(&transfer->fault);
	g_free(transfer->what);
	base_fd_close(&transfer->upload_fd);
	*transfer = (HttpTransfer){.upload_fd = -1};
}
