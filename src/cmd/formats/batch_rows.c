#include "cmd/formats/batch_rows.h"

enum {
	BLOCK_ROWS = 32,
	BLOCK_BYTES = 256 * 1024,
	ROW_KEPT_BYTES = 64 * 1024, /* memory of a larger row is given back at once */
	BLOCKS_A_WORKER = 4,
};

typedef struct {
	EspNvsMfgRow *rows[BLOCK_ROWS];
	guint n;
	gsize size_bytes;
	gboolean is_last; /* the worker that gets it ends */
} Block;

typedef struct {
	const EspNvsMfgValues *values;
	const BatchRowsWork *work;
	GAsyncQueue *todo, *idle; /* Block */
	GMutex lock;
	guint64 failed_row; /* the first one with an error; 0: none */
	GError *error;      /* its */
} Pool;

typedef struct {
	Pool *pool;
	guint number;
} Worker;

static Block *block_new(void)
{
	Block *block = g_new0(Block, 1);

	for (guint i = 0; i < BLOCK_ROWS; i++)
		block->rows[i] = esp_nvs_mfg_row_new();
	return block;
}

static void block_free(gpointer data)
{
	Block *block = data;

	for (guint i = 0; i < BLOCK_ROWS; i++)
		esp_nvs_mfg_row_free(block->rows[i]);
	g_free(block);
}

static void block_reset(Block *block)
{
	for (guint i = 0; i < block->n; i++)
		if (esp_nvs_mfg_row_bytes(block->rows[i]) > ROW_KEPT_BYTES) {
			esp_nvs_mfg_row_free(block->rows[i]);
			block->rows[i] = esp_nvs_mfg_row_new();
		}
	block->n = 0;
	block->size_bytes = 0;
}

/* Keeps the error of the earliest row. Takes `error`. */
static void fail(Pool *pool, guint64 row, GError *error)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&pool->lock);

	if (pool->failed_row != 0 && pool->failed_row <= row) {
		g_error_free(error);
		return;
	}
	g_clear_error(&pool->error);
	pool->error = error;
	pool->failed_row = row;
}

static gboolean has_failed(Pool *pool)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&pool->lock);

	return pool->failed_row != 0;
}

static gpointer run_worker(gpointer data)
{
	const Worker *worker = data;
	Pool *pool = worker->pool;

	for (;;) {
		Block *block = g_async_queue_pop(pool->todo);
		gboolean is_last = block->is_last;

		for (guint i = 0; i < block->n; i++) {
			GError *error = NULL;

			if (!pool->work->work(pool->values, block->rows[i], worker->number,
					      pool->work->user_data, &error)) {
				fail(pool, esp_nvs_mfg_row_number(block->rows[i]), error);
				break;
			}
		}
		block_reset(block);
		block->is_last = FALSE;
		g_async_queue_push(pool->idle, block);
		if (is_last)
			return NULL;
	}
}

/* Hands a block to the workers and takes an idle one. */
static Block *hand_over(Pool *pool, Block *block)
{
	g_async_queue_push(pool->todo, block);
	return g_async_queue_pop(pool->idle);
}

/* Reads rows until there are no more, or one fails. Returns the block in the making. */
static Block *read_rows(Pool *pool, EspNvsMfgValues *values, guint64 *n_rows)
{
	Block *block = g_async_queue_pop(pool->idle);

	while (!has_failed(pool)) {
		EspNvsMfgRow *row = block->rows[block->n];
		BatchVerdict verdict = BATCH_STOP;
		GError *error = NULL;

		if (esp_nvs_mfg_next(values, row, &error)) {
			if (esp_nvs_mfg_row_number(row) == 0)
				break;
			verdict = pool->work->admit(row, block->n == 0, pool->work->user_data,
						    &error);
		}
		if (verdict == BATCH_LATER) {
			Block *next = g_async_queue_pop(pool->idle);

			block->rows[block->n] = next->rows[0];
			next->rows[0] = row;
			g_async_queue_push(pool->todo, block);
			block = next;
			verdict = pool->work->admit(row, TRUE, pool->work->user_data, &error);
		}
		if (verdict == BATCH_STOP) {
			g_prefix_error(&error, "%s: ", pool->work->values_name);
			fail(pool, *n_rows + 1, error);
			break;
		}
		(*n_rows)++;
		if (verdict == BATCH_SKIP)
			continue;
		block->size_bytes += esp_nvs_mfg_row_bytes(row);
		block->n++;
		if (block->n == BLOCK_ROWS || block->size_bytes >= BLOCK_BYTES)
			block = hand_over(pool, block);
	}
	return block;
}

gboolean batch_rows_each(EspNvsMfgValues *values, guint n_workers, const BatchRowsWork *work,
			 guint64 *n_rows, GError **error)
{
	Pool pool = {.values = values,
		     .work = work,
		     .todo = g_async_queue_new(),
		     .idle = g_async_queue_new_full(block_free)};
	g_autofree Worker *workers = g_new(Worker, n_workers);
	g_autofree GThread **threads = g_new(GThread *, n_workers);
	Block *block;

	g_mutex_init(&pool.lock);
	for (guint i = 0; i < n_workers * BLOCKS_A_WORKER + 1; i++)
		g_async_queue_push(pool.idle, block_new());
	for (guint i = 0; i < n_workers; i++) {
		workers[i] = (Worker){&pool, i};
		threads[i] = g_thread_new("batch", run_worker, &workers[i]);
	}
	*n_rows = 0;
	block = read_rows(&pool, values, n_rows);
	for (guint i = 0; i < n_workers; i++) {
		block->is_last = TRUE;
		block = hand_over(&pool, block);
	}
	for (guint i = 0; i < n_workers; i++)
		g_thread_join(threads[i]);
	block_free(block);
	g_async_queue_unref(pool.todo);
	g_async_queue_unref(pool.idle);
	g_mutex_clear(&pool.lock);
	if (pool.error == NULL)
		return TRUE;
	g_propagate_error(error, pool.error);
	return FALSE;
}
