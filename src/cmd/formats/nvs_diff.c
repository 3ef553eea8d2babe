#include "cmd/commands.h"
#include "cmd/formats/io.h"
#include "cmd/formats/nvs_image.h"
#include "cmd/formats/nvs_show.h"

static const char name[] = "nvs diff";

enum { SHOWN_BYTES = 48 };

static char *keys_option;
static char *other_keys_option;
static gboolean values_option;
static char *output_option;

static const GOptionEntry options[] = {
	{"keys", 'k', 0, G_OPTION_ARG_FILENAME, &keys_option,
	 "file with the keys of encrypted images", "KEYS"},
	{"other-keys", 0, 0, G_OPTION_ARG_FILENAME, &other_keys_option,
	 "file with the keys of the second image, if they are others", "KEYS"},
	{"values", 0, 0, G_OPTION_ARG_NONE, &values_option,
	 "show the values, too, which may be secrets", NULL},
	{"output", 0, 0, G_OPTION_ARG_STRING, &output_option, "text (default) or json", "FORMAT"},
	G_OPTION_ENTRY_NULL,
};

/* Takes a difference: one that is only in the first image, only in the second, or other in both. */
typedef void (*Differ)(const EspNvsEntry *first, const EspNvsEntry *second, gpointer user_data);

/* Walks both images, which are sorted. Returns the number of differences. */
static gsize each_difference(const NvsImage *a, const NvsImage *b, Differ differ,
			     gpointer user_data)
{
	const EspNvsContents *one = a->contents, *other = b->contents;
	gsize i = 0, k = 0, n = 0;

	while (i < one->n_entries || k < other->n_entries) {
		const EspNvsEntry *first = i < one->n_entries ? &one->entries[i] : NULL;
		const EspNvsEntry *second = k < other->n_entries ? &other->entries[k] : NULL;
		int order = first == NULL    ? 1
			    : second == NULL ? -1
					     : esp_nvs_entry_compare(first, second);

		i += order <= 0 ? 1 : 0;
		k += order >= 0 ? 1 : 0;
		if (order == 0 && esp_nvs_same_value(first, second))
			continue;
		n++;
		differ(order <= 0 ? first : NULL, order >= 0 ? second : NULL, user_data);
	}
	return n;
}

static void print_side(const EspNvsEntry *entry)
{
	g_autofree char *value = values_option ? nvs_show_value(entry, SHOWN_BYTES) : NULL;

	g_print("%s, size %" G_GSIZE_FORMAT "%s%s", esp_nvs_type_name(entry->type),
		nvs_show_size(entry), value == NULL ? "" : ": ", value == NULL ? "" : value);
}

static void print_text(const EspNvsEntry *first, const EspNvsEntry *second, gpointer user_data)
{
	const EspNvsEntry *either = first != NULL ? first : second;

	(void)user_data;
	g_assert(either != NULL);
	g_print("%c %s.%s  ",
		second == NULL  ? '-'
		: first == NULL ? '+'
				: '~',
		either->space, either->key);
	if (first != NULL)
		print_side(first);
	if (first != NULL && second != NULL)
		g_print("  ->  ");
	if (second != NULL)
		print_side(second);
	g_print("\n");
}

static json_t *side_json(const EspNvsEntry *entry)
{
	json_t *side;

	if (entry == NULL)
		return json_null();
	side = nvs_show_json(entry);
	json_object_del(side, "namespace");
	json_object_del(side, "key");
	if (!values_option) {
		json_object_del(side, "value");
		json_object_del(side, "valueHex");
	}
	return side;
}

static void add_json(const EspNvsEntry *first, const EspNvsEntry *second, gpointer user_data)
{
	const EspNvsEntry *either = first != NULL ? first : second;

	g_assert(either != NULL);
	json_array_append_new(user_data,
			      json_pack("{s:s,s:s,s:s,s:o,s:o}", "namespace", either->space, "key",
					either->key, "change",
					second == NULL  ? "removed"
					: first == NULL ? "added"
							: "changed",
					"first", side_json(first), "second", side_json(second)));
}

static CmdExit compare(const NvsImage *a, const NvsImage *b, gboolean json)
{
	json_t *differences = json_array();
	gsize n = each_difference(a, b, json ? add_json : print_text, differences);
	gboolean damaged = a->inspection->n_faults + b->inspection->n_faults > 0;

	if (json)
		cmd_json_print(json_pack("{s:s,s:s,s:b,s:b,s:O}", "first", a->name, "second",
					 b->name, "same", n == 0, "damaged", damaged, "differences",
					 differences));
	json_decref(differences);
	nvs_findings_print(stderr, a, ESP_NVS_FAULT);
	nvs_findings_print(stderr, b, ESP_NVS_FAULT);
	return n == 0 && !damaged ? CMD_DONE : CMD_FAILED;
}

static CmdExit run(int argc, char **argv)
{
	g_auto(NvsImage) first = {0};
	g_auto(NvsImage) second = {0};
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gboolean json;

	if (!cmd_parse(&cmd_nvs_diff, &argc, &argv, &exit))
		return exit;
	json = cmd_output_is_json(name, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	if (argc != 3)
		return cmd_usage_error(name, "name two images");
	if (!nvs_image_open(&first, argv[1], keys_option, &error) ||
	    !nvs_image_open(&second, argv[2],
			    other_keys_option != NULL ? other_keys_option : keys_option, &error))
		return cmd_fail(name, error);
	return compare(&first, &second, json);
}

const CmdCommand cmd_nvs_diff = {
	.usage = "A.bin B.bin [--keys KEYS] [--values]",
	.examples = "  espalier nvs diff before.bin after.bin\n"
		    "  espalier nvs diff before.bin after.bin --values --output json\n",
	.options = options,
	.run = run,
};
