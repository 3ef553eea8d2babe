/* cmd/tokens.h — the bearer tokens of the personas, made once and kept in FOLDER/tokens.json
 * (0600). */
#pragma once

#include "apiserver/server.h"

/* Reads the tokens, making those that are missing. `tokens` (all NULL before) are yours: free each
 * with base_secret_free. FALSE with BASE_ERROR_*. */
gboolean cmd_tokens_load(const char *folder, char *tokens[API_PERSONA_COUNT], GError **error);
