#include "kube/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { LONG_US = 20 * 1000 * 1000 };

/* What reconciles did, and a gate that holds them. */
typedef struct {
	GMutex lock;
	GCond changed;
	GString *worked; /* "key;" in the order of beginning */
	guint active, most_active;
	guint active_of_key; /* of the key "a" */
	guint most_of_key;
	gboolean closed; /* reconciles wait */
	guint fail;      /* so many times */
	gint64 again_us; /* once */
	GArray *times;   /* gint64, of each beginning */
} Bench;

static void bench_init(Bench *bench)
{
	*bench = (Bench){.worked = g_string_new(NULL),
			 .times = g_array_new(FALSE, FALSE, sizeof(gint64))};
	g_mutex_init(&bench->lock);
	g_cond_init(&bench->changed);
}

static void bench_clear(Bench *bench)
{
	g_string_free(bench->worked, TRUE);
	g_array_unref(bench->times);
	g_mutex_clear(&bench->lock);
	g_cond_clear(&bench->changed);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Bench, bench_clear)

static KubeResult end_of(Bench *bench)
{
	gint64 again_us = bench->again_us;

	if (bench->fail > 0) {
		bench->fail--;
		return kube_failed();
	}
	bench->again_us = 0;
	return again_us > 0 ? kube_again_after(again_us) : kube_done();
}

static KubeResult reconcile(const char *key, gpointer user_data)
{
	Bench *bench = user_data;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&bench->lock);
	gint64 now_us = g_get_monotonic_time();
	gboolean is_a = g_str_equal(key, "a");

	g_string_append_printf(bench->worked, "%s;", key);
	g_array_append_val(bench->times, now_us);
	bench->active++;
	bench->active_of_key += is_a ? 1 : 0;
	bench->most_active = MAX(bench->most_active, bench->active);
	bench->most_of_key = MAX(bench->most_of_key, bench->active_of_key);
	g_cond_broadcast(&bench->changed);
	while (bench->closed)
		g_cond_wait(&bench->changed, &bench->lock);
	bench->active--;
	bench->active_of_key -= is_a ? 1 : 0;
	return end_of(bench);
}

static void open_gate(Bench *bench)
{
	g_mutex_lock(&bench->lock);
	bench->closed = FALSE;
	g_cond_broadcast(&bench->changed);
	g_mutex_unlock(&bench->lock);
}

static void wait_active(Bench *bench, guint active)
{
	gint64 until_us = g_get_monotonic_time() + LONG_US;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&bench->lock);

	while (bench->active != active)
		assert_true(g_cond_wait_until(&bench->changed, &bench->lock, until_us));
}

static KubeQueue *new_queue(Bench *bench, guint workers)
{
	KubeQueueOptions options = {.name = "test",
				    .workers = workers,
				    .reconcile = reconcile,
				    .user_data = bench,
				    .backoff_min_us = 1000,
				    .backoff_max_us = 8000};

	return kube_queue_new(&options);
}

static void works_on_a_key_once_however_often_it_is_added(void **state)
{
	g_auto(Bench) bench = {0};
	g_autoptr(KubeQueue) queue = NULL;
	KubeQueueCounters counters;

	(void)state;
	bench_init(&bench);
	queue = new_queue(&bench, 1);
	for (guint i = 0; i < 100; i++)
		kube_queue_add(queue, i % 2 == 0 ? "a" : "b");
	kube_queue_start(queue);
	assert_true(kube_queue_wait_idle(queue, LONG_US));
	assert_string_equal(bench.worked->str, "a;b;");
	kube_queue_counters(queue, &counters);
	assert_int_equal(counters.adds, 2);
	assert_int_equal(counters.done, 2);
	assert_int_equal(counters.depth, 0);
}

