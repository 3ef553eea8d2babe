#include "base/clock.h"

#include <string.h>

static gint64 wall_offset_us;

gint64 base_clock_monotonic_us(void)
{
	return g_get_monotonic_time();
}

gint64 base_clock_wall_us(void)
{
	return g_get_real_time() + __atomic_load_n(&wall_offset_us, __ATOMIC_RELAXED);
}

void base_clock_shift_wall(gint64 offset_us)
{
	__atomic_store_n(&wall_offset_us, offset_us, __ATOMIC_RELAXED);
}

static char *format_utc(gint64 wall_us, gboolean fraction)
{
	gint64 seconds = wall_us / G_USEC_PER_SEC;
	gint64 micros = wall_us % G_USEC_PER_SEC;
	g_autoptr(GDateTime) utc = NULL;
	g_autofree char *clock = NULL;
	g_autofree char *text = NULL;

	if (micros < 0) {
		micros += G_USEC_PER_SEC;
		seconds--;
	}
	utc = g_date_time_new_from_unix_utc(seconds);
	if (utc == NULL)
		return g_strdup("1970-01-01T00:00:00Z");
	/* GLib's %Y has no leading zeros, RFC 3339's year has four digits. */
	clock = g_date_time_format(utc, "%m-%dT%H:%M:%S");
	text = g_strdup_printf("%04d-%s", g_date_time_get_year(utc), clock);
	if (fraction)
		return g_strdup_printf("%s.%06dZ", text, (int)micros);
	return g_strconcat(text, "Z", NULL);
}

char *base_clock_format_time(gint64 wall_us)
{
	return format_utc(wall_us, FALSE);
}

char *base_clock_format_microtime(gint64 wall_us)
{
	return format_utc(wall_us, TRUE);
}

gboolean base_clock_parse_time(const char *text, gint64 *wall_us)
{
	g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
	g_autoptr(GDateTime) parsed = NULL;
	g_autoptr(GDateTime) moment = NULL;

	if (text == NULL || strlen(text) < strlen("2026-01-02T03:04:05Z") || text[10] != 'T')
		return FALSE;
	parsed = g_date_time_new_from_iso8601(text, utc);
	/* An offset can lead out of the years 1 to 9999, and then it could not be printed. */
	if (parsed != NULL)
		moment = g_date_time_to_utc(parsed);
	if (moment == NULL)
		return FALSE;
	*wall_us =
		g_date_time_to_unix(parsed) * G_USEC_PER_SEC + g_date_time_get_microsecond(parsed);
	return TRUE;
}

static const struct {
	const char *suffix;
	gint64 us;
} duration_units[] = {
	{"us", 1},
	{"ms", G_TIME_SPAN_MILLISECOND},
	{"s", G_TIME_SPAN_SECOND},
	{"m", G_TIME_SPAN_MINUTE},
	{"h", G_TIME_SPAN_HOUR},
};

static gint64 duration_unit_us(const char *text, gsize length)
{
	for (gsize i = 0; i < G_N_ELEMENTS(duration_units); i++)
		if (strlen(duration_units[i].suffix) == length &&
		    strncmp(text, duration_units[i].suffix, length) == 0)
			return duration_units[i].us;
	return 0;
}

gboolean base_clock_parse_duration(const char *text, gint64 *duration_us)
{
	gint64 total_us = 0;

	if (text == NULL || *text == '\0')
		return FALSE;
	while (*text != '\0') {
		char *end = NULL;
		guint64 count;
		gsize unit_length;
		gint64 unit_us;

		if (!g_ascii_isdigit(*text))
			return FALSE;
		count = g_ascii_strtoull(text, &end, 10);
		unit_length = strspn(end, "hmsu");
		unit_us = duration_unit_us(end, unit_length);
		if (unit_us == 0 || count > (guint64)((G_MAXINT64 - total_us) / unit_us))
			return FALSE;
		total_us += (gint64)count * unit_us;
		text = end + unit_length;
	}
	*duration_us = total_us;
	return TRUE;
}

/* The steps are those of k8s.io/apimachinery/pkg/util/duration, HumanDuration. */
char *base_clock_format_age(gint64 age_us)
{
	gint64 s = age_us / G_USEC_PER_SEC;
	gint64 m = s / 60, h = m / 60, d = h / 24, y = d / 365;

	if (s < -1)
		return g_strdup("<invalid>");
	if (s < 0)
		return g_strdup("0s");
	if (s < 120)
		return g_strdup_printf("%" G_GINT64_FORMAT "s", s);
	if (m < 10)
		return s % 60 == 0 ? g_strdup_printf("%" G_GINT64_FORMAT "m", m)
				   : g_strdup_printf("%" G_GINT64_FORMAT "m%" G_GINT64_FORMAT "s",
						     m, s % 60);
	if (m < 180)
		return g_strdup_printf("%" G_GINT64_FORMAT "m", m);
	if (h < 8)
		return m % 60 == 0 ? g_strdup_printf("%" G_GINT64_FORMAT "h", h)
				   : g_strdup_printf("%" G_GINT64_FORMAT "h%" G_GINT64_FORMAT "m",
						     h, m % 60);
	if (h < 48)
		return g_strdup_printf("%" G_GINT64_FORMAT "h", h);
	if (d < 8)
		return h % 24 == 0 ? g_strdup_printf("%" G_GINT64_FORMAT "d", d)
				   : g_strdup_printf("%" G_GINT64_FORMAT "d%" G_GINT64_FORMAT "h",
						     d, h % 24);
	if (d < 730)
		return g_strdup_printf("%" G_GINT64_FORMAT "d", d);
	if (y < 8)
		return d % 365 == 0 ? g_strdup_printf("%" G_GINT64_FORMAT "y", y)
				    : g_strdup_printf("%" G_GINT64_FORMAT "y%" G_GINT64_FORMAT "d",
						      y, d % 365);
	return g_strdup_printf("%" G_GINT64_FORMAT "y", y);
}
