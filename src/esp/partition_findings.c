#include "esp/partition_findings.h"

#include "esp/error.h"

static void finding_free(gpointer data)
{
	EspPartitionFinding *finding = data;

	g_free(finding->text);
	g_free(finding);
}

GPtrArray *esp_partition_findings_new(void)
{
	return g_ptr_array_new_with_free_func(finding_free);
}

/* Takes `text`. */
static void append(GPtrArray *findings, EspPartitionSeverity severity, guint line, int code,
		   char *text)
{
	EspPartitionFinding *finding = g_new0(EspPartitionFinding, 1);

	finding->severity = severity;
	finding->code = code;
	finding->line = line;
	finding->text = text;
	g_ptr_array_add(findings, finding);
}

void partition_fault(GPtrArray *findings, guint line, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	append(findings, ESP_PARTITION_FAULT, line, code, g_strdup_vprintf(format, args));
	va_end(args);
}

void partition_finding(GPtrArray *findings, const EspPartition *at, EspPartitionSeverity severity,
		       int code, const char *format, va_list args)
{
	guint line = at == NULL ? 0 : at->line;
	g_autofree char *text = g_strdup_vprintf(format, args);

	append(findings, severity, line, code,
	       line == 0 ? g_steal_pointer(&text) : g_strdup_printf("line %u: %s", line, text));
}

static const EspPartitionFinding *first_fault(const GPtrArray *findings)
{
	for (guint i = 0; i < findings->len; i++) {
		const EspPartitionFinding *finding = g_ptr_array_index(findings, i);

		if (finding->severity == ESP_PARTITION_FAULT)
			return finding;
	}
	return NULL;
}

gboolean partition_has_faults(const GPtrArray *findings)
{
	return first_fault(findings) != NULL;
}

gboolean esp_partition_findings_ok(const GPtrArray *findings, GError **error)
{
	const EspPartitionFinding *fault = first_fault(findings);

	if (fault != NULL)
		g_set_error_literal(error, ESP_ERROR, fault->code, fault->text);
	return fault == NULL;
}

const EspPartitionTableOptions *partition_options(const EspPartitionTableOptions *options)
{
	static const EspPartitionTableOptions defaults;

	return options == NULL ? &defaults : options;
}

guint64 partition_table_offset(const EspPartitionTableOptions *options)
{
	return options->table_offset == 0 ? ESP_PARTITION_TABLE_OFFSET : options->table_offset;
}
