#include "esp/bytes.h"
#include "esp/crc.h"
#include "esp/error.h"
#include "esp/hash.h"
#include "esp/signature_key.h"

#include <string.h>

enum {
	VERSION_OFFSET = 1,
	HASH_OFFSET = 2,
	CRC_OFFSET = 1196,
	EXPONENT_OFFSET = SIGNATURE_RSA_BYTES, /* in the public key, after n */
	R_OFFSET = EXPONENT_OFFSET + 4,
	M_OFFSET = R_OFFSET + SIGNATURE_RSA_BYTES,
	M_BITS = 32,
};

static BIGNUM *number_new(void)
{
	BIGNUM *number = esp_openssl()->BN_new();

	if (number == NULL)
		g_error("OpenSSL has no memory");
	return number;
}

void signature_rsa_r(const guint8 *n, guint8 *r)
{
	const EspOpenssl *ssl = esp_openssl();
	BIGNUM *modulus = ssl->BN_lebin2bn(n, SIGNATURE_RSA_BYTES, NULL);
	BIGNUM *power = number_new(), *rest = number_new();
	BN_CTX *context = ssl->BN_CTX_new();

	if (modulus == NULL || context == NULL ||
	    ssl->BN_set_bit(power, 2 * SIGNATURE_RSA_BITS) != 1 ||
	    ssl->BN_div(NULL, rest, power, modulus, context) != 1 ||
	    ssl->BN_bn2lebinpad(rest, r, SIGNATURE_RSA_BYTES) < 0)
		g_error("OpenSSL cannot divide; its installation is broken");
	ssl->BN_CTX_free(context);
	ssl->BN_free(rest);
	ssl->BN_free(power);
	ssl->BN_free(modulus);
}

/* Newton's iteration: each step doubles the bits at which n times the inverse is 1, from the three
 * of an odd number by itself. */
guint32 signature_rsa_m(const guint8 *n)
{
	guint32 low = esp_get_le32(n), inverse = low;

	for (guint bits = 3; bits < M_BITS; bits *= 2)
		inverse *= 2 - low * inverse;
	return -inverse;
}

static gboolean rsa_is_sound(const guint8 *key, GError **error)
{
	guint32 e = esp_get_le32(key + EXPONENT_OFFSET);
	guint8 r[SIGNATURE_RSA_BYTES];
	const char *wrong = NULL;

	if ((key[0] & 1) == 0 || key[SIGNATURE_RSA_BYTES - 1] < 0x80)
		wrong = "the modulus is not an odd number of 3072 bits";
	else if ((e & 1) == 0 || e < 3)
		wrong = "the exponent is not an odd number above 1";
	else if (esp_get_le32(key + M_OFFSET) != signature_rsa_m(key))
		wrong = "M' does not belong to the modulus, so a chip would refuse the signature";
	if (wrong == NULL) {
		signature_rsa_r(key, r);
		if (memcmp(key + R_OFFSET, r, sizeof r) != 0)
			wrong = "R does not belong to the modulus, so a chip would refuse the "
				"signature";
	}
	if (wrong == NULL)
		return TRUE;
	g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID, "the block's RSA key is wrong: %s", wrong);
	return FALSE;
}

static gboolean scheme_of_block(const guint8 *bytes, EspSignatureScheme *scheme, GError **error)
{
	for (guint i = ESP_SIGNATURE_RSA_3072; i <= ESP_SIGNATURE_ECDSA_P384; i++) {
		const SignatureLayout *layout = signature_layout((EspSignatureScheme)i);

		if (bytes[VERSION_OFFSET] == layout->version &&
		    bytes[HASH_OFFSET] == layout->hash &&
		    (layout->curve == 0 || bytes[layout->key_offset] == layout->curve)) {
			*scheme = (EspSignatureScheme)i;
			return TRUE;
		}
	}
	g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_SUPPORTED,
		    "a signature block of version %u, hash %u, that is neither RSA-3072 nor ECDSA "
		    "over P-192, P-256 or P-384",
		    bytes[VERSION_OFFSET], bytes[HASH_OFFSET]);
	return FALSE;
}

gboolean esp_signature_block_read(const guint8 bytes[static ESP_SIGNATURE_BLOCK_BYTES],
				  EspSignatureBlock *block, GError **error)
{
	EspSignatureBlock read = {0};
	const SignatureLayout *layout;
	guint32 crc = esp_get_le32(bytes + CRC_OFFSET), computed;

	if (bytes[0] != ESP_SIGNATURE_MAGIC) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_FOUND,
			    "no signature block: it begins with 0x%02x, not 0x%02x", bytes[0],
			    ESP_SIGNATURE_MAGIC);
		return FALSE;
	}
	computed = esp_crc_std(bytes, CRC_OFFSET);
	if (crc != computed) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_CORRUPT,
			    "the block's CRC is 0x%08x and its bytes give 0x%08x: it is damaged",
			    crc, computed);
		return FALSE;
	}
	if (!scheme_of_block(bytes, &read.scheme, error))
		return FALSE;
	layout = signature_layout(read.scheme);
	if (layout->curve == 0 && !rsa_is_sound(bytes + layout->key_offset, error))
		return FALSE;
	read.image_digest_bytes = layout->digest_bytes;
	memcpy(read.image_digest, bytes + SIGNATURE_DIGEST_OFFSET, layout->digest_bytes);
	esp_sha256(bytes + layout->key_offset, layout->key_bytes, read.key_digest);
	*block = read;
	return TRUE;
}

void signature_block_write(const EspSignatureKey *key, const guint8 *image_digest, guint8 *block)
{
	const SignatureLayout *layout = signature_layout(key->scheme);

	memset(block, 0, ESP_SIGNATURE_BLOCK_BYTES);
	block[0] = ESP_SIGNATURE_MAGIC;
	block[VERSION_OFFSET] = layout->version;
	block[HASH_OFFSET] = layout->hash;
	memcpy(block + SIGNATURE_DIGEST_OFFSET, image_digest, layout->digest_bytes);
	memcpy(block + layout->key_offset, key->part, layout->key_bytes);
}

void signature_block_seal(guint8 *block)
{
	esp_put_le32(block + CRC_OFFSET, esp_crc_std(block, CRC_OFFSET));
}
