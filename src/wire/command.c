#include "wire/command.h"

#include "wire/json.h"
#include "wire/text.h"

#include <string.h>

static const char *const names[] = {
	[WIRE_DO_REBOOT] = "reboot",
	[WIRE_DO_IDENTIFY] = "identify",
	[WIRE_DO_REPORT] = "report",
	[WIRE_DO_CONFIG] = "config",
};

const char *wire_do_name(WireDo action)
{
	return (size_t)action < sizeof(names) / sizeof(names[0]) ? names[action] : NULL;
}

static WireDo find_action(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return (WireDo)i;
	return WIRE_DO_UNKNOWN;
}

static bool is_command_id(const char *id)
{
	size_t length = strlen(id);

	if (length == 0 || length > WIRE_COMMAND_ID_MAX)
		return false;
	return strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") ==
	       length;
}

size_t wire_command_encode(const WireCommand *command, char *out, size_t size_bytes)
{
	const char *name = wire_do_name(command->action);
	WireText text;

	wire_text_begin(&text, out, size_bytes);
	if (name == NULL || !is_command_id(command->id))
		return 0;
	wire_text_add(&text, "{\"id\":");
	wire_text_add_json_string(&text, command->id);
	wire_text_add(&text, ",\"do\":");
	wire_text_add_json_string(&text, name);
	wire_text_add(&text, "}");
	return wire_text_end(&text);
}

size_t wire_ack_encode(const WireAck *ack, char *out, size_t size_bytes)
{
	WireText text;

	wire_text_begin(&text, out, size_bytes);
	if (!is_command_id(ack->id))
		return 0;
	wire_text_add(&text, "{\"id\":");
	wire_text_add_json_string(&text, ack->id);
	wire_text_add(&text, ack->ok ? ",\"ok\":true,\"msg\":" : ",\"ok\":false,\"msg\":");
	wire_text_add_json_string(&text, ack->message);
	wire_text_add(&text, "}");
	return wire_text_end(&text);
}

/* Reads the document and its id, which both messages have. */
static bool read_id(const char *payload, size_t size_bytes, WireJson *object, char *id,
		    size_t id_size)
{
	WireJson value;

	return size_bytes <= WIRE_COMMAND_MAX_BYTES &&
	       wire_json_document(payload, size_bytes, object) &&
	       wire_json_member(*object, "id", &value) && wire_json_string(value, id, id_size) &&
	       is_command_id(id);
}

bool wire_command_decode(const char *payload, size_t size_bytes, WireCommand *command)
{
	WireCommand read = {.action = WIRE_DO_UNKNOWN};
	char name[WIRE_COMMAND_NAME_MAX + 1];
	WireJson object, value;

	if (!read_id(payload, size_bytes, &object, read.id, sizeof(read.id)) ||
	    !wire_json_member(object, "do", &value) || !wire_json_is_string(value))
		return false;
	if (wire_json_string(value, name, sizeof(name)))
		read.action = find_action(name);
	*command = read;
	return true;
}

bool wire_ack_decode(const char *payload, size_t size_bytes, WireAck *ack)
{
	WireAck read = {.ok = false};
	WireJson object, value;

	if (!read_id(payload, size_bytes, &object, read.id, sizeof(read.id)) ||
	    !wire_json_member(object, "ok", &value) || !wire_json_bool(value, &read.ok))
		return false;
	if (wire_json_member(object, "msg", &value) &&
	    !wire_json_string(value, read.message, sizeof(read.message)))
		return false;
	*ack = read;
	return true;
}
