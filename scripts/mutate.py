#!/usr/bin/env python3
"""Plants faults of one character in src/esp, one at a time, and tells which of them the tests notice.

    scripts/mutate.py        MUTATE_COUNT faults (50), drawn by MUTATE_SEED (printed) from the files MUTATE_FILES (a glob, *)

Works in copies of the tree under build-mutate/, one for each core: the tree itself is never touched. A fault is a digit
that is another, < that is <=, + that is -, a ! that is gone, and so on, in code only: not in comments, texts and
includes. One that does not compile, or that an optimising compiler makes the same code of, is no fault: another is
drawn. Each is met by the unit tests of src/esp; what they let pass also by the tests beside Espressif's own tools.
Prints a table, survivors last, and ends with 1 if fewer than 96 % are noticed.
"""
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import random
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
COUNT = int(os.environ.get("MUTATE_COUNT") or "50")
SEED = int(os.environ.get("MUTATE_SEED") or random.SystemRandom().randrange(1 << 32))
FILES = os.environ.get("MUTATE_FILES") or "*"
WORKERS = os.cpu_count() or 1
WANTED_PERCENT = 96
TEST_SECONDS = 20  # the longest unit test needs a tenth of it; longer is a loop that does not end
PEER_SECONDS = 300
UNIT_TESTS = r"^unit\.esp_"
PEER_TESTS = r"^unit\.cmd_formats|^integration\..*(esp|nvs|partition|otadata|image|sign|secur|encrypt)"

OPERATORS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "+=": "-=", "-=": "+=",
             "*": "/", "/": "*", "%": "/", "&": "|", "|": "&", "|=": "&=", "&=": "|=", "^": "|", "^=": "|=", "!": "", "~": ""}
TOKEN = re.compile(r"""
    (?P<skip> /\*.*?\*/ | //[^\n]* | ^[ \t]*\#[ \t]*(?:include|pragma|if|ifdef|ifndef|else|endif)[^\n]*
            | ^G_DEFINE_QUARK[^\n]* | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' | [A-Za-z_]\w* )
  | (?P<number> 0[xX][0-9a-fA-F]+ | [0-9]+ )
  | (?P<other> -> | \+\+ | -- | << | >> | && | \|\| | \.\.\. )
  | (?P<operator> <= | >= | == | != | \+= | -= | \|= | &= | \^= | [<>+\-*/%&|^!~] )
    """, re.VERBOSE | re.DOTALL | re.MULTILINE)


def other_digits(number):
    """(position, character) pairs, each of which makes another number of it."""
    hexadecimal = number[:2] in ("0x", "0X")
    digits = "0123456789abcdef" if hexadecimal else "0123456789"
    for at in range(2 if hexadecimal else 0, len(number)):
        value = digits.index(number[at].lower())
        for near in (value - 1, value + 1):
            if 0 <= near < len(digits) and (near > 0 or hexadecimal or at > 0 or len(number) == 1):
                yield at, digits[near]


def faults_of(path):
    """Every fault that the file can have: (path, offset, old, new)."""
    text = (ROOT / path).read_text()
    for token in TOKEN.finditer(text):
        if token.group("operator"):
            yield path, token.start(), token.group(), OPERATORS[token.group()]
        elif token.group("number"):
            for at, digit in other_digits(token.group()):
                yield path, token.start() + at, token.group()[at], digit


class Fault:
    def __init__(self, path, offset, old, new):
        self.path, self.offset, self.old, self.new = path, offset, old, new
        self.text = (ROOT / path).read_text()
        self.line = self.text.count("\n", 0, offset) + 1
        self.verdict, self.by = None, ""

    def mutated(self):
        return self.text[:self.offset] + self.new + self.text[self.offset + len(self.old):]

    def told(self):
        lines = self.mutated().split("\n")[self.line - 1]
        change = f"{self.old!r} to {self.new!r}" if self.new else f"{self.old!r} removed"
        return f"{self.path}:{self.line:<4} {change:<14} {lines.strip()}"


