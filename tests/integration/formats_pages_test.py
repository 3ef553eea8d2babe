#!/usr/bin/env python3
"""Runs the pages of docs/formats/ as a reader would and compares what they show with what comes out.

In a page, a block ```console has commands behind "$ " (continued behind "> ") and under each exactly what it prints, standard error too;
"…" within a line stands for any text, alone on a line for any lines. A block ```LANGUAGE NAME is the content of the file NAME.
The blocks of one page run from top to bottom in one shell, in an empty folder, with `espalier` and the peers on the PATH."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ["ESPALIER_SOURCE_DIR"])
BINARY = pathlib.Path(os.environ["ESPALIER_BINARY_DIR"])
PAGES = sorted((SOURCE / "docs" / "formats").glob("*.md"))
FENCE = re.compile(r"^```(\S*) ?(\S*)\n(.*?)^```$", re.M | re.S)
MARK = "@@ end of %d, status "


def commands_of(block):
    """[(command, expected output)] of a console block."""
    found = []
    for line in block.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append([line[2:], ""])
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1][0] += line[2:]
        elif found:
            found[-1][1] += line
        else:
            raise ValueError("a console block begins with what is no command: %r" % line)
    return found


def pattern_of(expected):
    """A regular expression for the output, in which "…" is anything."""
    lines = []
    for line in expected.splitlines(keepends=True):
        if line.strip() == "…":
            lines.append("(?:.*\n)*?")
        else:
            lines.append(".*?".join(re.escape(part) for part in line.split("…")))
    return re.compile("".join(lines) + r"\Z")


def script_and_expectations(page):
    script, expected = ["set -o pipefail\n"], []
    for language, name, body in FENCE.findall(page.read_text()):
        if language != "console" and name:
            script.append("cat > '%s' <<'@@ end of file'\n%s@@ end of file\n" % (name, body))
            continue
        if language != "console":
            continue
        for command, output in commands_of(body):
            number = len(expected)
            script.append("{ (exit ${status:-0})\n%s} 2>&1; status=$?; echo \"%s$status\"\n" % (command, MARK % number))
            expected.append((command, output))
    return "".join(script), expected


def differences(page):
    """Runs a page. Returns the number of its commands and a list of complaints."""
    script, expected = script_and_expectations(page)
    path = "%s:%s:%s" % (BINARY, pathlib.Path(sys.executable).parent, os.environ["PATH"])
    with tempfile.TemporaryDirectory() as folder:
        shown = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
                               env=dict(os.environ, PATH=path, HOME=folder, LC_ALL="C.UTF-8", ESPALIER_SOURCE_DIR=str(SOURCE)))
    if shown.stderr:
        return len(expected), ["the shell said: " + shown.stderr]
    complaints, rest = [], shown.stdout
    for number, (command, output) in enumerate(expected):
        got, mark, rest = rest.partition(MARK % number)
        rest = rest.partition("\n")[2]
        if not mark:
            complaints.append("the page ended early, at: " + command)
            break
        if not pattern_of(output).match(got):
            complaints.append("$ %s--- the page shows\n%s--- it printed\n%s" % (command, output, got))
    return len(expected), complaints


def main():
    failed, total = 0, 0
    for page in PAGES:
        count, complaints = differences(page)
        total += count
        failed += len(complaints)
        print("%-16s %3d commands, %s" % (page.name, count, "as shown" if not complaints else "%d not as shown" % len(complaints)))
        for complaint in complaints:
            print("  " + complaint.replace("\n", "\n  "))
    print("%d pages, %d commands, %d not as shown" % (len(PAGES), total, failed))
    return 1 if failed or not PAGES else 0


if __name__ == "__main__":
    sys.exit(main())
