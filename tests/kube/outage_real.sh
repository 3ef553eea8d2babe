#!/usr/bin/env bash
# outage_real.sh HOME NAMESPACE [NAME]: kills the kube-apiserver of a test bed and starts it again on the same port.
# With NAME, that device is taken out of etcd and all old revisions are compacted while it is away.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
home=$1 key=$(printf '/registry/espalier.dev/devices/%s/%s' "$2" "${3:-}" | base64 -w 0)
# shellcheck disable=SC1091
. "$home/env"
etcd() { curl -sf --noproxy '*' -X POST "$ETCD/v3/kv/$1" -d "$2"; }

"$root/scripts/testbed.sh" pause "$home"
if [ -n "${3:-}" ]; then
	test "$(etcd deleterange "{\"key\":\"$key\"}" | jq -r .deleted)" = 1
	revision=$(etcd range "{\"key\":\"$key\"}" | jq -r .header.revision)
	etcd compaction "{\"revision\":\"$revision\",\"physical\":true}" >/dev/null
fi
"$root/scripts/testbed.sh" resume "$home"
