/* Signatures of secure boot version 2: keys, blocks, signing, verifying. Keys and what espsecure
 * made of them are in tests/data/signing. */
#include "esp/signature.h"

#include "base/digest.h"
#include "base/file.h"
#include "esp/bytes.h"
#include "esp/crc.h"
#include "esp/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
	IMAGE_BYTES = 4000, /* of the files */
	SECTOR = ESP_SIGNATURE_SECTOR_BYTES,
	BLOCK = ESP_SIGNATURE_BLOCK_BYTES,
	N_SCHEMES = 4,
};

static const char *const names[N_SCHEMES] = {"rsa3072", "ecdsa192", "ecdsa256", "ecdsa384"};

/* By espsecure digest-sbv2-public-key. */
static const char *const key_digests[N_SCHEMES] = {
	"dc090d5052d7a16a0c52cef80857dbf99c9f43d92b52910fc222b31ebeb39592",
	"d7e787edb25fb66fccbec083fd04429efc0c6afc69506d8a2a05c27863d99ac4",
	"62f7d1f69c9bbdd4f03584d05e375cfa602c32b92579b3c2960cafe4e9f549f6",
	"456ce352d3f0a3c8bfaa34ab95f69e0c93ff32e364c8be83c1fa675e6d3d1957",
};

static GBytes *file(const char *name, const char *ending)
{
	g_autofree char *path =
		g_strconcat(ESPALIER_SOURCE_DIR "/tests/data/signing/", name, ending, NULL);
	GBytes *bytes = base_file_read(path, 64 * 1024, NULL);

	assert_non_null(bytes);
	return bytes;
}

static EspSignatureKey *read_private(const char *name, GError **error)
{
	g_autoptr(GBytes) pem = file(name, ".pem");
	gsize size;
	const guint8 *data = g_bytes_get_data(pem, &size);

	return esp_signature_key_read_private(data, size, NULL, NULL, error);
}

static EspSignatureKey *key_of(const char *name)
{
	g_autoptr(GError) error = NULL;
	EspSignatureKey *key = read_private(name, &error);

	assert_null(error);
	return key;
}

static guint8 *plain_image(void)
{
	guint8 *image = g_malloc(IMAGE_BYTES);

	for (guint i = 0; i < IMAGE_BYTES; i++)
		image[i] = (guint8)(7 * i + 1);
	return image;
}

/* The image signed with a key of that name; `size` is that of what is returned. */
static guint8 *signed_image(const char *name, gsize *size)
{
	g_autofree guint8 *image = plain_image();
	g_autoptr(EspSignatureKey) key = key_of(name);
	g_autoptr(GError) error = NULL;
	GBytes *bytes =
		esp_signature_sign(image, IMAGE_BYTES, &key, 1, ESP_SIGNATURE_FRESH, &error);

	assert_null(error);
	return g_bytes_unref_to_data(bytes, size);
}

static void seal(guint8 *block)
{
	esp_put_le32(block + 1196, esp_crc_std(block, 1196));
}

static EspSignatureDigest trust_of(const char *hex, gsize size_bytes)
{
	g_autoptr(GBytes) bytes = base_unhex(hex);
	EspSignatureDigest digest = {.size_bytes = size_bytes};

	memcpy(digest.bytes, g_bytes_get_data(bytes, NULL), size_bytes);
	return digest;
}

static void keys_have_the_digests_that_espsecure_gives(void **state)
{
	(void)state;
	for (guint i = 0; i < N_SCHEMES; i++) {
		g_autoptr(EspSignatureKey) private = key_of(names[i]);
		g_autoptr(GBytes) pem = file(names[i], ".pub.pem");
		g_autoptr(EspSignatureKey) public = esp_signature_key_read_public(
			g_bytes_get_data(pem, NULL), g_bytes_get_size(pem), NULL);
		g_autofree char *digest = base_hex(esp_signature_key_digest(private), 32);

		assert_string_equal(digest, key_digests[i]);
		assert_memory_equal(esp_signature_key_digest(public),
				    esp_signature_key_digest(private), 32);
		assert_int_equal(esp_signature_key_scheme(private), i);
		assert_int_equal(esp_signature_key_scheme(public), i);
		assert_string_equal(esp_signature_scheme_name((EspSignatureScheme)i), names[i]);
	}
}

