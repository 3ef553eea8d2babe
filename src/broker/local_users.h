/* broker/local_users.h — the users of a local broker and who has claimed it, as they are in its
 * folder; changes that are applied together, written together and undone together. Not locked: the
 * caller's mutex guards every call. */
#pragma once

#include "broker/local.h"
#include "broker/password.h"

typedef struct LocalUsers LocalUsers;

typedef enum {
	LOCAL_ENSURE,
	LOCAL_REMOVE,
	LOCAL_CLAIM,
	LOCAL_RELEASE,
	LOCAL_RELOAD, /* changes nothing here, but makes the broker read its files */
} LocalChangeKind;

/* One wish, from whoever asked until it is answered. */
typedef struct {
	LocalChangeKind kind;
	char *name; /* of the user, or the owner */
	char *root; /* LOCAL_CLAIM */
	BrokerPassword password;
	BrokerDone done;
	gpointer user_data;
	GError *error; /* refused; the others of its batch go on */
	gpointer undo;
} LocalChange;

LocalChange *local_change_new(LocalChangeKind kind, const char *name, BrokerDone done,
			      gpointer user_data);
/* Calls `done` with the change's own error, else with `error`, and frees. */
void local_change_finish(LocalChange *change, const GError *error);

/* Reads passwd and claim of `folder`; missing files are empty. Lines of passwd that are not ours
 * are dropped at the next write. Yours, or NULL with BROKER_ERROR_IO. */
LocalUsers *local_users_load(const char *folder, GError **error);
void local_users_free(LocalUsers *users);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LocalUsers, local_users_free)

/* The user of our own connection: written, never listed. */
void local_users_set_control(LocalUsers *users, const char *password);

/* Who has claimed the broker, borrowed, or NULL. */
const char *local_users_owner(const LocalUsers *users);
/* TRUE if `owner` has claimed it with that root topic. */
gboolean local_users_is_claimed(const LocalUsers *users, const char *owner, const char *root);
gboolean local_users_has(const LocalUsers *users, const char *name);
/* A copy of the user's hash, to try a password on outside the mutex. FALSE if the running broker
 * does not know the user as it is here. */
gboolean local_users_known_password(const LocalUsers *users, const char *name, BrokerPassword *out);

/* Applies, or sets the change's `error`. */
void local_users_apply(LocalUsers *users, LocalChange *change);
/* Takes back what was applied; in reverse order. */
void local_users_undo(LocalUsers *users, LocalChange *change);
/* The running broker has read it. */
void local_users_mark_known(LocalUsers *users, const LocalChange *change);
void local_users_mark_all_known(LocalUsers *users);

/* Writes what has changed. Needs no mutex if only the caller applies changes. FALSE with
 * BROKER_ERROR_IO: passwd is as it was. */
gboolean local_users_write(LocalUsers *users, GError **error);

/* Devices and readers, sorted. NULL-ended, yours. */
char **local_users_list(const LocalUsers *users);
