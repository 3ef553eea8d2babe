#include "core/history.h"

#include <string.h>

const WireAck *core_history_find(const CoreHistory *history, const char *id)
{
	for (size_t i = 0; i < CORE_HISTORY_MAX; i++)
		if (history->answers[i].id[0] != '\0' && strcmp(history->answers[i].id, id) == 0)
			return &history->answers[i];
	return NULL;
}

void core_history_add(CoreHistory *history, const WireAck *answer)
{
	history->answers[history->next] = *answer;
	history->next = (history->next + 1) % CORE_HISTORY_MAX;
}
