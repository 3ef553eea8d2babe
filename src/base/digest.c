#include "base/digest.h"

#include "base/error.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>
#include <unistd.h>

struct BaseInputsHash {
	EVP_MD_CTX *context;
};

static EVP_MD_CTX *sha256_start(void)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		g_error("OpenSSL has no SHA-256");
	return context;
}

static char *sha256_end_hex(EVP_MD_CTX *context)
{
	guint8 digest[BASE_SHA256_BYTES];

	EVP_DigestFinal_ex(context, digest, NULL);
	EVP_MD_CTX_free(context);
	return base_hex(digest, sizeof digest);
}

void base_sha256(const void *data, gsize size_bytes, guint8 digest[static BASE_SHA256_BYTES])
{
	SHA256(data, size_bytes, digest);
}

char *base_sha256_hex(const void *data, gsize size_bytes)
{
	guint8 digest[BASE_SHA256_BYTES];

	base_sha256(data, size_bytes, digest);
	return base_hex(digest, sizeof digest);
}

char *base_sha256_hex_of_bytes(GBytes *bytes)
{
	gsize size_bytes = 0;
	const void *data = g_bytes_get_data(bytes, &size_bytes);

	return base_sha256_hex(data, size_bytes);
}

char *base_sha256_hex_of_fd(int fd, GError **error)
{
	EVP_MD_CTX *context = sha256_start();
	guint8 buffer[16384];
	off_t at = 0;

	for (;;) {
		ssize_t got = pread(fd, buffer, sizeof buffer, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			base_error_set_errno(error, errno, "reading a file to hash it");
			EVP_MD_CTX_free(context);
			return NULL;
		}
		if (got == 0)
			return sha256_end_hex(context);
		EVP_DigestUpdate(context, buffer, (size_t)got);
		at += got;
	}
}

BaseInputsHash *base_inputs_hash_new(void)
{
	BaseInputsHash *hash = g_new0(BaseInputsHash, 1);

	hash->context = sha256_start();
	return hash;
}

void base_inputs_hash_add(BaseInputsHash *hash, const void *data, gsize size_bytes)
{
	guint64 length = GUINT64_TO_LE(data == NULL ? G_MAXUINT64 : (guint64)size_bytes);

	EVP_DigestUpdate(hash->context, &length, sizeof length);
	if (data != NULL)
		EVP_DigestUpdate(hash->context, data, size_bytes);
}

void base_inputs_hash_add_string(BaseInputsHash *hash, const char *text)
{
	base_inputs_hash_add(hash, text, text == NULL ? 0 : strlen(text));
}

char *base_inputs_hash_finish(BaseInputsHash *hash)
{
	char *hex = sha256_end_hex(hash->context);

	g_free(hash);
	return hex;
}

gboolean base_secret_equal(const char *a, const char *b)
{
	guint8 digest_a[BASE_SHA256_BYTES], digest_b[BASE_SHA256_BYTES];

	if (a == NULL || b == NULL)
		return FALSE;
	base_sha256(a, strlen(a), digest_a);
	base_sha256(b, strlen(b), digest_b);
	return CRYPTO_memcmp(digest_a, digest_b, sizeof digest_a) == 0;
}

void base_random_bytes(void *data, gsize size_bytes)
{
	g_assert(size_bytes <= G_MAXINT);
	if (RAND_bytes(data, (int)size_bytes) != 1)
		g_error("the system has no source of random numbers");
}

char *base_random_password(void)
{
	guint8 bits[16];
	char *text;

	base_random_bytes(bits, sizeof bits);
	text = g_base64_encode(bits, sizeof bits);
	OPENSSL_cleanse(bits, sizeof bits);
	for (char *c = text; *c != '\0'; c++)
		if (*c == '+')
			*c = '-';
		else if (*c == '/')
			*c = '_';
		else if (*c == '=')
			*c = '\0';
	return text;
}

char *base_random_uuid(void)
{
	guint8 b[16];
	g_autofree char *hex = NULL;

	base_random_bytes(b, sizeof b);
	b[6] = (guint8)((b[6] & 0x0f) | 0x40);
	b[8] = (guint8)((b[8] & 0x3f) | 0x80);
	hex = base_hex(b, sizeof b);
	return g_strdup_printf("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
			       hex + 20);
}

void base_secret_free(char *secret)
{
	if (secret == NULL)
		return;
	OPENSSL_cleanse(secret, strlen(secret));
	g_free(secret);
}
