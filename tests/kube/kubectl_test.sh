#!/usr/bin/env bash
# What a person does with stock kubectl, against espalier's API server or a real one: prints each command, what it
# answered and whether that is right, then the counts.
#   kubectl_test.sh API_SERVER_TOOL   start espalier's API server (tests/integration/api_server_tool.c) in a temporary
#                                     folder; once with each kubectl that is there: the pinned one of
#                                     scripts/testbed.sh and the machine's own if it is 1.27 or newer
#   kubectl_test.sh --real            the same against a real control plane (scripts/testbed.sh up)
#   KUBECONFIG=FILE kubectl_test.sh   against whatever that leads to; needs the CRDs of api/
# KUBECTL=PROGRAM takes that one only. Makes and removes the namespace kubectl-test.
# shellcheck disable=SC2016
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
server_pid=
real=
passed=0
failed=0
home=given

finish() {
	if [ -n "$server_pid" ]; then
		kill "$server_pid" 2>/dev/null
		wait "$server_pid" 2>/dev/null
	fi
	if [ -n "$real" ]; then "$root/scripts/testbed.sh" down "$real" >/dev/null 2>&1; fi
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

start_own() { # TOOL
	mkdir "$work/server"
	"$1" "$work/server" >"$work/server.out" 2>"$work/server.err" &
	server_pid=$!
	for _ in $(seq 200); do
		if grep -q '^ready' "$work/server.out"; then break; fi
		if ! kill -0 "$server_pid" 2>/dev/null; then cat "$work/server.err" >&2; exit 1; fi
		sleep 0.05
	done
	export KUBECONFIG=$work/server/kubeconfig
	home=own
}

start_real() {
	if ! "$root/scripts/testbed.sh" path >/dev/null 2>&1; then
		echo "kubectl_test: no control plane: run scripts/testbed.sh build" >&2
		exit 1
	fi
	real=$work/real
	"$root/scripts/testbed.sh" up "$real" >&2 || exit 1
	export KUBECONFIG=$real/admin.kubeconfig
	home=real
}

# --- one step: a sentence, what the output must match (a regular expression; its last line break is not there), the command ---

report() { # GOOD SENTENCE PATTERN STATUS COMMAND...
	local good=$1 sentence=$2 pattern=$3 status=$4
	shift 4
	if [ "$good" = 1 ]; then
		passed=$((passed + 1))
		printf 'ok      %s\n' "$sentence"
	else
		failed=$((failed + 1))
		printf 'NOT OK  %s\n        wanted: %s\n' "$sentence" "$pattern"
	fi
	printf '        $ %s  -> %s\n' "$*" "$status"
	if [ "$good" = 1 ]; then head -n 4 "$work/out" | cut -c1-160 | sed 's/^/        | /'
	else head -n 40 "$work/out" | sed 's/^/        | /'; fi
}

k() { timeout 60 "$kubectl" -n kubectl-test "$@"; }

step() { # WANTED_STATUS SENTENCE PATTERN COMMAND...
	local wanted=$1 sentence=$2 pattern=$3 status good=0
	shift 3
	"$@" >"$work/out" 2>&1
	status=$?
	if [ "$status" = "$wanted" ] && [[ $(<"$work/out") =~ $pattern ]]; then good=1; fi
	report "$good" "$sentence" "$pattern" "$status" "$@"
}
yes() { step 0 "$@"; }
no() { step 1 "$@"; }

manifests() {
	cat >"$work/fleet.yaml" <<'Y'
apiVersion: espalier.dev/v1alpha1
kind: DeviceCluster
metadata: {name: greenhouse}
spec: {mqtt: {broker: {type: Local}}}
---
apiVersion: espalier.dev/v1alpha1
kind: DeviceClass
metadata: {name: probe}
spec:
  deviceClusterReference: {name: greenhouse}
  chip: host
  firmware: {builder: {}, version: 1.0.0}
---
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata:
  name: d1
  labels: {site: north}
spec:
  deviceClassReference: {name: probe}
  location: bed 1
---
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata:
  name: d2
  labels: {site: south}
spec:
  deviceClassReference: {name: other}
  location: bed 2
Y
	sed 's/location: bed 1/location: by the door/' "$work/fleet.yaml" >"$work/changed.yaml"
	cat >"$work/secret.yaml" <<'Y'
apiVersion: v1
kind: Secret
metadata: {name: wifi, labels: {espalier.dev/settings: "true"}}
data: {wifi.ssid: bm9ydGg=}
Y
	sed 's/bm9ydGg=/c291dGg=/' "$work/secret.yaml" >"$work/secret-changed.yaml"
	cat >"$work/unknown.yaml" <<'Y'
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata: {name: d3}
spec: {deviceClassReference: {name: probe}, bogus: 1}
Y
	cat >"$work/invalid.yaml" <<'Y'
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata: {name: d4}
spec:
  deviceClassReference: {name: probe}
  settings: [{namespace: settings, key: a-key-that-is-too-long, value: x}]
Y
	cat >"$work/new.yaml" <<'Y'
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata: {name: d5, labels: {site: north}}
spec: {deviceClassReference: {name: probe}}
Y
}

# --- what is done ---

discovering() {
	yes 'says its version' 'Server Version: v1\.' "$kubectl" version
	yes 'lists what it serves' 'devices +dev +espalier.dev/v1alpha1 +true +Device' "$kubectl" api-resources
	yes 'lists one category' 'storages\.espalier\.dev' "$kubectl" api-resources --categories=espalier -o name
	yes 'lists versions' 'espalier\.dev/v1alpha1' "$kubectl" api-versions
	yes 'shows our definitions' 'devices\.espalier\.dev' "$kubectl" get crd
	no 'knows no pods' "doesn't have a resource type \"nonsense\"" k get nonsense
	yes 'explains a list of settings' 'FIELDS:.*valueFrom' "$kubectl" explain device.spec.settings
	yes 'explains a device in full' 'deviceClassReference' "$kubectl" explain device --recursive
	yes 'explains metadata' 'labels' "$kubectl" explain device.metadata
	yes 'explains a Secret' 'stringData' "$kubectl" explain secret
	no 'explains no field that is not there' 'field "bogus" does not exist' "$kubectl" explain device.spec.bogus
}

applying() {
	yes 'makes a namespace' 'namespace/kubectl-test created' "$kubectl" create namespace kubectl-test
	no 'makes a namespace only once' 'AlreadyExists.*namespaces "kubectl-test" already exists' "$kubectl" create namespace kubectl-test
	yes 'dry-runs on the server' 'device.espalier.dev/d1 created \(server dry run\)' k apply --dry-run=server -f "$work/fleet.yaml"
	yes 'kept nothing of the dry run' 'No resources found' k get devices
	yes 'dry-runs on the client' 'device.espalier.dev/d1 created \(dry run\)' k apply --dry-run=client -f "$work/fleet.yaml"
	yes 'applies' 'device.espalier.dev/d1 created' k apply -f "$work/fleet.yaml"
	yes 'applies again: nothing changes' 'device.espalier.dev/d1 unchanged' k apply -f "$work/fleet.yaml"
	no 'shows the difference of a changed file' '\+ +location: by the door' k diff -f "$work/changed.yaml"
	yes 'applies a changed file' 'device.espalier.dev/d1 configured.*d2 unchanged' k apply -f "$work/changed.yaml"
	yes 'has the change' '^by the door$' k get device d1 -o 'jsonpath={.spec.location}'
	yes 'counts generations' '^2 1$' k get devices -o 'jsonpath={.items[*].metadata.generation}'
	yes 'shows no difference then' '^$' k diff -f "$work/changed.yaml"
	no 'refuses a field that is not there' 'unknown field "spec.bogus"' k apply -f "$work/unknown.yaml"
	yes 'warns of it if asked' 'Warning: unknown field "spec.bogus".*d3 created' k apply --validate=warn -f "$work/unknown.yaml"
	yes 'or drops it in silence' 'device.espalier.dev/d3 (unchanged|configured)' k apply --validate=ignore -f "$work/unknown.yaml"
	no 'names the field that is wrong' 'The Device "d4" is invalid.*spec.settings\[0\].key' k apply -f "$work/invalid.yaml"
	no 'creates from a file only once' 'AlreadyExists.*devices.espalier.dev "d3" already exists' k create --validate=ignore -f "$work/unknown.yaml"
	yes 'replaces' 'device.espalier.dev/d1 replaced' k replace -f "$work/fleet.yaml" --validate=strict
	yes 'replaces by force' 'device.espalier.dev/d3 replaced' k replace --force --validate=ignore -f "$work/unknown.yaml"
}

reading() {
	yes 'gets a table' 'NAME +CLASS +READY +FLASHED +CONNECTED +UPTODATE +FIRMWARE +LAST-SEEN +AGE.*d1 +probe' k get dev
	yes 'gets a wide table' 'AGE +MESSAGE +IP +RSSI' k get dev -o wide
	yes 'gets YAML' 'kind: Device.*deviceClassReference' k get dev d1 -o yaml
	yes 'gets JSON' '"kind": "List"' k get dev -o json
	yes 'gets names' 'device.espalier.dev/d1' k get dev -o name
	yes 'gets by jsonpath' '^probe$' k get dev d1 -o 'jsonpath={.spec.deviceClassReference.name}'
	yes 'gets by go-template' '^d1$' k get dev d1 -o 'go-template={{.metadata.name}}'
	yes 'gets own columns' 'CLASS.*probe' k get dev -o custom-columns=N:.metadata.name,CLASS:.spec.deviceClassReference.name
	yes 'gets columns without the server' 'NAME +AGE' k get dev --server-print=false
	yes 'shows labels' 'LABELS.*site=north' k get dev --show-labels
	yes 'shows one label' 'SITE.*south' k get dev -L site
	yes 'gets several kinds' 'deviceclass.espalier.dev/probe.*device.espalier.dev/d1' k get devclass,dev
	yes 'gets two objects by name' 'd1.*d2' k get dev d1 d2
	yes 'gets the category' 'devicecluster.espalier.dev/greenhouse.*device.espalier.dev/d2' k get espalier
	yes 'gets all namespaces' 'kubectl-test +d1' "$kubectl" get dev -A
	yes 'gets one page at a time' 'd1.*d2.*d3' k get dev --chunk-size=1
	yes 'selects by label' '^device.espalier.dev/d2$' k get dev -l site=south -o name
	yes 'selects by a set' $'^device.espalier.dev/d1\ndevice.espalier.dev/d2$' k get dev -l 'site in (north,south)' -o name
	yes 'selects what has no label' '^device.espalier.dev/d3$' k get dev -l '!site' -o name
	yes 'selects by name' '^device.espalier.dev/d1$' k get dev --field-selector metadata.name=d1 -o name
	yes 'selects by class' '^device.espalier.dev/d2$' k get dev --field-selector spec.deviceClassReference.name=other -o name
	yes 'selects by not that class' '^device.espalier.dev/d2$' k get dev --field-selector spec.deviceClassReference.name!=probe -o name
	no 'selects by no other field' 'field label not supported: spec.location' k get dev --field-selector spec.location=x
	yes 'sorts by a field' 'd2.*d1.*' k get dev -l site --sort-by='{.spec.deviceClassReference.name}' -o name
	yes 'sorts a table' 'd1.*d2.*d3' k get dev --sort-by=.metadata.name
	no 'names what is not there' 'NotFound.*devices.espalier.dev "nobody" not found' k get dev nobody
	yes 'or does not mind' '^$' k get dev nobody --ignore-not-found
	yes 'gets the status alone' 'kind: Device' k get dev d1 --subresource=status -o yaml
	yes 'gets a path' '"kind": ?"DeviceList"' "$kubectl" get --raw /apis/espalier.dev/v1alpha1/devices
}

changing() {
	yes 'labels' 'device.espalier.dev/d1 labeled' k label dev d1 floor=first
	no 'overwrites no label unasked' "already has a value" k label dev d1 floor=second
	yes 'overwrites a label' 'labeled' k label dev d1 floor=second --overwrite
	yes 'labels what is so already: no change' 'not labeled' k label dev d1 floor=second --overwrite
	yes 'removes a label' 'unlabeled' k label dev d1 floor-
	yes 'labels all' 'd1 labeled.*d2 labeled' k label dev --all seen=yes
	yes 'annotates' 'annotated' k annotate dev d1 note='by hand'
	yes 'patches by merge' 'patched' k patch dev d1 --type=merge -p '{"spec":{"displayName":"Tomatoes"}}'
	yes 'has the patch' '^Tomatoes$' k get dev d1 -o 'jsonpath={.spec.displayName}'
	yes 'patches nothing: no change' 'patched \(no change\)' k patch dev d1 --type=merge -p '{}'
	yes 'patches by operations' 'patched' k patch dev d1 --type=json -p '[{"op":"test","path":"/spec/displayName","value":"Tomatoes"},{"op":"remove","path":"/spec/displayName"}]'
	no 'refuses operations that do not fit' 'request' k patch dev d1 --type=json -p '[{"op":"remove","path":"/spec/displayName"}]'
	no 'takes no strategic patch for ours' 'strategic-merge-patch\+json is not supported' k patch dev d1 -p '{"spec":{"displayName":"x"}}'
	no 'keeps immutable what is' 'the chip of a class cannot change' k patch devclass probe --type=merge -p '{"spec":{"chip":"esp32"}}'
	no 'refuses a stale resourceVersion' 'Conflict.*the object has been modified' k patch dev d1 --type=merge -p '{"metadata":{"resourceVersion":"1"},"spec":{"displayName":"x"}}'
	yes 'patches the status' 'patched' k patch dev d1 --subresource=status --type=merge -p "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"Ready\",\"message\":\"all is done\",\"lastTransitionTime\":\"2026-01-02T03:04:05Z\"}]}}"
	yes 'shows the status in the table' 'd1 +probe +True' k get dev d1
	yes 'shows the message in the wide table' 'all is done' k get dev d1 -o wide
	yes 'writes no status with the rest' '^True$' sh -c "\"$kubectl\" -n kubectl-test patch dev d1 --type=merge -p '{\"status\":null}' >/dev/null && \"$kubectl\" -n kubectl-test get dev d1 -o 'jsonpath={.status.conditions[0].status}'"
	printf '#!/bin/sh\nsed -i "s/location: bed 1/location: edited/" "$1"\n' >"$work/editor"
	chmod +x "$work/editor"
	yes 'edits' 'device.espalier.dev/d1 edited' env KUBE_EDITOR="$work/editor" timeout 60 "$kubectl" -n kubectl-test edit dev d1
	yes 'has the edit' '^edited$' k get dev d1 -o 'jsonpath={.spec.location}'
	yes 'edits nothing' 'cancelled, no changes made' env KUBE_EDITOR="$work/editor" timeout 60 "$kubectl" -n kubectl-test edit dev d1
	if [ "$home" != real ]; then
		no 'says that it keeps no field managers' 'Server-side apply not available' k apply --server-side -f "$work/new.yaml"
	fi
}

core_kinds() {
	yes 'makes a Secret' 'secret/s1 created' k create secret generic s1 --from-literal=a=b --from-literal=c=d
	yes 'keeps it in base64' '^Yg==$' k get secret s1 -o 'jsonpath={.data.a}'
	yes 'shows Secrets' 'NAME +TYPE +DATA +AGE.*s1 +Opaque +2' k get secrets
	yes 'selects Secrets by type' 'secret/s1' k get secrets --field-selector type=Opaque -o name
	yes 'describes a Secret by sizes' 'a: +1 bytes' k describe secret s1
	yes 'makes a ConfigMap' 'configmap/c1 created' k create configmap c1 --from-literal=a=b
	yes 'dry-runs a Secret on the server' 'secret/s2 created \(server dry run\)' k create secret generic s2 --from-literal=a=b --dry-run=server
	no 'kept no Secret of the dry run' 'secrets "s2" not found' k get secret s2
	yes 'applies a Secret' 'secret/wifi created' k apply -f "$work/secret.yaml"
	yes 'applies a Secret again' 'secret/wifi unchanged' k apply -f "$work/secret.yaml"
	yes 'applies a changed Secret' 'secret/wifi configured' k apply -f "$work/secret-changed.yaml"
	yes 'has the changed Secret' '^c291dGg=$' k get secret wifi -o 'jsonpath={.data.wifi\.ssid}'
	yes 'patches a Secret, strategic' 'patched' k patch secret s1 -p '{"stringData":{"a":"new"}}'
	yes 'has the patched Secret' '^bmV3$' k get secret s1 -o 'jsonpath={.data.a}'
	yes 'merges finalizers' 'patched' k patch configmap c1 -p '{"metadata":{"finalizers":["example.org/one"]}}'
	yes 'merges another' 'patched' k patch configmap c1 -p '{"metadata":{"finalizers":["example.org/two"]}}'
	yes 'has both' 'example.org/one.*example.org/two|example.org/two.*example.org/one' k get configmap c1 -o 'jsonpath={.metadata.finalizers}'
	yes 'takes one out' 'patched' k patch configmap c1 -p '{"metadata":{"$deleteFromPrimitiveList/finalizers":["example.org/one","example.org/two"]}}'
	yes 'labels a Secret' 'labeled' k label secret s1 espalier.dev/settings=true
	printf '#!/bin/sh\nsed -i "s/bmV3/b2xk/" "$1"\n' >"$work/editor"
	yes 'edits a Secret' 'secret/s1 edited' env KUBE_EDITOR="$work/editor" timeout 60 "$kubectl" -n kubectl-test edit secret s1
	no 'refuses bytes that are no base64' 'illegal base64 data' k patch secret s1 --type=merge -p '{"data":{"a":"!!"}}'
	no 'refuses a name that is none' 'Invalid value: "A_b"' k create configmap A_b
	yes 'describes a namespace' 'Status: +Active' "$kubectl" describe namespace kubectl-test
	yes 'deletes a Secret' 'secret "s1" deleted' k delete secret s1
}

event() { # NAME UID REASON MESSAGE: as events.k8s.io/v1
	cat <<Y
apiVersion: events.k8s.io/v1
kind: Event
metadata: {name: $1, namespace: kubectl-test}
regarding: {apiVersion: espalier.dev/v1alpha1, kind: Device, namespace: kubectl-test, name: d1, uid: $2}
eventTime: "$(date -u +%Y-%m-%dT%H:%M:%S.000000Z)"
reportingController: espalier.dev/device
reportingInstance: espalier-1
action: Reconcile
reason: $3
note: $4
type: Normal
Y
}

events() {
	event e1 "$(k get dev d1 -o 'jsonpath={.metadata.uid}')" ConfigBuilt 'configuration built' >"$work/event.yaml"
	yes 'takes an event of the new API' 'event.events.k8s.io/e1 created' k create -f "$work/event.yaml"
	yes 'lists it in the old one' 'ConfigBuilt +device/d1 +configuration built' k get events
	yes 'selects events by their object' 'ConfigBuilt' k get events --field-selector involvedObject.name=d1
	yes 'lists it in the new one' 'ConfigBuilt' k get events.events.k8s.io
	yes 'describes a device with its events' 'Events:.*ConfigBuilt.*espalier.dev/device.*configuration built' k describe dev d1
	yes 'lists the events of a device' 'ConfigBuilt' k events --for device/d1
}

until_seen() { # TEXT: in what a watch has printed so far, for up to five seconds
	for _ in $(seq 100); do
		if grep -q "$1" "$work/watch"; then return; fi
		sleep 0.05
	done
}

watch_begin() { # ARGUMENTS...
	timeout 60 "$kubectl" -n kubectl-test get "$@" >"$work/watch" 2>&1 &
	watcher=$!
}

watch_end() {
	kill "$watcher" 2>/dev/null
	wait "$watcher" 2>/dev/null
}

watching() {
	watch_begin dev d1 -w
	until_seen d1
	k label dev d2 watched=no >/dev/null 2>&1
	k patch dev d1 --subresource=status --type=merge -p '{"status":{"rssi":-60,"firmware":{"running":"9.9.9"}}}' >/dev/null 2>&1
	until_seen 9.9.9
	watch_end
	yes 'watches one device: first as it is, then each change' $'^NAME[^\n]*\nd1 [^\n]*\nd1 [^\n]*9\\.9\\.9[^\n]*$' cat "$work/watch"

	watch_begin dev -l site -w --output-watch-events
	until_seen d2
	k apply -f "$work/new.yaml" >/dev/null 2>&1
	k label dev d5 site- >/dev/null 2>&1
	until_seen DELETED
	watch_end
	yes 'watches what enters and leaves a selection' 'ADDED +d5 .*DELETED +d5 ' cat "$work/watch"
}

# Runs kubectl in half a second, while the next step is waiting.
soon() {
	(
		sleep 0.5
		k "$@" >/dev/null 2>&1
	) &
	later=$!
}

waiting() {
	yes 'waits for a condition that holds' 'device.espalier.dev/d1 condition met' k wait --for=condition=Ready device/d1 --timeout=10s
	no 'gives up waiting' 'timed out waiting' k wait --for=condition=Ready device/d2 --timeout=1s
	soon patch dev d2 --subresource=status --type=merge -p '{"status":{"conditions":[{"type":"Ready","status":"True","reason":"Ready","message":"m","lastTransitionTime":"2026-01-02T03:04:05Z"}]}}'
	yes 'waits for a condition that comes' 'device.espalier.dev/d2 condition met' k wait --for=condition=Ready device/d2 --timeout=20s
	wait "$later"
	yes 'waits for a value' 'condition met' k wait --for='jsonpath={.status.rssi}=-60' device/d1 --timeout=10s
	soon delete dev d5 --wait=false
	yes 'waits for a deletion' 'device.espalier.dev/d5 condition met' k wait --for=delete device/d5 --timeout=20s
	wait "$later"
}

asking() {
	yes 'may do everything' '^yes' k auth can-i delete devices.espalier.dev
	yes 'may read the status' '^yes' k auth can-i get devices.espalier.dev --subresource=status
	yes 'lists what it may do' '\*\.\* .*\[\*\]' k auth can-i --list
	if ! [[ $version =~ ^1\.27\. ]]; then
		yes 'knows who it is' 'Username' "$kubectl" auth whoami
	fi
	if [ "$home" != own ]; then return; fi
	step 1 'a viewer may not delete' '^no' k --kubeconfig "$KUBECONFIG.espalier-viewer" auth can-i delete devices.espalier.dev
	no 'a viewer may not read Secrets' 'Forbidden.*secrets is forbidden: User "espalier-viewer" cannot list resource "secrets" in API group "" in the namespace "kubectl-test"' \
		k --kubeconfig "$KUBECONFIG.espalier-viewer" get secrets
	yes 'a viewer reads devices' 'd1' k --kubeconfig "$KUBECONFIG.espalier-viewer" get dev
	yes 'a device manager changes devices' 'labeled' k --kubeconfig "$KUBECONFIG.espalier-device-manager" label dev d1 managed=yes
	no 'a device manager changes no classes' 'Forbidden' k --kubeconfig "$KUBECONFIG.espalier-device-manager" label devclass probe managed=yes
	yes 'a cluster manager makes Secrets' 'created' k --kubeconfig "$KUBECONFIG.espalier-cluster-manager" create secret generic s9 --from-literal=a=b
	sed 's/token: .*/token: wrong/' "$KUBECONFIG" >"$work/wrong"
	no 'a wrong token is nobody' 'You must be logged in|Unauthorized|credentials' k --kubeconfig "$work/wrong" get dev
}

deleting() {
	yes 'sets a finalizer' 'patched' k patch dev d1 --type=merge -p '{"metadata":{"finalizers":["espalier.dev/device"]}}'
	yes 'begins to delete' 'device.espalier.dev "d1" deleted' k delete dev d1 --wait=false
	yes 'keeps what has a finalizer' '^[0-9]{4}-' k get dev d1 -o 'jsonpath={.metadata.deletionTimestamp}'
	no 'takes no new finalizer then' 'no new finalizers can be added' k patch dev d1 --type=json -p '[{"op":"add","path":"/metadata/finalizers/-","value":"example.org/x"}]'
	yes 'removes the last finalizer' 'patched' k patch dev d1 --type=json -p '[{"op":"remove","path":"/metadata/finalizers"}]'
	no 'then it is gone' 'devices.espalier.dev "d1" not found' k get dev d1
	no 'deletes nothing twice' 'NotFound' k delete dev d1
	yes 'or does not mind' '' k delete dev d1 --ignore-not-found
	yes 'dry-runs a deletion' 'device.espalier.dev "d2" deleted.*\(server dry run\)' k delete dev d2 --dry-run=server
	yes 'deletes by label' 'device.espalier.dev "d2" deleted' k delete dev -l site=south
	yes 'deletes by file' 'deviceclass.espalier.dev "probe" deleted' k delete -f "$work/fleet.yaml" --ignore-not-found
	yes 'deletes all' 'device.espalier.dev "d3" deleted' k delete dev --all
	yes 'deletes a namespace and what is in it' 'namespace "kubectl-test" deleted' timeout 60 "$kubectl" delete namespace kubectl-test
	no 'the namespace is gone' 'namespaces "kubectl-test" not found' "$kubectl" get namespace kubectl-test
}

suite() { # KUBECTL
	kubectl=$1
	# The dispatcher of the Google Cloud SDK asks the server which kubectl to run; --client is then the dispatcher's.
	version=$("$kubectl" version --client -o json 2>/dev/null | jq -r .clientVersion.gitVersion | sed 's/^v//')
	printf '\n== kubectl %s (%s), server: %s\n' "$version" "$kubectl" "$home"
	export HOME=$work/home-$version
	mkdir -p "$HOME"
	manifests
	discovering
	applying
	reading
	changing
	core_kinds
	events
	watching
	waiting
	asking
	deleting
}

programs() {
	local own pinned
	if [ -n "${KUBECTL:-}" ]; then
		printf '%s\n' "$KUBECTL"
		return
	fi
	if pinned=$("$root/scripts/testbed.sh" path 2>/dev/null); then
		printf '%s\n' "$(dirname "$pinned")/kubectl"
	fi
	own=$(command -v kubectl || true)
	if [ -n "$own" ] && [ "$("$own" version --client -o json 2>/dev/null | jq -r '.clientVersion.minor' | tr -dc 0-9)" -ge 27 ]; then
		printf '%s\n' "$own"
	fi
}

mapfile -t kubectls < <(programs)
if [ "${#kubectls[@]}" = 0 ]; then
	echo "kubectl_test: no kubectl: run scripts/testbed.sh build" >&2
	exit 1
fi
case ${1:-} in
--real) start_real ;;
'') if [ -z "${KUBECONFIG:-}" ]; then echo "usage: kubectl_test.sh API_SERVER_TOOL | --real, or with KUBECONFIG" >&2; exit 2; fi ;;
*) start_own "$1" ;;
esac
for program in "${kubectls[@]}"; do suite "$program"; done
printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
