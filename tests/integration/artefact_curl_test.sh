#!/usr/bin/env bash
# The artefact server as curl sees it: Range, ETag, HEAD, resume, PUT, errors, limits.
set -euo pipefail
folder=$(mktemp -d)
coproc SERVER { "$ESPALIER_TOOLS/bundle_tool" serve "$folder"; }
server_pid=${SERVER_PID:?}
exec 7>&"${SERVER[1]}" # the server ends when this does
clean() {
	exec 7>&-
	[ -z "${SERVER[1]:-}" ] || eval "exec ${SERVER[1]}>&-"
	wait "$server_pid" 2>/dev/null || true
	rm -rf "$folder"
}
trap clean EXIT
read -r port hash <&"${SERVER[0]}"
base=https://127.0.0.1:$port/v1/default
printf 'machine 127.0.0.1 login probe-1 password device-password\n' >"$folder/netrc"
printf 'header = "Authorization: Bearer reader-token"\n' >"$folder/reader"
printf 'header = "Authorization: Bearer writer-token"\n' >"$folder/writer"
chmod 600 "$folder"/{netrc,reader,writer}
ask() { curl --silent --show-error --noproxy '*' --cacert "$folder/ca.crt" "$@"; }
count=0
expect() { # WHAT EXPECTED ACTUAL
	count=$((count + 1))
	[ "$2" = "$3" ] || { printf 'artefact_curl: %s: expected "%s", got "%s"\n' "$1" "$2" "$3"; exit 1; }
}
status() { ask -o /dev/null -w '%{http_code}' "$@"; }

app=$base/classes/probe/$hash/app.bin
stored=$folder/place/default/probe/$hash
expect 'configuration by the device' config "$(ask --netrc-file "$folder/netrc" "$base/devices/probe-1/config.bin")"
expect 'configuration without credentials' 404 "$(status "$base/devices/probe-1/config.bin")"
ask -K "$folder/reader" -o "$folder/app.bin" "$app"
cmp "$folder/app.bin" "$stored/app.bin"
expect 'a file by the device' 200 "$(status --netrc-file "$folder/netrc" "$app")"
expect 'current is the same' 200 "$(status -K "$folder/reader" "$base/classes/probe/current/app.bin")"

ask -K "$folder/reader" --range 100-199 -o "$folder/part" "$app"
cmp "$folder/part" <(tail -c +101 "$stored/app.bin" | head -c 100)
expect 'a range is 206' 206 "$(status -K "$folder/reader" --range 0-0 "$app")"
expect 'a range behind the end is 416' 416 "$(status -K "$folder/reader" --range 99999999- "$app")"
head -c 150 "$stored/app.bin" >"$folder/resumed"
ask -K "$folder/reader" --continue-at - -o "$folder/resumed" "$app"
cmp "$folder/resumed" "$stored/app.bin"

ask -K "$folder/reader" --etag-save "$folder/etag" -o /dev/null "$app"
expect 'ETag, unchanged' 304 "$(status -K "$folder/reader" --etag-compare "$folder/etag" "$app")"
size=$(ask -K "$folder/reader" --head "$app" | tr -d '\r' | sed -n 's/^Content-Length: //p')
expect 'HEAD tells the size' "$(stat -c %s "$stored/app.bin")" "$size"

# Push: each file of another bundle; it is seen only when the last one has come.
"$ESPALIER_TOOLS/bundle_tool" host "$ESPALIER_TOOLS/bundle_tool.none" 1 "$folder/none" 2>/dev/null && exit 1
head -c 20000 /dev/urandom >"$folder/program"
"$ESPALIER_TOOLS/bundle_tool" host "$folder/program" 2.0.0 "$folder/new"
new=$(sha256sum "$folder/new/SHA256SUMS" | cut -c1-64)
put() { status -K "$folder/$1" --upload-file "$2" "$base/classes/probe/$new/$(basename "$2")"; }
expect 'push as a reader' 404 "$(put reader "$folder/new/app.bin")"
last=0
for file in "$folder"/new/*; do
	expect 'not seen yet' 404 "$(status -K "$folder/reader" "$base/classes/probe/$new/app.bin")"
	last=$(put writer "$file")
done
expect 'the last file shows it' 201 "$last"
ask -K "$folder/reader" -o "$folder/back" "$base/classes/probe/$new/app.bin"
cmp "$folder/back" "$folder/new/app.bin"
expect 'damaged list of sums' 422 \
	"$(status -K "$folder/writer" --upload-file "$folder/program" "$base/classes/probe/$(printf 'a%.0s' {1..64})/SHA256SUMS")"

# Limits: a body that is too large, by its length and chunked; others are served meanwhile.
truncate -s 65M "$folder/large"
expect 'a body of 65 MiB' 413 "$(status -K "$folder/writer" --upload-file "$folder/large" "$base/classes/probe/$(printf 'b%.0s' {1..64})/app.bin")"
truncate -s 16M "$folder/large"
expect 'a body of 16 MiB where none belongs' 404 "$(status -X POST --data-binary "@$folder/large" -H 'Expect:' "$base/x")"
expect 'the same, chunked' 404 "$(status -X POST -T "$folder/large" -H 'Transfer-Encoding: chunked' -H 'Expect:' "$base/x")"
long=$(head -c 60000 /dev/zero | tr '\0' x)
code=$(status -H "X-Long: $long" "$app") || true
case $code in 431 | 413 | 400 | 000) ;; *) expect 'a header of 60 kB' 431 "$code" ;; esac
expect 'and others are served' 200 "$(status -K "$folder/reader" "$app")"
ask "$base/devices/nobody/config.bin" | grep -q '^{"error":".*","hint":".*"}$'
printf 'artefact_curl: %s expectations met\n' "$count"
