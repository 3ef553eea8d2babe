#include "http/server_private.h"

#include "http/range.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void http_reply_header(HttpExchange *exchange, const char *name, const char *value)
{
	if (exchange->headers == NULL)
		exchange->headers = g_ptr_array_new_with_free_func(g_free);
	g_ptr_array_add(exchange->headers, g_strdup(name));
	g_ptr_array_add(exchange->headers, g_strdup(value));
}

void http_reply_finish(HttpExchange *exchange, guint status, const char *content_type,
		       struct MHD_Response *response, guint64 bytes)
{
	g_assert(response != NULL);
	if (content_type != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	for (guint i = 0; exchange->headers != NULL && i < exchange->headers->len; i += 2)
		MHD_add_response_header(response, exchange->headers->pdata[i],
					exchange->headers->pdata[i + 1]);
	http_exchange_answer(exchange, status, response, bytes);
}

static struct MHD_Response *empty_response(void)
{
	return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
}

static void release_bytes(void *bytes)
{
	g_bytes_unref(bytes);
}

void http_reply_bytes(HttpExchange *exchange, guint status, const char *content_type, GBytes *body)
{
	struct MHD_Response *response;
	gsize size = 0;
	const void *data = body != NULL ? g_bytes_get_data(body, &size) : NULL;

	if (size == 0)
		response = empty_response();
	else
		response = MHD_create_response_from_buffer_with_free_callback_cls(
			size, (void *)data, release_bytes, g_bytes_ref(body));
	http_reply_finish(exchange, status, content_type, response, size);
}

void http_reply_text(HttpExchange *exchange, guint status, const char *content_type,
		     const char *text)
{
	g_autoptr(GBytes) body = g_bytes_new(text, strlen(text));

	http_reply_bytes(exchange, status, content_type, body);
}

static void reply_empty(HttpExchange *exchange, guint status)
{
	http_reply_finish(exchange, status, NULL, empty_response(), 0);
}

/* The part that the request asks for; If-Range makes Range count only for the same version. */
static HttpRangeKind wanted_part(HttpExchange *exchange, const char *etag, guint64 size,
				 guint64 *first, guint64 *length)
{
	const char *if_range = http_exchange_header(exchange, MHD_HTTP_HEADER_IF_RANGE);

	if (strcmp(exchange->method, MHD_HTTP_METHOD_GET) != 0 ||
	    (if_range != NULL && strcmp(if_range, etag) != 0))
		return HTTP_RANGE_WHOLE;
	return http_range_parse(http_exchange_header(exchange, MHD_HTTP_HEADER_RANGE), size, first,
				length);
}

static void reply_part(HttpExchange *exchange, guint status, const char *content_type, int fd,
		       guint64 first, guint64 length)
{
	struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(length, fd, first);

	http_reply_finish(exchange, status, content_type, response, length);
}

void http_reply_file(HttpExchange *exchange, int fd, const char *content_type, const char *etag)
{
	struct stat status;
	guint64 size, first = 0, length;
	g_autofree char *range = NULL;

	http_reply_header(exchange, MHD_HTTP_HEADER_ETAG, etag);
	http_reply_header(exchange, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
	if (http_etag_matches(http_exchange_header(exchange, MHD_HTTP_HEADER_IF_NONE_MATCH),
			      etag)) {
		close(fd);
		reply_empty(exchange, MHD_HTTP_NOT_MODIFIED);
		return;
	}
	if (fstat(fd, &status) != 0) {
		close(fd);
		reply_empty(exchange, MHD_HTTP_INTERNAL_SERVER_ERROR);
		return;
	}
	size = length = (guint64)status.st_size;
	switch (wanted_part(exchange, etag, size, &first, &length)) {
	case HTTP_RANGE_WHOLE:
		reply_part(exchange, MHD_HTTP_OK, content_type, fd, 0, size);
		return;
	case HTTP_RANGE_PART:
		range = g_strdup_printf("bytes %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT
					"/%" G_GUINT64_FORMAT,
					first, first + length - 1, size);
		http_reply_header(exchange, MHD_HTTP_HEADER_CONTENT_RANGE, range);
		reply_part(exchange, MHD_HTTP_PARTIAL_CONTENT, content_type, fd, first, length);
		return;
	case HTTP_RANGE_UNSATISFIABLE:
		break;
	}
	close(fd);
	range = g_strdup_printf("bytes */%" G_GUINT64_FORMAT, size);
	http_reply_header(exchange, MHD_HTTP_HEADER_CONTENT_RANGE, range);
	reply_empty(exchange, MHD_HTTP_RANGE_NOT_SATISFIABLE);
}