class Tree:
    """A copy of the sources, built without sanitizers."""

    def __init__(self, number):
        self.folder = ROOT / "build-mutate" / str(number)
        self.source, self.build = self.folder / "tree", self.folder / "build"
        self.environment = {**os.environ, "CCACHE_BASEDIR": str(self.folder), "CCACHE_NOHASHDIR": "1",
                            "CMAKE_C_COMPILER_LAUNCHER": "ccache" if shutil.which("ccache") else ""}
        self.environment.pop("MAKEFLAGS", None)

    def run(self, *command, seconds=600):
        return subprocess.run(command, cwd=self.build, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, text=True, timeout=seconds, check=False)

    def prepare(self):
        shutil.rmtree(self.source, ignore_errors=True)
        self.build.mkdir(parents=True, exist_ok=True)
        for name in subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout.split(b"\0"):
            path = name.decode()
            if path and (ROOT / path).is_file():
                (self.source / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / path, self.source / path)  # newer than what an earlier run built of a fault
        configured = self.run("cmake", "-S", str(self.source), "-B", str(self.build), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
                              "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
        built = self.run("ninja", *unit_programs(), seconds=3600)
        if configured.returncode != 0 or built.returncode != 0:
            sys.exit(f"mutate: the tree as it is does not build:\n{configured.stdout[-2000:]}{built.stdout[-4000:]}")
        failed = self.tests(UNIT_TESTS, TEST_SECONDS)
        if failed:
            sys.exit(f"mutate: {failed} fails without any fault")
        commands = json.loads((self.build / "compile_commands.json").read_text())
        self.commands = {os.path.relpath(entry["file"], self.source): entry for entry in commands
                         if "room_esp.dir" in entry["command"]}

    def optimised(self, path):
        """The code of a source of src/esp at -O2, or None if it does not compile. A header's is that of its own source, or of one
        that includes it."""
        if path.endswith(".h"):
            pattern = re.compile(rf'#include "{re.escape(path[4:])}"')
            users = [name for name in sorted(self.commands) if pattern.search((self.source / name).read_text())]
            path = path[:-1] + "c" if path[:-1] + "c" in users else users[0]
        words = [word for word in shlex.split(self.commands[path]["command"]) if word not in ("-g", "-Og", "ccache") and
                 not word.endswith("/ccache")]
        output = self.folder / "object.o"
        words[words.index("-o") + 1] = str(output)
        if self.run(*words, "-O2", "-g0", "-w").returncode != 0:
            return None
        return output.read_bytes()

    def tests(self, pattern, seconds):
        """The test that fails first; empty if none does."""
        result = self.run("ctest", "-R", pattern, "--stop-on-failure", "--timeout", str(seconds), seconds=3600)
        failed = re.search(r"^\s*\d+ - (\S+) \((\w+)", result.stdout, re.MULTILINE)
        if result.returncode == 0 or failed is None:
            return "" if result.returncode == 0 else "ctest"
        return failed.group(1) + (" (time)" if failed.group(2) == "Timeout" else "")

    def judge(self, fault):
        file = self.source / fault.path
        before = self.optimised(fault.path)
        file.write_text(fault.mutated())
        try:
            code = self.optimised(fault.path)
            if code is None:
                return "does not compile", ""
            if code == before and fault.path.endswith(".c"):
                return "same code", ""
            if self.run("ninja", *unit_programs()).returncode != 0:
                return "does not compile", ""
            by = self.tests(UNIT_TESTS, TEST_SECONDS)
            if not by:
                if self.run("ninja", seconds=3600).returncode != 0:
                    return "does not compile", ""
                by = self.tests(PEER_TESTS, PEER_SECONDS)
            return ("noticed", by) if by else ("SURVIVES", "")
        finally:
            file.write_text(fault.text)


def unit_programs():
    return [path.stem for path in sorted((ROOT / "tests/unit").glob("esp_*_test.c"))]


class Draw:
    """Faults in the order drawn, until enough of them were real."""

    def __init__(self):
        paths = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "src/esp").glob("*.[ch]") if fnmatch.fnmatch(path.name, FILES))
        every = [fault for path in paths for fault in faults_of(path)]
        random.Random(SEED).shuffle(every)
        self.waiting, self.drawn, self.lock, self.possible = iter(every), [], threading.Lock(), len(every)

    def next(self):
        with self.lock:
            real = sum(1 for fault in self.drawn if fault.verdict in (None, "noticed", "SURVIVES"))
            fault = next(self.waiting, None) if real < COUNT else None
            if fault is None:
                return None
            self.drawn.append(Fault(*fault))
            return self.drawn[-1]


def work(tree, draw):
    while (fault := draw.next()) is not None:
        fault.verdict, fault.by = tree.judge(fault)
        if fault.verdict in ("noticed", "SURVIVES"):
            print(f"  {fault.verdict:<8}  {fault.told():<100}  {fault.by}", flush=True)


def main():
    started = time.monotonic()
    draw = Draw()
    print(f"seed {SEED}; {COUNT} of {draw.possible} possible faults:", flush=True)
    trees = [Tree(number) for number in range(WORKERS)]
    trees[0].prepare()
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(Tree.prepare, trees[1:]))
        list(pool.map(work, trees, [draw] * WORKERS))
    verdicts = [fault.verdict for fault in draw.drawn]
    noticed, survived = verdicts.count("noticed"), verdicts.count("SURVIVES")
    print(f"{noticed} of {noticed + survived} faults noticed; {verdicts.count('does not compile')} others do not compile, "
          f"{verdicts.count('same code')} give the same code; {time.monotonic() - started:.0f} s")
    for fault in draw.drawn:
        if fault.verdict == "SURVIVES":
            print(f"  survives: {fault.told()}")
    return 0 if noticed + survived > 0 and 100 * noticed >= WANTED_PERCENT * (noticed + survived) else 1


if __name__ == "__main__":
    sys.exit(main())
