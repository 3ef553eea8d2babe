/* Power lost at every flash operation of random updates, and again at every operation of the mount
 * that puts right what the first loss left, plain and encrypted. Whatever is cut, a mount finds all
 * keys as they were before the update or as they are after it. */
#include "esp/error.h"
#include "esp/nvs.h"
#include "esp/nvs_inspect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	SIZE = 0x3000,
	PAGE = 0x1000,
	ENTRIES = 64,
	WORD_BYTES = 4,
	KEYS = 9,
	STRING_MOST = 300,
	BLOB_MOST = 1800,
	UPDATES = 120,
	/* Cuts tried of a repair; of one that moves a page so many are spread over it. */
	REPAIR_CUTS = 7,
	NEVER = G_MAXINT,
};

/* ---- Flash: bits go from 1 to 0 by writing, sectors to 1 by erasing; power goes at will ---- */

typedef struct {
	guint8 bytes[SIZE];
	int n_operations;
	int cut_at;      /* the operation within which power goes */
	guint cut_words; /* of it that arrive: 0 to 16, a part of that of the whole */
	guint n_erases;
} Flash;

enum { WHOLE_CUT = 16 };

static gboolean power_goes(Flash *flash)
{
	return flash->n_operations++ == flash->cut_at;
}

static gboolean lost(GError **error)
{
	g_set_error_literal(error, ESP_ERROR, ESP_ERROR_FLASH, "power lost");
	return FALSE;
}

static gboolean flash_write(gsize offset, const guint8 *data, gsize size_bytes, gpointer user_data,
			    GError **error)
{
	Flash *flash = user_data;
	gboolean cut = power_goes(flash);
	gsize n = cut ? size_bytes / WORD_BYTES * flash->cut_words / WHOLE_CUT * WORD_BYTES
		      : size_bytes;

	assert_true(size_bytes > 0 && size_bytes % WORD_BYTES == 0 && offset % WORD_BYTES == 0);
	assert_true(offset + size_bytes <= SIZE);
	for (gsize i = 0; i < size_bytes; i++) {
		guint8 before = flash->bytes[offset + i];

		/* Nothing is asked to become 1, and entries are written onto erased flash. */
		assert_int_equal(before & data[i], data[i]);
		if (offset % PAGE >= ENTRIES)
			assert_int_equal(before, 0xFF);
		if (i < n)
			flash->bytes[offset + i] = before & data[i];
	}
	return cut ? lost(error) : TRUE;
}

/* A cut erase leaves the one or the other end of the sector as it was. */
static gboolean flash_erase(gsize offset, gpointer user_data, GError **error)
{
	Flash *flash = user_data;
	gboolean cut = power_goes(flash);
	gsize n = cut ? PAGE / WHOLE_CUT * flash->cut_words : PAGE;

	assert_true(offset % PAGE == 0 && offset < SIZE);
	flash->n_erases++;
	memset(flash->bytes + offset + (cut && flash->cut_words % 2 != 0 ? PAGE - n : 0), 0xFF, n);
	return cut ? lost(error) : TRUE;
}

/* ---- What should be there: of each key a generation, by which its value is known ---- */

typedef struct {
	int generations[KEYS]; /* 0: there is no such key */
} Model;

static const char *const key_names[KEYS] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};

static guint8 texts[STRING_MOST + BLOB_MOST + 1];

static guint mix(int key, int generation)
{
	return ((guint)key * 2654435761U) ^ ((guint)generation * 40503U + 7U) * 2246822519U;
}

static EspNvsEntry value_of(int key, int generation)
{
	const char *space = key % 2 == 0 ? "even" : "odd";
	guint seed = mix(key, generation);

	switch (seed >> 8 & 3) {
	case 0:
		return esp_nvs_string(space, key_names[key],
				      (const char *)texts + STRING_MOST + BLOB_MOST -
					      seed % STRING_MOST);
	case 1:
		return esp_nvs_blob(space, key_names[key], texts + seed % STRING_MOST,
				    (seed >> 4) % BLOB_MOST);
	case 2:
		return esp_nvs_real(space, key_names[key], ESP_NVS_FLOAT, generation);
	default:
		return esp_nvs_signed(space, key_names[key], ESP_NVS_I32, -generation);
	}
}

