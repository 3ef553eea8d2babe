/* The simulated drivers against the catalogue. */
#include "core/driver.h"
#include "core/simulate.h"

#include <glib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void every_row_of_the_catalogue_has_a_driver(void **state)
{
	size_t n_drivers;
	const WireDriver *catalogue = wire_drivers(&n_drivers);

	(void)state;
	assert_int_equal(n_drivers, 3);
	for (size_t i = 0; i < n_drivers; i++) {
		assert_non_null(core_driver_find(catalogue[i].driver));
		assert_in_range(catalogue[i].n_measures, 1, WIRE_SENSOR_MEASURES_MAX);
	}
	assert_null(core_driver_find("mq135"));
	assert_null(wire_driver_find("mq135"));
}

static gdouble scale_of(unsigned decimals)
{
	return decimals == 0 ? 1 : 10 * scale_of(decimals - 1);
}

static void values_stay_within_their_formats(void **state)
{
	size_t n_drivers;
	const WireDriver *catalogue = wire_drivers(&n_drivers);

	(void)state;
	for (size_t i = 0; i < n_drivers; i++) {
		const CoreDriver *driver = core_driver_find(catalogue[i].driver);

		for (guint32 step = 0; step < 20000; step++) {
			CoreMoment moment = {step * 2654435761U, 1767225600 + step * 977};
			int32_t values[WIRE_SENSOR_MEASURES_MAX];

			assert_true(driver->read(&moment, values));
			for (size_t m = 0; m < catalogue[i].n_measures; m++) {
				const WireMeasure *measure = &catalogue[i].measures[m];
				g_auto(GStrv) range = g_strsplit(measure->format, ":", 2);
				gdouble value = values[m] / scale_of(measure->decimals);

				assert_true(value >= g_ascii_strtod(range[0], NULL));
				assert_true(range[1][0] == '\0' ||
					    value <= g_ascii_strtod(range[1], NULL));
			}
		}
	}
}

static void the_same_seed_and_time_give_the_same_values(void **state)
{
	CoreMoment moment = {42, 1767225600};
	CoreMoment other = {43, 1767225600};
	CoreMoment later = {42, 1767225600 + 6 * CORE_HOUR_S};
	int32_t a[WIRE_SENSOR_MEASURES_MAX] = {0}, b[WIRE_SENSOR_MEASURES_MAX] = {0};

	(void)state;
	core_bme280_read(&moment, a);
	core_bme280_read(&moment, b);
	assert_memory_equal(a, b, sizeof(a));
	core_bme280_read(&other, b);
	assert_memory_not_equal(a, b, sizeof(a));
	core_bme280_read(&later, b);
	assert_memory_not_equal(a, b, sizeof(a));
}

static void values_move_slowly(void **state)
{
	int32_t before[WIRE_SENSOR_MEASURES_MAX], after[WIRE_SENSOR_MEASURES_MAX];

	(void)state;
	for (guint32 step = 0; step < 5000; step++) {
		CoreMoment moment = {7, 1767225600 + step * 60};
		CoreMoment next = {7, moment.time_s + 60};

		core_bme280_read(&moment, before);
		core_bme280_read(&next, after);
		assert_true(ABS(after[0] - before[0]) <= 25); /* 0.25 °C a minute */
		assert_true(ABS(after[1] - before[1]) <= 20); /* 2 % */
		assert_true(ABS(after[2] - before[2]) <= 40); /* 40 Pa */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_catalogue_has_a_driver),
		cmocka_unit_test(values_stay_within_their_formats),
		cmocka_unit_test(the_same_seed_and_time_give_the_same_values),
		cmocka_unit_test(values_move_slowly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
