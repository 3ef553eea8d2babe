#!/usr/bin/env bash
# outage_real.sh HOME NAMESPACE NAME: stops the kube-apiserver of a test bed; while it is away the device NAME is taken
# out of etcd and all old revisions are compacted; then starts it again on the same port.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
home=$1 key=$(printf '/registry/espalier.dev/devices/%s/%s' "$2" "$3" | base64 -w 0)
# shellcheck disable=SC1091
. "$home/env"
etcd() { curl -sf --noproxy '*' -X POST "$ETCD/v3/kv/$1" -d "$2"; }

"$root/scripts/testbed.sh" pause "$home"
test "$(etcd deleterange "{\"key\":\"$key\"}" | jq -r .deleted)" = 1
revision=$(etcd range "{\"key\":\"$key\"}" | jq -r .header.revision)
etcd compaction "{\"revision\":\"$revision\",\"physical\":true}" >/dev/null
"$root/scripts/testbed.sh" resume "$home"