/* The base64 between the lines of a PEM file. */
static guint8 *der_of(const char *name, const char *ending, gsize *size)
{
	g_autoptr(GBytes) pem = file(name, ending);
	g_autofree char *text = g_strndup(g_bytes_get_data(pem, NULL), g_bytes_get_size(pem));
	char *start = strchr(text, '\n'), *end = strstr(text, "-----END");

	*end = '\0';
	return g_base64_decode(start, size);
}

static void keys_in_der_are_the_same_keys(void **state)
{
	(void)state;
	for (guint i = 0; i < N_SCHEMES; i++) {
		gsize private_bytes, public_bytes;
		g_autofree guint8 *private_der = der_of(names[i], ".pem", &private_bytes);
		g_autofree guint8 *public_der = der_of(names[i], ".pub.pem", &public_bytes);
		g_autoptr(EspSignatureKey) private = esp_signature_key_read_private(
			private_der, private_bytes, NULL, NULL, NULL);
		g_autoptr(EspSignatureKey) public =
			esp_signature_key_read_public(public_der, public_bytes, NULL);
		g_autofree char *digest = base_hex(esp_signature_key_digest(private), 32);

		assert_string_equal(digest, key_digests[i]);
		assert_memory_equal(esp_signature_key_digest(public),
				    esp_signature_key_digest(private), 32);
	}
}

static void refuses_keys_that_secure_boot_does_not_take(void **state)
{
	static const struct {
		const char *name;
		EspError code;
		const char *message;
	} rows[] = {
		{"rsa2048", ESP_ERROR_NOT_SUPPORTED, "an RSA key of 2048 bits"},
		{"rsa3072-large-exponent", ESP_ERROR_NOT_SUPPORTED,
		 "the public key does not fit a signature block"},
		{"secp256k1", ESP_ERROR_NOT_SUPPORTED, "a key of the curve secp256k1"},
		{"ed25519", ESP_ERROR_NOT_SUPPORTED, "neither an RSA key nor one of an elliptic"},
		{"rsa3072.pub", ESP_ERROR_INVALID, "no private key in PEM or DER"},
		{"ecdsa256-encrypted", ESP_ERROR_INVALID,
		 "the private key is encrypted and no passphrase was given"},
	};
	guint8 *large = g_malloc0(ESP_SIGNATURE_KEY_FILE_MAX_BYTES + 1);

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(read_private(rows[i].name, &error));
		assert_true(g_error_matches(error, ESP_ERROR, (int)rows[i].code));
		assert_non_null(strstr(error->message, rows[i].message));
	}
	for (guint public = 0; public < 2; public ++) {
		static const gsize sizes[] = {0, 1, ESP_SIGNATURE_KEY_FILE_MAX_BYTES,
					      ESP_SIGNATURE_KEY_FILE_MAX_BYTES + 1};

		for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
			g_autoptr(GError) error = NULL;

			assert_null(public != 0
					    ? esp_signature_key_read_public(large, sizes[i], &error)
					    : esp_signature_key_read_private(large, sizes[i], NULL,
									     NULL, &error));
			assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
			assert_int_equal(strstr(error->message, "are too many for a") != NULL,
					 i == 3);
		}
	}
	g_free(large);
}

static guint asked;

static int passphrase(char *buffer, gsize buffer_bytes, gpointer user_data, GError **error)
{
	const char *text = user_data;

	asked++;
	if (text == NULL) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_FOUND, "nobody to ask");
		return -1;
	}
	assert_true(strlen(text) <= buffer_bytes);
	memcpy(buffer, text, strlen(text));
	return (int)strlen(text);
}

static void an_encrypted_key_opens_with_its_passphrase_only(void **state)
{
	static char right[] = "swordfish", wrong[] = "swordfisH";
	static const struct {
		char *passphrase;
		const char *message; /* NULL: opens */
	} rows[] = {
		{right, NULL},
		{wrong, "the passphrase does not open the private key"},
		{NULL, "nobody to ask"},
	};
	g_autoptr(GBytes) pem = file("ecdsa256-encrypted", ".pem");

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(EspSignatureKey) key = NULL;

		asked = 0;
		key = esp_signature_key_read_private(g_bytes_get_data(pem, NULL),
						     g_bytes_get_size(pem), passphrase,
						     rows[i].passphrase, &error);

		assert_int_equal(asked, 1);
		assert_int_equal(key != NULL, rows[i].message == NULL);
		if (key == NULL)
			assert_non_null(strstr(error->message, rows[i].message));
	}
}

