/* cmd/detach.h — a process that goes on after its command has returned. */
#pragma once

#include "cmd/command.h"

/* Forks. In the child: a new session, TRUE, and `report_fd` set; it keeps the caller's standard
 * output and error until cmd_detach_report. In the parent: waits for that report (or the child's
 * end) and returns FALSE with `exit` set; signals that would end it are passed on to the child.
 * Call it before any thread is started. */
gboolean cmd_detach(int *report_fd, CmdExit *exit);

/* In the child: the log goes to FOLDER/log, the standard streams to /dev/null, and the parent ends
 * with `exit`. */
void cmd_detach_report(int report_fd, const char *folder, CmdExit exit);
