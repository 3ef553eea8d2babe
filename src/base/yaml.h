/* base/yaml.h — YAML documents as JSON values, over libyaml's events. Any thread.
 *
 * The subset is what people write in manifests: YAML 1.2's core schema (null, true/false, decimal,
 * 0x and 0o integers, floats; everything else is a string), anchors and aliases within bounds, no
 * tags but the core ones. What other readers would silently guess is refused with a remedy:
 * duplicate keys, and unquoted yes/no/on/off. A document that starts with '{' is read as JSON.
 * Every message names line and column. */
#pragma once

#include <glib.h>
#include <jansson.h>

enum {
	BASE_YAML_MAX_BYTES = 4 * 1024 * 1024, /* one stream */
	BASE_YAML_MAX_DEPTH = 100,             /* nested mappings and sequences, aliases included */
	BASE_YAML_MAX_NODES = 500 * 1000, /* values in one document after aliases are expanded */
	BASE_YAML_MAX_EXPANDED_BYTES = 8 * 1024 * 1024, /* scalars of one document, likewise */
	BASE_YAML_MAX_DOCUMENTS = 20 * 1000,
};

typedef struct BaseYamlDocument BaseYamlDocument;

/* Reads all documents of `text`; empty ones (only comments) are left out. `name` (a file's name, or
 * NULL) stands in front of messages as "name:line:column: ". Returns an array of BaseYamlDocument,
 * yours, or NULL with BASE_ERROR_INVALID or BASE_ERROR_TOO_LARGE of the first bad document. */
GPtrArray *base_yaml_parse_documents(const char *text, gsize size_bytes, const char *name,
				     GError **error);

/* The same, but a bad document does not hide the others: its value is NULL and its error is set.
 * NULL only if the stream as a whole cannot be read (too large, not UTF-8). */
GPtrArray *base_yaml_parse_stream(const char *text, gsize size_bytes, const char *name,
				  GError **error);

/* One document that must be the only one. Yours, or NULL with an error as above. */
json_t *base_yaml_parse(const char *text, gsize size_bytes, const char *name, GError **error);

/* The document's value, borrowed; NULL if it is bad. */
json_t *base_yaml_document_value(const BaseYamlDocument *document);

/* Why the document is bad, borrowed; NULL if it is good. */
const GError *base_yaml_document_error(const BaseYamlDocument *document);

/* The line (from 1) on which the document's first value stands. */
guint base_yaml_document_line(const BaseYamlDocument *document);

/* The line of the value at a field path as Kubernetes writes it ("spec.settings[0].key",
 * "metadata.labels[app.kubernetes.io/name]"), or of the nearest parent that is there. Reads the
 * text again: for messages, not for loops. */
guint base_yaml_document_line_of(const BaseYamlDocument *document, const char *field_path);

void base_yaml_document_free(BaseYamlDocument *document);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BaseYamlDocument, base_yaml_document_free)
