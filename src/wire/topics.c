#include "wire/topics.h"

#include "wire/text.h"

#include <string.h>

#define FLEET_PREFIX "fleet/1/"
#define HOMIE5_LEVEL "/5/"

static const char *const fleet_topics[] = {
	[WIRE_FLEET_INFO] = "info",
	[WIRE_FLEET_CMD] = "cmd",
	[WIRE_FLEET_ACK] = "ack",
	[WIRE_FLEET_ONLINE] = "online",
};

bool wire_topic_fleet(char *out, size_t size_bytes, const char *device, WireFleetTopic topic)
{
	WireText text;

	wire_text_begin(&text, out, size_bytes);
	wire_text_add(&text, FLEET_PREFIX);
	wire_text_add(&text, device);
	wire_text_add(&text, "/");
	wire_text_add(&text, fleet_topics[topic]);
	return wire_text_end(&text) > 0;
}

bool wire_topic_homie5(char *out, size_t size_bytes, const char *root, const char *device,
		       const char *rest)
{
	WireText text;

	wire_text_begin(&text, out, size_bytes);
	wire_text_add(&text, root);
	wire_text_add(&text, HOMIE5_LEVEL);
	wire_text_add(&text, device);
	wire_text_add(&text, "/");
	wire_text_add(&text, rest);
	return wire_text_end(&text) > 0;
}

/* The text after `prefix`, or NULL. */
static const char *after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(text, prefix, length) == 0 ? text + length : NULL;
}

/* Reads the level that is a device and returns what follows its slash, or NULL. */
static const char *read_device(const char *text, char device[static WIRE_DEVICE_NAME_MAX + 1])
{
	char name[WIRE_DEVICE_NAME_MAX + 1];
	const char *slash = text == NULL ? NULL : strchr(text, '/');
	size_t length;

	if (slash == NULL || slash - text > WIRE_DEVICE_NAME_MAX)
		return NULL;
	length = (size_t)(slash - text);
	memcpy(name, text, length);
	name[length] = '\0';
	if (!wire_is_id(name, WIRE_DEVICE_NAME_MAX))
		return NULL;
	memcpy(device, name, length + 1);
	return slash + 1;
}

bool wire_topic_fleet_parse(const char *topic, char device[static WIRE_DEVICE_NAME_MAX + 1],
			    WireFleetTopic *kind)
{
	char name[WIRE_DEVICE_NAME_MAX + 1];
	const char *last = read_device(after(topic, FLEET_PREFIX), name);

	if (last == NULL)
		return false;
	for (size_t i = 0; i < sizeof(fleet_topics) / sizeof(fleet_topics[0]); i++) {
		if (strcmp(fleet_topics[i], last) == 0) {
			wire_copy(device, WIRE_DEVICE_NAME_MAX + 1, name);
			*kind = (WireFleetTopic)i;
			return true;
		}
	}
	return false;
}

bool wire_topic_homie5_parse(const char *topic, const char *root,
			     char device[static WIRE_DEVICE_NAME_MAX + 1], const char **rest)
{
	const char *below = after(topic, root);
	const char *last;

	if (below == NULL)
		return false;
	last = read_device(after(below, HOMIE5_LEVEL), device);
	if (last == NULL)
		return false;
	*rest = last;
	return true;
}
