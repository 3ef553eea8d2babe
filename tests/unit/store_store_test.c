/* The store by itself: transactions, revisions, lists, watches, history, expiry. */
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
	WAIT_MAX_US = 20 * 1000 * 1000,
	WATCHERS = 1000,
};

typedef struct {
	char *folder;
	char *path;
	Store *store;
} Fixture;

static void open_store(Fixture *fixture, const StoreOptions *options)
{
	g_autoptr(GError) error = NULL;

	fixture->store = store_open(fixture->path, options, &error);
	assert_null(error);
	assert_non_null(fixture->store);
}

static void reopen_store(Fixture *fixture, const StoreOptions *options)
{
	g_clear_pointer(&fixture->store, store_close);
	open_store(fixture, options);
}

static int set_up(void **state)
{
	Fixture *fixture = g_new0(Fixture, 1);

	fixture->folder = g_dir_make_tmp("espalier-store-XXXXXX", NULL);
	fixture->path = g_build_filename(fixture->folder, "state.db", NULL);
	open_store(fixture, NULL);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	Fixture *fixture = *state;

	store_close(fixture->store);
	base_tree_remove(fixture->folder, NULL);
	g_free(fixture->folder);
	g_free(fixture->path);
	g_free(fixture);
	return 0;
}

/* Makes one change; returns the new revision, or 0 and moves the error out. */
static gint64 change(Store *store, StoreAction action, const char *key, const char *value,
		     gint64 expected, GError **error)
{
	g_autoptr(GBytes) bytes = value != NULL ? g_bytes_new(value, strlen(value)) : NULL;
	StoreOperation operation = {
		.action = action,
		.key = key,
		.value = bytes,
		.expected_revision = expected,
		.revision_at = STORE_REVISION_NOWHERE,
	};

	if (!store_transact(store, &operation, 1, error))
		return 0;
	g_bytes_unref(operation.stored);
	return operation.revision;
}

static gint64 put(Store *store, StoreAction action, const char *key, const char *value)
{
	g_autoptr(GError) error = NULL;
	gint64 revision = change(store, action, key, value, 0, &error);

	assert_null(error);
	return revision;
}

static char *value_of(Store *store, const char *key)
{
	g_auto(StoreRecord) record = {0};

	if (!store_get(store, key, &record, NULL))
		return NULL;
	return g_strndup(g_bytes_get_data(record.value, NULL), g_bytes_get_size(record.value));
}

static void assert_value(Store *store, const char *key, const char *expected)
{
	g_autofree char *value = value_of(store, key);

	assert_non_null(value);
	assert_string_equal(value, expected);
}

/* What a watch has been told, as text: "+key=value@revision previous;" */
typedef struct {
	GMutex lock;
	GString *text;
	guint n_events;
} Told;

static void told_init(Told *told)
{
	g_mutex_init(&told->lock);
	told->text = g_string_new(NULL);
	told->n_events = 0;
}

static void told_clear(Told *told)
{
	g_mutex_clear(&told->lock);
	g_string_free(told->text, TRUE);
}

static void append_bytes(GString *text, GBytes *bytes)
{
	if (bytes != NULL)
		g_string_append_len(text, g_bytes_get_data(bytes, NULL),
				    (gssize)g_bytes_get_size(bytes));
}

static void tell(const StoreEvent *event, gpointer user_data)
{
	Told *told = user_data;

	g_mutex_lock(&told->lock);
	g_string_append(told->text, event->deleted ? "-" : event->previous != NULL ? "~" : "+");
	g_string_append_printf(told->text, "%s=", event->key);
	append_bytes(told->text, event->value);
	g_string_append_printf(told->text, "@%" G_GINT64_FORMAT " ", event->revision);
	append_bytes(told->text, event->previous);
	g_string_append_c(told->text, ';');
	told->n_events++;
	g_mutex_unlock(&told->lock);
}

