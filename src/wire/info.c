#include "wire/info.h"

#include "wire/json.h"
#include "wire/text.h"

static void add_string(WireText *text, const char *key, const char *value)
{
	if (value[0] == '\0')
		return;
	wire_text_add(text, key);
	wire_text_add_json_string(text, value);
}

static void add_number(WireText *text, const char *key, int64_t value)
{
	if (value == 0)
		return;
	wire_text_add(text, key);
	wire_text_add_signed(text, value);
}

size_t wire_info_encode(const WireInfo *info, char *out, size_t size_bytes)
{
	WireText text;

	wire_text_begin(&text, out, size_bytes);
	wire_text_add(&text, "{\"v\":1,\"fw\":{\"ver\":");
	wire_text_add_json_string(&text, info->firmware_version);
	add_string(&text, ",\"sha256\":", info->firmware_sha256);
	add_string(&text, ",\"slot\":", info->slot);
	wire_text_add(&text, "}");
	add_string(&text, ",\"cfg\":", info->config);
	add_string(&text, ",\"chip\":", info->chip);
	add_number(&text, ",\"rev\":", info->revision);
	add_string(&text, ",\"mac\":", info->mac);
	add_number(&text, ",\"heap\":", info->heap_bytes);
	add_number(&text, ",\"rssi\":", info->rssi_dbm);
	add_string(&text, ",\"ip\":", info->ip);
	add_string(&text, ",\"reset\":", info->reset);
	add_number(&text, ",\"boots\":", info->boots);
	wire_text_add(&text, ",\"up\":");
	wire_text_add_unsigned(&text, info->uptime_s);
	wire_text_add(&text, "}");
	return wire_text_end(&text);
}

/* A member that may be missing, then `out` stays; FALSE if it is there and wrong. */
static bool read_string(WireJson object, const char *key, char *out, size_t size_bytes)
{
	WireJson value;

	return !wire_json_member(object, key, &value) || wire_json_string(value, out, size_bytes);
}

static bool read_number(WireJson object, const char *key, int64_t minimum, int64_t maximum,
			int64_t *out)
{
	WireJson value;

	return !wire_json_member(object, key, &value) ||
	       wire_json_integer(value, minimum, maximum, out);
}

static bool read_firmware(WireJson object, WireInfo *info)
{
	WireJson firmware;

	if (!wire_json_member(object, "fw", &firmware))
		return true;
	return wire_json_is_object(firmware) &&
	       read_string(firmware, "ver", info->firmware_version,
			   sizeof(info->firmware_version)) &&
	       read_string(firmware, "sha256", info->firmware_sha256,
			   sizeof(info->firmware_sha256)) &&
	       read_string(firmware, "slot", info->slot, sizeof(info->slot));
}

static bool read_strings(WireJson object, WireInfo *info)
{
	return read_string(object, "cfg", info->config, sizeof(info->config)) &&
	       read_string(object, "chip", info->chip, sizeof(info->chip)) &&
	       read_string(object, "mac", info->mac, sizeof(info->mac)) &&
	       read_string(object, "ip", info->ip, sizeof(info->ip)) &&
	       read_string(object, "reset", info->reset, sizeof(info->reset));
}

static bool read_numbers(WireJson object, WireInfo *info)
{
	int64_t revision = 0, heap = 0, rssi = 0, boots = 0, up = 0;

	if (!read_number(object, "rev", 0, UINT32_MAX, &revision) ||
	    !read_number(object, "heap", 0, UINT32_MAX, &heap) ||
	    !read_number(object, "rssi", -200, 100, &rssi) ||
	    !read_number(object, "boots", 0, UINT32_MAX, &boots) ||
	    !read_number(object, "up", 0, INT64_MAX, &up))
		return false;
	info->revision = (uint32_t)revision;
	info->heap_bytes = (uint32_t)heap;
	info->rssi_dbm = (int32_t)rssi;
	info->boots = (uint32_t)boots;
	info->uptime_s = (uint64_t)up;
	return true;
}

bool wire_info_decode(const char *payload, size_t size_bytes, WireInfo *info)
{
	WireInfo read = {0};
	WireJson object, version;
	int64_t number;

	if (size_bytes > WIRE_INFO_MAX_BYTES || !wire_json_document(payload, size_bytes, &object))
		return false;
	if (!wire_json_member(object, "v", &version) ||
	    !wire_json_integer(version, WIRE_INFO_VERSION, WIRE_INFO_VERSION, &number))
		return false;
	if (!read_firmware(object, &read) || !read_strings(object, &read) ||
	    !read_numbers(object, &read))
		return false;
	*info = read;
	return true;
}
