#!/usr/bin/env python3
"""The lines of src/esp that ran, from the counts that gcc's --coverage left in a build folder.

    scripts/coverage.py BUILD_FOLDER PERCENT [--lines]

Exit 1 if fewer than PERCENT of the lines ran. Run by scripts/coverage.sh.
"""
import collections
import json
import os
import pathlib
import subprocess
import sys


def counts_of(build):
    """{file: {line: count}} of everything under src/esp. A line of a header counts if one of its users ran it."""
    notes = sorted(str(path) for path in pathlib.Path(build).resolve().rglob("src/CMakeFiles/room_esp.dir/**/*.gcno"))
    if not notes:
        sys.exit(f"coverage: no counts in {build}: configure with `cmake --preset coverage`")
    output = subprocess.run(["gcov-12", "--json-format", "--stdout", *notes], stdout=subprocess.PIPE, check=True, cwd=build).stdout
    files = collections.defaultdict(dict)
    for document in output.splitlines():
        unit = json.loads(document)
        for file in unit["files"]:
            path = os.path.relpath(os.path.join(unit["current_working_directory"], file["file"]))
            if path.startswith("src/esp/"):
                lines = files[path]
                for line in file["lines"]:
                    lines[line["line_number"]] = max(lines.get(line["line_number"], 0), line["count"])
    return files


def ranges(numbers):
    """"3-5, 9" for 3, 4, 5, 9."""
    spans = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


def main():
    build, percent = sys.argv[1], float(sys.argv[2])
    files, ran, total = counts_of(build), 0, 0
    for path in sorted(files):
        lines = files[path]
        covered = sum(1 for count in lines.values() if count > 0)
        ran, total = ran + covered, total + len(lines)
        print(f"  {path:<36} {covered:>5} of {len(lines):>5}  {100 * covered / len(lines):6.1f} %")
        if "--lines" in sys.argv[3:] and covered < len(lines):
            print(f"      not run: {ranges(number for number, count in lines.items() if count == 0)}")
    print(f"  {'src/esp':<36} {ran:>5} of {total:>5}  {100 * ran / total:6.1f} % (at least {percent:g} % wanted)")
    return 0 if 100 * ran >= percent * total else 1


if __name__ == "__main__":
    sys.exit(main())
