/* cmd/build_output.h — the folder of one device that `espalier build` writes: config.bin,
 * secret.yaml, flash-plan.json and, if asked, config.csv. Files with credentials are 0600, folders
 * 0700. */
#pragma once

#include "cmd/offline_fleet.h"

/* The password in `folder`/secret.yaml of an earlier build. Yours (base_secret_free); NULL without
 * an error if there is no such file, NULL with BASE_ERROR_INVALID if it is not that device's. */
char *cmd_build_password(const char *folder, const char *device, GError **error);

typedef struct {
	const CmdOfflineDevice *device;
	const ModelPlan *plan;
	GBytes *image;
	const char *password;
	gboolean csv;
} CmdBuildOutput;

/* Writes what has changed. FALSE with BASE_ERROR_* or ESP_ERROR_*. */
gboolean cmd_build_write(const char *folder, const CmdBuildOutput *output, GError **error);
