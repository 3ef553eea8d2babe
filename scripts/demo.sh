#!/usr/bin/env bash
# Grows samples/greenhouse in a fresh temporary folder on free ports: control plane, broker, ten host devices with their
# own configuration and credentials; shows them come online, prints the table, stops everything.
#   KEEP=1 leaves the folder behind. ESPALIER_BINARY_DIR: where the programs are (default: build/).
set -euo pipefail
cd "$(dirname "$0")/.."
espalier=${ESPALIER_BINARY_DIR:-$PWD/build}/espalier
device=${ESPALIER_BINARY_DIR:-$PWD/build}/espalier-device
work=$(mktemp -d "${TMPDIR:-/tmp}/espalier-demo.XXXXXX")
devices_pid=

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi
began=$(date +%s%N)
step() { printf '%s%5.1f s%s  %s\n' "$bold" "$(($(($(date +%s%N) - began)) / 100000000))e-1" "$plain" "$*"; }

finish() {
	local status=$?
	trap - EXIT INT TERM
	if [ -n "$devices_pid" ] && kill -TERM "$devices_pid" 2>/dev/null; then wait "$devices_pid" || true; fi
	"$espalier" down --data "$work/state" >/dev/null 2>&1 || true
	if [ "${KEEP:-0}" = 1 ]; then echo "everything is in $work"
	elif [ "$status" -eq 0 ] || [ "$status" -gt 128 ]; then rm -rf "$work" # done, or interrupted
	else echo "the demonstration failed; its folder is $work" >&2
	fi
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

step "starting the control plane and its broker, applying samples/greenhouse"
"$espalier" up --data "$work/state" --port 0 --broker-port 0 --artefact-port 0 -f samples/greenhouse --detach --wait --timeout 60
step "everything applied is Ready: each device has credentials, a configuration partition and firmware"

mapfile -t names < <("$espalier" get devices --data "$work/state" -o name | sed 's|.*/||' | sort -V)
for name in "${names[@]}"; do
	"$espalier" flash "$name" --data "$work/state" --to "$work/$name.flash" >"$work/flash.log" 2>&1 || { cat "$work/flash.log" >&2; exit 1; }
done
step "flashed ${#names[@]} host devices: partition table, otadata, firmware, configuration"

"$device" --quiet "$work"/*.flash 2>"$work/devices.log" &
devices_pid=$!
"$espalier" wait devices --all --for condition=Connected --data "$work/state" --timeout 30
"$espalier" wait devices --all --for condition=UpToDate --data "$work/state" --timeout 30
sleep 0.4 # counts in a status wait for more of the same
step "all of them booted, connected over TLS and reported"

echo
"$espalier" get devices --data "$work/state"
echo
"$espalier" get devclasses,devgroups,devclusters,dstores --data "$work/state"
echo
step "stopping everything"
