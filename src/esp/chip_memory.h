/* esp/chip_memory.h — the memory map of each chip, for the table of chips. Within this room. */
#pragma once

#include "esp/chips.h"

/* Ended by a NULL name. */
extern const EspMemoryRange esp_memory_esp32[];
extern const EspMemoryRange esp_memory_esp32s2[];
extern const EspMemoryRange esp_memory_esp32c3[];
extern const EspMemoryRange esp_memory_esp32s3[];
extern const EspMemoryRange esp_memory_esp32c2[];
extern const EspMemoryRange esp_memory_esp32c6[]; /* also ESP32-H2 and ESP32-H21 */
extern const EspMemoryRange esp_memory_esp32p4[];
extern const EspMemoryRange esp_memory_esp32c61[];
extern const EspMemoryRange esp_memory_esp32c5[];
extern const EspMemoryRange esp_memory_esp32h4[];
extern const EspMemoryRange esp_memory_esp32s31[];
extern const EspMemoryRange esp_memory_host[];
