#include "store/database.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum {
	LAYOUT_VERSION = 1,
	LAYOUT_APPLICATION = 0x45535031, /* "ESP1", so that file(1) and we know the file */
	BUSY_TIMEOUT_MS = 10000,
	LOOKASIDE_SLOT_BYTES = 256,
	LOOKASIDE_SLOTS = 64,
};

/* A value is written once: `versions` is both the history and the storehouse, `current` says which
 * version of a key is the one that counts. A new version is an append to the end of a b-tree. */
static const char layout_sql[] =
	"CREATE TABLE versions("
	"  revision INTEGER PRIMARY KEY,"
	"  key TEXT NOT NULL,"
	"  previous INTEGER NOT NULL,"
	"  created INTEGER NOT NULL,"
	"  revision_at INTEGER NOT NULL,"
	"  value BLOB);"
	"CREATE TABLE current("
	"  key TEXT PRIMARY KEY,"
	"  revision INTEGER NOT NULL,"
	"  expires INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX current_expires ON current(expires) WHERE expires > 0;"
	"CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"INSERT INTO facts VALUES('compacted', 0);";

static const char writer_pragmas_sql[] = "PRAGMA journal_mode=WAL;"
					 "PRAGMA synchronous=FULL;"
					 "PRAGMA secure_delete=FAST;"
					 "PRAGMA wal_autocheckpoint=1000;"
					 "PRAGMA journal_size_limit=8388608;"
					 "PRAGMA cache_size=-256;";

static const char reader_pragmas_sql[] = "PRAGMA query_only=ON;"
					 "PRAGMA cache_size=-128;";

#define RECORD_COLUMNS "v.revision, v.key, v.created, v.revision_at, v.value"

static const char *const statement_sql[DATABASE_WRITE_COUNT] = {
	[DATABASE_BEGIN_READ] = "BEGIN",
	[DATABASE_END] = "END",
	/* A compacted history may have lost the newest row, if that was a deletion. */
	[DATABASE_REVISION] =
		"SELECT max((SELECT ifnull(max(revision), 0) FROM versions), value), value"
		" FROM facts WHERE name = 'compacted'",
	[DATABASE_GET] = "SELECT " RECORD_COLUMNS ", c.expires FROM current c"
			 " JOIN versions v ON v.revision = c.revision WHERE c.key = ?1",
	[DATABASE_LIST] = "SELECT " RECORD_COLUMNS ", c.expires FROM current c"
			  " JOIN versions v ON v.revision = c.revision"
			  " WHERE c.key > ?1 AND c.key < ?2 ORDER BY c.key",
	[DATABASE_HISTORY] =
		"SELECT " RECORD_COLUMNS ", v.previous, p.revision_at, p.value FROM versions v"
		" LEFT JOIN versions p ON p.revision = v.previous"
		" WHERE v.revision > ?1 ORDER BY v.revision",
	[DATABASE_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[DATABASE_COMMIT] = "COMMIT",
	[DATABASE_ROLLBACK] = "ROLLBACK",
	[DATABASE_ADD_VERSION] = "INSERT INTO versions VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[DATABASE_SET_CURRENT] = "INSERT INTO current VALUES(?1, ?2, ?3) ON CONFLICT(key) DO UPDATE"
				 " SET revision = excluded.revision, expires = excluded.expires",
	[DATABASE_DROP_CURRENT] = "DELETE FROM current WHERE key = ?1",
	[DATABASE_EXPIRED] = "SELECT key, revision FROM current"
			     " WHERE expires > 0 AND expires <= ?1 ORDER BY expires LIMIT ?2",
	[DATABASE_HISTORY_BYTES] = "SELECT ifnull(sum(length(value)), 0) FROM versions"
				   " WHERE revision > ?1 AND revision <= ?2",
	/* A version goes when the one that superseded it is compacted: until then that one's
	 * watchers want to know what was before. */
	[DATABASE_DROP_SUPERSEDED] =
		"DELETE FROM versions WHERE revision IN (SELECT previous FROM versions"
		" WHERE revision > ?1 AND revision <= ?2 AND previous > 0)",
	[DATABASE_DROP_DELETED] = "DELETE FROM versions"
				  " WHERE revision > ?1 AND revision <= ?2 AND value IS NULL",
	[DATABASE_SET_COMPACTED] = "UPDATE facts SET value = ?1 WHERE name = 'compacted'",
};

G_DEFINE_QUARK(espalier - store - error, store_error)

gboolean database_fail(Database *database, const char *what, GError **error)
{
	/* SQLite calls a file at its size limit a write error and keeps no errno of a commit. */
	int thread_errno = errno;
	int code = sqlite3_errcode(database->handle);
	int system_errno = sqlite3_system_errno(database->handle);

	if (system_errno == 0 && code == SQLITE_IOERR)
		system_errno = thread_errno;
	if (code == SQLITE_FULL || system_errno == ENOSPC || system_errno == EDQUOT ||
	    system_errno == EFBIG)
		g_set_error(error, BASE_ERROR, BASE_ERROR_NO_SPACE,
			    "%s: no space left for the store; free some and try again", what);
	else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED,
			    "%s: the store's file is damaged (%s); restore it from a backup", what,
			    sqlite3_errmsg(database->handle));
	else
		g_set_error(error, BASE_ERROR, BASE_ERROR_IO, "%s: %s", what,
			    sqlite3_errmsg(database->handle));
	return FALSE;
}