static void verifies_what_espsecure_signed(void **state)
{
	static const EspSignatureScheme schemes[] = {
		ESP_SIGNATURE_RSA_3072, ESP_SIGNATURE_ECDSA_P256, ESP_SIGNATURE_ECDSA_P384};
	g_autoptr(GBytes) three = file("three-by-espsecure", ".bin");
	g_autoptr(GBytes) p192 = file("ecdsa192-by-espsecure", ".bin");
	g_auto(EspSignatureReport) report = {0};
	EspSignatureDigest trusted = trust_of(key_digests[ESP_SIGNATURE_ECDSA_P192], 32);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_true(esp_signature_verify(g_bytes_get_data(three, NULL), g_bytes_get_size(three),
					 NULL, 0, &report, &error));
	assert_int_equal(report.signed_bytes, 4096);
	for (guint i = 0; i < G_N_ELEMENTS(schemes); i++) {
		g_autofree char *digest = base_hex(report.verdicts[i].block.key_digest, 32);

		assert_int_equal(report.verdicts[i].state, ESP_SIGNATURE_RIGHT);
		assert_int_equal(report.verdicts[i].block.scheme, schemes[i]);
		assert_string_equal(digest, key_digests[schemes[i]]);
		assert_false(report.verdicts[i].trusted);
	}
	esp_signature_report_clear(&report);
	assert_true(esp_signature_verify(g_bytes_get_data(p192, NULL), g_bytes_get_size(p192),
					 &trusted, 1, &report, &error));
	assert_true(report.verdicts[0].trusted);
	assert_int_equal(report.verdicts[1].state, ESP_SIGNATURE_ABSENT);
}

/* All that is no digest of a signature or random is what espsecure writes. */
static void blocks_are_laid_out_as_espsecure_does(void **state)
{
	static const struct {
		const char *file;
		guint block;
		const char *key;
		gsize random_offset, random_bytes;
	} rows[] = {
		{"three-by-espsecure", 0, "rsa3072", 812, 384},
		{"three-by-espsecure", 1, "ecdsa256", 101, 64},
		{"three-by-espsecure", 2, "ecdsa384", 149, 96},
		{"ecdsa192-by-espsecure", 0, "ecdsa192", 101, 48},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GBytes) theirs = file(rows[i].file, ".bin");
		const guint8 *expected = g_bytes_get_data(theirs, NULL);
		gsize size, at = rows[i].random_offset, end = at + rows[i].random_bytes;
		g_autofree guint8 *ours = signed_image(rows[i].key, &size);
		const guint8 *block = ours + SECTOR;

		assert_int_equal(size, 2 * SECTOR);
		assert_memory_equal(ours, expected, SECTOR);
		expected += SECTOR + rows[i].block * BLOCK;
		assert_memory_equal(block, expected, at);
		assert_memory_equal(block + end, expected + end, 1196 - end);
		assert_memory_equal(block + 1200, expected + 1200, 16);
		for (gsize rest = SECTOR + BLOCK; rest < size; rest++)
			assert_int_equal(ours[rest], 0xFF);
	}
}

