#include "broker/local_users.h"

#include "base/error.h"
#include "base/file.h"
#include "broker/local_files.h"

#include <string.h>

enum {
	LINE_MAX_BYTES = BROKER_NAME_MAX + 128,
	PASSWORDS_MAX_BYTES = BROKER_USERS_MAX * LINE_MAX_BYTES,
	CLAIM_MAX_BYTES = 4096,
};

typedef struct {
	BrokerPassword password;
	gboolean known; /* to the running broker */
} User;

struct LocalUsers {
	char *folder;
	GHashTable *table; /* name → User */
	BrokerPassword control;
	char *owner; /* NULL = nobody's */
	char *root;
	gboolean passwords_dirty;
	gboolean rights_dirty;
	gboolean claim_dirty;
};

/* What a change replaced. */
typedef struct {
	User *user;
	char *owner;
	char *root;
} Undo;

static void undo_free(Undo *undo)
{
	if (undo == NULL)
		return;
	g_free(undo->user);
	g_free(undo->owner);
	g_free(undo->root);
	g_free(undo);
}

LocalChange *local_change_new(LocalChangeKind kind, const char *name, BrokerDone done,
			      gpointer user_data)
{
	LocalChange *change = g_new0(LocalChange, 1);

	change->kind = kind;
	change->name = g_strdup(name);
	change->done = done;
	change->user_data = user_data;
	return change;
}

void local_change_finish(LocalChange *change, const GError *error)
{
	if (change->done != NULL)
		change->done(change->error != NULL ? change->error : error, change->user_data);
	undo_free(change->undo);
	g_clear_error(&change->error);
	g_free(change->name);
	g_free(change->root);
	g_free(change);
}

static char *file_of(const LocalUsers *users, const char *name)
{
	return g_build_filename(users->folder, name, NULL);
}

/* FALSE with BROKER_ERROR_IO; a missing file is an empty text. */
static gboolean read_text(const LocalUsers *users, const char *name, gsize max_bytes, char **text,
			  GError **error)
{
	g_autofree char *path = file_of(users, name);
	g_autoptr(GError) failure = NULL;
	g_autoptr(GBytes) bytes = base_file_read(path, max_bytes, &failure);

	if (bytes == NULL && !g_error_matches(failure, BASE_ERROR, BASE_ERROR_NOT_FOUND)) {
		g_set_error(error, BROKER_ERROR, BROKER_ERROR_IO, "%s", failure->message);
		return FALSE;
	}
	*text = bytes == NULL || g_bytes_get_size(bytes) == 0
			? g_strdup("")
			: g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
	return TRUE;
}

static void read_passwords(LocalUsers *users, char *text)
{
	char *rest = text;

	while (rest != NULL && *rest != '\0') {
		char *line = strsep(&rest, "\n");
		BrokerPassword password;
		char *name;
		User *user;

		if (!broker_password_read_line(line, &name, &password))
			continue;
		if (name[0] == '.' && strcmp(name, BROKER_SERVER_USER) != 0) {
			g_free(name); /* the control user of an earlier run */
			continue;
		}
		user = g_new0(User, 1);
		user->password = password;
		g_hash_table_replace(users->table, name, user);
	}
}

static void read_claim(LocalUsers *users, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", 3);

	if (g_strv_length(lines) < 2 || *lines[0] == '\0' || !broker_root_check(lines[1], NULL))
		return;
	users->owner = g_strdup(lines[0]);
	users->root = g_strdup(lines[1]);
}

LocalUsers *local_users_load(const char *folder, GError **error)
{
	g_autoptr(LocalUsers) users = g_new0(LocalUsers, 1);
	g_autofree char *passwords = NULL;
	g_autofree char *claim = NULL;

	users->folder = g_strdup(folder);
	users->table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	users->passwords_dirty = TRUE;
	users->rights_dirty = TRUE;
	if (!read_text(users, LOCAL_FILE_PASSWORDS, PASSWORDS_MAX_BYTES, &passwords, error) ||
	    !read_text(users, LOCAL_FILE_CLAIM, CLAIM_MAX_BYTES, &claim, error))
		return NULL;
	read_passwords(users, passwords);
	read_claim(users, claim);
	return g_steal_pointer(&users);
}

