#!/usr/bin/env python3
"""Our NVS images against those of Espressif's esp-idf-nvs-partition-gen, byte for byte, on random inputs.

Sizes 0x1000 to 0x20000, format versions 1 and 2, plain and encrypted, every encoding, images full to the last entry, and
inputs that both must refuse. The seed is printed. NVS_PEER_SEED repeats a run, NVS_PEER_CASES shortens or lengthens it, and
NVS_PEER_CASE is one case alone.
"""
import base64
import contextlib
import csv
import io
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from types import SimpleNamespace

import binascii
import struct

import esp_idf_nvs_partition_gen.nvs_partition_gen as peer

SEED = int(os.environ.get("NVS_PEER_SEED") or random.SystemRandom().randrange(1 << 32))
CASES = int(os.environ.get("NVS_PEER_CASES", "10000"))
ONE_CASE = os.environ.get("NVS_PEER_CASE")
WORKERS = 2
DERIVED_KEYS = 20
# Small ones more often: that is where pages end.
SIZES = [0x1000, 0x2000, 0x3000, 0x3000, 0x4000, 0x5000, 0x6000, 0x6000, 0x8000]
LARGE_SIZES = [0x10000, 0x20000]
INVALID, TOO_LARGE = 0, 2  # EspError
PAGE, ENTRIES = 4096, 126
KEYS_OF_ITS_OWN = ("sta.ssid", "sta.pswd", "ap.authmode")  # at which the peer adds keys (a known fault)

INTEGERS = {"u8": (0, 255), "i8": (-128, 127), "u16": (0, 65535), "i16": (-32768, 32767), "u32": (0, 2**32 - 1),
            "i32": (-2**31, 2**31 - 1), "u64": (0, 2**64 - 1), "i64": (-2**63, 2**63 - 1)}
BLOBS = ["hex2bin", "base64", "binary", "blob_fill", "blob_sz_fill"]
# Lengths at which placement changes: entries, pages, limits.
EDGES = [0, 1, 31, 32, 33, 63, 64, 95, 1951, 1952, 1983, 1984, 3935, 3936, 3937, 3966, 3967, 3968, 3999, 4000, 4001, 4032, 7999,
         8000, 8001]
# The longest string with its NUL: on longer ones version 2 of the peer fails, though its limit is 4000.
STRING_MAX = {1: 1984, 2: 3968}
BLOB_MAX = {1: 1984, 2: 9000}


def name(rng, used):
    while True:
        text = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789_-. ,\"#A") for _ in range(rng.randint(1, 15)))
        if text not in used and text not in KEYS_OF_ITS_OWN:
            used.add(text)
            return text


def length(rng, most):
    kind = rng.random()
    if kind < 0.25:
        return min(rng.choice(EDGES), most)
    if kind < 0.8:
        return rng.randint(0, min(most, 200))
    return rng.randint(0, most)


def integer(rng, kind):
    low, high = INTEGERS[kind]
    number = rng.choice([low, high, rng.randint(low, high), 0, 1])
    if rng.random() < 0.1:
        return f" {number:+d} " if rng.random() < 0.5 else f"{number:_d}"
    return str(number)


def string(rng, most):
    n = length(rng, most - 1)
    alphabet = "abc XYZ,\"'\n\t;0123456789=/+-" + ("äß€" if rng.random() < 0.2 else "")
    text = "".join(rng.choices(alphabet, k=n))
    while len(text.encode()) >= most:
        text = text[:-1]
    return text


def blob(rng, encoding, most):
    """The encoding as it is spelled, and the text of a blob of at most `most` bytes."""
    raw = rng.randbytes(length(rng, most))
    printable = "".join(chr(33 + b % 90) for b in raw).replace("#", "x")
    if encoding == "hex2bin":
        text = raw.hex()
        return encoding, rng.choice([text, text.upper(), f" {text}\t"])
    if encoding == "base64":
        text = base64.b64encode(raw).decode()
        return encoding, text if rng.random() < 0.9 else "\n".join([text[:20], text[20:]])
    if encoding == "binary":
        return encoding, printable
    n = min(len(raw) + rng.choice([0, 0, 1, 31, 100]), most - 4)
    return f"{encoding}({n};0x{rng.randrange(256):02x})", printable[:n]


