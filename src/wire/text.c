#include "wire/text.h"

#include <string.h>

void wire_text_begin(WireText *text, char *data, size_t size_bytes)
{
	*text = (WireText){.data = data, .size_bytes = size_bytes};
	data[0] = '\0';
}

void wire_text_add_bytes(WireText *text, const char *bytes, size_t size_bytes)
{
	if (text->overflowed || size_bytes >= text->size_bytes - text->length) {
		text->overflowed = true;
		return;
	}
	memcpy(text->data + text->length, bytes, size_bytes);
	text->length += size_bytes;
}

void wire_text_add(WireText *text, const char *string)
{
	wire_text_add_bytes(text, string, strlen(string));
}

/* At least `digits` digits, with zeros in front. */
static void add_digits(WireText *text, uint64_t value, unsigned digits)
{
	char buffer[20];
	size_t first = sizeof(buffer);

	while (first > 0 && (value > 0 || digits > 0)) {
		buffer[--first] = (char)('0' + value % 10);
		value /= 10;
		digits -= digits > 0;
	}
	wire_text_add_bytes(text, buffer + first, sizeof(buffer) - first);
}

void wire_text_add_unsigned(WireText *text, uint64_t value)
{
	add_digits(text, value, 1);
}

static uint64_t magnitude(int64_t value)
{
	return value < 0 ? ~(uint64_t)value + 1 : (uint64_t)value;
}

void wire_text_add_signed(WireText *text, int64_t value)
{
	if (value < 0)
		wire_text_add(text, "-");
	add_digits(text, magnitude(value), 1);
}

void wire_text_add_decimal(WireText *text, int64_t value, unsigned decimals)
{
	uint64_t unit = 1;

	for (unsigned i = 0; i < decimals; i++)
		unit *= 10;
	if (value < 0)
		wire_text_add(text, "-");
	add_digits(text, magnitude(value) / unit, 1);
	if (decimals == 0)
		return;
	wire_text_add(text, ".");
	add_digits(text, magnitude(value) % unit, decimals);
}

void wire_text_add_hex(WireText *text, const uint8_t *bytes, size_t size_bytes)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size_bytes; i++) {
		char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]};

		wire_text_add_bytes(text, pair, sizeof(pair));
	}
}

void wire_text_add_json_string(WireText *text, const char *string)
{
	wire_text_add(text, "\"");
	for (; *string != '\0'; string++) {
		uint8_t byte = (uint8_t)*string;

		if (byte < 0x20) {
			wire_text_add(text, "\\u00");
			wire_text_add_hex(text, &byte, 1);
			continue;
		}
		if (*string == '"' || *string == '\\')
			wire_text_add(text, "\\");
		wire_text_add_bytes(text, string, 1);
	}
	wire_text_add(text, "\"");
}

size_t wire_text_end(WireText *text)
{
	if (text->overflowed)
		text->length = 0;
	text->data[text->length] = '\0';
	return text->length;
}

bool wire_copy(char *out, size_t size_bytes, const char *source)
{
	size_t length = strlen(source);

	if (length >= size_bytes) {
		out[0] = '\0';
		return false;
	}
	memcpy(out, source, length + 1);
	return true;
}

uint32_t wire_hash(const void *bytes, size_t size_bytes)
{
	const uint8_t *byte = bytes;
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < size_bytes; i++)
		hash = (uint32_t)((uint64_t)(hash ^ byte[i]) * 16777619U);
	return hash;
}

bool wire_is_id(const char *text, size_t max_length)
{
	size_t length = 0;

	for (; text[length] != '\0'; length++) {
		char c = text[length];

		if (length == max_length ||
		    !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return length > 0;
}
