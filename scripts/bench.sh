#!/usr/bin/env bash
# Speed and memory beside named peers; prints the machine's figures first. See docs/performance.md.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test
printf 'machine: %s, %s cores, %s MB memory, kernel %s\n' \
	"$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)" "$(nproc)" \
	"$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)" "$(uname -r)"
cmake --build --preset release -j "$(nproc)" --target benches >/dev/null
find build/bench -maxdepth 1 -type f -name '*_bench' | sort | while read -r bench; do "$bench"; done
find bench -maxdepth 1 -name '*_bench.sh' -o -maxdepth 1 -name '*_bench.py' | sort | while read -r bench; do
	case $bench in *.py) "$(scripts/python-env.sh)" "$bench" ;; *) "$bench" ;; esac
done
