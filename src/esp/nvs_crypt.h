/* esp/nvs_crypt.h — the encrypted part of a partition, for the sources of esp/nvs.h
 * (components/nvs_flash/src/nvs_encrypted_partition.cpp). */
#pragma once

#include "esp/nvs.h"
#include "esp/xts.h"

/* Ready to encrypt or to decrypt entries. Yours. */
EspXts *nvs_crypt_new(EspXtsDirection direction, const EspNvsKeys *keys);

/* Turns all written entries of the pages in use, in place, as `xts` does. `size_bytes` is a
 * multiple of ESP_NVS_PAGE_BYTES. */
void nvs_crypt_pages(EspXts *xts, guint8 *image, gsize size_bytes);

/* TRUE if at least `n_least` entries are written and not one of them has a right CRC: the image is
 * encrypted, or with other keys. `size_bytes` as above. */
gboolean nvs_crypt_looks_foreign(const guint8 *image, gsize size_bytes, guint n_least);

/* Turns the entries at `data` that lie at `offset` of the partition. */
void nvs_crypt_entries(EspXts *xts, guint8 *data, gsize offset, gsize n_entries);
