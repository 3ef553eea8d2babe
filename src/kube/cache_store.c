#include "kube/cache_store.h"

#include <string.h>

/* One object. The key lives as long as the entry, so indexes point at it. */
typedef struct {
	char *key;
	GBytes *bytes;
	guint round;
} Entry;

/* One value of one object in an index; the tree is sorted by value, then key. */
typedef struct {
	const char *key; /* the entry's */
	char value[];
} Pair;

typedef struct {
	char *name;
	KubeIndexFunc func;
	gpointer user_data;
	GTree *pairs; /* Pair * */
} Index;

struct KubeStore {
	const KubeResource *resource;
	char *api_version;
	GMutex lock;
	GHashTable *entries; /* key → Entry * */
	GPtrArray *indexes;  /* Index *, fixed before the first write */
	gsize bytes;
};

static void free_entry(gpointer data)
{
	Entry *entry = data;

	g_free(entry->key);
	g_bytes_unref(entry->bytes);
	g_free(entry);
}

static void free_index(gpointer data)
{
	Index *index = data;

	g_tree_unref(index->pairs);
	g_free(index->name);
	g_free(index);
}

static gint compare_pairs(gconstpointer a, gconstpointer b, gpointer user_data)
{
	const Pair *one = a, *other = b;
	int by_value = strcmp(one->value, other->value);

	(void)user_data;
	return by_value != 0 ? by_value : strcmp(one->key, other->key);
}

KubeStore *kube_store_new(const KubeResource *resource)
{
	KubeStore *store = g_new0(KubeStore, 1);

	store->resource = resource;
	store->api_version = kube_resource_api_version(resource);
	g_mutex_init(&store->lock);
	store->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_entry);
	store->indexes = g_ptr_array_new_with_free_func(free_index);
	return store;
}

void kube_store_free(KubeStore *store)
{
	if (store == NULL)
		return;
	/* Indexes first: their pairs point at the keys of entries. */
	g_ptr_array_unref(store->indexes);
	g_hash_table_unref(store->entries);
	g_mutex_clear(&store->lock);
	g_free(store->api_version);
	g_free(store);
}

void kube_store_add_index(KubeStore *store, const char *name, KubeIndexFunc func,
			  gpointer user_data)
{
	Index *index = g_new0(Index, 1);

	index->name = g_strdup(name);
	index->func = func;
	index->user_data = user_data;
	index->pairs = g_tree_new_full(compare_pairs, NULL, g_free, NULL);
	g_ptr_array_add(store->indexes, index);
}

void kube_store_change_clear(KubeStoreChange *change)
{
	g_free(change->key);
	json_decref(change->old);
	*change = (KubeStoreChange){0};
}

/* --- bytes and objects: apiVersion and kind are the same for all, so they are not kept --- */

static GBytes *pack(json_t *object)
{
	json_object_del(object, "apiVersion");
	json_object_del(object, "kind");
	return base_json_dump_bytes(object);
}

static void name_kind(KubeStore *store, json_t *object)
{
	base_json_set_string(object, "apiVersion", store->api_version);
	base_json_set_string(object, "kind", store->resource->kind);
}

static json_t *unpack(KubeStore *store, GBytes *bytes)
{
	gsize size_bytes = 0;
	const char *text = g_bytes_get_data(bytes, &size_bytes);
	json_t *object = base_json_parse_own(text, size_bytes);

	/* We printed it ourselves. */
	g_assert(object != NULL);
	name_kind(store, object);
	return object;
}

/* --- indexes --- */

static GPtrArray *values_of(const Index *index, const json_t *object)
{
	GPtrArray *values = g_ptr_array_new_with_free_func(g_free);

	if (object != NULL)
		index->func(object, values, index->user_data);
	return values;
}

static gboolean same_values(const GPtrArray *a, const GPtrArray *b)
{
	if (a->len != b->len)
		return FALSE;
	for (guint i = 0; i < a->len; i++)
		if (!g_str_equal(a->pdata[i], b->pdata[i]))
			return FALSE;
	return TRUE;
}

