/* The one thread that writes. Callers queue their transactions; whatever has gathered while the
 * last commit was being synced goes into the next one. */
#include "base/clock.h"
#include "base/error.h"
#include "store/internal.h"

#include <string.h>

enum {
	GROUP_MAX_REQUESTS = 256,
	GROUP_MAX_BYTES = 8 * 1024 * 1024,
	COMPACT_STEP = 256, /* revisions in one commit */
	EXPIRE_STEP = 256,  /* objects in one commit */
	DEFAULT_HISTORY_REVISIONS = 10000,
	DEFAULT_HISTORY_BYTES = 64 * 1024 * 1024,
	DEFAULT_EXPIRY_INTERVAL_MS = 30000,
	HISTORY_SLACK_DIVISOR = 8, /* compaction begins so much above the limit */
};

/* What one store_transact waits for. Lives on its caller's stack. */
typedef struct {
	StoreOperation *operations;
	guint n_operations;
	gsize size_bytes;
	GError *error;
	gboolean done;
	GCond finished;
} Request;

struct StoreWriter {
	Store *store;
	Database *database;
	GThread *thread;
	guint history_revisions;
	guint64 history_bytes_limit;
	gint64 expiry_interval_us;

	GMutex lock;
	GCond wake;
	GQueue queue; /* of Request, borrowed */
	gboolean closing;

	/* The thread's own from here on. */
	gint64 revision;
	gint64 compacted;
	guint64 history_bytes;
	gint64 next_expiry_us;
};

/* The state of a group until its commit; dropped whole if that fails. */
typedef struct {
	gint64 revision;
	gint64 compacted;
	guint64 history_bytes;
	GPtrArray *changes; /* of StoreChange */
} Group;

static void group_reset(Group *group, const StoreWriter *writer)
{
	group->revision = writer->revision;
	group->compacted = writer->compacted;
	group->history_bytes = writer->history_bytes;
	g_ptr_array_set_size(group->changes, 0);
}

static void clear_results(Request *request)
{
	for (guint i = 0; i < request->n_operations; i++) {
		g_clear_pointer(&request->operations[i].stored, g_bytes_unref);
		request->operations[i].revision = 0;
	}
}

/* Reads what is there now; `record` stays empty where nothing is. */
static gboolean read_present(StoreWriter *writer, const char *key, StoreRecord *record,
			     GError **error)
{
	sqlite3_stmt *row = database_statement(writer->database, DATABASE_GET);
	int code;

	sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
	code = sqlite3_step(row);
	if (code == SQLITE_ROW)
		database_read_record(row, record);
	sqlite3_reset(row);
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		return database_fail(writer->database, key, error);
	return TRUE;
}

/* Whether the operation may be done on `present`. */
static gboolean operation_fits(const StoreOperation *operation, const StoreRecord *present,
			       GError **refusal)
{
	gboolean there = present->value != NULL;

	if (operation->action == STORE_CREATE && there)
		g_set_error(refusal, STORE_ERROR, STORE_ERROR_EXISTS, "%s already exists",
			    operation->key);
	else if (operation->action != STORE_CREATE && !there)
		g_set_error(refusal, STORE_ERROR, STORE_ERROR_NOT_FOUND, "%s is not in the store",
			    operation->key);
	else if (operation->action != STORE_CREATE && operation->expected_revision != 0 &&
		 operation->expected_revision != present->mod_revision)
		g_set_error(refusal, STORE_ERROR, STORE_ERROR_CONFLICT,
			    "%s is at revision %" G_GINT64_FORMAT ", not at %" G_GINT64_FORMAT,
			    operation->key, present->mod_revision, operation->expected_revision);
	else
		return TRUE;
	return FALSE;
}

