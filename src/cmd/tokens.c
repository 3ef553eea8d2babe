#include "cmd/tokens.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cmd/data_folder.h"

#include <string.h>

enum {
	TOKENS_FILE_MAX_BYTES = 4096,
};

static json_t *read_tokens(const char *path, GError **error)
{
	g_autoptr(GError) fault = NULL;
	g_autoptr(GBytes) text = base_file_read(path, TOKENS_FILE_MAX_BYTES, &fault);
	json_t *all;

	if (text == NULL && g_error_matches(fault, BASE_ERROR, BASE_ERROR_NOT_FOUND))
		return json_object();
	if (text == NULL) {
		g_propagate_error(error, g_steal_pointer(&fault));
		return NULL;
	}
	all = base_json_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), error);
	if (all == NULL)
		g_prefix_error(error, "%s: ", path);
	return all;
}

gboolean cmd_tokens_load(const char *folder, char *tokens[API_PERSONA_COUNT], GError **error)
{
	g_autofree char *path = cmd_data_path(folder, "tokens.json");
	g_autoptr(json_t) all = read_tokens(path, error);
	char *text;
	gboolean written;

	if (all == NULL)
		return FALSE;
	for (int persona = API_PERSONA_VIEWER; persona < API_PERSONA_COUNT; persona++) {
		const char *name = api_persona_name((ApiPersona)persona);

		tokens[persona] = g_strdup(base_json_get_string(all, name, NULL));
		if (tokens[persona] == NULL) {
			tokens[persona] = base_random_password();
			base_json_set_string(all, name, tokens[persona]);
		}
	}
	text = base_json_dump(all, NULL);
	written = base_file_update(path, text, strlen(text), 0600, NULL, error);
	base_secret_free(text);
	return written;
}
