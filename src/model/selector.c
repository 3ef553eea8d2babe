#include "model/selector.h"

#include "base/json.h"
#include "model/error.h"
#include "model/field_error.h"
#include "model/names.h"
#include "model/selector_scan.h"

#include <errno.h>
#include <string.h>

typedef struct {
	char *key;
	ModelOperator relation;
	GPtrArray *values; /* of char * */
} Term;

struct ModelSelector {
	GPtrArray *terms; /* of Term */
	gboolean nothing; /* made from no selector at all */
};

static void term_free(gpointer data)
{
	Term *term = data;

	g_free(term->key);
	g_ptr_array_unref(term->values);
	g_free(term);
}

static ModelSelector *selector_new(void)
{
	ModelSelector *selector = g_new0(ModelSelector, 1);

	selector->terms = g_ptr_array_new_with_free_func(term_free);
	return selector;
}

void model_selector_free(ModelSelector *selector)
{
	if (selector == NULL)
		return;
	g_ptr_array_unref(selector->terms);
	g_free(selector);
}

static gboolean refuse(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean refuse(GError **error, const char *format, ...)
{
	va_list args;
	g_autofree char *message = NULL;

	va_start(args, format);
	message = g_strdup_vprintf(format, args);
	va_end(args);
	g_set_error_literal(error, MODEL_ERROR, MODEL_ERROR_SELECTOR, message);
	return FALSE;
}

static gboolean is_integer(const char *text)
{
	char *end = NULL;

	errno = 0;
	g_ascii_strtoll(text, &end, 10);
	return *text != '\0' && *end == '\0' && errno == 0;
}

static gboolean value_is_good(const Term *term, guint i, GError **error)
{
	const char *value = g_ptr_array_index(term->values, i);
	g_autoptr(GPtrArray) problems = NULL;
	g_autofree char *quoted = model_quote(value);

	if (term->relation == MODEL_OPERATOR_GREATER || term->relation == MODEL_OPERATOR_LESS)
		return is_integer(value) ||
		       refuse(error,
			      "unable to parse requirement: values[%u]: Invalid value: %s: for "
			      "'Gt', 'Lt' operators, the value must be an integer",
			      i, quoted);
	problems = model_label_value_problems(value);
	if (problems->len > 0)
		return refuse(error,
			      "unable to parse requirement: values[%u][%s]: Invalid value: %s: %s",
			      i, term->key, quoted, (char *)g_ptr_array_index(problems, 0));
	return TRUE;
}

static gboolean term_is_good(const Term *term, GError **error)
{
	g_autoptr(GPtrArray) problems = model_qualified_name_problems(term->key);
	g_autofree char *quoted = model_quote(term->key);

	if (problems->len > 0)
		return refuse(error, "unable to parse requirement: <nil>: Invalid value: %s: %s",
			      quoted, (char *)g_ptr_array_index(problems, 0));
	for (guint i = 0; i < term->values->len; i++)
		if (!value_is_good(term, i, error))
			return FALSE;
	return TRUE;
}

static gboolean add_term(ModelSelector *selector, Term *term, GError **error)
{
	g_ptr_array_add(selector->terms, term);
	if (selector->terms->len > MODEL_SELECTOR_MAX_TERMS)
		return refuse(error, "a selector has at most %d terms", MODEL_SELECTOR_MAX_TERMS);
	return term_is_good(term, error);
}

static Term *term_new(const char *key, ModelOperator relation)
{
	Term *term = g_new0(Term, 1);

	term->key = g_strdup(key);
	term->relation = relation;
	term->values = g_ptr_array_new_with_free_func(g_free);
	return term;
}

/* ---- Out of a query string; grammar and words of k8s.io/apimachinery/pkg/labels ---- */

static gboolean read_set(ModelScanner *scanner, Term *term, GError **error)
{
	if (scanner->token != MODEL_TOKEN_OPEN)
		return refuse(error, "unable to parse requirement: found '%s' expected: '('",
			      scanner->text->str);
	for (;;) {
		model_scanner_next(scanner);
		if (scanner->token == MODEL_TOKEN_WORD) {
			g_ptr_array_add(term->values, g_strdup(scanner->text->str));
			model_scanner_next(scanner);
		} else {
			g_ptr_array_add(term->values, g_strdup(""));
		}
		if (term->values->len > MODEL_SELECTOR_MAX_TERMS)
			return refuse(error, "a selector has at most %d values",
				      MODEL_SELECTOR_MAX_TERMS);
		if (scanner->token == MODEL_TOKEN_CLOSE)
			break;
		if (scanner->token != MODEL_TOKEN_COMMA)
			return refuse(
				error,
				"unable to parse requirement: found '%s', expected: ',' or ')'",
				scanner->text->str);
	}
	model_scanner_next(scanner);
	return TRUE;
}

static gboolean read_value(ModelScanner *scanner, Term *term, GError **error)
{
	if (scanner->token == MODEL_TOKEN_END || scanner->token == MODEL_TOKEN_COMMA) {
		g_ptr_array_add(term->values, g_strdup(""));
		return TRUE;
	}
	if (scanner->token != MODEL_TOKEN_WORD)
		return refuse(error, "found '%s', expected: identifier", scanner->text->str);
	g_ptr_array_add(term->values, g_strdup(scanner->text->str));
	model_scanner_next(scanner);
	return TRUE;
}

static gboolean read_operator(ModelScanner *scanner, Term *term, GError **error)
{
	static const struct {
		ModelToken token;
		const char *word;
		ModelOperator relation;
		gboolean set;
	} operators[] = {
		{MODEL_TOKEN_EQUAL, NULL, MODEL_OPERATOR_IN, FALSE},
		{MODEL_TOKEN_NOT_EQUAL, NULL, MODEL_OPERATOR_NOT_IN, FALSE},
		{MODEL_TOKEN_GREATER, NULL, MODEL_OPERATOR_GREATER, FALSE},
		{MODEL_TOKEN_LESS, NULL, MODEL_OPERATOR_LESS, FALSE},
		{MODEL_TOKEN_WORD, "in", MODEL_OPERATOR_IN, TRUE},
		{MODEL_TOKEN_WORD, "notin", MODEL_OPERATOR_NOT_IN, TRUE},
	};

	if (scanner->token == MODEL_TOKEN_END || scanner->token == MODEL_TOKEN_COMMA) {
		term->relation = MODEL_OPERATOR_EXISTS;
		return TRUE;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(operators); i++) {
		if (scanner->token != operators[i].token ||
		    (operators[i].word != NULL &&
		     strcmp(scanner->text->str, operators[i].word) != 0))
			continue;
		term->relation = operators[i].relation;
		model_scanner_next(scanner);
		return operators[i].set ? read_set(scanner, term, error)
					: read_value(scanner, term, error);
	}
	return refuse(error,
		      "unable to parse requirement: found '%s', expected: in, notin, =, ==, !=, "
		      "gt, lt",
		      scanner->text->str);
}

static gboolean read_term(ModelScanner *scanner, ModelSelector *selector, GError **error)
{
	gboolean negated = scanner->token == MODEL_TOKEN_NOT;
	Term *term;

	if (negated)
		model_scanner_next(scanner);
	if (scanner->token != MODEL_TOKEN_WORD)
		return refuse(error, "found '%s', expected: %s", scanner->text->str,
			      negated ? "identifier" : "!, identifier, or 'end of string'");
	term = term_new(scanner->text->str, MODEL_OPERATOR_NOT_EXISTS);
	model_scanner_next(scanner);
	if (!negated && !read_operator(scanner, term, error)) {
		term_free(term);
		return FALSE;
	}
	return add_term(selector, term, error);
}

static gboolean read_terms(ModelScanner *scanner, ModelSelector *selector, GError **error)
{
	model_scanner_next(scanner);
	while (scanner->token != MODEL_TOKEN_END) {
		if (!read_term(scanner, selector, error))
			return FALSE;
		if (scanner->token == MODEL_TOKEN_END)
			break;
		if (scanner->token != MODEL_TOKEN_COMMA)
			return refuse(error, "found '%s', expected: ',' or 'end of string'",
				      scanner->text->str);
		model_scanner_next(scanner);
		if (scanner->token != MODEL_TOKEN_WORD && scanner->token != MODEL_TOKEN_NOT)
			return refuse(error, "found '%s', expected: identifier after ','",
				      scanner->text->str);
	}
	return TRUE;
}

ModelSelector *model_selector_parse(const char *text, GError **error)
{
	g_autoptr(ModelSelector) selector = selector_new();
	ModelScanner scanner;
	gboolean good;

	model_scanner_begin(&scanner, text);
	good = read_terms(&scanner, selector, error);
	model_scanner_end(&scanner);
	return good ? g_steal_pointer(&selector) : NULL;
}

/* ---- Out of a LabelSelector ---- */

static gboolean add_expression(ModelSelector *selector, const json_t *expression, GError **error)
{
	static const struct {
		const char *name;
		ModelOperator relation;
	} operators[] = {
		{"In", MODEL_OPERATOR_IN},
		{"NotIn", MODEL_OPERATOR_NOT_IN},
		{"Exists", MODEL_OPERATOR_EXISTS},
		{"DoesNotExist", MODEL_OPERATOR_NOT_EXISTS},
	};
	const char *key = base_json_get_string(expression, "key", NULL);
	const char *name = base_json_get_string(expression, "operator", NULL);
	json_t *value;
	size_t v;

	for (gsize i = 0; i < G_N_ELEMENTS(operators); i++) {
		Term *term;

		if (g_strcmp0(name, operators[i].name) != 0)
			continue;
		term = term_new(key != NULL ? key : "", operators[i].relation);
		json_array_foreach (json_object_get(expression, "values"), v, value)
			g_ptr_array_add(
				term->values,
				g_strdup(json_is_string(value) ? json_string_value(value) : ""));
		return add_term(selector, term, error);
	}
	return refuse(error, "\"%s\" is not a valid label selector operator",
		      name != NULL ? name : "");
}

ModelSelector *model_selector_from_json(const json_t *json, GError **error)
{
	g_autoptr(ModelSelector) selector = selector_new();
	const char *key;
	json_t *member;
	size_t i;

	selector->nothing = !json_is_object(json);
	json_object_foreach (json_object_get(json, "matchLabels"), key, member) {
		Term *term = term_new(key, MODEL_OPERATOR_IN);

		g_ptr_array_add(term->values,
				g_strdup(json_is_string(member) ? json_string_value(member) : ""));
		if (!add_term(selector, term, error))
			return NULL;
	}
	json_array_foreach (json_object_get(json, "matchExpressions"), i, member) {
		if (!add_expression(selector, member, error))
			return NULL;
	}
	return g_steal_pointer(&selector);
}

/* ---- Matching ---- */

static gboolean is_among(const Term *term, const char *value)
{
	for (guint i = 0; i < term->values->len; i++)
		if (strcmp(g_ptr_array_index(term->values, i), value) == 0)
			return TRUE;
	return FALSE;
}

static gboolean compares(const Term *term, const char *value)
{
	gint64 mine, theirs;

	if (value == NULL || !is_integer(value))
		return FALSE;
	mine = g_ascii_strtoll(g_ptr_array_index(term->values, 0), NULL, 10);
	theirs = g_ascii_strtoll(value, NULL, 10);
	return term->relation == MODEL_OPERATOR_GREATER ? theirs > mine : theirs < mine;
}

static gboolean term_holds(const Term *term, const json_t *labels)
{
	const char *value = json_string_value(json_object_get(labels, term->key));

	switch (term->relation) {
	case MODEL_OPERATOR_IN:
		return value != NULL && is_among(term, value);
	case MODEL_OPERATOR_NOT_IN:
		return value == NULL || !is_among(term, value);
	case MODEL_OPERATOR_EXISTS:
		return value != NULL;
	case MODEL_OPERATOR_NOT_EXISTS:
		return value == NULL;
	case MODEL_OPERATOR_GREATER:
	case MODEL_OPERATOR_LESS:
		return compares(term, value);
	}
	return FALSE;
}

gboolean model_selector_matches(const ModelSelector *selector, const json_t *labels)
{
	if (selector->nothing)
		return FALSE;
	for (guint i = 0; i < selector->terms->len; i++)
		if (!term_holds(g_ptr_array_index(selector->terms, i), labels))
			return FALSE;
	return TRUE;
}

static void print_term(GString *text, const Term *term)
{
	static const char *const marks[] = {
		[MODEL_OPERATOR_IN] = "=",      [MODEL_OPERATOR_NOT_IN] = "!=",
		[MODEL_OPERATOR_GREATER] = ">", [MODEL_OPERATOR_LESS] = "<",
		[MODEL_OPERATOR_EXISTS] = "",   [MODEL_OPERATOR_NOT_EXISTS] = "",
	};

	if (term->relation == MODEL_OPERATOR_NOT_EXISTS)
		g_string_append_c(text, '!');
	g_string_append(text, term->key);
	if (term->values->len == 1) {
		g_string_append_printf(text, "%s%s", marks[term->relation],
				       (char *)g_ptr_array_index(term->values, 0));
	} else if (term->values->len > 1) {
		g_string_append(text, term->relation == MODEL_OPERATOR_IN ? " in (" : " notin (");
		for (guint i = 0; i < term->values->len; i++)
			g_string_append_printf(text, "%s%s", i > 0 ? "," : "",
					       (char *)g_ptr_array_index(term->values, i));
		g_string_append_c(text, ')');
	}
}

char *model_selector_to_string(const ModelSelector *selector)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < selector->terms->len; i++) {
		if (i > 0)
			g_string_append_c(text, ',');
		print_term(text, g_ptr_array_index(selector->terms, i));
	}
	return g_string_free(text, FALSE);
}
