#include "kube/suite.h"

#include "base/process.h"

#include <string.h>

/* What the handlers of a cache were told, as "ADDED name", in order. */
typedef struct {
	GMutex lock;
	GString *told;
} Diary;

static Diary *diary_new(void)
{
	Diary *diary = g_new0(Diary, 1);

	g_mutex_init(&diary->lock);
	diary->told = g_string_new(NULL);
	return diary;
}

static void diary_free(Diary *diary)
{
	g_mutex_clear(&diary->lock);
	g_string_free(diary->told, TRUE);
	g_free(diary);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Diary, diary_free)

static void write_diary(KubeChange change, const char *name_space, const char *name,
			const json_t *old, const json_t *now, gpointer user_data)
{
	static const char *const names[] = {"added", "modified", "deleted"};
	Diary *diary = user_data;
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&diary->lock);

	(void)name_space;
	g_string_append_printf(diary->told, "%s %s%s;", names[change], name,
			       (change == KUBE_ADDED) == (old == NULL) && now != NULL ? ""
										      : " WRONG");
}

static char *diary_read(Diary *diary)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&diary->lock);

	return g_strdup(diary->told->str);
}

typedef struct {
	Diary *diary;
	const char *expected;
} Reading;

static gboolean diary_says(gpointer user_data)
{
	const Reading *reading = user_data;
	g_autofree char *told = diary_read(reading->diary);

	return g_str_equal(told, reading->expected);
}

#define EXPECT_DIARY(diary_, text)                                                                 \
	do {                                                                                       \
		Reading reading_ = {diary_, text};                                                 \
		g_autofree char *told_ = NULL;                                                     \
		gboolean so_ = suite_wait(diary_says, &reading_, 20);                              \
		told_ = diary_read(diary_);                                                        \
		CHECK(so_, "told '%s' instead of '%s'", told_, text);                              \
	} while (0)

static void by_class(const json_t *object, GPtrArray *values, gpointer user_data)
{
	const char *name =
		base_json_get_string(object, "spec", "deviceClassReference", "name", NULL);

	(void)user_data;
	if (name != NULL)
		g_ptr_array_add(values, g_strdup(name));
}

static void by_location(const json_t *object, GPtrArray *values, gpointer user_data)
{
	const char *location = base_json_get_string(object, "spec", "location", NULL);

	(void)user_data;
	if (location != NULL)
		g_ptr_array_add(values, g_strdup(location));
}

static KubeCache *start(Suite *suite, const KubeResource *resource, KubeCacheOptions options,
			Diary *diary)
{
	KubeCache *cache;

	options.name_space = suite->name_space;
	cache = kube_cache_new(suite->client, resource, &options);
	if (resource == &kube_devices) {
		kube_cache_add_index(cache, "class", by_class, NULL);
		kube_cache_add_index(cache, "location", by_location, NULL);
	}
	if (diary != NULL)
		kube_cache_on_event(cache, write_diary, diary);
	kube_cache_start(cache);
	return cache;
}

static gboolean set_location(Suite *suite, const char *name, const char *location, GError **error)
{
	g_autoptr(json_t) patch = json_pack("{s:{s:s}}", "spec", "location", location);
	g_autoptr(json_t) after = kube_merge_patch(suite->client, &kube_devices, suite->name_space,
						   name, NULL, patch, NULL, error);

	return after != NULL;
}

static gboolean remove_device(Suite *suite, const char *name, GError **error)
{
	return kube_delete(suite->client, &kube_devices, suite->name_space, name, NULL, error);
}

