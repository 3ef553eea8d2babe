#include "model/rules.h"

#include "base/json.h"
#include "wire/nvs_names.h"

#include <string.h>

static gboolean has(const json_t *self, const char *field)
{
	return json_object_get(self, field) != NULL;
}

static gboolean is_unchanged(const json_t *self, const json_t *old_self)
{
	return json_equal(self, old_self) == 1;
}

/* ^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$ */
static gboolean name_is_a_devices(const json_t *self, const json_t *old_self)
{
	const char *name = base_json_get_string(self, "metadata", "name", NULL);
	gsize length = name != NULL ? strlen(name) : 0;

	(void)old_self;
	if (length == 0)
		return TRUE; /* another error already */
	return length <= WIRE_DEVICE_NAME_MAX &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == length && name[0] != '-' &&
	       name[length - 1] != '-';
}

static gboolean namespace_is_free(const json_t *self, const json_t *old_self)
{
	const char *space = base_json_get_string(self, "namespace", NULL);

	(void)old_self;
	return space == NULL || !wire_nvs_space_is_reserved(space);
}

static gboolean has_value_or_source(const json_t *self, const json_t *old_self)
{
	(void)old_self;
	return has(self, "value") != has(self, "valueFrom");
}

static gboolean has_one_source(const json_t *self, const json_t *old_self)
{
	(void)old_self;
	return has(self, "secretKeyRef") != has(self, "configMapKeyRef");
}

static gboolean has_driver_or_is_disabled(const json_t *self, const json_t *old_self)
{
	(void)old_self;
	return has(self, "driver") || base_json_get_bool(self, FALSE, "disabled", NULL);
}

static gboolean has_one_origin(const json_t *self, const json_t *old_self)
{
	(void)old_self;
	return has(self, "builder") != has(self, "prebuilt");
}

static gboolean has_one_place(const json_t *self, const json_t *old_self)
{
	(void)old_self;
	return has(self, "s3") != has(self, "directory");
}

static gboolean has_values_as_operator_wants(const json_t *self, const json_t *old_self)
{
	const char *operator= base_json_get_string(self, "operator", NULL);
	gboolean wants = operator!=
		NULL &&(strcmp(operator, "In") == 0 || strcmp(operator, "NotIn") == 0);

	(void)old_self;
	return wants == (json_array_size(json_object_get(self, "values")) > 0);
}

static const ModelRule rules[] = {
	{"self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$')", FALSE,
	 name_is_a_devices},
	{"!(self.__namespace__ in ['espalier', 'mqtt', 'ota', 'sensors', 'time', 'nvs.net80211', "
	 "'phy', 'misc'])",
	 FALSE, namespace_is_free},
	{"has(self.value) != has(self.valueFrom)", FALSE, has_value_or_source},
	{"has(self.secretKeyRef) != has(self.configMapKeyRef)", FALSE, has_one_source},
	{"has(self.driver) || (has(self.disabled) && self.disabled)", FALSE,
	 has_driver_or_is_disabled},
	{"has(self.builder) != has(self.prebuilt)", FALSE, has_one_origin},
	{"has(self.s3) != has(self.directory)", FALSE, has_one_place},
	{"(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)", FALSE,
	 has_values_as_operator_wants},
	{"self == oldSelf", TRUE, is_unchanged},
};

const ModelRule *model_rules(gsize *n_rules)
{
	*n_rules = G_N_ELEMENTS(rules);
	return rules;
}

const ModelRule *model_rule_find(const char *cel)
{
	for (gsize i = 0; i < G_N_ELEMENTS(rules); i++)
		if (strcmp(rules[i].cel, cel) == 0)
			return &rules[i];
	return NULL;
}
