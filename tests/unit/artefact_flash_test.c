#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "artefact/flash_plan.h"
#include "artefact_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FLASH_BYTES = 4 * 1024 * 1024,
	NVS = 0x9000,
	CFG_0 = 0xf000,
	CFG_1 = 0x12000,
	OTA_0 = 0x20000,
	CONFIG_BYTES = 0x3000,
};

typedef struct {
	char *folder, *path;
	ArtefactBundle *bundle;
	GBytes *config;
} World;

static GBytes *config_of(guint8 fill)
{
	guint8 bytes[CONFIG_BYTES];

	memset(bytes, fill, sizeof bytes);
	return g_bytes_new(bytes, sizeof bytes);
}

static int set_up(void **state)
{
	World *world = g_new0(World, 1);

	world->folder = g_dir_make_tmp("flash-XXXXXX", NULL);
	world->path = g_build_filename(world->folder, "probe-1.flash", NULL);
	world->bundle = fixture_host_bundle("1.0.0");
	world->config = config_of(0x11);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	World *world = *state;

	base_tree_remove(world->folder, NULL);
	artefact_bundle_free(world->bundle);
	g_bytes_unref(world->config);
	g_free(world->folder);
	g_free(world->path);
	g_free(world);
	return 0;
}

static void has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no '%s' in: %s", part, text);
}

static gboolean flash(World *world, GBytes *config, ArtefactFlashResult *result, GError **error)
{
	g_autoptr(ArtefactFlashPlan) plan =
		artefact_flash_plan_new(world->bundle, config, "host", error);

	return plan != NULL &&
	       artefact_flash_file_write(world->path, plan, NULL, NULL, result, error);
}

static GBytes *contents(const World *world)
{
	GBytes *bytes = base_file_read(world->path, FLASH_BYTES, NULL);

	assert_non_null(bytes);
	assert_int_equal(g_bytes_get_size(bytes), FLASH_BYTES);
	return bytes;
}

