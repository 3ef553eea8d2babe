#!/usr/bin/env bash
# Runs the suite against espalier's own API server: run_ours.sh SUITE SERVER LOSE [OPTIONS OF THE SUITE]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
here=$root/tests/kube
suite=$1 server=$2 lose=$3
shift 3
kubectl=$(dirname "$("$root/scripts/testbed.sh" path)")/kubectl
work=$(mktemp -d)
finish() {
	status=$?
	"$here/home.sh" stop "$work/home" || status=1
	rm -rf "$work"
	exit "$status"
}
trap finish EXIT
"$here/home.sh" start "$work/home" "$server"

cat >"$work/outage" <<O
#!/bin/sh
exec "$here/home.sh" outage "$work/home" "$server" "$lose" "\$@"
O
chmod 700 "$work/outage"
"$suite" --home "espalier's API server" --kubeconfig "$work/home/kubeconfig" --kubectl "$kubectl" --outage "$work/outage" \
	--cases "$here/validation-cases.yaml" "$@"
