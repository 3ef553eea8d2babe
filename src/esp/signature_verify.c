#include "esp/error.h"
#include "esp/hash.h"
#include "esp/signature_key.h"

#include <string.h>

gboolean signature_sector_find(gsize size_bytes, gsize *offset, GError **error)
{
	if (size_bytes < 2 * ESP_SIGNATURE_SECTOR_BYTES ||
	    size_bytes % ESP_SIGNATURE_SECTOR_BYTES != 0) {
		g_set_error(
			error, ESP_ERROR, ESP_ERROR_TRUNCATED,
			"%zu bytes: a signed image has a multiple of 4096, 8192 at least; it is "
			"not signed, or cut short",
			size_bytes);
		return FALSE;
	}
	*offset = size_bytes - ESP_SIGNATURE_SECTOR_BYTES;
	return TRUE;
}

void signature_image_digest(EspSignatureScheme scheme, const guint8 *data, gsize size_bytes,
			    guint8 *digest)
{
	if (signature_layout(scheme)->digest_bytes == ESP_SHA384_BYTES)
		esp_sha384(data, size_bytes, digest);
	else
		esp_sha256(data, size_bytes, digest);
}

void esp_signature_report_clear(EspSignatureReport *report)
{
	for (guint i = 0; i < ESP_SIGNATURE_BLOCKS_MAX; i++)
		g_free(report->verdicts[i].reason);
	memset(report, 0, sizeof *report);
}

/* The image's digests, each computed when a block wants it first. */
typedef struct {
	const guint8 *data;
	gsize size_bytes;
	gboolean known[ESP_SIGNATURE_ECDSA_P384 + 1];
	guint8 digest[ESP_SIGNATURE_ECDSA_P384 + 1][ESP_SIGNATURE_DIGEST_MAX_BYTES];
} Digests;

static const guint8 *digest_of(Digests *digests, EspSignatureScheme scheme)
{
	/* RSA, P-192 and P-256 share one. */
	EspSignatureScheme by = signature_layout(scheme)->digest_bytes == ESP_SHA384_BYTES
					? ESP_SIGNATURE_ECDSA_P384
					: ESP_SIGNATURE_RSA_3072;

	if (!digests->known[by])
		signature_image_digest(by, digests->data, digests->size_bytes, digests->digest[by]);
	digests->known[by] = TRUE;
	return digests->digest[by];
}

static gboolean is_trusted(const EspSignatureBlock *block, const EspSignatureDigest *trusted,
			   gsize n_trusted)
{
	for (gsize i = 0; i < n_trusted; i++)
		if (memcmp(block->key_digest, trusted[i].bytes, trusted[i].size_bytes) == 0)
			return TRUE;
	return FALSE;
}

static void judge(const guint8 *bytes, Digests *digests, const EspSignatureDigest *trusted,
		  gsize n_trusted, EspSignatureVerdict *verdict)
{
	g_autoptr(GError) error = NULL;
	EspSignatureBlock *block = &verdict->block;

	if (!esp_signature_block_read(bytes, block, &error)) {
		verdict->state = g_error_matches(error, ESP_ERROR, ESP_ERROR_NOT_FOUND)
					 ? ESP_SIGNATURE_ABSENT
					 : ESP_SIGNATURE_DAMAGED;
		if (verdict->state == ESP_SIGNATURE_DAMAGED)
			verdict->reason = g_strdup(error->message);
		return;
	}
	verdict->trusted = is_trusted(block, trusted, n_trusted);
	verdict->state = ESP_SIGNATURE_RIGHT;
	if (memcmp(block->image_digest, digest_of(digests, block->scheme),
		   block->image_digest_bytes) != 0) {
		verdict->state = ESP_SIGNATURE_WRONG;
		verdict->reason = g_strdup("the image was changed after it was signed: its digest "
					   "is not the block's");
	} else if (!signature_block_check(signature_layout(block->scheme), bytes, &error)) {
		verdict->state = ESP_SIGNATURE_WRONG;
		verdict->reason = g_strdup(error->message);
	}
}

/* The first block that is neither right nor absent; with `only_trusted` among those of trusted
 * keys. ESP_SIGNATURE_BLOCKS_MAX if there is none. */
static guint first_bad(const EspSignatureReport *report, gboolean only_trusted)
{
	for (guint i = 0; i < ESP_SIGNATURE_BLOCKS_MAX; i++) {
		const EspSignatureVerdict *verdict = &report->verdicts[i];

		if (verdict->reason != NULL && (verdict->trusted || !only_trusted))
			return i;
	}
	return ESP_SIGNATURE_BLOCKS_MAX;
}

static guint count(const EspSignatureReport *report, EspSignatureState state, gboolean trusted)
{
	guint n = 0;

	for (guint i = 0; i < ESP_SIGNATURE_BLOCKS_MAX; i++)
		n += report->verdicts[i].state == state &&
		     (report->verdicts[i].trusted || !trusted);
	return n;
}

static gboolean sum_up(const EspSignatureReport *report, gboolean with_trust, GError **error)
{
	guint bad = first_bad(report, with_trust);

	if (count(report, ESP_SIGNATURE_ABSENT, FALSE) == ESP_SIGNATURE_BLOCKS_MAX) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_NOT_FOUND,
			    "the last 4096 bytes hold no signature block: it is not signed");
		return FALSE;
	}
	if (with_trust && count(report, ESP_SIGNATURE_RIGHT, TRUE) > 0)
		return TRUE;
	if (bad == ESP_SIGNATURE_BLOCKS_MAX && with_trust &&
	    count(report, ESP_SIGNATURE_RIGHT, FALSE) == 0)
		bad = first_bad(report, FALSE);
	if (bad < ESP_SIGNATURE_BLOCKS_MAX) {
		g_set_error(error, ESP_ERROR, ESP_ERROR_CORRUPT, "signature block %u: %s", bad,
			    report->verdicts[bad].reason);
		return FALSE;
	}
	if (!with_trust)
		return TRUE;
	g_set_error(
		error, ESP_ERROR, ESP_ERROR_INVALID,
		"signed, but by none of the given keys: a chip that trusts only those would not "
		"start it");
	return FALSE;
}

gboolean esp_signature_verify(const guint8 *data, gsize size_bytes,
			      const EspSignatureDigest *trusted, gsize n_trusted,
			      EspSignatureReport *report, GError **error)
{
	g_auto(EspSignatureReport) own = {0};
	Digests digests = {.data = data};

	if (!signature_sector_find(size_bytes, &digests.size_bytes, error))
		return FALSE;
	if (report == NULL)
		report = &own;
	report->signed_bytes = digests.size_bytes;
	for (guint i = 0; i < ESP_SIGNATURE_BLOCKS_MAX; i++)
		judge(data + digests.size_bytes + i * ESP_SIGNATURE_BLOCK_BYTES, &digests, trusted,
		      n_trusted, &report->verdicts[i]);
	return sum_up(report, n_trusted > 0, error);
}
