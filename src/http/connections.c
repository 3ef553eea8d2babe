#include "http/server_private.h"

#include "base/clock.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum {
	SWEEP_INTERVAL_US = G_USEC_PER_SEC / 2,
};

struct HttpConnection {
	HttpConnections *table;
	int fd;
	HttpPhase phase;
	gint64 deadline_us; /* monotonic; 0: none */
	gint64 since_us;
	gboolean cut; /* shut down, libmicrohttpd closes it soon; counts no more */
	GList all;
	GList quiet; /* in the phases FIRST and IDLE, the longest silent at the head */
	HttpExchange *exchange;
	char address[INET6_ADDRSTRLEN];
};

struct HttpConnections {
	HttpLimits limits;
	gboolean is_unix;
	GMutex lock;
	GCond changed;
	GThread *sweeper;
	gboolean stop;
	GQueue all;
	GQueue quiet;
	guint n_open;            /* those that are not cut */
	GHashTable *per_address; /* address → number of open connections */
};

static void address_text(const struct sockaddr *address, char text[static INET6_ADDRSTRLEN])
{
	text[0] = '\0';
	if (address == NULL)
		return;
	if (address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
			  text, INET6_ADDRSTRLEN);
	else if (address->sa_family == AF_INET6)
		inet_ntop(AF_INET6,
			  &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, text,
			  INET6_ADDRSTRLEN);
}

static guint count_of(HttpConnections *table, const char *address)
{
	return GPOINTER_TO_UINT(g_hash_table_lookup(table->per_address, address));
}

static void count_change(HttpConnections *table, const char *address, int change)
{
	guint now = (guint)((int)count_of(table, address) + change);

	table->n_open = (guint)((int)table->n_open + change);
	if (now == 0)
		g_hash_table_remove(table->per_address, address);
	else
		g_hash_table_replace(table->per_address, g_strdup(address), GUINT_TO_POINTER(now));
}

static void leave_quiet(HttpConnection *connection)
{
	if (connection->phase <= HTTP_PHASE_IDLE && !connection->cut)
		g_queue_unlink(&connection->table->quiet, &connection->quiet);
}

/* libmicrohttpd closes the descriptor only after http_connections_remove, which takes the same
 * lock: the number cannot belong to somebody else here. */
static void cut(HttpConnection *connection)
{
	leave_quiet(connection);
	connection->cut = TRUE;
	count_change(connection->table, connection->address, -1);
	shutdown(connection->fd, SHUT_RDWR);
}

static gboolean make_room(HttpConnections *table, const char *address)
{
	for (GList *at = table->quiet.head; at != NULL; at = at->next) {
		HttpConnection *connection = at->data;

		if (address == NULL || strcmp(connection->address, address) == 0) {
			cut(connection);
			return TRUE;
		}
	}
	return FALSE;
}

gboolean http_connections_admit(HttpConnections *table, const struct sockaddr *address)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
	char text[INET6_ADDRSTRLEN];

	address_text(address, text);
	if (!table->is_unix && count_of(table, text) >= table->limits.connections_per_address &&
	    !make_room(table, text))
		return FALSE;
	return table->n_open < table->limits.connections || make_room(table, NULL);
}

/* Which deadline a phase has, in microseconds from now; 0: none. */
static gint64 allowance_us(const HttpLimits *limits, HttpPhase phase, guint64 bytes)
{
	switch (phase) {
	case HTTP_PHASE_FIRST:
		return limits->request_timeout_us;
	case HTTP_PHASE_IDLE:
		return limits->idle_timeout_us;
	case HTTP_PHASE_BODY:
	case HTTP_PHASE_REPLY:
		return limits->request_timeout_us +
		       (gint64)(MIN(bytes, G_MAXINT32) / limits->minimum_bytes_per_s) *
			       G_USEC_PER_SEC;
	case HTTP_PHASE_HANDLING:
	case HTTP_PHASE_STREAM:
		break;
	}
	return 0;
}

static void enter(HttpConnection *connection, HttpPhase phase, guint64 bytes)
{
	gint64 allowance = allowance_us(&connection->table->limits, phase, bytes);

	connection->phase = phase;
	connection->since_us = base_clock_monotonic_us();
	connection->deadline_us = allowance > 0 ? connection->since_us + allowance : 0;
	if (phase <= HTTP_PHASE_IDLE && !connection->cut)
		g_queue_push_tail_link(&connection->table->quiet, &connection->quiet);
}

void http_connection_enter(HttpConnection *connection, HttpPhase phase, guint64 bytes)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&connection->table->lock);

	leave_quiet(connection);
	enter(connection, phase, bytes);
}

void http_connection_extend(HttpConnection *connection, guint64 bytes)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&connection->table->lock);
	HttpConnections *table = connection->table;

	connection->deadline_us =
		connection->since_us + allowance_us(&table->limits, HTTP_PHASE_BODY, bytes);
}

