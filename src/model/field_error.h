/* model/field_error.h — what is wrong with which field, as the causes of a 422 tell it. Pure. */
#pragma once

#include <glib.h>
#include <jansson.h>

/* Reasons of metav1.CauseType that we give. */
#define MODEL_CAUSE_REQUIRED "FieldValueRequired"
#define MODEL_CAUSE_INVALID "FieldValueInvalid"
#define MODEL_CAUSE_NOT_SUPPORTED "FieldValueNotSupported"
#define MODEL_CAUSE_DUPLICATE "FieldValueDuplicate"
#define MODEL_CAUSE_FORBIDDEN "FieldValueForbidden"
#define MODEL_CAUSE_TOO_LONG "FieldValueTooLong"
#define MODEL_CAUSE_TOO_MANY "FieldValueTooMany"
#define MODEL_CAUSE_TYPE_INVALID "FieldValueTypeInvalid"

/* One metav1.StatusCause. */
typedef struct {
	const char *reason; /* static, one of the above */
	char *field;        /* "spec.settings[0].key" */
	char *message;      /* "Invalid value: \"x\": …" */
} ModelFieldError;

enum { MODEL_FIELD_ERRORS_MAX = 100 }; /* a validation stops after so many */

/* An array of ModelFieldError that frees its members. Yours. */
GPtrArray *model_field_errors_new(void);

/* Adds one, unless the array is full; `reason` is static, the message is printf-formatted. */
void model_field_errors_add(GPtrArray *errors, const char *reason, const char *field,
			    const char *format, ...) G_GNUC_PRINTF(4, 5);

/* `Device.espalier.dev "x" is invalid: spec.a: Required value`, or `[a: …, b: …]` of several: the
 * message of the Status. `group` is "" for core kinds. Yours. */
char *model_field_errors_message(const char *group, const char *kind, const char *name,
				 const GPtrArray *errors);

/* [{reason, message, field}], the details.causes of the Status. Yours. */
json_t *model_field_errors_causes(const GPtrArray *errors);

/* `text` in quotes, escaped as Go's %q does: the way values stand in messages. Yours. */
char *model_quote(const char *text);
