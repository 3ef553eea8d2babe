/* cmd/formats/batch_hash.h — a quick hash against accidents, not against people. Any thread. */
#pragma once

#include <glib.h>

/* FNV-1a, 64 bits wide: of a million names two meet by chance once in 30 million batches. */
static inline guint64 batch_hash(const void *data, gsize size_bytes)
{
	const guint8 *bytes = data;
	guint64 hash = G_GUINT64_CONSTANT(0xcbf29ce484222325);

	for (gsize i = 0; i < size_bytes; i++)
		hash = (hash ^ bytes[i]) * G_GUINT64_CONSTANT(0x100000001b3);
	return hash;
}
