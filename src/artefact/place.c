#include "artefact/place_driver.h"

#include "base/file.h"

#include <string.h>
#include <unistd.h>

G_DEFINE_QUARK(artefact - error - quark, artefact_error)

enum {
	MAX_NAMESPACE_CHARS = 63,
	MAX_CLASS_CHARS = 253,
};

void artefact_version_free(ArtefactVersion *version)
{
	if (version == NULL)
		return;
	g_free(version->hash);
	g_free(version);
}

ArtefactFile *artefact_file_new(const char *name, GBytes *bytes)
{
	ArtefactFile *file = g_new0(ArtefactFile, 1);

	file->name = g_strdup(name);
	file->bytes = g_bytes_ref(bytes);
	return file;
}

void artefact_file_free(ArtefactFile *file)
{
	if (file == NULL)
		return;
	g_free(file->name);
	g_bytes_unref(file->bytes);
	g_free(file);
}

/* A DNS name in lower case: what Kubernetes accepts as a name. It cannot be "..", hold a slash or
 * begin with a dot. */
static gboolean is_dns_name(const char *name, gsize max_chars)
{
	gsize size = name != NULL ? strnlen(name, max_chars + 1) : 0;

	if (size == 0 || size > max_chars || !g_ascii_isalnum(name[0]) ||
	    !g_ascii_isalnum(name[size - 1]))
		return FALSE;
	for (gsize i = 0; i < size; i++)
		if (!g_ascii_islower(name[i]) && !g_ascii_isdigit(name[i]) && name[i] != '-' &&
		    name[i] != '.')
			return FALSE;
	return TRUE;
}

static gboolean is_hash(const char *hash)
{
	return hash != NULL && strlen(hash) == ARTEFACT_HASH_CHARS &&
	       strspn(hash, "0123456789abcdef") == ARTEFACT_HASH_CHARS;
}

gboolean artefact_key_is_valid(const ArtefactKey *key)
{
	return is_dns_name(key->space, MAX_NAMESPACE_CHARS) &&
	       is_dns_name(key->class_name, MAX_CLASS_CHARS) && is_hash(key->hash);
}

gboolean artefact_file_name_is_valid(const char *name)
{
	gsize size = strnlen(name, ARTEFACT_MAX_FILE_NAME + 1);

	if (size == 0 || size > ARTEFACT_MAX_FILE_NAME || !g_ascii_isalnum(name[0]))
		return FALSE;
	for (gsize i = 0; i < size; i++)
		if (!g_ascii_isalnum(name[i]) && strchr("._-", name[i]) == NULL)
			return FALSE;
	return TRUE;
}

static gboolean check_key(const ArtefactKey *key, GError **error)
{
	if (artefact_key_is_valid(key))
		return TRUE;
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
		    "'%s/%s/%s' does not name a bundle: it is namespace, class and 64 hex digits",
		    key->space, key->class_name, key->hash);
	return FALSE;
}

static gboolean check_names(const char *space, const char *class_name, GError **error)
{
	if (is_dns_name(space, MAX_NAMESPACE_CHARS) &&
	    (class_name == NULL || is_dns_name(class_name, MAX_CLASS_CHARS)))
		return TRUE;
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
		    "'%s/%s' is not a namespace and a class", space,
		    class_name != NULL ? class_name : "");
	return FALSE;
}

static gboolean check_file(const char *file, GError **error)
{
	if (artefact_file_name_is_valid(file))
		return TRUE;
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
		    "'%.80s' is no file name of a bundle: letters, digits and ._-, at most %d",
		    file, ARTEFACT_MAX_FILE_NAME);
	return FALSE;
}

ArtefactPlace *artefact_place_ref(ArtefactPlace *place)
{
	g_atomic_ref_count_inc(&place->references);
	return place;
}

void artefact_place_unref(ArtefactPlace *place)
{
	if (place != NULL && g_atomic_ref_count_dec(&place->references))
		place->driver->free(place);
}

gboolean artefact_place_put(ArtefactPlace *place, const ArtefactKey *key, const GPtrArray *files,
			    GError **error)
{
	if (!check_key(key, error))
		return FALSE;
	for (guint i = 0; i < files->len; i++)
		if (!check_file(((const ArtefactFile *)files->pdata[i])->name, error))
			return FALSE;
	return place->driver->put(place, key, files, error);
}

gboolean artefact_place_has(ArtefactPlace *place, const ArtefactKey *key, GError **error)
{
	return check_key(key, error) && place->driver->has(place, key, error);
}

int artefact_place_open(ArtefactPlace *place, const ArtefactKey *key, const char *file,
			guint64 *size_bytes, GError **error)
{
	if (!check_key(key, error) || !check_file(file, error))
		return -1;
	return place->driver->open(place, key, file, size_bytes, error);
}

GPtrArray *artefact_place_versions(ArtefactPlace *place, const char *space, const char *class_name,
				   GError **error)
{
	if (!check_names(space, class_name, error))
		return NULL;
	return place->driver->versions(place, space, class_name, error);
}

char **artefact_place_classes(ArtefactPlace *place, const char *space, GError **error)
{
	return check_names(space, NULL, error) ? place->driver->classes(place, space, error) : NULL;
}

gboolean artefact_place_remove(ArtefactPlace *place, const ArtefactKey *key, GError **error)
{
	return check_key(key, error) && place->driver->remove(place, key, error);
}

gboolean artefact_place_retain(ArtefactPlace *place, const char *space, const char *class_name,
			       guint keep, const char *const *in_use, guint *n_removed,
			       GError **error)
{
	g_autoptr(GPtrArray) versions = artefact_place_versions(place, space, class_name, error);
	guint removed = 0;

	if (versions == NULL)
		return FALSE;
	for (guint i = keep; i < versions->len; i++) {
		const ArtefactVersion *version = versions->pdata[i];
		ArtefactKey key = {space, class_name, version->hash};

		if (in_use != NULL && g_strv_contains(in_use, version->hash))
			continue;
		if (!artefact_place_remove(place, &key, error))
			return FALSE;
		removed++;
	}
	if (n_removed != NULL)
		*n_removed = removed;
	return TRUE;
}

gboolean artefact_place_usage(ArtefactPlace *place, guint64 *used_bytes, guint64 *n_objects,
			      GError **error)
{
	return place->driver->usage(place, used_bytes, n_objects, error);
}

gboolean artefact_place_probe(ArtefactPlace *place, GError **error)
{
	return place->driver->probe(place, error);
}

ArtefactStaged *artefact_place_stage(ArtefactPlace *place, const ArtefactKey *key, const char *file,
				     GError **error)
{
	if (!check_key(key, error) || !check_file(file, error))
		return NULL;
	return place->driver->stage(place, key, file, error);
}

int artefact_staged_fd(const ArtefactStaged *staged)
{
	return staged->fd;
}

void artefact_staged_free(ArtefactStaged *staged)
{
	if (staged == NULL)
		return;
	if (staged->temporary != NULL)
		unlink(staged->temporary);
	base_fd_close(&staged->fd);
	g_free(staged->space);
	g_free(staged->class_name);
	g_free(staged->hash);
	g_free(staged->file);
	g_free(staged->folder);
	g_free(staged->temporary);
	g_free(staged);
}

gboolean artefact_place_commit_file(ArtefactPlace *place, ArtefactStaged *staged,
				    gboolean *published, GError **error)
{
	return place->driver->commit_file(place, staged, published, error);
}

gboolean artefact_place_sweep_uploads(ArtefactPlace *place, guint older_than_s, GError **error)
{
	return place->driver->sweep_uploads(place, older_than_s, error);
}
