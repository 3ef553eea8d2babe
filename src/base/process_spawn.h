/* base/process_spawn.h — fork and exec, for base/process.c alone. */
#pragma once

#include "base/process.h"

/* A BaseSpawn that owns what it points to, with the program looked up and descriptors duplicated.
 */
typedef struct BaseSpawnPlan BaseSpawnPlan;

BaseSpawnPlan *base_spawn_plan_new(const BaseSpawn *spawn, GError **error);
void base_spawn_plan_free(BaseSpawnPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaseSpawnPlan, base_spawn_plan_free)

/* Starts the child, which gets SIGTERM when the calling thread ends. Returns its id once exec has
 * succeeded; -1 with BASE_ERROR_NOT_FOUND or BASE_ERROR_CHILD. */
pid_t base_spawn_plan_start(const BaseSpawnPlan *plan, GError **error);
