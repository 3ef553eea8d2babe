#!/bin/sh
# Holds the order of the rooms (docs/architecture.md): a file may include headers of its own room and of
# lower tiers only; rooms of one tier do not know each other. Reads the includes; needs nothing built.
set -eu
cd "$1"
# shellcheck disable=SC2016  # $0 is awk's
awk_program='
BEGIN {
	tier["base"] = 0; tier["wire"] = 0; tier["esp"] = 0
	tier["loader"] = 1
	tier["model"] = 2
	tier["http"] = 3
	tier["kube"] = 4; tier["store"] = 4; tier["broker"] = 4; tier["jobs"] = 4; tier["artefact"] = 4
	tier["fleet"] = 5
	tier["controllers"] = 6; tier["apiserver"] = 6; tier["webhook"] = 6
	tier["cmd"] = 7
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, quoted, "\""); split(quoted[2], part, "/")
	split(FILENAME, path, "/"); mine = path[2]; theirs = part[1]
	if (quoted[2] !~ /\// || !(theirs in tier)) next
	checked++
	if (theirs == mine) next
	if (!(mine in tier)) { printf "%s:%d: room %s is in no tier\n", FILENAME, FNR, mine; bad = 1 }
	else if (tier[theirs] >= tier[mine]) {
		printf "%s:%d: %s (tier %d) may not include %s (tier %d)\n", FILENAME, FNR, mine, tier[mine], theirs, tier[theirs]
		bad = 1
	}
}
END { printf "rooms: %d includes of rooms checked\n", checked; exit bad || checked == 0 }'
status=0
find src -mindepth 2 -name '*.[ch]' -print | sort | xargs awk "$awk_program" || status=1
# The portable rooms know no library at all.
for file in src/wire/*.[ch] firmware/core/*.[ch]; do
	if grep -nE '#[ \t]*include[ \t]*<(glib|gio|jansson|openssl|curl|mosquitto|pthread|unistd|sys/|time\.h|stdlib\.h)' "$file"; then
		echo "$file: wire/ and firmware/core/ are portable C without libraries, clock or allocation"
		status=1
	fi
	if grep -nE '#[ \t]*include[ \t]*"(base|esp|model|http|kube|store|broker|artefact|fleet|controllers|apiserver|cmd|ports)/' "$file"; then
		echo "$file: firmware/core knows only wire/, wire/ knows nobody"
		status=1
	fi
done
exit $status
