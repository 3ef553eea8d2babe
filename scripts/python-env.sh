#!/usr/bin/env bash
# Makes the Python environment of the tests' peers from scripts/requirements.txt, outside the tree, and prints its
# python. Idempotent: does nothing while the requirements and the interpreter are the same.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${ESPALIER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/espalier}/python
mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
stamp=$(sha256sum <"$here/requirements.txt" | cut -c1-64)-$(python3 -c 'import sys; print(sys.executable, sys.version_info[:3])' | sha256sum | cut -c1-16)
if [ ! -x "$folder/bin/python" ] || [ "$(cat "$folder/stamp" 2>/dev/null)" != "$stamp" ]; then
	printf 'python-env: installing the peers of scripts/requirements.txt into %s\n' "$folder" >&2
	rm -rf "$folder"
	python3 -m venv "$folder" >&2
	"$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
	printf '%s\n' "$stamp" >"$folder/stamp"
fi
printf '%s\n' "$folder/bin/python"
