#!/usr/bin/env bash
# Asks espalier's API server and a real one the same, a request at a time, and compares what they answer: status,
# warnings and body, but for what is each server's own (uid, resourceVersion, times, managedFields, descriptions; the kind of each item of a list).
#   answers_test.sh API_SERVER_TOOL
# Where the two differ on purpose the request is not here: a real server repeats its decoder's words about broken JSON,
# answers a patch that does not fit the kind with the whole object in the message, and some nonsense with 500.
# shellcheck disable=SC2016
set -uo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
server_pid=
passed=0
failed=0

finish() {
	if [ -n "$server_pid" ]; then
		kill "$server_pid" 2>/dev/null
		wait "$server_pid" 2>/dev/null
	fi
	if [ -d "$work/real" ]; then "$root/scripts/testbed.sh" down "$work/real" >/dev/null 2>&1; fi
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

if [ $# != 1 ]; then echo "usage: answers_test.sh API_SERVER_TOOL" >&2; exit 2; fi
umask 077
mkdir "$work/own"
"$1" "$work/own" >"$work/out" 2>"$work/err" &
server_pid=$!
"$root/scripts/testbed.sh" up "$work/real" || exit 1
for _ in $(seq 200); do
	if grep -q '^ready' "$work/out"; then break; fi
	if ! kill -0 "$server_pid" 2>/dev/null; then cat "$work/err" >&2; exit 1; fi
	sleep 0.05
done

# Secrets go to curl in files, not as arguments.
place() { # NAME URL CA TOKEN
	printf 'header = "Authorization: Bearer %s"\ncacert = "%s"\nnoproxy = "*"\nsilent\nmax-time = 10\n' "$4" "$3" >"$work/$1.curl"
	printf '%s' "$2" >"$work/$1.url"
}
place own "$(sed -n 's/^ *server: *"\{0,1\}\([^" ]*\).*/\1/p' "$work/own/kubeconfig" | head -n 1)" "$work/own/ca.crt" "$(cat "$work/own/token.administrator")"
place real "$(sed -n 's/^API=//p' "$work/real/env")" "$work/real/ca.crt" "$(sed -n 's/,admin,.*//p' "$work/real/tokens.csv")"

# What may differ between two servers that answer alike.
common='walk(if type == "object" then del(.uid, .resourceVersion, .creationTimestamp, .deletionTimestamp, .managedFields, .description) else . end)
	| del(.metadata?.continue?, .items[]?.kind?, .items[]?.apiVersion?)'

ask() { # SERVER METHOD PATH TYPE BODY: status, warnings, body
	local -a arguments=(--config "$work/$1.curl" -X "$2" -D "$work/head" -o "$work/body")
	if [ -n "$4" ]; then arguments+=(-H "Content-Type: $4" --data-binary "$5"); fi
	if [ -n "${accept:-}" ]; then arguments+=(-H "Accept: $accept"); fi
	: >"$work/body"
	curl "${arguments[@]}" "$(cat "$work/$1.url")$3"
	sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$work/head"
	tr -d '\r' <"$work/head" | sed -n 's/^[Ww]arning: /warning: /p'
	jq -S -c "$common" "$work/body" 2>/dev/null | sed 's/[0-9a-f]\{8\}-[0-9a-f-]\{27\}/UID/g; s/in record ([0-9]*)/in record (N)/g' || head -c 300 "$work/body"
}

same() { # METHOD PATH [TYPE BODY]
	local mine theirs
	mine=$(ask own "$1" "$2" "${3:-}" "${4:-}")
	theirs=$(ask real "$1" "$2" "${3:-}" "${4:-}")
	if [ "$mine" = "$theirs" ]; then
		passed=$((passed + 1))
		printf 'ok      %s %s %s  -> %s\n' "$1" "$2" "$(printf '%s' "${4:-}" | cut -c1-100)" "$(head -n 1 <<<"$mine")"
	else
		failed=$((failed + 1))
		printf 'NOT OK  %s %s %s\n        ours: %s\n        real: %s\n' "$1" "$2" "${4:-}" "$mine" "$theirs"
	fi
}

json=application/json
merge=application/merge-patch+json
operations=application/json-patch+json
strategic=application/strategic-merge-patch+json
core=/api/v1/namespaces/default
maps=$core/configmaps
secrets=$core/secrets
devices=/apis/espalier.dev/v1alpha1/namespaces/default/devices

map() { printf '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%s"%s},"data":{"a":"b"}}' "$1" "${2:-}"; }
secret() { printf '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"%s"},%s}' "$1" "$2"; }
device() { printf '{"apiVersion":"espalier.dev/v1alpha1","kind":"Device","metadata":{"name":"%s"%s},"spec":{"deviceClassReference":{"name":"c"}%s}}' "$1" "${3:-}" "${2:-}"; }
event() { printf '{"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"%s"},"regarding":{"kind":"ConfigMap","namespace":"%s","name":"x"}%s}' "$1" "$2" "$3"; }

# Creating and replacing.
same POST $maps $json "$(map a)"
same POST $maps $json "$(map a)"
same PUT $maps/a $json "$(map a ',"resourceVersion":"1"')"
same PUT $maps/a $json "$(map a ',"labels":{"x":"y"}')"
same POST /api/v1/namespaces/nope/configmaps $json "$(map a)"
same POST "$maps?fieldValidation=Strict" $json "$(map b ',"foo":1')"
same POST "$maps?fieldValidation=Warn" $json "$(map b ',"foo":1')"
same POST "$maps?fieldValidation=Ignore" $json "$(map c ',"foo":1')"
same POST "$maps?fieldValidation=Bogus" $json "$(map d)"
same POST "$maps?dryRun=Some" $json "$(map d)"
same POST "$maps?dryRun=All" $json "$(map d)"
same GET $maps/d
same POST $maps $json '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"e"},"data":{"a":1}}'
same POST $maps $json '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":7}}'
same POST $maps $json '{"apiVersion":"v1","kind":"ConfigMap","metadata":"x"}'
same POST $maps $json '{"apiVersion":"v1","kind":"ConfigMap","metadata":{}}'
same POST $maps $json "$(map e ',"namespace":"other"')"
same POST $maps $json "$(map A_b ',"labels":{"a b":"c d"},"annotations":{"x y":""}')"
same POST $maps $json "$(map f ',"uid":"1"')"
same POST $secrets $json "$(secret s '"stringData":{"a":"x"},"data":{"b":"YQ=="},"immutable":true')"
same POST $secrets $json "$(secret t '"data":{"a":"!!!"}')"
same POST $secrets $json "$(secret t '"data":{"a/b":"YQ=="}')"
same POST /api/v1/namespaces $json '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"nn"}}'
same POST /api/v1/namespaces $json '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a.b"}}'
same POST /api/v1/namespaces/nn/configmaps $json "$(map a)"

# Patching.
same PATCH $maps/a $merge '{"data":{"a":null,"c":"d"}}'
same PATCH $maps/a $merge '{"metadata":{"name":"x"}}'
same PATCH $maps/a $merge '{"metadata":{"namespace":"x"}}'
same PATCH $maps/a $merge '{"metadata":{"resourceVersion":"1"},"data":{"q":"1"}}'
same PATCH $maps/a $merge '{"bogus":1}'
same PATCH $maps/a $merge '{"metadata":{"labels":{"x":null,"y":"1"},"annotations":{}}}'
same PATCH "$maps/a?dryRun=Some" $merge '{}'
same PATCH $maps/none $merge '{}'
same PATCH $maps/a $operations '[{"op":"add","path":"/data/z","value":"1"}]'
same PATCH $maps/a $strategic '{"metadata":{"finalizers":["example.org/one"]}}'
same PATCH $maps/a $strategic '{"metadata":{"$setElementOrder/finalizers":["example.org/two","example.org/one"],"finalizers":["example.org/two"]}}'
same PATCH $maps/a $strategic '{"metadata":{"$deleteFromPrimitiveList/finalizers":["example.org/one"]}}'
same PATCH $maps/a $strategic '{"metadata":{"finalizers":null}}'
same PATCH $maps/a $strategic '{"data":{"$patch":"replace","only":"this"}}'
same PATCH $maps/a $strategic '{"data":{"$retainKeys":["new"],"new":"1"}}'
same PATCH $secrets/s $merge '{"type":"foo"}'
same PATCH $secrets/s $merge '{"data":{"c":"YQ=="}}'
same PATCH $secrets/s $merge '{"immutable":false}'

# Reading.
same GET $maps/a
same GET $maps/none
same GET $maps
same GET "$maps?labelSelector=y%3D1"
same GET "$maps?labelSelector=a%20b"
same GET "$maps?fieldSelector=metadata.name%3Da"
same GET "$maps?fieldSelector=metadata.name%21%3Da,metadata.namespace%3Ddefault"
same GET "$maps?fieldSelector=data.a%3Db"
same GET "$maps?fieldSelector=data.a"
same GET "$secrets?fieldSelector=type%3DOpaque"
same GET "$devices?fieldSelector=spec.location%3Db"
same GET "$maps?watch=1&sendInitialEvents=true"
same GET $core/nonsense
same GET $maps/a/nonsense
same DELETE $maps/none
accept='application/json;as=Table;v=v1;g=meta.k8s.io' same GET "$maps?includeObject=Some"
accept='application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' same GET $secrets/s
accept='application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io' same GET "$maps?labelSelector=y%3D1"

# Ours.
same POST $devices $json "$(device d1 ',"location":"x"')"
same POST $devices $json "$(device d1)"
same GET $devices/d1
same GET $devices/d1/status
same POST "$devices?fieldValidation=Strict" $json "$(device d2 ',"bogus":1,"settings":[{"key":"a","bogus2":1}]')"
same POST "$devices?fieldValidation=Warn" $json "$(device d3 ',"bogus":1')"
same POST $devices $json "$(device d4 ',"location":7')"
same POST $devices $json "$(device d_4)"
same POST $devices $json '{"apiVersion":"espalier.dev/v1alpha1","kind":"Device","metadata":{"name":"d5"}}'
same PATCH $devices/d1 $merge '{"spec":{"location":7}}'
same PATCH $devices/d1 $merge '{"spec":null}'
same PATCH $devices/d1 $merge '{"metadata":{"resourceVersion":"1"},"spec":{"location":"y"}}'
same PATCH $devices/d1/status $merge '{"status":{"rssi":-3},"spec":{"location":"ignored"}}'
same PATCH $devices/d1/status $merge '{"status":{"rssi":"x"}}'
same PATCH $devices/d1 $merge '{"status":{"rssi":-4}}'
same PUT $devices/d1 $json "$(device d1)"
same PUT $devices/d1/status $json "$(device d1)"
same PATCH $devices/d1 $merge '{"metadata":{"finalizers":["espalier.dev/x"],"generation":99}}'

# Deleting.
same DELETE $devices/d1 $json '{"preconditions":{"uid":"other"}}'
same DELETE $devices/d1 $json '{"preconditions":{"resourceVersion":"1"}}'
same DELETE $devices/d1 $json '{"propagationPolicy":"Sometimes"}'
same DELETE "$devices/d1?propagationPolicy=Sometimes"
same DELETE $devices/d1 $json '{"dryRun":["Some"]}'
same DELETE $devices/d3 $json '{"dryRun":["All"]}'
same DELETE $devices/d1
same DELETE $devices/d1
same PATCH $devices/d1 $merge '{"metadata":{"finalizers":null}}'
same GET $devices/d1
same DELETE $devices/d3
same DELETE $maps/b

# Events and reviews.
same POST /apis/events.k8s.io/v1/namespaces/default/events $json "$(event e1 default '')"
same POST /apis/events.k8s.io/v1/namespaces/default/events $json "$(event e2 default ',"eventTime":"2026-01-02T03:04:05.000006Z","type":"Loud","reason":"R","action":"A","reportingController":"c","reportingInstance":"i"')"
same POST $core/events $json '{"apiVersion":"v1","kind":"Event","metadata":{"name":"e3"},"involvedObject":{"kind":"ConfigMap","namespace":"other","name":"x"}}'
same POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews $json '{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":{"verb":"get","resource":"secrets","namespace":"default"}}}'
same POST /apis/authorization.k8s.io/v1/selfsubjectrulesreviews $json '{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectRulesReview","spec":{}}'
same GET /readyz
same GET /healthz

printf '\n%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
