#include "artefact/bundle_private.h"

#include "base/embedded.h"

#include <string.h>

extern const BaseEmbeddedFile artefact_script_files[];

/* Text from the firmware goes into comments of a shell script: nothing but plain characters. */
static char *plain(const char *text)
{
	char *copy = g_strdup(text);

	for (char *c = copy; *c != '\0'; c++)
		if (!g_ascii_isalnum(*c) && strchr("._+-", *c) == NULL)
			*c = '_';
	return copy;
}

static char *parts_text(const ArtefactBundle *bundle)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < bundle->args->files->len; i++) {
		const ArtefactArgsFile *file = bundle->args->files->pdata[i];

		g_string_append_printf(text, "0x%x %s\n", file->offset_bytes, file->path);
	}
	return g_string_free(text, FALSE);
}

GBytes *artefact_flash_script_new(const ArtefactBundle *bundle)
{
	g_autofree char *project = plain(artefact_bundle_project(bundle));
	g_autofree char *version = plain(artefact_bundle_version(bundle));
	g_autofree char *parts = parts_text(bundle);
	GString *text = g_string_new(artefact_script_files[0].text);

	g_string_replace(text, "@PROJECT@", project, 0);
	g_string_replace(text, "@VERSION@", version, 0);
	g_string_replace(text, "@CHIP@", bundle->chip->name, 0);
	g_string_replace(text, "@PARTS@", parts, 0);
	return g_string_free_to_bytes(text);
}
