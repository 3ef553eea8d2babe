/* An NVS image of 15 keys in 3 namespaces, as a device's configuration has them: time per image in
 * process, plain and encrypted, beside Espressif's generator looped in its own process and to
 * memory (esp_nvs_peer.py, where scripts/python-env.sh has made its environment). Then the cipher
 * beside OpenSSL's at the same unit of 32 bytes, and how fast partitions are read. */
#include "esp/crc.h"
#include "esp/nvs.h"
#include "esp/xts.h"

#include "esp/nvs_csv.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SIZE = 0x6000,
	READ_SIZE = 0x20000,
	ROUNDS = 20000,
	PEER_ROUNDS = 300,
	CA_BYTES = 700,
	SAMPLES = 11,
	CIPHER_UNIT = 32,
	CIPHER_UNITS = 50, /* entries of the image below */
	CIPHER_ROUNDS = 20000,
	READ_KEYS_MAX = 4000,
};

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Microseconds of one call, the median of samples. */
static double time_of(void (*run)(gpointer data), gpointer data, int rounds)
{
	double samples[SAMPLES];

	for (int s = 0; s < SAMPLES; s++) {
		gint64 start = g_get_monotonic_time();

		for (int i = 0; i < rounds / SAMPLES; i++)
			run(data);
		samples[s] = (double)(g_get_monotonic_time() - start) / (rounds / SAMPLES);
	}
	qsort(samples, SAMPLES, sizeof *samples, compare_doubles);
	return samples[SAMPLES / 2];
}

/* The key that esp_nvs_peer.py has, too. */
static EspNvsKeys bench_keys(void)
{
	EspNvsKeys keys;

	memset(keys.data, 0x11, sizeof keys.data);
	memset(keys.tweak, 0x22, sizeof keys.tweak);
	return keys;
}

/* ---- Writing ---- */

typedef struct {
	const EspNvsEntry *entries;
	gsize n;
	EspNvsWriteOptions options;
	guint8 image[SIZE];
} Writing;

static void write_image(gpointer data)
{
	Writing *writing = data;

	if (!esp_nvs_image_write_with(writing->entries, writing->n, &writing->options,
				      writing->image, SIZE, NULL, NULL))
		g_error("the image of the bench does not fit");
}

static char *python_path(void)
{
	const char *cache = g_getenv("ESPALIER_CACHE");
	g_autofree char *folder =
		cache != NULL ? g_strdup(cache)
			      : g_build_filename(g_get_user_cache_dir(), "espalier", NULL);

	return g_build_filename(folder, "python", "bin", "python", NULL);
}

typedef struct {
	double us; /* an image */
	guint32 crc;
} Peer;

/* The generator's figures, plain and encrypted; FALSE if it cannot be run. */
static gboolean run_peer(const EspNvsEntry *entries, gsize n, Peer peers[static 2])
{
	g_autofree char *python = python_path(), *csv = esp_nvs_csv_write(entries, n, NULL);
	g_autofree char *rounds = g_strdup_printf("%d", PEER_ROUNDS);
	g_autofree char *size = g_strdup_printf("%d", SIZE), *output = NULL;
	char script[] = ESPALIER_SOURCE_DIR "/bench/esp_nvs_peer.py";
	char *argv[] = {python, script, csv, rounds, size, NULL}, *at;
	int status = 0;

	if (!g_file_test(python, G_FILE_TEST_IS_EXECUTABLE) ||
	    !g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &output, NULL, &status,
			  NULL) ||
	    !g_spawn_check_wait_status(status, NULL))
		return FALSE;
	at = output;
	for (int i = 0; i < 2; i++) {
		peers[i].us = g_ascii_strtod(at, &at);
		peers[i].crc = (guint32)g_ascii_strtoull(at, &at, 10);
	}
	return TRUE;
}

static void bench_writing(const EspNvsEntry *entries, gsize n)
{
	static const struct {
		const char *name;
		double goal_us, goal_ratio;
	} rows[] = {{"plain", 20, 8}, {"encrypted", 80, 12}};
	static Writing writing;
	EspNvsKeys keys = bench_keys();
	Peer peers[2] = {0};
	gboolean has_peer = run_peer(entries, n, peers);

	printf("NVS image of %zu keys, 0x%x bytes, in process\n", n, (guint)SIZE);
	writing.entries = entries;
	writing.n = n;
	for (int i = 0; i < 2; i++) {
		double us;

		writing.options.keys = i == 0 ? NULL : &keys;
		us = time_of(write_image, &writing, ROUNDS);
		printf("  %-10s %8.2f us an image (goal %.0f)", rows[i].name, us, rows[i].goal_us);
		if (has_peer)
			printf("   generator %8.1f us, %.0f times ours (goal %.0f), bytes %s\n",
			       peers[i].us, peers[i].us / us, rows[i].goal_ratio,
			       esp_crc_std(writing.image, SIZE) == peers[i].crc ? "equal"
										: "DIFFER");
		else
			printf("   generator not installed: scripts/python-env.sh\n");
	}
}

/* ---- The cipher ---- */

typedef struct {
	EspXts *ours;
	EVP_CIPHER_CTX *theirs;
	guint8 data[CIPHER_UNITS * CIPHER_UNIT];
	guint8 tweak[16];
} Ciphers;

static void run_ours(gpointer data)
{
	Ciphers *ciphers = data;

	esp_xts_run(ciphers->ours, ciphers->data, CIPHER_UNIT, CIPHER_UNITS, 64, CIPHER_UNIT);
}