static void a_signature_is_trusted_by_its_key_digest_or_half_of_it(void **state)
{
	(void)state;
	for (guint i = 0; i < N_SCHEMES; i++) {
		gsize size;
		g_autofree guint8 *image = signed_image(names[i], &size);
		const EspSignatureDigest other = trust_of(key_digests[(i + 1) % N_SCHEMES], 32);
		const EspSignatureDigest other_half =
			trust_of(key_digests[(i + 1) % N_SCHEMES], 16);
		const EspSignatureDigest whole = trust_of(key_digests[i], 32);
		const EspSignatureDigest trusted[] = {other, trust_of(key_digests[i], 16)};
		EspSignatureDigest near = whole;
		g_autoptr(GError) error = NULL;

		near.bytes[31] ^= 1;
		assert_true(esp_signature_verify(image, size, &whole, 1, NULL, NULL));
		assert_true(esp_signature_verify(image, size, trusted, 2, NULL, NULL));
		assert_false(esp_signature_verify(image, size, &other_half, 1, NULL, NULL));
		assert_false(esp_signature_verify(image, size, &near, 1, NULL, NULL));
		assert_false(esp_signature_verify(image, size, &other, 1, NULL, &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
		assert_non_null(strstr(error->message, "signed, but by none of the given keys"));
	}
}

static void a_changed_byte_anywhere_is_found(void **state)
{
	static const struct {
		gsize offset;
		gboolean sealed; /* with the CRC made anew */
		const char *rsa, *ecdsa;
	} rows[] = {
		{0, FALSE, "the image was changed after it was signed",
		 "the image was changed after it was signed"},
		{SECTOR - 1, FALSE, "the image was changed after it was signed",
		 "the image was changed after it was signed"},
		{SECTOR + 4, FALSE, "the block's CRC is", "the block's CRC is"},
		{SECTOR + 4, TRUE, "the image was changed after it was signed",
		 "the image was changed after it was signed"},
		{SECTOR + 1, TRUE, "a signature block of version 3, hash 0, that is neither",
		 "the modulus is not an odd number of 3072 bits"},
		{SECTOR + 2, TRUE, "a signature block of version 2, hash 1, that is neither",
		 "a signature block of version 3, hash 1, that is neither"},
		{SECTOR + 36, TRUE, "the modulus is not an odd number of 3072 bits",
		 "a signature block of version 3, hash 0, that is neither"},
		{SECTOR + 37, TRUE, "M' does not belong to the modulus",
		 "the block's ecdsa256 key is no key"},
		{SECTOR + 419, TRUE, "R does not belong to the modulus", NULL},
		{SECTOR + 420, TRUE, "the exponent is not an odd number above 1", NULL},
		{SECTOR + 424, TRUE, "R does not belong to the modulus", NULL},
		{SECTOR + 807, TRUE, "R does not belong to the modulus", NULL},
		{SECTOR + 808, TRUE, "M' does not belong to the modulus", NULL},
		{SECTOR + 811, TRUE, "M' does not belong to the modulus", NULL},
		{SECTOR + 812, TRUE, "the signature is not one by the block's rsa3072 key", NULL},
		{SECTOR + 1195, TRUE, "the signature is not one by the block's rsa3072 key", NULL},
		{SECTOR + 101, TRUE, NULL, "the signature is not one by the block's ecdsa256 key"},
		{SECTOR + 164, TRUE, NULL, "the signature is not one by the block's ecdsa256 key"},
		{SECTOR + 1196, FALSE, "the block's CRC is", "the block's CRC is"},
	};

	(void)state;
	for (guint ecdsa = 0; ecdsa < 2; ecdsa++) {
		gsize size;
		g_autofree guint8 *whole = signed_image(ecdsa != 0 ? "ecdsa256" : "rsa3072", &size);
		EspSignatureDigest trusted = trust_of(
			key_digests[ecdsa != 0 ? ESP_SIGNATURE_ECDSA_P256 : ESP_SIGNATURE_RSA_3072],
			32);

		for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
			g_autofree guint8 *image = g_memdup2(whole, size);
			const char *message = ecdsa != 0 ? rows[i].ecdsa : rows[i].rsa;
			g_auto(EspSignatureReport) report = {0};
			g_autoptr(GError) error = NULL;

			image[rows[i].offset] ^= 1;
			if (rows[i].sealed)
				seal(image + SECTOR);
			if (message == NULL)
				continue;
			assert_false(esp_signature_verify(image, size, NULL, 0, &report, &error));
			assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_CORRUPT));
			assert_true(g_str_has_prefix(error->message, "signature block 0: "));
			if (strstr(error->message, message) == NULL)
				fail_msg("row %zu of %u: %s", i, ecdsa, error->message);
			assert_int_not_equal(report.verdicts[0].state, ESP_SIGNATURE_RIGHT);
			assert_false(esp_signature_verify(image, size, &trusted, 1, NULL, NULL));
		}
	}
}

/* e = 1 makes any number a signature of itself. */
static void an_rsa_exponent_of_one_is_no_key(void **state)
{
	gsize size;
	g_autofree guint8 *image = signed_image("rsa3072", &size);
	EspSignatureBlock block;
	g_autoptr(GError) error = NULL;

	(void)state;
	esp_put_le32(image + SECTOR + 420, 1);
	seal(image + SECTOR);
	assert_false(esp_signature_block_read(image + SECTOR, &block, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_INVALID));
}

static void a_number_of_fewer_bits_is_no_modulus(void **state)
{
	gsize size;
	g_autofree guint8 *image = signed_image("rsa3072", &size);
	EspSignatureBlock block;
	g_autoptr(GError) error = NULL;

	(void)state;
	image[SECTOR + 36 + 383] &= 0x7F;
	seal(image + SECTOR);
	assert_false(esp_signature_block_read(image + SECTOR, &block, &error));
	assert_non_null(strstr(error->message, "not an odd number of 3072 bits"));
}

