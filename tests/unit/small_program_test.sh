#!/bin/sh
# Holds what makes `espalier` start in a millisecond: it is linked to GLib, jansson and libc alone (sanitizers aside).
# libcrypto is opened when it is needed; everything else is espalier-fleet's.
set -eu
needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
[ -n "$needed" ] || { echo "$1: no list of needed libraries"; exit 1; }
extra=$(printf '%s\n' "$needed" | grep -vE '^(libglib-2\.0|libjansson|libc|lib[a-z]*san)\.so\.[0-9]+$' || true)
[ -z "$extra" ] || { printf '%s needs more than it may:\n%s\n' "$1" "$extra"; exit 1; }
printf 'small_program: needs %s\n' "$(echo "$needed" | tr '\n' ' ')"
