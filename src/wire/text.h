/* wire/text.h — text put together in a buffer of the caller's, and the hash that names it. Portable
 * C, no allocation. What does not fit is remembered, never written past the end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
	char *data;
	size_t size_bytes; /* of the buffer, NUL included */
	size_t length;     /* written so far, without NUL */
	bool overflowed;
} WireText;

/* Begins at the start of `data`; `size_bytes` is at least 1. */
void wire_text_begin(WireText *text, char *data, size_t size_bytes);

void wire_text_add(WireText *text, const char *string);
void wire_text_add_bytes(WireText *text, const char *bytes, size_t size_bytes);
void wire_text_add_unsigned(WireText *text, uint64_t value);
void wire_text_add_signed(WireText *text, int64_t value);
/* `value` / 10^`decimals` with exactly that many digits after the point: (-5, 2) gives "-0.05". */
void wire_text_add_decimal(WireText *text, int64_t value, unsigned decimals);
/* Lower-case hex. */
void wire_text_add_hex(WireText *text, const uint8_t *bytes, size_t size_bytes);
/* A JSON string with its quotes; control characters are escaped, UTF-8 passes as it is. */
void wire_text_add_json_string(WireText *text, const char *string);

/* Ends the text with NUL and returns its length; if it did not fit, returns 0 and leaves "". */
size_t wire_text_end(WireText *text);

/* Copies `source` if it fits with its NUL; else FALSE and `out` is "". */
bool wire_copy(char *out, size_t size_bytes, const char *source);

/* FNV-1a, 32 bits. */
uint32_t wire_hash(const void *bytes, size_t size_bytes);

/* TRUE for a Homie 5 id: [a-z0-9-]+ of at most `max_length` bytes. */
bool wire_is_id(const char *text, size_t max_length);
