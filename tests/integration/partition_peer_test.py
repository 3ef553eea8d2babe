#!/usr/bin/env python3
"""Our partition tables and otadata beside esp-idf-defs, a package with ESP-IDF's own gen_esp32part.py (1.5) in it.

Random CSVs, valid and broken, go through both: the same binary to the byte, the same CSV back, or a refusal with the
same words. PARTITION_PEER_SEED and PARTITION_PEER_CASES set the seed and the number of CSVs."""
import binascii
import codecs
import csv
import hashlib
import os
import random
import re
import struct
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote_to_bytes

import esp_idf_defs.partitions as peer
from esp_idf_defs.otadata import OtaDataSelectEntry

TOOL = os.path.join(os.environ["ESPALIER_TOOLS"], "partition_tool")
DATA = Path(os.environ["ESPALIER_SOURCE_DIR"]) / "tests" / "data" / "partition-tables"
SEED = int(os.environ.get("PARTITION_PEER_SEED", random.SystemRandom().randrange(1 << 32)))
CASES = int(os.environ.get("PARTITION_PEER_CASES", 4000))
OTADATA_CASES = max(CASES // 4, 1)
BOOTLOADER_WORDS = "bootloader offset is not "  # "defined. Please use …" there, "provided" in the peer

# What we refuse and the peer takes, by the words of our refusal (docs/formats/partitions.md, "Where it is stricter").
STRICTER = ["bytes, 16 are allowed", "it has no rows", "unknown variable", "its name has a control character",
            "is not valid: a type is 0 to 255", "is not valid: a subtype is 0 to 255", "it is beyond 4 GiB", "has no room at",
            "it ends beyond 4 GiB", "its name is not UTF-8", "stands behind the MD5 row", "longer than max"]


class Tool:
    def __init__(self):
        self.process = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, *words):
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def table(self, data, options):
        """(binary, CSV), or the message."""
        answer = self.ask("table", data.hex() or "-", str(options["offset"]), optional(options["bootloader"]),
                          optional(options["recovery"]), str(options["flash"]), "1" if options["secure"] == "v1" else "0",
                          "1" if options["md5"] else "0")
        if answer[0] == "error":
            return bytes.fromhex(answer[1]).decode()
        return bytes.fromhex(answer[1]), None if answer[2] == "-" else bytes.fromhex(answer[2]).decode()

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit("FAILED: the tool ended with %d" % self.process.returncode)


def optional(number):
    return "-" if number is None else str(number)


# --- random tables ---

TYPES = ["app", "data", "data", "data", "bootloader", "partition_table", "0x40", "66", "APP", "Data", "0xfe", "4", "0x3f"]
SUBTYPES = {
    "app": ["factory", "test", "tee_0", "tee_1", "0x10", "17", "Factory"] + ["ota_%d" % n for n in range(16)],
    "data": ["ota", "phy", "nvs", "nvs", "coredump", "nvs_keys", "efuse", "undefined", "esphttpd", "fat", "spiffs", "littlefs",
             "tee_ota", "", "0x99", "NVS"],
    "bootloader": ["primary", "ota", "recovery"],
    "partition_table": ["primary", "ota"],
}
SIZES = ["0x1000", "4096", "4K", "8k", "12K", "0x2000", "0x3000", "64K", "1M", "1m", "0x10000", "65536", "0x3001", "1", "0x11000", "20K"]
BAD = {
    "type": ["", "ap", "256", "-1", "datas", "0x1g", "1.5"],
    "subtype": ["", "ota_16", "300", "nvss", "k", "0x", "010", "_1"],
    "offset": ["0x8000", "0x9001", "-0x1000", "4", "x", "0x1000000000", "1__0", "0x10800"],
    "size": ["", "big", "-4M", "0", "5G", "4KB", "-0x20000", "0x", "0xFFFFFFFF", "4 K", "2kk", "1_0"],
    "flags": ["secret", "Encrypted", "encrypted,readonly", "readonly:x", "readonly ", ":"],
    "name": ["", "a-name-of-16-chr", "a-name-of-17-byte", "sixteen-und-m\u00e4hr", "ota", "app", "$NOT_SET_HERE", "a$", "\u00fc\u00df", "tab\tbed"],
}
LINES = ["", "# a comment", "   ", "#x,y,z", "\t# $NOT_SET_HERE", "\u00a0"]


