#include "store/store.h"

#include "base/error.h"
#include "store/internal.h"

#include <string.h>

enum {
	DEFAULT_READERS = 3,
};

void store_change_free(StoreChange *change)
{
	if (change == NULL)
		return;
	g_free(change->key);
	g_clear_pointer(&change->value, g_bytes_unref);
	g_clear_pointer(&change->previous, g_bytes_unref);
	g_free(change);
}

Store *store_open(const char *path, const StoreOptions *options, GError **error)
{
	static const StoreOptions defaults = {0};
	g_autoptr(Store) store = g_new0(Store, 1);
	g_autoptr(Database) database = NULL;
	gint64 revision = 0;
	gint64 compacted = 0;

	if (options == NULL)
		options = &defaults;
	store->path = g_strdup(path);
	store->max_readers = options->readers > 0 ? options->readers : DEFAULT_READERS;
	store->readers = g_ptr_array_new();
	g_mutex_init(&store->readers_lock);
	g_cond_init(&store->readers_free);
	g_mutex_init(&store->revisions_lock);

	database = database_open_writer(path, error);
	if (database == NULL || !database_revisions(database, &revision, &compacted, error))
		return NULL;
	store_set_revisions(store, revision, compacted);
	store->publisher = store_publisher_new(revision);
	store->writer = store_writer_new(store, g_steal_pointer(&database), options, error);
	return store->writer != NULL ? g_steal_pointer(&store) : NULL;
}

void store_close(Store *store)
{
	if (store == NULL)
		return;
	/* Readers first, so that the writer is the last connection and folds the log in. */
	for (guint i = 0; i < store->readers->len; i++)
		database_close(g_ptr_array_index(store->readers, i));
	g_ptr_array_unref(store->readers);
	store_writer_free(store->writer);
	store_publisher_free(store->publisher);
	g_mutex_clear(&store->readers_lock);
	g_cond_clear(&store->readers_free);
	g_mutex_clear(&store->revisions_lock);
	g_free(store->path);
	g_free(store);
}

void store_set_revisions(Store *store, gint64 revision, gint64 compacted)
{
	g_mutex_lock(&store->revisions_lock);
	store->revision = revision;
	store->compacted = compacted;
	g_mutex_unlock(&store->revisions_lock);
}

gint64 store_revision(Store *store)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->revisions_lock);

	return store->revision;
}

gint64 store_compacted_revision(Store *store)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&store->revisions_lock);

	return store->compacted;
}

Database *store_reader_take(Store *store, GError **error)
{
	Database *reader;

	g_mutex_lock(&store->readers_lock);
	while (store->readers->len == 0 && store->n_readers >= store->max_readers)
		g_cond_wait(&store->readers_free, &store->readers_lock);
	if (store->readers->len > 0) {
		/* The one given back last: its pages are warm. */
		reader = g_ptr_array_remove_index(store->readers, store->readers->len - 1);
		g_mutex_unlock(&store->readers_lock);
		return reader;
	}
	store->n_readers++;
	g_mutex_unlock(&store->readers_lock);

	reader = database_open_reader(store->path, error);
	if (reader == NULL) {
		g_mutex_lock(&store->readers_lock);
		store->n_readers--;
		g_cond_signal(&store->readers_free);
		g_mutex_unlock(&store->readers_lock);
	}
	return reader;
}

void store_reader_give(Store *store, Database *reader)
{
	g_mutex_lock(&store->readers_lock);
	g_ptr_array_add(store->readers, reader);
	g_cond_signal(&store->readers_free);
	g_mutex_unlock(&store->readers_lock);
}

gboolean store_get(Store *store, const char *key, StoreRecord *record, GError **error)
{
	Database *reader = store_reader_take(store, error);
	sqlite3_stmt *row;
	gboolean found = FALSE;
	int code;

	if (reader == NULL)
		return FALSE;
	row = database_statement(reader, DATABASE_GET);
	sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
	code = sqlite3_step(row);
	if (code == SQLITE_ROW) {
		database_read_record(row, record);
		found = TRUE;
	} else if (code == SQLITE_DONE) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_NOT_FOUND, "%s is not in the store",
			    key);
	} else {
		database_fail(reader, key, error);
	}
	sqlite3_reset(row);
	store_reader_give(store, reader);
	return found;
}

/* The first text after all that begin with `prefix`. */
static char *prefix_end(const char *prefix)
{
	char *end = g_strdup(prefix);
	gsize length = strlen(end);

	if (length > 0)
		end[length - 1]++;
	return end;
}

static gboolean list_rows(Database *reader, const char *from, const char *to, StoreListFunc func,
			  gpointer user_data, GError **error)
{
	sqlite3_stmt *row = database_statement(reader, DATABASE_LIST);
	gboolean go_on = TRUE;
	gboolean ok = TRUE;
	int code;

	sqlite3_bind_text(row, 1, from, -1, SQLITE_STATIC);
	sqlite3_bind_text(row, 2, to, -1, SQLITE_STATIC);
	while (go_on && (code = sqlite3_step(row)) != SQLITE_DONE) {
		g_auto(StoreRecord) record = {0};

		if (code != SQLITE_ROW) {
			ok = database_fail(reader, "listing", error);
			break;
		}
		database_read_record(row, &record);
		go_on = func(&record, user_data);
	}
	sqlite3_reset(row);
	return ok;
}

gboolean store_list(Store *store, const char *prefix, const char *after_key, StoreListFunc func,
		    gpointer user_data, gint64 *revision, GError **error)
{
	g_autofree char *to = prefix_end(prefix);
	const char *from = prefix;
	Database *reader = store_reader_take(store, error);
	gint64 newest = 0;
	gint64 compacted = 0;
	gboolean ok;

	if (reader == NULL)
		return FALSE;
	if (after_key != NULL && strcmp(after_key, prefix) > 0)
		from = after_key;
	ok = database_run(reader, DATABASE_BEGIN_READ, "listing", error);
	if (ok) {
		ok = database_revisions(reader, &newest, &compacted, error) &&
		     list_rows(reader, from, to, func, user_data, error);
		database_run(reader, DATABASE_END, "listing", NULL);
	}
	store_reader_give(store, reader);
	if (ok && revision != NULL)
		*revision = newest;
	return ok;
}

gboolean store_transact(Store *store, StoreOperation *operations, guint n_operations,
			GError **error)
{
	return store_writer_transact(store->writer, operations, n_operations, error);
}
