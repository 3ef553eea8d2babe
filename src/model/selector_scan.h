/* model/selector_scan.h — the words of a label selector (k8s.io/apimachinery/pkg/labels, Lexer). */
#pragma once

#include <glib.h>

typedef enum {
	MODEL_OPERATOR_IN, /* also = and == */
	MODEL_OPERATOR_NOT_IN,
	MODEL_OPERATOR_EXISTS,
	MODEL_OPERATOR_NOT_EXISTS,
	MODEL_OPERATOR_GREATER,
	MODEL_OPERATOR_LESS,
} ModelOperator;

typedef enum {
	MODEL_TOKEN_END,
	MODEL_TOKEN_WORD,
	MODEL_TOKEN_COMMA,
	MODEL_TOKEN_OPEN,
	MODEL_TOKEN_CLOSE,
	MODEL_TOKEN_NOT,
	MODEL_TOKEN_EQUAL,
	MODEL_TOKEN_NOT_EQUAL,
	MODEL_TOKEN_GREATER,
	MODEL_TOKEN_LESS,
} ModelToken;

typedef struct {
	const char *at; /* borrowed, what is not read yet */
	ModelToken token;
	GString *text; /* of the token */
} ModelScanner;

void model_scanner_begin(ModelScanner *scanner, const char *text);
void model_scanner_next(ModelScanner *scanner);
void model_scanner_end(ModelScanner *scanner);
