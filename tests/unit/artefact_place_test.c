#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "artefact_fixture.h"
#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char hash_a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

typedef struct {
	char *root;
	ArtefactPlace *place;
} World;

static int set_up(void **state)
{
	World *world = g_new0(World, 1);

	world->root = g_dir_make_tmp("place-XXXXXX", NULL);
	world->place = artefact_place_directory_new(world->root, "greenhouse", NULL);
	assert_non_null(world->place);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	World *world = *state;

	artefact_place_unref(world->place);
	base_tree_remove(world->root, NULL);
	g_free(world->root);
	g_free(world);
	return 0;
}

static void has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("no '%s' in: %s", part, text);
}

static void keeps_a_version_and_gives_its_files(void **state)
{
	World *world = *state;
	ArtefactKey key = {"default", "probe", hash_a};
	g_autoptr(ArtefactBundle) bundle = fixture_host_bundle("1");
	g_autoptr(ArtefactBundle) back = NULL;
	g_autoptr(GPtrArray) versions = NULL;
	g_auto(GStrv) classes = NULL;
	g_autoptr(GError) error = NULL;
	guint64 bytes = 0, objects = 0, size = 0;
	int fd;

	assert_false(artefact_place_has(world->place, &key, &error));
	assert_null(error);
	assert_true(artefact_place_put(world->place, &key, artefact_bundle_files(bundle), &error));
	assert_true(artefact_place_put(world->place, &key, artefact_bundle_files(bundle), &error));
	assert_true(artefact_place_has(world->place, &key, &error));
	back = artefact_bundle_from_place(world->place, &key, &error);
	assert_non_null(back);
	assert_string_equal(artefact_bundle_digest(back), artefact_bundle_digest(bundle));
	fd = artefact_place_open(world->place, &key, "app.bin", &size, &error);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(size, artefact_bundle_app_bytes(bundle));
	versions = artefact_place_versions(world->place, "default", "probe", &error);
	assert_int_equal(versions->len, 1);
	assert_string_equal(((ArtefactVersion *)versions->pdata[0])->hash, hash_a);
	classes = artefact_place_classes(world->place, "default", &error);
	assert_string_equal(classes[0], "probe");
	assert_true(artefact_place_usage(world->place, &bytes, &objects, &error));
	assert_int_equal(objects, artefact_bundle_files(bundle)->len);
	assert_int_equal(bytes, ((ArtefactVersion *)versions->pdata[0])->size_bytes);
	assert_true(artefact_place_probe(world->place, &error));
}

static void refuses_names_that_could_lead_elsewhere(void **state)
{
	static const ArtefactKey keys[] = {
		{"..", "probe", hash_a},
		{"default", "../probe", hash_a},
		{"default", ".uploads", hash_a},
		{"default", "probe", "current"},
		{"default", "probe",
		 "../aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		{"Default", "probe", hash_a},
		{"", "probe", hash_a},
	};
	static const char *const files[] = {"..", "../x", ".hidden", "a/b", "", "a b"};
	World *world = *state;
	ArtefactKey key = {"default", "probe", hash_a};
	g_autoptr(GError) error = NULL;

	for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
		g_clear_error(&error);
		assert_false(artefact_place_has(world->place, &keys[i], &error));
		assert_true(g_error_matches(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID));
	}
	for (gsize i = 0; i < G_N_ELEMENTS(files); i++) {
		g_clear_error(&error);
		assert_int_equal(artefact_place_open(world->place, &key, files[i], NULL, &error),
				 -1);
		assert_true(g_error_matches(error, ARTEFACT_ERROR, ARTEFACT_ERROR_INVALID));
	}
	g_clear_error(&error);
	assert_null(artefact_place_directory_new(world->root, "../x", &error));
}

static void retains_the_newest_and_what_is_in_use(void **state)
{
	World *world = *state;
	g_autoptr(ArtefactBundle) bundle = fixture_host_bundle("1");
	const char *in_use[] = {NULL, NULL};
	char hashes[5][ARTEFACT_HASH_CHARS + 1];
	guint removed = 0;

	for (guint i = 0; i < 5; i++) {
		ArtefactKey key = {"default", "probe", hashes[i]};
		g_autofree char *path = NULL;
		struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};

		memset(hashes[i], 'a' + (int)i, ARTEFACT_HASH_CHARS);
		hashes[i][ARTEFACT_HASH_CHARS] = '\0';
		assert_true(artefact_place_put(world->place, &key, artefact_bundle_files(bundle),
					       NULL));
		path = g_build_filename(world->root, "greenhouse", "default", "probe", hashes[i],
					NULL);
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	}
	in_use[0] = hashes[1];
	assert_true(
		artefact_place_retain(world->place, "default", "probe", 2, in_use, &removed, NULL));
	assert_int_equal(removed, 2);
	for (guint i = 0; i < 5; i++) {
		ArtefactKey key = {"default", "probe", hashes[i]};

		assert_int_equal(artefact_place_has(world->place, &key, NULL),
				 i == 1 || i == 3 || i == 4);
	}
}