static void zeros_and_ones_are_no_signatures(void **state)
{
	static const gsize offsets[N_SCHEMES] = {812, 101, 101, 149};
	static const gsize sizes[N_SCHEMES] = {384, 48, 64, 96};

	(void)state;
	for (guint i = 0; i < N_SCHEMES; i++)
		for (guint fill = 0; fill < 0x200; fill += 0xFF) {
			gsize size;
			g_autofree guint8 *image = signed_image(names[i], &size);
			g_autoptr(GError) error = NULL;

			memset(image + SECTOR + offsets[i], (int)fill & 0xFF, sizes[i]);
			seal(image + SECTOR);
			assert_false(esp_signature_verify(image, size, NULL, 0, NULL, &error));
			assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_CORRUPT));
			assert_non_null(strstr(error->message, "the signature is not one by"));
		}
}

static void signs_with_three_keys_at_once_or_one_by_one(void **state)
{
	g_autofree guint8 *image = plain_image();
	g_autoptr(EspSignatureKey) rsa = key_of("rsa3072");
	g_autoptr(EspSignatureKey) p256 = key_of("ecdsa256");
	g_autoptr(EspSignatureKey) p384 = key_of("ecdsa384");
	EspSignatureKey *const keys[] = {rsa, p256, p384};
	g_autoptr(GBytes) at_once =
		esp_signature_sign(image, IMAGE_BYTES, keys, 3, ESP_SIGNATURE_FRESH, NULL);
	g_autoptr(GBytes) one_by_one =
		esp_signature_sign(image, IMAGE_BYTES, keys, 1, ESP_SIGNATURE_FRESH, NULL);

	(void)state;
	for (guint i = 1; i < 3; i++) {
		GBytes *next = esp_signature_sign(g_bytes_get_data(one_by_one, NULL),
						  g_bytes_get_size(one_by_one), keys + i, 1,
						  ESP_SIGNATURE_APPEND, NULL);

		assert_non_null(next);
		assert_memory_equal(g_bytes_get_data(next, NULL),
				    g_bytes_get_data(one_by_one, NULL), SECTOR + i * BLOCK);
		g_bytes_unref(one_by_one);
		one_by_one = next;
	}
	for (guint way = 0; way < 2; way++) {
		GBytes *bytes = way == 0 ? at_once : one_by_one;
		g_auto(EspSignatureReport) report = {0};

		assert_int_equal(g_bytes_get_size(bytes), 2 * SECTOR);
		assert_true(esp_signature_verify(g_bytes_get_data(bytes, NULL), 2 * SECTOR, NULL, 0,
						 &report, NULL));
		for (guint i = 0; i < 3; i++)
			assert_memory_equal(report.verdicts[i].block.key_digest,
					    esp_signature_key_digest(keys[i]), 32);
	}
}

static void one_trusted_signature_is_enough_whatever_the_others_are(void **state)
{
	g_autoptr(GBytes) three = file("three-by-espsecure", ".bin");
	g_autofree guint8 *image = g_memdup2(g_bytes_get_data(three, NULL), 2 * SECTOR);
	EspSignatureDigest last = trust_of(key_digests[ESP_SIGNATURE_ECDSA_P384], 32);
	EspSignatureDigest first = trust_of(key_digests[ESP_SIGNATURE_RSA_3072], 32);
	g_autoptr(GError) error = NULL;

	(void)state;
	image[SECTOR + 900] ^= 1;
	assert_true(esp_signature_verify(image, 2 * SECTOR, &last, 1, NULL, NULL));
	assert_false(esp_signature_verify(image, 2 * SECTOR, &first, 1, NULL, NULL));
	assert_false(esp_signature_verify(image, 2 * SECTOR, NULL, 0, NULL, NULL));
	seal(image + SECTOR);
	assert_false(esp_signature_verify(image, 2 * SECTOR, &first, 1, NULL, &error));
	assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_CORRUPT));
	assert_non_null(strstr(error->message, "signature block 0: the signature is not one"));
}

