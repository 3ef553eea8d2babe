/* esp/error.h — the error domain of the esp room. Messages name the thing, the place and the
 * remedy. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define ESP_ERROR (esp_error_quark())
GQuark esp_error_quark(void);

typedef enum {
	ESP_ERROR_INVALID,       /* the bytes or the arguments are not what the format allows */
	ESP_ERROR_DUPLICATE_KEY, /* two entries of one namespace and key */
	ESP_ERROR_TOO_LARGE,     /* it does not fit; the message says by how many bytes */
	ESP_ERROR_TRUNCATED,     /* the bytes end before the format does */
	ESP_ERROR_CORRUPT,       /* a checksum or a hash does not match */
	ESP_ERROR_NOT_FOUND,     /* no such key, partition, slot */
	ESP_ERROR_NOT_SUPPORTED, /* newer or other than what is read here */
	ESP_ERROR_FLASH,         /* a flash callback refused */
} EspError;

G_END_DECLS
