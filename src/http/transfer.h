/* http/transfer.h — what http/client.c and http/client_loop.c share: one request on one curl
 * handle. Not for other rooms. */
#pragma once

#include "http/client.h"

#include <curl/curl.h>
#include <glib.h>

/* One request in flight. It does not move in memory while it is prepared. */
typedef struct HttpTransfer HttpTransfer;
struct HttpTransfer {
	HttpClient *client;
	CURL *easy;
	char *what;                 /* "GET https://127.0.0.1:6443/api/v1", for messages */
	struct curl_slist *headers; /* holds the Authorization header: wiped when freed */
	struct curl_slist *connect_to;
	GBytes *request_body;
	int upload_fd;
	gboolean with_token; /* a bearer token was sent */
	gsize max_body_bytes;
	/* Takes the bytes of a 2xx answer; NULL: they are collected. */
	gboolean (*sink)(HttpTransfer *transfer, const guint8 *data, gsize size_bytes);
	gpointer sink_data;
	GByteArray *collected;
	GPtrArray *response_headers;
	GError *fault; /* why a callback refused to go on */
	char curl_message[CURL_ERROR_SIZE];
};

/* Sets `easy` up for `request`. FALSE with HTTP_CLIENT_ERROR_INVALID, or _SINK if the file of
 * body_path cannot be read. Clear it in any case. */
gboolean http_transfer_prepare(HttpTransfer *transfer, HttpClient *client, CURL *easy,
			       const HttpRequest *request, GError **error);

/* The answer after curl said CURLE_OK, yours. */
HttpResponse *http_transfer_response(HttpTransfer *transfer);

/* The error of any other code. Always returns FALSE. */
gboolean http_transfer_fail(HttpTransfer *transfer, CURLcode code, GError **error);

/* Frees all but `easy`. */
void http_transfer_clear(HttpTransfer *transfer);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(HttpTransfer, http_transfer_clear)

/* curl_global_init, once. */
void http_curl_init(void);

/* The options as they were copied, and the token to send now, yours (NULL for none). */
const HttpClientOptions *http_client_options(HttpClient *client);
char *http_client_token(HttpClient *client);
