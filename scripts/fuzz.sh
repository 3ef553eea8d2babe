#!/usr/bin/env bash
# Fuzzes every reader of outside bytes from its corpus, FUZZ_SECONDS each (default 60). A crash leaves its input
# in build-fuzz/crashes/ and ends with exit 1, as does a target without a corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test
seconds=${FUZZ_SECONDS:-60}
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz -j "$(nproc)" >build-fuzz/build.log 2>&1 || { tail -n 40 build-fuzz/build.log; exit 1; }
mkdir -p build-fuzz/crashes
run_one() {
	local target=$1 name work runs
	name=$(basename "$target" _fuzz)
	work=build-fuzz/corpus/$name
	mkdir -p "$work"
	if [ -z "$(ls "tests/fuzz/corpus/$name" 2>/dev/null)" ]; then
		printf '  %-28s FAILED: tests/fuzz/corpus/%s is empty\n' "$name" "$name"
		return 1
	fi
	if "$target" -max_total_time="$seconds" -rss_limit_mb=1024 -timeout=20 -print_final_stats=1 \
		-artifact_prefix=build-fuzz/crashes/"$name"- "$work" tests/fuzz/corpus/"$name" \
		>build-fuzz/"$name".log 2>&1; then
		runs=$(sed -n 's/^stat::number_of_executed_units: *//p' build-fuzz/"$name".log)
		printf '  %-28s %10s runs  no crash\n' "$name" "$runs"
	else
		printf '  %-28s FAILED\n' "$name"
		tail -n 40 build-fuzz/"$name".log
		return 1
	fi
}
export -f run_one
export seconds
mapfile -t sources < <(git ls-files 'tests/fuzz/*_fuzz.c')
printf 'fuzzing %d readers, %s s each:\n' "${#sources[@]}" "$seconds"
printf '%s\n' "${sources[@]}" | sed 's|^tests/fuzz/|build-fuzz/fuzz/|; s|\.c$||' |
	xargs -P "$(nproc)" -I{} bash -c 'run_one {}'