static Pair *new_pair(const char *value, const char *key)
{
	gsize size_bytes = strlen(value) + 1;
	Pair *pair = g_malloc(sizeof(Pair) + size_bytes);

	pair->key = key;
	memcpy(pair->value, value, size_bytes);
	return pair;
}

static void remove_pair(GTree *pairs, const char *value, const char *key)
{
	Pair *probe = new_pair(value, key);

	g_tree_remove(pairs, probe);
	g_free(probe);
}

/* Values of all indexes before and after a write, worked out without the lock. */
typedef struct {
	GPtrArray *before; /* GPtrArray * an index */
	GPtrArray *after;
} IndexChange;

static void clear_index_change(IndexChange *change)
{
	g_ptr_array_unref(change->before);
	g_ptr_array_unref(change->after);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(IndexChange, clear_index_change)

static IndexChange index_change(const KubeStore *store, const json_t *old, const json_t *now)
{
	IndexChange change = {
		.before = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref),
		.after = g_ptr_array_new_with_free_func((GDestroyNotify)g_ptr_array_unref),
	};

	for (guint i = 0; i < store->indexes->len; i++) {
		g_ptr_array_add(change.before, values_of(store->indexes->pdata[i], old));
		g_ptr_array_add(change.after, values_of(store->indexes->pdata[i], now));
	}
	return change;
}

/* Under the lock. */
static void apply_index_change(KubeStore *store, const IndexChange *change, const char *key)
{
	for (guint i = 0; i < store->indexes->len; i++) {
		GTree *pairs = ((Index *)store->indexes->pdata[i])->pairs;
		const GPtrArray *before = change->before->pdata[i];
		const GPtrArray *after = change->after->pdata[i];

		if (same_values(before, after))
			continue;
		for (guint v = 0; v < before->len; v++)
			remove_pair(pairs, before->pdata[v], key);
		/* The pair is its own key: an equal one that is there already is replaced. */
		for (guint v = 0; v < after->len; v++)
			g_tree_replace(pairs, new_pair(after->pdata[v], key), NULL);
	}
}

/* --- writes --- */

void kube_store_put(KubeStore *store, json_t *object, guint round, gboolean want_old,
		    KubeStoreChange *change)
{
	g_autofree char *key = kube_key(kube_object_namespace(object), kube_object_name(object));
	g_autoptr(GBytes) bytes = pack(object);
	Entry *entry = g_hash_table_lookup(store->entries, key);
	g_autoptr(json_t) old = NULL;

	name_kind(store, object);
	*change = (KubeStoreChange){.change = entry != NULL ? KUBE_MODIFIED : KUBE_ADDED};
	if (entry != NULL && g_bytes_equal(entry->bytes, bytes)) {
		entry->round = round;
		return;
	}
	if (entry != NULL && (want_old || store->indexes->len > 0))
		old = unpack(store, entry->bytes);
	{
		g_auto(IndexChange) indexes = index_change(store, old, object);
		G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);

		if (entry == NULL) {
			entry = g_new0(Entry, 1);
			entry->key = g_strdup(key);
			g_hash_table_insert(store->entries, entry->key, entry);
		} else {
			store->bytes -= g_bytes_get_size(entry->bytes);
			g_bytes_unref(entry->bytes);
		}
		entry->round = round;
		entry->bytes = g_bytes_ref(bytes);
		store->bytes += g_bytes_get_size(bytes);
		apply_index_change(store, &indexes, entry->key);
	}
	change->changed = TRUE;
	change->key = g_steal_pointer(&key);
	if (want_old)
		change->old = g_steal_pointer(&old);
}

void kube_store_remove(KubeStore *store, const char *key, KubeStoreChange *change)
{
	Entry *entry = g_hash_table_lookup(store->entries, key);

	*change = (KubeStoreChange){.change = KUBE_DELETED};
	if (entry == NULL)
		return;
	change->changed = TRUE;
	change->key = g_strdup(key);
	change->old = unpack(store, entry->bytes);
	{
		g_auto(IndexChange) indexes = index_change(store, change->old, NULL);
		G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);

		apply_index_change(store, &indexes, entry->key);
		store->bytes -= g_bytes_get_size(entry->bytes);
		g_hash_table_remove(store->entries, entry->key);
	}
}