static void wait_published(Store *store, gint64 revision)
{
	gint64 end = g_get_monotonic_time() + WAIT_MAX_US;

	while (store_published_revision(store) < revision && g_get_monotonic_time() < end)
		g_usleep(500);
	assert_true(store_published_revision(store) >= revision);
}

static void keeps_what_was_created_over_a_restart(void **state)
{
	Fixture *fixture = *state;
	gint64 first = put(fixture->store, STORE_CREATE, "/g/things/ns/a", "one");
	gint64 second = put(fixture->store, STORE_UPDATE, "/g/things/ns/a", "two");

	assert_true(second == first + 1);
	reopen_store(fixture, NULL);
	assert_value(fixture->store, "/g/things/ns/a", "two");
	assert_true(store_revision(fixture->store) == second);
	assert_true(put(fixture->store, STORE_CREATE, "/g/things/ns/b", "x") == second + 1);
}

static void refuses_what_does_not_fit(void **state)
{
	static const struct {
		StoreAction action;
		const char *key;
		gint64 expected;
		int code;
		const char *message;
	} cases[] = {
		{STORE_CREATE, "/g/things/a", 0, STORE_ERROR_EXISTS, "/g/things/a already exists"},
		{STORE_UPDATE, "/g/things/b", 0, STORE_ERROR_NOT_FOUND,
		 "/g/things/b is not in the store"},
		{STORE_DELETE, "/g/things/b", 0, STORE_ERROR_NOT_FOUND,
		 "/g/things/b is not in the store"},
		{STORE_UPDATE, "/g/things/a", 77, STORE_ERROR_CONFLICT,
		 "/g/things/a is at revision 1, not at 77"},
		{STORE_DELETE, "/g/things/a", 77, STORE_ERROR_CONFLICT,
		 "/g/things/a is at revision 1, not at 77"},
	};
	Fixture *fixture = *state;

	put(fixture->store, STORE_CREATE, "/g/things/a", "one");
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autoptr(GError) error = NULL;

		assert_true(change(fixture->store, cases[i].action, cases[i].key, "v",
				   cases[i].expected, &error) == 0);
		assert_true(g_error_matches(error, STORE_ERROR, cases[i].code));
		assert_string_equal(error->message, cases[i].message);
	}
	assert_value(fixture->store, "/g/things/a", "one");
	assert_true(store_revision(fixture->store) == 1);
}

static void writes_all_of_a_transaction_or_nothing(void **state)
{
	Fixture *fixture = *state;
	g_autoptr(GBytes) value = g_bytes_new_static("v", 1);
	g_autoptr(GError) error = NULL;
	StoreOperation operations[] = {
		{.action = STORE_CREATE,
		 .key = "/g/things/a",
		 .value = value,
		 .revision_at = STORE_REVISION_NOWHERE},
		{.action = STORE_EXPECT, .key = "/core/namespaces/ns"},
	};

	assert_false(store_transact(fixture->store, operations, 2, &error));
	assert_true(g_error_matches(error, STORE_ERROR, STORE_ERROR_NOT_FOUND));
	assert_null(value_of(fixture->store, "/g/things/a"));

	put(fixture->store, STORE_CREATE, "/core/namespaces/ns", "{}");
	assert_true(store_transact(fixture->store, operations, 2, NULL));
	assert_true(operations[1].revision == 1 && operations[0].revision == 2);
	for (gsize i = 0; i < G_N_ELEMENTS(operations); i++)
		g_bytes_unref(operations[i].stored);
	assert_value(fixture->store, "/g/things/a", "v");
}

