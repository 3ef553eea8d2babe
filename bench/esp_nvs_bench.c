/* An NVS image of 15 keys in 3 namespaces, as a device's configuration has them: time per image in
 * process, beside Espressif's generator in its own process and to memory. The generator runs where
 * its Python environment is there (scripts/python-env.sh). */
#include "esp/nvs.h"
#include "esp/nvs_csv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE = 0x6000, ROUNDS = 20000, PEER_ROUNDS = 1000, CA_BYTES = 700, SAMPLES = 11 };

static const char peer_program[] =
	"import csv, io, statistics, sys, time\n"
	"import esp_idf_nvs_partition_gen.nvs_partition_gen as g\n"
	"rows = list(csv.DictReader(io.StringIO(sys.argv[1])))\n"
	"times = []\n"
	"for _ in range(int(sys.argv[2])):\n"
	"    start = time.perf_counter()\n"
	"    out = io.BytesIO()\n"
	"    nvs = g.nvs_open(out, int(sys.argv[3]) - 4096, g.Page.VERSION2)\n"
	"    for r in rows:\n"
	"        g.write_entry(nvs, r['key'], r['type'], r['encoding'], r['value'])\n"
	"    g.nvs_close(nvs)\n"
	"    times.append(time.perf_counter() - start)\n"
	"import zlib\n"
	"print(statistics.median(times) * 1e6, zlib.crc32(out.getvalue()))\n";

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Microseconds per image, median of samples. */
static double ours(const EspNvsEntry *entries, gsize n, gboolean into_buffer)
{
	static guint8 buffer[SIZE];
	double samples[SAMPLES];

	for (int s = 0; s < SAMPLES; s++) {
		gint64 start = g_get_monotonic_time();

		for (int i = 0; i < ROUNDS / SAMPLES; i++) {
			if (into_buffer) {
				(void)esp_nvs_image_write(entries, n, buffer, SIZE, NULL, NULL);
				continue;
			}
			g_bytes_unref(esp_nvs_image_new(entries, n, SIZE, NULL));
		}
		samples[s] = (double)(g_get_monotonic_time() - start) / (ROUNDS / SAMPLES);
	}
	qsort(samples, SAMPLES, sizeof *samples, compare_doubles);
	return samples[SAMPLES / 2];
}

static char *python_path(void)
{
	const char *cache = g_getenv("ESPALIER_CACHE");
	g_autofree char *folder =
		cache != NULL ? g_strdup(cache)
			      : g_build_filename(g_get_user_cache_dir(), "espalier", NULL);

	return g_build_filename(folder, "python", "bin", "python", NULL);
}

/* Microseconds per image of the generator; 0 if it cannot be run. `crc` is that of its image. */
static double peer(const EspNvsEntry *entries, gsize n, guint32 *crc)
{
	g_autofree char *python = python_path(), *csv = esp_nvs_csv_write(entries, n, NULL);
	g_autofree char *rounds = g_strdup_printf("%d", PEER_ROUNDS);
	g_autofree char *size = g_strdup_printf("%d", SIZE), *output = NULL;
	char *argv[] = {python, (char[]){"-c"}, g_strdup(peer_program), csv, rounds, size, NULL};
	char *end = NULL;
	int status = 0;
	double us = 0;

	if (g_file_test(python, G_FILE_TEST_IS_EXECUTABLE) &&
	    g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, &status,
			 NULL) &&
	    g_spawn_check_wait_status(status, NULL)) {
		us = g_ascii_strtod(output, &end);
		*crc = (guint32)g_ascii_strtoull(end, NULL, 10);
	}
	g_free(argv[2]);
	return us;
}

static gboolean same_bytes(const EspNvsEntry *entries, gsize n, guint32 crc)
{
	g_autoptr(GBytes) image = esp_nvs_image_new(entries, n, SIZE, NULL);
	gsize size = 0;
	const guint8 *data = g_bytes_get_data(image, &size);
	guint32 sum = 0xFFFFFFFFU;

	for (gsize i = 0; i < size; i++) {
		sum ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0xEDB88320U : 0);
	}
	return ~sum == crc;
}

int main(void)
{
	g_autofree char *ca = g_strnfill(CA_BYTES, 'A');
	static const guint8 hash[32] = {1, 2, 3};
	const EspNvsEntry entries[] = {
		esp_nvs_string("espalier", "name", "probe-11"),
		esp_nvs_string("espalier", "class", "soil-probe"),
		esp_nvs_string("espalier", "cluster", "greenhouse"),
		esp_nvs_string("espalier", "ns", "default"),
		esp_nvs_blob("espalier", "cfg", hash, sizeof hash),
		esp_nvs_unsigned("espalier", "layout", ESP_NVS_U8, 1),
		esp_nvs_string("mqtt", "host", "broker.example.org"),
		esp_nvs_unsigned("mqtt", "port", ESP_NVS_U16, 8883),
		esp_nvs_unsigned("mqtt", "tls", ESP_NVS_U8, 1),
		esp_nvs_string("mqtt", "ca", ca),
		esp_nvs_string("mqtt", "user", "probe-11"),
		esp_nvs_string("mqtt", "pass", "0123456789abcdefghijkl"),
		esp_nvs_unsigned("mqtt", "keepalive", ESP_NVS_U16, 60),
		esp_nvs_string("wifi", "ssid", "garden"),
		esp_nvs_string("wifi", "pass", "correct horse battery"),
	};
	const gsize n = G_N_ELEMENTS(entries);
	double as_bytes = ours(entries, n, FALSE), in_buffer = ours(entries, n, TRUE);
	guint32 crc = 0;
	double generator = peer(entries, n, &crc);

	printf("NVS image of %zu keys, 0x%x bytes (goal: below 50 us)\n", n, (guint)SIZE);
	printf("  %-44s %9.2f us\n", "esp_nvs_image_new", as_bytes);
	printf("  %-44s %9.2f us\n", "esp_nvs_image_write into a buffer", in_buffer);
	if (generator > 0)
		printf("  %-44s %9.2f us  %.0f times ours; bytes %s\n",
		       "esp-idf-nvs-partition-gen, in process", generator, generator / as_bytes,
		       same_bytes(entries, n, crc) ? "equal" : "DIFFER");
	else
		printf("  %-44s   not installed: scripts/python-env.sh\n",
		       "esp-idf-nvs-partition-gen, in process");
	return 0;
}
