#include "artefact/server.h"

#include "artefact/bundle.h"
#include "artefact/login_limit.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "http/auth.h"
#include "http/range.h"

#include <string.h>
#include <unistd.h>

#define JSON_TYPE "application/json"
#define CURRENT "current"
#define CACHE_FOR_EVER "private, max-age=31536000, immutable"

struct ArtefactServer {
	ArtefactServerCallbacks callbacks;
	gpointer user_data;
	ArtefactLoginLimit *logins;
	HttpServer *http;
};

/* What the path asks for. */
typedef struct {
	GStrv parts;
	const char *space;
	const char *device;     /* of /v1/<ns>/devices/<name>/config.bin, or NULL */
	const char *class_name; /* of /v1/<ns>/classes/<class>/<hash>/<file>, or NULL */
	const char *hash;
	const char *file;
} Route;

static void route_clear(Route *route)
{
	g_strfreev(route->parts);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Route, route_clear)

/* An upload between the header and the end of its body. */
typedef struct {
	ArtefactPlace *place;
	ArtefactStaged *staged;
	char *space, *class_name, *hash;
} Upload;

static void upload_free(gpointer data)
{
	Upload *upload = data;

	artefact_staged_free(upload->staged);
	artefact_place_unref(upload->place);
	g_free(upload->space);
	g_free(upload->class_name);
	g_free(upload->hash);
	g_free(upload);
}

static void reply_error(HttpExchange *x, guint status, const char *error, const char *hint)
{
	g_autoptr(json_t) root = json_pack("{s:s, s:s}", "error", error, "hint", hint);
	g_autofree char *text = base_json_dump(root, NULL);
	g_autofree char *line = g_strconcat(text, "\n", NULL);

	http_reply_header(x, "Cache-Control", "no-store");
	http_reply_text(x, status, JSON_TYPE, line);
}

/* The same for unknown, unauthorised and absent: a stranger learns nothing. */
static void reply_not_found(HttpExchange *x)
{
	reply_error(x, 404, "there is nothing here for you",
		    "check the address and the credentials; a suspended device has no access");
}

static gboolean parse_route(const char *path, Route *route)
{
	route->parts = g_strsplit(path, "/", 8);
	switch (g_strv_length(route->parts)) {
	case 6:
		if (strcmp(route->parts[3], "devices") != 0 ||
		    strcmp(route->parts[5], "config.bin") != 0)
			return FALSE;
		route->device = route->parts[4];
		break;
	case 7:
		if (strcmp(route->parts[3], "classes") != 0)
			return FALSE;
		route->class_name = route->parts[4];
		route->hash = route->parts[5];
		route->file = route->parts[6];
		break;
	default:
		return FALSE;
	}
	route->space = route->parts[2];
	return strcmp(route->parts[1], "v1") == 0;
}

/* Who the request says it is. */
typedef struct {
	char *user, *password; /* of a device */
	char *token;           /* of a person */
	char *name;            /* for the limit of failed logins; a token counts by its digest, so
				  that a wrong one locks nobody else out */
} Caller;

