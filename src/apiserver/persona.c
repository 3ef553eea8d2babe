#include "apiserver/server.h"

#include <string.h>

static const char *const persona_names[API_PERSONA_COUNT] = {
	[API_PERSONA_NONE] = "system:anonymous",
	[API_PERSONA_VIEWER] = "espalier-viewer",
	[API_PERSONA_DEVICE_MANAGER] = "espalier-device-manager",
	[API_PERSONA_CLUSTER_MANAGER] = "espalier-cluster-manager",
	[API_PERSONA_ADMINISTRATOR] = "administrator",
};

const char *api_persona_name(ApiPersona persona)
{
	return persona_names[persona];
}

ApiPersona api_persona_find(const char *name)
{
	for (guint i = API_PERSONA_NONE + 1; i < API_PERSONA_COUNT; i++)
		if (strcmp(persona_names[i], name) == 0)
			return (ApiPersona)i;
	return API_PERSONA_NONE;
}
