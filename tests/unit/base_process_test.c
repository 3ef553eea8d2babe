#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

enum {
	PATIENCE_US = 20 * 1000 * 1000,
};

static char *run_shell(const char *script, const BaseSpawn *more)
{
	BaseSpawn spawn = more != NULL ? *more : (BaseSpawn){0};
	g_autoptr(GBytes) output = NULL;
	GError *error = NULL;

	spawn.argv = ARGV("sh", "-c", script);
	if (!base_process_run(&spawn, NULL, 4096, PATIENCE_US, &output, &error))
		fail_msg("%s", error->message);
	return g_strndup(g_bytes_get_data(output, NULL), g_bytes_get_size(output));
}

static void passes_arguments_without_a_shell(void **state)
{
	BaseSpawn spawn = {.argv = ARGV("printf", "%s|", "a b", "$HOME", "*", "'; exit 1")};
	g_autoptr(GBytes) output = NULL;

	(void)state;
	assert_true(base_process_run(&spawn, NULL, 4096, PATIENCE_US, &output, NULL));
	assert_int_equal(g_bytes_get_size(output), strlen("a b|$HOME|*|'; exit 1|"));
	assert_memory_equal(g_bytes_get_data(output, NULL), "a b|$HOME|*|'; exit 1|",
			    g_bytes_get_size(output));
}

static void sets_environment_and_working_folder(void **state)
{
	g_autofree char *text = run_shell(
		"echo $ONE; pwd; env | wc -l",
		&(BaseSpawn){.env = ARGV("ONE=1", "PATH=/usr/bin:/bin"), .folder = "/usr"});

	(void)state;
	assert_true(g_str_has_prefix(text, "1\n/usr\n"));
}

static void feeds_input_and_bounds_output(void **state)
{
	g_autofree char *text = g_strnfill(300 * 1000, 'x');
	g_autoptr(GBytes) input = g_bytes_new(text, strlen(text));
	g_autoptr(GBytes) output = NULL;
	BaseSpawn spawn = {.argv = ARGV("cat")};

	(void)state;
	assert_true(base_process_run(&spawn, input, 1000, PATIENCE_US, &output, NULL));
	assert_int_equal(g_bytes_get_size(output), 1000);
}

static void hands_over_only_the_descriptors_it_was_given(void **state)
{
	g_auto(BaseFd) leaky = open("/dev/null", O_RDONLY); /* not close-on-exec */
	g_auto(BaseFd) wanted = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	g_autofree char *text =
		run_shell("cd /proc/self/fd; for i in *; do [ -e $i ] && readlink $i; done; true",
			  &(BaseSpawn){.fds = &wanted, .n_fds = 1});

	(void)state;
	assert_true(leaky >= 0);
	assert_non_null(strstr(text, "/dev/zero"));
	assert_null(strstr(text, "/dev/null"));
}

/* Without 32 and 33: they are the C library's own, and what they were set to cannot be changed. */
static guint64 mask_in(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	assert_non_null(at);
	return g_ascii_strtoull(at + strlen(name), NULL, 16) & ~((guint64)3 << 31);
}

static void gives_the_child_default_signals_and_a_parent_death_signal(void **state)
{
	g_autofree char *text = NULL;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	text = run_shell("grep -E '^Sig(Blk|Ign)' /proc/self/status", NULL);
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(mask_in(text, "SigBlk:\t"), 0);
	assert_int_equal(mask_in(text, "SigIgn:\t"), 0);
}

/* A program that starts a child through this room and is killed: the child must end too. */
static void children_do_not_outlive_a_killed_program(void **state)
{
	int fds[2];
	pid_t program, child = 0;
	int status;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	program = fork();
	if (program == 0) {
		g_autoptr(BaseProcess) process =
			base_process_spawn(&(BaseSpawn){.argv = ARGV("sleep", "1000")}, NULL);

		child = process != NULL ? base_process_pid(process) : 0;
		if (write(fds[1], &child, sizeof child) == (ssize_t)sizeof child)
			pause();
		_exit(0);
	}
	assert_int_equal(read(fds[0], &child, sizeof child), sizeof child);
	assert_true(child > 0);
	assert_int_equal(kill(child, 0), 0);
	kill(program, SIGKILL);
	waitpid(program, &status, 0);
	for (int i = 0; i < 2000; i++) {
		g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)child);
		g_autoptr(GBytes) stat = base_file_read(path, 4096, NULL);

		if (stat == NULL || g_strstr_len(g_bytes_get_data(stat, NULL),
						 (gssize)g_bytes_get_size(stat), ") Z ") != NULL)
			break;
		g_usleep(10 * 1000);
		assert_int_not_equal(i, 1999);
	}
	close(fds[0]);
	close(fds[1]);
}

