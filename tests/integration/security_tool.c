/* security_tool — flash encryption and signatures, many cases in one process, for
 * espsecure_peer_test.py.
 *
 * A case a line on standard input, its words separated by spaces:
 *
 *     encrypt|decrypt CHIP CONFIG ADDRESS KEY DATA    key and data in hex
 *         ok DATA
 *     sign fresh|append KEYFILE,KEYFILE… DATA
 *         ok DATA
 *     verify DIGEST,DIGEST…|- DATA
 *         ok STATE,STATE,STATE
 *     digest private|public KEYFILE
 *         ok DIGEST SCHEME
 *
 * or "error MESSAGE", the message in hex. */
#include "base/file.h"
#include "base/hex.h"
#include "esp/flash_encryption.h"
#include "esp/signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WORDS_MAX = 8,
	KEY_FILE_MAX_BYTES = 65536,
	TRUSTED_MAX = 8,
};

static void answer(const guint8 *data, gsize size_bytes)
{
	g_autofree char *hex = base_hex(data, size_bytes);

	printf("ok %s\n", hex);
}

static void answer_error(const GError *error)
{
	g_autofree char *hex = base_hex(error->message, strlen(error->message));

	printf("error %s\n", hex);
}

static gboolean crypt_run(char **words, guint8 *data, gsize size_bytes, GError **error)
{
	g_autoptr(GBytes) key = base_unhex(words[4]);
	gsize key_bytes = g_bytes_get_size(key);
	EspFlashDirection direction =
		strcmp(words[0], "encrypt") == 0 ? ESP_FLASH_ENCRYPT : ESP_FLASH_DECRYPT;
	g_autoptr(EspFlashCipher) cipher = NULL;
	EspFlashScheme scheme;

	if (!esp_flash_scheme_of(esp_chip_find(words[1]), key_bytes, &scheme, error))
		return FALSE;
	cipher = esp_flash_cipher_new(scheme, direction, g_bytes_get_data(key, NULL), key_bytes,
				      (guint)g_ascii_strtoull(words[2], NULL, 0), error);
	return cipher != NULL && esp_flash_cipher_run(cipher, g_ascii_strtoull(words[3], NULL, 0),
						      data, size_bytes, error);
}

static void run_crypt(char **words)
{
	gsize size_bytes;
	g_autofree guint8 *data = g_bytes_unref_to_data(base_unhex(words[5]), &size_bytes);
	g_autoptr(GError) error = NULL;

	if (crypt_run(words, data, size_bytes, &error))
		answer(data, size_bytes);
	else
		answer_error(error);
}

static EspSignatureKey *key_of(const char *path, gboolean is_private, GError **error)
{
	g_autoptr(GBytes) file = base_file_read(path, KEY_FILE_MAX_BYTES, error);
	gsize size_bytes;
	const guint8 *data;

	if (file == NULL)
		return NULL;
	data = g_bytes_get_data(file, &size_bytes);
	return is_private ? esp_signature_key_read_private(data, size_bytes, NULL, NULL, error)
			  : esp_signature_key_read_public(data, size_bytes, error);
}

static void run_sign(char **words)
{
	g_autoptr(GPtrArray) keys =
		g_ptr_array_new_with_free_func((GDestroyNotify)esp_signature_key_free);
	g_auto(GStrv) paths = g_strsplit(words[2], ",", -1);
	g_autoptr(GBytes) image = base_unhex(words[3]), signed_image = NULL;
	g_autoptr(GError) error = NULL;

	for (char **path = paths; *path != NULL && error == NULL; path++) {
		EspSignatureKey *key = key_of(*path, TRUE, &error);

		if (key != NULL)
			g_ptr_array_add(keys, key);
	}
	if (error == NULL)
		signed_image =
			esp_signature_sign(g_bytes_get_data(image, NULL), g_bytes_get_size(image),
					   (EspSignatureKey *const *)keys->pdata, keys->len,
					   strcmp(words[1], "append") == 0 ? ESP_SIGNATURE_APPEND
									   : ESP_SIGNATURE_FRESH,
					   &error);
	if (signed_image != NULL)
		answer(g_bytes_get_data(signed_image, NULL), g_bytes_get_size(signed_image));
	else
		answer_error(error);
}

static void run_verify(char **words)
{
	g_auto(GStrv) digests = g_strsplit(words[1], ",", TRUSTED_MAX);
	EspSignatureDigest trusted[TRUSTED_MAX] = {0};
	g_autoptr(GBytes) image = base_unhex(words[2]);
	g_auto(EspSignatureReport) report = {0};
	g_autoptr(GError) error = NULL;
	gsize n = 0;

	for (char **digest = digests; *digest != NULL && strcmp(*digest, "-") != 0; digest++) {
		g_autoptr(GBytes) bytes = base_unhex(*digest);

		trusted[n].size_bytes = g_bytes_get_size(bytes);
		memcpy(trusted[n++].bytes, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	}
	if (esp_signature_verify(g_bytes_get_data(image, NULL), g_bytes_get_size(image), trusted, n,
				 &report, &error))
		printf("ok %d,%d,%d\n", (int)report.verdicts[0].state,
		       (int)report.verdicts[1].state, (int)report.verdicts[2].state);
	else
		answer_error(error);
}

static void run_digest(char **words)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(EspSignatureKey) key = key_of(words[2], strcmp(words[1], "private") == 0, &error);
	g_autofree char *hex = NULL;

	if (key == NULL) {
		answer_error(error);
		return;
	}
	hex = base_hex(esp_signature_key_digest(key), ESP_SIGNATURE_KEY_DIGEST_BYTES);
	printf("ok %s %s\n", hex, esp_signature_scheme_name(esp_signature_key_scheme(key)));
}

static const struct {
	const char *name;
	guint n_words;
	void (*run)(char **words);
} commands[] = {
	{"encrypt", 6, run_crypt}, {"decrypt", 6, run_crypt}, {"sign", 4, run_sign},
	{"verify", 3, run_verify}, {"digest", 3, run_digest},
};

static gboolean run(const char *line)
{
	g_auto(GStrv) words = g_strsplit(line, " ", WORDS_MAX);

	for (gsize i = 0; i < G_N_ELEMENTS(commands); i++)
		if (g_strcmp0(words[0], commands[i].name) == 0 &&
		    g_strv_length(words) == commands[i].n_words) {
			commands[i].run(words);
			return TRUE;
		}
	g_printerr("security_tool: no such case: %.60s\n", line);
	return FALSE;
}

int main(void)
{
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;
	gboolean done = TRUE;

	while (done && (length = getline(&line, &capacity, stdin)) > 0) {
		line[length - 1] = '\0';
		done = run(line);
		fflush(stdout);
	}
	free(line);
	return done ? 0 : 1;
}
