/* store/internal.h — the parts of a Store as its files see them. Within the room only. */
#pragma once

#include "store/database.h"

/* One change between the commit and its last watcher. */
typedef struct {
	char *key;
	gint64 revision;
	GBytes *value;
	GBytes *previous;
	gboolean deleted;
} StoreChange;

void store_change_free(StoreChange *change);

typedef struct StoreWriter StoreWriter;
typedef struct StorePublisher StorePublisher;

struct Store {
	char *path;
	guint max_readers;

	GMutex readers_lock;
	GCond readers_free;
	GPtrArray *readers; /* idle Database connections */
	guint n_readers;    /* open ones, idle or not */

	gint64 revision;  /* atomic access by store_revision, set by the writer */
	gint64 compacted; /* the same */
	GMutex revisions_lock;

	StorePublisher *publisher;
	StoreWriter *writer;
};

/* Borrows a connection for reading; give it back. NULL with an error. */
Database *store_reader_take(Store *store, GError **error);
void store_reader_give(Store *store, Database *reader);

/* Sets what store_revision and store_compacted_revision say. */
void store_set_revisions(Store *store, gint64 revision, gint64 compacted);

/* The writer: its thread owns `database`. Ends after what is queued. */
StoreWriter *store_writer_new(Store *store, Database *database, const StoreOptions *options,
			      GError **error);
void store_writer_free(StoreWriter *writer);
gboolean store_writer_transact(StoreWriter *writer, StoreOperation *operations, guint n_operations,
			       GError **error);

/* The publisher: a thread that tells the watches. */
StorePublisher *store_publisher_new(gint64 revision);
void store_publisher_free(StorePublisher *publisher);

/* Takes the changes (array of StoreChange, emptied). Blocks while too many wait. */
void store_publisher_add(StorePublisher *publisher, GPtrArray *changes);
