#include "wire/json.h"

#include <string.h>

typedef struct {
	const char *at;
	const char *end;
} Cursor;

static bool scan_value(Cursor *cursor, unsigned depth);

static void skip_space(Cursor *cursor)
{
	while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t' ||
					    *cursor->at == '\n' || *cursor->at == '\r'))
		cursor->at++;
}

static bool take(Cursor *cursor, char wanted)
{
	if (cursor->at == cursor->end || *cursor->at != wanted)
		return false;
	cursor->at++;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The value of four hex digits, or -1. */
static int32_t hex4(const char *at, const char *end)
{
	int32_t value = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = at[i];
		int32_t digit;

		if (is_digit(c))
			digit = c - '0';
		else if (c >= 'a' && c <= 'f')
			digit = c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			digit = c - 'A' + 10;
		else
			return -1;
		value = value * 16 + digit;
	}
	return value;
}

/* Reads what follows "\u", with the second half of a surrogate pair. The code point, or -1. */
static int32_t scan_unicode_escape(Cursor *cursor)
{
	int32_t high = hex4(cursor->at, cursor->end);
	int32_t low;

	if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
		return -1;
	cursor->at += 4;
	if (high < 0xd800 || high > 0xdbff)
		return high;
	if (cursor->end - cursor->at < 6 || cursor->at[0] != '\\' || cursor->at[1] != 'u')
		return -1;
	low = hex4(cursor->at + 2, cursor->end);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	cursor->at += 6;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Reads what follows a backslash. The code point, or -1. */
static int32_t scan_escape(Cursor *cursor)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	const char *name;
	char c;

	if (cursor->at == cursor->end)
		return -1;
	c = *cursor->at++;
	if (c == 'u')
		return scan_unicode_escape(cursor);
	name = c == '\0' ? NULL : strchr(names, c);
	return name == NULL ? -1 : values[name - names];
}

/* Reads one UTF-8 sequence: the shortest form, no surrogates, up to U+10FFFF. The code point, or
 * -1. */
static int32_t scan_utf8(Cursor *cursor)
{
	static const int32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = (uint8_t)*cursor->at;
	int length = first < 0x80   ? 1
		     : first < 0xc2 ? 0
		     : first < 0xe0 ? 2
		     : first < 0xf0 ? 3
		     : first < 0xf5 ? 4
				    : 0;
	int32_t code;

	if (length == 0 || cursor->end - cursor->at < length)
		return -1;
	code = length == 1 ? first : first & (0x7f >> length);
	for (int i = 1; i < length; i++) {
		uint8_t next = (uint8_t)cursor->at[i];

		if ((next & 0xc0) != 0x80)
			return -1;
		code = code << 6 | (next & 0x3f);
	}
	if (code < smallest[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		return -1;
	cursor->at += length;
	return code;
}

/* Reads one character of a string, escaped or not. The code point, or -1. */
static int32_t scan_character(Cursor *cursor)
{
	if (cursor->at == cursor->end || (uint8_t)*cursor->at < 0x20)
		return -1;
	if (take(cursor, '\\'))
		return scan_escape(cursor);
	return scan_utf8(cursor);
}

static bool scan_string(Cursor *cursor)
{
	if (!take(cursor, '"'))
		return false;
	while (!take(cursor, '"'))
		if (scan_character(cursor) < 0)
			return false;
	return true;
}

static bool scan_digits(Cursor *cursor)
{
	const char *start = cursor->at;

	while (cursor->at < cursor->end && is_digit(*cursor->at))
		cursor->at++;
	return cursor->at > start;
}

static bool scan_number(Cursor *cursor)
{
	take(cursor, '-');
	if (!take(cursor, '0') && !scan_digits(cursor))
		return false;
	if (take(cursor, '.') && !scan_digits(cursor))
		return false;
	if (take(cursor, 'e') || take(cursor, 'E')) {
		if (!take(cursor, '+'))
			take(cursor, '-');
		return scan_digits(cursor);
	}
	return true;
}

static bool scan_word(Cursor *cursor, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, word, length) != 0)
		return false;
	cursor->at += length;
	return true;
}

static bool scan_member(Cursor *cursor, unsigned depth)
{
	skip_space(cursor);
	if (!scan_string(cursor))
		return false;
	skip_space(cursor);
	return take(cursor, ':') && scan_value(cursor, depth);
}

/* The inside of an object or array, up to and with its closing bracket. */
static bool scan_items(Cursor *cursor, char close, unsigned depth)
{
	skip_space(cursor);
	if (take(cursor, close))
		return true;
	for (;;) {
		if (!(close == '}' ? scan_member(cursor, depth) : scan_value(cursor, depth)))
			return false;
		skip_space(cursor);
		if (take(cursor, close))
			return true;
		if (!take(cursor, ','))
			return false;
	}
}