static void what_is_not_signed_is_said_so(void **state)
{
	static const gsize sizes[] = {0, 4000, SECTOR, SECTOR + 1, 2 * SECTOR - 1, 2 * SECTOR + 1};
	g_autofree guint8 *image = g_malloc(3 * SECTOR);
	g_autoptr(GError) unsigned_error = NULL;

	(void)state;
	memset(image, 0xFF, 3 * SECTOR);
	for (gsize i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autoptr(GError) error = NULL;

		assert_false(esp_signature_verify(image, sizes[i], NULL, 0, NULL, &error));
		assert_true(g_error_matches(error, ESP_ERROR, ESP_ERROR_TRUNCATED));
		assert_non_null(strstr(error->message, "has a multiple of 4096, 8192 at least"));
	}
	assert_false(esp_signature_verify(image, 2 * SECTOR, NULL, 0, NULL, &unsigned_error));
	assert_true(g_error_matches(unsigned_error, ESP_ERROR, ESP_ERROR_NOT_FOUND));
	assert_non_null(strstr(unsigned_error->message, "hold no signature block"));
}

typedef struct {
	const guint8 *data;
	gsize size;
	EspSignatureKey *const *keys;
	gsize n_keys;
	EspSignatureMode mode;
	EspError code;
	const char *message;
} Refusal;

static void assert_refused(const Refusal *refusal)
{
	g_autoptr(GError) error = NULL;

	assert_null(esp_signature_sign(refusal->data, refusal->size, refusal->keys, refusal->n_keys,
				       refusal->mode, &error));
	if (!g_error_matches(error, ESP_ERROR, (int)refusal->code) ||
	    strstr(error->message, refusal->message) == NULL)
		fail_msg("'%s', not '%s'", error->message, refusal->message);
}

static void refuses_to_sign_what_no_chip_would_start(void **state)
{
	g_autofree guint8 *plain = plain_image();
	g_autoptr(GBytes) three = file("three-by-espsecure", ".bin");
	g_autoptr(GBytes) pem = file("ecdsa256", ".pub.pem");
	gsize size;
	g_autofree guint8 *one = signed_image("ecdsa256", &size);
	g_autofree guint8 *changed = g_memdup2(one, size), *damaged = g_memdup2(one, size);
	g_autoptr(EspSignatureKey) p256 = key_of("ecdsa256");
	g_autoptr(EspSignatureKey) p192 = key_of("ecdsa192");
	g_autoptr(EspSignatureKey) public = esp_signature_key_read_public(
		g_bytes_get_data(pem, NULL), g_bytes_get_size(pem), NULL);
	EspSignatureKey *const a[] = {p256}, *const b[] = {p192}, *const c[] = {public};
	EspSignatureKey *const twice[] = {p256, p192, p256}, *const four[] = {p256, p192, p256,
									      p192};
	const Refusal rows[] = {
		{plain, 0, a, 1, ESP_SIGNATURE_FRESH, ESP_ERROR_INVALID, "nothing to sign"},
		{one, size, b, 1, ESP_SIGNATURE_FRESH, ESP_ERROR_INVALID, "is signed already"},
		{plain, IMAGE_BYTES, four, 4, ESP_SIGNATURE_FRESH, ESP_ERROR_TOO_LARGE,
		 "4 keys, and 3 of the 3 places"},
		{plain, IMAGE_BYTES, twice, 3, ESP_SIGNATURE_FRESH, ESP_ERROR_INVALID,
		 "signature block 0 is by the same key"},
		{plain, IMAGE_BYTES, c, 1, ESP_SIGNATURE_FRESH, ESP_ERROR_INVALID,
		 "a public key cannot sign"},
		{plain, IMAGE_BYTES, a, 1, ESP_SIGNATURE_APPEND, ESP_ERROR_TRUNCATED, "not signed"},
		{one, size, a, 1, ESP_SIGNATURE_APPEND, ESP_ERROR_INVALID, "is by the same key"},
		{g_bytes_get_data(three, NULL), 2 * SECTOR, b, 1, ESP_SIGNATURE_APPEND,
		 ESP_ERROR_TOO_LARGE, "1 keys, and 0 of the 3 places"},
		{one, size, twice, 3, ESP_SIGNATURE_APPEND, ESP_ERROR_TOO_LARGE,
		 "3 keys, and 2 of the 3 places"},
		{changed, size, b, 1, ESP_SIGNATURE_APPEND, ESP_ERROR_CORRUPT,
		 "the image was changed after it was signed"},
		{damaged, size, b, 1, ESP_SIGNATURE_APPEND, ESP_ERROR_CORRUPT, "it is damaged"},
	};

	(void)state;
	changed[100] ^= 1;
	damaged[SECTOR + 1190] ^= 1;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		assert_refused(&rows[i]);
}

