/* cmd/manifest_check.h — manifests checked without a server, as one would: prune, default,
 * validate.
 */
#pragma once

#include "cmd/manifests.h"

/* The objects that nothing is wrong with (CmdManifest *, borrowed from `manifests`): ours with
 * their defaults filled in, Secrets and ConfigMaps; other kinds are left out. What is wrong is
 * appended to `faults` (char *, "file:line: Kind 'name': …"), also a second object of the same kind
 * and name. Yours. */
GPtrArray *cmd_manifests_check(const CmdManifests *manifests, GPtrArray *faults);

/* Appends "file:line: Kind 'name': message" to `faults`; the line is that of `field`, or of the
 * object for NULL. */
void cmd_manifest_fault(GPtrArray *faults, const CmdManifest *manifest, const char *field,
			const char *format, ...) G_GNUC_PRINTF(4, 5);
