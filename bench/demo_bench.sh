#!/usr/bin/env bash
# The demonstration after the build, start to end (what `make demo` does once everything is there).
set -euo pipefail
cd "$(dirname "$0")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
began=$(date +%s%N)
scripts/demo.sh >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
took=$((($(date +%s%N) - began) / 1000000))
printf 'demonstration\n  %-58s %8d.%02d s   goal < 10 s\n' "ten devices grown, flashed, connected, stopped" \
	$((took / 1000)) $((took % 1000 / 10))
