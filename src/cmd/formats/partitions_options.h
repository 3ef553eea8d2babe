/* cmd/formats/partitions_options.h — what the commands of partition tables share: their options,
 * how a table is read and how findings are printed. */
#pragma once

#include "cmd/command.h"
#include "cmd/formats/io.h"
#include "esp/partition_table.h"

/* The options' words as they were given. One run of a command a process. */
typedef struct {
	char *offset, *flash_size, *secure, *chip, *bootloader_offset, *recovery_offset;
	char **extra_subtypes;
	gboolean no_md5;
} CmdPartitionsWords;
extern CmdPartitionsWords cmd_partitions_words;

/* Rows of a GOptionEntry table. */
#define CMD_PARTITIONS_OPTIONS                                                                     \
	{"offset",                                                                                 \
	 0,                                                                                        \
	 0,                                                                                        \
	 G_OPTION_ARG_STRING,                                                                      \
	 &cmd_partitions_words.offset,                                                             \
	 "where in flash the table lies (default 0x8000)",                                         \
	 "OFFSET"},                                                                                \
		{"flash-size",                                                                     \
		 0,                                                                                \
		 0,                                                                                \
		 G_OPTION_ARG_STRING,                                                              \
		 &cmd_partitions_words.flash_size,                                                 \
		 "flash that the table must fit into (1MB to 128MB)",                              \
		 "SIZE"},                                                                          \
		{"secure",                                                                         \
		 0,                                                                                \
		 0,                                                                                \
		 G_OPTION_ARG_STRING,                                                              \
		 &cmd_partitions_words.secure,                                                     \
		 "app sizes as secure boot v1 (64 KiB) or v2 (4 KiB) needs them",                  \
		 "v1|v2"},                                                                         \
		{"chip",                                                                           \
		 0,                                                                                \
		 0,                                                                                \
		 G_OPTION_ARG_STRING,                                                              \
		 &cmd_partitions_words.chip,                                                       \
		 "chip (esp32, esp32c3, ...): where its bootloader lies, how much flash runs "     \
		 "apps",                                                                           \
		 "CHIP"},                                                                          \
		{"bootloader-offset",                                                              \
		 0,                                                                                \
		 0,                                                                                \
		 G_OPTION_ARG_STRING,                                                              \
		 &cmd_partitions_words.bootloader_offset,                                          \
		 "where the bootloader lies, for rows of type bootloader",                         \
		 "OFFSET"},                                                                        \
		{"recovery-bootloader-offset",                                                     \
		 0,                                                                                \
		 0,                                                                                \
		 G_OPTION_ARG_STRING,                                                              \
		 &cmd_partitions_words.recovery_offset,                                            \
		 "where the recovery bootloader lies",                                             \
		 "OFFSET"},                                                                        \
	{                                                                                          \
		"extra-subtype", 0, 0, G_OPTION_ARG_STRING_ARRAY,                                  \
			&cmd_partitions_words.extra_subtypes,                                      \
			"a subtype that the build adds, \"type, name, 0xNN\"; may be repeated",    \
			"SUBTYPE"                                                                  \
	}

/* The library's options out of the words. */
typedef struct {
	EspPartitionTableOptions table;
	EspPartitionSubtype *extra_subtypes;
} CmdPartitionsOptions;

void cmd_partitions_options_clear(CmdPartitionsOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CmdPartitionsOptions, cmd_partitions_options_clear)

/* FALSE with `exit` set after a usage error of the command `name`. */
gboolean cmd_partitions_options_read(const char *name, CmdPartitionsOptions *options,
				     CmdExit *exit);

/* Reads a table, CSV or binary, for the apps in it, "-" for standard input: `$NAME` is taken from
 * the environment, and where bootloaders lie does not matter. Yours, or NULL with BASE_ERROR_*, or
 * with ESP_ERROR_* that names the file. */
EspPartitionTable *cmd_partitions_table_load(const char *path, GError **error);

/* A table that was read, with everything found wrong with it. */
typedef struct {
	GBytes *bytes;
	gboolean is_binary;
	EspPartitionTable *table; /* NULL: a row of the CSV cannot be read */
	GPtrArray *findings;
} CmdPartitionsFile;

void cmd_partitions_file_clear(CmdPartitionsFile *file);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CmdPartitionsFile, cmd_partitions_file_clear)

/* Reads a file or "-". FALSE with BASE_ERROR_* if there is nothing to read. */
gboolean cmd_partitions_file_read(const char *path, const CmdPartitionsOptions *options,
				  CmdPartitionsFile *file, GError **error);

gboolean cmd_partitions_file_has_faults(const CmdPartitionsFile *file);

/* Prints the findings to `out`, a line each: prefix, "error: " or "warning: " (coloured on a
 * terminal), text. */
void cmd_partitions_findings_print(const CmdPartitionsFile *file, const char *prefix, FILE *out);

/* The findings, and the rows of a table, as JSON arrays. Yours. */
json_t *cmd_partitions_findings_json(const CmdPartitionsFile *file);
json_t *cmd_partitions_rows_json(const EspPartitionTable *table,
				 const EspPartitionTableOptions *options);

/* A label as valid UTF-8. Yours. */
char *cmd_partitions_label(const EspPartition *partition);