static void writes_the_revision_into_the_value(void **state)
{
	Fixture *fixture = *state;
	Told told;
	StoreWatch *watch;
	g_autoptr(GBytes) value = g_bytes_new_static("{\"rv\":\"\",\"x\":1}", 15);
	StoreOperation operation = {
		.action = STORE_CREATE, .key = "/g/things/a", .value = value, .revision_at = 7};

	for (guint i = 0; i < 9; i++) {
		g_autofree char *key = g_strdup_printf("/g/others/%u", i);

		put(fixture->store, STORE_CREATE, key, "x");
	}
	told_init(&told);
	watch = store_watch(fixture->store, "/g/things/", 0, tell, &told, NULL);
	assert_true(store_transact(fixture->store, &operation, 1, NULL));
	assert_memory_equal(g_bytes_get_data(operation.stored, NULL), "{\"rv\":\"10\",\"x\":1}",
			    17);
	g_bytes_unref(operation.stored);
	assert_value(fixture->store, "/g/things/a", "{\"rv\":\"10\",\"x\":1}");

	/* The last value of a deleted object carries the deletion's revision. */
	wait_published(fixture->store, put(fixture->store, STORE_DELETE, "/g/things/a", NULL));
	store_watch_stop(watch);
	assert_string_equal(told.text->str, "+/g/things/a={\"rv\":\"10\",\"x\":1}@10 ;"
					    "-/g/things/a={\"rv\":\"11\",\"x\":1}@11 "
					    "{\"rv\":\"10\",\"x\":1};");
	told_clear(&told);
}

typedef struct {
	GString *keys;
	guint left;
} Listed;

static gboolean list_key(const StoreRecord *record, gpointer user_data)
{
	Listed *listed = user_data;

	g_string_append_printf(listed->keys, "%s ", record->key);
	return --listed->left > 0;
}

static void lists_by_prefix_in_the_order_of_keys(void **state)
{
	static const struct {
		const char *prefix;
		const char *after;
		guint limit;
		const char *keys;
	} cases[] = {
		{"/g/things/", NULL, 99, "/g/things/a/1 /g/things/a/2 /g/things/b/1 "},
		{"/g/things/a/", NULL, 99, "/g/things/a/1 /g/things/a/2 "},
		{"/g/things/", NULL, 2, "/g/things/a/1 /g/things/a/2 "},
		{"/g/things/", "/g/things/a/2", 2, "/g/things/b/1 "},
		{"/g/things/", "/g/things/a/1x", 1, "/g/things/a/2 "},
		{"/g/things/c/", NULL, 99, ""},
	};
	static const char *const keys[] = {"/g/things/b/1", "/g/things/a/2", "/g/thing/x",
					   "/g/things0", "/g/things/a/1"};
	Fixture *fixture = *state;

	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
		put(fixture->store, STORE_CREATE, keys[i], "v");
	for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
		Listed listed = {g_string_new(NULL), cases[i].limit};
		gint64 revision = 0;

		assert_true(store_list(fixture->store, cases[i].prefix, cases[i].after, list_key,
				       &listed, &revision, NULL));
		assert_string_equal(listed.keys->str, cases[i].keys);
		assert_true(revision == G_N_ELEMENTS(keys));
		g_string_free(listed.keys, TRUE);
	}
}

static void resumes_a_watch_after_any_revision_without_gaps(void **state)
{
	Fixture *fixture = *state;
	gint64 last = 0;

	for (guint i = 0; i < 20; i++) {
		g_autofree char *value = g_strdup_printf("%u", i);

		last = put(fixture->store, i == 0 ? STORE_CREATE : STORE_UPDATE, "/g/things/a",
			   value);
	}
	put(fixture->store, STORE_CREATE, "/g/others/a", "x");
	last = put(fixture->store, STORE_DELETE, "/g/things/a", NULL);
	reopen_store(fixture, NULL);
	for (gint64 after = 1; after <= last; after++) {
		Told told;
		StoreWatch *watch;

		told_init(&told);
		watch = store_watch(fixture->store, "/g/things/", after, tell, &told, NULL);
		assert_non_null(watch);
		store_watch_stop(watch);
		/* One revision of the 22 is of another kind. */
		assert_int_equal(told.n_events, last - after - (after < 21 ? 1 : 0));
		if (after < last)
			assert_non_null(strstr(told.text->str, "-/g/things/a=19@22 19;"));
		told_clear(&told);
	}
}

