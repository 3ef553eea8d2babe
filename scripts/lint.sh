#!/usr/bin/env bash
# Form and static analysis. Ends with one line a check, its seconds, and exit 1 if any found something.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
scripts/setup.sh test
failed=0
check() { # NAME COMMAND...
	local name=$1 log start=$SECONDS
	shift
	log=$(mktemp)
	if "$@" >"$log" 2>&1; then printf '  %-44s ok      %3d s\n' "$name" "$((SECONDS - start))"
	else printf '  %-44s FAILED  %3d s\n' "$name" "$((SECONDS - start))"; tail -n 60 "$log"; failed=1
	fi
	rm -f "$log"
}
mapfile -t sources < <(git ls-files '*.c' '*.h')
mapfile -t product < <(git ls-files 'src/*.c' 'firmware/*.c' 'examples/*.c')
mapfile -t scripts < <(git ls-files '*.sh' '.ci/run'; git grep -lE '^#!/(bin/sh|usr/bin/env bash)' -- 'scripts/*' 'tests/*' | grep -v '\.sh$' || true)

# Calls only: comments and texts are taken out first, and members of structs may have any name.
calls_that_style_forbids() {
	gcc -fpreprocessed -E -w -x c "${sources[@]}" | awk '
		/^# [0-9]+ "/ { line = ($2 > 0 ? $2 : 1) - 1; file = $3; gsub(/"/, "", file); next }
		{
			line++
			gsub(/"([^"\\]|\\.)*"/, "\"\"")
			if ($0 ~ /(^|[^A-Za-z0-9_.>])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|gets|rand|srand|system|popen|localtime|gmtime)[ \t]*\(/) {
				printf "%s:%d: %s\n", file, line, $0
				bad = 1
			}
		}
		END { exit bad || NR == 0 }'
}
no_marks() { ! git grep -nwE 'TOD[O]|FIXM[E]|XX[X]|HAC[K]'; }
# The project speaks of itself alone: nothing of the machine that it was written on. (The brackets keep this file out.)
no_workplace() {
	! git grep -nIE '(^|[^A-Za-z0-9_.-])/wor[k]/|\.\./share[d]/|/tmp/(brie[f]|w[t])/' &&
		! git grep -nIE 'pyp[i]\.org|pythonhoste[d]|proxy\.golan[g]\.org|npmj[s]\.(org|com)|crates\.i[o]/|(deb|snapshot)\.debia[n]\.org|artifactor[y]'
}
kinds_page() { "$(scripts/python-env.sh)" scripts/kinds-doc.py --check; }
# Headers that the build makes are needed, so it is built; after `make test` there is nothing to do.
clang_tidy() {
	cmake --preset debug >/dev/null && cmake --build --preset debug -j "$(nproc)" >/dev/null || return 1
	printf '%s\n' "${product[@]}" | xargs -P "$(nproc)" -n 2 clang-tidy-14 --quiet -p build-debug
}
# varFuncNullUB: base_json_get and its like end with NULL, which is a pointer in every C library that we build for.
cpp_check() {
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr -j "$(nproc)" \
		--suppress=missingIncludeSystem --suppress=nullPointerRedundantCheck --suppress=unknownMacro \
		--suppress=varFuncNullUB --library=gtk -Isrc -Ifirmware src firmware
}

printf 'lint:\n'
check 'form (clang-format)' clang-format-14 --dry-run -Werror "${sources[@]}"
check 'order of the rooms' sh tests/unit/rooms_test.sh .
check 'calls that the style forbids' calls_that_style_forbids
check 'marks of unfinished work' no_marks
check 'paths and words of a workplace' no_workplace
check 'docs/kinds.md is what the CRDs say' kinds_page
check 'shell scripts (shellcheck)' shellcheck "${scripts[@]}"
check 'cppcheck' cpp_check
check "clang-tidy (${#product[@]} files)" clang_tidy
exit "$failed"
