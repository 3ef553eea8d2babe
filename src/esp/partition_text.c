#include "esp/partition_text.h"

#include "esp/error.h"

#include <string.h>

enum { VARIABLE_MAX = 64 };

/* ---- Encodings ---- */

static const struct {
	const char *mark;
	gsize mark_bytes;
	const char *encoding; /* NULL: UTF-8 */
} marks[] = {
	{"\xEF\xBB\xBF", 3, NULL},       {"\xFF\xFE\0\0", 4, "UTF-32LE"},
	{"\0\0\xFE\xFF", 4, "UTF-32BE"}, {"\xFF\xFE", 2, "UTF-16LE"},
	{"\xFE\xFF", 2, "UTF-16BE"},
};

char *partition_text_utf8(const char *text, gsize size_bytes, GError **error)
{
	const char *encoding = NULL;
	g_autofree char *utf8 = NULL;
	gsize written = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(marks); i++)
		if (size_bytes >= marks[i].mark_bytes &&
		    memcmp(text, marks[i].mark, marks[i].mark_bytes) == 0) {
			encoding = marks[i].encoding;
			text += marks[i].mark_bytes;
			size_bytes -= marks[i].mark_bytes;
			break;
		}
	if (encoding != NULL)
		utf8 = g_convert(text, (gssize)size_bytes, "UTF-8", encoding, NULL, &written, NULL);
	else if (g_utf8_validate(text, (gssize)size_bytes, NULL))
		utf8 = g_strndup(text, written = size_bytes);
	if (utf8 != NULL && strlen(utf8) == written)
		return g_steal_pointer(&utf8);
	g_set_error_literal(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "partition table: neither a binary table nor CSV in UTF-8");
	return NULL;
}

/* ---- Lines and spaces ---- */

static gboolean ends_line(gunichar c)
{
	return (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
	       c == 0x2029;
}

static gboolean is_space(gunichar c)
{
	return (c >= '\t' && c <= '\r') || (c >= 0x1C && c <= 0x1F) || c == 0x85 ||
	       g_unichar_isspace(c);
}

char *partition_text_line(char **rest)
{
	char *line = *rest, *end = line, *next;

	if (*line == '\0')
		return NULL;
	while (*end != '\0' && !ends_line(g_utf8_get_char(end)))
		end = g_utf8_next_char(end);
	next = *end == '\0' ? end : g_utf8_next_char(end);
	if (end[0] == '\r' && end[1] == '\n')
		next = end + 2;
	*end = '\0';
	*rest = next;
	return line;
}

char *partition_text_strip(char *text)
{
	char *end;

	while (*text != '\0' && is_space(g_utf8_get_char(text)))
		text = g_utf8_next_char(text);
	end = text + strlen(text);
	while (end > text) {
		char *last = g_utf8_prev_char(end);

		if (!is_space(g_utf8_get_char(last)))
			break;
		end = last;
	}
	*end = '\0';
	return text;
}

/* ---- Variables ---- */

static gboolean is_name_char(char c)
{
	return g_ascii_isalnum(c) || c == '_';
}

/* The name of the variable that `dollar` begins, and where it ends. NULL if it begins none. Yours.
 */
static char *variable_name(const char *dollar, const char **after)
{
	gboolean braced = dollar[1] == '{';
	const char *start = dollar + (braced ? 2 : 1), *end = start;

	while (is_name_char(*end))
		end++;
	if (end == start || end - start > VARIABLE_MAX || (braced && *end != '}'))
		return NULL;
	*after = braced ? end + 1 : end;
	return g_strndup(start, (gsize)(end - start));
}

char *partition_text_expand(const char *text,
			    const char *(*variable)(const char *name, gpointer user_data),
			    gpointer user_data, char **unknown)
{
	g_autoptr(GString) out = g_string_new(NULL);

	while (*text != '\0') {
		const char *after = NULL, *value = NULL;
		g_autofree char *name = *text == '$' ? variable_name(text, &after) : NULL;

		if (name == NULL) {
			g_string_append_c(out, *text++);
			continue;
		}
		if (variable != NULL)
			value = variable(name, user_data);
		if (value == NULL || !g_utf8_validate(value, -1, NULL)) {
			*unknown = g_steal_pointer(&name);
			return NULL;
		}
		g_string_append(out, value);
		text = after;
	}
	return g_string_free(g_steal_pointer(&out), FALSE);
}

/* ---- Numbers ---- */

/* The base that a prefix says, and the prefix's length. */
static guint number_base(const char *text, gsize *prefix_bytes)
{
	*prefix_bytes = 2;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return 16;
	if (text[0] == '0' && (text[1] == 'o' || text[1] == 'O'))
		return 8;
	if (text[0] == '0' && (text[1] == 'b' || text[1] == 'B'))
		return 2;
	*prefix_bytes = 0;
	return 10;
}

/* Saturates. */
static gint64 times_plus(gint64 value, gint64 factor, gint64 digit)
{
	return value > (G_MAXINT64 - digit) / factor ? G_MAXINT64 : value * factor + digit;
}

/* The digits of `length` bytes: one or more, single '_' between them. In base 10 zeros lead only
 * zero. */
static gboolean parse_digits(const char *text, gsize length, guint base, gint64 *value)
{
	gboolean digit_before = base != 10; /* '_' may follow a prefix */
	gsize at = 0;

	*value = 0;
	for (; at < length; at++) {
		int digit = g_ascii_xdigit_value(text[at]);

		if (text[at] == '_') {
			if (!digit_before)
				return FALSE;
			digit_before = FALSE;
			continue;
		}
		if (digit < 0 || digit >= (int)base)
			return FALSE;
		*value = times_plus(*value, base, digit);
		digit_before = TRUE;
	}
	return length > 0 && text[length - 1] != '_' &&
	       !(base == 10 && text[0] == '0' && *value != 0);
}

gboolean partition_text_number(const char *text, gint64 *number)
{
	gsize length = strlen(text), prefix_bytes = 0;
	gint64 factor = 1, value = 0;
	gboolean negative = FALSE;
	guint base;

	for (; length > 0; length--) {
		char suffix = g_ascii_tolower(text[length - 1]);

		if (suffix != 'k' && suffix != 'm')
			break;
		factor = times_plus(factor, suffix == 'k' ? 1024 : 1024 * 1024, 0);
	}
	while (length > 0 && g_ascii_isspace(text[length - 1]))
		length--;
	if (length > 0 && (*text == '-' || *text == '+')) {
		negative = *text == '-';
		text++;
		length--;
	}
	base = number_base(text, &prefix_bytes);
	if (length < prefix_bytes ||
	    !parse_digits(text + prefix_bytes, length - prefix_bytes, base, &value))
		return FALSE;
	value = value == 0 ? 0 : times_plus(factor, value, 0);
	*number = negative ? -value : value;
	return TRUE;
}
