#!/usr/bin/env bash
# The long form of what `make test` and `make fuzz` do in short for Espressif's formats: comparisons with the peers over many more
# inputs (each suite prints its seed), factory runs killed many more times, then ten million inputs for each fuzz target.
# A number that is set in the environment stays.
set -euo pipefail
cd "$(dirname "$0")/.."
export NVS_PEER_CASES=${NVS_PEER_CASES:-50000} NVS_COMMANDS_KILLS=${NVS_COMMANDS_KILLS:-60} \
	PARTITION_PEER_CASES=${PARTITION_PEER_CASES:-20000} IMAGE_PEER_CASES=${IMAGE_PEER_CASES:-60} \
	ESPSECURE_PEER_CASES=${ESPSECURE_PEER_CASES:-30000} ESPSECURE_PEER_SIGNED=${ESPSECURE_PEER_SIGNED:-150}
scripts/test.sh -R '^unit\.esp_|^integration\.(nvs|partition|esp|image|formats|library)'
FUZZ_ONLY='esp_*' FUZZ_RUNS=${FUZZ_RUNS:-10000000} scripts/fuzz.sh
