/* ports/posix/log.h — log lines of a host device. Any thread. */
#pragma once

#include "core/port.h"

/* "LABEL: message\n" to standard error in one piece. */
void posix_log(const char *label, CoreLogLevel level, const char *message);
