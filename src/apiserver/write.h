/* apiserver/write.h — create, update and patch. Within the room only. */
#pragma once

#include "apiserver/call.h"

ApiStatus *api_create(ApiCall *call);
ApiStatus *api_update(ApiCall *call);
ApiStatus *api_patch(ApiCall *call);
