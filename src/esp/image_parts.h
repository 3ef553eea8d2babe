/* esp/image_parts.h — what the sources about images share. Within this room. */
#pragma once

#include "esp/image.h"

#define ESP_APP_DESCRIPTION_MAGIC 0xABCD5432U

/* Where checksum and padding end behind segments that end at `segments_end`. */
gsize esp_image_checksum_end(gsize segments_end);

/* The checksum of the segments of `image`, which lie within `data`. */
guint8 esp_image_checksum_of(const guint8 *data, const EspImage *image);

/* Fills in the description at the start of the first segment, of which `size_bytes` bytes are
 * there. */
void esp_image_read_descriptions(const guint8 *segment, gsize size_bytes, EspImage *image);
