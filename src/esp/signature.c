#include "esp/signature.h"

#include "esp/bytes.h"
#include "esp/chips.h"
#include "esp/error.h"
#include "esp/image.h"
#include "esp/signature_key.h"

#include <string.h>

enum {
	FILLING = 0xFF,
	CHIP_ID_OFFSET = 12, /* in the header of an image */
};

/* What is signed, and the sector that grows behind it. */
typedef struct {
	const guint8 *data;
	gsize data_bytes;
	gsize signed_bytes; /* with the filling */
	guint8 *out;        /* signed_bytes and the sector */
	guint n_blocks;
	guint8 key_digests[ESP_SIGNATURE_BLOCKS_MAX][ESP_SIGNATURE_KEY_DIGEST_BYTES];
} Signing;

static guint8 *place(const Signing *signing, guint block)
{
	return signing->out + signing->signed_bytes + block * ESP_SIGNATURE_BLOCK_BYTES;
}

/* TRUE if the last sector holds a block that can be read, so that another sector behind it would
 * never be looked at. */
static gboolean is_signed(const guint8 *data, gsize size_bytes)
{
	EspSignatureBlock block;
	gsize sector;

	return signature_sector_find(size_bytes, &sector, NULL) &&
	       esp_signature_block_read(data + sector, &block, NULL);
}

static gboolean start_fresh(Signing *signing, GError **error)
{
	gsize size = signing->data_bytes;

	if (size == 0) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID, "an empty image: nothing to sign");
		return FALSE;
	}
	if (is_signed(signing->data, size)) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "the image is signed already: append a signature to it, or sign the "
			    "unsigned one");
		return FALSE;
	}
	signing->signed_bytes =
		size + (ESP_SIGNATURE_SECTOR_BYTES - size % ESP_SIGNATURE_SECTOR_BYTES) %
			       ESP_SIGNATURE_SECTOR_BYTES;
	signing->out = g_malloc(signing->signed_bytes + ESP_SIGNATURE_SECTOR_BYTES);
	memcpy(signing->out, signing->data, size);
	memset(signing->out + size, FILLING,
	       signing->signed_bytes - size + ESP_SIGNATURE_SECTOR_BYTES);
	return TRUE;
}

/* Takes the sector that is there, if all of its blocks are signatures of this image. */
static gboolean start_append(Signing *signing, GError **error)
{
	g_auto(EspSignatureReport) report = {0};

	if (!esp_signature_verify(signing->data, signing->data_bytes, NULL, 0, &report, error))
		return FALSE;
	for (guint i = 0; i < ESP_SIGNATURE_BLOCKS_MAX; i++)
		if (report.verdicts[i].state == ESP_SIGNATURE_RIGHT) {
			memcpy(signing->key_digests[i], report.verdicts[i].block.key_digest,
			       ESP_SIGNATURE_KEY_DIGEST_BYTES);
			signing->n_blocks = i + 1;
		}
	signing->signed_bytes = report.signed_bytes;
	signing->out = g_memdup2(signing->data, signing->data_bytes);
	return TRUE;
}

static gboolean add_block(Signing *signing, const EspSignatureKey *key, GError **error)
{
	guint8 digest[ESP_SIGNATURE_DIGEST_MAX_BYTES];
	guint8 *block = place(signing, signing->n_blocks);

	if (key->private == NULL) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "a public key cannot sign: give the private one");
		return FALSE;
	}
	for (guint i = 0; i < signing->n_blocks; i++)
		if (memcmp(signing->key_digests[i], key->digest, sizeof key->digest) == 0) {
			g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
				    "signature block %u is by the same key", i);
			return FALSE;
		}
	signature_image_digest(key->scheme, signing->out, signing->signed_bytes, digest);
	signature_block_write(key, digest, block);
	/* What a chip would refuse must not leave: a token that holds another private key than
	 * its public one says. */
	if (!signature_block_sign(key, block, error) ||
	    !signature_block_check(signature_layout(key->scheme), block, error))
		return FALSE;
	signature_block_seal(block);
	memcpy(signing->key_digests[signing->n_blocks++], key->digest, sizeof key->digest);
	return TRUE;
}

/* The chip that an app or a bootloader is for; NULL if the bytes are neither or name none. */
static const EspChip *chip_of(const guint8 *data, gsize size_bytes)
{
	return size_bytes >= ESP_IMAGE_HEADER_BYTES && data[0] == ESP_IMAGE_MAGIC
		       ? esp_chip_find_id(esp_get_le16(data + CHIP_ID_OFFSET))
		       : NULL;
}

static gboolean chip_reads(const EspChip *chip, EspSignatureScheme scheme, guint n_blocks,
			   GError **error)
{
	guint needed =
		scheme == ESP_SIGNATURE_RSA_3072 ? ESP_CHIP_SIGNED_RSA : ESP_CHIP_SIGNED_ECDSA;

	if ((chip->security & needed) == 0) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_SUPPORTED,
			    "the image is for %s, which does not verify %s signatures", chip->title,
			    esp_signature_scheme_name(scheme));
		return FALSE;
	}
	if ((chip->security & ESP_CHIP_SIGNED_ONCE) != 0 && n_blocks > 1) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_SUPPORTED,
			    "the image is for %s, which looks at the first signature only: sign "
			    "with one key",
			    chip->title);
		return FALSE;
	}
	return TRUE;
}

GBytes *esp_signature_sign(const guint8 *data, gsize size_bytes, EspSignatureKey *const *keys,
			   gsize n_keys, EspSignatureMode mode, GError **error)
{
	Signing signing = {.data = data, .data_bytes = size_bytes};
	const EspChip *chip = chip_of(data, size_bytes);
	g_autofree guint8 *out = NULL;

	if (mode == ESP_SIGNATURE_APPEND ? !start_append(&signing, error)
					 : !start_fresh(&signing, error))
		return NULL;
	out = signing.out;
	if (n_keys > ESP_SIGNATURE_BLOCKS_MAX - signing.n_blocks) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_TOO_LARGE,
			    "%zu keys, and %u of the %d places for signatures are free", n_keys,
			    ESP_SIGNATURE_BLOCKS_MAX - signing.n_blocks, ESP_SIGNATURE_BLOCKS_MAX);
		return NULL;
	}
	for (gsize i = 0; i < n_keys; i++)
		if ((chip != NULL &&
		     !chip_reads(chip, keys[i]->scheme, signing.n_blocks + 1, error)) ||
		    !add_block(&signing, keys[i], error))
			return NULL;
	return g_bytes_new_take(g_steal_pointer(&out),
				signing.signed_bytes + ESP_SIGNATURE_SECTOR_BYTES);
}
