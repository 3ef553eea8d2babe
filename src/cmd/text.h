/* cmd/text.h — text of others on a terminal. */
#pragma once

#include <glib.h>

/* A copy of `text` (valid UTF-8) in which control characters are written out ("\x1b"): what a
 * device or a manifest says must not move the cursor, colour what follows or look like another
 * line. With `keep_lines` line breaks and tabs stay. Yours. */
char *cmd_text_printable(const char *text, gboolean keep_lines);
