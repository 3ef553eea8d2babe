#include "esp/image_check.h"

#include "esp/error.h"
#include "esp/signature.h"

static void add(EspImageReport *report, const char *name, EspImageVerdict verdict,
		const char *format, ...) G_GNUC_PRINTF(4, 5);
static void add(EspImageReport *report, const char *name, EspImageVerdict verdict,
		const char *format, ...)
{
	EspImageCheck *check = &report->checks[report->n_checks++];
	va_list args;

	g_assert(report->n_checks <= ESP_IMAGE_CHECKS_MAX);
	va_start(args, format);
	*check = (EspImageCheck){name, verdict, g_strdup_vprintf(format, args)};
	va_end(args);
}

static EspImageVerdict passed_if(gboolean passed)
{
	return passed ? ESP_IMAGE_CHECK_PASSED : ESP_IMAGE_CHECK_FAILED;
}

/* ---- The image itself ---- */

/* Magic, number and lengths of segments: one check, since one broken length leaves the rest
 * unread. A wrong checksum or hash has checks of its own. */
static void check_form(EspImageReport *report, const GError *fault)
{
	const EspImage *image = &report->image;

	if (fault != NULL && !g_error_matches(fault, ESP_ERROR, ESP_ERROR_CORRUPT))
		add(report, "form", ESP_IMAGE_CHECK_FAILED, "%s", fault->message);
	else
		add(report, "form", ESP_IMAGE_CHECK_PASSED,
		    "%" G_GSIZE_FORMAT " segments, %" G_GSIZE_FORMAT " bytes", image->n_segments,
		    image->size_bytes);
}

static void check_checksum(EspImageReport *report)
{
	const EspImage *image = &report->image;

	if (image->checksum_validity == ESP_IMAGE_NOT_KNOWN)
		add(report, "checksum", ESP_IMAGE_CHECK_SKIPPED, "the bytes end before it");
	else if (image->checksum_validity == ESP_IMAGE_VALID)
		add(report, "checksum", ESP_IMAGE_CHECK_PASSED, "0x%02x", image->checksum);
	else
		add(report, "checksum", ESP_IMAGE_CHECK_FAILED,
		    "it is 0x%02x, the segments give 0x%02x: the image is damaged; build or "
		    "fetch it again",
		    image->checksum, image->checksum_is);
}

static void check_hash(EspImageReport *report)
{
	const EspImage *image = &report->image;

	if (image->has_header && !image->has_hash)
		add(report, "hash", ESP_IMAGE_CHECK_SKIPPED, "none is appended");
	else if (image->hash_validity == ESP_IMAGE_NOT_KNOWN)
		add(report, "hash", ESP_IMAGE_CHECK_SKIPPED, "the bytes end before it");
	else if (image->hash_validity == ESP_IMAGE_VALID)
		add(report, "hash", ESP_IMAGE_CHECK_PASSED, "SHA-256");
	else
		add(report, "hash", ESP_IMAGE_CHECK_FAILED,
		    "the appended SHA-256 is not that of the bytes: the image is damaged; build "
		    "or fetch it again");
}

/* ---- The image on that chip ---- */

static const char *title_of(guint id)
{
	const EspChip *chip = esp_chip_find_id(id);

	return chip == NULL ? "unknown" : chip->title;
}

static void check_chip(EspImageReport *report, const EspImageTarget *target)
{
	guint id = report->image.chip_id;

	if (target->chip != NULL)
		add(report, "chip", passed_if(id == target->chip->id),
		    id == target->chip->id ? "0x%04x (%s)"
					   : "it is for chip 0x%04x (%s), not for %s; build it for "
					     "that target",
		    id, title_of(id), target->chip->title);
	else if (report->chip != NULL)
		add(report, "chip", ESP_IMAGE_CHECK_PASSED, "0x%04x (%s)", id, title_of(id));
	else
		add(report, "chip", ESP_IMAGE_CHECK_FAILED, "0x%04x is no chip that is known here",
		    id);
}

/* One bound of a revision against that of the target. */
typedef struct {
	const char *name;
	gboolean is_set;
	guint bound;
	gboolean is_met;
	gint64 revision; /* of the target */
} Bound;

static void check_bound(EspImageReport *report, const Bound *bound)
{
	guint asked = bound->bound, has = (guint)bound->revision;

	if (!bound->is_set)
		add(report, bound->name, ESP_IMAGE_CHECK_PASSED, "no limit");
	else if (bound->revision == ESP_IMAGE_ANY)
		add(report, bound->name, ESP_IMAGE_CHECK_SKIPPED,
		    "v%u.%u; which one the chip has was not said", asked / 100, asked % 100);
	else
		add(report, bound->name, passed_if(bound->is_met),
		    bound->is_met ? "v%u.%u, the chip has v%u.%u"
				  : "v%u.%u is asked for, the chip has v%u.%u; build it for that "
				    "revision",
		    asked / 100, asked % 100, has / 100, has % 100);
}

