#!/usr/bin/env bash
# Speed and memory beside named peers; prints the machine's figures first. Runs all, and fails at the end if one did.
# See docs/performance.md.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test
python=$(scripts/python-env.sh)
cmake --build --preset release -j "$(nproc)" --target benches espalier espalier-device espalier-host-firmware >/dev/null
printf 'machine: %s, %s cores, %s MB memory, kernel %s; load before: %s\n' \
	"$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
	"$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)" "$(uname -r)" "$(cut -d ' ' -f 1-3 /proc/loadavg)"

failed=
for bench in build/bench/*_bench bench/*_bench.py bench/*_bench.sh; do
	echo
	case $bench in
	*.py) "$python" "$bench" || failed+=" $bench" ;;
	*) "$bench" || failed+=" $bench" ;;
	esac
done
[ -z "$failed" ] || { printf 'bench: failed:%s\n' "$failed" >&2; exit 1; }