static void an_image_is_signed_as_its_chip_reads_it(void **state)
{
	static const struct {
		guint16 chip;
		const char *first, *second; /* keys */
		const char *message;        /* NULL: signs */
	} rows[] = {
		{0x0000, "rsa3072", NULL, NULL},
		{0x0000, "ecdsa256", NULL, "ESP32, which does not verify ecdsa256 signatures"},
		{0x0000, "rsa3072", "rsa3072", "ESP32, which looks at the first signature only"},
		{0x0005, "ecdsa192", NULL, "ESP32-C3, which does not verify ecdsa192 signatures"},
		{0x0005, "rsa3072", NULL, NULL},
		{0x000C, "rsa3072", NULL, "ESP32-C2, which does not verify rsa3072 signatures"},
		{0x000C, "ecdsa256", NULL, NULL},
		{0x000C, "ecdsa256", "ecdsa192", "ESP32-C2, which looks at the first signature"},
		{0x000D, "ecdsa256", "rsa3072", NULL},
		{0x0014, "rsa3072", NULL, "ESP32-C61, which does not verify rsa3072 signatures"},
		{0xF057, "rsa3072", NULL, "host device, which does not verify rsa3072 signatures"},
		{0x7777, "rsa3072", NULL, NULL},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree guint8 *image = plain_image();
		g_autoptr(EspSignatureKey) first = key_of(rows[i].first);
		g_autoptr(EspSignatureKey) second =
			rows[i].second != NULL ? key_of(rows[i].second) : NULL;
		EspSignatureKey *const keys[] = {first, second};
		g_autoptr(GBytes) bytes = NULL;
		Refusal refusal = {image,
				   IMAGE_BYTES,
				   keys,
				   rows[i].second != NULL ? 2 : 1,
				   ESP_SIGNATURE_FRESH,
				   ESP_ERROR_NOT_SUPPORTED,
				   rows[i].message};

		image[0] = 0xE9;
		esp_put_le16(image + 12, rows[i].chip);
		if (rows[i].message != NULL) {
			assert_refused(&refusal);
			continue;
		}
		bytes = esp_signature_sign(image, IMAGE_BYTES, keys, refusal.n_keys,
					   ESP_SIGNATURE_FRESH, NULL);
		assert_non_null(bytes);
	}
}

static void an_image_of_whole_sectors_is_not_filled_up(void **state)
{
	g_autofree guint8 *image = g_malloc0(SECTOR);
	g_autoptr(EspSignatureKey) key = key_of("ecdsa256");
	g_autoptr(GBytes) signed_ = NULL;

	(void)state;
	signed_ = esp_signature_sign(image, SECTOR, &key, 1, ESP_SIGNATURE_FRESH, NULL);
	assert_int_equal(g_bytes_get_size(signed_), 2 * SECTOR);
	assert_memory_equal(g_bytes_get_data(signed_, NULL), image, SECTOR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_have_the_digests_that_espsecure_gives),
		cmocka_unit_test(keys_in_der_are_the_same_keys),
		cmocka_unit_test(refuses_keys_that_secure_boot_does_not_take),
		cmocka_unit_test(an_encrypted_key_opens_with_its_passphrase_only),
		cmocka_unit_test(verifies_what_espsecure_signed),
		cmocka_unit_test(blocks_are_laid_out_as_espsecure_does),
		cmocka_unit_test(a_signature_is_trusted_by_its_key_digest_or_half_of_it),
		cmocka_unit_test(a_changed_byte_anywhere_is_found),
		cmocka_unit_test(an_rsa_exponent_of_one_is_no_key),
		cmocka_unit_test(a_number_of_fewer_bits_is_no_modulus),
		cmocka_unit_test(zeros_and_ones_are_no_signatures),
		cmocka_unit_test(signs_with_three_keys_at_once_or_one_by_one),
		cmocka_unit_test(one_trusted_signature_is_enough_whatever_the_others_are),
		cmocka_unit_test(what_is_not_signed_is_said_so),
		cmocka_unit_test(refuses_to_sign_what_no_chip_would_start),
		cmocka_unit_test(an_image_is_signed_as_its_chip_reads_it),
		cmocka_unit_test(an_image_of_whole_sectors_is_not_filled_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
