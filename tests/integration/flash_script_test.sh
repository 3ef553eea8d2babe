#!/usr/bin/env bash
# flash.sh as it lies in a bundle: clean for shellcheck, flashes a host device through `espalier flash`, and refuses a
# damaged bundle, the wrong chip or an overlap before it writes a byte.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
tool=$ESPALIER_TOOLS/bundle_tool
PATH=$ESPALIER_BINARY_DIR:$PATH
head -c 30000 /dev/urandom >"$folder/program"
"$tool" host "$folder/program" 1.0.0 "$folder/bundle"
"$tool" config "$folder/config.bin"
count=0

refuses() { # MESSAGE FILE COMMAND...
	local message=$1 file=$2 before after
	shift 2
	before=$([ ! -e "$file" ] || sha256sum "$file")
	if "$@" >"$folder/out" 2>&1; then
		printf 'flash_script: accepted, should have said "%s"\n' "$message"
		exit 1
	fi
	grep -qF -- "$message" "$folder/out" || { printf 'flash_script: no "%s" in:\n' "$message"; cat "$folder/out"; exit 1; }
	after=$([ ! -e "$file" ] || sha256sum "$file")
	[ "$before" = "$after" ] || { printf 'flash_script: %s was written\n' "$file"; exit 1; }
	count=$((count + 1))
}

shellcheck --shell=sh "$folder/bundle/flash.sh"
sh -n "$folder/bundle/flash.sh"
sh "$folder/bundle/flash.sh" --help | grep -q '^Usage: flash.sh DEVICE'

sh "$folder/bundle/flash.sh" probe-1 --to "$folder/probe-1.flash" --config "$folder/config.bin"
[ "$(stat -c '%a %s' "$folder/probe-1.flash")" = '600 4194304' ]
[ "$(stat -c %a "$folder/probe-1.flash.efuse")" = 600 ]
grep -qxE '[0-9a-f]{2}(:[0-9a-f]{2}){5}' "$folder/probe-1.flash.efuse"
cmp <(tail -c +$((0x20001)) "$folder/probe-1.flash" | head -c "$(stat -c %s "$folder/bundle/app.bin")") "$folder/bundle/app.bin"
mac=$(cat "$folder/probe-1.flash.efuse")
printf 'own' | dd of="$folder/probe-1.flash" bs=1 seek=$((0x9000)) conv=notrunc status=none
espalier flash probe-1 --to "$folder/probe-1.flash" --config "$folder/config.bin" --bundle "$folder/bundle" -o json >"$folder/json"
grep -q "\"mac\":\"$mac\"" "$folder/json"
grep -q '"made":false' "$folder/json"
[ "$(tail -c +$((0x9001)) "$folder/probe-1.flash" | head -c 3)" = own ]

copy() { rm -rf "$folder/bad"; cp -r "$folder/bundle" "$folder/bad"; }
flash() { # [--chip NAME]
	sh "$folder/bad/flash.sh" probe-1 --to "$folder/probe-1.flash" --config "$folder/config.bin" "$@"
}
fresh() { sh "$folder/bad/flash.sh" probe-2 --to "$folder/probe-2.flash" --config "$folder/config.bin" "$@"; }

copy; printf x | dd of="$folder/bad/app.bin" bs=1 seek=1000 conv=notrunc status=none
refuses 'the bundle is damaged: app.bin does not match SHA256SUMS' "$folder/probe-1.flash" flash
refuses 'the bundle is damaged' "$folder/probe-2.flash" fresh
refuses 'app.bin does not match SHA256SUMS' "$folder/probe-1.flash" espalier flash probe-1 --to "$folder/probe-1.flash" \
	--config "$folder/config.bin" --bundle "$folder/bad"
"$tool" reseal "$folder/bad" # the sums match now, the image's own checksum does not
refuses 'app.bin: ' "$folder/probe-1.flash" flash
copy; rm "$folder/bad/partition-table.bin"
refuses 'partition-table.bin is missing' "$folder/probe-1.flash" flash
copy; rm "$folder/bad/SHA256SUMS"
refuses 'SHA256SUMS is missing' "$folder/probe-1.flash" flash
copy
refuses 'this firmware is for host, not for esp32c3' "$folder/probe-1.flash" flash --chip esp32c3
"$tool" c3 "$folder/c3"
refuses "the bundle is for esp32c3, this device is host" "$folder/probe-1.flash" espalier flash probe-1 \
	--to "$folder/probe-1.flash" --config "$folder/config.bin" --bundle "$folder/c3"
refuses 'write them with esptool' "$folder/probe-1.flash" sh "$folder/c3/flash.sh" probe-1 --to "$folder/probe-1.flash" \
	--config "$folder/config.bin"
copy; sed -i 's/0x20000/0x1b0000/; s/0xd000/0x1b1000/' "$folder/bad/flasher_args.json"; "$tool" reseal "$folder/bad"
refuses 'where no partition begins' "$folder/probe-1.flash" flash
copy; sed -i 's/0x20000/0xf000/' "$folder/bad/flasher_args.json"; "$tool" reseal "$folder/bad"
refuses "each device's own" "$folder/probe-1.flash" flash
copy; printf x >>"$folder/config.bin"
refuses "the configuration has 12289 bytes, partition 'cfg_0' has 12288" "$folder/probe-1.flash" flash
"$tool" config "$folder/config.bin"
exec 8<"$folder/probe-1.flash"; flock 8 # the device is on
refuses 'is on, or somebody else flashes it' "$folder/probe-1.flash" flash
exec 8<&-
flash --chip host >/dev/null
cp "$folder/program" "$folder/letter"
refuses 'is no flash file of a host device' "$folder/letter" espalier flash probe-1 --to "$folder/letter" \
	--config "$folder/config.bin" --bundle "$folder/bundle"
refuses 'name where the configuration comes from' "$folder/probe-1.flash" sh "$folder/bundle/flash.sh" probe-1
refuses 'is no name of a Device' "$folder/probe-1.flash" sh "$folder/bundle/flash.sh" '../x' --config "$folder/config.bin"
printf 'flash_script: %s refusals as they should be\n' "$count"