static gboolean execute(Database *database, const char *sql, const char *what, GError **error)
{
	if (sqlite3_exec(database->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		return database_fail(database, what, error);
	return TRUE;
}

static gboolean read_pragma(Database *database, const char *sql, gint64 *value, const char *what,
			    GError **error)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*value = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? TRUE : database_fail(database, what, error);
}

static gboolean make_layout(Database *database, const char *path, GError **error)
{
	g_autofree char *sql = NULL;
	gint64 version = 0;
	gint64 application = 0;

	if (!read_pragma(database, "PRAGMA user_version", &version, path, error) ||
	    !read_pragma(database, "PRAGMA application_id", &application, path, error))
		return FALSE;
	if (version == LAYOUT_VERSION && application == LAYOUT_APPLICATION)
		return TRUE;
	if (version != 0 || application != 0) {
		g_set_error(error, STORE_ERROR, STORE_ERROR_DAMAGED,
			    "%s: layout %" G_GINT64_FORMAT
			    " is not one that this version knows (it knows %d); use the "
			    "version that wrote it",
			    path, version, LAYOUT_VERSION);
		return FALSE;
	}
	sql = g_strdup_printf("BEGIN IMMEDIATE; %s PRAGMA application_id=%d;"
			      " PRAGMA user_version=%d; COMMIT;",
			      layout_sql, LAYOUT_APPLICATION, LAYOUT_VERSION);
	return execute(database, sql, path, error);
}

static gboolean prepare(Database *database, guint n_statements, const char *path, GError **error)
{
	for (guint i = 0; i < n_statements; i++)
		if (sqlite3_prepare_v3(database->handle, statement_sql[i], -1,
				       SQLITE_PREPARE_PERSISTENT, &database->statements[i],
				       NULL) != SQLITE_OK)
			return database_fail(database, path, error);
	return TRUE;
}

static gpointer configure_once(gpointer data)
{
	/* Counting every allocation costs a lock that all connections share. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	return data;
}

static Database *connect_to(const char *path, GError **error)
{
	static GOnce once = G_ONCE_INIT;
	g_autoptr(Database) database = g_new0(Database, 1);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

	g_once(&once, configure_once, NULL);
	if (sqlite3_open_v2(path, &database->handle, flags, NULL) != SQLITE_OK) {
		database_fail(database, path, error);
		return NULL;
	}
	sqlite3_db_config(database->handle, SQLITE_DBCONFIG_LOOKASIDE, NULL, LOOKASIDE_SLOT_BYTES,
			  LOOKASIDE_SLOTS);
	sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
	return g_steal_pointer(&database);
}

Database *database_open_writer(const char *path, GError **error)
{
	g_autoptr(Database) database = NULL;
	/* SQLite gives its side files the mode of the main one. */
	g_auto(BaseFd) fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		base_error_set_errno(error, errno, "opening the store %s", path);
		return NULL;
	}
	/* Closed before SQLite opens the file: closing it later would drop SQLite's locks. */
	base_fd_close(&fd);
	database = connect_to(path, error);
	if (database == NULL || !execute(database, writer_pragmas_sql, path, error) ||
	    !make_layout(database, path, error) ||
	    !prepare(database, DATABASE_WRITE_COUNT, path, error))
		return NULL;
	return g_steal_pointer(&database);
}

