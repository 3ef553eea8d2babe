#include "broker/password.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line of the broker's password file; what is read is written so that it reads the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autofree char *line = g_strndup((const char *)data, size);
	g_autofree char *name = NULL;
	g_autofree char *same_name = NULL;
	BrokerPassword hashed, same;

	if (broker_password_read_line(line, &name, &hashed)) {
		g_autoptr(GString) written = g_string_new(NULL);

		broker_password_write_line(written, name, &hashed);
		g_string_truncate(written, written->len - 1);
		g_assert(broker_password_read_line(written->str, &same_name, &same));
		g_assert_cmpstr(name, ==, same_name);
		g_assert(memcmp(&hashed, &same, sizeof same) == 0);
	}
	return 0;
}
