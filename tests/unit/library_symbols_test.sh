#!/usr/bin/env bash
# Holds what libespformats offers: what its installed headers declare, what src/esp/libespformats.map names, what the
# shared and what the static library export are the same names; and the shared one needs GLib and the C library alone.
#   library_symbols_test.sh libespformats.so libespformats.a
set -euo pipefail
shared=$1 archive=$2
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
status=0
fail() { printf 'library: %s\n' "$*"; status=1; }

# FILE WHAT: the names in FILE are the declared ones.
same_as_declared() {
	local name
	while read -r name; do fail "$name is declared in an installed header, but $2"; done < <(comm -23 "$folder/declared" "$1")
	while read -r name; do fail "$name is in none of the installed headers; the other way: $2"; done < <(comm -13 "$folder/declared" "$1")
}

scripts/library-symbols.sh >"$folder/declared"
count=$(wc -l <"$folder/declared")
[ "$count" -gt 50 ] || fail "only $count names are declared: the headers were not read"

sed -n 's/^\t\(.*\);$/\1/p' src/esp/libespformats.map | grep -v '^\*$' | sort >"$folder/mapped"
same_as_declared "$folder/mapped" 'src/esp/libespformats.map does not name it: scripts/library-symbols.sh --write'
nm -D --defined-only "$shared" | awk '$2 != "A" { print $3 }' | sort >"$folder/versioned"
sed 's/@@.*//' "$folder/versioned" >"$folder/exported"
same_as_declared "$folder/exported" 'the shared library does not export it: is it defined?'
grep -v '@@ESPFORMATS_1\.[0-9]*$' "$folder/versioned" && fail 'the above have no version'
nm -g --defined-only "$archive" | awk 'NF == 3 { print $3 }' | sort -u >"$folder/archived"
same_as_declared "$folder/archived" 'the static library does not export it: is it defined?'

# What sanitizers link is theirs.
needed=$(readelf -d "$shared" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -vE '^lib(asan|ubsan|tsan)\.' | sort | tr '\n' ' ')
[ "$needed" = 'libc.so.6 libglib-2.0.so.0 ' ] || fail "the shared library needs $needed; only GLib and the C library may be under it"
readelf -d "$shared" | grep -q '(SONAME).*\[libespformats\.so\.1\]' || fail 'its name for the loader is not libespformats.so.1'
[ "$status" -ne 0 ] || printf 'library: %s names declared, mapped, exported; needs %s\n' "$count" "$needed"
exit "$status"