static bool scan_value(Cursor *cursor, unsigned depth)
{
	skip_space(cursor);
	if (cursor->at == cursor->end)
		return false;
	switch (*cursor->at) {
	case '{':
	case '[':
		if (depth == 0)
			return false;
		return scan_items(cursor, *cursor->at++ == '{' ? '}' : ']', depth - 1);
	case '"':
		return scan_string(cursor);
	case 't':
		return scan_word(cursor, "true");
	case 'f':
		return scan_word(cursor, "false");
	case 'n':
		return scan_word(cursor, "null");
	default:
		return scan_number(cursor);
	}
}

bool wire_json_document(const char *text, size_t size_bytes, WireJson *object)
{
	Cursor cursor = {text, text + size_bytes};
	const char *start;
	const char *end;

	skip_space(&cursor);
	start = cursor.at;
	if (cursor.at == cursor.end || *cursor.at != '{' ||
	    !scan_value(&cursor, WIRE_JSON_MAX_DEPTH))
		return false;
	end = cursor.at;
	skip_space(&cursor);
	if (cursor.at != cursor.end)
		return false;
	*object = (WireJson){start, (size_t)(end - start)};
	return true;
}

bool wire_json_is_object(WireJson value)
{
	return value.size_bytes > 0 && value.text[0] == '{';
}

bool wire_json_is_string(WireJson value)
{
	return value.size_bytes > 0 && value.text[0] == '"';
}

bool wire_json_next(WireJson *rest, char key[static WIRE_JSON_KEY_MAX + 1], WireJson *value)
{
	Cursor cursor = {rest->text, rest->text + rest->size_bytes};
	WireJson name;

	skip_space(&cursor);
	if (!take(&cursor, '{') && !take(&cursor, ','))
		return false;
	skip_space(&cursor);
	name.text = cursor.at;
	if (!scan_string(&cursor))
		return false;
	name.size_bytes = (size_t)(cursor.at - name.text);
	skip_space(&cursor);
	if (!take(&cursor, ':'))
		return false;
	skip_space(&cursor);
	value->text = cursor.at;
	if (!scan_value(&cursor, WIRE_JSON_MAX_DEPTH))
		return false;
	value->size_bytes = (size_t)(cursor.at - value->text);
	if (!wire_json_string(name, key, WIRE_JSON_KEY_MAX + 1))
		key[0] = '\0';
	*rest = (WireJson){cursor.at, (size_t)(cursor.end - cursor.at)};
	return true;
}

bool wire_json_member(WireJson object, const char *key, WireJson *value)
{
	char name[WIRE_JSON_KEY_MAX + 1];
	WireJson candidate;

	if (!wire_json_is_object(object))
		return false;
	while (wire_json_next(&object, name, &candidate)) {
		if (strcmp(name, key) == 0) {
			*value = candidate;
			return true;
		}
	}
	return false;
}

static size_t put_utf8(char out[static 4], int32_t code)
{
	size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const uint8_t marks[] = {0, 0x00, 0xc0, 0xe0, 0xf0};

	for (size_t i = length - 1; i > 0; i--) {
		out[i] = (char)(uint8_t)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	out[0] = (char)(uint8_t)(marks[length] | code);
	return length;
}

/* Decodes into `out`, or only measures if it is NULL. FALSE if it has a NUL or does not fit. */
static bool decode_string(WireJson value, char *out, size_t size_bytes)
{
	Cursor cursor = {value.text + 1, value.text + value.size_bytes - 1};
	size_t length = 0;

	while (cursor.at < cursor.end) {
		char character[4];
		int32_t code = scan_character(&cursor);
		size_t bytes = code > 0 ? put_utf8(character, code) : 0;

		if (bytes == 0 || size_bytes - length <= bytes)
			return false;
		if (out != NULL)
			memcpy(out + length, character, bytes);
		length += bytes;
	}
	if (out != NULL)
		out[length] = '\0';
	return true;
}

bool wire_json_string(WireJson value, char *out, size_t size_bytes)
{
	if (!wire_json_is_string(value) || size_bytes == 0 ||
	    !decode_string(value, NULL, size_bytes))
		return false;
	return decode_string(value, out, size_bytes);
}

bool wire_json_integer(WireJson value, int64_t minimum, int64_t maximum, int64_t *out)
{
	bool negative = value.size_bytes > 0 && value.text[0] == '-';
	size_t first = negative ? 1 : 0;
	/* Gathered below zero, where the range reaches further. */
	int64_t sum = 0;

	if (value.size_bytes == first)
		return false;
	for (size_t i = first; i < value.size_bytes; i++) {
		int digit = value.text[i] - '0';

		if (!is_digit(value.text[i]) || sum < (INT64_MIN + digit) / 10)
			return false;
		sum = sum * 10 - digit;
	}
	if (!negative && sum == INT64_MIN)
		return false;
	sum = negative ? sum : -sum;
	if (sum < minimum || sum > maximum)
		return false;
	*out = sum;
	return true;
}

bool wire_json_bool(WireJson value, bool *out)
{
	if (value.size_bytes == 4 && memcmp(value.text, "true", 4) == 0)
		*out = true;
	else if (value.size_bytes == 5 && memcmp(value.text, "false", 5) == 0)
		*out = false;
	else
		return false;
	return true;
}