def value(rng, version, big):
    kind = rng.choice(list(INTEGERS) + ["string"] * 5 + BLOBS)
    if kind in INTEGERS:
        return kind, integer(rng, kind)
    if kind == "string":
        return kind, string(rng, STRING_MAX[version] if big else 600)
    return blob(rng, kind, BLOB_MAX[version] if big else 600)


def to_file(rng, folder, row):
    """The same row with its value in a file."""
    key, _, encoding, text = row
    if encoding.startswith("blob_"):  # the peer takes text only
        return row
    path = os.path.join(folder, f"value-{rng.randrange(1 << 30)}")
    with open(path, "wb") as file:
        file.write(rng.randbytes(rng.randrange(300)) if encoding == "binary" else text.encode())
    return key, "file", encoding, path


def rows_of(rng, version, folder):
    rows, spaces = [], set()
    big = rng.random() < 0.5
    for _ in range(rng.choice([1, 1, 2, 3, 3, 8])):
        rows.append((name(rng, spaces), "namespace", "", ""))
        keys = set()
        for _ in range(rng.choice([0, 1, 3, 5, 8, 15, 40])):
            row = (name(rng, keys), "data", *value(rng, version, big))
            rows.append(to_file(rng, folder, row) if rng.random() < 0.05 else row)
    return rows


def full_rows(rng, version, size):
    """Numbers to the end of the last page that may be used, or around it, with a last value of every length."""
    pages = size // PAGE - (size >= 0x3000)
    room = rng.choice([0, 0, 1, 2, 3, 4, 10, 40, 125])
    rows = [("full", "namespace", "", "")]
    n = pages * ENTRIES - 1 - room + rng.choice([0, 0, 0, -1, 1])
    rows += [(f"k{i}", "data", "u32", str(i)) for i in range(max(n, 1))]
    if room > 0:
        n_bytes = max(0, room * 32 - rng.choice([0, 1, 31, 32, 33, 63, 64, 65, 96]))
        if rng.random() < 0.5:
            rows.append(("last", "data", "string", "s" * max(0, min(n_bytes, STRING_MAX[version]) - 1)))
        else:
            rows.append(("last", "data", "hex2bin", "a5" * min(n_bytes, BLOB_MAX[version])))
    return rows


def many_spaces(rng):
    return [row for i in range(rng.choice([253, 254])) for row in ((f"s{i}", "namespace", "", ""), ("k", "data", "u8", "1"))]


# A row that both refuse, and how each says it: the peer's exception, our code.
FAULTS = [
    (("a-key-of-sixteen", "data", "u8", "1"), SystemExit, INVALID),
    (("k", "data", "u7", "1"), SystemExit, INVALID),
    (("k", "data", "", "1"), SystemExit, INVALID),
    (("k", "data", "float", "1.5"), SystemExit, INVALID),
    (("k", "data", " u8", "1"), SystemExit, INVALID),
    (("k", "data", "hex2bin", "abc"), SystemExit, INVALID),
    (("k", "data", "hex2bin", "zz"), binascii.Error, INVALID),
    (("k", "data", "base64", "YQ"), binascii.Error, INVALID),
    (("k", "data", "u8", "0x10"), ValueError, INVALID),
    (("k", "data", "u8", ""), ValueError, INVALID),
    (("k", "data", "u8", "1.0"), ValueError, INVALID),
    (("k", "data", "u8", "_1"), ValueError, INVALID),
    (("k", "data", "u8", "256"), struct.error, INVALID),
    (("k", "data", "u64", "-1"), struct.error, INVALID),
    (("k", "data", "i64", str(2**63)), struct.error, INVALID),
    (("k", "data", "u64", str(2**64)), struct.error, INVALID),
    (("k", "data", "string", "x" * 4000), SystemExit, TOO_LARGE),
    (("k", "data", "blob_fill(2;0x00)", "abc"), SystemExit, INVALID),
    (("k", "data", "blob_fill(2;00)", "a"), SystemExit, INVALID),
    (("k", "data", "blob_sz_fill(x;0x00)", "a"), SystemExit, INVALID),
    (("k", "file", "binary", "/nonexistent/file"), FileNotFoundError, None),
]
OLD_FAULTS = [
    (("k", "data", "string", "x" * 1984), SystemExit, TOO_LARGE),
    (("k", "data", "hex2bin", "00" * 1985), SystemExit, TOO_LARGE),
]


