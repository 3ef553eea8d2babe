/* store/store.h — the embedded object store: keys, JSON bytes, revisions, watches. SQLite in WAL
 * mode with synchronous=FULL under one file.
 *
 * Any thread may call any function; store_transact blocks until its commit is on the disk. One
 * thread writes: while one commit is being synced, further transactions gather and share the next
 * one (group commit). Another thread tells the watches. Reading never waits for writing.
 *
 * Every change gets a revision of its own: a number that grows by one, never returns and survives a
 * restart. Superseded values are kept as history, so that a watch can resume from a revision, until
 * the history passes its limits; then the oldest is compacted, and what asks below that gets
 * STORE_ERROR_COMPACTED.
 *
 * Keys are "/<group or core>/<plural>/[<namespace>/]<name>". One process opens a file at a time;
 * the caller sees to that (its folder's lock). */
#pragma once

#include <glib.h>

#define STORE_ERROR (store_error_quark())
GQuark store_error_quark(void);

typedef enum {
	STORE_ERROR_EXISTS,    /* a create found its key taken */
	STORE_ERROR_NOT_FOUND, /* an update or delete found nothing */
	STORE_ERROR_CONFLICT,  /* the expected revision is not the present one */
	STORE_ERROR_COMPACTED, /* the revision is older than what is kept */
	STORE_ERROR_FUTURE,    /* the revision has not come yet */
	STORE_ERROR_DAMAGED,   /* SQLite found the file damaged, or it is of a newer layout */
	STORE_ERROR_CLOSED,    /* the store is being closed */
} StoreError;

enum {
	STORE_MAX_KEY_BYTES = 1024,
	STORE_MAX_VALUE_BYTES = 4 * 1024 * 1024,
	STORE_MAX_OPERATIONS = 64, /* in one transaction */
};

typedef struct Store Store;

typedef struct {
	guint history_revisions;  /* kept at least for resuming watches; 0 = 10,000 */
	guint64 history_bytes;    /* of values kept as history; 0 = 64 MiB */
	guint readers;            /* connections for reading; 0 = 3 */
	guint expiry_interval_ms; /* how often expired objects are looked for; 0 = 30 s */
} StoreOptions;

/* Opens or makes the store at `path` (mode 0600). `options` may be NULL. Returns it, yours, or NULL
 * with STORE_ERROR_DAMAGED, BASE_ERROR_NO_SPACE or BASE_ERROR_IO. */
Store *store_open(const char *path, const StoreOptions *options, GError **error);

/* Finishes what was acknowledged, ends both threads, closes. No other call may be running and all
 * watches must be stopped. NULL is nothing. */
void store_close(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_close)

/* The newest committed revision; 0 in an empty store. */
gint64 store_revision(Store *store);

/* Watches may resume after this revision or a later one. */
gint64 store_compacted_revision(Store *store);

/* One object as it is at one revision. */
typedef struct {
	char *key;
	GBytes *value;
	gint64 create_revision;
	gint64 mod_revision;
	gsize revision_at; /* see StoreOperation */
} StoreRecord;

/* Frees the fields, not the struct. */
void store_record_clear(StoreRecord *record);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(StoreRecord, store_record_clear)

/* Reads `key` into `record` (clear it). FALSE with STORE_ERROR_NOT_FOUND or BASE_ERROR_IO. */
gboolean store_get(Store *store, const char *key, StoreRecord *record, GError **error);

/* Gets each record of a list in the order of keys; the record is borrowed during the call. FALSE
 * ends the list. Must not call the store. */
typedef gboolean (*StoreListFunc)(const StoreRecord *record, gpointer user_data);

/* Calls `func` for the objects whose key begins with `prefix` and comes after `after_key` (NULL or
 * "": from the start), all as of one revision, which goes to `revision` (may be NULL). FALSE with
 * BASE_ERROR_IO. */
gboolean store_list(Store *store, const char *prefix, const char *after_key, StoreListFunc func,
		    gpointer user_data, gint64 *revision, GError **error);

typedef enum {
	STORE_CREATE, /* STORE_ERROR_EXISTS if the key is taken */
	STORE_UPDATE, /* STORE_ERROR_NOT_FOUND, STORE_ERROR_CONFLICT */
	STORE_DELETE, /* the same */
	STORE_EXPECT, /* writes nothing; the key must be there (with expected_revision) */
} StoreAction;

/* No revision is written into the value. */
#define STORE_REVISION_NOWHERE G_MAXSIZE

/* One change. All fields are borrowed until store_transact returns. */
typedef struct {
	StoreAction action;
	const char *key;
	gint64 expected_revision; /* of update, delete, expect; 0 = any */
	GBytes *value;            /* of create and update */
	gsize revision_at;        /* the store inserts the new revision's decimal digits at this
				     offset of `value`, so that the bytes it keeps are the bytes to
				     serve; a delete renews them in the last value */
	gint64 expires_wall_us;   /* deleted by the store after this wall-clock time; 0 = never */

	gint64 revision; /* out: the new revision */
	GBytes *stored;  /* out: the value with its revision, of a delete the last one; yours */
} StoreOperation;

/* Makes all changes or none. TRUE once they are on the disk. FALSE, nothing changed, with
 * STORE_ERROR_EXISTS, _NOT_FOUND, _CONFLICT or _CLOSED, BASE_ERROR_NO_SPACE, BASE_ERROR_TOO_LARGE
 * or BASE_ERROR_IO. The operations' keys must differ. Must not be called from a StoreWatchFunc. */
gboolean store_transact(Store *store, StoreOperation *operations, guint n_operations,
			GError **error);

/* One change as a watch sees it. Borrowed during the call; take references of the bytes. */
typedef struct {
	const char *key;
	gint64 revision;
	GBytes *value;    /* of a delete the last value, with the deletion's revision */
	GBytes *previous; /* NULL if created */
	gboolean deleted;
	gpointer *shared; /* a slot for the watchers: the same one for all watches of this change,
			     NULL at first; freed by the function of store_set_shared_free */
} StoreEvent;

/* Called in the order of revisions, without gaps. During store_watch on the caller's thread, later
 * on the store's own; must be quick and must not call store_transact, store_watch or
 * store_watch_stop. */
typedef void (*StoreWatchFunc)(const StoreEvent *event, gpointer user_data);

typedef struct StoreWatch StoreWatch;

/* Tells `func` of all changes after revision `after` (0 = from now on) to keys that begin with
 * `prefix`, which is "/" for all or begins with "/<group>/<plural>/". Returns the watch, yours, or
 * NULL with STORE_ERROR_COMPACTED ("… (oldest N)"), STORE_ERROR_FUTURE or BASE_ERROR_IO. */
StoreWatch *store_watch(Store *store, const char *prefix, gint64 after, StoreWatchFunc func,
			gpointer user_data, GError **error);

/* Ends and frees the watch; after it returns `func` is not running and is not called again. NULL
 * is nothing. */
void store_watch_stop(StoreWatch *watch);

/* How to free what watchers left in StoreEvent.shared. Set before the first watch. */
void store_set_shared_free(Store *store, GDestroyNotify shared_free);

/* The newest revision of which all watches have been told (or were not concerned). */
gint64 store_published_revision(Store *store);