static void refuses_a_watch_from_what_is_compacted_or_to_come(void **state)
{
	static const StoreOptions small = {.history_revisions = 40};
	Fixture *fixture = *state;
	g_autoptr(GError) old = NULL;
	g_autoptr(GError) future = NULL;
	Told told;
	StoreWatch *watch;
	gint64 compacted;

	reopen_store(fixture, &small);
	put(fixture->store, STORE_CREATE, "/g/things/kept", "kept");
	put(fixture->store, STORE_CREATE, "/g/things/gone", "gone");
	put(fixture->store, STORE_DELETE, "/g/things/gone", NULL);
	put(fixture->store, STORE_CREATE, "/g/things/a", "v");
	for (guint i = 0; i < 1000; i++)
		put(fixture->store, STORE_UPDATE, "/g/things/a", "v");
	compacted = store_compacted_revision(fixture->store);
	assert_in_range(store_revision(fixture->store) - compacted, 1, 46);
	assert_value(fixture->store, "/g/things/kept", "kept");
	assert_value(fixture->store, "/g/things/a", "v");
	assert_null(value_of(fixture->store, "/g/things/gone"));

	told_init(&told);
	assert_null(store_watch(fixture->store, "/g/things/", 3, tell, &told, &old));
	assert_true(g_error_matches(old, STORE_ERROR, STORE_ERROR_COMPACTED));
	assert_true(g_str_has_prefix(old->message, "too old resource version: 3 ("));
	assert_null(store_watch(fixture->store, "/g/things/", 5000, tell, &told, &future));
	assert_true(g_error_matches(future, STORE_ERROR, STORE_ERROR_FUTURE));
	assert_int_equal(told.n_events, 0);

	watch = store_watch(fixture->store, "/g/things/", compacted, tell, &told, NULL);
	assert_non_null(watch);
	store_watch_stop(watch);
	assert_int_equal(told.n_events, store_revision(fixture->store) - compacted);
	told_clear(&told);
}

static void bounds_the_history_by_bytes(void **state)
{
	static const StoreOptions small = {.history_bytes = 100 * 1000};
	Fixture *fixture = *state;
	g_autofree char *value = g_strnfill(10 * 1000, 'x');

	reopen_store(fixture, &small);
	put(fixture->store, STORE_CREATE, "/g/things/a", value);
	for (guint i = 0; i < 100; i++)
		put(fixture->store, STORE_UPDATE, "/g/things/a", value);
	assert_true(store_compacted_revision(fixture->store) > 80);
}

static void keeps_the_revision_when_the_newest_change_is_compacted(void **state)
{
	static const StoreOptions small = {.history_revisions = 1};
	Fixture *fixture = *state;
	gint64 last = 0;

	reopen_store(fixture, &small);
	for (guint i = 0; i < 10; i++) {
		put(fixture->store, STORE_CREATE, "/g/things/a", "v");
		last = put(fixture->store, STORE_DELETE, "/g/things/a", NULL);
	}
	reopen_store(fixture, &small);
	assert_true(store_revision(fixture->store) == last);
}

