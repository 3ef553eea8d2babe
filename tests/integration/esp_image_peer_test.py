#!/usr/bin/env python3
"""`espalier image` and esptool: images of every chip, whole and damaged, and what is merged of several files.

The seed is printed; IMAGE_PEER_SEED and IMAGE_PEER_CASES (images of each chip) repeat a run or lengthen it.
"""
import contextlib
import hashlib
import io
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
from types import SimpleNamespace
from unittest import mock

import click
import esptool.cmds as esptool_cmds
from esptool import FatalError
from esptool.bin_image import ELFSection
from esptool.cli_util import AddrFilenamePairType
from esptool.targets import CHIP_DEFS

SEED = int(os.environ.get("IMAGE_PEER_SEED") or random.SystemRandom().randrange(1 << 32))
CASES = int(os.environ.get("IMAGE_PEER_CASES", "12"))
TOOL = os.path.join(os.environ["ESPALIER_TOOLS"], "esp_image_tool")
ESPALIER = os.path.join(os.environ["ESPALIER_BINARY_DIR"], "espalier")
HOST_ID = 0xF057
C3_DROM = 0x3C000020
# Of esptool's chips, those that ESP-IDF has, too.
CHIPS = [name for name in CHIP_DEFS if name not in ("esp8266", "esp32e22")]
MODES = ["qio", "qout", "dio", "dout"]
SIZES = ["1MB", "2MB", "4MB", "8MB", "16MB", "32MB", "64MB", "128MB"]
counts = {}


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")
    print(f"ok: {what}")


def count(what, number=1):
    counts[what] = counts.get(what, 0) + number


def write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def ours(*arguments):
    done = subprocess.run([ESPALIER, "image", *arguments], capture_output=True)
    return done.returncode, done.stdout, done.stderr.decode()


@contextlib.contextmanager
def heard():
    """What the peer prints meanwhile."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        yield text


# ---- Images that the peer makes ----

def text(rng, room):
    return "".join(rng.choice("abcXYZ 0123456789.-_") for _ in range(rng.choice([0, 1, room - 1, room]))).encode()


def app_description(rng, elf_sha256=None):
    pages = [0, 16] if elf_sha256 else [0, 0, 13, 14, 15, 16]  # elf2image refuses those that the chip has not

    return struct.pack("<II8s32s32s16s16s32s32sHHBB2s72s", 0xABCD5432, rng.getrandbits(32), b"", text(rng, 32), text(rng, 32),
                       text(rng, 16), text(rng, 16), text(rng, 32), elf_sha256 or rng.randbytes(32), rng.randrange(400), rng.randrange(400),
                       rng.choice(pages), rng.randrange(4), b"", b"")


def bootloader_description(rng):
    return struct.pack("<B2sBI32s24s16s", 0x50, b"", rng.randrange(256), rng.getrandbits(32), text(rng, 32), text(rng, 24), b"")


def words(rng, most):
    return rng.randbytes(4 * rng.randrange(1, most))


def ram(rom):
    """An address range of the chip's memory for data, and one for code behind it, that no cache maps."""
    low, high = next((low, high) for low, high, kind in rom.MEMORY_MAP if kind == "DRAM")
    return low, high


def sections_of(rng, rom, is_app):
    """Of a bootloader only the first has 80 bytes: the peer looks for its description in the last that has, not in the first."""
    low, high = ram(rom)
    step = (high - low) // 8 & ~0xFF
    found = [ELFSection(b".dram0.bootdesc" if i == 0 and not is_app else b".dram0", low + i * step,
                        (bootloader_description(rng) if i == 0 and not is_app else b"") + words(rng, 300 if is_app else 19), 0)
             for i in range(rng.randrange(1, 5))]
    rtc = next((low for low, _, kind in rom.MEMORY_MAP if kind.startswith("RTC")), None)
    if rtc is not None and rng.random() < 0.4:
        found.append(ELFSection(b".rtc", rtc + 16 * rng.randrange(8), words(rng, 60), 0))
    if is_app:
        page = rom.DROM_MAP_START & ~0xFFFF
        found.append(ELFSection(b".flash.appdesc", page + 0x20, app_description(rng) + words(rng, 900), 0))
        if rng.random() < 0.7:
            code = rom.IROM_MAP_START & ~0xFFFF
            found.append(ELFSection(b".flash.text", code + 0x10000 * rng.randrange(2, 20) + 4 * rng.randrange(0x20), words(rng, 900), 0))
    return found