static gboolean equal(const EspNvsEntry *a, const EspNvsEntry *b)
{
	if (a->type != b->type)
		return FALSE;
	if (a->type == ESP_NVS_STRING)
		return strcmp(a->value.text, b->value.text) == 0;
	if (a->type == ESP_NVS_BLOB)
		return a->value.blob.size_bytes == b->value.blob.size_bytes &&
		       (a->value.blob.size_bytes == 0 ||
			memcmp(a->value.blob.data, b->value.blob.data, a->value.blob.size_bytes) ==
				0);
	return a->value.i == b->value.i;
}

/* TRUE if a mount of the flash finds exactly what the model has. */
static gboolean finds(const Flash *flash, const EspNvsKeys *keys, const Model *model)
{
	g_autoptr(EspNvsContents) contents =
		esp_nvs_read_encrypted(flash->bytes, SIZE, keys, 0, NULL);
	gsize n = 0;

	assert_non_null(contents);
	for (int key = 0; key < KEYS; key++) {
		EspNvsEntry wanted = value_of(key, model->generations[key]);
		const EspNvsEntry *found = esp_nvs_find(contents, wanted.space, wanted.key);

		if ((found != NULL) != (model->generations[key] != 0))
			return FALSE;
		if (found == NULL)
			continue;
		if (!equal(found, &wanted))
			return FALSE;
		n++;
	}
	return contents->n_entries == n;
}

/* ---- Updates ---- */

typedef struct {
	int key;
	int generation; /* to set; 0: to erase */
} Update;

/* TRUE if it was done; else `lost_power` says whether power went, or the partition has no room (or
 * the key that is to be erased is not there). */
static gboolean apply(const Update *update, Flash *flash, const EspNvsKeys *keys, int cut_at,
		      guint cut_words, gboolean *lost_power)
{
	EspNvsFlash port = {.write = flash_write, .erase = flash_erase, .user_data = flash};
	guint8 image[SIZE];
	g_autoptr(GError) error = NULL;
	EspNvsEntry entry = value_of(update->key, update->generation);
	gboolean done;

	memcpy(image, flash->bytes, SIZE);
	flash->n_operations = 0;
	flash->cut_at = cut_at;
	flash->cut_words = cut_words;
	done = update->generation == 0
		       ? esp_nvs_erase(image, SIZE, keys, entry.space, entry.key, &port, &error)
		       : esp_nvs_set(image, SIZE, keys, &entry, &port, &error);
	*lost_power = g_error_matches(error, ESP_ERROR, ESP_ERROR_FLASH);
	if (!done && !*lost_power)
		assert_true(error->code == ESP_ERROR_TOO_LARGE ||
			    error->code == ESP_ERROR_NOT_FOUND);
	if (!*lost_power)
		assert_memory_equal(image, flash->bytes, SIZE);
	return done;
}

typedef struct {
	const EspNvsKeys *keys;
	Model before, after;
	guint n_cuts, n_repair_cuts, n_moves_cut, n_full, n_refused_again;
} World;

static void assert_before_or_after(const World *world, const Flash *flash, const char *when,
				   int cut, int repair_cut)
{
	if (!finds(flash, world->keys, &world->before) && !finds(flash, world->keys, &world->after))
		fail_msg(
			"%s, cut at operation %d, then at %d: neither the keys of before nor those "
			"of after are there",
			when, cut, repair_cut);
}

/* The update again, whole, on what cuts left. What they took of the room may be what it lacks, or
 * what a move has gained may now be enough: then the keys are still those of before, or already
 * new. */
static void apply_again(World *world, const Update *update, Flash *left, int cut, int repair_cut)
{
	Model with = world->before;
	gboolean lost_power = FALSE, done;

	done = apply(update, left, world->keys, NEVER, 0, &lost_power);
	assert_false(lost_power);
	with.generations[update->key] = update->generation;
	if (!done && world->after.generations[update->key] == update->generation &&
	    !finds(left, world->keys, &with))
		world->n_refused_again++;
	if (done ? !finds(left, world->keys, &with)
		 : !finds(left, world->keys, &with) && !finds(left, world->keys, &world->before))
		fail_msg("cut at %d, then at %d: the update done again gives other keys", cut,
			 repair_cut);
}

/* What a cut left is put right by the next mount, which is cut, too: at each of its operations.
 * Then the update is done again, whole. */
