#!/usr/bin/env bash
# What libespformats offers by its installed headers (cmake/espformats.cmake): the names of all functions and variables
# that they declare, sorted, one a line.
#   scripts/library-symbols.sh            prints them
#   scripts/library-symbols.sh --write    makes the last version in src/esp/libespformats.map, which is the one not yet
#                                         released, name those that earlier versions do not
set -euo pipefail
cd "$(dirname "$0")/.."
map=src/esp/libespformats.map
headers=$(sed -n 's/^set(espformats_headers \(.*\))$/\1/p' cmake/espformats.cmake)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

declared() {
	local header
	for header in $headers; do printf '#include "esp/%s.h"\n' "$header"; done >"$folder/all.c"
	# shellcheck disable=SC2046  # one word a flag
	gcc -Isrc $(pkg-config --cflags glib-2.0) -aux-info "$folder/functions" -fsyntax-only "$folder/all.c"
	{
		sed -n 's|^/\* src/esp/[^*]*\*/ extern .*[ *]\(esp_[a-z0-9_]*\) (.*|\1|p' "$folder/functions"
		for header in $headers; do sed -n 's/^extern .*[ *]\(esp_[a-z0-9_]*\)\(\[.*\)\{0,1\};.*/\1/p' "src/esp/$header.h"; done
	} | sort -u
}

declared >"$folder/declared"
if [ "${1:-}" = --write ]; then
	last=$(grep -n '^ESPFORMATS_' "$map" | tail -n 1 | cut -d: -f1)
	head -n "$((last - 1))" "$map" >"$folder/earlier"
	{
		cat "$folder/earlier"
		sed -n "${last}p" "$map"
		printf 'global:\n'
		grep -vxFf <(sed -n 's/^\t\(esp_[a-z0-9_]*\);$/\1/p' "$folder/earlier") "$folder/declared" | sed 's/.*/\t&;/'
		sed -n "${last},\$ { /^local:/,\$p; /^local:/!{ /^}/p } }" "$map" | awk '!seen[$0]++'
	} >"$folder/map"
	cp "$folder/map" "$map"
else
	cat "$folder/declared"
fi