def image_of(rng, chip, is_app=True, has_hash=None):
    """An image of the peer's making, and what its class is."""
    rom = CHIP_DEFS[chip]
    image = rom.BOOTLOADER_IMAGE()
    image.append_digest = rng.random() < 0.8 if has_hash is None else has_hash
    image.segments = sections_of(rng, rom, is_app)
    image.entrypoint = rng.choice([0, rng.getrandbits(32)])
    image.flash_mode = rng.randrange(6)
    image.flash_size_freq = rng.randrange(256) if rng.random() < 0.3 else rng.randrange(8) << 4 | rng.choice(list(rom.FLASH_FREQUENCY.values()))
    image.wp_pin = rng.choice([0xEE, rng.randrange(256)])
    for pin in "clk_drv", "q_drv", "d_drv", "cs_drv", "hd_drv", "wp_drv":
        setattr(image, pin, rng.randrange(16))
    image.min_rev = rng.randrange(256)
    image.min_rev_full = rng.choice([0, rng.randrange(500), rng.randrange(65536)])
    image.max_rev_full = rng.choice([0, 65535, rng.randrange(500), rng.randrange(65536)])
    with heard():
        return image.save(None)


def elf_of(rng, rom):
    """A small ELF file with one section for data in flash and one for code in memory."""
    low, _ = ram(rom)
    parts = [(b".flash.appdesc", (rom.DROM_MAP_START & ~0xFFFF) + 0x20, app_description(rng, b"\0" * 32) + words(rng, 200), 2),
             (b".iram0.text", low + 0x400, words(rng, 200), 6)]
    names = b"\0" + b"".join(name + b"\0" for name, *_ in parts) + b".shstrtab\0"
    offset, headers, body = 52, [b"\0" * 40], b""
    for name, address, data, flags in parts:
        headers.append(struct.pack("<10I", names.index(name), 1, flags, address, offset + len(body), len(data), 0, 0, 4, 0))
        body += data
    headers.append(struct.pack("<10I", names.index(b".shstrtab"), 3, 0, 0, offset + len(body), len(names), 0, 0, 1, 0))
    body += names + b"\0" * (-len(names) % 4)
    machine = 94 if rom.CHIP_NAME in ("ESP32", "ESP32-S2", "ESP32-S3") else 243
    return b"\x7fELF\x01\x01\x01" + b"\0" * 9 + struct.pack("<HHIIIIIHHHHHH", 2, machine, 1, low + 0x400, 0, offset + len(body), 0, 52, 0, 0,
                                                           40, len(headers), len(headers) - 1) + body + b"".join(headers)


def image_of_elf(rng, chip):
    rom = CHIP_DEFS[chip]
    with heard():
        return esptool_cmds.elf2image(elf_of(rng, rom), chip, flash_mode=rng.choice(MODES), flash_size=rng.choice(SIZES),
                                      flash_freq=rng.choice(list(rom.FLASH_FREQUENCY)), min_rev_full=rng.randrange(200),
                                      max_rev_full=rng.randrange(200, 400), append_digest=rng.random() < 0.8)


# ---- What both say of an image ----

def field(pattern, output):
    found = re.search(pattern, output)
    return None if found is None else found.group(1)


def limit(revision):
    return None if revision in (0, 65535) else revision


def number_of(version):
    major, minor = version.split(".")
    return int(major) * 100 + int(minor)


def peer_header(output):
    drives = re.search(r"clk_drv: (\S+), q_drv: (\S+), d_drv: (\S+), cs0_drv: (\S+), hd_drv: (\S+), wp_drv: (\S+)", output)
    size, mode = field(r"Flash size: (\d+)MB", output), field(r"Flash mode: (\S+)", output)
    return {
        "entry": int(field(r"Entry point: (0x[0-9a-f]+)", output) or "0", 16),
        "segmentCount": int(field(r"Segments: (\d+)", output)),
        "size": None if size is None else int(size) << 20,
        "frequency": field(r"Flash freq: (\S+)", output),
        "mode": None if mode is None else mode.lower(),
        "wpPin": int(field(r"WP pin: (0x[0-9a-f]+)", output), 16),
        "wpPinDisabled": "(disabled)" in output,
        "drives": [int(pin, 16) for pin in drives.groups()],
        "chipId": int(field(r"Chip ID: (\d+)", output)),
        "minRevision": number_of(field(r"Minimal chip revision: v([\d.]+)", output)),
        "minRevisionOld": int(field(r"legacy min_rev = (\d+)", output)),
        "maxRevision": limit(number_of(field(r"Maximal chip revision: v([\d.]+)", output))),
    }


