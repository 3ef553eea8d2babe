/* core/history.h — the commands that were already carried out, so that one that comes twice is
 * answered twice and run once. Portable C11, no allocation. */
#pragma once

#include "wire/command.h"

#include <stdint.h>

enum {
	CORE_HISTORY_MAX = 16, /* the oldest is forgotten */
};

typedef struct {
	WireAck answers[CORE_HISTORY_MAX]; /* a ring; an empty id is a free place */
	size_t next;
} CoreHistory;

/* The answer that the command `id` got; borrowed until the next core_history_add; NULL if it is not
 * known. */
const WireAck *core_history_find(const CoreHistory *history, const char *id);

void core_history_add(CoreHistory *history, const WireAck *answer);
