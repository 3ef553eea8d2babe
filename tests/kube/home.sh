#!/usr/bin/env bash
# espalier's API server alone, for the suite:
#   home.sh start DIR SERVER                      starts it and waits until it answers
#   home.sh stop DIR                              ends it by its id
#   home.sh outage DIR SERVER LOSE NS [NAME]      kills it and starts it again on the same port; with NAME, that device is
#                                                 taken out of its store and its history compacted while it is away
set -euo pipefail
dir=$2

start() { # SERVER
	local port
	port=$(sed -n 's|.*https://127.0.0.1:\([0-9]*\).*|\1|p' "$dir/kubeconfig" 2>/dev/null || true)
	mkdir -p "$dir"
	: >"$dir/out"
	"$1" "$dir" "${port:-0}" >"$dir/out" 2>"$dir/err" </dev/null &
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

case $1 in
start) start "$3" ;;
stop)
	stop TERM
	if [ -s "$dir/err" ]; then
		cat "$dir/err" >&2
		exit 1
	fi
	;;
outage)
	stop KILL
	if [ -n "${6:-}" ]; then "$4" "$dir/state.db" "$5" "$6"; fi
	start "$3"
	;;
esac
