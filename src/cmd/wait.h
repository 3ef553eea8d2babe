/* cmd/wait.h — waiting for conditions of objects. */
#pragma once

#include "cmd/command.h"
#include "kube/client.h"

/* One object, by name. */
typedef struct {
	const KubeResource *resource;
	char *name_space;
	char *name;
	gboolean may_vanish; /* it is no fault if it is deleted meanwhile */
} CmdObject;

CmdObject *cmd_object_new(const KubeResource *resource, const char *name_space, const char *name);
void cmd_object_free(CmdObject *object);

enum {
	CMD_TIMEOUT_MAX_S = 24 * 60 * 60, /* of every --timeout */
};

/* TRUE if a --timeout makes sense; else tells so and sets `exit`. */
gboolean cmd_timeout_check(const char *command, int timeout_s, CmdExit *exit);

/* Waits until each of `objects` (CmdObject *) has `condition` with status True, observed in its
 * present generation, until base_clock_monotonic_us() passes `deadline_us`. CMD_DONE; CMD_NOT_READY
 * after saying on standard error which are not and why; CMD_FAILED if the server does not answer,
 * or, silently, if `client` was cancelled. On a terminal it shows how far it is. */
CmdExit cmd_wait_for(KubeClient *client, const GPtrArray *objects, const char *condition,
		     gint64 deadline_us);
