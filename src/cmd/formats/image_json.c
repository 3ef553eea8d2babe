#include "cmd/formats/image_describe.h"

#include "base/hex.h"

static void set_number(json_t *object, const char *key, guint64 value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

/* What the file says is any bytes. */
static void set_text(json_t *object, const char *key, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	json_object_set_new(object, key, json_string(valid));
}

static void set_name(json_t *object, const char *key, const char *name)
{
	json_object_set_new(object, key, name == NULL ? json_null() : json_string(name));
}

static void set_hex(json_t *object, const char *key, const guint8 *bytes, gsize size_bytes)
{
	g_autofree char *text = base_hex(bytes, size_bytes);

	json_object_set_new(object, key, json_string(text));
}

static void set_validity(json_t *object, EspImageValidity validity)
{
	json_object_set_new(object, "valid",
			    validity == ESP_IMAGE_NOT_KNOWN
				    ? json_null()
				    : json_boolean(validity == ESP_IMAGE_VALID));
}

/* null where there is no limit. */
static void set_limit(json_t *object, const char *key, guint revision)
{
	if (!cmd_image_is_limit(revision))
		json_object_set_new(object, key, json_null());
	else
		set_number(object, key, revision);
}

static json_t *flash_of(const EspImage *image, const EspChip *chip)
{
	json_t *flash = json_object();
	guint32 size_bytes = esp_flash_size_of(image->flash_size);

	set_name(flash, "mode", esp_flash_mode_name(image->spi_mode));
	set_number(flash, "modeNumber", image->spi_mode);
	json_object_set_new(flash, "sizeBytes",
			    size_bytes == 0 ? json_null() : json_integer(size_bytes));
	set_number(flash, "sizeNumber", image->flash_size);
	set_name(flash, "frequency",
		 chip == NULL ? NULL : esp_flash_frequency_name(chip, image->flash_speed));
	set_number(flash, "frequencyNumber", image->flash_speed);
	return flash;
}

static json_t *drives_of(const EspImageDrives *drives)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "clk", drives->clk, "q", drives->q, "d",
			 drives->d, "cs", drives->cs, "hd", drives->hd, "wp", drives->wp);
}

static json_t *segments_of(const EspImage *image, const EspChip *chip)
{
	json_t *segments = json_array();

	for (gsize i = 0; i < image->n_segments; i++) {
		const EspImageSegment *segment = &image->segments[i];
		const char *names[ESP_CHIP_MEMORIES_MAX];
		gsize n_names = esp_chip_memories(chip, segment->load_address, names);
		json_t *object = json_object(), *memory = json_array();

		set_number(object, "loadAddress", segment->load_address);
		set_number(object, "sizeBytes", segment->size_bytes);
		set_number(object, "offset", segment->offset);
		for (gsize j = 0; j < n_names; j++)
			json_array_append_new(memory, json_string(names[j]));
		json_object_set_new(object, "memory", memory);
		json_array_append_new(segments, object);
	}
	return segments;
}

static json_t *checksum_of(const EspImage *image)
{
	json_t *checksum = json_object();

	set_number(checksum, "stored", image->checksum);
	set_number(checksum, "calculated", image->checksum_is);
	set_validity(checksum, image->checksum_validity);
	return checksum;
}

static json_t *hash_of(const EspImage *image)
{
	json_t *hash = json_object();

	json_object_set_new(hash, "appended", json_boolean(image->has_hash));
	if (!image->has_hash || !image->has_end)
		return hash;
	if (image->hash_validity != ESP_IMAGE_NOT_KNOWN)
		set_hex(hash, "stored", image->hash, sizeof image->hash);
	set_hex(hash, "calculated", image->hash_is, sizeof image->hash_is);
	set_validity(hash, image->hash_validity);
	return hash;
}

static json_t *app_of(const EspAppDescription *app)
{
	json_t *object = json_object();

	set_text(object, "project", app->project);
	set_text(object, "version", app->version);
	set_text(object, "date", app->date);
	set_text(object, "time", app->time);
	set_text(object, "idfVersion", app->idf_version);
	set_hex(object, "elfSha256", app->elf_sha256, sizeof app->elf_sha256);
	set_number(object, "secureVersion", app->secure_version);
	set_number(object, "minEfuseBlockRevision", app->min_efuse_block_revision);
	set_limit(object, "maxEfuseBlockRevision", app->max_efuse_block_revision);
	json_object_set_new(object, "mmuPageBytes",
			    app->mmu_page_log2 == 0 || app->mmu_page_log2 > 31
				    ? json_null()
				    : json_integer((json_int_t)1 << app->mmu_page_log2));
	set_number(object, "spiFlashMode", app->spi_flash_mode);
	return object;
}

static json_t *bootloader_of(const EspBootloaderDescription *bootloader)
{
	json_t *object = json_object();

	set_number(object, "version", bootloader->version);
	set_text(object, "idfVersion", bootloader->idf_version);
	set_text(object, "dateTime", bootloader->date_time);
	set_number(object, "secureVersion", bootloader->secure_version);
	return object;
}

static void set_header(json_t *root, const EspImage *image, const EspChip *chip)
{
	set_name(root, "chip", chip == NULL ? NULL : chip->name);
	set_number(root, "chipId", image->chip_id);
	set_number(root, "entry", image->entry);
	json_object_set_new(root, "flash", flash_of(image, chip));
	set_number(root, "wpPin", image->wp_pin);
	json_object_set_new(root, "wpPinDisabled",
			    json_boolean(image->wp_pin == ESP_IMAGE_WP_PIN_DISABLED));
	json_object_set_new(root, "driveStrengths", drives_of(&image->drives));
	set_number(root, "minRevision", image->min_revision);
	set_number(root, "minRevisionOld", image->min_revision_old);
	set_limit(root, "maxRevision", image->max_revision);
	set_hex(root, "reserved", image->reserved, sizeof image->reserved);
	set_number(root, "segmentCount", image->n_segments_said);
}

static json_t *problems_of(const EspImageReport *report)
{
	json_t *problems = json_array();

	for (gsize i = 0; i < report->n_checks; i++)
		if (cmd_image_check_is_of_damage(&report->checks[i]))
			json_array_append_new(problems, json_string(report->checks[i].text));
	return problems;
}

json_t *cmd_image_json(const CmdImage *file)
{
	const EspImage *image = &file->report->image;
	json_t *root = json_object();

	set_text(root, "file", file->name);
	set_number(root, "sizeBytes", g_bytes_get_size(file->bytes));
	set_name(root, "kind", cmd_image_kind_name(file->report->kind));
	if (image->has_header)
		set_header(root, image, file->report->chip);
	json_object_set_new(root, "segments", segments_of(image, file->report->chip));
	if (image->has_end) {
		json_object_set_new(root, "checksum", checksum_of(image));
		set_number(root, "imageBytes", image->size_bytes);
		set_number(root, "signedBytes", esp_image_signed_bytes(image));
		json_object_set_new(root, "signed", json_boolean(file->is_signed));
	}
	if (image->has_header)
		json_object_set_new(root, "hash", hash_of(image));
	if (image->has_description)
		json_object_set_new(root, "app", app_of(&image->description));
	if (image->has_bootloader_description)
		json_object_set_new(root, "bootloader", bootloader_of(&image->bootloader));
	json_object_set_new(root, "problems", problems_of(file->report));
	return root;
}
