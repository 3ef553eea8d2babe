/* kube/lose_main.c — what may happen to a store while its server is away, for the suite's outage:
 *
 *   kube-lose STATE_DB NAMESPACE NAME      takes the device out of it and compacts all history */
#include "store/store.h"

#include <stdio.h>

enum { COMPACTING_WRITES = 400 };

static gboolean write_once(Store *store, StoreAction action, const char *key, GError **error)
{
	g_autoptr(GBytes) value = g_bytes_new_static("{}", 2);
	StoreOperation operation = {
		.action = action,
		.key = key,
		.value = action == STORE_CREATE ? value : NULL,
		.revision_at = STORE_REVISION_NOWHERE,
	};
	gboolean done = store_transact(store, &operation, 1, error);

	if (operation.stored != NULL)
		g_bytes_unref(operation.stored);
	return done;
}

static gboolean lose(Store *store, const char *name_space, const char *name, GError **error)
{
	g_autofree char *key = g_strdup_printf("/espalier.dev/devices/%s/%s", name_space, name);
	gint64 before = store_revision(store);

	if (!write_once(store, STORE_DELETE, key, error))
		return FALSE;
	for (guint i = 0; i < COMPACTING_WRITES; i++)
		if (!write_once(store, i % 2 == 0 ? STORE_CREATE : STORE_DELETE, "/test/x/y",
				error))
			return FALSE;
	if (store_compacted_revision(store) > before)
		return TRUE;
	g_set_error(error, STORE_ERROR, STORE_ERROR_CLOSED, "the store kept its history");
	return FALSE;
}

int main(int argc, char **argv)
{
	StoreOptions forgetful = {.history_revisions = 1, .history_bytes = 1};
	g_autoptr(GError) error = NULL;
	g_autoptr(Store) store = NULL;

	if (argc != 4) {
		fprintf(stderr, "usage: kube-lose STATE_DB NAMESPACE NAME\n");
		return 2;
	}
	store = store_open(argv[1], &forgetful, &error);
	if (store != NULL && lose(store, argv[2], argv[3], &error))
		return 0;
	fprintf(stderr, "kube-lose: %s\n", error->message);
	return 1;
}