static void deletes_what_has_expired_and_tells_it(void **state)
{
	static const StoreOptions quick = {.expiry_interval_ms = 20};
	Fixture *fixture = *state;
	g_autoptr(GBytes) value = g_bytes_new_static("v", 1);
	gint64 hour_us = G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC;
	gint64 end = g_get_monotonic_time() + WAIT_MAX_US;
	Told told;
	StoreWatch *watch;
	StoreOperation operation = {.action = STORE_CREATE,
				    .key = "/core/events/ns/e",
				    .value = value,
				    .revision_at = STORE_REVISION_NOWHERE,
				    .expires_wall_us = base_clock_wall_us() + hour_us};

	reopen_store(fixture, &quick);
	assert_true(store_transact(fixture->store, &operation, 1, NULL));
	g_bytes_unref(operation.stored);
	put(fixture->store, STORE_CREATE, "/core/events/ns/f", "forever");
	told_init(&told);
	watch = store_watch(fixture->store, "/core/events/", 0, tell, &told, NULL);
	assert_value(fixture->store, "/core/events/ns/e", "v");

	base_clock_shift_wall(2 * hour_us);
	while (store_published_revision(fixture->store) < 3 && g_get_monotonic_time() < end)
		g_usleep(1000);
	base_clock_shift_wall(0);
	store_watch_stop(watch);
	assert_string_equal(told.text->str, "-/core/events/ns/e=v@3 v;");
	assert_value(fixture->store, "/core/events/ns/f", "forever");
	told_clear(&told);
}

static void tells_a_thousand_watches_each_its_own(void **state)
{
	Fixture *fixture = *state;
	g_autofree Told *told = g_new0(Told, WATCHERS);
	g_autofree StoreWatch **watches = g_new0(StoreWatch *, WATCHERS);
	gint64 last;

	for (guint i = 0; i < WATCHERS; i++) {
		g_autofree char *prefix = g_strdup_printf("/g/kind%u/", i % 10);

		told_init(&told[i]);
		watches[i] = store_watch(fixture->store, prefix, 0, tell, &told[i], NULL);
		assert_non_null(watches[i]);
	}
	put(fixture->store, STORE_CREATE, "/g/kind3/a", "v");
	put(fixture->store, STORE_CREATE, "/g/kind4/a", "v");
	last = put(fixture->store, STORE_UPDATE, "/g/kind3/a", "w");
	wait_published(fixture->store, last);
	for (guint i = 0; i < WATCHERS; i++) {
		store_watch_stop(watches[i]);
		assert_int_equal(told[i].n_events, i % 10 == 3 ? 2 : i % 10 == 4 ? 1 : 0);
		told_clear(&told[i]);
	}
}

typedef struct {
	Store *store;
	guint number;
	guint n_changes;
} Author;

static gpointer author_thread(gpointer data)
{
	Author *author = data;

	for (guint i = 0; i < author->n_changes; i++) {
		g_autofree char *key = g_strdup_printf("/g/things/%u/%u", author->number, i);

		put(author->store, STORE_CREATE, key, "v");
	}
	return NULL;
}

static void gives_every_writer_its_own_revision_and_watches_all_in_order(void **state)
{
	Fixture *fixture = *state;
	Author authors[16];
	GThread *threads[16];
	Told told;
	StoreWatch *watch;
	const char *at;
	gint64 before = 0;

	told_init(&told);
	watch = store_watch(fixture->store, "/", 0, tell, &told, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(authors); i++) {
		authors[i] = (Author){fixture->store, i, 50};
		threads[i] = g_thread_new("author", author_thread, &authors[i]);
	}
	for (guint i = 0; i < G_N_ELEMENTS(authors); i++)
		g_thread_join(threads[i]);
	wait_published(fixture->store, 800);
	store_watch_stop(watch);
	assert_int_equal(told.n_events, 800);
	assert_true(store_revision(fixture->store) == 800);
	for (at = strchr(told.text->str, '@'); at != NULL; at = strchr(at + 1, '@')) {
		gint64 revision = g_ascii_strtoll(at + 1, NULL, 10);

		assert_true(revision == before + 1);
		before = revision;
	}
	told_clear(&told);
}

static gpointer stopping_author(gpointer data)
{
	Author *author = data;

	for (guint i = 0; i < author->n_changes; i++)
		put(author->store, i == 0 ? STORE_CREATE : STORE_UPDATE, "/g/things/a", "v");
	return NULL;
}