static void works_once_more_on_a_key_added_while_it_is_worked_on(void **state)
{
	g_auto(Bench) bench = {0};
	g_autoptr(KubeQueue) queue = NULL;

	(void)state;
	bench_init(&bench);
	bench.closed = TRUE;
	queue = new_queue(&bench, 4);
	kube_queue_start(queue);
	kube_queue_add(queue, "a");
	wait_active(&bench, 1);
	for (guint i = 0; i < 10; i++)
		kube_queue_add(queue, "a");
	/* Another worker takes "b", which came later: it would have taken "a" before. */
	kube_queue_add(queue, "b");
	wait_active(&bench, 2);
	assert_int_equal(bench.most_of_key, 1);
	open_gate(&bench);
	assert_true(kube_queue_wait_idle(queue, LONG_US));
	assert_string_equal(bench.worked->str, "a;b;a;");
	assert_int_equal(bench.most_of_key, 1);
}

static void works_on_different_keys_at_once(void **state)
{
	g_auto(Bench) bench = {0};
	g_autoptr(KubeQueue) queue = NULL;

	(void)state;
	bench_init(&bench);
	bench.closed = TRUE;
	queue = new_queue(&bench, 3);
	kube_queue_start(queue);
	kube_queue_add(queue, "a");
	kube_queue_add(queue, "b");
	kube_queue_add(queue, "c");
	kube_queue_add(queue, "d");
	wait_active(&bench, 3);
	open_gate(&bench);
	assert_true(kube_queue_wait_idle(queue, LONG_US));
	assert_int_equal(bench.most_active, 3);
	assert_int_equal(bench.times->len, 4);
}

static void doubles_the_pause_of_a_failing_key_up_to_the_limit(void **state)
{
	static const gint64 at_least_us[] = {1000, 2000, 4000, 8000, 8000};
	g_auto(Bench) bench = {0};
	g_autoptr(KubeQueue) queue = NULL;
	KubeQueueCounters counters;

	(void)state;
	bench_init(&bench);
	bench.fail = 5;
	queue = new_queue(&bench, 1);
	kube_queue_start(queue);
	kube_queue_add(queue, "a");
	do
		kube_queue_counters(queue, &counters);
	while (counters.done == 0);
	assert_int_equal(counters.failed, 5);
	assert_int_equal(counters.retries, 5);
	for (guint i = 0; i < 5; i++) {
		gint64 pause_us = g_array_index(bench.times, gint64, i + 1) -
				  g_array_index(bench.times, gint64, i);

		assert_true(pause_us >= at_least_us[i]);
	}
}

static void forgets_failures_after_success(void **state)
{
	g_auto(Bench) bench = {0};
	g_autoptr(KubeQueue) queue = NULL;
	KubeQueueCounters counters;

	(void)state;
	bench_init(&bench);
	bench.fail = 1;
	queue = new_queue(&bench, 1);
	kube_queue_add_limited(queue, "a");
	kube_queue_add_limited(queue, "a");
	kube_queue_add_limited(queue, "a");
	kube_queue_forget(queue, "a");
	kube_queue_counters(queue, &counters);
	assert_int_equal(counters.delayed, 1);
	kube_queue_start(queue);
	do
		kube_queue_counters(queue, &counters);
	while (counters.done == 0);
	assert_string_equal(bench.worked->str, "a;a;");
}

static void comes_again_when_a_reconcile_asks_for_it(void **state)
{
	g_auto(Bench) bench = {0};
	g_autoptr(KubeQueue) queue = NULL;
	KubeQueueCounters counters;

	(void)state;
	bench_init(&bench);
	bench.again_us = 3000;
	queue = new_queue(&bench, 1);
	kube_queue_start(queue);
	kube_queue_add(queue, "a");
	do
		kube_queue_counters(queue, &counters);
	while (counters.done == 0);
	assert_int_equal(counters.again, 1);
	assert_true(g_array_index(bench.times, gint64, 1) - g_array_index(bench.times, gint64, 0) >=
		    3000);
}