static void repair(World *world, const Update *update, const Flash *left, int cut)
{
	gboolean lost_power = TRUE;
	Flash whole = *left;
	int n_operations;

	apply_again(world, update, &whole, cut, -1);
	n_operations = whole.n_operations;
	for (int i = 0; i < MIN(n_operations, REPAIR_CUTS); i++) {
		static const guint words[] = {0, 3, 8, 13};
		Flash again = *left;
		int repair_cut = n_operations <= REPAIR_CUTS ? i : n_operations * i / REPAIR_CUTS;

		(void)apply(update, &again, world->keys, repair_cut,
			    words[(guint)(cut + i) % G_N_ELEMENTS(words)], &lost_power);
		assert_true(lost_power);
		world->n_repair_cuts++;
		assert_before_or_after(world, &again, "in the repair", cut, repair_cut);
		apply_again(world, update, &again, cut, repair_cut);
	}
}

/* Does an update with a cut at each of its operations, and then whole. */
static void update_everywhere(World *world, const Update *update, Flash *flash)
{
	gboolean lost_power = FALSE;
	Flash whole = *flash;

	world->after = world->before;
	if (apply(update, &whole, world->keys, NEVER, 0, &lost_power))
		world->after.generations[update->key] = update->generation;
	else
		world->n_full++;
	assert_true(finds(&whole, world->keys, &world->after));
	for (int cut = 0; cut < whole.n_operations; cut++) {
		static const guint words[] = {0, 1, 7, 15};

		for (gsize w = 0; w < G_N_ELEMENTS(words); w++) {
			Flash left = *flash;

			(void)apply(update, &left, world->keys, cut, words[w], &lost_power);
			assert_true(lost_power);
			world->n_cuts++;
			assert_before_or_after(world, &left, "in the update", cut, -1);
			if (w == (gsize)cut % G_N_ELEMENTS(words))
				repair(world, update, &left, cut);
		}
	}
	world->n_moves_cut += whole.n_erases > flash->n_erases ? 1 : 0;
	*flash = whole;
	world->before = world->after;
}

/* Nothing that an update ever leaves is damage, and nothing is left after one that was not cut. */
static void assert_sound(const Flash *flash, const EspNvsKeys *keys)
{
	g_autoptr(EspNvsInspection) inspection = esp_nvs_inspect(flash->bytes, SIZE, keys, NULL);

	if (inspection->n_faults + inspection->n_warnings > 0)
		fail_msg("%s", inspection->findings[0].text);
}

static void run(const EspNvsKeys *keys, guint32 seed)
{
	g_autoptr(GRand) random = g_rand_new_with_seed(seed);
	World world = {.keys = keys};
	Flash flash = {0};

	memset(flash.bytes, 0xFF, SIZE);
	for (int i = 1; i <= UPDATES; i++) {
		Update update = {.key = g_rand_int_range(random, 0, KEYS), .generation = i};

		if (g_rand_int_range(random, 0, 5) == 0)
			update.generation = 0;
		update_everywhere(&world, &update, &flash);
		assert_sound(&flash, keys);
	}
	print_message("%d updates, %u cuts, %u more in repairs; %u moved a page, %u had no room or "
		      "key\n",
		      UPDATES, world.n_cuts, world.n_repair_cuts, world.n_moves_cut, world.n_full);
	assert_true(world.n_moves_cut >= 5);
	assert_true(world.n_full >= 2);
	assert_true(world.n_refused_again * 100 < world.n_repair_cuts);
	assert_true(world.n_cuts > 10 * UPDATES);
	assert_true(world.n_repair_cuts > 10 * UPDATES);
}

static void a_plain_partition_survives_it(void **state)
{
	(void)state;
	run(NULL, 5);
}

static void an_encrypted_partition_survives_it(void **state)
{
	EspNvsKeys keys;

	(void)state;
	memset(keys.data, 0x11, sizeof keys.data);
	memset(keys.tweak, 0x22, sizeof keys.tweak);
	run(&keys, 7);
}

static int make_texts(void **state)
{
	(void)state;
	for (gsize i = 0; i + 1 < sizeof texts; i++)
		texts[i] = (guint8)('a' + mix((int)i, 3) % 26);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_partition_survives_it),
		cmocka_unit_test(an_encrypted_partition_survives_it),
	};

	return cmocka_run_group_tests(tests, make_texts, NULL);
}
