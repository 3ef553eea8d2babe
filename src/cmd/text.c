#include "cmd/text.h"

char *cmd_text_printable(const char *text, gboolean keep_lines)
{
	GString *printable = g_string_new(NULL);

	for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
		gunichar c = g_utf8_get_char(at);

		if (!g_unichar_iscntrl(c) || (keep_lines && (c == '\n' || c == '\t')))
			g_string_append_unichar(printable, c);
		else
			g_string_append_printf(printable, "\\x%02x", c);
	}
	return g_string_free(printable, FALSE);
}
