#include "cmd/formats/flash_crypt.h"

#include "base/error.h"
#include "cmd/formats/io.h"
#include "cmd/formats/secret.h"
#include "esp/openssl.h"

#include <string.h>

static char *key_option, *address_option, *chip_option, *config_option, *output_option;

const GOptionEntry flash_crypt_options[] = {
	{"key", 'k', 0, G_OPTION_ARG_FILENAME, &key_option,
	 "file with the bytes of the flash encryption key, that only you may read", "KEY.bin"},
	{"address", 'a', 0, G_OPTION_ARG_STRING, &address_option,
	 "where in flash the first byte lies (0x10000), a multiple of 16", "N"},
	{"chip", 0, 0, G_OPTION_ARG_STRING, &chip_option, "chip (esp32, esp32c3, …)", "CHIP"},
	{"crypt-config", 0, 0, G_OPTION_ARG_STRING, &config_option,
	 "ESP32: the eFuse FLASH_CRYPT_CONFIG, 0x0 to 0xf (default: 0xf)", "N"},
	{"output", 'o', 0, G_OPTION_ARG_STRING, &output_option, "text or json (default: text)",
	 "FORM"},
	G_OPTION_ENTRY_NULL,
};

/* The options, read. */
typedef struct {
	const EspChip *chip;
	guint64 address;
	guint64 crypt_config;
} Place;

static gboolean parse_place(Place *place, GError **error)
{
	*place = (Place){.crypt_config = ESP_FLASH_CRYPT_CONFIG_MAX};
	place->chip = cmd_chip_parse(chip_option, error);
	if (place->chip == NULL)
		return FALSE;
	if (!cmd_number_parse("--address", address_option, 0, G_MAXUINT32, &place->address, error))
		return FALSE;
	if (config_option == NULL)
		return TRUE;
	if ((place->chip->security & ESP_CHIP_AES_TWEAK) == 0) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID,
			    "--crypt-config is of the ESP32: %s has no FLASH_CRYPT_CONFIG",
			    place->chip->title);
		return FALSE;
	}
	return cmd_number_parse("--crypt-config", config_option, 0, ESP_FLASH_CRYPT_CONFIG_MAX,
				&place->crypt_config, error);
}

static EspFlashCipher *cipher_new(const FlashCrypt *crypt, const Place *place, GError **error)
{
	g_auto(CmdSecret) key = {0};
	EspFlashScheme scheme;

	if (!cmd_secret_read(key_option, 2 * ESP_FLASH_ENCRYPTION_KEY_MAX_BYTES, &key, error))
		return NULL;
	if (!esp_flash_scheme_of(place->chip, key.size_bytes, &scheme, error)) {
		g_prefix_error(error, "%s: ", cmd_input_name(key_option));
		return NULL;
	}
	return esp_flash_cipher_new(scheme, crypt->direction, key.data, key.size_bytes,
				    (guint)place->crypt_config, error);
}

/* For the ESP32 the last block is filled up with random bytes, as espsecure does it: zeros would be
 * known plaintext. The other chips' images are whole blocks or not what they were signed as. */
static guint8 *load(const FlashCrypt *crypt, const Place *place, const char *path,
		    gsize *size_bytes, GError **error)
{
	g_autoptr(GBytes) bytes = cmd_input_read(path, CMD_INPUT_MAX_BYTES, error);
	gsize size, filling;
	guint8 *data;

	if (bytes == NULL)
		return NULL;
	data = g_bytes_unref_to_data(g_steal_pointer(&bytes), &size);
	filling = -size % ESP_FLASH_ENCRYPTION_BLOCK_BYTES;
	if (size == 0) {
		g_set_error(error, BASE_ERROR, BASE_ERROR_INVALID, "%s is empty",
			    cmd_input_name(path));
		g_free(data);
		return NULL;
	}
	if (filling > 0 && crypt->direction == ESP_FLASH_ENCRYPT &&
	    (place->chip->security & ESP_CHIP_AES_TWEAK) != 0) {
		data = g_realloc(data, size + filling);
		if (esp_openssl()->RAND_bytes(data + size, (int)filling) != 1)
			g_error("the system has no source of random numbers");
		g_printerr("espalier %s: %s: filled up with %" G_GSIZE_FORMAT
			   " random bytes to a multiple of 16\n",
			   crypt->name, cmd_input_name(path), filling);
		size += filling;
	}
	*size_bytes = size;
	return data;
}

static void tell(const char *to, const Place *place, gsize size_bytes)
{
	json_t *root =
		json_pack("{s:s, s:I, s:s, s:I}", "file", to, "sizeBytes", (json_int_t)size_bytes,
			  "chip", place->chip->name, "address", (json_int_t)place->address);

	if ((place->chip->security & ESP_CHIP_AES_TWEAK) != 0)
		json_object_set_new(root, "cryptConfig",
				    json_integer((json_int_t)place->crypt_config));
	cmd_json_print(root);
}

static gboolean turn(const FlashCrypt *crypt, const Place *place, const char *from, const char *to,
		     gsize *size_bytes, GError **error)
{
	g_autoptr(EspFlashCipher) cipher = cipher_new(crypt, place, error);
	guint8 *data = cipher != NULL ? load(crypt, place, from, size_bytes, error) : NULL;
	gboolean done;

	if (data == NULL)
		return FALSE;
	done = esp_flash_cipher_run(cipher, place->address, data, *size_bytes, error);
	if (!done)
		g_prefix_error(error, "%s: ", cmd_input_name(from));
	done = done && cmd_output_write(to, data, *size_bytes, crypt->mode, error);
	explicit_bzero(data, *size_bytes);
	g_free(data);
	return done;
}

/* What is missing or too much of the arguments, or NULL. */
static const char *usage_fault(int argc, char **argv, gboolean is_json)
{
	if (argc != 3)
		return "name two files: IN OUT";
	if (key_option == NULL)
		return "name the file with the key with --key";
	if (address_option == NULL)
		return "say with --address where in flash it lies: every address has another "
		       "ciphertext";
	if (chip_option == NULL)
		return "name the chip with --chip: the ESP32 has another scheme than the others";
	if (strcmp(argv[1], "-") == 0 && strcmp(key_option, "-") == 0)
		return "only one thing can come from standard input";
	if (is_json && strcmp(argv[2], "-") == 0)
		return "the bytes and the JSON cannot both go to standard output";
	return NULL;
}

CmdExit flash_crypt_run(const FlashCrypt *crypt, int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	CmdExit exit = CMD_DONE;
	gsize size_bytes = 0;
	const char *fault;
	gboolean is_json;
	Place place;

	if (!cmd_parse(crypt->command, &argc, &argv, &exit))
		return exit;
	is_json = cmd_output_is_json(crypt->name, output_option, &exit);
	if (exit != CMD_DONE)
		return exit;
	fault = usage_fault(argc, argv, is_json);
	if (fault != NULL)
		return cmd_usage_error(crypt->name, "%s", fault);
	if (!parse_place(&place, &error))
		return cmd_usage_error(crypt->name, "%s", error->message);
	if (!turn(crypt, &place, argv[1], argv[2], &size_bytes, &error))
		return cmd_fail(crypt->name, error);
	if (is_json)
		tell(argv[2], &place, size_bytes);
	return CMD_DONE;
}
