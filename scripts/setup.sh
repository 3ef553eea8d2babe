#!/usr/bin/env bash
# Installs what Espalier needs on Debian 12. Idempotent: says what is missing, installs that, says nothing otherwise.
#   scripts/setup.sh build    compilers and libraries
#   scripts/setup.sh test     also what the tests meet: brokers, linters, fuzzers, Python peers, the Kubernetes test bed
#   scripts/setup.sh go       Debian's Go, which scripts/testbed.sh needs where there is none at all
set -euo pipefail

build_packages=(ca-certificates cmake gcc git libc6-dev make ninja-build pkg-config
	libcurl4-openssl-dev libglib2.0-dev libjansson-dev libmicrohttpd-dev libmosquitto-dev libsqlite3-dev
	libssl-dev libyaml-dev mosquitto)
test_packages=(clang-14 clang-format-14 clang-tidy-14 cppcheck curl jq libclang-rt-14-dev libcmocka-dev
	libengine-pkcs11-openssl llvm-14 mosquitto-clients opensc openssl procps python3 python3-venv shellcheck softhsm2)

say() { printf 'setup: %s\n' "$*" >&2; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"
	elif command -v sudo >/dev/null; then sudo "$@"
	else say "needs root to run: $*"; say "run it as root, or install sudo"; exit 1
	fi
}

missing_of() {
	local package
	for package in "$@"; do
		dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' || echo "$package"
	done
}

# The broker's package would start a daemon on port 1883; ours is started by `espalier up` alone.
without_starting_daemons() {
	local policy=/usr/sbin/policy-rc.d made=no status=0
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
		as_root chmod 755 "$policy"
		made=yes
	fi
	"$@" || status=$?
	if [ "$made" = yes ]; then as_root rm -f "$policy"; fi
	return "$status"
}

install_packages() {
	local missing
	mapfile -t missing < <(missing_of "$@")
	if [ "${#missing[@]}" -eq 0 ]; then return; fi
	say "installing ${missing[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
	without_starting_daemons as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

case "${1:-build}" in
build)
	install_packages "${build_packages[@]}"
	;;
test)
	install_packages "${build_packages[@]}" "${test_packages[@]}"
	;;
go)
	install_packages golang-go
	;;
*)
	say "usage: scripts/setup.sh build|test|go"
	exit 2
	;;
esac