static void caller_clear(Caller *caller)
{
	g_free(caller->user);
	base_secret_free(caller->password);
	base_secret_free(caller->token);
	g_free(caller->name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Caller, caller_clear)

static void read_caller(HttpExchange *x, Caller *caller)
{
	const char *header = http_exchange_header(x, "Authorization");

	if (http_auth_basic(header, &caller->user, &caller->password)) {
		caller->name = g_strdup(caller->user);
		return;
	}
	caller->token = http_auth_bearer(header);
	if (caller->token != NULL)
		caller->name = base_sha256_hex(caller->token, strlen(caller->token));
}

static void count_failure(ArtefactServer *server, HttpExchange *x, const Caller *caller)
{
	artefact_login_limit_failed(server->logins, http_exchange_peer(x), caller->name,
				    base_clock_monotonic_us());
}

/* The class of the device whose credentials the request carries, or NULL. Yours. `wanted` (may be
 * NULL) is the only device that will do. */
static char *class_of_device(ArtefactServer *server, HttpExchange *x, const Caller *caller,
			     const char *space, const char *wanted)
{
	char *class_name = NULL;

	if (caller->user == NULL)
		return NULL;
	if (wanted == NULL || strcmp(caller->user, wanted) == 0)
		class_name = server->callbacks.device_class(space, caller->user, caller->password,
							    server->user_data);
	if (class_name == NULL)
		count_failure(server, x, caller);
	return class_name;
}

static gboolean person_may(ArtefactServer *server, HttpExchange *x, const Caller *caller,
			   ArtefactVerb verb, const char *space)
{
	if (caller->token == NULL)
		return FALSE;
	if (server->callbacks.person_may(caller->token, verb, space, server->user_data))
		return TRUE;
	count_failure(server, x, caller);
	return FALSE;
}

static gboolean is_limited(ArtefactServer *server, HttpExchange *x)
{
	g_auto(Caller) caller = {0};

	read_caller(x, &caller);
	if (caller.name == NULL ||
	    artefact_login_limit_allows(server->logins, http_exchange_peer(x), caller.name,
					base_clock_monotonic_us()))
		return FALSE;
	http_reply_header(x, "Retry-After", "60");
	reply_error(x, 429, "too many failed logins",
		    "correct the credentials, then wait a minute");
	return TRUE;
}

static void serve_config(ArtefactServer *server, HttpExchange *x, const Route *route)
{
	g_auto(Caller) caller = {0};
	g_autofree char *class_name = NULL;
	g_autoptr(GBytes) config = NULL;
	g_autofree char *digest = NULL;
	g_autofree char *etag = NULL;

	read_caller(x, &caller);
	class_name = class_of_device(server, x, &caller, route->space, route->device);
	if (class_name != NULL)
		config = server->callbacks.config(route->space, route->device, server->user_data);
	if (config == NULL) {
		reply_not_found(x);
		return;
	}
	digest = base_sha256_hex_of_bytes(config);
	etag = g_strdup_printf("\"%s\"", digest);
	http_reply_header(x, "ETag", etag);
	http_reply_header(x, "Cache-Control", "no-store");
	if (http_etag_matches(http_exchange_header(x, "If-None-Match"), etag))
		http_reply_bytes(x, 304, NULL, NULL);
	else
		http_reply_bytes(x, 200, "application/octet-stream", config);
}

static const char *content_type(const char *file)
{
	if (g_str_has_suffix(file, ".json"))
		return JSON_TYPE;
	if (g_str_has_suffix(file, ".sh"))
		return "text/x-shellscript";
	return strcmp(file, ARTEFACT_SUMS) == 0 ? "text/plain" : "application/octet-stream";
}

static gboolean may_read(ArtefactServer *server, HttpExchange *x, const Route *route)
{
	g_auto(Caller) caller = {0};
	g_autofree char *class_name = NULL;

	read_caller(x, &caller);
	class_name = class_of_device(server, x, &caller, route->space, NULL);
	if (class_name != NULL)
		return strcmp(class_name, route->class_name) == 0;
	return person_may(server, x, &caller, ARTEFACT_READ, route->space);
}

static int open_file(ArtefactServer *server, const Route *route, const char *hash)
{
	g_autoptr(ArtefactPlace) place = NULL;
	ArtefactKey key = {route->space, route->class_name, hash};

	if (!artefact_key_is_valid(&key) || !artefact_file_name_is_valid(route->file))
		return -1;
	place = server->callbacks.place(route->space, route->class_name, server->user_data);
	return place != NULL ? artefact_place_open(place, &key, route->file, NULL, NULL) : -1;
}

static void serve_file(ArtefactServer *server, HttpExchange *x, const Route *route)
{
	gboolean is_current = strcmp(route->hash, CURRENT) == 0;
	g_autofree char *hash = NULL;
	g_autofree char *etag = NULL;
	int fd = -1;

	if (may_read(server, x, route))
		hash = is_current ? server->callbacks.current(route->space, route->class_name,
							      server->user_data)
				  : g_strdup(route->hash);
	if (hash != NULL)
		fd = open_file(server, route, hash);
	if (fd < 0) {
		reply_not_found(x);
		return;
	}
	/* A version never changes, so its name and the file's are the file's version. */
	etag = g_strdup_printf("\"%.32s-%s\"", hash, route->file);
	http_reply_header(x, "Cache-Control", is_current ? "private, no-cache" : CACHE_FOR_EVER);
	http_reply_file(x, fd, content_type(route->file), etag);
}

static void reply_published(HttpExchange *x, gboolean published)
{
	http_reply_text(x, published ? 201 : 202, JSON_TYPE,
			published ? "{\"published\":true}\n" : "{\"published\":false}\n");
}

static void reply_place_error(HttpExchange *x, const GError *error)
{
	if (g_error_matches(error, ARTEFACT_ERROR, ARTEFACT_ERROR_UNREACHABLE))
		reply_error(x, 507, error->message, "see the Storage's condition Ready");
	else
		reply_error(x, 422, error->message, "send the files as they were built");
}

/* Before the body of a PUT: who may not write is sent away before a byte is stored. */
static void begin_upload(ArtefactServer *server, HttpExchange *x, const Route *route)
{
	ArtefactKey key = {route->space, route->class_name, route->hash};
	g_autoptr(ArtefactPlace) place = NULL;
	g_autoptr(ArtefactStaged) staged = NULL;
	g_autoptr(GError) error = NULL;
	g_auto(Caller) caller = {0};
	Upload *upload;

	read_caller(x, &caller);
	if (route->class_name != NULL && artefact_key_is_valid(&key) &&
	    artefact_file_name_is_valid(route->file) &&
	    person_may(server, x, &caller, ARTEFACT_WRITE, route->space))
		place = server->callbacks.place(route->space, route->class_name, server->user_data);
	if (place == NULL) {
		reply_not_found(x);
		return;
	}
	if (artefact_place_has(place, &key, NULL)) {
		reply_published(x, TRUE);
		return;
	}
	artefact_place_sweep_uploads(place, ARTEFACT_UPLOAD_IDLE_S, NULL);
	staged = artefact_place_stage(place, &key, route->file, &error);
	if (staged == NULL) {
		reply_place_error(x, error);
		return;
	}
	http_exchange_body_to_fd(x, artefact_staged_fd(staged), ARTEFACT_MAX_FILE_BYTES);
	upload = g_new0(Upload, 1);
	upload->place = g_steal_pointer(&place);
	upload->staged = g_steal_pointer(&staged);
	upload->space = g_strdup(route->space);
	upload->class_name = g_strdup(route->class_name);
	upload->hash = g_strdup(route->hash);
	http_exchange_set_data(x, upload, upload_free);
}

/* What was uploaded whole may still be no bundle that can be flashed: then it goes again. */
static gboolean check_published(Upload *upload, GError **error)
{
	ArtefactKey key = {upload->space, upload->class_name, upload->hash};
	g_autoptr(ArtefactBundle) bundle = artefact_bundle_from_place(upload->place, &key, error);

	if (bundle != NULL)
		return TRUE;
	artefact_place_remove(upload->place, &key, NULL);
	return FALSE;
}

static void end_upload(ArtefactServer *server, HttpExchange *x)
{
	Upload *upload = http_exchange_data(x);
	gboolean published = FALSE;
	g_autoptr(GError) error = NULL;

	if (http_exchange_body_errno(x) != 0) {
		reply_error(x, 507, g_strerror(http_exchange_body_errno(x)),
			    "make room for the artefacts, then push again");
		return;
	}
	if (!artefact_place_commit_file(upload->place, upload->staged, &published, &error) ||
	    (published && !check_published(upload, &error))) {
		reply_place_error(x, error);
		return;
	}
	if (published && server->callbacks.published != NULL)
		server->callbacks.published(upload->space, upload->class_name, upload->hash,
					    server->user_data);
	reply_published(x, published);
}

static void on_begin(HttpExchange *x, gpointer user_data)
{
	ArtefactServer *server = user_data;
	g_auto(Route) route = {0};

	if (is_limited(server, x))
		return;
	if (!parse_route(http_exchange_path(x), &route))
		reply_not_found(x);
	else if (strcmp(http_exchange_method(x), "PUT") == 0)
		begin_upload(server, x, &route);
}

static void on_request(HttpExchange *x, gpointer user_data)
{
	ArtefactServer *server = user_data;
	const char *method = http_exchange_method(x);
	g_auto(Route) route = {0};

	if (http_exchange_data(x) != NULL)
		end_upload(server, x);
	else if (!parse_route(http_exchange_path(x), &route) ||
		 (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0))
		reply_not_found(x);
	else if (route.hash != NULL)
		serve_file(server, x, &route);
	else
		serve_config(server, x, &route);
}

ArtefactServer *artefact_server_new(const HttpServerOptions *http,
				    const ArtefactServerCallbacks *callbacks, gpointer user_data,
				    GError **error)
{
	g_autoptr(ArtefactServer) server = g_new0(ArtefactServer, 1);
	HttpServerOptions options = *http;

	server->callbacks = *callbacks;
	server->user_data = user_data;
	server->logins =
		artefact_login_limit_new(ARTEFACT_MAX_FAILED_LOGINS, ARTEFACT_MAX_LOGIN_ADDRESSES);
	options.begin = on_begin;
	options.handle = on_request;
	options.user_data = server;
	options.max_body_bytes = 1; /* only uploads have a body, and they go to files */
	server->http = http_server_new(&options, error);
	return server->http != NULL ? g_steal_pointer(&server) : NULL;
}

void artefact_server_free(ArtefactServer *server)
{
	if (server == NULL)
		return;
	http_server_free(server->http);
	artefact_login_limit_free(server->logins);
	g_free(server);
}

HttpServer *artefact_server_http(ArtefactServer *server)
{
	return server->http;
}
