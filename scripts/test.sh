#!/usr/bin/env bash
# Builds with AddressSanitizer and UndefinedBehaviorSanitizer and runs every test. What is missing is installed first.
#   scripts/test.sh [CTEST OPTIONS]        for example: scripts/test.sh -R '^unit\.'
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test
scripts/python-env.sh >/dev/null
scripts/testbed.sh build >/dev/null
export ASAN_OPTIONS=detect_leaks=1:halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
cmake --preset debug >/dev/null
cmake --build --preset debug -j "$(nproc)"
status=0
ctest --preset debug -j "$(nproc)" --output-on-failure "$@" || status=$?
scripts/test-counts.sh
exit "$status"