static void check_minimum(EspImageReport *report, const char *name, gboolean is_set, guint bound,
			  gint64 revision)
{
	check_bound(report, &(Bound){name, is_set, bound, revision >= bound, revision});
}

static void check_maximum(EspImageReport *report, const char *name, guint bound, gint64 revision)
{
	check_bound(report, &(Bound){name, bound != 0 && bound != ESP_IMAGE_NO_REVISION_LIMIT,
				     bound, revision <= bound, revision});
}

static void check_revisions(EspImageReport *report, const EspImageTarget *target)
{
	const EspImage *image = &report->image;

	/* 0xFFFF is no mark here: it is a revision that no chip has. */
	check_minimum(report, "minimum-revision", image->min_revision != 0, image->min_revision,
		      target->revision);
	/* A bootloader starts on later chips than it was made for: it is what refuses an app. */
	if (report->kind == ESP_IMAGE_KIND_BOOTLOADER)
		add(report, "maximum-revision", ESP_IMAGE_CHECK_SKIPPED,
		    "not looked at in a bootloader");
	else
		check_maximum(report, "maximum-revision", image->max_revision, target->revision);
}

/* What an app's description says is asked of an app alone. */
static gboolean is_described_app(const EspImageReport *report)
{
	return report->image.has_description && report->kind == ESP_IMAGE_KIND_APP;
}

static void check_efuse_block(EspImageReport *report, const EspImageTarget *target)
{
	const EspAppDescription *app = &report->image.description;
	guint least = app->min_efuse_block_revision;

	/* An ESP32 has no such revision in its eFuses. */
	if (!is_described_app(report) || report->image.chip_id == ESP_CHIP_ESP32_ID)
		return;
	check_minimum(report, "minimum-efuse-block-revision",
		      least != 0 && least != ESP_IMAGE_NO_REVISION_LIMIT, least,
		      target->efuse_block_revision);
	check_maximum(report, "maximum-efuse-block-revision", app->max_efuse_block_revision,
		      target->efuse_block_revision);
}

static gboolean has_pages_to_choose(const EspChip *chip)
{
	return chip != NULL && chip->mmu_page_min_bytes != chip->mmu_page_max_bytes;
}

/* The first segment of an app is as long as its description, whether that is there or not; chips
 * that have pages of several sizes need to read which. */
static void check_description(EspImageReport *report)
{
	const EspImage *image = &report->image;

	if (report->kind != ESP_IMAGE_KIND_APP)
		return;
	if (image->has_description)
		add(report, "description", ESP_IMAGE_CHECK_PASSED, "of an app");
	else if (image->segments[0].size_bytes < ESP_IMAGE_DESCRIPTION_BYTES)
		add(report, "description", ESP_IMAGE_CHECK_FAILED,
		    "the first segment has %u bytes, too few for an app description (%d)",
		    image->segments[0].size_bytes, ESP_IMAGE_DESCRIPTION_BYTES);
	else if (has_pages_to_choose(report->chip))
		add(report, "description", ESP_IMAGE_CHECK_FAILED,
		    "the first segment does not begin with an app description, which %s reads the "
		    "size of a page from",
		    report->chip->title);
	else
		add(report, "description", ESP_IMAGE_CHECK_SKIPPED,
		    "there is none; %s starts without",
		    report->chip == NULL ? "the chip" : report->chip->title);
}

/* A page of flash becomes a page of memory, so both offsets within it are the same. The partition
 * itself begins with a page. */
static void check_alignment(EspImageReport *report)
{
	const EspImage *image = &report->image;
	guint32 page;

	if (report->chip == NULL) {
		add(report, "alignment", ESP_IMAGE_CHECK_SKIPPED, "the chip is not known");
		return;
	}
	page = esp_chip_mmu_page(report->chip, image->description.mmu_page_log2);
	for (gsize i = 0; i < image->n_segments; i++) {
		const EspImageSegment *segment = &image->segments[i];

		if (!esp_chip_is_mapped(report->chip, segment->load_address) ||
		    segment->offset % page == segment->load_address % page)
			continue;
		add(report, "alignment", ESP_IMAGE_CHECK_FAILED,
		    "segment %" G_GSIZE_FORMAT " lies at 0x%" G_GSIZE_MODIFIER
		    "x and is mapped to 0x%08x: these differ within a page of %u KiB",
		    i, segment->offset, segment->load_address, page / 1024);
		return;
	}
	add(report, "alignment", ESP_IMAGE_CHECK_PASSED, "pages of %u KiB", page / 1024);
}

