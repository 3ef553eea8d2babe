#!/usr/bin/env bash
# libespformats as its users meet it: built and installed by itself into a folder, its headers compiled one by one as C
# and as C++, the examples built outside the tree with what pkg-config says and run, shared and static.
set -euo pipefail
source_folder=${ESPALIER_SOURCE_DIR:?} build=${ESPALIER_BINARY_DIR:?}/library
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# The preset of the tests instruments what it builds; the library is built as people build it.
unset CFLAGS LDFLAGS MAKEFLAGS MAKELEVEL
fail() { printf 'library: %s\n' "$*" >&2; exit 1; }

install_library() {
	cmake -S "$source_folder" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DESPALIER_TESTS=OFF \
		-DCMAKE_INSTALL_PREFIX=/usr >/dev/null
	cmake --build "$build" --target espformats espformats_static >/dev/null
	DESTDIR=$folder/root cmake --install "$build" --component library >/dev/null
	PKG_CONFIG_PATH=$(dirname "$(find "$folder/root" -name libespformats.pc)")
	LD_LIBRARY_PATH=$(pkg-config --variable=libdir libespformats 2>/dev/null || dirname "$PKG_CONFIG_PATH")
	export PKG_CONFIG_PATH LD_LIBRARY_PATH
}

# COMPILER LANGUAGE STANDARD
headers_compile_alone() {
	local header name count=0 glib
	glib=$(pkg-config --cflags libespformats)
	for header in "$(pkg-config --variable=includedir libespformats)"/esp/*.h; do
		name=esp/$(basename "$header")
		# shellcheck disable=SC2086  # one word a flag
		printf '#include <%s>\ntypedef int unit;\n' "$name" | "$1" -x "$2" -std="$3" -Wall -Wextra -Wpedantic -Werror $glib -fsyntax-only - ||
			fail "$name is not $3"
		count=$((count + 1))
	done
	[ "$count" -ge 9 ] || fail "only $count headers are installed"
	printf '  %d headers, each alone, as %s\n' "$count" "$3"
}

# WHAT EXPECTED ACTUAL
same() { [ "$2" = "$3" ] || fail "$1 prints '$3' where '$2' is expected"; }

# PROGRAM ARGUMENT...: whether it opens libcrypto.
opens_libcrypto() { LD_DEBUG=files "$@" 2>&1 >/dev/null | grep 'calling init:.*libcrypto' >/dev/null; }

# What each program of examples/ prints.
examples_run() {
	same nvs_make "$folder/nvs.bin: 320 of 20160 bytes used" "$(./nvs_make "$folder/nvs.bin" garden <<<'correct horse')"
	same nvs_read 'device.boots (u32) 0
device.calibration (blob) 4 bytes
wifi.password (string) "correct horse"
wifi.ssid (string) "garden"' "$(./nvs_read "$folder/nvs.bin")"
	same 'nvs_make with a long name' "nvs_make: key 'wifi.ssid' is a string of" "$(long_ssid)"
	same partition_table 'nvs              data nvs      at 0x009000, 0x006000 bytes
factory          app  factory  at 0x010000, 0x100000 bytes
0 slots for updates over the air' "$(./partition_table "$folder/table.csv" "$folder/table.bin")"
	same 'the table' 3072 "$(stat -c %s "$folder/table.bin")"
	same image_info 'host device, 352 bytes, entry 0x00000000
p 1.0, made with ESP-IDF 
segment 0: 284 bytes to 0x00000000' "$(./image_info "$folder/app.bin")"
	head -c 8192 /dev/zero | tr '\0' '\377' >"$folder/otadata.bin"
	same otadata 'slot 0 boots: otadata selects nothing, or only what was rejected' "$(./otadata "$folder/otadata.bin")"
	same 'otadata 1' 'slot 1 boots: otadata selects it' "$(./otadata "$folder/otadata.bin" 1)"
	same 'otadata, read again' 'slot 1 boots: otadata selects it' "$(./otadata "$folder/otadata.bin")"
	same 'otadata 7' 'otadata: otadata: there is n' "$(./otadata "$folder/otadata.bin" 7 2>&1 | cut -c1-28 || true)"
	openssl ecparam -name prime256v1 -genkey -noout -out "$folder/key.pem"
	same sign_image "$folder/signed.bin: ecdsa256, 4096 bytes signed" \
		"$(./sign_image "$folder/key.pem" "$folder/table.bin" "$folder/signed.bin" 2>&1 || true)"
	same 'the signed image' 8192 "$(stat -c %s "$folder/signed.bin")"
	for byte in $(seq 0 31); do printf '%b' "$(printf '\\%04o' "$byte")"; done >"$folder/flash-key.bin"
	head -c 16 "$folder/flash-key.bin" >"$folder/plain.bin"
	same flash_encrypt "$folder/flash.bin: 16 bytes for 0x10000" \
		"$(./flash_encrypt esp32c3 "$folder/flash-key.bin" 0x10000 "$folder/plain.bin" "$folder/flash.bin" 2>&1 || true)"
	same 'the encrypted flash' 2c2a288e9e96647587883012b81d1739 "$(od -An -v -tx1 "$folder/flash.bin" | tr -d ' \n')"
	opens_libcrypto ./nvs_make "$folder/nvs.bin" a <<<b && fail 'nvs_make opens libcrypto, which it does not need'
	opens_libcrypto ./image_info "$folder/app.bin" ||
		fail 'image_info does not open libcrypto: this test would not see it'
}
long_ssid() { ./nvs_make "$folder/long.bin" "$(head -c 4000 /dev/zero | tr '\0' x)" 2>&1 <<<b | sed 's/ [0-9].*//' || true; }

install_library
printf 'libespformats %s:\n' "$(pkg-config --modversion libespformats)"
headers_compile_alone cc c c17
headers_compile_alone clang++-14 c++ c++17
printf 'nvs,data,nvs,,0x6000\nfactory,app,factory,,1M\n' >"$folder/table.csv"
tail -c 352 "$source_folder/tests/fuzz/corpus/esp_image/host.bin" >"$folder/app.bin"
cp -r "$source_folder/examples" "$folder/examples"
cd "$folder/examples"
make --silent CFLAGS='-O2 -Wall -Wextra -Wconversion -Werror'
ldd nvs_make | grep 'libespformats\.so\.1 => '"$folder" >/dev/null || fail 'the examples are not linked to the shared library'
examples_run
printf '  examples, shared: they print what is expected\n'
make --silent clean
make --silent STATIC=yes
ldd nvs_make | grep espformats >/dev/null && fail 'the static examples are linked to the shared library'
examples_run
printf '  examples, static: the same\n'
