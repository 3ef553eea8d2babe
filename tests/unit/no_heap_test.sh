#!/bin/sh
# Holds that portable rooms do not allocate: the static libraries given must not call the heap, nor time
# or files. Needs nm.
set -eu
banned='malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|free|strdup|strndup|asprintf|vasprintf|getline'
banned="$banned|time|clock_gettime|gettimeofday|open|fopen|read|write|socket|rand|random|getenv"
status=0
for library in "$@"; do
	calls=$(nm -u "$library" | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }' | sort -u)
	count=$(printf '%s\n' "$calls" | wc -l)
	[ "$count" -gt 3 ] || { echo "$library: nm shows nothing"; status=1; }
	if printf '%s\n' "$calls" | grep -Ex "$banned"; then
		echo "$library calls the above; wire/ and firmware/core/ take everything through port.h"
		status=1
	fi
	echo "$library: $count undefined symbols, none of them the heap's"
done
exit $status
