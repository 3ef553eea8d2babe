#include "cmd/manifest_check.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

/* A manifest file: read, checked as a server would, and every fault has its place. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *path)
{
	const char *const paths[] = {path, NULL};
	g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(CmdManifests) manifests = cmd_manifests_load(paths, faults);
	g_autoptr(GPtrArray) good = cmd_manifests_check(manifests, faults);

	for (guint i = 0; i < good->len; i++) {
		g_autofree char *where = cmd_manifest_where(good->pdata[i], "spec.class");

		g_assert(g_str_has_prefix(where, path));
	}
	for (guint i = 0; i < faults->len; i++)
		g_assert(g_str_has_prefix(faults->pdata[i], path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[32];

	if (fd < 0) {
		fd = memfd_create("manifest", MFD_CLOEXEC);
		(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	}
	if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	check(path);
	return 0;
}
