/* cmd/formats/signature_json.h — signature blocks told to programs. */
#pragma once

#include "base/json.h"
#include "esp/signature.h"

/* "absent", "damaged", "wrong" or "right". Static. */
const char *cmd_signature_state_name(EspSignatureState state);

/* The blocks that are there, in their order. Yours. */
json_t *cmd_signature_blocks_json(const EspSignatureReport *report);
