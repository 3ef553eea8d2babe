#!/usr/bin/env bash
# Runs the suite against espalier's own API server: run_ours.sh SUITE KUBE_HOME [OPTIONS OF THE SUITE]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/kube
suite=$1 program=$2
shift 2
kubectl=$(dirname "$("$root/scripts/testbed.sh" path)")/kubectl
work=$(mktemp -d)
finish() {
	status=$?
	"$here/home.sh" "$program" stop "$work/home" || status=1
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
"$here/home.sh" "$program" start "$work/home"

cat >"$work/outage" <<O
#!/bin/sh
exec "$here/home.sh" "$program" outage "$work/home" "\$@"
O
chmod 700 "$work/outage"
"$suite" --kubeconfig "$work/home/admin.kubeconfig" --kubectl "$kubectl" --outage "$work/outage" \
	--cases "$here/validation-cases.yaml" "$@"