void local_users_free(LocalUsers *users)
{
	if (users == NULL)
		return;
	g_free(users->folder);
	g_hash_table_unref(users->table);
	g_free(users->owner);
	g_free(users->root);
	g_free(users);
}

void local_users_set_control(LocalUsers *users, const char *password)
{
	broker_password_set(&users->control, password);
	users->passwords_dirty = TRUE;
}

gboolean local_users_known_password(const LocalUsers *users, const char *name, BrokerPassword *out)
{
	const User *user = g_hash_table_lookup(users->table, name);

	if (user == NULL || !user->known)
		return FALSE;
	*out = user->password;
	return TRUE;
}

const char *local_users_owner(const LocalUsers *users)
{
	return users->owner;
}

gboolean local_users_has(const LocalUsers *users, const char *name)
{
	return g_hash_table_contains(users->table, name);
}

static gboolean is_reader(const char *name)
{
	return name[0] != '.' && strchr(name, '.') != NULL;
}

/* Puts `user` (owned, NULL = none) into the place of `name` and returns what was there. */
static User *exchange(LocalUsers *users, const char *name, User *user)
{
	gpointer old_name = NULL, old = NULL;

	if (user == NULL && !g_hash_table_contains(users->table, name))
		return NULL;
	g_hash_table_steal_extended(users->table, name, &old_name, &old);
	g_free(old_name);
	if (user != NULL)
		g_hash_table_insert(users->table, g_strdup(name), user);
	users->passwords_dirty = TRUE;
	if (is_reader(name) && (old == NULL) != (user == NULL))
		users->rights_dirty = TRUE;
	return old;
}

static void apply_ensure(LocalUsers *users, LocalChange *change, Undo *undo)
{
	User *user;

	if (g_hash_table_size(users->table) >= BROKER_USERS_MAX &&
	    !g_hash_table_contains(users->table, change->name)) {
		g_set_error(&change->error, BROKER_ERROR, BROKER_ERROR_LIMIT,
			    "broker user '%s': the broker has %d users already", change->name,
			    BROKER_USERS_MAX);
		return;
	}
	user = g_new0(User, 1);
	user->password = change->password;
	undo->user = exchange(users, change->name, user);
}

gboolean local_users_is_claimed(const LocalUsers *users, const char *owner, const char *root)
{
	return g_strcmp0(users->owner, owner) == 0 && g_strcmp0(users->root, root) == 0;
}

static void set_claim(LocalUsers *users, char *owner, char *root)
{
	g_free(users->owner);
	g_free(users->root);
	users->owner = owner;
	users->root = root;
	users->claim_dirty = TRUE;
	users->rights_dirty = TRUE;
}

static void apply_claim(LocalUsers *users, LocalChange *change)
{
	if (users->owner != NULL && strcmp(users->owner, change->name) != 0) {
		g_set_error(&change->error, BROKER_ERROR, BROKER_ERROR_CLAIMED,
			    "the local broker belongs to DeviceCluster %s: one broker serves one "
			    "cluster; "
			    "delete that cluster, or give this one a broker of its own",
			    users->owner);
		return;
	}
	if (!local_users_is_claimed(users, change->name, change->root))
		set_claim(users, g_strdup(change->name), g_strdup(change->root));
}

void local_users_apply(LocalUsers *users, LocalChange *change)
{
	Undo *undo = g_new0(Undo, 1);

	undo->owner = g_strdup(users->owner);
	undo->root = g_strdup(users->root);
	change->undo = undo;
	switch (change->kind) {
	case LOCAL_ENSURE:
		apply_ensure(users, change, undo);
		break;
	case LOCAL_REMOVE:
		undo->user = exchange(users, change->name, NULL);
		break;
	case LOCAL_CLAIM:
		apply_claim(users, change);
		break;
	case LOCAL_RELEASE:
		if (g_strcmp0(users->owner, change->name) == 0)
			set_claim(users, NULL, NULL);
		break;
	case LOCAL_RELOAD:
		break;
	}
}

