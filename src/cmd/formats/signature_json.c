#include "cmd/formats/signature_json.h"

#include "base/hex.h"

const char *cmd_signature_state_name(EspSignatureState state)
{
	static const char *const names[] = {
		[ESP_SIGNATURE_ABSENT] = "absent",
		[ESP_SIGNATURE_DAMAGED] = "damaged",
		[ESP_SIGNATURE_WRONG] = "wrong",
		[ESP_SIGNATURE_RIGHT] = "right",
	};

	return names[state];
}

static json_t *block_json(const EspSignatureVerdict *verdict, guint index)
{
	const EspSignatureBlock *block = &verdict->block;
	json_t *object = json_pack("{s:i, s:s}", "block", (int)index, "state",
				   cmd_signature_state_name(verdict->state));

	if (verdict->state != ESP_SIGNATURE_DAMAGED) {
		g_autofree char *key = base_hex(block->key_digest, sizeof block->key_digest);
		g_autofree char *image = base_hex(block->image_digest, block->image_digest_bytes);

		json_object_set_new(object, "scheme",
				    json_string(esp_signature_scheme_name(block->scheme)));
		json_object_set_new(object, "keyDigest", json_string(key));
		json_object_set_new(object, "imageDigest", json_string(image));
		json_object_set_new(object, "trusted", json_boolean(verdict->trusted));
	}
	if (verdict->reason != NULL)
		json_object_set_new(object, "reason", json_string(verdict->reason));
	return object;
}

json_t *cmd_signature_blocks_json(const EspSignatureReport *report)
{
	json_t *blocks = json_array();

	for (guint i = 0; i < ESP_SIGNATURE_BLOCKS_MAX; i++)
		if (report->verdicts[i].state != ESP_SIGNATURE_ABSENT)
			json_array_append_new(blocks, block_json(&report->verdicts[i], i));
	return blocks;
}
