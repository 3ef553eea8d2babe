#include "model/selector_scan.h"

#include <string.h>

#define SPACES " \t\r\n"
#define SPECIALS "=!(),<>"

static const struct {
	const char *text;
	ModelToken token;
} marks[] = {
	{"==", MODEL_TOKEN_EQUAL}, {"!=", MODEL_TOKEN_NOT_EQUAL}, {"=", MODEL_TOKEN_EQUAL},
	{"!", MODEL_TOKEN_NOT},    {",", MODEL_TOKEN_COMMA},      {"(", MODEL_TOKEN_OPEN},
	{")", MODEL_TOKEN_CLOSE},  {">", MODEL_TOKEN_GREATER},    {"<", MODEL_TOKEN_LESS},
};

void model_scanner_begin(ModelScanner *scanner, const char *text)
{
	*scanner = (ModelScanner){.at = text, .text = g_string_new(NULL)};
}

void model_scanner_end(ModelScanner *scanner)
{
	g_string_free(scanner->text, TRUE);
}

static void take(ModelScanner *scanner, gsize length, ModelToken token)
{
	g_string_append_len(scanner->text, scanner->at, (gssize)length);
	scanner->at += length;
	scanner->token = token;
}

void model_scanner_next(ModelScanner *scanner)
{
	g_string_truncate(scanner->text, 0);
	scanner->at += strspn(scanner->at, SPACES);
	if (*scanner->at == '\0') {
		scanner->token = MODEL_TOKEN_END;
		return;
	}
	for (gsize i = 0; i < G_N_ELEMENTS(marks); i++)
		if (g_str_has_prefix(scanner->at, marks[i].text)) {
			take(scanner, strlen(marks[i].text), marks[i].token);
			return;
		}
	take(scanner, strcspn(scanner->at, SPACES SPECIALS), MODEL_TOKEN_WORD);
}
