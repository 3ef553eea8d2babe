#include "model/kinds.h"

#include <string.h>

static const ModelKind kinds[] = {
	{MODEL_KIND_STORAGE, "StorageList", "storages", "storage", "dstore",
	 "storages." MODEL_GROUP, "storages.yaml"},
	{MODEL_KIND_DEVICE_CLUSTER, "DeviceClusterList", "deviceclusters", "devicecluster", "devcl",
	 "deviceclusters." MODEL_GROUP, "deviceclusters.yaml"},
	{MODEL_KIND_DEVICE_CLASS, "DeviceClassList", "deviceclasses", "deviceclass", "devclass",
	 "deviceclasses." MODEL_GROUP, "deviceclasses.yaml"},
	{MODEL_KIND_DEVICE_GROUP, "DeviceGroupList", "devicegroups", "devicegroup", "devgrp",
	 "devicegroups." MODEL_GROUP, "devicegroups.yaml"},
	{MODEL_KIND_DEVICE, "DeviceList", "devices", "device", "dev", "devices." MODEL_GROUP,
	 "devices.yaml"},
};

const ModelKind *model_kinds(gsize *n_kinds)
{
	*n_kinds = G_N_ELEMENTS(kinds);
	return kinds;
}

const ModelKind *model_kind_find(const char *kind)
{
	for (gsize i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return &kinds[i];
	return NULL;
}
