#include "model/field_error.h"

#include <stdarg.h>
#include <string.h>

static void field_error_free(gpointer data)
{
	ModelFieldError *error = data;

	g_free(error->field);
	g_free(error->message);
	g_free(error);
}

GPtrArray *model_field_errors_new(void)
{
	return g_ptr_array_new_with_free_func(field_error_free);
}

void model_field_errors_add(GPtrArray *errors, const char *reason, const char *field,
			    const char *format, ...)
{
	ModelFieldError *error;
	va_list args;

	if (errors->len >= MODEL_FIELD_ERRORS_MAX)
		return;
	error = g_new0(ModelFieldError, 1);
	error->reason = reason;
	error->field = g_strdup(field);
	va_start(args, format);
	error->message = g_strdup_vprintf(format, args);
	va_end(args);
	g_ptr_array_add(errors, error);
}

char *model_field_errors_message(const char *group, const char *kind, const char *name,
				 const GPtrArray *errors)
{
	GString *text = g_string_new(kind);

	if (group[0] != '\0')
		g_string_append_printf(text, ".%s", group);
	g_string_append_printf(text, " \"%s\" is invalid", name != NULL ? name : "");
	g_string_append(text, errors->len > 1 ? ": [" : errors->len == 1 ? ": " : "");
	for (guint i = 0; i < errors->len; i++) {
		const ModelFieldError *error = g_ptr_array_index(errors, i);

		g_string_append_printf(text, "%s%s: %s", i > 0 ? ", " : "", error->field,
				       error->message);
	}
	if (errors->len > 1)
		g_string_append_c(text, ']');
	return g_string_free(text, FALSE);
}

json_t *model_field_errors_causes(const GPtrArray *errors)
{
	json_t *causes = json_array();

	for (guint i = 0; i < errors->len; i++) {
		const ModelFieldError *error = g_ptr_array_index(errors, i);

		json_array_append_new(causes,
				      json_pack("{s:s, s:s, s:s}", "reason", error->reason,
						"message", error->message, "field", error->field));
	}
	return causes;
}

/* As strconv.Quote does: what is not printable is escaped, other letters stay. */
char *model_quote(const char *text)
{
	GString *quoted = g_string_new("\"");

	for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
		gunichar c = g_utf8_get_char(at);
		const char *escape = strchr("\a\b\f\n\r\t\v", (int)(c < 128 ? c : 1));

		if (escape != NULL && *escape != '\0')
			g_string_append_printf(quoted, "\\%c",
					       "abfnrtv"[escape - "\a\b\f\n\r\t\v"]);
		else if (c == '"' || c == '\\')
			g_string_append_printf(quoted, "\\%c", (int)c);
		else if (c < ' ' || c == 0x7f)
			g_string_append_printf(quoted, "\\x%02x", c);
		else if (g_unichar_isprint(c) && (c == ' ' || !g_unichar_isspace(c)))
			g_string_append_unichar(quoted, c);
		else
			g_string_append_printf(quoted, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
	}
	g_string_append_c(quoted, '"');
	return g_string_free(quoted, FALSE);
}
