/* esp/declare.h — what lets C++ read the public headers of this room. */
#pragma once

/* Within the brackets of an array parameter: `guint8 digest[ESP_AT_LEAST 32]`. The caller's array
 * has that many elements or more. C compilers look at it ([static 32]); C++ has no such word. */
#ifdef __cplusplus
#define ESP_AT_LEAST
#else
#define ESP_AT_LEAST static
#endif