/* Uploads one file of the bundle. */
static gboolean upload(World *world, const ArtefactKey *key, const char *name, GBytes *bytes,
		       gboolean *published, GError **error)
{
	g_autoptr(ArtefactStaged) staged = artefact_place_stage(world->place, key, name, error);
	gsize size = g_bytes_get_size(bytes);

	assert_non_null(staged);
	assert_int_equal(write(artefact_staged_fd(staged), g_bytes_get_data(bytes, NULL), size),
			 (ssize_t)size);
	return artefact_place_commit_file(world->place, staged, published, error);
}

static void shows_an_upload_only_when_it_is_whole(void **state)
{
	World *world = *state;
	g_autoptr(ArtefactBundle) bundle = fixture_host_bundle("1");
	const GPtrArray *files = artefact_bundle_files(bundle);
	ArtefactKey key = {"default", "probe", artefact_bundle_sums_hash(bundle)};
	g_autoptr(GBytes) stray = g_bytes_new_static("stray", 5);
	g_autoptr(GError) error = NULL;
	g_autoptr(ArtefactBundle) back = NULL;
	gboolean published = FALSE;

	/* In every order: the list comes first or last. */
	for (guint first = 0; first < files->len; first++) {
		assert_true(upload(world, &key, "stray.bin", stray, &published, &error) ||
			    g_error_matches(error, ARTEFACT_ERROR, ARTEFACT_ERROR_DAMAGED));
		g_clear_error(&error);
		for (guint i = 0; i < files->len; i++) {
			const ArtefactFile *file = files->pdata[(first + i) % files->len];

			assert_false(artefact_place_has(world->place, &key, NULL));
			assert_true(
				upload(world, &key, file->name, file->bytes, &published, &error));
			assert_int_equal(published, i == files->len - 1);
		}
		g_clear_pointer(&back, artefact_bundle_free);
		back = artefact_bundle_from_place(world->place, &key, &error);
		assert_non_null(back);
		assert_int_equal(artefact_place_open(world->place, &key, "stray.bin", NULL, NULL),
				 -1);
		assert_true(artefact_place_remove(world->place, &key, NULL));
	}
}

static void drops_an_upload_that_does_not_match(void **state)
{
	World *world = *state;
	g_autoptr(ArtefactBundle) bundle = fixture_host_bundle("1");
	const GPtrArray *files = artefact_bundle_files(bundle);
	ArtefactKey key = {"default", "probe", artefact_bundle_sums_hash(bundle)};
	g_autoptr(GBytes) wrong = g_bytes_new_static("wrong", 5);
	g_autoptr(GError) error = NULL;
	gboolean published = FALSE;

	assert_false(upload(world, &key, "SHA256SUMS", wrong, &published, &error));
	assert_true(g_error_matches(error, ARTEFACT_ERROR, ARTEFACT_ERROR_DAMAGED));
	g_clear_error(&error);
	assert_true(upload(world, &key, "app.bin", wrong, &published, &error));
	assert_true(upload(world, &key, "SHA256SUMS", artefact_bundle_file(bundle, "SHA256SUMS"),
			   &published, &error));
	assert_false(upload(world, &key, "flash.sh", wrong, &published, &error));
	has(error->message, "flash.sh has the sum");
	g_clear_error(&error);
	for (guint i = 0; i < files->len; i++) {
		const ArtefactFile *file = files->pdata[i];

		if (strcmp(file->name, "app.bin") != 0 && strcmp(file->name, "SHA256SUMS") != 0)
			upload(world, &key, file->name, file->bytes, &published, &error);
	}
	assert_false(published);
	has(error->message, "app.bin has the sum"); /* found when the rest was there */
	g_clear_error(&error);
	assert_true(upload(world, &key, "app.bin", artefact_bundle_file(bundle, "app.bin"),
			   &published, &error));
	assert_true(published);
}

