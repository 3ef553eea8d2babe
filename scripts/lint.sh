#!/usr/bin/env bash
# Form and static analysis. Ends with one line a check and exit 1 if any found something.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
scripts/setup.sh test
failed=0
check() { # NAME COMMAND...
	local name=$1 log
	shift
	log=$(mktemp)
	if "$@" >"$log" 2>&1; then printf '  %-34s ok\n' "$name"
	else printf '  %-34s FAILED\n' "$name"; tail -n 60 "$log"; failed=1
	fi
	rm -f "$log"
}
mapfile -t sources < <(git ls-files '*.c' '*.h')
mapfile -t product < <(git ls-files 'src/*.c' 'firmware/*.c')
mapfile -t scripts < <(git ls-files '*.sh' '.ci/run'; git grep -lE '^#!/(bin/sh|usr/bin/env bash)' -- 'scripts/*' 'tests/*' | grep -v '\.sh$' || true)

calls_that_style_forbids() {
	! git grep -nE '(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|rand|srand|system|popen|localtime|gmtime)[[:space:]]*\(' -- '*.c' '*.h'
}
clang_tidy() {
	cmake --preset debug >/dev/null && cmake --build --preset debug -j "$(nproc)" >/dev/null || return 1
	printf '%s\n' "${product[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-14 --quiet -p build-debug
}
no_marks() { ! git grep -nE '(TODO|FIXME|XXX|HACK)' -- src firmware; }

printf 'lint:\n'
check 'form (clang-format)' clang-format-14 --dry-run -Werror "${sources[@]}"
check 'order of the rooms' sh tests/unit/rooms_test.sh .
check 'calls that the style forbids' calls_that_style_forbids
check 'marks of unfinished work' no_marks
check 'shell scripts (shellcheck)' shellcheck "${scripts[@]}"
check 'clang-tidy' clang_tidy
check 'cppcheck' cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr -j "$(nproc)" \
	--suppress=missingIncludeSystem --suppress=nullPointerRedundantCheck --suppress=unknownMacro --library=gtk \
	-Isrc -Ifirmware src firmware
exit "$failed"