def csv_of(rng, rows):
    out = io.StringIO()
    end = rng.choice(["\n", "\r\n"])
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL)
    order = rng.sample(range(4), 4) if rng.random() < 0.1 else range(4)
    columns = ["key", "type", "encoding", "value"]
    out.write(",".join(columns[i] for i in order) + end)
    for row in rows:
        if rng.random() < 0.05:
            out.write("# a comment\n\n")
        writer.writerow([row[i] for i in order])
    return out.getvalue().encode()


def peer_image(folder, text, size, version, keys):
    """The peer's image, padded to size as its read-only ones are not."""
    source, target, key_file = (os.path.join(folder, n) for n in ("in.csv", "out.bin", "keys.bin"))
    with open(source, "wb") as file:
        file.write(text)
    arguments = SimpleNamespace(input=source, output=target, size=hex(size), version=version, outdir=folder, keygen=False,
                                inputkey=key_file, keyfile=None)
    if keys is not None:
        with open(key_file, "wb") as file:
            file.write(keys)
    with contextlib.redirect_stdout(io.StringIO()):
        (peer.generate if keys is None else peer.encrypt)(arguments)
    with open(target, "rb") as file:
        return file.read().ljust(size, b"\xff")


def peer_decrypted(folder, image, keys):
    source, target, key_file = (os.path.join(folder, n) for n in ("encrypted.bin", "plain.bin", "keys.bin"))
    for path, data in ((source, image), (key_file, keys)):
        with open(path, "wb") as file:
            file.write(data)
    with contextlib.redirect_stdout(io.StringIO()):
        peer.decrypt(SimpleNamespace(input=source, key=key_file, output=target, outdir=folder))
    with open(target, "rb") as file:
        return file.read()


class Ours:
    def __init__(self):
        tool = os.path.join(os.environ["ESPALIER_TOOLS"], "nvs_csv_tool")
        self.process = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, command, data=b""):
        """(bytes, CSV written back), or (None, (code, message))."""
        try:
            self.process.stdin.write(command.encode() + b"\n" + data)
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        head = self.process.stdout.readline().split()
        if not head:
            raise AssertionError(f"seed {SEED}: nvs_csv_tool ended at a command: {command.split()[0]}")
        if head[0] == b"ok":
            return self.process.stdout.read(int(head[1])), self.process.stdout.read(int(head[2]))
        return None, (int(head[1]), self.process.stdout.read(int(head[2])).decode())

    def image(self, text, size, version, keys):
        return self.ask(f"image {size} {version} {'-' if keys is None else keys.hex()} {len(text)}", text)

    def end(self):
        self.process.stdin.close()
        return self.process.wait()


class Case:
    def __init__(self, number, folder):
        rng = self.rng = random.Random(f"{SEED} {number}")
        self.number, self.folder = number, folder
        self.version = rng.choice([1, 2, 2])
        self.keys = rng.randbytes(64) if rng.random() < 0.4 else None
        self.fault = None
        self.size = rng.choice(LARGE_SIZES if rng.random() < 0.03 else SIZES)
        kind = rng.random()
        self.full = kind < 0.1
        if self.full:
            rows = full_rows(rng, self.version, self.size)
        elif kind < 0.11:
            rows = many_spaces(rng)
        else:
            rows = rows_of(rng, self.version, folder)
        if kind > 0.9:
            self.fault = rng.choice(FAULTS + (OLD_FAULTS * 4 if self.version == 1 else []))
            rows = [("faulty", "namespace", "", ""), self.fault[0], *rows]
        self.text = csv_of(rng, rows)

    def differ(self, what):
        path = os.path.join(tempfile.gettempdir(), f"nvs-peer-{SEED}-{self.number}.csv")
        with open(path, "wb") as file:
            file.write(self.text)
        raise AssertionError(f"NVS_PEER_SEED={SEED} NVS_PEER_CASE={self.number}: size {self.size:#x}, version {self.version}, "
                             f"{'plain' if self.keys is None else 'encrypted'}: {what}; the CSV is {path}")

    def run_fault(self, ours):
        row, exception, code = self.fault
        image, extra = ours.image(self.text, self.size, self.version, self.keys)
        if image is not None or (code is not None and extra[0] != code):
            self.differ(f"for {row[2]} we say {extra!r}")
        try:
            peer_image(self.folder, self.text, self.size, self.version, self.keys)
        except exception:
            return ["faults refused by both"]
        except Exception as error:
            self.differ(f"for {row[2]} the peer raises {error!r}, not {exception}")
        self.differ(f"the peer takes {row!r}")

    def run(self, ours):
        """What is to be counted."""
        if self.fault is not None:
            return self.run_fault(ours)
        image, extra = ours.image(self.text, self.size, self.version, self.keys)
        try:
            expected = peer_image(self.folder, self.text, self.size, self.version, self.keys)
        except peer.InsufficientSizeError:
            if image is not None or extra[0] != TOO_LARGE:
                self.differ(f"the peer says too large, we say {extra!r}")
            return ["too large for both"]
        if image is None:
            self.differ(f"the peer makes an image, we say {extra!r}")
        if image != expected:
            at = next(i for i in range(self.size) if image[i] != expected[i])
            self.differ(f"the images differ at {at:#x}")
        counts = ["equal", f"version {self.version}", "plain" if self.keys is None else "encrypted"]
        if image[PAGE:PAGE + 4] not in (b"", b"\xff\xff\xff\xff"):
            counts.append("of several pages")
        if self.full:
            counts.append("full or nearly")
        if self.size < 0x3000 and len(image) > PAGE:
            counts.append("read-only")
        if self.keys is not None and self.rng.random() < 0.2:
            plain, extra = ours.ask(f"decrypt {self.size} {self.keys.hex()}", image)
            if plain is None or plain != peer_decrypted(self.folder, image, self.keys):
                self.differ(f"the peer decrypts it to another image; {extra!r}")
            counts.append("decrypted by both")
        elif extra and self.keys is None and self.rng.random() < 0.5:
            if peer_image(self.folder, extra, self.size, self.version, None) != image:
                self.differ("the CSV that we write makes another image")
            counts.append("equal again from the CSV written back")
        return counts