static gboolean a_cache_follows(Suite *suite, GError **error)
{
	g_autoptr(Diary) diary = diary_new();
	g_autoptr(json_t) first =
		suite_create(suite, &kube_devices, suite_device("follow-1"), error);
	g_autoptr(KubeCache) cache = start(
		suite, &kube_devices, (KubeCacheOptions){.label_selector = "test=follow"}, diary);
	g_autoptr(json_t) second = NULL;
	g_autoptr(json_t) held = NULL;
	g_autoptr(GPtrArray) keys = NULL;

	GOOD(first != NULL);
	CHECK(kube_cache_wait_synced(cache, 20 * G_USEC_PER_SEC), "not synced");
	EXPECT_DIARY(diary, "added follow-1;");
	second = suite_create(suite, &kube_devices, suite_device("follow-2"), error);
	GOOD(second != NULL);
	GOOD(set_location(suite, "follow-1", "shed", error));
	EXPECT_DIARY(diary, "added follow-1;added follow-2;modified follow-1;");
	held = kube_cache_get(cache, suite->name_space, "follow-1");
	CHECK(held != NULL, "it is not held");
	CHECK(g_strcmp0(base_json_get_string(held, "kind", NULL), "Device") == 0, "no kind");
	CHECK(base_json_get(held, "metadata", "managedFields", NULL) == NULL, "managedFields");
	CHECK(kube_cache_index_count(cache, "class", "soil-probe") == 2, "the index is wrong");
	keys = kube_cache_index(cache, "location", "shed");
	CHECK(keys->len == 1 && g_str_has_suffix(keys->pdata[0], "/follow-1"), "by location");
	GOOD(remove_device(suite, "follow-1", error));
	EXPECT_DIARY(diary, "added follow-1;added follow-2;modified follow-1;deleted follow-1;");
	CHECK(kube_cache_index_count(cache, "location", "shed") == 0, "the index keeps it");
	CHECK(kube_cache_count(cache) == 1, "%u are held", kube_cache_count(cache));
	return TRUE;
}

static gboolean a_cache_lists_in_pages(Suite *suite, GError **error)
{
	g_autoptr(KubeCache) cache =
		start(suite, &kube_config_maps,
		      (KubeCacheOptions){.label_selector = "test=page", .page_size = 100}, NULL);
	KubeCacheCounters counters;

	(void)error;
	CHECK(kube_cache_wait_synced(cache, 20 * G_USEC_PER_SEC), "not synced");
	kube_cache_counters(cache, &counters);
	CHECK(kube_cache_count(cache) == 520, "%u are held", kube_cache_count(cache));
	CHECK(counters.pages == 6 && counters.lists == 1, "%u pages", (guint)counters.pages);
	return TRUE;
}

static gboolean objects_enter_and_leave_a_selection(Suite *suite, GError **error)
{
	g_autoptr(Diary) diary = diary_new();
	g_autoptr(KubeCache) cache = start(
		suite, &kube_devices, (KubeCacheOptions){.label_selector = "bed=three"}, diary);
	g_autoptr(json_t) enter = json_pack("{s:{s:{s:s}}}", "metadata", "labels", "bed", "three");
	g_autoptr(json_t) leave = json_pack("{s:{s:{s:s}}}", "metadata", "labels", "bed", "four");
	g_autoptr(json_t) made = NULL;
	g_autoptr(json_t) in = NULL;
	g_autoptr(json_t) out = NULL;

	CHECK(kube_cache_wait_synced(cache, 20 * G_USEC_PER_SEC), "not synced");
	made = suite_create(suite, &kube_devices, suite_device("move"), error);
	GOOD(made != NULL);
	in = kube_merge_patch(suite->client, &kube_devices, suite->name_space, "move", NULL, enter,
			      NULL, error);
	GOOD(in != NULL);
	EXPECT_DIARY(diary, "added move;");
	out = kube_merge_patch(suite->client, &kube_devices, suite->name_space, "move", NULL, leave,
			       NULL, error);
	GOOD(out != NULL);
	EXPECT_DIARY(diary, "added move;deleted move;");
	return TRUE;
}

static void look_for_data(const char *name_space, const char *name, const json_t *object,
			  gpointer user_data)
{
	(void)name_space, (void)name;
	if (json_object_get(object, "data") != NULL)
		*(gboolean *)user_data = TRUE;
}

