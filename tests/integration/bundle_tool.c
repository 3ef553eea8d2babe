/* Makes bundles for tests, and serves them:
 *
 *     bundle_tool host PROGRAM VERSION OUT       for a host device, into the folder OUT
 *     bundle_tool config OUT                     a config.bin of the default size
 *     bundle_tool c3 OUT                         out of a made-up build folder for ESP32-C3
 *     bundle_tool build OUT                      such a build folder itself
 *     bundle_tool reseal FOLDER                  makes SHA256SUMS anew, whatever the files say
 *     bundle_tool serve ROOT                     the artefact server of ROOT/place over TLS: prints
 *                                                "PORT HASH", serves until standard input ends
 *
 * The server's one class is default/probe, its device probe-1 with the password "device-password",
 * its people "writer-token" and "reader-token"; ROOT/ca.crt is its authority. */
#include "artefact/server.h"
#include "artefact/sums.h"
#include "artefact_fixture.h"
#include "base/file.h"
#include "http/pki.h"

#include <dirent.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <unistd.h>

enum {
	PROGRAM_MAX_BYTES = 16 * 1024 * 1024,
	CONFIG_BYTES = 0x3000,
};

static void check(gboolean ok, const GError *error)
{
	if (ok)
		return;
	fprintf(stderr, "bundle_tool: %s\n", error == NULL ? "usage" : error->message);
	exit(1);
}

static void write_bundle(const ArtefactBundle *bundle, const char *folder)
{
	const GPtrArray *files = artefact_bundle_files(bundle);

	check(base_folder_make(folder, 0700, NULL), NULL);
	for (guint i = 0; i < files->len; i++) {
		const ArtefactFile *file = files->pdata[i];

		fixture_write(folder, file->name, file->bytes);
	}
}

static void make_host(const char *program_path, const char *version, const char *out)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GBytes) program = base_file_read(program_path, PROGRAM_MAX_BYTES, &error);
	ArtefactHostFirmware firmware = {
		.program = program, .project = "probe", .version = version};
	g_autoptr(ArtefactBundle) bundle = NULL;

	check(program != NULL, error);
	bundle = artefact_bundle_for_host(&firmware, &error);
	check(bundle != NULL, error);
	write_bundle(bundle, out);
}

static void make_c3(const char *out)
{
	g_autofree char *folder = fixture_build_folder();
	g_autoptr(GError) error = NULL;
	g_autoptr(ArtefactBundle) bundle = artefact_bundle_from_build(folder, NULL, &error);

	check(bundle != NULL, error);
	write_bundle(bundle, out);
	base_tree_remove(folder, NULL);
}

static void make_build(const char *out)
{
	g_autofree char *folder = fixture_build_folder();

	check(g_rename(folder, out) == 0, NULL);
}

static void make_config(const char *out)
{
	guint8 bytes[CONFIG_BYTES];

	memset(bytes, 0xFF, sizeof bytes);
	check(base_file_write(out, bytes, sizeof bytes, 0600, NULL), NULL);
}

static void reseal(const char *folder)
{
	g_autoptr(GPtrArray) files =
		g_ptr_array_new_with_free_func((GDestroyNotify)artefact_file_free);
	g_autoptr(GBytes) sums = NULL;
	DIR *entries = opendir(folder);
	struct dirent *entry;

	check(entries != NULL, NULL);
	while ((entry = readdir(entries)) != NULL) {
		g_autofree char *path = g_build_filename(folder, entry->d_name, NULL);
		g_autoptr(GBytes) bytes = NULL;

		if (!artefact_file_name_is_valid(entry->d_name))
			continue;
		bytes = base_file_read(path, PROGRAM_MAX_BYTES, NULL);
		g_ptr_array_add(files, artefact_file_new(entry->d_name, bytes));
	}
	closedir(entries);
	sums = artefact_sums_new(files);
	fixture_write(folder, ARTEFACT_SUMS, sums);
}

static char *device_class(const char *space, const char *device, const char *password,
			  gpointer place)
{
	(void)space;
	(void)place;
	return strcmp(device, "probe-1") == 0 && strcmp(password, "device-password") == 0
		       ? g_strdup("probe")
		       : NULL;
}

static gboolean person_may(const char *token, ArtefactVerb verb, const char *space, gpointer place)
{
	(void)space;
	(void)place;
	return strcmp(token, "writer-token") == 0 ||
	       (verb == ARTEFACT_READ && strcmp(token, "reader-token") == 0);
}

static GBytes *config(const char *space, const char *device, gpointer place)
{
	(void)space;
	(void)device;
	(void)place;
	return g_bytes_new_static("config", 6);
}

static char *current(const char *space, const char *class_name, gpointer place)
{
	g_autoptr(GPtrArray) versions = artefact_place_versions(place, space, class_name, NULL);

	return versions != NULL && versions->len > 0
		       ? g_strdup(((ArtefactVersion *)versions->pdata[0])->hash)
		       : NULL;
}

static ArtefactPlace *place_of(const char *space, const char *class_name, gpointer place)
{
	(void)space;
	return strcmp(class_name, "probe") == 0 ? artefact_place_ref(place) : NULL;
}

static void serve(const char *root)
{
	static const ArtefactServerCallbacks callbacks = {device_class, person_may, config,
							  current,      place_of,   NULL};
	static const char *const names[] = {"127.0.0.1", NULL};
	g_autoptr(GError) error = NULL;
	g_autoptr(HttpPki) pki = http_pki_open(root, &error);
	g_autoptr(ArtefactPlace) place = artefact_place_directory_new(root, "place", &error);
	g_autoptr(ArtefactBundle) bundle = fixture_host_bundle("1.0.0");
	ArtefactKey key = {"default", "probe", artefact_bundle_sums_hash(bundle)};
	g_autofree char *certificate = NULL;
	g_autofree char *pem = NULL;
	HttpServerOptions http = {0};
	ArtefactServer *server;

	check(pki != NULL && place != NULL, error);
	check(http_pki_issue(pki, names, &certificate, &pem, &error), error);
	check(artefact_place_put(place, &key, artefact_bundle_files(bundle), &error), error);
	http.certificate_pem = certificate;
	http.key_pem = pem;
	server = artefact_server_new(&http, &callbacks, place, &error);
	check(server != NULL, error);
	printf("%u %s\n", http_server_port(artefact_server_http(server)), key.hash);
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	artefact_server_free(server);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "host") == 0)
		make_host(argv[2], argv[3], argv[4]);
	else if (argc == 3 && strcmp(argv[1], "c3") == 0)
		make_c3(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "build") == 0)
		make_build(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "config") == 0)
		make_config(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "reseal") == 0)
		reseal(argv[2]);
	else if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve(argv[2]);
	else
		check(FALSE, NULL);
	return 0;
}
