#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SECOND G_TIME_SPAN_SECOND
#define MINUTE G_TIME_SPAN_MINUTE
#define HOUR G_TIME_SPAN_HOUR
#define DAY G_TIME_SPAN_DAY

static void prints_ages_as_kubectl_does(void **state)
{
	static const struct {
		gint64 age_us;
		const char *text;
	} rows[] = {
		{0, "0s"},
		{46 * SECOND, "46s"},
		{119 * SECOND, "119s"},
		{120 * SECOND, "2m"},
		{150 * SECOND, "2m30s"},
		{27 * MINUTE, "27m"},
		{179 * MINUTE, "179m"},
		{3 * HOUR + 10 * MINUTE, "3h10m"},
		{8 * HOUR, "8h"},
		{47 * HOUR, "47h"},
		{2 * DAY, "2d"},
		{2 * DAY + 3 * HOUR, "2d3h"},
		{100 * DAY, "100d"},
		{730 * DAY, "2y"},
		{750 * DAY, "2y20d"},
		{-5 * SECOND, "<invalid>"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *text = base_clock_format_age(rows[i].age_us);

		assert_string_equal(text, rows[i].text);
	}
}

static void reads_durations_as_go_prints_them(void **state)
{
	static const struct {
		const char *text;
		gint64 us; /* -1: refused */
	} rows[] = {
		{"90s", 90 * SECOND},
		{"1h30m", 90 * MINUTE},
		{"500ms", SECOND / 2},
		{"24h", DAY},
		{"", -1},
		{"5", -1},
		{"-5s", -1},
		{"5x", -1},
		{"s", -1},
		{"99999999999999h", -1},
		{NULL, -1},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		gint64 us = -1;

		assert_int_equal(base_clock_parse_duration(rows[i].text, &us), rows[i].us >= 0);
		assert_int_equal(us, rows[i].us);
	}
}

static void reads_the_times_that_it_prints(void **state)
{
	static const gint64 times_us[] = {0, 1767323045000006, 4102444800000000, -1,
					  /* 0026-01-02T03:04:05Z */ -61346494555000000};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(times_us); i++) {
		g_autofree char *text = base_clock_format_microtime(times_us[i]);
		gint64 back_us = 42;

		assert_true(base_clock_parse_time(text, &back_us));
		assert_int_equal(back_us, times_us[i]);
	}
}

static void refuses_what_is_no_time(void **state)
{
	static const char *const texts[] = {"",
					    "yesterday",
					    "2026-01-02",
					    "2026-01-02 03:04:05Z",
					    "2026-13-02T03:04:05Z",
					    "0001-01-01T00:00:00+14:00"};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(texts); i++) {
		gint64 us = 42;

		assert_false(base_clock_parse_time(texts[i], &us));
		assert_int_equal(us, 42);
	}
}

static void shifts_the_wall_but_not_the_monotonic_clock(void **state)
{
	gint64 monotonic_us = base_clock_monotonic_us(), wall_us = base_clock_wall_us();

	(void)state;
	base_clock_shift_wall(DAY);
	assert_true(base_clock_wall_us() >= wall_us + DAY);
	assert_true(base_clock_monotonic_us() - monotonic_us < DAY);
	base_clock_shift_wall(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints_ages_as_kubectl_does),
		cmocka_unit_test(reads_durations_as_go_prints_them),
		cmocka_unit_test(reads_the_times_that_it_prints),
		cmocka_unit_test(refuses_what_is_no_time),
		cmocka_unit_test(shifts_the_wall_but_not_the_monotonic_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
