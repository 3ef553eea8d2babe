#!/usr/bin/env bash
# espalier's API server alone, for the suite:
#   home.sh KUBE_HOME start DIR               starts it and waits until it answers
#   home.sh KUBE_HOME stop DIR                ends it by its id
#   home.sh KUBE_HOME outage DIR NS [NAME]    kills it and starts it again on the same port; with NAME, that device is
#                                             taken out of its store and its history compacted while it is away
set -euo pipefail
program=$1 dir=$3

start() {
	mkdir -p "$dir"
	: >"$dir/out"
	"$program" "$dir" >"$dir/out" 2>"$dir/err" </dev/null &
	echo $! >"$dir/pid"
	for _ in $(seq 300); do
		if grep -q '^ready$' "$dir/out"; then return; fi
		if ! kill -0 "$(cat "$dir/pid")" 2>/dev/null; then break; fi
		sleep 0.1
	done
	cat "$dir/err" >&2
	exit 1
}

stop() { # SIGNAL
	local pid
	pid=$(cat "$dir/pid")
	kill "-$1" "$pid" 2>/dev/null || true
	for _ in $(seq 100); do
		case $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null) in "" | Z*) return ;; esac
		sleep 0.1
	done
	echo "home.sh: process $pid does not end" >&2
	exit 1
}

case $2 in
start) start ;;
stop)
	stop TERM
	if [ -s "$dir/err" ]; then
		cat "$dir/err" >&2
		exit 1
	fi
	;;
outage)
	stop KILL
	if [ -n "${5:-}" ]; then "$program" "$dir" --lose "$4" "$5"; fi
	start
	;;
esac
