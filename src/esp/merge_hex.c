#include "esp/merge.h"

enum {
	RECORD_BYTES = 16,
	SEGMENT_BYTES = 0x10000, /* what the 16 bits of a record's address reach */
	RECORD_DATA = 0,
	RECORD_EXTENDED_ADDRESS = 4,
	LINE_CHARS = 1 + 2 * (4 + RECORD_BYTES + 1) + 1,
};

/* The record being filled, and where it stands. */
typedef struct {
	GString *text;
	gboolean with_segments; /* the last byte lies beyond the first segment */
	guint64 segment;        /* the one the text is in; G_MAXUINT64: none yet */
	guint32 address;
	guint length;
	guint8 bytes[RECORD_BYTES];
} Writer;

static char *put_byte(char *at, guint8 byte, guint *sum)
{
	static const char digits[] = "0123456789ABCDEF";

	*at++ = digits[byte >> 4];
	*at++ = digits[byte & 0x0F];
	*sum += byte;
	return at;
}

static void put_record(Writer *writer, guint8 type, guint address, const guint8 *bytes,
		       guint length)
{
	char line[LINE_CHARS], *at = line;
	guint sum = 0;

	*at++ = ':';
	at = put_byte(at, (guint8)length, &sum);
	at = put_byte(at, (guint8)(address >> 8 & 0xFF), &sum);
	at = put_byte(at, (guint8)(address & 0xFF), &sum);
	at = put_byte(at, type, &sum);
	for (guint i = 0; i < length; i++)
		at = put_byte(at, bytes[i], &sum);
	at = put_byte(at, (guint8)((0x100 - (sum & 0xFF)) & 0xFF), &sum);
	*at++ = '\n';
	g_assert(at <= line + LINE_CHARS);
	g_string_append_len(writer->text, line, at - line);
}

static void flush(Writer *writer)
{
	guint32 segment = writer->address / SEGMENT_BYTES;
	const guint8 high[2] = {(guint8)(segment >> 8), (guint8)(segment & 0xFF)};

	if (writer->length == 0)
		return;
	if (writer->with_segments && segment != writer->segment)
		put_record(writer, RECORD_EXTENDED_ADDRESS, 0, high, sizeof high);
	writer->segment = segment;
	put_record(writer, RECORD_DATA, writer->address % SEGMENT_BYTES, writer->bytes,
		   writer->length);
	writer->address += writer->length;
	writer->length = 0;
}

/* A record goes on from one part to the next where they touch, and ends with its segment. */
static void put_part(Writer *writer, const EspMergePart *part)
{
	gsize size_bytes;
	const guint8 *data = g_bytes_get_data(part->bytes, &size_bytes);

	if (writer->address + writer->length != part->offset) {
		flush(writer);
		writer->address = part->offset;
	}
	for (gsize i = 0; i < size_bytes; i++) {
		writer->bytes[writer->length++] = data[i];
		if (writer->length == RECORD_BYTES ||
		    (writer->address + writer->length) % SEGMENT_BYTES == 0)
			flush(writer);
	}
}

GBytes *esp_merge_hex(const EspMerge *merge)
{
	gsize n_parts, size_bytes = 0;
	const EspMergePart *parts = esp_merge_parts(merge, &n_parts);
	Writer writer = {.segment = G_MAXUINT64,
			 .with_segments = esp_merge_end(merge) > SEGMENT_BYTES};

	for (gsize i = 0; i < n_parts; i++)
		size_bytes += g_bytes_get_size(parts[i].bytes);
	writer.text = g_string_sized_new((size_bytes / RECORD_BYTES + n_parts + 2) * LINE_CHARS);
	for (gsize i = 0; i < n_parts; i++)
		put_part(&writer, &parts[i]);
	flush(&writer);
	g_string_append(writer.text, ":00000001FF\n");
	return g_string_free_to_bytes(writer.text);
}
