#!/usr/bin/env python3
"""Our NVS images against those of Espressif's esp-idf-nvs-partition-gen, byte for byte, on random inputs.

The seed is printed; NVS_PEER_SEED and NVS_PEER_CASES repeat a run or lengthen it.
"""
import base64
import contextlib
import csv
import io
import os
import random
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

import esp_idf_nvs_partition_gen.nvs_partition_gen as peer

SEED = int(os.environ.get("NVS_PEER_SEED") or random.SystemRandom().randrange(1 << 32))
CASES = int(os.environ.get("NVS_PEER_CASES", "1800"))
SIZES = [0x1000, 0x2000, 0x3000, 0x4000, 0x5000, 0x6000, 0x8000, 0x10000]
TOO_LARGE = 2  # EspError

INTEGERS = {"u8": (0, 255), "i8": (-128, 127), "u16": (0, 65535), "i16": (-32768, 32767), "u32": (0, 2**32 - 1),
            "i32": (-2**31, 2**31 - 1), "u64": (0, 2**64 - 1), "i64": (-2**63, 2**63 - 1)}
# Lengths at which placement changes: entries, pages, the peer's limit of strings.
EDGES = [0, 1, 31, 32, 33, 63, 64, 95, 3935, 3936, 3937, 3966, 3967, 3968, 3999, 4000, 4001, 4032, 7999, 8000, 8001]


def name(rng, used):
    while True:
        text = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789_-. ,\"#A") for _ in range(rng.randint(1, 15)))
        if text not in used and text not in ("sta.ssid", "sta.pswd", "ap.authmode"):
            used.add(text)
            return text


def length(rng, most):
    kind = rng.random()
    if kind < 0.25:
        return min(rng.choice(EDGES), most)
    if kind < 0.8:
        return rng.randint(0, min(most, 200))
    return rng.randint(0, most)


def value(rng, big):
    kind = rng.choice(list(INTEGERS) + ["string"] * 5 + ["blob"] * 5)
    if kind in INTEGERS:
        low, high = INTEGERS[kind]
        number = rng.choice([low, high, rng.randint(low, high), 0, 1])
        text = str(number)
        if rng.random() < 0.1:
            text = f" {number:+d} " if rng.random() < 0.5 else f"{number:_d}"
        return kind, text
    if kind == "string":
        n = length(rng, 3967 if big else 600)
        alphabet = "abc XYZ,\"'\n\t;0123456789=/+-" + ("äß€" if rng.random() < 0.2 else "")
        text = "".join(rng.choice(alphabet) for _ in range(n))
        while len(text.encode()) > 3967:
            text = text[:-1]
        return kind, text
    raw = rng.randbytes(length(rng, 9000 if big else 600))
    encoding = rng.choice(["hex2bin", "base64", "binary"])
    if encoding == "hex2bin":
        text = raw.hex()
        return encoding, text.upper() if rng.random() < 0.2 else text
    if encoding == "base64":
        return encoding, base64.b64encode(raw).decode()
    return encoding, "".join(chr(33 + b % 90) for b in raw).replace("#", "x")


def rows_of(rng):
    rows, spaces = [], set()
    big = rng.random() < 0.5
    for _ in range(rng.choice([1, 1, 2, 3, 3, 8])):
        rows.append((name(rng, spaces), "namespace", "", ""))
        keys = set()
        for _ in range(rng.choice([0, 1, 3, 5, 8, 15, 40])):
            key = name(rng, keys)
            encoding, text = value(rng, big)
            rows.append((key, "data", encoding, text))
    return rows


def csv_of(rng, rows):
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=rng.choice(["\n", "\r\n"]), quoting=csv.QUOTE_ALL)
    out.write("key,type,encoding,value\n")
    for row in rows:
        if rng.random() < 0.05:
            out.write("# a comment\n\n")
        writer.writerow(row)
    return out.getvalue().encode()


def peer_image(folder, text, size):
    """The peer's image, padded to size as its read-only ones are not; None if it says that it does not fit."""
    source, target = os.path.join(folder, "in.csv"), os.path.join(folder, "out.bin")
    with open(source, "wb") as file:
        file.write(text)
    arguments = SimpleNamespace(input=source, output=target, size=hex(size), version=2, outdir=folder)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            peer.generate(arguments)
    except peer.InsufficientSizeError:
        return None
    with open(target, "rb") as file:
        return file.read().ljust(size, b"\xff")


class Ours:
    def __init__(self):
        tool = os.path.join(os.environ["ESPALIER_TOOLS"], "nvs_csv_tool")
        self.process = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def image(self, text, size):
        """(image, CSV written back), or (None, (code, message))."""
        self.process.stdin.write(f"{size} {len(text)}\n".encode() + text)
        self.process.stdin.flush()
        head = self.process.stdout.readline().split()
        if not head:
            sys.exit("nvs_csv_tool ended")
        if head[0] == b"ok":
            return self.process.stdout.read(int(head[1])), self.process.stdout.read(int(head[2]))
        return None, (int(head[1]), self.process.stdout.read(int(head[2])).decode())

    def end(self):
        self.process.stdin.close()
        return self.process.wait()


def differ(case, size, text, what):
    path = os.path.join(tempfile.gettempdir(), f"nvs-peer-{SEED}-{case}.csv")
    with open(path, "wb") as file:
        file.write(text)
    sys.exit(f"case {case} (seed {SEED}), size {size:#x}: {what}; the CSV is {path}")


def main():
    rng, ours = random.Random(SEED), Ours()
    same = refused = rewritten = multipage = 0
    started = time.monotonic()
    print(f"seed {SEED}")
    with tempfile.TemporaryDirectory() as folder:
        for case in range(CASES):
            size = rng.choice(SIZES)
            text = csv_of(rng, rows_of(rng))
            expected, (image, extra) = peer_image(folder, text, size), ours.image(text, size)
            if expected is None:
                if image is not None or extra[0] != TOO_LARGE:
                    differ(case, size, text, f"the peer says too large, we say {extra!r}")
                refused += 1
                continue
            if image is None:
                differ(case, size, text, f"the peer makes an image, we say {extra!r}")
            if image != expected:
                at = next(i for i in range(size) if image[i] != expected[i])
                differ(case, size, text, f"the images differ at {at:#x}")
            same += 1
            multipage += image[4096:4100] != b"\xff\xff\xff\xff"
            if not extra:
                continue
            if peer_image(folder, extra, size) != image:
                differ(case, size, text, "the CSV that we write makes another image")
            rewritten += 1
    status = ours.end()
    print(f"{CASES} inputs: {same} images equal ({multipage} of several pages), {refused} refused by both, "
          f"{rewritten} equal again from the CSV written back, {time.monotonic() - started:.1f} s")
    if status != 0 or same < CASES // 2 or refused == 0 or multipage < CASES // 10 or rewritten < same // 2:
        sys.exit(f"too few of a kind, or nvs_csv_tool ended with {status}")


if __name__ == "__main__":
    main()
