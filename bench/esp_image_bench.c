/* Verification of an image (structure, checksum, appended SHA-256) beside the SHA-256 of the same
 * bytes by OpenSSL alone, by turns in one process. */
#include "esp/image.h"
#include "esp/openssl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 31, BYTES_PER_SAMPLE = 64 * 1024 * 1024 };

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double samples[SAMPLES])
{
	qsort(samples, SAMPLES, sizeof *samples, compare_doubles);
	return samples[SAMPLES / 2];
}

static void verify(const guint8 *data, gsize size_bytes)
{
	EspImage image;

	if (!esp_image_read(data, size_bytes, &image, NULL))
		g_error("the image is damaged");
}

static void hash(const guint8 *data, gsize size_bytes)
{
	guint8 digest[ESP_IMAGE_HASH_BYTES];
	const EspOpenssl *openssl = esp_openssl();

	openssl->EVP_Digest(data, size_bytes - ESP_IMAGE_HASH_BYTES, digest, NULL,
			    openssl->EVP_sha256(), NULL);
}

/* Microseconds a call. */
static double time_of(void (*work)(const guint8 *, gsize), const guint8 *data, gsize size_bytes)
{
	gsize rounds = MAX((gsize)1, BYTES_PER_SAMPLE / SAMPLES / size_bytes);
	gint64 start = g_get_monotonic_time();

	for (gsize i = 0; i < rounds; i++)
		work(data, size_bytes);
	return (double)(g_get_monotonic_time() - start) / (double)rounds;
}

static void compare(gsize program_bytes)
{
	g_autofree guint8 *program = g_malloc(program_bytes);
	EspHostImage host = {.program = program, .program_bytes = program_bytes};
	g_autoptr(GBytes) image = NULL;
	double ours[SAMPLES], openssls[SAMPLES], us, hash_us;
	gsize size_bytes;
	const guint8 *data;

	for (gsize i = 0; i < program_bytes; i++)
		program[i] = (guint8)(i * 2654435761U >> 13);
	image = esp_image_host_new(&host, NULL);
	data = g_bytes_get_data(image, &size_bytes);
	for (int i = 0; i < SAMPLES; i++) {
		ours[i] = time_of(verify, data, size_bytes);
		openssls[i] = time_of(hash, data, size_bytes);
	}
	us = median(ours);
	hash_us = median(openssls);
	printf("  %8zu bytes: verified in %8.1f us (%.0f MB/s), SHA-256 alone %8.1f us: %.2f times "
	       "it (goal 1.5)\n",
	       size_bytes, us, (double)size_bytes / us, hash_us, us / hash_us);
}

int main(void)
{
	static const gsize sizes[] = {16 * 1024, 256 * 1024, 1024 * 1024, 4 * 1024 * 1024};

	printf("An image verified, beside OpenSSL's SHA-256 over the same bytes\n");
	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++)
		compare(sizes[i]);
	return 0;
}