static gboolean write_version(StoreWriter *writer, const StoreChange *change, gint64 previous,
			      gint64 created, gsize revision_at, GError **error)
{
	sqlite3_stmt *add = database_statement(writer->database, DATABASE_ADD_VERSION);
	gsize size_bytes;
	const void *data;

	sqlite3_bind_int64(add, 1, change->revision);
	sqlite3_bind_text(add, 2, change->key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(add, 3, previous);
	sqlite3_bind_int64(add, 4, created);
	sqlite3_bind_int64(add, 5,
			   revision_at == STORE_REVISION_NOWHERE ? -1 : (gint64)revision_at);
	if (!change->deleted) {
		data = g_bytes_get_data(change->value, &size_bytes);
		sqlite3_bind_blob64(add, 6, data, size_bytes, SQLITE_STATIC);
	}
	return database_run(writer->database, DATABASE_ADD_VERSION, change->key, error);
}

static gboolean write_current(StoreWriter *writer, const StoreChange *change,
			      gint64 expires_wall_us, GError **error)
{
	DatabaseStatement which = change->deleted ? DATABASE_DROP_CURRENT : DATABASE_SET_CURRENT;
	sqlite3_stmt *statement = database_statement(writer->database, which);

	sqlite3_bind_text(statement, 1, change->key, -1, SQLITE_STATIC);
	if (!change->deleted) {
		sqlite3_bind_int64(statement, 2, change->revision);
		sqlite3_bind_int64(statement, 3, expires_wall_us);
	}
	return database_run(writer->database, which, change->key, error);
}

/* Makes one change of which it is known that it fits. */
static gboolean apply_operation(StoreWriter *writer, Group *group, StoreOperation *operation,
				const StoreRecord *present, GError **error)
{
	StoreChange *change;
	gboolean deletes = operation->action == STORE_DELETE;
	gsize revision_at = deletes ? present->revision_at : operation->revision_at;

	if (operation->action == STORE_EXPECT) {
		operation->revision = present->mod_revision;
		operation->stored = g_bytes_ref(present->value);
		return TRUE;
	}
	change = g_new0(StoreChange, 1);
	g_ptr_array_add(group->changes, change);
	change->key = g_strdup(operation->key);
	change->deleted = deletes;
	change->revision = ++group->revision;
	change->previous = present->value != NULL ? g_bytes_ref(present->value) : NULL;
	change->value = database_stamp(deletes ? present->value : operation->value, revision_at,
				       deletes ? database_digits(present->mod_revision) : 0,
				       change->revision);
	operation->revision = change->revision;
	operation->stored = g_bytes_ref(change->value);
	if (!deletes)
		group->history_bytes += g_bytes_get_size(change->value);
	return write_version(writer, change, present->mod_revision,
			     present->value != NULL ? present->create_revision : change->revision,
			     revision_at, error) &&
	       write_current(writer, change, operation->expires_wall_us, error);
}

/* Does a request's operations or, where one does not fit, sets its error and changes nothing. FALSE
 * only if the database failed, with `error`. */
static gboolean apply_request(StoreWriter *writer, Group *group, Request *request, GError **error)
{
	StoreRecord present[STORE_MAX_OPERATIONS] = {0};
	gboolean ok = TRUE;

	for (guint i = 0; ok && request->error == NULL && i < request->n_operations; i++) {
		ok = read_present(writer, request->operations[i].key, &present[i], error);
		if (ok)
			operation_fits(&request->operations[i], &present[i], &request->error);
	}
	for (guint i = 0; ok && request->error == NULL && i < request->n_operations; i++)
		ok = apply_operation(writer, group, &request->operations[i], &present[i], error);
	for (guint i = 0; i < request->n_operations; i++)
		store_record_clear(&present[i]);
	return ok;
}

static gboolean bind_range_and_run(StoreWriter *writer, DatabaseStatement which, gint64 from,
				   gint64 to, GError **error)
{
	sqlite3_stmt *statement = database_statement(writer->database, which);

	sqlite3_bind_int64(statement, 1, from);
	if (which != DATABASE_SET_COMPACTED)
		sqlite3_bind_int64(statement, 2, to);
	return database_run(writer->database, which, "compacting the history", error);
}

static guint64 history_bytes_between(StoreWriter *writer, gint64 from, gint64 to)
{
	sqlite3_stmt *row = database_statement(writer->database, DATABASE_HISTORY_BYTES);
	guint64 size_bytes = 0;

	sqlite3_bind_int64(row, 1, from);
	sqlite3_bind_int64(row, 2, to);
	if (sqlite3_step(row) == SQLITE_ROW)
		size_bytes = (guint64)sqlite3_column_int64(row, 0);
	sqlite3_reset(row);
	return size_bytes;
}

static gboolean history_is_over(const StoreWriter *writer, const Group *group)
{
	guint revisions = writer->history_revisions;
	guint64 size_bytes = writer->history_bytes_limit;

	return group->revision - group->compacted >
		       (gint64)revisions + (gint64)(revisions / HISTORY_SLACK_DIVISOR) ||
	       group->history_bytes > size_bytes + size_bytes / HISTORY_SLACK_DIVISOR;
}

/* Takes one step's worth from the old end of a history that has grown over its limits. */
static gboolean compact_step(StoreWriter *writer, Group *group, GError **error)
{
	gint64 from = group->compacted;
	gint64 to = MIN(from + COMPACT_STEP, group->revision - 1);
	guint64 size_bytes;

	if (!history_is_over(writer, group) || to <= from)
		return TRUE;
	size_bytes = history_bytes_between(writer, from, to);
	if (!bind_range_and_run(writer, DATABASE_DROP_SUPERSEDED, from, to, error) ||
	    !bind_range_and_run(writer, DATABASE_DROP_DELETED, from, to, error) ||
	    !bind_range_and_run(writer, DATABASE_SET_COMPACTED, to, to, error))
		return FALSE;
	group->compacted = to;
	group->history_bytes -= MIN(size_bytes, group->history_bytes);
	return TRUE;
}

/* Deletes what has expired, up to a step. Whether there may be more goes to `more`. */
static gboolean expire_step(StoreWriter *writer, Group *group, gboolean *more, GError **error)
{
	g_autoptr(GPtrArray) keys = g_ptr_array_new_with_free_func(g_free);
	sqlite3_stmt *row = database_statement(writer->database, DATABASE_EXPIRED);

	sqlite3_bind_int64(row, 1, base_clock_wall_us());
	sqlite3_bind_int64(row, 2, EXPIRE_STEP);
	while (sqlite3_step(row) == SQLITE_ROW)
		g_ptr_array_add(keys, g_strdup((const char *)sqlite3_column_text(row, 0)));
	sqlite3_reset(row);
	*more = keys->len == EXPIRE_STEP;

	for (guint i = 0; i < keys->len; i++) {
		StoreOperation operation = {.action = STORE_DELETE,
					    .key = g_ptr_array_index(keys, i)};
		Request request = {.operations = &operation, .n_operations = 1};
		gboolean ok = apply_request(writer, group, &request, error);

		g_clear_pointer(&operation.stored, g_bytes_unref);
		g_clear_error(&request.error);
		if (!ok)
			return FALSE;
	}
	return TRUE;
}

static gboolean begin(StoreWriter *writer, GError **error)
{
	database_statement(writer->database, DATABASE_BEGIN_WRITE);
	return database_run(writer->database, DATABASE_BEGIN_WRITE, "writing to the store", error);
}

/* Commits and hands the changes on, or rolls back. */
static gboolean finish(StoreWriter *writer, Group *group, gboolean ok, GError **error)
{
	database_statement(writer->database, DATABASE_COMMIT);
	if (ok)
		ok = database_run(writer->database, DATABASE_COMMIT, "writing to the store", error);
	if (!ok) {
		if (!sqlite3_get_autocommit(writer->database->handle))
			database_run(writer->database, DATABASE_ROLLBACK, "undoing", NULL);
		return FALSE;
	}
	writer->revision = group->revision;
	writer->compacted = group->compacted;
	writer->history_bytes = group->history_bytes;
	store_set_revisions(writer->store, writer->revision, writer->compacted);
	return TRUE;
}

static gboolean commit_requests(StoreWriter *writer, Request **requests, guint n_requests,
				Group *group, GError **error)
{
	gboolean ok = begin(writer, error);

	group_reset(group, writer);
	for (guint i = 0; ok && i < n_requests; i++)
		ok = apply_request(writer, group, requests[i], error);
	/* A disk too full to make room must not keep the writes from being tried. */
	if (ok)
		ok = compact_step(writer, group, error);
	return finish(writer, group, ok, error);
}

static void fail_request(Request *request, const GError *error)
{
	clear_results(request);
	g_clear_error(&request->error);
	request->error = g_error_copy(error);
}

/* One request alone; its failure is its own. */
static void commit_alone(StoreWriter *writer, Request *request, Group *group)
{
	g_autoptr(GError) error = NULL;

	g_clear_error(&request->error);
	clear_results(request);
	if (commit_requests(writer, &request, 1, group, &error)) {
		store_publisher_add(writer->store->publisher, group->changes);
		return;
	}
	fail_request(request, error);
	g_ptr_array_set_size(group->changes, 0);
}

static void answer(StoreWriter *writer, Request **requests, guint n_requests)
{
	g_mutex_lock(&writer->lock);
	for (guint i = 0; i < n_requests; i++) {
		requests[i]->done = TRUE;
		g_cond_signal(&requests[i]->finished);
	}
	g_mutex_unlock(&writer->lock);
}

static void run_group(StoreWriter *writer, Request **requests, guint n_requests)
{
	g_autoptr(GError) error = NULL;
	Group group = {.changes =
			       g_ptr_array_new_with_free_func((GDestroyNotify)store_change_free)};

	if (commit_requests(writer, requests, n_requests, &group, &error)) {
		answer(writer, requests, n_requests);
		store_publisher_add(writer->store->publisher, group.changes);
	} else {
		/* One that finds no space must not take down others that do. */
		gboolean alone = g_error_matches(error, BASE_ERROR, BASE_ERROR_NO_SPACE);

		for (guint i = 0; i < n_requests; i++)
			if (alone)
				commit_alone(writer, requests[i], &group);
			else
				fail_request(requests[i], error);
		answer(writer, requests, n_requests);
	}
	g_ptr_array_unref(group.changes);
}

static void expire(StoreWriter *writer)
{
	Group group = {.changes =
			       g_ptr_array_new_with_free_func((GDestroyNotify)store_change_free)};
	gboolean more = FALSE;
	gboolean ok = begin(writer, NULL);

	group_reset(&group, writer);
	ok = ok && expire_step(writer, &group, &more, NULL) && compact_step(writer, &group, NULL);
	if (ok && group.changes->len == 0 && group.compacted == writer->compacted) {
		database_statement(writer->database, DATABASE_ROLLBACK);
		database_run(writer->database, DATABASE_ROLLBACK, "undoing", NULL);
	} else if (finish(writer, &group, ok, NULL)) {
		store_publisher_add(writer->store->publisher, group.changes);
	}
	g_ptr_array_unref(group.changes);
	writer->next_expiry_us = base_clock_monotonic_us();
	if (!ok || !more)
		writer->next_expiry_us += writer->expiry_interval_us;
}

/* Takes the next group off the queue; called with the lock held. */
static guint take_group(StoreWriter *writer, Request **requests)
{
	guint n_requests = 0;
	gsize size_bytes = 0;

	while (n_requests < GROUP_MAX_REQUESTS && !g_queue_is_empty(&writer->queue)) {
		Request *next = g_queue_peek_head(&writer->queue);

		size_bytes += next->size_bytes;
		if (n_requests > 0 && size_bytes > GROUP_MAX_BYTES)
			break;
		requests[n_requests++] = g_queue_pop_head(&writer->queue);
	}
	return n_requests;
}

static gpointer writer_thread(gpointer data)
{
	StoreWriter *writer = data;
	Request *requests[GROUP_MAX_REQUESTS];

	g_mutex_lock(&writer->lock);
	while (!writer->closing || !g_queue_is_empty(&writer->queue)) {
		guint n_requests = take_group(writer, requests);

		if (n_requests > 0) {
			g_mutex_unlock(&writer->lock);
			run_group(writer, requests, n_requests);
			g_mutex_lock(&writer->lock);
		}
		if (base_clock_monotonic_us() >= writer->next_expiry_us) {
			g_mutex_unlock(&writer->lock);
			expire(writer);
			g_mutex_lock(&writer->lock);
		}
		if (!writer->closing && g_queue_is_empty(&writer->queue))
			g_cond_wait_until(&writer->wake, &writer->lock, writer->next_expiry_us);
	}
	g_mutex_unlock(&writer->lock);
	return NULL;
}

StoreWriter *store_writer_new(Store *store, Database *database, const StoreOptions *options,
			      GError **error)
{
	StoreWriter *writer = g_new0(StoreWriter, 1);
	guint expiry_ms = options->expiry_interval_ms;

	writer->store = store;
	writer->database = database;
	writer->history_revisions = options->history_revisions > 0 ? options->history_revisions
								   : DEFAULT_HISTORY_REVISIONS;
	writer->history_bytes_limit =
		options->history_bytes > 0 ? options->history_bytes : DEFAULT_HISTORY_BYTES;
	writer->expiry_interval_us =
		(expiry_ms > 0 ? expiry_ms : DEFAULT_EXPIRY_INTERVAL_MS) * G_GINT64_CONSTANT(1000);
	writer->revision = store->revision;
	writer->compacted = store->compacted;
	writer->history_bytes = history_bytes_between(writer, writer->compacted, writer->revision);
	g_mutex_init(&writer->lock);
	g_cond_init(&writer->wake);
	g_queue_init(&writer->queue);
	writer->thread = g_thread_try_new("store-writer", writer_thread, writer, error);
	if (writer->thread == NULL)
		g_clear_pointer(&writer, store_writer_free);
	return writer;
}

void store_writer_free(StoreWriter *writer)
{
	if (writer == NULL)
		return;
	if (writer->thread != NULL) {
		g_mutex_lock(&writer->lock);
		writer->closing = TRUE;
		g_cond_signal(&writer->wake);
		g_mutex_unlock(&writer->lock);
		g_thread_join(writer->thread);
	}
	g_queue_clear(&writer->queue);
	g_mutex_clear(&writer->lock);
	g_cond_clear(&writer->wake);
	database_close(writer->database);
	g_free(writer);
}

static gboolean request_is_bounded(const Request *request, GError **error)
{
	if (request->n_operations > STORE_MAX_OPERATIONS) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
			    "a transaction of %u changes; the store takes %d",
			    request->n_operations, STORE_MAX_OPERATIONS);
		return FALSE;
	}
	for (guint i = 0; i < request->n_operations; i++) {
		const StoreOperation *operation = &request->operations[i];

		if (strlen(operation->key) > STORE_MAX_KEY_BYTES) {
			g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
				    "a key of %zu bytes; the store takes %d",
				    strlen(operation->key), STORE_MAX_KEY_BYTES);
			return FALSE;
		}
		if (operation->value != NULL &&
		    g_bytes_get_size(operation->value) > STORE_MAX_VALUE_BYTES) {
			g_set_error(error, BASE_ERROR, BASE_ERROR_TOO_LARGE,
				    "%s: a value of %zu bytes; the store takes %d", operation->key,
				    g_bytes_get_size(operation->value), STORE_MAX_VALUE_BYTES);
			return FALSE;
		}
	}
	return TRUE;
}

gboolean store_writer_transact(StoreWriter *writer, StoreOperation *operations, guint n_operations,
			       GError **error)
{
	Request request = {.operations = operations, .n_operations = n_operations};

	if (!request_is_bounded(&request, error))
		return FALSE;
	for (guint i = 0; i < n_operations; i++) {
		operations[i].revision = 0;
		operations[i].stored = NULL;
		if (operations[i].value != NULL)
			request.size_bytes += g_bytes_get_size(operations[i].value);
	}
	g_cond_init(&request.finished);
	g_mutex_lock(&writer->lock);
	if (writer->closing) {
		request.done = TRUE;
		g_set_error(&request.error, STORE_ERROR, STORE_ERROR_CLOSED,
			    "the store is being closed");
	} else {
		g_queue_push_tail(&writer->queue, &request);
		g_cond_signal(&writer->wake);
	}
	while (!request.done)
		g_cond_wait(&request.finished, &writer->lock);
	g_mutex_unlock(&writer->lock);
	g_cond_clear(&request.finished);

	if (request.error == NULL)
		return TRUE;
	g_propagate_error(error, request.error);
	return FALSE;
}
