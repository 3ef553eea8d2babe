#!/usr/bin/env bash
# Makes the Python environment of the tests' peers from scripts/requirements.txt, outside the tree, and prints its
# python. Idempotent: does nothing while the requirements are the same and that python runs.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${ESPALIER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/espalier}/python
mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
stamp=$(sha256sum <"$here/requirements.txt" | cut -c1-64)
if ! "$folder/bin/python" -c '' 2>/dev/null || ! grep -q "^$stamp" "$folder/stamp" 2>/dev/null; then
	printf 'python-env: installing the peers of scripts/requirements.txt into %s\n' "$folder" >&2
	rm -rf "$folder"
	python3 -m venv "$folder" >&2
	"$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
	printf '%s\n' "$stamp" >"$folder/stamp"
fi
printf '%s\n' "$folder/bin/python"