static void a_child_has_a_process_group_of_its_own(void **state)
{
	g_autoptr(BaseProcess) process =
		base_process_spawn(&(BaseSpawn){.argv = ARGV("sleep", "1000")}, NULL);

	(void)state;
	assert_non_null(process);
	assert_int_equal(getpgid(base_process_pid(process)), base_process_pid(process));
}

static void says_what_cannot_be_started(void **state)
{
	static const struct {
		const char *program;
		const char *folder;
		int code;
		const char *message;
	} table[] = {
		{"no-such-program-here", NULL, BASE_ERROR_NOT_FOUND,
		 "no program 'no-such-program-here' in PATH or the system's sbin folders: install "
		 "it"},
		{"sh", "/no/such/folder", BASE_ERROR_NOT_FOUND, "/no/such/folder"},
		{"/etc/passwd", NULL, BASE_ERROR_NOT_FOUND, "/etc/passwd"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(BaseProcess) process = base_process_spawn(
			&(BaseSpawn){.argv = ARGV(table[i].program), .folder = table[i].folder},
			&error);

		assert_null(process);
		assert_true(g_error_matches(error, BASE_ERROR, table[i].code));
		assert_non_null(strstr(error->message, table[i].message));
	}
}

static void refuses_more_arguments_and_descriptors_than_it_names(void **state)
{
	const char *argv[BASE_PROCESS_ARGS_MAX + 2] = {0};
	int fds[BASE_PROCESS_FDS_MAX + 1] = {0};
	g_autoptr(GError) error = NULL;

	(void)state;
	for (gsize i = 0; i <= BASE_PROCESS_ARGS_MAX; i++)
		argv[i] = "true";
	assert_null(base_process_spawn(&(BaseSpawn){.argv = argv}, &error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_INVALID));
	g_clear_error(&error);
	assert_null(base_process_spawn(
		&(BaseSpawn){.argv = ARGV("true"), .fds = fds, .n_fds = BASE_PROCESS_FDS_MAX + 1},
		&error));
	assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_INVALID));
}

static void tells_how_a_child_ended(void **state)
{
	static const struct {
		const char *script;
		const char *message;
	} table[] = {
		{"echo first; echo the reason >&2; exit 3", "sh exited with status 3: the reason"},
		{"kill -9 $$", "sh was ended by signal 9 (Killed)"},
		{"sleep 100", "sh did not end in time and was stopped"},
	};

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
		g_autoptr(GError) error = NULL;

		assert_false(base_process_run(
			&(BaseSpawn){.argv = ARGV("sh", "-c", table[i].script)}, NULL, 4096,
			i == 2 ? 50 * 1000 : PATIENCE_US, NULL, &error));
		assert_true(g_error_matches(error, BASE_ERROR, BASE_ERROR_CHILD));
		assert_string_equal(error->message, table[i].message);
	}
}

static void kills_what_ignores_a_polite_request(void **state)
{
	int fds[2];
	char ready;
	BaseExit exit;
	g_autoptr(BaseProcess) process = NULL;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	process = base_process_spawn(
		&(BaseSpawn){
			.argv = ARGV("sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done"),
			.output_fd = fds[1]},
		NULL);
	assert_non_null(process);
	assert_int_equal(read(fds[0], &ready, 1), 1);
	assert_false(base_process_wait(process, 1000, NULL));
	base_process_terminate(process, 20 * 1000, &exit);
	assert_true(exit.signalled);
	assert_int_equal(exit.code, SIGKILL);
	assert_int_equal(base_process_pid(process), 0);
	assert_false(base_process_signal(process, SIGTERM));
	close(fds[0]);
	close(fds[1]);
}

static gpointer spawn_many(gpointer data)
{
	(void)data;
	for (int i = 0; i < 20; i++) {
		g_autofree char *text = run_shell("echo yes", NULL);

		if (strcmp(text, "yes\n") != 0)
			return GINT_TO_POINTER(1);
	}
	return NULL;
}

static void many_threads_may_start_children(void **state)
{
	GThread *threads[4];

	(void)state;
	for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("spawn", spawn_many, NULL);
	for (gsize i = 0; i < G_N_ELEMENTS(threads); i++)
		assert_null(g_thread_join(threads[i]));
}

