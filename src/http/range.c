#include "http/range.h"

#include <string.h>

/* Reads digits; FALSE if there are none or the number does not fit. */
static gboolean read_number(const char **at, guint64 *number)
{
	guint64 value = 0;
	const char *c = *at;

	if (!g_ascii_isdigit(*c))
		return FALSE;
	for (; g_ascii_isdigit(*c); c++)
		if (!g_uint64_checked_mul(&value, value, 10) ||
		    !g_uint64_checked_add(&value, value, (guint64)(*c - '0')))
			return FALSE;
	*at = c;
	*number = value;
	return TRUE;
}

static gboolean at_end(const char *at)
{
	while (*at == ' ' || *at == '\t')
		at++;
	return *at == '\0';
}

static HttpRangeKind suffix_range(const char *at, guint64 size, guint64 *first, guint64 *length)
{
	guint64 wanted;

	if (!read_number(&at, &wanted) || !at_end(at))
		return HTTP_RANGE_WHOLE;
	if (wanted == 0 || size == 0)
		return HTTP_RANGE_UNSATISFIABLE;
	*length = MIN(wanted, size);
	*first = size - *length;
	return HTTP_RANGE_PART;
}

HttpRangeKind http_range_parse(const char *text, guint64 size, guint64 *first, guint64 *length)
{
	guint64 from, to = G_MAXUINT64;

	if (text == NULL || g_ascii_strncasecmp(text, "bytes=", 6) != 0)
		return HTTP_RANGE_WHOLE;
	text += 6;
	while (*text == ' ' || *text == '\t')
		text++;
	if (*text == '-')
		return suffix_range(text + 1, size, first, length);
	if (!read_number(&text, &from) || *text++ != '-')
		return HTTP_RANGE_WHOLE;
	if (g_ascii_isdigit(*text) && (!read_number(&text, &to) || to < from))
		return HTTP_RANGE_WHOLE;
	if (!at_end(text))
		return HTTP_RANGE_WHOLE;
	if (from >= size)
		return HTTP_RANGE_UNSATISFIABLE;
	*first = from;
	*length = MIN(to, size - 1) - from + 1;
	return HTTP_RANGE_PART;
}

gboolean http_etag_matches(const char *text, const char *etag)
{
	gsize size = strlen(etag);

	if (text == NULL)
		return FALSE;
	while (*text != '\0') {
		while (*text == ' ' || *text == '\t' || *text == ',')
			text++;
		if (*text == '*')
			return TRUE;
		if (g_str_has_prefix(text, "W/"))
			text += 2;
		if (strncmp(text, etag, size) == 0 && strchr(", \t", text[size]) != NULL)
			return TRUE;
		/* To the end of this tag: commas may stand within its quotes. */
		if (*text == '"') {
			const char *end = strchr(text + 1, '"');

			text = end != NULL ? end + 1 : text + strlen(text);
		} else {
			text += strcspn(text, ",");
		}
	}
	return FALSE;
}
