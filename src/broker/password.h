/* broker/password.h — mosquitto's password lines (mosquitto 2.x, src/password_mosq.c):
 *
 *     name:$7$101$<base64 of 12 bytes of salt>$<base64 of 64 bytes>
 *
 * where the 64 bytes are PBKDF2-HMAC-SHA512 of the password in 101 rounds. Any thread. */
#pragma once

#include <glib.h>

enum {
	BROKER_PASSWORD_SALT_BYTES = 12,
	BROKER_PASSWORD_HASH_BYTES = 64,
	BROKER_PASSWORD_ROUNDS = 101,
};

typedef struct {
	guint8 salt[BROKER_PASSWORD_SALT_BYTES];
	guint8 hash[BROKER_PASSWORD_HASH_BYTES];
} BrokerPassword;

/* Hashes `password` with a new salt. */
void broker_password_set(BrokerPassword *out, const char *password);

/* TRUE if `password` is the one that was hashed; takes as long for any other. */
gboolean broker_password_matches(const BrokerPassword *hashed, const char *password);

/* Appends "name:$7$101$…\n". */
void broker_password_write_line(GString *text, const char *name, const BrokerPassword *hashed);

/* Reads a line (without its end) of exactly that form. `name` is yours. FALSE, outputs untouched,
 * for any other line. */
gboolean broker_password_read_line(const char *line, char **name, BrokerPassword *hashed);
