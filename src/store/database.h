/* store/database.h — SQLite as the store uses it: one file, one layout, prepared statements, errors
 * with a code that a caller can act on. Within the room only. A connection is used by one thread at
 * a time. */
#pragma once

#include "store/store.h"

#include <sqlite3.h>

/* The statements of a connection; those that write are prepared on the writer's only. */
typedef enum {
	DATABASE_BEGIN_READ,
	DATABASE_END,
	DATABASE_REVISION, /* newest, compacted */
	DATABASE_GET,      /* by key: revision, key, created, revision_at, value, expires */
	DATABASE_LIST,     /* from, to: the same columns in the order of keys */
	DATABASE_HISTORY,  /* after: revision, key, created, revision_at, value, previous,
			      previous revision_at, previous value */
	DATABASE_READ_COUNT,
	DATABASE_BEGIN_WRITE = DATABASE_READ_COUNT,
	DATABASE_COMMIT,
	DATABASE_ROLLBACK,
	DATABASE_ADD_VERSION,
	DATABASE_SET_CURRENT,
	DATABASE_DROP_CURRENT,
	DATABASE_EXPIRED, /* now, limit: key, revision */
	DATABASE_HISTORY_BYTES,
	DATABASE_DROP_SUPERSEDED,
	DATABASE_DROP_DELETED,
	DATABASE_SET_COMPACTED,
	DATABASE_WRITE_COUNT,
} DatabaseStatement;

typedef struct {
	sqlite3 *handle;
	sqlite3_stmt *statements[DATABASE_WRITE_COUNT];
} Database;

/* Makes the file (0600) and its tables where they are missing, and a connection that may write.
 * Yours, or NULL with STORE_ERROR_DAMAGED, BASE_ERROR_NO_SPACE, BASE_ERROR_IO. */
Database *database_open_writer(const char *path, GError **error);

/* A connection for reading to a file that a writer has opened. */
Database *database_open_reader(const char *path, GError **error);

void database_close(Database *database);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Database, database_close)

/* The statement, reset and without bindings. Borrowed. */
sqlite3_stmt *database_statement(Database *database, DatabaseStatement which);

/* Runs a statement that gives no rows. FALSE with an error that begins with `what`. */
gboolean database_run(Database *database, DatabaseStatement which, const char *what,
		      GError **error);

/* Sets `error` from the connection's last failure and returns FALSE. */
gboolean database_fail(Database *database, const char *what, GError **error);

/* Reads the newest and the compacted revision. */
gboolean database_revisions(Database *database, gint64 *newest, gint64 *compacted, GError **error);

/* A column's bytes, yours; NULL for an SQL NULL. */
GBytes *database_column_bytes(sqlite3_stmt *statement, int column);

/* Fills `record` from a row of DATABASE_GET, _LIST or _HISTORY. */
void database_read_record(sqlite3_stmt *row, StoreRecord *record);

/* `value` with the decimal digits of `revision` put in at `revision_at`, over `old_digits`
 * characters that are there. Yours. */
GBytes *database_stamp(GBytes *value, gsize revision_at, gsize old_digits, gint64 revision);

/* How many characters `revision` has in decimal. */
gsize database_digits(gint64 revision);