def our_header(said):
    flash, drives = said["flash"], said["driveStrengths"]
    return {
        "size": flash["sizeBytes"], "frequency": flash["frequency"], "mode": flash["mode"],
        "drives": [drives[pin] for pin in ("clk", "q", "d", "cs", "hd", "wp")],
        **{key: said[key] for key in ("entry", "segmentCount", "wpPin", "wpPinDisabled", "chipId", "minRevision", "minRevisionOld", "maxRevision")},
    }


def peer_segments(output):
    found = []
    for size, address, offset, kinds in re.findall(r"^ +\d+  (0x\w+)  (0x\w+)  (0x\w+)  (.*)$", output, re.M):
        found.append((int(address, 16), int(size, 16), int(offset, 16) + 8, kinds.strip()))
    return found


def our_segments(said):
    return [(one["loadAddress"], one["sizeBytes"], one["offset"], ", ".join(one["memory"])) for one in said["segments"]]


def peer_end(output):
    checksum = re.search(r"Checksum: (0x\w+) \((\w+)(?: - calculated (0x\w+))?\)", output)
    digest = re.search(r"Validation hash: (\w+) \((\w+)\)", output)
    stored = int(checksum.group(1), 16)
    return {"checksum": (stored, int(checksum.group(3), 16) if checksum.group(3) else stored, checksum.group(2) == "valid"),
            "hash": None if digest is None else (digest.group(1), digest.group(2) == "valid")}


def our_end(said):
    checksum, digest = said["checksum"], said["hash"]
    return {"checksum": (checksum["stored"], checksum["calculated"], checksum["valid"]),
            "hash": (digest["calculated"], digest["valid"]) if digest["appended"] else None}


def peer_description(output):
    if "Application Information" in output:
        page = field(r"MMU page size: (\d+) KB", output)
        return {"project": field(r"Project name: (.*)", output).strip(), "version": field(r"App version: (.*)", output).strip(),
                "stamp": field(r"Compile time: (.*)", output).strip(), "elfSha256": field(r"ELF file SHA256: (\w+)", output),
                "idfVersion": field(r"ESP-IDF: (.*)", output).strip(), "secureVersion": int(field(r"Secure version: (\d+)", output)),
                "minEfuseBlockRevision": number_of(field(r"Minimal eFuse block revision: (\S+)", output)),
                "maxEfuseBlockRevision": limit(number_of(field(r"Maximal eFuse block revision: (\S+)", output))),
                "mmuPageBytes": None if page is None else int(page) * 1024}
    if "Bootloader Information" in output:
        return {"version": int(field(r"Bootloader version: (\d+)", output)), "idfVersion": field(r"ESP-IDF: (.*)", output).strip(),
                "dateTime": field(r"Compile time: (.*)", output).strip()}
    return None


def our_description(said):
    if "app" in said:
        app = said["app"]
        return {"stamp": (app["date"] + " " + app["time"]).strip(),
                **{key: app[key].strip() if isinstance(app[key], str) else app[key] for key in
                   ("project", "version", "elfSha256", "idfVersion", "secureVersion", "minEfuseBlockRevision", "maxEfuseBlockRevision", "mmuPageBytes")}}
    if "bootloader" in said:
        return {key: said["bootloader"][key].strip() if key != "version" else said["bootloader"][key] for key in ("version", "idfVersion", "dateTime")}
    return None


def peer_says(chip, data):
    """(output, whether it finds the image right)"""
    with heard() as output:
        try:
            esptool_cmds.image_info(data, chip=chip)
        except Exception as error:  # it gives up in many ways
            return f"{output.getvalue()}\n{error}", False
    said = output.getvalue()
    return said, "(invalid" not in said


def we_say(path):
    status, output, errors = ours("info", path, "--output", "json")
    if status not in (0, 1):
        sys.exit(f"FAILED: status {status}: {errors}")
    return json.loads(output), status == 0


