/* tsan_glib.c — tells ThreadSanitizer of GLib's locks. Linked into every program of the tsan preset
 * and into no other.
 *
 * Debian's GLib is not instrumented and its mutexes are futexes, so the sanitizer would see no
 * order between two holders of one GMutex. These definitions come before GLib's, call GLib's, and
 * say what they mean. */
#include <dlfcn.h>
#include <glib.h>

void __tsan_acquire(void *address);
void __tsan_release(void *address);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

#define REAL(name) ((__typeof__(&name))real_of(#name))

static void *real_of(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

#define LOCK_OF(name, type)                                                                        \
	void name(type *lock)                                                                      \
	{                                                                                          \
		REAL(name)(lock);                                                                  \
		__tsan_acquire(lock);                                                              \
	}
#define UNLOCK_OF(name, type)                                                                      \
	void name(type *lock)                                                                      \
	{                                                                                          \
		__tsan_release(lock);                                                              \
		REAL(name)(lock);                                                                  \
	}
#define TRYLOCK_OF(name, type)                                                                     \
	gboolean name(type *lock)                                                                  \
	{                                                                                          \
		gboolean taken = REAL(name)(lock);                                                 \
		if (taken)                                                                         \
			__tsan_acquire(lock);                                                      \
		return taken;                                                                      \
	}

LOCK_OF(g_mutex_lock, GMutex)
UNLOCK_OF(g_mutex_unlock, GMutex)
TRYLOCK_OF(g_mutex_trylock, GMutex)
LOCK_OF(g_rec_mutex_lock, GRecMutex)
UNLOCK_OF(g_rec_mutex_unlock, GRecMutex)
TRYLOCK_OF(g_rec_mutex_trylock, GRecMutex)
LOCK_OF(g_rw_lock_reader_lock, GRWLock)
UNLOCK_OF(g_rw_lock_reader_unlock, GRWLock)
LOCK_OF(g_rw_lock_writer_lock, GRWLock)
UNLOCK_OF(g_rw_lock_writer_unlock, GRWLock)

void g_cond_wait(GCond *cond, GMutex *mutex)
{
	__tsan_release(mutex);
	REAL(g_cond_wait)(cond, mutex);
	__tsan_acquire(mutex);
}

gboolean g_cond_wait_until(GCond *cond, GMutex *mutex, gint64 end_time)
{
	gboolean signalled;

	__tsan_release(mutex);
	signalled = REAL(g_cond_wait_until)(cond, mutex, end_time);
	__tsan_acquire(mutex);
	return signalled;
}

/* A reference that is dropped comes after every use under it; who drops the last one, and frees,
 * comes after all. */
gboolean(g_atomic_ref_count_dec)(gatomicrefcount *count)
{
	gboolean last;

	__tsan_release(count);
	last = ((gboolean(*)(gatomicrefcount *))real_of("g_atomic_ref_count_dec"))(count);
	if (last)
		__tsan_acquire(count);
	return last;
}

/* The same, but GLib frees within: that it comes last cannot be said, so the freeing is not looked
 * at.
 */
void g_bytes_unref(GBytes *bytes)
{
	AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
	REAL(g_bytes_unref)(bytes);
	AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
}

void g_async_queue_push(GAsyncQueue *queue, gpointer data)
{
	__tsan_release(queue);
	REAL(g_async_queue_push)(queue, data);
}

#define POP_OF(name, parameters, arguments)                                                        \
	gpointer name parameters                                                                   \
	{                                                                                          \
		gpointer data = REAL(name) arguments;                                              \
		__tsan_acquire(queue);                                                             \
		return data;                                                                       \
	}
POP_OF(g_async_queue_pop, (GAsyncQueue * queue), (queue))
POP_OF(g_async_queue_try_pop, (GAsyncQueue * queue), (queue))
POP_OF(g_async_queue_timeout_pop, (GAsyncQueue * queue, guint64 timeout), (queue, timeout))

/* The links of GLib's queues are made and freed inside GLib, under a lock that is not seen;
 * G_DEFINE_QUARK lets two threads write the same number. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:g_queue_pop_tail\nrace:_error_quark\n";
}
