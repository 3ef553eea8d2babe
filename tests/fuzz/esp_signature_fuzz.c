/* Signature blocks, and sectors of them behind an image of zeros. The first byte mends what chance
 * would never make right: bit 0 the magic and the CRC of the first block, bit 1 its digest. The
 * whole sector is judged for one input in 16, a signature computed with for one in 512, a key in
 * DER read for as many: each takes longer than all the rest. */
#include "esp/signature.h"

#include "esp/bytes.h"
#include "esp/crc.h"
#include "esp/hash.h"

#include <stdint.h>
#include <string.h>

enum {
	IMAGE_BYTES = 4096,
	MEND_FRAME = 1,
	MEND_DIGEST = 2,
	CRC_OFFSET = 1196,
	DIGEST_OFFSET = 4,
	JUDGE_EVERY = 16,
	COMPUTE_EVERY = 512, /* a multiple of it */
	READ_KEY_EVERY = 512,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(guint8 *block, const guint8 *image, guint options, gboolean may_compute)
{
	block[0] = ESP_SIGNATURE_MAGIC;
	if ((options & MEND_DIGEST) != 0 && may_compute) {
		if (block[2] == 1)
			esp_sha384(image, IMAGE_BYTES, block + DIGEST_OFFSET);
		else
			esp_sha256(image, IMAGE_BYTES, block + DIGEST_OFFSET);
	}
	esp_put_le32(block + CRC_OFFSET, esp_crc_std(block, CRC_OFFSET));
}

static void judge(const guint8 *image, gsize size_bytes)
{
	g_auto(EspSignatureReport) report = {0};
	gboolean right = esp_signature_verify(image, size_bytes, NULL, 0, &report, NULL);

	for (guint i = 0; i < ESP_SIGNATURE_BLOCKS_MAX; i++) {
		const EspSignatureVerdict *verdict = &report.verdicts[i];

		g_assert(!right || verdict->reason == NULL);
		g_assert((verdict->reason != NULL) == (verdict->state == ESP_SIGNATURE_DAMAGED ||
						       verdict->state == ESP_SIGNATURE_WRONG));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static guint8 image[IMAGE_BYTES + ESP_SIGNATURE_SECTOR_BYTES];
	guint8 *sector = image + IMAGE_BYTES;
	EspSignatureBlock block;
	guint32 chance;

	if (size == 0 || size > 1 + ESP_SIGNATURE_SECTOR_BYTES)
		return 0;
	chance = esp_crc_std(data, size);
	memcpy(sector, data + 1, size - 1);
	memset(sector + size - 1, 0, ESP_SIGNATURE_SECTOR_BYTES - (size - 1));
	if ((data[0] & MEND_FRAME) != 0)
		mend(sector, image, data[0], chance % COMPUTE_EVERY == 0);
	(void)esp_signature_block_read(sector, &block, NULL);
	if (chance % JUDGE_EVERY == 0)
		judge(image, sizeof image);
	if (chance % READ_KEY_EVERY == 1)
		esp_signature_key_free(esp_signature_key_read_public(data + 1, size - 1, NULL));
	return 0;
}