def compare(what, chip, data, path, has_description=True):
    """The peer gives up, at the end of what it says, where the first segment in DROM has no room for a description."""
    output, peer_right = peer_says(chip, data)
    said, right = we_say(path)
    for name, peer, our in (("header", peer_header, our_header), ("segments", peer_segments, our_segments),
                            ("end", peer_end, our_end), ("description", peer_description, our_description)):
        theirs, mine = peer(output), our(said)
        if theirs != mine:
            sys.exit(f"FAILED: {what}: {name} of {path}:\n  esptool  {theirs}\n  espalier {mine}")
    if has_description and peer_right != right:
        sys.exit(f"FAILED: {what}: {path}: esptool finds it {'right' if peer_right else 'wrong'}, we do not")


def test_images(rng, folder):
    path = os.path.join(folder, "image.bin")
    for chip in CHIPS:
        for case in range(CASES):
            if case % 4 == 3:
                data = image_of_elf(rng, chip)
            else:
                data = image_of(rng, chip, is_app=case % 4 < 2)
            if rng.random() < 0.3:  # as read back from flash
                data += b"\xff" * rng.randrange(1, 5000)
            write(folder, "image.bin", data)
            compare("image", chip, data, path)
            count("images")
    print(f"ok: {counts['images']} images of {len(CHIPS)} chips told alike, field by field")


def image_at(chip, nibbles, addresses):
    """An image with a segment of 4 bytes at each address."""
    data = struct.pack("<BBBBIBxxxHBHH4xB", 0xE9, len(addresses), 2, nibbles, 0x40080000, 0xEE, CHIP_DEFS[chip].IMAGE_CHIP_ID, 0, 0, 0, 0)
    data += b"".join(struct.pack("<II4s", address, 4, b"\0" * 4) for address in addresses)
    return data + b"\0" * (15 - len(data) % 16) + b"\xef"


def test_chips(rng, folder):
    """Every edge of every chip's memory map, and every number of a flash frequency and size."""
    path = os.path.join(folder, "edges.bin")
    for chip in CHIPS:
        edges = sorted({edge + step for low, high, _ in CHIP_DEFS[chip].MEMORY_MAP for edge in (low, high) for step in (-1, 0) if edge + step >= 0})
        for number in range(16):
            addresses = [edges[(16 * number + i) % len(edges)] for i in range(16)]
            data = image_at(chip, number << 4 | number, addresses)
            write(folder, "edges.bin", data)
            compare("edges", chip, data, path, has_description=False)
            count("images of edges")
        assert len(edges) <= 256
    print(f"ok: {counts['images of edges']} images at every edge of the memory maps")


def damage(rng, data):
    broken = bytearray(data)
    kind = rng.random()
    if kind < 0.3:
        return "cut", bytes(broken[:rng.randrange(len(broken))])
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        at = rng.randrange(24) if kind < 0.5 else rng.randrange(len(broken))
        broken[at] ^= 1 << rng.randrange(8)
    return "flipped", bytes(broken)


def test_damaged(rng, folder):
    """What the peer refuses, we refuse; an image with a hash is refused by both, whatever is flipped."""
    path = os.path.join(folder, "damaged.bin")
    for case in range(CASES * len(CHIPS)):
        chip = CHIPS[case % len(CHIPS)]
        data = image_of(rng, chip, is_app=rng.random() < 0.7)
        what, broken = damage(rng, data)
        if broken == data:
            continue
        write(folder, "damaged.bin", broken)
        output, peer_right = peer_says(chip, broken)
        said, right = we_say(path)
        if right and not peer_right:
            sys.exit(f"FAILED: {what} image of {chip} (case {case}): esptool refuses it, we do not:\n{output}")
        if right and said["hash"]["appended"]:
            sys.exit(f"FAILED: {what} image of {chip} (case {case}) with a hash is taken for right")
        if not right and not said["problems"]:
            sys.exit(f"FAILED: {what} image of {chip} (case {case}): no problem is named")
        count("damaged images")
        count("damaged images that only a hash would have shown", 1 if right else 0)
    print(f"ok: {counts['damaged images']} damaged images refused by both"
          f" ({counts['damaged images that only a hash would have shown']} have no hash, and a header that says something else now)")


# ---- Merging ----

