#!/usr/bin/env bash
# Runs the suite of the controllers against either home:
#   run_controllers.sh real SUITE HOST_FIRMWARE [OPTIONS]           kube-apiserver with etcd and its garbage collector
#   run_controllers.sh ours SUITE HOST_FIRMWARE SERVER [OPTIONS]    espalier's own API server
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
which=$1 suite=$2 firmware=$3
shift 3
work=$(mktemp -d)
finish() {
	status=$?
	if [ "$which" = real ]; then
		"$root/scripts/testbed.sh" down "$work/home"
	else
		"$root/tests/kube/home.sh" stop "$work/home" || status=1
	fi
	rm -rf "$work"
	exit "$status"
}
if [ "$which" = real ]; then
	trap finish EXIT
	"$root/scripts/testbed.sh" up "$work/home"
	name=kube-apiserver kubeconfig=$work/home/admin.kubeconfig
else
	server=$1
	shift
	trap finish EXIT
	"$root/tests/kube/home.sh" start "$work/home" "$server"
	name="espalier's API server" kubeconfig=$work/home/kubeconfig
fi
TMPDIR=$work "$suite" --home "$name" --kubeconfig "$kubeconfig" --host-firmware "$firmware" \
	--samples "$root/samples/greenhouse" "$@"
