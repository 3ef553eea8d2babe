#include "artefact/flash_plan.h"

#include "artefact/bundle_private.h"

#include <string.h>

struct ArtefactFlashPlan {
	GPtrArray *parts; /* ArtefactFlashPart * */
	guint32 flash_bytes;
	const EspChip *chip;
};

static void part_free(gpointer data)
{
	ArtefactFlashPart *part = data;

	g_free(part->name);
	g_bytes_unref(part->bytes);
	g_free(part);
}

void artefact_flash_plan_free(ArtefactFlashPlan *plan)
{
	if (plan == NULL)
		return;
	g_ptr_array_unref(plan->parts);
	g_free(plan);
}

static void add_part(ArtefactFlashPlan *plan, const char *name, guint32 offset, guint32 room,
		     GBytes *bytes)
{
	ArtefactFlashPart *part = g_new0(ArtefactFlashPart, 1);

	part->name = g_strdup(name);
	part->offset_bytes = offset;
	part->room_bytes = room;
	part->bytes = g_bytes_ref(bytes);
	g_ptr_array_add(plan->parts, part);
}

static void add_file(ArtefactFlashPlan *plan, const ArtefactBundle *bundle,
		     const ArtefactArgsFile *file)
{
	GBytes *bytes = artefact_bundle_file(bundle, file->path);
	guint32 table_offset = bundle->args->table->offset_bytes;

	if (file == bundle->args->table) {
		add_part(plan, "partition-table", file->offset_bytes,
			 ESP_PARTITION_TABLE_SECTOR_BYTES, bytes);
		return;
	}
	if (file == bundle->args->bootloader) {
		add_part(plan, "bootloader", file->offset_bytes, table_offset - file->offset_bytes,
			 bytes);
		return;
	}
	for (gsize i = 0; i < bundle->table->n_partitions; i++) {
		const EspPartition *partition = &bundle->table->partitions[i];

		if (partition->offset == file->offset_bytes)
			add_part(plan, partition->label, partition->offset, partition->size_bytes,
				 bytes);
	}
}

static gboolean add_config(ArtefactFlashPlan *plan, const EspPartition *partition, GBytes *config,
			   GError **error)
{
	gsize size = g_bytes_get_size(config);

	if (size == 0 || size > partition->size_bytes) {
		g_set_error(
			error, ARTEFACT_ERROR, ARTEFACT_ERROR_OVERLAP,
			"the configuration has %zu bytes, partition '%s' has %u; was it made for "
			"another partition table?",
			size, partition->label, partition->size_bytes);
		return FALSE;
	}
	add_part(plan, partition->label, partition->offset, partition->size_bytes, config);
	return TRUE;
}

/* Both slots of configuration, or the one partition `nvs` of a table without slots. */
static gboolean add_configs(ArtefactFlashPlan *plan, const EspPartitionTable *table, GBytes *config,
			    GError **error)
{
	static const char *const slots[] = {"cfg_0", "cfg_1", "nvs"};
	guint added = 0;

	for (gsize i = 0; i < G_N_ELEMENTS(slots); i++) {
		const EspPartition *partition = esp_partition_find(table, slots[i]);

		if (partition == NULL || (strcmp(slots[i], "nvs") == 0 && added > 0))
			continue;
		if (!add_config(plan, partition, config, error))
			return FALSE;
		added++;
	}
	if (added > 0)
		return TRUE;
	g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID,
		    "the partition table has neither cfg_0 nor nvs: there is no place for the "
		    "configuration");
	return FALSE;
}

static gint by_offset(gconstpointer a, gconstpointer b)
{
	const ArtefactFlashPart *const *left = a, *const *right = b;

	return (*left)->offset_bytes < (*right)->offset_bytes ? -1 : 1;
}

/* The bundle was checked when it was read; this is the last look before anything is written. */
static gboolean check_overlap(const ArtefactFlashPlan *plan, GError **error)
{
	for (guint i = 0; i < plan->parts->len; i++) {
		const ArtefactFlashPart *part = plan->parts->pdata[i];
		gboolean is_last = i + 1 == plan->parts->len;
		const ArtefactFlashPart *next = is_last ? NULL : plan->parts->pdata[i + 1];
		guint64 limit = is_last ? plan->flash_bytes : next->offset_bytes;
		guint64 end = (guint64)part->offset_bytes + part->room_bytes;

		if (g_bytes_get_size(part->bytes) <= part->room_bytes && end <= limit)
			continue;
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_OVERLAP,
			    "'%s' at 0x%x does not fit before %s", part->name, part->offset_bytes,
			    is_last ? "the end of the flash" : next->name);
		return FALSE;
	}
	return TRUE;
}

ArtefactFlashPlan *artefact_flash_plan_new(const ArtefactBundle *bundle, GBytes *config,
					   const char *chip, GError **error)
{
	g_autoptr(ArtefactFlashPlan) plan = NULL;

	if (chip != NULL && strcmp(chip, bundle->chip->name) != 0) {
		g_set_error(error, ARTEFACT_ERROR, ARTEFACT_ERROR_WRONG_CHIP,
			    "the bundle is for %s, this device is %s; take the bundle of the right "
			    "class",
			    bundle->chip->name, chip);
		return NULL;
	}
	plan = g_new0(ArtefactFlashPlan, 1);
	plan->parts = g_ptr_array_new_with_free_func(part_free);
	plan->flash_bytes = bundle->flash_bytes;
	plan->chip = bundle->chip;
	for (guint i = 0; i < bundle->args->files->len; i++)
		add_file(plan, bundle, bundle->args->files->pdata[i]);
	if (config != NULL && !add_configs(plan, bundle->table, config, error))
		return NULL;
	g_ptr_array_sort(plan->parts, by_offset);
	return check_overlap(plan, error) ? g_steal_pointer(&plan) : NULL;
}

const GPtrArray *artefact_flash_plan_parts(const ArtefactFlashPlan *plan)
{
	return plan->parts;
}

guint32 artefact_flash_plan_flash_bytes(const ArtefactFlashPlan *plan)
{
	return plan->flash_bytes;
}

const char *artefact_flash_plan_chip(const ArtefactFlashPlan *plan)
{
	return plan->chip->name;
}

guint64 artefact_flash_plan_bytes(const ArtefactFlashPlan *plan)
{
	guint64 sum = 0;

	for (guint i = 0; i < plan->parts->len; i++)
		sum += g_bytes_get_size(((const ArtefactFlashPart *)plan->parts->pdata[i])->bytes);
	return sum;
}

char *artefact_flash_plan_text(const ArtefactFlashPlan *plan)
{
	GString *text = g_string_new(NULL);

	for (guint i = 0; i < plan->parts->len; i++) {
		const ArtefactFlashPart *part = plan->parts->pdata[i];

		g_string_append_printf(text, "0x%06x %7zu %s\n", part->offset_bytes,
				       g_bytes_get_size(part->bytes), part->name);
	}
	return g_string_free(text, FALSE);
}
