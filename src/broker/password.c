#include "broker/password.h"

#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define LINE_MIDDLE ":$7$101$"

static void digest(const char *password, const guint8 *salt, guint8 *hash)
{
	int done = PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt,
				     BROKER_PASSWORD_SALT_BYTES, BROKER_PASSWORD_ROUNDS,
				     EVP_sha512(), BROKER_PASSWORD_HASH_BYTES, hash);

	g_assert(done == 1); /* fails for bad parameters alone, and they are constants */
}

void broker_password_set(BrokerPassword *out, const char *password)
{
	base_random_bytes(out->salt, sizeof out->salt);
	digest(password, out->salt, out->hash);
}

gboolean broker_password_matches(const BrokerPassword *hashed, const char *password)
{
	guint8 hash[BROKER_PASSWORD_HASH_BYTES];

	digest(password, hashed->salt, hash);
	return CRYPTO_memcmp(hash, hashed->hash, sizeof hash) == 0;
}

void broker_password_write_line(GString *text, const char *name, const BrokerPassword *hashed)
{
	g_autofree char *salt = g_base64_encode(hashed->salt, sizeof hashed->salt);
	g_autofree char *hash = g_base64_encode(hashed->hash, sizeof hashed->hash);

	g_string_append(text, name);
	g_string_append(text, LINE_MIDDLE);
	g_string_append(text, salt);
	g_string_append_c(text, '$');
	g_string_append(text, hash);
	g_string_append_c(text, '\n');
}

static gboolean read_base64(const char *text, gsize length, guint8 *out, gsize size_bytes)
{
	g_autofree char *copy = g_strndup(text, length);
	gsize decoded_bytes;
	g_autofree guint8 *decoded = g_base64_decode(copy, &decoded_bytes);

	if (decoded_bytes != size_bytes)
		return FALSE;
	memcpy(out, decoded, size_bytes);
	return TRUE;
}

gboolean broker_password_read_line(const char *line, char **name, BrokerPassword *hashed)
{
	const char *middle = strchr(line, ':');
	const char *salt, *hash;
	BrokerPassword read;

	if (middle == NULL || middle == line || !g_str_has_prefix(middle, LINE_MIDDLE))
		return FALSE;
	salt = middle + strlen(LINE_MIDDLE);
	hash = strchr(salt, '$');
	if (hash == NULL || !read_base64(salt, (gsize)(hash - salt), read.salt, sizeof read.salt) ||
	    !read_base64(hash + 1, strlen(hash + 1), read.hash, sizeof read.hash))
		return FALSE;
	*name = g_strndup(line, (gsize)(middle - line));
	*hashed = read;
	return TRUE;
}
