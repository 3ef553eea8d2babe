#include "esp/error.h"

G_DEFINE_QUARK(espalier - esp - error - quark, esp_error)