def random_parts(rng, chip, most_bytes):
    """(offset, bytes) of files that share no sector; often a bootloader at its place, and a cut or foreign one."""
    parts, at = [], 0
    boot = CHIP_DEFS[chip].BOOTLOADER_FLASH_OFFSET
    if rng.random() < 0.8:
        data = image_of(rng, chip, is_app=False)
        if rng.random() < 0.15:
            data = data[:rng.randrange(5, len(data) - 32)]  # a hash cut short the peer makes up (docs/decisions/0006)
        elif rng.random() < 0.2:
            data += rng.randbytes(rng.randrange(1, 3000))
        parts.append((boot, data))
        at = boot + len(data)
    for _ in range(rng.randrange(0 if parts else 1, 5)):
        at = (at + 0xFFF & ~0xFFF) + rng.choice([0, 0, 0x1000, 0x10000 - 0x1000, rng.randrange(0x40000)])
        data = b"\xaa" + rng.randbytes(rng.choice([0, 1, 14, 15, 16, 0xFFF, rng.randrange(most_bytes)]))
        parts.append((at, data))
        at += len(data)
    rng.shuffle(parts)
    return parts


def settings(rng, chip):
    keep = rng.random() < 0.3
    return {"flash_mode": "keep" if keep else rng.choice(["keep"] + MODES), "flash_size": "keep" if keep else rng.choice(["keep"] + SIZES),
            "flash_freq": "keep" if keep else rng.choice(["keep"] + list(CHIP_DEFS[chip].FLASH_FREQUENCY))}


def merge_case(rng, folder, form, case):
    chip = CHIPS[case % len(CHIPS)]
    parts = random_parts(rng, chip, 3000 if form == "hex" else 70000)
    options, arguments = settings(rng, chip), ["--format", form, "--chip", chip]
    for name, value in options.items():
        arguments += ["--" + name.replace("_", "-"), value]
    if form == "raw" and rng.random() < 0.5:
        options["target_offset"] = min(offset for offset, _ in parts) & ~rng.choice([0xFFF, 0xFFFF])
        arguments += ["--target-offset", hex(options["target_offset"])]
    if form == "raw" and rng.random() < 0.3:
        options["pad_to_size"] = "4MB"
        arguments += ["--pad-to-size", "4MB"]
    if form == "uf2" and rng.random() < 0.5:
        options["chunk_size"] = 4 * rng.randrange(1, 114)
        arguments += ["--chunk-size", str(options["chunk_size"])]
    if form == "uf2" and rng.random() < 0.4:
        options["md5_disable"] = True
        arguments.append("--md5-disable")
    theirs, mine = os.path.join(folder, "theirs"), os.path.join(folder, "mine")
    pairs = []
    for i, (offset, data) in enumerate(parts):
        pairs += [hex(offset), write(folder, f"part{i}.bin", data)]
    with heard():
        esptool_cmds.merge_bin(parts, chip, output=theirs, format=form, **options)
    status, _, errors = ours("merge", mine, *pairs, *arguments)
    if status != 0:
        sys.exit(f"FAILED: merge {form}, case {case}: {errors}")
    with open(theirs, "rb") as one, open(mine, "rb") as other:
        if one.read() != other.read():
            sys.exit(f"FAILED: merge {form}, case {case}: {arguments} {[(hex(o), len(d)) for o, d in parts]}: the bytes differ")
    count(f"merged {form}")


def peer_finds_overlap(words_of_parts):
    context = SimpleNamespace()
    try:
        with heard():
            AddrFilenamePairType().convert(words_of_parts, None, context)
    except click.BadParameter as error:
        return "overlap" in str(error)
    return False


def test_overlaps(rng, folder):
    found, sets = 0, max(40, CASES * 4)
    for case in range(sets):
        words_of_parts = []
        for i in range(rng.randrange(2, 4)):
            words_of_parts += [hex(0x400 * rng.randrange(64)), write(folder, f"o{i}.bin", b"\xaa" + rng.randbytes(rng.choice([0, 4095, rng.randrange(9000)])))]
        status, _, errors = ours("merge", os.path.join(folder, "mine"), *words_of_parts, "--chip", "esp32")
        theirs = peer_finds_overlap(words_of_parts)
        if theirs != (status != 0):
            sys.exit(f"FAILED: overlap, case {case}: esptool says {theirs}, we say {errors or 'none'}")
        found += theirs
    check(0 < found < sets, f"of {sets} sets of files the same {found} overlap")


