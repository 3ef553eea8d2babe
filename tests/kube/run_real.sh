#!/usr/bin/env bash
# Runs the suite against a real kube-apiserver with etcd: run_real.sh SUITE [OPTIONS OF THE SUITE]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
suite=$1
shift
program=$("$root/scripts/testbed.sh" path)
work=$(mktemp -d)
trap '"$root/scripts/testbed.sh" down "$work/home"; rm -rf "$work"' EXIT
"$root/scripts/testbed.sh" up "$work/home"

cat >"$work/outage" <<O
#!/bin/sh
exec "$root/tests/kube/outage_real.sh" "$work/home" "\$@"
O
chmod 700 "$work/outage"
"$suite" --home kube-apiserver --kubeconfig "$work/home/admin.kubeconfig" --kubectl "$(dirname "$program")/kubectl" \
	--outage "$work/outage" --cases "$root/tests/kube/validation-cases.yaml" "$@"
# The same server by a client certificate, whose files lie beside the kubeconfig.
"$suite" --home "kube-apiserver by certificate" --kubeconfig "$work/home/certificate.kubeconfig" --only 'creates, reads'