def random_row(rng, index, broken):
    type_name = rng.choice(TYPES)
    row = {
        "name": "%s%d" % (rng.choice(["p", "nvs_", "part-", "x"]), index),
        "type": type_name,
        "subtype": rng.choice(SUBTYPES.get(type_name.lower(), ["0", "1", "0x7f", "255", ""])),
        "offset": "",
        "size": rng.choice(SIZES),
        "flags": rng.choice(["", "", "", "encrypted", "readonly", "encrypted:readonly", ":encrypted"]),
    }
    if rng.random() < 0.1:
        row["offset"] = "0x%x" % (rng.randrange(1, 64) * 0x10000)
    if broken:
        field = rng.choice(list(BAD))
        row[field] = rng.choice(BAD[field])
    pad = rng.choice(["", "", " ", "  ", "\t"])
    text = ",".join(pad + row[field] + pad for field in ("name", "type", "subtype", "offset", "size", "flags"))
    return text.rstrip(", \t") if rng.random() < 0.2 else text


def random_csv(rng):
    n = rng.choice([1, 1, 2, 2, 3, 4, 5, 8, 12, 20, rng.randrange(90, 98)])
    broken_at = rng.randrange(n) if rng.random() < 0.45 else None
    lines = []
    for index in range(n):
        if rng.random() < 0.1:
            lines.append(rng.choice(LINES))
        lines.append(random_row(rng, index, index == broken_at) if n < 90 or index == broken_at
                     else "p%d,data,fat,,4K" % index)
    if rng.random() < 0.05 and len(lines) > 1:
        lines.append(lines[0])
    text = rng.choice(["\n", "\n", "\n", "\r\n", "\r"]).join(lines) + rng.choice(["", "\n"])
    kind = rng.random()
    if kind < 0.04:
        return text.encode("utf-16")
    if kind < 0.06:  # little-endian UTF-32 is UTF-16 to the peer, whose marks begin alike
        return codecs.BOM_UTF32_BE + text.encode("utf-32-be")
    return text.encode("utf-8-sig" if kind < 0.12 else "utf-8")


def random_options(rng):
    return {
        "offset": rng.choice([0x8000] * 4 + [0x9000, 0x10000, 0x20000]),
        "bootloader": rng.choice([0, 0x1000, 0x2000, None, 0x9000 if rng.random() < 0.1 else 0]),
        "recovery": rng.choice([None, 0x3F0000, 0x300000, 0x3F8000]),
        "flash": rng.choice([0, 0, 0, 1 << 20, 4 << 20, 16 << 20]),
        "secure": rng.choice([None, None, "v1", "v2"]),
        "md5": rng.random() < 0.9,
    }


# --- the peer ---

def peer_binary(table, md5):
    """Of its rows: the package writes no table itself."""
    if len(table) == 0:
        raise RuntimeError("it has no rows")
    data = b"".join(row.to_binary() for row in table)
    if md5:
        data += peer.MD5_PARTITION_BEGIN + hashlib.md5(data).digest()
    if len(data) >= peer.MAX_PARTITION_LENGTH:
        raise peer.InputError("Binary partition table length (%d) longer than max" % len(data))
    return data + b"\xff" * (peer.MAX_PARTITION_LENGTH - len(data))


def peer_table(data, options):
    """(binary, CSV), or the message; other errors of Python as themselves."""
    try:
        if options["bootloader"] is not None and options["bootloader"] >= options["offset"]:
            raise peer.InputError("Unsupported configuration. Primary bootloader must be below partition table")
        text = data.decode(peer.get_encoding(data))
        table = peer.PartitionTable.from_csv(text, options["offset"], options["bootloader"], options["recovery"])
        table.verify(options["offset"], options["secure"])
        end = max((row.offset + row.size for row in table), default=0)
        if options["flash"] and options["flash"] < end:
            raise peer.InputError("Partitions tables occupies %.1fMB of flash (%d bytes) which does not fit in configured flash size "
                                  "%dMB" % (end / (1 << 20), end, options["flash"] >> 20))
        return peer_binary(table, options["md5"]), csv_of(table)
    except peer.InputError as error:
        return str(error)
    except (struct.error, UnicodeDecodeError, RuntimeError) as error:
        return error