static void check_secure_version(EspImageReport *report, const EspImageTarget *target)
{
	guint32 version = report->image.description.secure_version;
	gboolean is_met = version >= target->secure_version;

	if (!is_described_app(report) || target->secure_version == ESP_IMAGE_ANY)
		return;
	add(report, "secure-version", passed_if(is_met),
	    is_met ? "%u, the chip asks for %" G_GINT64_FORMAT
		   : "%u, the chip asks for %" G_GINT64_FORMAT " and never goes back",
	    version, target->secure_version);
}

static void check_size(EspImageReport *report, const EspImageTarget *target, gboolean is_signed)
{
	guint64 size =
		is_signed ? esp_image_signed_bytes(&report->image) : report->image.size_bytes;
	const char *with = is_signed ? " with its signature" : "";

	if (target->partition_bytes == 0)
		return;
	if (!report->image.has_end)
		add(report, "size", ESP_IMAGE_CHECK_SKIPPED, "where it ends is not known");
	else if (target->partition_bytes > ESP_IMAGE_PARTITION_MAX_BYTES)
		add(report, "size", ESP_IMAGE_CHECK_FAILED,
		    "the partition has %" G_GUINT64_FORMAT " bytes; nothing is started from one of "
		    "more than 16 MiB",
		    target->partition_bytes);
	else if (size > target->partition_bytes)
		add(report, "size", ESP_IMAGE_CHECK_FAILED,
		    "%" G_GUINT64_FORMAT " bytes%s, %" G_GUINT64_FORMAT
		    " too many for the partition (%" G_GUINT64_FORMAT ")",
		    size, with, size - target->partition_bytes, target->partition_bytes);
	else
		add(report, "size", ESP_IMAGE_CHECK_PASSED,
		    "%" G_GUINT64_FORMAT " bytes%s, %" G_GUINT64_FORMAT " free", size, with,
		    target->partition_bytes - size);
}

/* ---- All of it ---- */

static gboolean has_mapped_segment(const EspImage *image, const EspChip *chip)
{
	for (gsize i = 0; chip != NULL && i < image->n_segments; i++)
		if (esp_chip_is_mapped(chip, image->segments[i].load_address))
			return TRUE;
	return FALSE;
}

EspImageKind esp_image_kind(const EspImage *image)
{
	if (image->has_description)
		return ESP_IMAGE_KIND_APP;
	if (image->has_bootloader_description)
		return ESP_IMAGE_KIND_BOOTLOADER;
	if (image->n_segments == 0)
		return ESP_IMAGE_KIND_UNKNOWN;
	return has_mapped_segment(image, esp_chip_find_id(image->chip_id))
		       ? ESP_IMAGE_KIND_APP
		       : ESP_IMAGE_KIND_BOOTLOADER;
}

static guint64 round_up(guint64 size_bytes)
{
	const guint64 mask = ESP_SIGNATURE_SECTOR_BYTES - 1;

	return (size_bytes + mask) & ~mask;
}

guint64 esp_image_signed_bytes(const EspImage *image)
{
	return round_up(image->size_bytes) + ESP_SIGNATURE_SECTOR_BYTES;
}

gboolean esp_image_is_signed(const guint8 *data, gsize size_bytes, const EspImage *image)
{
	return image->has_end && size_bytes >= esp_image_signed_bytes(image) &&
	       data[round_up(image->size_bytes)] == ESP_SIGNATURE_MAGIC;
}

static gboolean all_passed(const EspImageReport *report)
{
	for (gsize i = 0; i < report->n_checks; i++)
		if (report->checks[i].verdict == ESP_IMAGE_CHECK_FAILED)
			return FALSE;
	return TRUE;
}

EspImageReport *esp_image_report_new(const guint8 *data, gsize size_bytes,
				     const EspImageTarget *target)
{
	EspImageReport *report = g_new0(EspImageReport, 1);
	g_autoptr(GError) fault = NULL;

	esp_image_examine(data, size_bytes, &report->image, &fault);
	check_form(report, fault);
	if (report->image.has_header) {
		report->chip = target->chip != NULL ? target->chip
						    : esp_chip_find_id(report->image.chip_id);
		report->kind = target->kind != ESP_IMAGE_KIND_UNKNOWN
				       ? target->kind
				       : esp_image_kind(&report->image);
		check_chip(report, target);
		check_revisions(report, target);
		check_efuse_block(report, target);
		check_secure_version(report, target);
		if (report->image.n_segments > 0) {
			check_description(report);
			check_alignment(report);
		}
		check_checksum(report);
		check_hash(report);
		check_size(report, target, esp_image_is_signed(data, size_bytes, &report->image));
	}
	report->would_start = all_passed(report);
	return report;
}

void esp_image_report_free(EspImageReport *report)
{
	if (report == NULL)
		return;
	for (gsize i = 0; i < report->n_checks; i++)
		g_free(report->checks[i].text);
	g_free(report);
}