GPtrArray *kube_store_stale_keys(KubeStore *store, guint round)
{
	GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer entry;

	g_hash_table_iter_init(&iter, store->entries);
	while (g_hash_table_iter_next(&iter, NULL, &entry))
		if (((Entry *)entry)->round != round)
			g_ptr_array_add(keys, g_strdup(((Entry *)entry)->key));
	return keys;
}

/* --- reads --- */

static GBytes *find_bytes(KubeStore *store, const char *key)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);
	Entry *entry = g_hash_table_lookup(store->entries, key);

	return entry != NULL ? g_bytes_ref(entry->bytes) : NULL;
}

json_t *kube_store_get(KubeStore *store, const char *key)
{
	g_autoptr(GBytes) bytes = find_bytes(store, key);

	return bytes != NULL ? unpack(store, bytes) : NULL;
}

gboolean kube_store_has(KubeStore *store, const char *key)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);

	return g_hash_table_contains(store->entries, key);
}

guint kube_store_count(KubeStore *store)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);

	return g_hash_table_size(store->entries);
}

gsize kube_store_bytes(KubeStore *store)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->lock);

	return store->bytes;
}

static gint compare_strings(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *kube_store_keys(KubeStore *store)
{
	GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);
	GHashTableIter iter;
	gpointer key;

	g_mutex_lock(&store->lock);
	g_hash_table_iter_init(&iter, store->entries);
	while (g_hash_table_iter_next(&iter, &key, NULL))
		g_ptr_array_add(keys, g_strdup(key));
	g_mutex_unlock(&store->lock);
	g_ptr_array_sort(keys, compare_strings);
	return keys;
}

/* A misspelt name would silently find nothing. */
static const Index *find_index(const KubeStore *store, const char *name)
{
	for (guint i = 0; i < store->indexes->len; i++)
		if (g_str_equal(((Index *)store->indexes->pdata[i])->name, name))
			return store->indexes->pdata[i];
	g_error("kube: there is no index '%s' of %s", name, store->resource->plural);
}

/* Calls `visit` for each key with `value`, sorted, under the lock. */
static void walk_index(KubeStore *store, const char *name, const char *value,
		       void (*visit)(const char *key, gpointer user_data), gpointer user_data)
{
	const Index *index = find_index(store, name);
	Pair *probe = new_pair(value, "");
	GTreeNode *node;

	g_mutex_lock(&store->lock);
	node = g_tree_lower_bound(index->pairs, probe);
	for (; node != NULL; node = g_tree_node_next(node)) {
		const Pair *pair = g_tree_node_key(node);

		if (!g_str_equal(pair->value, value))
			break;
		visit(pair->key, user_data);
	}
	g_mutex_unlock(&store->lock);
	g_free(probe);
}

static void collect_key(const char *key, gpointer user_data)
{
	g_ptr_array_add(user_data, g_strdup(key));
}

GPtrArray *kube_store_find(KubeStore *store, const char *index, const char *value)
{
	GPtrArray *keys = g_ptr_array_new_with_free_func(g_free);

	walk_index(store, index, value, collect_key, keys);
	return keys;
}

static void count_key(const char *key, gpointer user_data)
{
	(void)key;
	(*(guint *)user_data)++;
}

guint kube_store_find_count(KubeStore *store, const char *index, const char *value)
{
	guint count = 0;

	walk_index(store, index, value, count_key, &count);
	return count;
}

void kube_store_foreach(KubeStore *store, KubeCacheFunc func, gpointer user_data)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
	GHashTableIter iter;
	gpointer entry;

	g_mutex_lock(&store->lock);
	g_hash_table_iter_init(&iter, store->entries);
	while (g_hash_table_iter_next(&iter, NULL, &entry))
		g_ptr_array_add(all, g_bytes_ref(((Entry *)entry)->bytes));
	g_mutex_unlock(&store->lock);
	for (guint i = 0; i < all->len; i++) {
		g_autoptr(json_t) object = unpack(store, all->pdata[i]);
		const char *name_space = kube_object_namespace(object);

		func(name_space != NULL ? name_space : "", kube_object_name(object), object,
		     user_data);
	}
}