static void joins_the_living_without_a_gap_while_others_write(void **state)
{
	Fixture *fixture = *state;
	Author author = {fixture->store, 0, 600};
	GThread *thread = g_thread_new("author", stopping_author, &author);
	Told told[20];
	StoreWatch *watches[20];
	gint64 after[20];

	while (store_revision(fixture->store) < 1)
		g_usleep(100);
	for (guint i = 0; i < G_N_ELEMENTS(told); i++) {
		told_init(&told[i]);
		after[i] = MAX(1, store_revision(fixture->store) / 2);
		watches[i] =
			store_watch(fixture->store, "/g/things/", after[i], tell, &told[i], NULL);
		assert_non_null(watches[i]);
	}
	g_thread_join(thread);
	wait_published(fixture->store, 600);
	for (guint i = 0; i < G_N_ELEMENTS(told); i++) {
		store_watch_stop(watches[i]);
		assert_int_equal(told[i].n_events, 600 - after[i]);
		told_clear(&told[i]);
	}
}

static void refuses_what_is_too_large(void **state)
{
	Fixture *fixture = *state;
	g_autofree char *long_key = g_strnfill(STORE_MAX_KEY_BYTES + 1, 'k');
	g_autofree char *long_value = g_strnfill(STORE_MAX_VALUE_BYTES + 1, 'v');
	StoreOperation many[STORE_MAX_OPERATIONS + 1] = {0};
	g_autoptr(GError) key_error = NULL;
	g_autoptr(GError) value_error = NULL;
	g_autoptr(GError) count_error = NULL;

	assert_true(change(fixture->store, STORE_CREATE, long_key, "v", 0, &key_error) == 0);
	assert_string_equal(key_error->message, "a key of 1025 bytes; the store takes 1024");
	assert_true(change(fixture->store, STORE_CREATE, "/g/t/a", long_value, 0, &value_error) ==
		    0);
	assert_string_equal(value_error->message,
			    "/g/t/a: a value of 4194305 bytes; the store takes 4194304");
	assert_false(store_transact(fixture->store, many, G_N_ELEMENTS(many), &count_error));
	assert_string_equal(count_error->message,
			    "a transaction of 65 changes; the store takes 64");
	assert_true(g_error_matches(count_error, BASE_ERROR, BASE_ERROR_TOO_LARGE));
}

static void refuses_a_file_that_is_not_its_own(void **state)
{
	Fixture *fixture = *state;
	g_autofree char *path = g_build_filename(fixture->folder, "other.db", NULL);
	g_autofree char *text = g_strnfill(8192, 'x');
	g_autoptr(GError) error = NULL;

	assert_true(base_file_write(path, text, strlen(text), 0600, NULL));
	assert_null(store_open(path, NULL, &error));
	assert_true(g_error_matches(error, STORE_ERROR, STORE_ERROR_DAMAGED));
	assert_non_null(strstr(error->message, "other.db"));
	assert_non_null(strstr(error->message, "restore it from a backup"));
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(keeps_what_was_created_over_a_restart),
		STORE_TEST(refuses_what_does_not_fit),
		STORE_TEST(writes_all_of_a_transaction_or_nothing),
		STORE_TEST(writes_the_revision_into_the_value),
		STORE_TEST(lists_by_prefix_in_the_order_of_keys),
		STORE_TEST(resumes_a_watch_after_any_revision_without_gaps),
		STORE_TEST(refuses_a_watch_from_what_is_compacted_or_to_come),
		STORE_TEST(bounds_the_history_by_bytes),
		STORE_TEST(keeps_the_revision_when_the_newest_change_is_compacted),
		STORE_TEST(deletes_what_has_expired_and_tells_it),
		STORE_TEST(tells_a_thousand_watches_each_its_own),
		STORE_TEST(gives_every_writer_its_own_revision_and_watches_all_in_order),
		STORE_TEST(joins_the_living_without_a_gap_while_others_write),
		STORE_TEST(refuses_what_is_too_large),
		STORE_TEST(refuses_a_file_that_is_not_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
