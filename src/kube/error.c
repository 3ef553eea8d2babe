#include "kube/error.h"

#include "base/json.h"

#include <string.h>

enum { MAX_TEXT_BYTES = 200 }; /* of an answer that is no Status, quoted in a message */

typedef struct {
	GPtrArray *causes; /* KubeErrorCause *, never changed once made: copies share it */
	char *reason;
	guint status_code;
} KubeErrorPrivate;

static void kube_error_private_init(KubeErrorPrivate *detail)
{
	(void)detail;
}

static void kube_error_private_copy(const KubeErrorPrivate *from, KubeErrorPrivate *to)
{
	to->causes = from->causes != NULL ? g_ptr_array_ref(from->causes) : NULL;
	to->reason = g_strdup(from->reason);
	to->status_code = from->status_code;
}

static void kube_error_private_clear(KubeErrorPrivate *detail)
{
	g_clear_pointer(&detail->causes, g_ptr_array_unref);
	g_free(detail->reason);
}

G_DEFINE_EXTENDED_ERROR(KubeError, kube_error)

const GPtrArray *kube_error_causes(const GError *error)
{
	const KubeErrorPrivate *detail = kube_error_get_private(error);

	return detail != NULL ? detail->causes : NULL;
}

const char *kube_error_reason(const GError *error)
{
	const KubeErrorPrivate *detail = kube_error_get_private(error);

	return detail != NULL ? detail->reason : NULL;
}

guint kube_error_status_code(const GError *error)
{
	const KubeErrorPrivate *detail = kube_error_get_private(error);

	return detail != NULL ? detail->status_code : 0;
}

gboolean kube_error_set(GError **error, KubeError code, const char *format, ...)
{
	g_autofree char *message = NULL;
	va_list args;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, KUBE_ERROR, (int)code, message);
	return FALSE;
}

gboolean kube_error_is_transient(const GError *error)
{
	return g_error_matches(error, KUBE_ERROR, KUBE_ERROR_UNAVAILABLE) ||
	       g_error_matches(error, KUBE_ERROR, KUBE_ERROR_TOO_MANY) ||
	       g_error_matches(error, KUBE_ERROR, KUBE_ERROR_CONFLICT);
}

static const struct {
	guint status;
	KubeError code;
	const char *reason; /* with this reason only; NULL: any */
} code_of_status[] = {
	{400, KUBE_ERROR_BAD_REQUEST, NULL},
	{401, KUBE_ERROR_UNAUTHORIZED, NULL},
	{403, KUBE_ERROR_FORBIDDEN, NULL},
	{404, KUBE_ERROR_NOT_FOUND, NULL},
	{405, KUBE_ERROR_UNSUPPORTED, NULL},
	{406, KUBE_ERROR_UNSUPPORTED, NULL},
	{409, KUBE_ERROR_ALREADY_EXISTS, "AlreadyExists"},
	{409, KUBE_ERROR_CONFLICT, NULL},
	{410, KUBE_ERROR_GONE, NULL},
	{413, KUBE_ERROR_TOO_LARGE, NULL},
	{415, KUBE_ERROR_UNSUPPORTED, NULL},
	{422, KUBE_ERROR_INVALID, NULL},
	{429, KUBE_ERROR_TOO_MANY, NULL},
	{500, KUBE_ERROR_UNAVAILABLE, NULL},
	{502, KUBE_ERROR_UNAVAILABLE, NULL},
	{503, KUBE_ERROR_UNAVAILABLE, NULL},
	{504, KUBE_ERROR_UNAVAILABLE, NULL},
};

static KubeError find_code(guint status, const char *reason)
{
	for (gsize i = 0; i < G_N_ELEMENTS(code_of_status); i++)
		if (code_of_status[i].status == status &&
		    (code_of_status[i].reason == NULL ||
		     g_strcmp0(code_of_status[i].reason, reason) == 0))
			return code_of_status[i].code;
	return KUBE_ERROR_OTHER;
}

static void free_cause(gpointer data)
{
	KubeErrorCause *cause = data;

	g_free(cause->reason);
	g_free(cause->message);
	g_free(cause->field);
	g_free(cause);
}

static GPtrArray *read_causes(const json_t *status)
{
	const json_t *list = base_json_get(status, "details", "causes", NULL);
	GPtrArray *causes = NULL;
	size_t i;
	json_t *entry;

	json_array_foreach (list, i, entry) {
		KubeErrorCause *cause = g_new0(KubeErrorCause, 1);

		cause->reason = g_strdup(base_json_get_string(entry, "reason", NULL));
		cause->message = g_strdup(base_json_get_string(entry, "message", NULL));
		cause->field = g_strdup(base_json_get_string(entry, "field", NULL));
		if (causes == NULL)
			causes = g_ptr_array_new_with_free_func(free_cause);
		g_ptr_array_add(causes, cause);
	}
	return causes;
}

gboolean kube_error_set_from_status(GError **error, const json_t *status, guint http_status,
				    const char *what)
{
	const char *reason = base_json_get_string(status, "reason", NULL);
	const char *message = base_json_get_string(status, "message", NULL);
	KubeErrorPrivate *detail;
	GError *made;

	if (http_status == 0)
		http_status = (guint)CLAMP(base_json_get_int(status, 0, "code", NULL), 0, 599);
	if (message != NULL && message[0] != '\0')
		made = g_error_new_literal(KUBE_ERROR, (int)find_code(http_status, reason),
					   message);
	else
		made = g_error_new(KUBE_ERROR, (int)find_code(http_status, reason),
				   "%s: the server answered %u%s%s", what, http_status,
				   reason != NULL ? " " : "", reason != NULL ? reason : "");
	detail = kube_error_get_private(made);
	detail->causes = read_causes(status);
	detail->reason = g_strdup(reason);
	detail->status_code = http_status;
	g_propagate_error(error, made);
	return FALSE;
}

/* A proxy's page or a plain sentence: its beginning, printable. */
static char *quote(const char *text, gsize size_bytes)
{
	g_autofree char *valid = g_utf8_make_valid(text, (gssize)MIN(size_bytes, MAX_TEXT_BYTES));

	return g_strstrip(g_strdelimit(g_steal_pointer(&valid), "\r\n\t", ' '));
}

gboolean kube_error_set_from_answer(GError **error, guint http_status, GBytes *body,
				    const char *what)
{
	gsize size_bytes = 0;
	const char *text = body != NULL ? g_bytes_get_data(body, &size_bytes) : NULL;
	g_autoptr(json_t) status = text != NULL ? base_json_parse(text, size_bytes, NULL) : NULL;
	g_autofree char *quoted = NULL;
	GError *made;

	if (g_strcmp0(base_json_get_string(status, "kind", NULL), "Status") == 0)
		return kube_error_set_from_status(error, status, http_status, what);
	quoted = quote(text != NULL ? text : "", size_bytes);
	made = g_error_new(KUBE_ERROR, (int)find_code(http_status, NULL),
			   "%s: the server answered %u%s%s", what, http_status,
			   quoted[0] != '\0' ? ": " : "", quoted);
	((KubeErrorPrivate *)kube_error_get_private(made))->status_code = http_status;
	g_propagate_error(error, made);
	return FALSE;
}
