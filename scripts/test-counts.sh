#!/usr/bin/env bash
# Prints how many cases the suites met that compare with peers, power cuts and recorded answers, out of a ctest log.
#   scripts/test-counts.sh [LOG]        default: build-debug/Testing/Temporary/LastTest.log
set -euo pipefail
log=${1:-$(dirname "$0")/../build-debug/Testing/Temporary/LastTest.log}
awk '
/^[0-9]+\/[0-9]+ Testing: / { name = $3 }
/ [0-9]+ passed, [0-9]+ failed$/ { print; next }
name !~ /(_peer|_commands|_pages|_power_loss|_image_security|symbols)$/ || /^ok/ { next }
/^ *seed [0-9]+|[0-9]+ (inputs|images|updates|pages|checks|kills|golden|examples|tables|otadata|symbols|cases|key digests)|^flash encryption: / {
	sub(/^ +/, ""); printf "  %-34s %s\n", name, $0
}' "$log"
