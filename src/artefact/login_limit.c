#include "artefact/login_limit.h"

enum {
	WINDOW_US = 60 * G_USEC_PER_SEC,
};

typedef struct {
	gint64 since_us;
	guint failures;
} Entry;

struct ArtefactLoginLimit {
	guint max_failures, max_entries;
	GMutex lock;
	GHashTable *entries; /* "address user" → Entry */
};

ArtefactLoginLimit *artefact_login_limit_new(guint max_failures, guint max_entries)
{
	ArtefactLoginLimit *limit = g_new0(ArtefactLoginLimit, 1);

	limit->max_failures = max_failures;
	limit->max_entries = max_entries;
	g_mutex_init(&limit->lock);
	limit->entries = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	return limit;
}

void artefact_login_limit_free(ArtefactLoginLimit *limit)
{
	if (limit == NULL)
		return;
	g_hash_table_unref(limit->entries);
	g_mutex_clear(&limit->lock);
	g_free(limit);
}

static char *key_of(const char *address, const char *user)
{
	return g_strdup_printf("%s %.64s", address, user);
}

gboolean artefact_login_limit_allows(ArtefactLoginLimit *limit, const char *address,
				     const char *user, gint64 now_us)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&limit->lock);
	g_autofree char *key = key_of(address, user);
	const Entry *entry = g_hash_table_lookup(limit->entries, key);

	return entry == NULL || now_us - entry->since_us >= WINDOW_US ||
	       entry->failures < limit->max_failures;
}

static gboolean is_over(gpointer key, gpointer value, gpointer user_data)
{
	(void)key;
	return *(const gint64 *)user_data - ((const Entry *)value)->since_us >= WINDOW_US;
}

void artefact_login_limit_failed(ArtefactLoginLimit *limit, const char *address, const char *user,
				 gint64 now_us)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&limit->lock);
	g_autofree char *key = key_of(address, user);
	Entry *entry = g_hash_table_lookup(limit->entries, key);

	if (entry == NULL) {
		if (g_hash_table_size(limit->entries) >= limit->max_entries)
			g_hash_table_foreach_remove(limit->entries, is_over, &now_us);
		if (g_hash_table_size(limit->entries) >= limit->max_entries)
			g_hash_table_remove_all(limit->entries);
		entry = g_new0(Entry, 1);
		entry->since_us = now_us;
		g_hash_table_insert(limit->entries, g_steal_pointer(&key), entry);
	}
	if (now_us - entry->since_us >= WINDOW_US)
		*entry = (Entry){.since_us = now_us};
	entry->failures++;
}
