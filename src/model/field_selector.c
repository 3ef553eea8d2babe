#include "model/selector.h"

#include "base/json.h"
#include "model/error.h"

#include <string.h>

void model_field_selector_free(ModelFieldSelector *selector)
{
	if (selector == NULL)
		return;
	for (gsize i = 0; i < selector->n_terms; i++) {
		g_free(selector->terms[i].field);
		g_free(selector->terms[i].value);
	}
	g_free(selector->terms);
	g_free(selector);
}

/* The end of the term at `text`: a comma that no backslash hides, or the end. */
static const char *term_end(const char *text)
{
	while (*text != '\0' && *text != ',')
		text += *text == '\\' && text[1] != '\0' ? 2 : 1;
	return text;
}

static char *unescape(const char *text, const char *end, GError **error)
{
	g_autoptr(GString) value = g_string_new(NULL);

	for (; text < end; text++) {
		if (*text == '\\' && text + 1 < end && strchr("\\,=", text[1]) != NULL) {
			text++;
		} else if (*text == '\\') {
			g_set_error(error, MODEL_ERROR, MODEL_ERROR_SELECTOR,
				    "invalid field selector: invalid escape sequence: \\%.*s",
				    text + 1 < end ? 1 : 0, text + 1);
			return NULL;
		}
		g_string_append_c(value, *text);
	}
	return g_string_free(g_steal_pointer(&value), FALSE);
}

static gboolean read_term(ModelFieldTerm *term, const char *text, const char *end, GError **error)
{
	const char *sign = text;
	gsize sign_length;

	while (sign < end && *sign != '=' && !(*sign == '!' && sign + 1 < end && sign[1] == '='))
		sign += *sign == '\\' && sign + 1 < end ? 2 : 1;
	if (sign >= end) {
		g_set_error(error, MODEL_ERROR, MODEL_ERROR_SELECTOR,
			    "invalid selector: '%.*s'; can't understand '%.*s'", (int)(end - text),
			    text, (int)(end - text), text);
		return FALSE;
	}
	sign_length = *sign == '!' || (sign + 1 < end && sign[1] == '=') ? 2 : 1;
	term->equal = *sign != '!';
	term->value = unescape(sign + sign_length, end, error);
	if (term->value == NULL)
		return FALSE;
	term->field = g_strndup(text, (gsize)(sign - text));
	return TRUE;
}

ModelFieldSelector *model_field_selector_parse(const char *text, GError **error)
{
	g_autoptr(ModelFieldSelector) selector = g_new0(ModelFieldSelector, 1);

	selector->terms = g_new0(ModelFieldTerm, MODEL_SELECTOR_MAX_TERMS);
	while (*text != '\0') {
		const char *end = term_end(text);

		if (selector->n_terms == MODEL_SELECTOR_MAX_TERMS) {
			g_set_error(error, MODEL_ERROR, MODEL_ERROR_SELECTOR,
				    "a selector has at most %d terms", MODEL_SELECTOR_MAX_TERMS);
			return NULL;
		}
		if (end > text) {
			if (!read_term(&selector->terms[selector->n_terms], text, end, error))
				return NULL;
			selector->n_terms++;
		}
		text = *end == ',' ? end + 1 : end;
	}
	return g_steal_pointer(&selector);
}

static const json_t *value_at(const json_t *object, const char *path)
{
	g_auto(GStrv) steps = g_strsplit(path, ".", -1);

	for (gsize i = 0; object != NULL && steps[i] != NULL; i++)
		object = json_object_get(object, steps[i]);
	return object;
}

static char *text_of(const json_t *value)
{
	if (json_is_string(value))
		return g_strdup(json_string_value(value));
	if (json_is_integer(value) || json_is_boolean(value))
		return base_json_dump(value, NULL);
	return g_strdup("");
}

gboolean model_field_selector_matches(const ModelFieldSelector *selector, const json_t *object)
{
	for (gsize i = 0; i < selector->n_terms; i++) {
		const ModelFieldTerm *term = &selector->terms[i];
		g_autofree char *text = text_of(value_at(object, term->field));

		if ((strcmp(text, term->value) == 0) != term->equal)
			return FALSE;
	}
	return TRUE;
}
