/* cmd/commands.h — the commands of the table; each is defined in the file of its name. */
#pragma once

#include "cmd/command.h"

/* Carried by espalier-fleet only. A weak reference does not bring a command into a program: there
 * it is NULL. */
#define CMD_FLEET_ONLY __attribute__((weak))

CMD_FLEET_ONLY extern const CmdCommand cmd_apply_command;
CMD_FLEET_ONLY extern const CmdCommand cmd_build;
CMD_FLEET_ONLY extern const CmdCommand cmd_completion;
CMD_FLEET_ONLY extern const CmdCommand cmd_delete;
CMD_FLEET_ONLY extern const CmdCommand cmd_describe;
CMD_FLEET_ONLY extern const CmdCommand cmd_down;
CMD_FLEET_ONLY extern const CmdCommand cmd_flash;
CMD_FLEET_ONLY extern const CmdCommand cmd_get;
CMD_FLEET_ONLY extern const CmdCommand cmd_man;
CMD_FLEET_ONLY extern const CmdCommand cmd_push;
CMD_FLEET_ONLY extern const CmdCommand cmd_up;
CMD_FLEET_ONLY extern const CmdCommand cmd_wait;

/* Commands of Espressif's formats (cmd/formats/). They need no more than GLib, and libcrypto where
 * something is hashed, encrypted or signed. */
extern const CmdCommand cmd_image_decrypt;
extern const CmdCommand cmd_image_encrypt;
extern const CmdCommand cmd_image_info;
extern const CmdCommand cmd_image_key_digest;
extern const CmdCommand cmd_image_merge;
extern const CmdCommand cmd_image_sign;
extern const CmdCommand cmd_image_verify;
extern const CmdCommand cmd_image_verify_signature;
extern const CmdCommand cmd_nvs_batch;
extern const CmdCommand cmd_nvs_check;
extern const CmdCommand cmd_nvs_decrypt;
extern const CmdCommand cmd_nvs_diff;
extern const CmdCommand cmd_nvs_dump;
extern const CmdCommand cmd_nvs_encrypt;
extern const CmdCommand cmd_nvs_generate;
extern const CmdCommand cmd_nvs_keys;
extern const CmdCommand cmd_nvs_plan;
extern const CmdCommand cmd_otadata_set;
extern const CmdCommand cmd_otadata_show;
extern const CmdCommand cmd_partitions_build;
extern const CmdCommand cmd_partitions_check;
extern const CmdCommand cmd_partitions_show;
