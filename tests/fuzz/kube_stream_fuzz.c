/* Reads lists in pieces and lines of watches. A list that jansson takes and whose items are all
 * objects has to give exactly these items, whatever the pieces. */
#include "kube/stream.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
	json_t *items;
	gboolean damaged; /* an item was no JSON */
} Collected;

static gboolean collect(const char *text, gsize size_bytes, gpointer user_data)
{
	Collected *collected = user_data;
	json_t *item = base_json_parse(text, size_bytes, NULL);

	if (item == NULL)
		collected->damaged = TRUE;
	else
		json_array_append_new(collected->items, item);
	return TRUE;
}

static gboolean read_list(const char *text, gsize size_bytes, gsize step, Collected *collected)
{
	KubeListReader *reader = kube_list_reader_new(collect, collected);
	gboolean good = TRUE;

	for (gsize i = 0; good && i < size_bytes; i += step)
		good = kube_list_reader_feed(reader, text + i, MIN(step, size_bytes - i), NULL);
	good = good && kube_list_reader_finish(reader, NULL);
	kube_list_reader_free(reader);
	return good;
}

static void compare(const json_t *whole, const Collected *collected)
{
	const json_t *items = json_object_get(whole, "items");
	size_t i;
	json_t *item;

	if (!json_is_array(items))
		return;
	json_array_foreach (items, i, item)
		if (!json_is_object(item))
			return;
	if (!json_equal(items, collected->items))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	gsize step = size > 0 ? 1 + data[0] % 9 : 1;
	Collected collected = {.items = json_array()};
	KubeWatchEvent event = {0};
	gboolean good = read_list(text, size, step, &collected);
	json_t *whole = base_json_parse(text, size, NULL);

	if (good && whole != NULL && !collected.damaged)
		compare(whole, &collected);
	json_decref(whole);
	json_decref(collected.items);
	if (kube_watch_event_read(text, size, &event, NULL)) {
		if (event.object == NULL)
			abort();
		kube_watch_event_clear(&event);
	}
	return 0;
}
