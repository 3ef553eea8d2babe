#!/usr/bin/env bash
# `espalier push` and `espalier flash` against `espalier up`: a build folder becomes a class's firmware, by whoever may;
# host devices are flashed out of the server; what is not ready or not allowed is told with its remedy.
set -euo pipefail
folder=$(mktemp -d -p /tmp) # a unix socket's path is short
PATH=$ESPALIER_BINARY_DIR:$PATH
data=$folder/data
clean() {
	espalier down --data "$data" >/dev/null 2>&1 || true
	rm -rf "$folder"
}
trap clean EXIT
count=0
refuses() { # MESSAGE COMMAND...
	local message=$1
	shift
	if "$@" >"$folder/out" 2>&1; then printf 'push_flash: accepted, should have said "%s"\n' "$message"; exit 1; fi
	grep -qF -- "$message" "$folder/out" || { printf 'push_flash: no "%s" in:\n' "$message"; cat "$folder/out"; exit 1; }
	count=$((count + 1))
}
TMPDIR=$folder "$ESPALIER_TOOLS/bundle_tool" build "$folder/build"
cp -r "$ESPALIER_SOURCE_DIR/samples/greenhouse" "$folder/manifests"
cp "$ESPALIER_SOURCE_DIR"/samples/chips/*.yaml "$folder/manifests/"
espalier up --data "$data" -f "$folder/manifests" --port 0 --broker-port 0 --artefact-port 0 --detach >"$folder/up" 2>&1
export KUBECONFIG=$data/kubeconfig
espalier wait --for=condition=Ready device probe-1 --timeout 60 >/dev/null

# Flash: out of the server, again, and into JSON.
espalier flash probe-1 --to "$folder/probe-1.flash" >"$folder/out" 2>"$folder/next"
grep -qE '^probe-1: firmware 1\.0\.0, configuration [0-9a-f]{12}, MAC ([0-9a-f]{2}:){5}[0-9a-f]{2} in ' "$folder/out"
grep -qF "next: espalier-device $folder/probe-1.flash" "$folder/next"
espalier flash probe-1 --to "$folder/probe-1.flash" -o json | grep -q '"made":false'
[ "$(stat -c %a "$folder/probe-1.flash")" = 600 ]
refuses "devices.espalier.dev \"probe-99\" not found" espalier flash probe-99 --to "$folder/x.flash"
refuses 'your role may not read Secret' espalier flash probe-1 --to "$folder/x.flash" --kubeconfig "$data/kubeconfig.espalier-device-manager"
[ ! -e "$folder/x.flash" ]

# Push: by who may; the class becomes Ready with exactly this bundle.
refuses 'for you: may your role do this' espalier push soil-probe-c3 "$folder/build" --kubeconfig "$data/kubeconfig.espalier-viewer"
refuses 'the firmware is built for esp32c3, the class is for host' espalier push soil-probe "$folder/build"
refuses "class 'soil-probe-c3' is for esp32c3, not for esp32s3" espalier push soil-probe-c3 "$folder/build" --chip esp32s3
refuses 'build the project first (idf.py build)' espalier push soil-probe-c3 "$folder/manifests"
espalier push soil-probe-c3 "$folder/build" --kubeconfig "$data/kubeconfig.espalier-cluster-manager" -o json >"$folder/pushed"
bundle=$(sed -n 's/.*"bundle":"\([0-9a-f]*\)".*/\1/p' "$folder/pushed")
espalier wait --for=condition=Ready deviceclass soil-probe-c3 --timeout 20 >/dev/null
espalier get deviceclass soil-probe-c3 -o json >"$folder/class"
grep -q "\"digest\": \"sha256:$bundle\"" "$folder/class"
grep -q "\"inputHash\": \"$bundle\"" "$folder/class"
grep -q '"version": "1.2.3"' "$folder/class"
espalier push soil-probe-c3 "$folder/build" >"$folder/out" 2>&1 # again: nothing to do, and no error
grep -q '^soil-probe-c3: blinky 1.2.3 for esp32c3' "$folder/out"
(cd "$data/artefacts" && find . -name SHA256SUMS -path "*$bundle*" -execdir sha256sum --quiet -c SHA256SUMS ';' -print | grep -q .)

# A person's password or a device's is nowhere in what was printed.
for secret in "$data"/kubeconfig*; do
	token=$(sed -n 's/^ *token: *//p' "$secret" | head -n 1 | tr -d \")
	[ -n "$token" ] && ! grep -qF -- "$token" "$folder/out" "$folder/pushed" "$folder/up" "$data/log"
done
printf 'push_flash: pushed %.12s, %s refusals as they should be\n' "$bundle" "$count"
