/* model/error.h — what can be wrong with our objects. Each code has the reason that a condition
 * shows for it. */
#pragma once

#include <glib.h>

#define MODEL_ERROR (model_error_quark())
GQuark model_error_quark(void);

typedef enum {
	MODEL_ERROR_SPEC_INVALID,             /* SpecInvalid */
	MODEL_ERROR_NOT_SUPPORTED,            /* NotSupportedYet: a field whose time has not come */
	MODEL_ERROR_SECRET_NOT_FOUND,         /* SecretNotFound */
	MODEL_ERROR_SECRET_NOT_LABELLED,      /* SecretNotLabelled: the message has the command */
	MODEL_ERROR_SECRET_KEY_NOT_FOUND,     /* SecretKeyNotFound */
	MODEL_ERROR_CONFIG_MAP_NOT_FOUND,     /* ConfigMapNotFound */
	MODEL_ERROR_CONFIG_MAP_NOT_LABELLED,  /* ConfigMapNotLabelled */
	MODEL_ERROR_CONFIG_MAP_KEY_NOT_FOUND, /* ConfigMapKeyNotFound */
	MODEL_ERROR_CONFLICT,                 /* SettingConflict: groups of equal priority differ */
	MODEL_ERROR_TOO_LARGE,                /* ConfigTooLarge: does not fit its partition */
	MODEL_ERROR_SELECTOR,                 /* SelectorInvalid; the API answers 400 */
} ModelError;

/* The CamelCase reason for a condition, static. An error of another domain is "InternalError". */
const char *model_error_reason(const GError *error);
