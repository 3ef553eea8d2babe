#include "apiserver/owners.h"

#include "apiserver/object.h"
#include "base/json.h"

#include <string.h>

struct ApiOwners {
	GMutex lock;
	GHashTable *by_uid; /* uid → GSList of keys; most owners have one dependent */
};

ApiOwners *api_owners_new(void)
{
	ApiOwners *owners = g_new0(ApiOwners, 1);

	g_mutex_init(&owners->lock);
	owners->by_uid = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	return owners;
}

void api_owners_free(ApiOwners *owners)
{
	GHashTableIter iter;
	gpointer keys;

	if (owners == NULL)
		return;
	g_hash_table_iter_init(&iter, owners->by_uid);
	while (g_hash_table_iter_next(&iter, NULL, &keys))
		g_slist_free_full(keys, g_free);
	g_hash_table_unref(owners->by_uid);
	g_mutex_clear(&owners->lock);
	g_free(owners);
}

GPtrArray *api_owners_of(GBytes *value)
{
	static const char word[] = "\"ownerReferences\"";
	GPtrArray *uids = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(json_t) metadata = NULL;
	const char *text;
	gsize size_bytes;
	gsize i;
	json_t *reference;

	if (value == NULL || !api_object_metadata_text(value, &text, &size_bytes) ||
	    memmem(text, size_bytes, word, sizeof word - 1) == NULL)
		return uids;
	metadata = api_object_decode_metadata(value);
	json_array_foreach (json_object_get(metadata, "ownerReferences"), i, reference) {
		const char *uid = base_json_get_string(reference, "uid", NULL);

		if (uid != NULL)
			g_ptr_array_add(uids, g_strdup(uid));
	}
	return uids;
}

void api_owners_add(ApiOwners *owners, const GPtrArray *uids, const char *dependent_key)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&owners->lock);

	for (guint i = 0; i < uids->len; i++) {
		const char *uid = g_ptr_array_index(uids, i);
		GSList *keys = g_hash_table_lookup(owners->by_uid, uid);

		if (g_slist_find_custom(keys, dependent_key, (GCompareFunc)strcmp) == NULL)
			g_hash_table_insert(owners->by_uid, g_strdup(uid),
					    g_slist_prepend(keys, g_strdup(dependent_key)));
	}
}

void api_owners_remove(ApiOwners *owners, const GPtrArray *uids, const char *dependent_key)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&owners->lock);

	for (guint i = 0; i < uids->len; i++) {
		const char *uid = g_ptr_array_index(uids, i);
		GSList *keys = g_hash_table_lookup(owners->by_uid, uid);
		GSList *found = g_slist_find_custom(keys, dependent_key, (GCompareFunc)strcmp);

		if (found == NULL)
			continue;
		g_free(found->data);
		keys = g_slist_delete_link(keys, found);
		if (keys != NULL)
			g_hash_table_insert(owners->by_uid, g_strdup(uid), keys);
		else
			g_hash_table_remove(owners->by_uid, uid);
	}
}

GPtrArray *api_owners_dependents(ApiOwners *owners, const char *uid)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&owners->lock);
	GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);

	for (GSList *key = g_hash_table_lookup(owners->by_uid, uid); key != NULL; key = key->next)
		g_ptr_array_add(keys, g_strdup(key->data));
	return keys;
}