static gboolean a_metadata_cache_holds_no_secret(Suite *suite, GError **error)
{
	g_autoptr(Diary) diary = diary_new();
	g_autoptr(json_t) first = suite_create(suite, &kube_secrets, suite_secret("hush-1"), error);
	g_autoptr(KubeCache) cache = start(
		suite, &kube_secrets,
		(KubeCacheOptions){.label_selector = "test=hush", .metadata_only = TRUE}, diary);
	g_autoptr(json_t) second = NULL;
	g_autoptr(json_t) held = NULL;
	gboolean has_data = FALSE;

	GOOD(first != NULL);
	CHECK(kube_cache_wait_synced(cache, 20 * G_USEC_PER_SEC), "not synced");
	second = suite_create(suite, &kube_secrets, suite_secret("hush-2"), error);
	GOOD(second != NULL);
	EXPECT_DIARY(diary, "added hush-1;added hush-2;");
	kube_cache_foreach(cache, look_for_data, &has_data);
	CHECK(!has_data, "a Secret's data is held");
	held = kube_cache_get(cache, suite->name_space, "hush-2");
	CHECK(g_strcmp0(base_json_get_string(held, "kind", NULL), "Secret") == 0, "another kind");
	return TRUE;
}

typedef struct {
	KubeCache *cache;
	guint64 watches, bookmarks, lists;
} Progress;

static gboolean has_progressed(gpointer user_data)
{
	const Progress *progress = user_data;
	KubeCacheCounters counters;

	kube_cache_counters(progress->cache, &counters);
	return counters.watches >= progress->watches && counters.bookmarks >= progress->bookmarks &&
	       counters.lists >= progress->lists;
}

static gboolean watches_resume_where_they_ended(Suite *suite, GError **error)
{
	g_autoptr(Diary) diary = diary_new();
	g_autoptr(KubeCache) cache = start(
		suite, &kube_devices,
		(KubeCacheOptions){.label_selector = "test=resume", .watch_timeout_s = 1}, diary);
	GString *expected = g_string_new(NULL);
	g_autofree char *text = NULL;
	KubeCacheCounters counters;
	Progress progress = {cache, 4, 0, 1};

	CHECK(kube_cache_wait_synced(cache, 20 * G_USEC_PER_SEC), "not synced");
	for (guint i = 0; i < 30; i++) {
		g_autofree char *name = g_strdup_printf("resume-%02u", i);
		g_autoptr(json_t) made =
			suite_create(suite, &kube_devices, suite_device(name), error);

		GOOD(made != NULL);
		g_string_append_printf(expected, "added %s;", name);
		g_usleep(100 * 1000);
	}
	text = g_string_free(expected, FALSE);
	EXPECT_DIARY(diary, text);
	CHECK(suite_wait(has_progressed, &progress, 20), "watches do not end");
	kube_cache_counters(cache, &counters);
	CHECK(counters.lists == 1, "it listed %u times", (guint)counters.lists);
	CHECK(counters.failures == 0, "%u failures", (guint)counters.failures);
	return TRUE;
}

static gboolean bookmarks_move_the_version(Suite *suite, GError **error)
{
	g_autoptr(KubeCache) cache = start(
		suite, &kube_devices,
		(KubeCacheOptions){.label_selector = "test=nobody", .watch_timeout_s = 6}, NULL);
	g_autofree char *before = NULL, *after = NULL;
	g_autoptr(json_t) made = NULL;
	Progress progress = {cache, 1, 1, 1};

	CHECK(kube_cache_wait_synced(cache, 20 * G_USEC_PER_SEC), "not synced");
	before = kube_cache_resource_version(cache);
	made = suite_create(suite, &kube_devices, suite_device("other"), error);
	GOOD(made != NULL);
	CHECK(suite_wait(has_progressed, &progress, 90), "no bookmark came");
	after = kube_cache_resource_version(cache);
	CHECK(g_ascii_strtoull(after, NULL, 10) > g_ascii_strtoull(before, NULL, 10), "%s → %s",
	      before, after);
	return TRUE;
}

