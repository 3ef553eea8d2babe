#include "base/json.h"
#include "wire/json.h"

#include <string.h>

/* The device's JSON reader. What it takes, the server's reader takes, but for members of one name;
 * strings come out the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STRING_BYTES = 64 };

static void compare(const json_t *whole, const char *key, WireJson value)
{
	const json_t *same = json_object_get(whole, key);
	char text[STRING_BYTES];
	int64_t number = 0;
	bool truth = false;
	WireJson rest = value, member;
	char name[WIRE_JSON_KEY_MAX + 1];

	if (wire_json_string(value, text, sizeof text))
		g_assert(json_is_string(same) && strcmp(json_string_value(same), text) == 0);
	if (wire_json_integer(value, INT64_MIN, INT64_MAX, &number))
		g_assert(json_is_integer(same) && json_integer_value(same) == number);
	if (wire_json_bool(value, &truth))
		g_assert(json_is_boolean(same) && json_is_true(same) == truth);
	g_assert(wire_json_is_object(value) == json_is_object(same));
	if (wire_json_is_object(value))
		while (wire_json_next(&rest, name, &member))
			g_assert(member.text >= value.text &&
				 member.text + member.size_bytes <= value.text + value.size_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	WireJson object, rest, value;
	char key[WIRE_JSON_KEY_MAX + 1];
	g_autoptr(json_t) whole = NULL;

	if (!wire_json_document((const char *)data, size, &object))
		return 0;
	whole = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	rest = object;
	while (wire_json_next(&rest, key, &value)) {
		g_assert(strlen(key) <= WIRE_JSON_KEY_MAX);
		if (whole != NULL && key[0] != '\0')
			compare(whole, key, value);
	}
	return 0;
}