static void the_earliest_delay_wins_and_an_add_is_earlier_still(void **state)
{
	g_auto(Bench) bench = {0};
	g_autoptr(KubeQueue) queue = NULL;
	KubeQueueCounters counters;

	(void)state;
	bench_init(&bench);
	queue = new_queue(&bench, 1);
	kube_queue_add_after(queue, "b", LONG_US);
	kube_queue_add_after(queue, "b", 1000);
	kube_queue_add_after(queue, "b", 2 * (gint64)LONG_US);
	kube_queue_add_after(queue, "a", LONG_US);
	kube_queue_add(queue, "a");
	kube_queue_counters(queue, &counters);
	assert_int_equal(counters.delayed, 1);
	assert_int_equal(counters.depth, 1);
	kube_queue_start(queue);
	do
		kube_queue_counters(queue, &counters);
	while (counters.done < 2);
	assert_string_equal(bench.worked->str, "a;b;");
	assert_int_equal(counters.delayed, 0);
}

static void keeps_the_order_of_arrival(void **state)
{
	g_auto(Bench) bench = {0};
	g_autoptr(KubeQueue) queue = NULL;

	(void)state;
	bench_init(&bench);
	queue = new_queue(&bench, 1);
	kube_queue_add(queue, "c");
	kube_queue_add(queue, "a");
	kube_queue_add(queue, "c");
	kube_queue_add(queue, "b");
	kube_queue_start(queue);
	assert_true(kube_queue_wait_idle(queue, LONG_US));
	assert_string_equal(bench.worked->str, "c;a;b;");
}

static void a_stop_works_off_what_is_due_and_drops_what_is_not(void **state)
{
	g_auto(Bench) bench = {0};
	g_autoptr(KubeQueue) queue = NULL;
	KubeQueueCounters counters;

	(void)state;
	bench_init(&bench);
	queue = new_queue(&bench, 2);
	for (guint i = 0; i < 50; i++) {
		g_autofree char *key = g_strdup_printf("k%u", i);

		kube_queue_add(queue, key);
	}
	kube_queue_add_after(queue, "later", LONG_US);
	kube_queue_start(queue);
	assert_true(kube_queue_stop(queue, LONG_US));
	kube_queue_counters(queue, &counters);
	assert_int_equal(counters.done, 50);
	assert_int_equal(counters.delayed, 0);
	kube_queue_add(queue, "too late");
	kube_queue_counters(queue, &counters);
	assert_int_equal(counters.depth, 0);
}

static void a_stop_does_not_wait_longer_than_it_may(void **state)
{
	g_auto(Bench) bench = {0};
	g_autoptr(KubeQueue) queue = NULL;

	(void)state;
	bench_init(&bench);
	bench.closed = TRUE;
	queue = new_queue(&bench, 1);
	kube_queue_start(queue);
	kube_queue_add(queue, "a");
	kube_queue_add(queue, "b");
	wait_active(&bench, 1);
	assert_false(kube_queue_stop(queue, 10 * 1000));
	open_gate(&bench);
	g_clear_pointer(&queue, kube_queue_free);
	assert_string_equal(bench.worked->str, "a;");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(works_on_a_key_once_however_often_it_is_added),
		cmocka_unit_test(works_once_more_on_a_key_added_while_it_is_worked_on),
		cmocka_unit_test(works_on_different_keys_at_once),
		cmocka_unit_test(doubles_the_pause_of_a_failing_key_up_to_the_limit),
		cmocka_unit_test(forgets_failures_after_success),
		cmocka_unit_test(comes_again_when_a_reconcile_asks_for_it),
		cmocka_unit_test(the_earliest_delay_wins_and_an_add_is_earlier_still),
		cmocka_unit_test(keeps_the_order_of_arrival),
		cmocka_unit_test(a_stop_works_off_what_is_due_and_drops_what_is_not),
		cmocka_unit_test(a_stop_does_not_wait_longer_than_it_may),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