static void sweeps_uploads_that_were_given_up(void **state)
{
	World *world = *state;
	ArtefactKey key = {"default", "probe", hash_a};
	g_autofree char *path = g_build_filename(world->root, "greenhouse", ".uploads", "default",
						 "probe", hash_a, NULL);
	g_autoptr(GBytes) bytes = g_bytes_new_static("x", 1);
	gboolean published;

	assert_true(upload(world, &key, "app.bin", bytes, &published, NULL));
	assert_true(artefact_place_sweep_uploads(world->place, 3600, NULL));
	assert_int_equal(access(path, F_OK), 0);
	base_clock_shift_wall(G_GINT64_CONSTANT(7200) * G_USEC_PER_SEC);
	assert_true(artefact_place_sweep_uploads(world->place, 3600, NULL));
	base_clock_shift_wall(0);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void says_when_the_disk_is_full_and_leaves_nothing_behind(void **state)
{
	World *world = *state;
	ArtefactKey key = {"default", "probe", hash_a};
	g_autoptr(ArtefactBundle) bundle = fixture_host_bundle("1");
	g_autoptr(GError) error = NULL;
	struct rlimit old, small;
	guint64 bytes, objects;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small = old;
	small.rlim_cur = 2000; /* larger files fail as on a full disk */
	setrlimit(RLIMIT_FSIZE, &small);
	assert_false(artefact_place_put(world->place, &key, artefact_bundle_files(bundle), &error));
	setrlimit(RLIMIT_FSIZE, &old);
	assert_true(g_error_matches(error, ARTEFACT_ERROR, ARTEFACT_ERROR_UNREACHABLE));
	has(error->message, "make room there");
	assert_false(artefact_place_has(world->place, &key, NULL));
	assert_true(artefact_place_usage(world->place, &bytes, &objects, NULL));
	assert_int_equal(objects, 0);
	assert_true(artefact_place_put(world->place, &key, artefact_bundle_files(bundle), NULL));
}

/* Writes and removes versions until it is killed. */
static void churn(const char *root, guint seed)
{
	g_autoptr(ArtefactPlace) place = artefact_place_directory_new(root, "greenhouse", NULL);
	ArtefactBundle *bundle = fixture_host_bundle("1");
	char hash[ARTEFACT_HASH_CHARS + 1];
	ArtefactKey key = {"default", "probe", hash};

	for (guint i = seed;; i++) {
		memset(hash, 'a' + (int)(i % 6), ARTEFACT_HASH_CHARS);
		hash[ARTEFACT_HASH_CHARS] = '\0';
		artefact_place_put(place, &key, artefact_bundle_files(bundle), NULL);
		if (i % 2 == 0)
			artefact_place_remove(place, &key, NULL);
	}
}

static void every_version_is_whole(World *world)
{
	g_autoptr(GPtrArray) versions =
		artefact_place_versions(world->place, "default", "probe", NULL);

	for (guint i = 0; i < versions->len; i++) {
		ArtefactKey key = {"default", "probe",
				   ((ArtefactVersion *)versions->pdata[i])->hash};
		g_autoptr(GError) error = NULL;
		g_autoptr(ArtefactBundle) back =
			artefact_bundle_from_place(world->place, &key, &error);

		if (back == NULL)
			fail_msg("%s", error->message);
	}
}

static void never_shows_half_a_version_when_it_is_killed(void **state)
{
	enum { ROUNDS = 300 };
	World *world = *state;
	g_autofree char *folder = g_build_filename(world->root, "greenhouse", NULL);
	GDir *left;
	const char *name;

	for (guint i = 0; i < ROUNDS; i++) {
		guint32 delay;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			churn(world->root, i);
			_exit(0);
		}
		base_random_bytes(&delay, sizeof delay);
		g_usleep(delay % 6000);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		every_version_is_whole(world);
	}
	/* What the killed ones left is swept by the next to open the place. */
	artefact_place_unref(world->place);
	world->place = artefact_place_directory_new(world->root, "greenhouse", NULL);
	left = g_dir_open(folder, 0, NULL);
	while ((name = g_dir_read_name(left)) != NULL)
		assert_false(g_str_has_prefix(name, BASE_FILE_TEMPORARY_PREFIX));
	g_dir_close(left);
}

#define WITH_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(keeps_a_version_and_gives_its_files),
		WITH_WORLD(refuses_names_that_could_lead_elsewhere),
		WITH_WORLD(retains_the_newest_and_what_is_in_use),
		WITH_WORLD(shows_an_upload_only_when_it_is_whole),
		WITH_WORLD(drops_an_upload_that_does_not_match),
		WITH_WORLD(sweeps_uploads_that_were_given_up),
		WITH_WORLD(says_when_the_disk_is_full_and_leaves_nothing_behind),
		WITH_WORLD(never_shows_half_a_version_when_it_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
