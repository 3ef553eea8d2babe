#!/usr/bin/env bash
# Runs the tests of Espressif's formats and prints the lines of src/esp that they ran, file by file and in all. Fails under
# COVERAGE_PERCENT (default 95) of them.
#   scripts/coverage.sh [--lines]      --lines also prints the lines that did not run
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh test
python=$(scripts/python-env.sh)
cmake --preset coverage >/dev/null
cmake --build --preset coverage -j "$(nproc)" >build-coverage/build.log 2>&1 || { tail -n 40 build-coverage/build.log; exit 1; }
find build-coverage -name '*.gcda' -delete
(cd build-coverage && ctest -j "$(nproc)" --output-on-failure \
	-R '^unit\.(esp|cmd_formats)|^integration\..*(esp|nvs|partition|otadata|image|sign|secur|encrypt)') \
	>build-coverage/tests.log 2>&1 || { tail -n 60 build-coverage/tests.log; exit 1; }
sed -n 's/^100% tests passed.* out of \(.*\)/\1 tests ran/p' build-coverage/tests.log
"$python" scripts/coverage.py build-coverage "${COVERAGE_PERCENT:-95}" "$@"