def derive_keys(ours, folder):
    """The peer's generate-key with an HMAC key, and ours."""
    rng = random.Random(f"{SEED} keys")
    for i in range(DERIVED_KEYS):
        hmac_key = rng.randbytes(32)
        path = os.path.join(folder, "hmac.bin")
        with open(path, "wb") as file:
            file.write(hmac_key)
        arguments = SimpleNamespace(keyfile=f"derived-{i}.bin", outdir=folder, key_protect_hmac=True, kp_hmac_keygen=False,
                                    kp_hmac_inputkey=path, kp_hmac_keyfile=None)
        with contextlib.redirect_stdout(io.StringIO()):
            peer.generate_key(arguments)
        with open(os.path.join(folder, "keys", f"derived-{i}.bin"), "rb") as file:
            if file.read() != ours.ask(f"derive {hmac_key.hex()}")[0]:
                raise AssertionError(f"seed {SEED}: the keys derived from {hmac_key.hex()} differ")
    return {"keys derived alike": DERIVED_KEYS}


def work(first):
    """Every WORKERS-th case: (counts, None), or (counts, what differs)."""
    counts, ours = Counter(), Ours()
    with tempfile.TemporaryDirectory() as folder:
        try:
            if first == 0:
                counts.update(derive_keys(ours, folder))
            for number in [int(ONE_CASE)] if ONE_CASE else range(first, CASES, WORKERS):
                counts.update(Case(number, folder).run(ours))
        except AssertionError as difference:
            return counts, str(difference)
    status = ours.end()
    return counts, None if status == 0 else f"nvs_csv_tool ended with {status}"


def main():
    started = time.monotonic()
    print(f"seed {SEED}", flush=True)
    with multiprocessing.Pool(1 if ONE_CASE else WORKERS) as pool:
        results = pool.map(work, [0] if ONE_CASE else range(WORKERS), chunksize=1)
    counts = sum((result[0] for result in results), Counter())
    for _, difference in results:
        if difference is not None:
            sys.exit(difference)
    print(f"{CASES} inputs, {time.monotonic() - started:.1f} s: " + ", ".join(f"{n} {what}" for what, n in sorted(counts.items())))
    if ONE_CASE:
        return
    least = {"equal": CASES // 2, "version 1": CASES // 10, "version 2": CASES // 4, "plain": CASES // 4, "encrypted": CASES // 6,
             "of several pages": CASES // 10, "full or nearly": CASES // 50, "read-only": CASES // 100,
             "too large for both": CASES // 50, "faults refused by both": CASES // 20, "decrypted by both": CASES // 40,
             "equal again from the CSV written back": CASES // 20}
    missing = [what for what, n in least.items() if counts[what] < n]
    if missing:
        sys.exit(f"too few: {', '.join(missing)}")


if __name__ == "__main__":
    main()