static gboolean make_outage(Suite *suite, const char *victim, GError **error)
{
	const char *argv[] = {suite->outage, suite->name_space, victim, NULL};
	BaseSpawn spawn = {.argv = argv, .output_fd = 2};
	g_autoptr(BaseProcess) process = base_process_spawn(&spawn, error);
	BaseExit end = {0};

	GOOD(process != NULL);
	CHECK(base_process_wait(process, 60 * G_USEC_PER_SEC, &end), "the outage takes too long");
	CHECK(!end.signalled && end.code == 0, "the outage failed: %d", end.code);
	return TRUE;
}

static gboolean an_outage_is_survived(Suite *suite, GError **error)
{
	g_autoptr(Diary) diary = diary_new();
	g_autoptr(json_t) one = suite_create(suite, &kube_devices, suite_device("stay-1"), error);
	g_autoptr(KubeCache) cache = start(
		suite, &kube_devices,
		(KubeCacheOptions){.label_selector = "test=stay", .backoff_max_ms = 500}, diary);
	g_autoptr(json_t) two = NULL;

	GOOD(one != NULL);
	CHECK(kube_cache_wait_synced(cache, 20 * G_USEC_PER_SEC), "not synced");
	EXPECT_DIARY(diary, "added stay-1;");
	GOOD(make_outage(suite, NULL, error));
	two = suite_create(suite, &kube_devices, suite_device("stay-2"), error);
	GOOD(two != NULL);
	EXPECT_DIARY(diary, "added stay-1;added stay-2;");
	GOOD(set_location(suite, "stay-1", "roof", error));
	EXPECT_DIARY(diary, "added stay-1;added stay-2;modified stay-1;");
	return TRUE;
}

static gboolean an_outage_with_lost_history_is_made_up_for(Suite *suite, GError **error)
{
	g_autoptr(Diary) diary = diary_new();
	g_autoptr(json_t) one = suite_create(suite, &kube_devices, suite_device("gone-1"), error);
	g_autoptr(json_t) two = suite_create(suite, &kube_devices, suite_device("gone-2"), error);
	g_autoptr(KubeCache) cache = start(
		suite, &kube_devices,
		(KubeCacheOptions){.label_selector = "test=gone", .backoff_max_ms = 500}, diary);
	Progress progress = {cache, 2, 0, 2};
	KubeCacheCounters counters;

	GOOD(one != NULL && two != NULL);
	CHECK(kube_cache_wait_synced(cache, 20 * G_USEC_PER_SEC), "not synced");
	EXPECT_DIARY(diary, "added gone-1;added gone-2;");
	GOOD(make_outage(suite, "gone-1", error));
	EXPECT_DIARY(diary, "added gone-1;added gone-2;deleted gone-1;");
	CHECK(suite_wait(has_progressed, &progress, 20), "it did not list again");
	kube_cache_counters(cache, &counters);
	CHECK(counters.expired >= 1, "the server never said that it was too old");
	CHECK(kube_cache_count(cache) == 1, "%u are held", kube_cache_count(cache));
	GOOD(set_location(suite, "gone-2", "roof", error));
	EXPECT_DIARY(diary, "added gone-1;added gone-2;deleted gone-1;modified gone-2;");
	return TRUE;
}

const SuiteCase suite_cache_cases[] = {
	{"a cache follows", a_cache_follows, FALSE, FALSE},
	{"a cache lists in pages", a_cache_lists_in_pages, FALSE, FALSE},
	{"objects enter and leave a selection", objects_enter_and_leave_a_selection, FALSE, FALSE},
	{"a metadata cache holds no secret", a_metadata_cache_holds_no_secret, FALSE, FALSE},
	{"watches resume where they ended", watches_resume_where_they_ended, FALSE, FALSE},
	{"bookmarks move the version", bookmarks_move_the_version, FALSE, FALSE},
	{"an outage is survived", an_outage_is_survived, FALSE, TRUE},
	{"an outage with lost history is made up for", an_outage_with_lost_history_is_made_up_for,
	 FALSE, TRUE},
	{NULL, NULL, FALSE, FALSE},
};
