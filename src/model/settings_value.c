#include "model/settings_value.h"

#include "model/error.h"

#include <errno.h>
#include <string.h>

static gboolean refuse(const ModelValue *value, GError **error, const char *format, ...)
	G_GNUC_PRINTF(3, 4);

static gboolean refuse(const ModelValue *value, GError **error, const char *format, ...)
{
	g_autofree char *what = NULL;
	va_list args;

	va_start(args, format);
	what = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error(error, MODEL_ERROR, MODEL_ERROR_SPEC_INVALID, "settings: '%s.%s' %s (from %s)",
		    value->space, value->key, what, value->origin);
	return FALSE;
}

gboolean model_bytes_are_text(GBytes *bytes)
{
	gsize size_bytes;
	const char *data = g_bytes_get_data(bytes, &size_bytes);

	return size_bytes == 0 || g_utf8_validate_len(data, size_bytes, NULL);
}

GBytes *model_base64_decode(const char *text)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	gsize length = strlen(text), good = strspn(text, alphabet), size_bytes = 0;
	gsize padding = strspn(text + good, "=");
	guchar *data;

	if (good + padding != length || length % 4 != 0 || padding > 2)
		return NULL;
	if (length == 0)
		return g_bytes_new(NULL, 0);
	data = g_base64_decode(text, &size_bytes);
	return g_bytes_new_take(data, size_bytes);
}

/* -?[0-9]+ within the type's range; what NVS stores is the same number in two's complement. */
static gboolean set_integer(ModelValue *value, const char *text, GError **error)
{
	gboolean negative = text[0] == '-';
	const char *digits = text + negative;
	const char *type = esp_nvs_type_name(value->type);
	gint64 min = 0;
	guint64 max = 0, magnitude;

	if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return refuse(value, error, "is no decimal integer, as the type %s wants", type);
	esp_nvs_type_range(value->type, &min, &max);
	errno = 0;
	magnitude = g_ascii_strtoull(digits, NULL, 10);
	/* -(min + 1) + 1 is the magnitude of min without overflow. */
	if (errno == ERANGE || (!negative && magnitude > max) ||
	    (negative && magnitude > (min < 0 ? (guint64)(-(min + 1)) + 1 : 0)))
		return refuse(value, error,
			      "is out of range: the type %s holds %" G_GINT64_FORMAT
			      " to %" G_GUINT64_FORMAT,
			      type, min, max);
	value->number = negative ? ~magnitude + 1 : magnitude;
	return TRUE;
}

static gboolean set_string(ModelValue *value, GBytes *bytes, GError **error)
{
	gsize size_bytes;
	const char *data = g_bytes_get_data(bytes, &size_bytes);

	if (!model_bytes_are_text(bytes))
		return refuse(value, error,
			      "is no UTF-8 text without NUL, as the type string wants; make it a "
			      "blob");
	if (size_bytes >= ESP_NVS_STRING_MAX)
		return refuse(value, error,
			      "has %" G_GSIZE_FORMAT
			      " bytes, an NVS string at most %d; make it a blob",
			      size_bytes, ESP_NVS_STRING_MAX - 1);
	value->bytes =
		g_bytes_new_take(g_strndup(data != NULL ? data : "", size_bytes), size_bytes);
	return TRUE;
}

gboolean model_value_set_bytes(ModelValue *value, GBytes *bytes, GError **error)
{
	g_autofree char *text = NULL;

	if (value->type == ESP_NVS_STRING)
		return set_string(value, bytes, error);
	if (value->type == ESP_NVS_BLOB) {
		value->bytes = g_bytes_ref(bytes);
		return TRUE;
	}
	if (!model_bytes_are_text(bytes))
		return refuse(value, error, "is no decimal integer, as the type %s wants",
			      esp_nvs_type_name(value->type));
	text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	return set_integer(value, text != NULL ? text : "", error);
}

gboolean model_value_set_text(ModelValue *value, const char *text, GError **error)
{
	g_autoptr(GBytes) bytes = NULL;

	if (value->type == ESP_NVS_BLOB) {
		value->bytes = model_base64_decode(text);
		return value->bytes != NULL ||
		       refuse(value, error, "is no base64, as the type blob wants");
	}
	bytes = g_bytes_new(text, strlen(text));
	return model_value_set_bytes(value, bytes, error);
}
