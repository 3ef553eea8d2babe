#include "esp/merge.h"

#include "esp/bytes.h"
#include "esp/error.h"
#include "esp/hash.h"

#include <string.h>

enum {
	HEADER_BYTES = 32,
	FLAG_FAMILY = 0x2000,
	FLAG_MD5 = 0x4000,
	FINAL_MAGIC_OFFSET = ESP_UF2_BLOCK_BYTES - 4,
};

#define FIRST_MAGIC 0x0A324655U
#define SECOND_MAGIC 0x9E5D5157U
#define FINAL_MAGIC 0x0AB16F30U

/* The block at `index` of `n_blocks`, with `length` bytes from `chunk` for `address`. */
typedef struct {
	guint32 family;
	gboolean with_md5;
	guint32 index, n_blocks;
	guint32 address, length;
	const guint8 *chunk;
} Block;

static void put_block(guint8 out[static ESP_UF2_BLOCK_BYTES], const Block *block)
{
	guint8 *behind = out + HEADER_BYTES + block->length;

	esp_put_le32(out, FIRST_MAGIC);
	esp_put_le32(out + 4, SECOND_MAGIC);
	esp_put_le32(out + 8, FLAG_FAMILY | (block->with_md5 ? FLAG_MD5 : 0));
	esp_put_le32(out + 12, block->address);
	esp_put_le32(out + 16, block->length);
	esp_put_le32(out + 20, block->index);
	esp_put_le32(out + 24, block->n_blocks);
	esp_put_le32(out + 28, block->family);
	memcpy(out + HEADER_BYTES, block->chunk, block->length);
	if (block->with_md5) {
		esp_put_le32(behind, block->address);
		esp_put_le32(behind + 4, block->length);
		esp_md5(block->chunk, block->length, behind + 8);
	}
	esp_put_le32(out + FINAL_MAGIC_OFFSET, FINAL_MAGIC);
}

static guint32 blocks_of(const EspMergePart *part, guint chunk_bytes)
{
	return (guint32)((g_bytes_get_size(part->bytes) + chunk_bytes - 1) / chunk_bytes);
}

/* Returns the end of what it wrote to `out`. */
static guint8 *put_part(guint8 *out, const EspMergePart *part, guint chunk_bytes, Block block)
{
	gsize size_bytes;
	const guint8 *data = g_bytes_get_data(part->bytes, &size_bytes);

	block.n_blocks = blocks_of(part, chunk_bytes);
	for (block.index = 0; block.index < block.n_blocks; block.index++) {
		gsize at = (gsize)block.index * chunk_bytes;

		block.address = part->offset + (guint32)at;
		block.chunk = data + at;
		block.length = (guint32)MIN(chunk_bytes, size_bytes - at);
		put_block(out, &block);
		out += ESP_UF2_BLOCK_BYTES;
	}
	return out;
}

GBytes *esp_merge_uf2(const EspMerge *merge, guint chunk_bytes, gboolean with_md5, GError **error)
{
	guint most = with_md5 ? ESP_UF2_CHUNK_MD5_MAX_BYTES : ESP_UF2_CHUNK_MAX_BYTES;
	const EspChip *chip = esp_merge_chip(merge);
	const Block block = {.family = chip->uf2_family, .with_md5 = with_md5};
	gsize n_parts, n_blocks = 0;
	const EspMergePart *parts = esp_merge_parts(merge, &n_parts);
	guint8 *data, *out;

	if (chip->uf2_family == 0) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID, "%s has no UF2 family",
			    chip->title);
		return NULL;
	}
	if (chunk_bytes % 4 != 0 || chunk_bytes > most) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_INVALID,
			    "a UF2 block%s carries a multiple of 4 up to %u bytes, not %u",
			    with_md5 ? " with an MD5" : "", most, chunk_bytes);
		return NULL;
	}
	if (chunk_bytes == 0)
		chunk_bytes = most;
	for (gsize i = 0; i < n_parts; i++)
		n_blocks += blocks_of(&parts[i], chunk_bytes);
	out = data = g_malloc0(n_blocks * ESP_UF2_BLOCK_BYTES);
	for (gsize i = 0; i < n_parts; i++)
		out = put_part(out, &parts[i], chunk_bytes, block);
	return g_bytes_new_take(data, n_blocks * ESP_UF2_BLOCK_BYTES);
}
