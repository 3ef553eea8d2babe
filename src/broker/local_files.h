/* broker/local_files.h — what mosquitto reads: its configuration and the rights of its users, as
 * text. Pure. */
#pragma once

#include "broker/local.h"

#define LOCAL_FILE_CONFIG "mosquitto.conf"
#define LOCAL_FILE_PASSWORDS "passwd"
#define LOCAL_FILE_RIGHTS "acl"
#define LOCAL_FILE_CLAIM "claim"
#define LOCAL_FILE_RETAINED "mosquitto.db"
#define LOCAL_FILE_LOG "mosquitto.log"
#define LOCAL_FILE_PID "mosquitto.pid"
#define LOCAL_FILE_CONTROL "control.sock"
#define LOCAL_FILE_CA "ca.crt"
#define LOCAL_FILE_CERTIFICATE "server.crt"
#define LOCAL_FILE_KEY "server.key"

/* The user of our own connection over control.sock. It has no rights. */
#define LOCAL_CONTROL_USER ".broker"

/* mosquitto.conf; all other files are named relative to the folder, where mosquitto is started.
 * `user` is whom mosquitto shall stay (as root it would become another, who cannot read our files),
 * or NULL. Yours. */
char *local_config_text(const char *address, guint16 port, const char *user);

/* acl for one root topic (NULL = nobody has claimed the broker) and for `readers` (NULL-ended).
 * Yours. */
char *local_rights_text(const char *root, const char *const *readers);
