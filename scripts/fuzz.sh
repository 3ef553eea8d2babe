#!/usr/bin/env bash
# Fuzzes readers of outside bytes, each from its corpus, on all cores.
#   FUZZ_ONLY      which ones, a pattern of names (default *), for example 'esp_nvs*'
#   FUZZ_SECONDS   how long each (default 60)
#   FUZZ_RUNS      instead: how many inputs each. What was run of the same sources is counted; stopped, it goes on.
# A crash leaves its input in build-fuzz/crashes/ and ends with exit 1, as does a target without a corpus.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test
export seconds=${FUZZ_SECONDS:-60} wanted=${FUZZ_RUNS:-}
cmake --preset fuzz >/dev/null
mapfile -t names < <(git ls-files "tests/fuzz/${FUZZ_ONLY:-*}_fuzz.c" | sed 's|^tests/fuzz/||; s|_fuzz\.c$||')
[ "${#names[@]}" -gt 0 ] || { echo "fuzz: no reader is called '$FUZZ_ONLY'" >&2; exit 2; }
cmake --build --preset fuzz -j "$(nproc)" --target "${names[@]/%/_fuzz}" >build-fuzz/build.log 2>&1 ||
	{ tail -n 40 build-fuzz/build.log; exit 1; }
mkdir -p build-fuzz/crashes build-fuzz/runs

# NAME OPTION...: runs a target once; its log is left.
fuzz_once() {
	local name=$1
	shift
	build-fuzz/fuzz/"$name"_fuzz "$@" -rss_limit_mb=1024 -timeout=20 -print_final_stats=1 -print_funcs=0 \
		-artifact_prefix=build-fuzz/crashes/"$name"- build-fuzz/corpus/"$name" tests/fuzz/corpus/"$name" \
		>build-fuzz/"$name".log 2>&1
}
stat_of() { sed -n "s/^stat::$2: *//p" build-fuzz/"$1".log; }

# Until it ran `wanted` inputs, in slices, the number of which is kept with the sum of its sources. With what makes the
# fuzzer slower taken away: weighing inputs by rarity, long stacks of allocations.
fuzz_runs() {
	local name=$1 slice=500000 kept=build-fuzz/runs/$1 sources ran=0 began now=0
	sources=$(cat src/esp/*.[ch] tests/fuzz/"$name"_fuzz.c | sha256sum | cut -c1-16)
	if [ -f "$kept" ] && [ "$(cut -d' ' -f1 "$kept")" = "$sources" ]; then ran=$(cut -d' ' -f2 "$kept"); fi
	began=$(date +%s%N)
	export ASAN_OPTIONS=malloc_context_size=5:quarantine_size_mb=32:max_malloc_fill_size=64
	while [ "$ran" -lt "$wanted" ]; do
		fuzz_once "$name" -entropic=0 -runs="$((wanted - ran < slice ? wanted - ran : slice))" || return 1
		now=$((now + $(stat_of "$name" number_of_executed_units)))
		ran=$((ran + $(stat_of "$name" number_of_executed_units)))
		printf '%s %s\n' "$sources" "$ran" >"$kept"
	done
	printf '  %-28s %10s runs  no crash  %7s a second\n' "$name" "$ran" \
		"$((now * 1000000 / (($(date +%s%N) - began) / 1000 + 1)))"
}
fuzz_seconds() {
	fuzz_once "$1" -max_total_time="$seconds" || return 1
	printf '  %-28s %10s runs  no crash  %7s a second\n' "$1" "$(stat_of "$1" number_of_executed_units)" \
		"$(stat_of "$1" average_exec_per_sec)"
}
run_one() {
	local name=$1
	mkdir -p build-fuzz/corpus/"$name"
	if [ -z "$(ls "tests/fuzz/corpus/$name" 2>/dev/null)" ]; then
		printf '  %-28s FAILED: tests/fuzz/corpus/%s is empty\n' "$name" "$name"
		return 1
	fi
	if [ -n "$wanted" ]; then fuzz_runs "$name"; else fuzz_seconds "$name"; fi && return
	printf '  %-28s FAILED\n' "$name"
	tail -n 40 build-fuzz/"$name".log
	return 1
}
export -f run_one fuzz_once fuzz_runs fuzz_seconds stat_of
printf 'fuzzing %d readers, %s each:\n' "${#names[@]}" "$([ -n "$wanted" ] && echo "$wanted inputs" || echo "$seconds s")"
printf '%s\n' "${names[@]}" | xargs -P "$(nproc)" -I{} bash -c 'run_one {}'