def test_merges(rng, folder):
    for form in "raw", "hex", "uf2":
        for case in range(CASES * len(CHIPS)):
            merge_case(rng, folder, form, case)
        print(f"ok: {counts[f'merged {form}']} sets of files merged as {form}, the same bytes")
    test_overlaps(rng, folder)


# ---- Wrong usage, and folders ----

def expect(arguments, status, message):
    got, output, errors = ours(*arguments)
    if got != status or message not in errors:
        sys.exit(f"FAILED: {arguments}: status {got}, {errors}")
    count("refusals")
    return output


def build_folder(rng, folder, chip="esp32c3", sums=True):
    """A bundle, as flasher_args.json and SHA256SUMS describe it."""
    build = tempfile.mkdtemp(dir=folder)
    boot = CHIP_DEFS[chip].BOOTLOADER_FLASH_OFFSET
    files = {"bootloader.bin": (boot, image_of(rng, chip, is_app=False)), "app.bin": (0x10000, image_of(rng, chip)), "raw.bin": (0x9000, b"\xaa" * 100)}
    for name, (_, data) in files.items():
        write(build, name, data)
    args = {"flash_settings": {"flash_mode": "qout", "flash_size": "detect", "flash_freq": "keep"},
            "flash_files": {hex(offset): name for name, (offset, _) in files.items()},
            "bootloader": {"offset": hex(boot), "file": "bootloader.bin"}, "extra_esptool_args": {"chip": chip}}
    write(build, "flasher_args.json", json.dumps(args).encode())
    if sums:
        write(build, "SHA256SUMS", "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, (_, data) in files.items()).encode())
    return build, files


def test_folders(rng, folder):
    theirs, mine = os.path.join(folder, "theirs"), os.path.join(folder, "mine")
    for chip in CHIPS:
        build, files = build_folder(rng, folder, chip, sums=rng.random() < 0.5)
        with heard():
            esptool_cmds.merge_bin(list(files.values()), chip, output=theirs, flash_mode="qout")
        expect(["merge", build, mine], 0, "there is no partition table among the files")
        with open(theirs, "rb") as one, open(mine, "rb") as other:
            check(one.read() == other.read(), f"a build folder for {chip} is merged with the settings it names")
    build, files = build_folder(rng, folder)
    expect(["merge", build, mine, "--chip", "esp32"], 1, "the folder is built for esp32c3, not for esp32")
    expect(["merge", build, mine, "--flash-mode", "opi"], 1, "flash mode 'opi' is none of qio, qout, dio, dout, keep")
    os.chmod(os.path.join(build, "raw.bin"), 0o600)
    expect(["merge", build, mine], 0, "")
    check(os.stat(mine).st_mode & 0o777 == 0o600, "what holds a secret file is as secret")
    write(build, "raw.bin", b"\xbb" * 100)
    expect(["merge", build, mine], 1, "raw.bin is not the file that SHA256SUMS names; fetch the bundle again")
    with open(os.path.join(build, "SHA256SUMS"), "w") as file:
        file.write("0" * 64 + "  app.bin\n")
    expect(["merge", build, mine], 1, "bootloader.bin is not in SHA256SUMS; fetch the bundle again")
    os.unlink(os.path.join(build, "flasher_args.json"))
    expect(["merge", build, mine], 1, "flasher_args.json: No such file")


def test_refusals(rng, folder):
    app = write(folder, "app.bin", image_of(rng, "esp32c3", has_hash=True))
    s3 = write(folder, "s3.bin", image_of(rng, "esp32s3"))
    raw = write(folder, "raw.bin", b"\xaa" * 5000)
    with open(app, "rb") as file:
        good = file.read()
    flipped = bytearray(good)
    flipped[-1] ^= 1
    bad = write(folder, "bad.bin", bytes(flipped))
    unknown = bytearray(image_of(rng, "esp32c3", has_hash=False))
    unknown[12:14] = b"\x34\x12"
    foreign = write(folder, "foreign.bin", bytes(unknown))
    out = os.path.join(folder, "out")
    rows = [
        (["info"], 2, "one file is needed"),
        (["info", app, app], 2, "one file is needed"),
        (["info", app, "-o", "yaml"], 2, "--output takes text or json, not 'yaml'"),
        (["info", os.path.join(folder, "none")], 1, "No such file"),
        (["info", foreign, "-o", "json"], 0, ""),
        (["verify"], 2, "one file is needed"),
        (["verify", app, "--chip", "esp8266"], 2, "--chip 'esp8266' is not known here"),
        (["verify", app, "--partition-size", "big"], 2, "--partition-size takes a number from 0x1 to 0xffffffff"),
        (["verify", app, "--revision", "v1.100"], 2, "--revision takes a revision (v0.3, or 3 as in major * 100 + minor), not 'v1.100'"),
        (["verify", app, "--revision", "1.2.3"], 2, "--revision takes a revision"),
        (["verify", app, "--efuse-block-revision", "x"], 2, "--efuse-block-revision takes a number"),
        (["verify", app, "--secure-version", "-1"], 2, "--secure-version takes a number"),
        (["verify", app, "--table", raw], 1, "raw.bin: "),
        (["verify", bad], 1, "the chip would not start it"),
        (["verify", foreign], 1, "the chip would not start it"),
        (["verify", app, "-o", "json"], 0, ""),
        (["verify", app, "--bootloader"], 0, ""),
        (["merge"], 2, "a folder and a file to write are needed"),
        (["merge", out, "0x0", app, "0x8000"], 2, "a folder and a file to write are needed"),
        (["merge", app, out], 2, "app.bin is no folder; name a bundle, or pairs of a place in flash and a file"),
        (["merge", out, "zero", app], 2, "the place of a file takes a number"),
        (["merge", out, "0x100000000", app], 2, "the place of a file takes a number"),
        (["merge", out, "0x0", os.path.join(folder, "none")], 1, "No such file"),
        (["merge", out, "0x0", app, "0x10000", s3], 1, "s3.bin is an image for ESP32-S3, not for ESP32-C3"),
        (["merge", out, "0x0", app, "--chip", "esp32s3"], 1, "app.bin is an image for ESP32-C3, not for ESP32-S3"),
        (["merge", out, "0x0", app, "0x10000", foreign], 1, "foreign.bin is an image for an unknown chip, not for ESP32-C3"),
        (["merge", out, "0x0", bad], 1, "bad.bin: image: the appended SHA-256 is not that of its bytes"),
        (["merge", out, "0x0", raw], 2, "--chip is needed: none of the files is an image that says which"),
        (["merge", out, "0x0", raw, "--chip", "esp99"], 1, "the chip 'esp99' is not known here"),
        (["merge", out, "0x0", app, "--format", "elf"], 2, "--format takes raw, hex or uf2, not 'elf'"),
        (["merge", out, "0x0", app, "--format", "hex", "--target-offset", "0"], 2, "--target-offset is for --format raw only"),
        (["merge", out, "0x0", app, "--format", "uf2", "--pad-to-size", "4MB"], 2, "--pad-to-size is for --format raw only"),
        (["merge", out, "0x0", app, "--chunk-size", "256"], 2, "--chunk-size is for --format uf2 only"),
        (["merge", out, "0x0", app, "--md5-disable"], 2, "--md5-disable is for --format uf2 only"),
        (["merge", out, "0x0", app, "--format", "uf2", "--chunk-size", "454"], 1, "carries a multiple of 4 up to 452 bytes, not 454"),
        (["merge", out, "0x1000", app, "--target-offset", "0x2000"], 1, "app.bin lies at 0x1000, the file is to begin with 0x2000"),
        (["merge", out, "0x0", app, "--pad-to-size", "0x20"], 1, "to pad to"),
        (["merge", out, "0x0", app, "--flash-freq", "48m"], 1, "flash frequency '48m' is none of 80m, 40m, 26m, 20m, keep, which ESP32-C3 has"),
        (["merge", "-", "0x0", app, "-o", "json"], 2, "both the file and --output json would go to standard output"),
        (["merge", out, "0xfff000", raw, "--chip", "esp32c3"], 0, "it ends at 0x1000388; ESP32-C3 runs no code from behind 16 MB"),
        (["merge", out, "0x1000", raw, "--chip", "esp32c3", "--flash-mode", "dio"], 0, "nothing lies at 0x0, where ESP32-C3 has its bootloader"),
    ]
    for arguments, status, message in rows:
        expect(arguments, status, message)
    check(expect(["merge", "-", "0x10000", app, "--format", "raw", "--target-offset", "0x10000"], 0, "to be written at 0x10000") == good,
          "a file alone is what it was, on standard output, too")
    said = json.loads(expect(["merge", out, "0x8000", app, "-o", "json"], 0, ""))
    check((said["format"], said["chip"], said["startOffset"], said["endOffset"], said["sizeBytes"]) ==
          ("raw", "esp32c3", 0, 0x8000 + len(good), 0x8000 + len(good)) and said["parts"][0]["offset"] == 0x8000, "what was merged is told as JSON")
    piped = subprocess.run([ESPALIER, "image", "info", "-"], input=good, capture_output=True)
    check(piped.returncode == 0 and b"standard input" in piped.stdout, "images are read from standard input")
    test_slots(rng, folder)


def test_slots(rng, folder):
    data = b""
    while len(data) <= 0x1000:
        data = image_of(rng, "esp32c3")
    app = write(folder, "large.bin", data)
    table = write(folder, "table.csv", b"factory, app, factory, 0x10000, 0x1000\nota_0, app, ota_0, 0x20000, 0x100000\n")
    small = write(folder, "small.csv", b"factory, app, factory, 0x10000, 0x1000\n")
    said = json.loads(expect(["verify", app, "--table", table, "-o", "json"], 0, ""))
    check([(slot["label"], slot["fits"]) for slot in said["slots"]] == [("factory", False), ("ota_0", True)], "the slots that an image fits are told")
    expect(["verify", app, "--table", small], 1, "it fits no slot of the table")


# ---- Host images ----

def for_chip(image, chip):
    """The same image for another chip, its segment in flash-mapped memory, its appended hash made anew."""
    other = bytearray(image)
    other[12:14] = chip.to_bytes(2, "little")
    other[24:28] = C3_DROM.to_bytes(4, "little")
    other[-32:] = hashlib.sha256(other[:-32]).digest()
    return bytes(other)


def refusal(chip, path):
    """Why esptool does not write `path` to that chip: its own check, on a chip that answers nothing else."""
    rom = CHIP_DEFS[chip]
    port = mock.MagicMock(CHIP_NAME=rom.CHIP_NAME, IMAGE_CHIP_ID=rom.IMAGE_CHIP_ID, IS_STUB=True, secure_download_mode=False)
    port.get_secure_boot_v1_enabled.return_value = False
    port.get_flash_encryption_enabled.return_value = False
    try:
        with heard():
            esptool_cmds.write_flash(port, [(0x10000, path)])
    except FatalError as error:
        return str(error)
    except TypeError as error:  # past the check, where the chip would have to answer
        return str(error)
    return "written"


def test_host_images(rng, folder):
    program = write(folder, "program", b"\x7fELF" + rng.randbytes(150001))
    host = os.path.join(folder, "host.bin")
    subprocess.run([TOOL, "make", program, host], check=True)
    with open(host, "rb") as file:
        image = file.read()
    with heard() as output, contextlib.suppress(Exception):
        esptool_cmds.image_info(image)
    check("(valid)" not in output.getvalue(), "esptool does not know what a host image is")
    for chip in CHIPS:
        check(f"{CHIP_DEFS[chip].CHIP_NAME} image. Use the force" in refusal(chip, host), f"esptool refuses to flash it to an {chip}")
    output, _ = peer_says("esp32c3", image)
    check(f"Unexpected chip ID in image. Expected 5 but value was {HOST_ID}" in " ".join(output.split()),
          "esptool warns of a host image as that of another chip")
    said, right = we_say(host)
    check(right and said["chip"] == "host" and said["kind"] == "app", "we read it")
    c3 = write(folder, "c3.bin", for_chip(image, 5))
    compare("host image for a C3", "esp32c3", for_chip(image, 5), c3)
    check("is not an" not in refusal("esp32c3", c3), "esptool would flash the same image for a C3")
    check(we_say(c3)[0]["app"]["version"] == "1.4.2", "and both read its description")


def main():
    rng = random.Random(SEED)
    print(f"seed {SEED}, {CASES} cases of each of {len(CHIPS)} chips")
    with tempfile.TemporaryDirectory() as folder:
        test_host_images(rng, folder)
        test_images(rng, folder)
        test_chips(rng, folder)
        test_damaged(rng, folder)
        test_merges(rng, folder)
        test_folders(rng, folder)
        test_refusals(rng, folder)
    print(", ".join(f"{number} {what}" for what, number in counts.items()))


if __name__ == "__main__":
    main()