static void writes_every_part_to_its_place(void **state)
{
	World *world = *state;
	ArtefactFlashResult result;
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) all = NULL;
	g_autoptr(EspPartitionTable) table = NULL;
	GBytes *app = artefact_bundle_file(world->bundle, "app.bin");
	const guint8 *data;
	struct stat status;
	guint8 erased[0x4000];

	if (!flash(world, world->config, &result, &error))
		fail_msg("%s", error->message);
	assert_true(result.made);
	assert_int_equal(result.mac[0] & 3, 2); /* locally administered, unicast */
	assert_int_equal(stat(world->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	all = contents(world);
	data = g_bytes_get_data(all, NULL);
	table = esp_partition_table_from_binary(data + 0x8000, ESP_PARTITION_TABLE_BYTES, NULL);
	assert_non_null(table);
	memset(erased, 0xFF, sizeof erased);
	assert_memory_equal(data + NVS, erased, 0x4000);
	assert_memory_equal(data + 0xd000, erased, 0x2000);
	assert_memory_equal(data + CFG_0, g_bytes_get_data(world->config, NULL), CONFIG_BYTES);
	assert_memory_equal(data + CFG_1, g_bytes_get_data(world->config, NULL), CONFIG_BYTES);
	assert_memory_equal(data + OTA_0, g_bytes_get_data(app, NULL), g_bytes_get_size(app));
	assert_int_equal(data[OTA_0 + g_bytes_get_size(app)], 0xFF);
}

static void keeps_nvs_and_mac_when_it_flashes_again(void **state)
{
	static const guint8 own[] = "the device's own";
	World *world = *state;
	ArtefactFlashResult first, second;
	g_autoptr(GBytes) config = config_of(0x22);
	g_autoptr(GBytes) all = NULL;
	const guint8 *data;
	int fd;

	assert_true(flash(world, world->config, &first, NULL));
	fd = open(world->path, O_RDWR);
	assert_int_equal(pwrite(fd, own, sizeof own, NVS), sizeof own);
	/* An update over the air had selected the second slot. */
	assert_int_equal(pwrite(fd, own, sizeof own, 0xd000), sizeof own);
	close(fd);
	assert_true(flash(world, config, &second, NULL));
	assert_false(second.made);
	assert_memory_equal(first.mac, second.mac, ARTEFACT_MAC_BYTES);
	all = contents(world);
	data = g_bytes_get_data(all, NULL);
	assert_memory_equal(data + NVS, own, sizeof own);
	assert_int_equal(data[0xd000], 0xFF);
	assert_int_equal(data[CFG_0], 0x22);
	assert_int_equal(data[CFG_1], 0x22);
}

static void refuses_while_the_device_is_on(void **state)
{
	World *world = *state;
	g_autoptr(GBytes) before = NULL;
	g_autoptr(GBytes) after = NULL;
	g_autoptr(GBytes) config = config_of(0x22);
	g_autoptr(GError) error = NULL;
	g_auto(BaseFd) fd = -1;

	assert_true(flash(world, world->config, NULL, NULL));
	before = contents(world);
	fd = open(world->path, O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_false(flash(world, config, NULL, &error));
	assert_true(g_error_matches(error, ARTEFACT_ERROR, ARTEFACT_ERROR_BUSY));
	has(error->message, "is on, or somebody else flashes it; end its espalier-device first");
	after = contents(world);
	assert_true(g_bytes_equal(before, after));
}

static void refuses_a_file_that_is_no_flash_file(void **state)
{
	static const struct {
		gsize size;
		const char *message;
	} rows[] = {
		{100, "is no flash file of a host device (its size is no flash size); nothing was "
		      "written"},
		{FLASH_BYTES, "there is no partition table at 0x8000"},
		{0, "its size is no flash size"},
	};
	World *world = *state;

	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree guint8 *text = g_malloc(rows[i].size + 1);
		g_autoptr(GBytes) after = NULL;
		g_autoptr(GError) error = NULL;

		memset(text, 'x', rows[i].size);
		assert_true(base_file_write(world->path, text, rows[i].size, 0600, NULL));
		assert_false(flash(world, world->config, NULL, &error));
		has(error->message, rows[i].message);
		after = base_file_read(world->path, FLASH_BYTES, NULL);
		assert_memory_equal(g_bytes_get_data(after, NULL), text, rows[i].size);
	}
}

static void refuses_a_flash_of_another_size(void **state)
{
	World *world = *state;
	g_autoptr(GBytes) program = fixture_program();
	ArtefactHostFirmware firmware = {.program = program,
					 .project = "probe",
					 .version = "1",
					 .flash_bytes = 8 * 1024 * 1024};
	g_autoptr(GError) error = NULL;

	assert_true(flash(world, world->config, NULL, NULL));
	artefact_bundle_free(world->bundle);
	world->bundle = artefact_bundle_for_host(&firmware, NULL);
	assert_false(flash(world, world->config, NULL, &error));
	has(error->message, "has 4 MB, the firmware is for 8 MB; nothing was written");
}

static void refuses_a_plan_that_does_not_fit(void **state)
{
	World *world = *state;
	g_autofree char *folder = fixture_build_folder();
	g_autoptr(ArtefactBundle) c3 = artefact_bundle_from_build(folder, NULL, NULL);
	g_autoptr(ArtefactFlashPlan) plan = NULL;
	g_autoptr(GBytes) empty = g_bytes_new(NULL, 0);
	g_autofree guint8 *many = g_malloc0(CONFIG_BYTES + 1);
	g_autoptr(GBytes) large = g_bytes_new(many, CONFIG_BYTES + 1);
	g_autoptr(GError) error = NULL;

	base_tree_remove(folder, NULL);
	assert_null(artefact_flash_plan_new(c3, world->config, "host", &error));
	assert_true(g_error_matches(error, ARTEFACT_ERROR, ARTEFACT_ERROR_WRONG_CHIP));
	g_clear_error(&error);
	assert_null(artefact_flash_plan_new(world->bundle, large, NULL, &error));
	has(error->message, "the configuration has 12289 bytes, partition 'cfg_0' has 12288");
	g_clear_error(&error);
	assert_null(artefact_flash_plan_new(world->bundle, empty, NULL, &error));
	g_clear_error(&error);
	plan = artefact_flash_plan_new(c3, world->config, NULL, &error);
	assert_non_null(plan);
	assert_false(artefact_flash_file_write(world->path, plan, NULL, NULL, NULL, &error));
	has(error->message, "only a host device has a flash file");
	assert_int_not_equal(access(world->path, F_OK), 0);
}

static void puts_the_configuration_into_nvs_where_there_are_no_slots(void **state)
{
	World *world = *state;
	g_autoptr(GBytes) program = fixture_program();
	ArtefactHostFirmware firmware = {.program = program,
					 .project = "probe",
					 .version = "1",
					 .partitions = "nvs,data,nvs,0x9000,0x6000\n"
						       "ota_0,app,ota_0,0x10000,0x100000\n"};
	g_autoptr(ArtefactFlashPlan) plan = NULL;
	g_autofree char *text = NULL;

	artefact_bundle_free(world->bundle);
	world->bundle = artefact_bundle_for_host(&firmware, NULL);
	assert_non_null(world->bundle);
	plan = artefact_flash_plan_new(world->bundle, world->config, "host", NULL);
	text = artefact_flash_plan_text(plan);
	has(text, "0x009000   12288 nvs\n");
}

/* What espalier-device does first. */
static gboolean would_boot(const World *world)
{
	g_autoptr(GBytes) all = contents(world);
	g_autoptr(EspPartitionTable) table = esp_partition_table_from_binary(
		(const guint8 *)g_bytes_get_data(all, NULL) + 0x8000, ESP_PARTITION_TABLE_BYTES,
		NULL);

	return table != NULL;
}

static void a_cut_leaves_the_old_device_the_new_one_or_one_that_is_refused(void **state)
{
	enum { ROUNDS = 300 };
	World *world = *state;
	guint n_refused = 0;

	assert_true(flash(world, world->config, NULL, NULL));
	for (guint i = 0; i < ROUNDS; i++) {
		g_autoptr(GBytes) config = config_of((guint8)(0x20 + i % 2));
		guint32 delay;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			_exit(flash(world, config, NULL, NULL) ? 0 : 1);
		base_random_bytes(&delay, sizeof delay);
		g_usleep(delay % 12000);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		if (would_boot(world)) {
			g_autoptr(GBytes) all = contents(world);
			const guint8 *data = g_bytes_get_data(all, NULL);

			/* One configuration, whole, in both slots. */
			for (gsize at = 0; at < CONFIG_BYTES; at++)
				assert_true(data[CFG_0 + at] == data[CFG_0] &&
					    data[CFG_1 + at] == data[CFG_0]);
		} else {
			n_refused++;
		}
	}
	assert_true(n_refused > 0); /* the cuts did hit */
	assert_true(flash(world, world->config, NULL, NULL));
	assert_true(would_boot(world));
}

static void says_that_the_flash_is_not_complete_when_the_disk_is_full(void **state)
{
	World *world = *state;
	g_autoptr(GError) error = NULL;
	struct rlimit old, small;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 1024 * 1024;
	setrlimit(RLIMIT_FSIZE, &small);
	assert_false(flash(world, world->config, NULL, &error));
	setrlimit(RLIMIT_FSIZE, &old);
	has(error->message, "File too large");
	assert_int_not_equal(access(world->path, F_OK), 0); /* no half file */
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(writes_every_part_to_its_place),
		WITH_WORLD(keeps_nvs_and_mac_when_it_flashes_again),
		WITH_WORLD(refuses_while_the_device_is_on),
		WITH_WORLD(refuses_a_file_that_is_no_flash_file),
		WITH_WORLD(refuses_a_flash_of_another_size),
		WITH_WORLD(refuses_a_plan_that_does_not_fit),
		WITH_WORLD(puts_the_configuration_into_nvs_where_there_are_no_slots),
		WITH_WORLD(a_cut_leaves_the_old_device_the_new_one_or_one_that_is_refused),
		WITH_WORLD(says_that_the_flash_is_not_complete_when_the_disk_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