def csv_of(table):
    return "".join(line + "\n" for line in ["# ESP-IDF Partition Table", "# Name, Type, SubType, Offset, Size, Flags"] +
                   [row.to_csv() for row in table])


# --- comparison ---

def same_words(ours, theirs):
    """Whether our refusal has the peer's words in it."""
    words = theirs.rstrip(".")
    if "But partition table occupies" in words:  # also said of a later row that is equal to the first
        words = words.partition(" But")[0]
    if "which does not fit" in words:  # where the last partition has no size it counts the one before
        return words.partition("which")[2] in ours
    if BOOTLOADER_WORDS in words:
        return BOOTLOADER_WORDS in ours and words.partition(":")[0] == ours.partition(":")[0]
    found = re.match(r"(Error at line \d+: )Value '(.*)' is not valid\. (Known keywords: .*)$", words)
    if found:  # it has cut k and m off what it quotes
        return ours.startswith(found[1] + "Value '" + found[2]) and ours.endswith(found[3])
    found = re.match(r"(Error at line \d+: Invalid field value ).*$", words)
    if found:
        return ours.startswith(found[1])
    return words in ours or words.replace("0x-", "-0x") in ours


def is_stricter(ours):
    return isinstance(ours, str) and any(words in ours for words in STRICTER)


def compare(ours, theirs):
    """A name for the outcome; None if they differ."""
    refused, stricter = isinstance(ours, str), is_stricter(ours)
    if not refused and isinstance(theirs, tuple):
        same = ours[0] == theirs[0] and (ours[1] == theirs[1] or ours[1] is None and writes_no_csv(theirs[1]))
        return "both made the same" if same else None
    if refused and isinstance(theirs, str):
        return "both refused in the same words" if same_words(ours, theirs) else "refused by us first" if stricter else None
    if refused and isinstance(theirs, Exception):
        return "refused by us, a traceback there"
    return "refused by us alone" if stricter or ends_with_nothing(ours, theirs) else None


def ends_with_nothing(ours, theirs):
    """Of two that begin at the same place, the first without a size, the peer takes the end of the first."""
    return isinstance(theirs, tuple) and "does not fit" in ours and ",0M," in theirs[1]


def writes_no_csv(text):
    return any("$" in line for line in text.splitlines())


def show(data, options, ours, theirs):
    return "seed %d\n%.2000r\n%s\nours:   %.400s\ntheirs: %.400s" % (SEED, data, options, ours if isinstance(ours, str) else ours[1], (
        theirs[1] if isinstance(theirs, tuple) else theirs))


def check(condition, what):
    if not condition:
        sys.exit("FAILED: " + what)


def round_trip(tool, binary, text, options):
    """Binary to CSV to binary, and binary to binary."""
    again = tool.table(binary, options)
    check(not isinstance(again, str) and again[0] == binary and again[1] == text, "a binary that we made: %s" % (again,))
    if text is not None:
        again = tool.table(text.encode(), options)
        check(not isinstance(again, str) and again == (binary, text), "CSV that we made: %s\n%s" % (text, again))