HttpConnection *http_connections_add(HttpConnections *table, int fd, const struct sockaddr *address)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
	HttpConnection *connection = g_new0(HttpConnection, 1);

	connection->table = table;
	connection->fd = fd;
	connection->all.data = connection;
	connection->quiet.data = connection;
	address_text(address, connection->address);
	count_change(table, connection->address, 1);
	g_queue_push_tail_link(&table->all, &connection->all);
	enter(connection, HTTP_PHASE_FIRST, 0);
	if (table->all.length == 1)
		g_cond_signal(&table->changed);
	return connection;
}

void http_connections_remove(HttpConnections *table, HttpConnection *connection)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);

	leave_quiet(connection);
	if (!connection->cut)
		count_change(table, connection->address, -1);
	g_queue_unlink(&table->all, &connection->all);
	g_free(connection);
}

guint http_connections_count(HttpConnections *table)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);

	return table->n_open;
}

void http_connection_set_exchange(HttpConnection *connection, HttpExchange *exchange)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&connection->table->lock);

	connection->exchange = exchange;
}

const char *http_connection_address(const HttpConnection *connection)
{
	return connection->address;
}

GPtrArray *http_connections_exchanges(HttpConnections *table)
{
	G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
	GPtrArray *exchanges = g_ptr_array_new_with_free_func((GDestroyNotify)http_exchange_unref);

	for (GList *at = table->all.head; at != NULL; at = at->next) {
		HttpConnection *connection = at->data;

		if (connection->exchange != NULL)
			g_ptr_array_add(exchanges, http_exchange_ref(connection->exchange));
	}
	return exchanges;
}

/* libmicrohttpd does not look at a suspended connection, so that a watcher who hung up would be
 * noticed only at the next event. */
static gboolean has_hung_up(const HttpConnection *connection)
{
	struct pollfd look = {.fd = connection->fd, .events = POLLRDHUP};

	return poll(&look, 1, 0) == 1 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Cuts what is over its deadline. libmicrohttpd's own time-out starts again with every byte: a
 * header that trickles would hold its connection for ever. */
static GPtrArray *sweep(HttpConnections *table)
{
	GPtrArray *hung_up = NULL;
	gint64 now_us = base_clock_monotonic_us();

	for (GList *at = table->all.head; at != NULL; at = at->next) {
		HttpConnection *connection = at->data;

		if (connection->cut)
			continue;
		if (connection->deadline_us != 0 && now_us >= connection->deadline_us) {
			cut(connection);
		} else if (connection->phase != HTTP_PHASE_STREAM || connection->exchange == NULL) {
			continue;
		} else if (http_stream_is_cut(connection->exchange->stream)) {
			cut(connection); /* it may be stuck in a send to a peer who does not read */
		} else if (has_hung_up(connection)) {
			if (hung_up == NULL)
				hung_up = g_ptr_array_new();
			g_ptr_array_add(hung_up, http_exchange_ref(connection->exchange));
		}
	}
	return hung_up;
}

static void tell_hung_up(GPtrArray *hung_up)
{
	for (guint i = 0; i < hung_up->len; i++) {
		http_exchange_hang_up(hung_up->pdata[i]);
		http_exchange_unref(hung_up->pdata[i]);
	}
	g_ptr_array_free(hung_up, TRUE);
}

static gpointer sweeper_run(gpointer data)
{
	HttpConnections *table = data;

	g_mutex_lock(&table->lock);
	while (!table->stop) {
		GPtrArray *hung_up;

		if (table->all.length == 0) {
			g_cond_wait(&table->changed, &table->lock);
			continue;
		}
		g_cond_wait_until(&table->changed, &table->lock,
				  g_get_monotonic_time() + SWEEP_INTERVAL_US);
		hung_up = sweep(table);
		if (hung_up != NULL) {
			g_mutex_unlock(&table->lock);
			tell_hung_up(hung_up);
			g_mutex_lock(&table->lock);
		}
	}
	g_mutex_unlock(&table->lock);
	return NULL;
}

HttpConnections *http_connections_new(const HttpLimits *limits, gboolean is_unix)
{
	HttpConnections *table = g_new0(HttpConnections, 1);

	table->limits = *limits;
	table->is_unix = is_unix;
	g_mutex_init(&table->lock);
	g_cond_init(&table->changed);
	g_queue_init(&table->all);
	g_queue_init(&table->quiet);
	table->per_address = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	table->sweeper = g_thread_new("http-sweeper", sweeper_run, table);
	return table;
}

void http_connections_free(HttpConnections *table)
{
	g_mutex_lock(&table->lock);
	table->stop = TRUE;
	g_cond_signal(&table->changed);
	g_mutex_unlock(&table->lock);
	g_thread_join(table->sweeper);
	g_assert(table->all.length == 0);
	g_hash_table_unref(table->per_address);
	g_cond_clear(&table->changed);
	g_mutex_clear(&table->lock);
	g_free(table);
}