Database *database_open_reader(const char *path, GError **error)
{
	g_autoptr(Database) database = connect_to(path, error);

	if (database == NULL || !execute(database, reader_pragmas_sql, path, error) ||
	    !prepare(database, DATABASE_READ_COUNT, path, error))
		return NULL;
	return g_steal_pointer(&database);
}

void database_close(Database *database)
{
	if (database == NULL)
		return;
	for (guint i = 0; i < DATABASE_WRITE_COUNT; i++)
		sqlite3_finalize(database->statements[i]);
	sqlite3_close(database->handle);
	g_free(database);
}

sqlite3_stmt *database_statement(Database *database, DatabaseStatement which)
{
	sqlite3_stmt *statement = database->statements[which];

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return statement;
}

gboolean database_run(Database *database, DatabaseStatement which, const char *what, GError **error)
{
	sqlite3_stmt *statement = database->statements[which];
	gboolean ok;

	errno = 0;
	ok = sqlite3_step(statement) == SQLITE_DONE || database_fail(database, what, error);
	sqlite3_reset(statement);
	return ok;
}

gboolean database_revisions(Database *database, gint64 *newest, gint64 *compacted, GError **error)
{
	sqlite3_stmt *row = database_statement(database, DATABASE_REVISION);

	if (sqlite3_step(row) != SQLITE_ROW)
		return database_fail(database, "reading the revision", error);
	*newest = sqlite3_column_int64(row, 0);
	*compacted = sqlite3_column_int64(row, 1);
	sqlite3_reset(row);
	return TRUE;
}

GBytes *database_column_bytes(sqlite3_stmt *statement, int column)
{
	const void *data;

	if (sqlite3_column_type(statement, column) == SQLITE_NULL)
		return NULL;
	data = sqlite3_column_blob(statement, column);
	return g_bytes_new(data, (gsize)sqlite3_column_bytes(statement, column));
}

void database_read_record(sqlite3_stmt *row, StoreRecord *record)
{
	gint64 revision_at = sqlite3_column_int64(row, 3);

	record->mod_revision = sqlite3_column_int64(row, 0);
	record->key = g_strdup((const char *)sqlite3_column_text(row, 1));
	record->create_revision = sqlite3_column_int64(row, 2);
	record->revision_at = revision_at < 0 ? STORE_REVISION_NOWHERE : (gsize)revision_at;
	record->value = database_column_bytes(row, 4);
}

void store_record_clear(StoreRecord *record)
{
	g_clear_pointer(&record->key, g_free);
	g_clear_pointer(&record->value, g_bytes_unref);
}

gsize database_digits(gint64 revision)
{
	gsize digits = 1;

	while (revision >= 10) {
		revision /= 10;
		digits++;
	}
	return digits;
}

GBytes *database_stamp(GBytes *value, gsize revision_at, gsize old_digits, gint64 revision)
{
	char digits[24];
	gsize size_bytes;
	const char *data = g_bytes_get_data(value, &size_bytes);
	gsize new_digits;
	char *stamped;

	if (revision_at == STORE_REVISION_NOWHERE || revision_at + old_digits > size_bytes)
		return g_bytes_ref(value);
	new_digits = (gsize)g_snprintf(digits, sizeof digits, "%" G_GINT64_FORMAT, revision);
	stamped = g_malloc(size_bytes - old_digits + new_digits);
	memcpy(stamped, data, revision_at);
	memcpy(stamped + revision_at, digits, new_digits);
	memcpy(stamped + revision_at + new_digits, data + revision_at + old_digits,
	       size_bytes - revision_at - old_digits);
	return g_bytes_new_take(stamped, size_bytes - old_digits + new_digits);
}