void local_users_undo(LocalUsers *users, LocalChange *change)
{
	Undo *undo = change->undo;

	if (change->error != NULL)
		return;
	if (change->kind == LOCAL_ENSURE || change->kind == LOCAL_REMOVE)
		g_free(exchange(users, change->name, g_steal_pointer(&undo->user)));
	else if (change->kind == LOCAL_CLAIM || change->kind == LOCAL_RELEASE)
		set_claim(users, g_steal_pointer(&undo->owner), g_steal_pointer(&undo->root));
}

void local_users_mark_known(LocalUsers *users, const LocalChange *change)
{
	User *user = change->kind == LOCAL_ENSURE ? g_hash_table_lookup(users->table, change->name)
						  : NULL;

	if (user != NULL)
		user->known = TRUE;
}

void local_users_mark_all_known(LocalUsers *users)
{
	GHashTableIter iter;
	gpointer user;

	g_hash_table_iter_init(&iter, users->table);
	while (g_hash_table_iter_next(&iter, NULL, &user))
		((User *)user)->known = TRUE;
}

static gboolean write_text(const LocalUsers *users, const char *name, const char *text,
			   gsize size_bytes, GError **error)
{
	g_autofree char *path = file_of(users, name);
	g_autoptr(GError) failure = NULL;

	if (base_file_write(path, text, size_bytes, 0600, &failure))
		return TRUE;
	g_set_error(error, BROKER_ERROR, BROKER_ERROR_IO, "%s", failure->message);
	return FALSE;
}

static gboolean write_passwords(LocalUsers *users, GError **error)
{
	gsize expected_bytes = (g_hash_table_size(users->table) + 1) * LINE_MAX_BYTES;
	g_autoptr(GString) text = g_string_sized_new(expected_bytes);
	GHashTableIter iter;
	gpointer name, user;

	broker_password_write_line(text, LOCAL_CONTROL_USER, &users->control);
	g_hash_table_iter_init(&iter, users->table);
	while (g_hash_table_iter_next(&iter, &name, &user))
		broker_password_write_line(text, name, &((const User *)user)->password);
	return write_text(users, LOCAL_FILE_PASSWORDS, text->str, text->len, error);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names that `wanted` takes (NULL = all but the server's), sorted. */
static char **names(const LocalUsers *users, gboolean (*wanted)(const char *name))
{
	GPtrArray *list = g_ptr_array_new();
	GHashTableIter iter;
	gpointer name;

	g_hash_table_iter_init(&iter, users->table);
	while (g_hash_table_iter_next(&iter, &name, NULL))
		if (wanted != NULL ? wanted(name) : strcmp(name, BROKER_SERVER_USER) != 0)
			g_ptr_array_add(list, g_strdup(name));
	g_ptr_array_sort(list, compare_names);
	g_ptr_array_add(list, NULL);
	return (char **)g_ptr_array_free(list, FALSE);
}

static gboolean write_rights(LocalUsers *users, GError **error)
{
	g_auto(GStrv) readers = names(users, is_reader);
	g_autofree char *text = local_rights_text(users->root, (const char *const *)readers);

	return write_text(users, LOCAL_FILE_RIGHTS, text, strlen(text), error);
}

static gboolean write_claim(LocalUsers *users, GError **error)
{
	g_autofree char *text = users->owner == NULL
					? g_strdup("")
					: g_strdup_printf("%s\n%s\n", users->owner, users->root);

	return write_text(users, LOCAL_FILE_CLAIM, text, strlen(text), error);
}

/* What stays dirty is written with the next change. */
gboolean local_users_write(LocalUsers *users, GError **error)
{
	if (users->claim_dirty && !write_claim(users, error))
		return FALSE;
	users->claim_dirty = FALSE;
	if (users->rights_dirty && !write_rights(users, error))
		return FALSE;
	users->rights_dirty = FALSE;
	if (users->passwords_dirty && !write_passwords(users, error))
		return FALSE;
	users->passwords_dirty = FALSE;
	return TRUE;
}

char **local_users_list(const LocalUsers *users)
{
	return names(users, NULL);
}