def random_tables(tool, rng):
    counts = {}
    for _ in range(CASES):
        data, options = random_csv(rng), random_options(rng)
        ours, theirs = tool.table(data, options), peer_table(data, options)
        outcome = compare(ours, theirs)
        check(outcome is not None, "different answers\n" + show(data, options, ours, theirs))
        counts[outcome] = counts.get(outcome, 0) + 1
        if not isinstance(ours, str):
            round_trip(tool, *ours, options)
    for outcome, count in sorted(counts.items()):
        print("%6d %s" % (count, outcome))
    check(counts.get("both made the same", 0) >= CASES // 10 and
          counts.get("both refused in the same words", 0) >= CASES // 10, "the cases are of one kind: %s" % counts)


# --- what ESP-IDF itself said ---

def options_of(text):
    """"OFFSET BOOTLOADER RECOVERY FLASH SECURE MD5", '-' for none."""
    offset, bootloader, recovery, flash, secure, md5 = text.split(" ")
    return {"offset": int(offset), "bootloader": None if bootloader == "-" else int(bootloader),
            "recovery": None if recovery == "-" else int(recovery), "flash": int(flash),
            "secure": None if secure == "-" else secure, "md5": md5 == "1"}


def recorded_tables(tool):
    """Each row: a CSV, options, and the SHA-256 of the binary that ESP-IDF's own tool made, or the words of its refusal."""
    counts = {"made": 0, "refused": 0, "traceback": 0}
    with open(DATA / "gen_esp32part.tsv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            data = unquote_to_bytes(row["csv"])
            ours = tool.table(data, options_of(row["options"]))
            counts[row["outcome"]] += 1
            if row["outcome"] == "made":
                same = is_stricter(ours) or not isinstance(ours, str) and hashlib.sha256(ours[0]).hexdigest() == row["expected"]
            else:
                same = isinstance(ours, str) and (is_stricter(ours) or same_words(ours, row["expected"]))
            check(same, "%r (%s): ESP-IDF: %s %s; ours: %.300s" % (data, row["options"], row["outcome"], row["expected"], ours))
    print("%6d tables as ESP-IDF's own tool treated them: %s" % (sum(counts.values()), counts))
    check(min(counts.values()) > 0 and sum(counts.values()) >= 600, "the recorded tables were not read")


# --- otadata ---

def record(rng):
    if rng.random() < 0.2:
        return b"\xff" * 32
    seq = rng.choice([1, 2, 3, 4, 5, 6, rng.randrange(1, 100), rng.randrange(1, 0xFFFFFF00)])
    crc = crc_of(seq) ^ rng.choice([0, 0, 0, 0, 1 << rng.randrange(32)])
    return struct.pack("<I", seq) + b"\xff" * 20 + struct.pack("<II", rng.choice([0, 1, 2, 0xFFFFFFFF]), crc)


def crc_of(seq):
    return binascii.crc32(struct.pack("<I", seq), 0xFFFFFFFF)


def peer_record(data):
    """As the peer reads it, which compares the CRC with itself."""
    seq, crc = struct.unpack_from("<I24xI", data)
    return OtaDataSelectEntry.from_bytes(data) if crc == crc_of(seq) else None


def random_otadata(tool, rng):
    n = 0
    for _ in range(OTADATA_CASES):
        records = [record(rng), record(rng)]
        slots = rng.randrange(1, 17)
        slot = rng.randrange(slots)
        a, b = (peer_record(r) for r in records)
        if a and b and a.seq == b.seq:
            continue  # the peer takes the second, the bootloader the first
        data = b"".join(r + b"\xff" * (0x1000 - 32) for r in records)
        n += 1
        active, which = OtaDataSelectEntry.select(a, b)
        answer = tool.ask("otadata", data.hex(), str(slots), "0", str(slot), str(0))
        check(answer[0] == "ok", "%s: %s" % (records, answer))
        if active is not None:
            check((int(answer[1]), int(answer[2])) == (active.ota_slot(slots), "ab".index(which)), "%s: %s" % (records, answer[:3]))
        changed = bytes.fromhex(answer[3])
        entries = [peer_record(changed[at:at + 32]) for at in (0, 0x1000)]
        after, _ = OtaDataSelectEntry.select(*entries)
        check(after.ota_slot(slots) == slot, "%s: slot %d of %d is not selected" % (records, slot, slots))
        if active is not None and active.ota_slot(slots) != slot:
            expected = active.incremented(slot, slots).to_bytes()
            check(changed[("ba".index(which)) * 0x1000:][:32] == expected, "%s: another record than the peer's" % records)
    print("%6d otadata partitions read and changed as the peer does" % n)
    check(n > OTADATA_CASES // 2, "too few otadata partitions")


def main():
    rng = random.Random(SEED)
    print("seed %d, %d tables" % (SEED, CASES))
    os.environ.pop("NOT_SET_HERE", None)
    tool = Tool()
    recorded_tables(tool)
    random_tables(tool, rng)
    random_otadata(tool, rng)
    tool.close()


if __name__ == "__main__":
    main()
