/* The store when its process is killed and when the disk is full. */
#include "base/error.h"
#include "base/file.h"
#include "store/store.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	WRITES_AT_LEAST = 2000,
	AUTHORS = 8,
	KILL_MAX_US = 50 * 1000, /* after so long at most a child is killed */
	ROUNDS_MAX = 2000,
	FULL_LIMIT_BYTES = 1024 * 1024,
};

/* What a child says on its pipe once a write was acknowledged. */
typedef struct {
	guint32 author;
	guint32 number; /* the value written to that author's key */
} Acknowledged;

typedef struct {
	Store *store;
	guint32 author;
	guint32 start;
	int pipe;
} Author;

static char *author_key(guint32 author)
{
	return g_strdup_printf("/g/things/ns/%u", author);
}

static gpointer author_thread(gpointer data)
{
	Author *author = data;
	g_autofree char *key = author_key(author->author);

	for (guint32 number = author->start;; number++) {
		g_autofree char *text = g_strdup_printf("%u", number);
		g_autoptr(GBytes) value = g_bytes_new(text, strlen(text));
		StoreOperation operation = {.action = number == 1 ? STORE_CREATE : STORE_UPDATE,
					    .key = key,
					    .value = value,
					    .revision_at = STORE_REVISION_NOWHERE};
		Acknowledged said = {author->author, number};

		if (!store_transact(author->store, &operation, 1, NULL))
			_exit(3);
		g_bytes_unref(operation.stored);
		if (write(author->pipe, &said, sizeof said) != sizeof said)
			_exit(4);
	}
	return NULL;
}

/* The child: opens the store and writes with many threads until it is killed. */
G_GNUC_NORETURN static void run_child(const char *path, const guint32 *numbers, int pipe_end)
{
	/* A small history, so that kills hit its compaction too. */
	static const StoreOptions options = {.history_revisions = 100};
	Store *store = store_open(path, &options, NULL);

	if (store == NULL)
		_exit(2);
	for (guint32 i = 0; i < AUTHORS; i++) {
		Author *author = g_new0(Author, 1);

		*author = (Author){store, i, numbers[i] + 1, pipe_end};
		g_thread_unref(g_thread_new("author", author_thread, author));
	}
	for (;;)
		pause();
}

static guint drain(int pipe_end, guint32 *acknowledged)
{
	Acknowledged said;
	guint n = 0;

	while (read(pipe_end, &said, sizeof said) == sizeof said) {
		acknowledged[said.author] = said.number;
		n++;
	}
	return n;
}

/* Opens what the killed child left: what it acknowledged is there, and at most the one write more
 * of each author that was under way. The value found goes to `numbers`. */
static void check_survivors(const char *path, guint32 *numbers)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Store) store = store_open(path, NULL, &error);

	assert_null(error);
	for (guint32 i = 0; i < AUTHORS; i++) {
		g_autofree char *key = author_key(i);
		g_auto(StoreRecord) record = {0};
		g_autofree char *text = NULL;
		guint32 found;

		if (!store_get(store, key, &record, NULL)) {
			assert_int_equal(numbers[i], 0);
			continue;
		}
		text = g_strndup(g_bytes_get_data(record.value, NULL),
				 g_bytes_get_size(record.value));
		found = (guint32)g_ascii_strtoull(text, NULL, 10);
		assert_in_range(found, numbers[i], numbers[i] + 1);
		numbers[i] = found;
	}
}

static guint run_until_killed(const char *path, guint32 *numbers, GRand *random)
{
	int ends[2];
	int status = 0;
	guint n;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[0]);
		run_child(path, numbers, ends[1]);
	}
	close(ends[1]);
	g_usleep((gulong)g_rand_int_range(random, 0, KILL_MAX_US));
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	n = drain(ends[0], numbers);
	close(ends[0]);
	return n;
}

static void loses_nothing_acknowledged_when_killed_at_random_moments(void **state)
{
	guint32 seed = g_random_int();
	GRand *random = g_rand_new_with_seed(seed);
	g_autofree char *folder = g_dir_make_tmp("espalier-kill-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "state.db", NULL);
	guint32 numbers[AUTHORS] = {0};
	guint writes = 0;
	guint kills = 0;

	(void)state;
	print_message("seed %u\n", seed);
	while (writes < WRITES_AT_LEAST && kills < ROUNDS_MAX) {
		writes += run_until_killed(path, numbers, random);
		kills++;
		check_survivors(path, numbers);
	}
	print_message("%u acknowledged writes, %u kills\n", writes, kills);
	assert_true(writes >= WRITES_AT_LEAST);
	assert_true(kills > 1);
	g_rand_free(random);
	base_tree_remove(folder, NULL);
}

static gboolean write_value(Store *store, guint number, gsize size_bytes, GError **error)
{
	g_autofree char *key = g_strdup_printf("/g/things/ns/%u", number);
	g_autofree char *text = g_strnfill(size_bytes, 'v');
	g_autoptr(GBytes) value = g_bytes_new(text, size_bytes);
	StoreOperation operation = {.action = STORE_CREATE,
				    .key = key,
				    .value = value,
				    .revision_at = STORE_REVISION_NOWHERE};
	gboolean ok = store_transact(store, &operation, 1, error);

	g_clear_pointer(&operation.stored, g_bytes_unref);
	return ok;
}

static gboolean count_record(const StoreRecord *record, gpointer user_data)
{
	guint *n = user_data;

	(void)record;
	(*n)++;
	return TRUE;
}

static guint count_records(Store *store)
{
	guint n = 0;

	assert_true(store_list(store, "/g/things/", NULL, count_record, &n, NULL, NULL));
	return n;
}

static void says_no_space_and_goes_on_reading_when_the_disk_is_full(void **state)
{
	g_autofree char *folder = g_dir_make_tmp("espalier-full-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "state.db", NULL);
	g_autoptr(GError) error = NULL;
	struct rlimit before;
	struct rlimit full;
	Store *store;
	guint written = 0;
	gint64 revision;

	(void)state;
	assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	full = before;
	full.rlim_cur = FULL_LIMIT_BYTES;
	store = store_open(path, NULL, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
	while (written < 10000 && write_value(store, written, 20000, &error))
		written++;
	revision = store_revision(store);
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_NO_SPACE));
	assert_non_null(strstr(error->message, "no space left for the store; free some"));
	assert_true(written > 10);
	assert_true(revision == written);
	assert_int_equal(count_records(store), written);
	assert_false(write_value(store, written, 200000, NULL));
	assert_int_equal(count_records(store), written);

	/* Room again, the same store goes on. */
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(write_value(store, written, 20000, NULL));
	assert_true(store_revision(store) == revision + 1);
	store_close(store);

	store = store_open(path, NULL, NULL);
	assert_int_equal(count_records(store), written + 1);
	store_close(store);
	base_tree_remove(folder, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loses_nothing_acknowledged_when_killed_at_random_moments),
		cmocka_unit_test(says_no_space_and_goes_on_reading_when_the_disk_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