typedef struct {
	GMutex mutex;
	GCond changed;
	guint started;
	guint exited;
	gint64 pauses_us[8];
	BaseExit exit;
} Story;

static void note(BaseSupervisedEvent event, const BaseSupervisedReport *report, gpointer user_data)
{
	Story *story = user_data;

	g_mutex_lock(&story->mutex);
	if (event == BASE_SUPERVISED_STARTED)
		story->started++;
	if (event == BASE_SUPERVISED_EXITED) {
		story->pauses_us[MIN(story->exited, 7)] = report->again_us;
		story->exited++;
		story->exit = report->exit;
	}
	g_cond_broadcast(&story->changed);
	g_mutex_unlock(&story->mutex);
}

static void wait_for_starts(Story *story, guint starts)
{
	gint64 end_us = g_get_monotonic_time() + PATIENCE_US;

	g_mutex_lock(&story->mutex);
	while (story->started < starts)
		assert_true(g_cond_wait_until(&story->changed, &story->mutex, end_us));
	g_mutex_unlock(&story->mutex);
}

static void starts_a_killed_child_again(void **state)
{
	Story story = {0};
	pid_t first;
	g_autoptr(BaseSupervised) supervised = base_supervise(
		&(BaseSpawn){.argv = ARGV("sleep", "1000")},
		&(BaseSupervision){
			.backoff_max_us = 1000 * 1000, .on_event = note, .user_data = &story},
		NULL);

	(void)state;
	assert_non_null(supervised);
	first = base_supervised_pid(supervised);
	assert_true(first > 0);
	assert_true(base_supervised_signal(supervised, SIGKILL));
	wait_for_starts(&story, 2);
	assert_true(story.exit.signalled);
	assert_int_not_equal(base_supervised_pid(supervised), first);
	base_supervised_stop(supervised, PATIENCE_US);
	assert_int_equal(base_supervised_pid(supervised), 0);
	assert_int_equal(story.exited, 2);
	assert_int_equal(story.pauses_us[1], -1);
	assert_int_equal(story.exit.code, SIGTERM);
}

static void waits_longer_each_time_a_child_fails_at_once(void **state)
{
	const gint64 min_us = BASE_PROCESS_BACKOFF_MIN_MS * 1000;
	Story story = {0};
	g_autoptr(BaseSupervised) supervised =
		base_supervise(&(BaseSpawn){.argv = ARGV("false")},
			       &(BaseSupervision){.backoff_max_us = 4 * min_us,
						  .healthy_us = PATIENCE_US,
						  .on_event = note,
						  .user_data = &story},
			       NULL);

	(void)state;
	wait_for_starts(&story, 5);
	base_supervised_stop(supervised, 0);
	for (guint i = 0; i < 4; i++) {
		gint64 most_us = min_us << MIN(i, 2);

		assert_in_range(story.pauses_us[i], most_us * 3 / 4, most_us);
	}
}

static void ends_a_leftover_only_if_it_is_ours(void **state)
{
	g_autoptr(BaseProcess) ours =
		base_process_spawn(&(BaseSpawn){.argv = ARGV("sleep", "1000.25")}, NULL);
	pid_t pid = base_process_pid(ours);

	(void)state;
	assert_true(base_process_end_leftover(pid, "another.conf", 1000));
	assert_false(base_process_wait(ours, 20 * 1000, NULL));
	assert_true(base_process_end_leftover(pid, "1000.25", PATIENCE_US));
	assert_true(base_process_wait(ours, PATIENCE_US, NULL));
	assert_true(base_process_end_leftover(pid, "1000.25", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_do_not_outlive_a_killed_program),
		cmocka_unit_test(passes_arguments_without_a_shell),
		cmocka_unit_test(sets_environment_and_working_folder),
		cmocka_unit_test(feeds_input_and_bounds_output),
		cmocka_unit_test(hands_over_only_the_descriptors_it_was_given),
		cmocka_unit_test(gives_the_child_default_signals_and_a_parent_death_signal),
		cmocka_unit_test(a_child_has_a_process_group_of_its_own),
		cmocka_unit_test(says_what_cannot_be_started),
		cmocka_unit_test(refuses_more_arguments_and_descriptors_than_it_names),
		cmocka_unit_test(tells_how_a_child_ended),
		cmocka_unit_test(kills_what_ignores_a_polite_request),
		cmocka_unit_test(many_threads_may_start_children),
		cmocka_unit_test(starts_a_killed_child_again),
		cmocka_unit_test(waits_longer_each_time_a_child_fails_at_once),
		cmocka_unit_test(ends_a_leftover_only_if_it_is_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