/* As `openssl speed -bytes 32 -evp aes-256-xts` does it: one tweak for all. */
static void run_theirs(gpointer data)
{
	Ciphers *ciphers = data;
	int written = 0;

	for (int i = 0; i < CIPHER_UNITS; i++)
		EVP_EncryptUpdate(ciphers->theirs, ciphers->data + i * CIPHER_UNIT, &written,
				  ciphers->data + i * CIPHER_UNIT, CIPHER_UNIT);
}

/* With the tweak that each unit needs. */
static void run_theirs_with_tweaks(gpointer data)
{
	Ciphers *ciphers = data;
	int written = 0;

	for (int i = 0; i < CIPHER_UNITS; i++) {
		ciphers->tweak[0] = (guint8)i;
		EVP_EncryptInit_ex(ciphers->theirs, NULL, NULL, NULL, ciphers->tweak);
		EVP_EncryptUpdate(ciphers->theirs, ciphers->data + i * CIPHER_UNIT, &written,
				  ciphers->data + i * CIPHER_UNIT, CIPHER_UNIT);
	}
}

static void bench_cipher(void)
{
	static Ciphers ciphers;
	EspNvsKeys keys = bench_keys();
	const double bytes = CIPHER_UNITS * CIPHER_UNIT;
	double ours, theirs, with_tweaks;

	ciphers.ours = esp_xts_new(ESP_XTS_ENCRYPT, keys.data, sizeof keys);
	ciphers.theirs = EVP_CIPHER_CTX_new();
	EVP_EncryptInit_ex(ciphers.theirs, EVP_aes_256_xts(), NULL, keys.data, ciphers.tweak);
	ours = time_of(run_ours, &ciphers, CIPHER_ROUNDS);
	theirs = time_of(run_theirs, &ciphers, CIPHER_ROUNDS);
	with_tweaks = time_of(run_theirs_with_tweaks, &ciphers, CIPHER_ROUNDS);
	printf("XTS-AES-256, %d units of %d bytes (goal: at most 1.5 times OpenSSL's)\n",
	       CIPHER_UNITS, CIPHER_UNIT);
	printf("  ours %.0f MB/s; OpenSSL %.0f MB/s with one tweak for all: we take %.2f times its "
	       "time; %.0f MB/s with a tweak for each: %.2f times\n",
	       bytes / ours, bytes / theirs, ours / theirs, bytes / with_tweaks,
	       ours / with_tweaks);
	esp_xts_free(ciphers.ours);
	EVP_CIPHER_CTX_free(ciphers.theirs);
}

/* ---- Reading ---- */

typedef struct {
	guint8 image[READ_SIZE];
	const EspNvsKeys *keys;
} Reading;

static void read_image(gpointer data)
{
	Reading *reading = data;

	esp_nvs_contents_free(
		esp_nvs_read_encrypted(reading->image, READ_SIZE, reading->keys, 0, NULL));
}

/* As many keys as fit of one that `make` gives by number. */
static void fill(Reading *reading, EspNvsEntry (*make)(const char *key))
{
	static char names[READ_KEYS_MAX][ESP_NVS_NAME_MAX + 1];
	static EspNvsEntry entries[READ_KEYS_MAX];
	gsize n = 0, low = 1, high = READ_KEYS_MAX;

	for (gsize i = 0; i < READ_KEYS_MAX; i++) {
		g_snprintf(names[i], sizeof names[i], "key-%zu", i);
		entries[i] = make(names[i]);
	}
	while (low <= high) {
		gsize middle = (low + high) / 2;

		if (esp_nvs_layout(entries, middle, READ_SIZE, NULL, NULL)) {
			n = middle;
			low = middle + 1;
		} else {
			high = middle - 1;
		}
	}
	if (!esp_nvs_image_write(entries, n, reading->image, READ_SIZE, NULL, NULL))
		g_error("the image of the bench does not fit");
}

static EspNvsEntry make_number(const char *key)
{
	return esp_nvs_unsigned("numbers", key, ESP_NVS_U32, 7);
}

static EspNvsEntry make_string(const char *key)
{
	return esp_nvs_string("strings", key,
			      "sixty bytes of text, as a host's name or a password has them..");
}

static EspNvsEntry make_blob(const char *key)
{
	static const guint8 blob[3000] = {1, 2, 3};

	return esp_nvs_blob("blobs", key, blob, sizeof blob);
}

static void bench_reading(void)
{
	static const struct {
		const char *name;
		EspNvsEntry (*make)(const char *key);
	} rows[] = {{"numbers", make_number}, {"strings", make_string}, {"blobs", make_blob}};
	static Reading reading;
	EspNvsKeys keys = bench_keys();

	printf("Reading full partitions of 0x%x bytes (goal: 200 MB/s plain)\n", (guint)READ_SIZE);
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		double plain, encrypted;

		fill(&reading, rows[i].make);
		reading.keys = NULL;
		plain = time_of(read_image, &reading, 500);
		(void)esp_nvs_encrypt(reading.image, READ_SIZE, &keys, NULL);
		reading.keys = &keys;
		encrypted = time_of(read_image, &reading, 500);
		printf("  %-8s %6.0f MB/s plain, %6.0f MB/s encrypted\n", rows[i].name,
		       READ_SIZE / plain, READ_SIZE / encrypted);
	}
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

	bench_writing(entries, G_N_ELEMENTS(entries));
	bench_cipher();
	bench_reading();
	return 0;
}
