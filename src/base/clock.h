/* base/clock.h — the only door to time. Any thread. Tests move it; a clock that jumps must harm
 * nobody, so durations and deadlines use the monotonic clock, and only what people read uses the
 * wall clock. */
#pragma once

#include <glib.h>

/* Monotonic microseconds since an arbitrary start. */
gint64 base_clock_monotonic_us(void);

/* Wall clock, microseconds since 1970-01-01T00:00:00Z. */
gint64 base_clock_wall_us(void);

/* For tests: from now on the wall clock is shifted by `offset_us`. */
void base_clock_shift_wall(gint64 offset_us);

/* "2026-01-02T03:04:05Z" (metav1.Time) of wall-clock microseconds. Yours. */
char *base_clock_format_time(gint64 wall_us);

/* "2026-01-02T03:04:05.000006Z" (metav1.MicroTime). Yours. */
char *base_clock_format_microtime(gint64 wall_us);

/* Reads RFC 3339, with or without a fraction. FALSE, `wall_us` untouched, if `text` is not such a
 * time. */
gboolean base_clock_parse_time(const char *text, gint64 *wall_us);

/* Reads a duration as Go prints it ("90s", "5m", "1h30m", "500ms"). FALSE, `duration_us` untouched,
 * otherwise; negative and empty durations are refused. */
gboolean base_clock_parse_duration(const char *text, gint64 *duration_us);

/* An age as kubectl prints it ("46s", "27m", "3h10m", "2d", "1y20d"). Yours. */
char *base_clock_format_age(gint64 age_us);
