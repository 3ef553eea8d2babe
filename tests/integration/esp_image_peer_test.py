#!/usr/bin/env python3
"""Our app images and esptool: it refuses the chip id of host devices, and agrees with us on checksums and hashes."""
import hashlib
import os
import random
import re
import subprocess
import sys
import tempfile
from unittest import mock

import esptool.cmds as esptool_cmds
from esptool import FatalError
from esptool.targets import CHIP_DEFS

TOOL = os.path.join(os.environ["ESPALIER_TOOLS"], "esp_image_tool")
HOST_ID = 0xF057
C3_ID = 5
C3_DROM = 0x3C000020
CHIPS = ["esp32", "esp32s2", "esp32s3", "esp32c3", "esp32c6", "esp32h2"]


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")
    print(f"ok: {what}")


def esptool(*arguments):
    environment = dict(os.environ, NO_COLOR="1", COLUMNS="200")
    done = subprocess.run([sys.executable, "-m", "esptool", *arguments], text=True, capture_output=True, env=environment)
    return done.returncode, done.stdout + done.stderr


def ours(path):
    done = subprocess.run([TOOL, "read", path], text=True, capture_output=True)
    return done.stdout.strip()


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
        esptool_cmds.write_flash(port, [(0x10000, path)])
    except FatalError as error:
        return str(error)
    except TypeError as error:  # past the check, where the chip would have to answer
        return str(error)
    return "written"


def write(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def footer(output):
    """(checksum, valid), (hash, valid) as esptool prints them."""
    checksum = re.search(r"Checksum: (0x[0-9a-f]+) \((\w+)", output)
    digest = re.search(r"Validation hash: ([0-9a-f]+) \((\w+)", output)
    return checksum.groups(), digest.groups()


def main():
    with tempfile.TemporaryDirectory() as folder:
        rng = random.Random(7)
        program = write(folder, "program", b"\x7fELF" + rng.randbytes(150001))
        host = os.path.join(folder, "host.bin")
        subprocess.run([TOOL, "make", program, host], check=True)
        with open(host, "rb") as file:
            image = file.read()

        _, output = esptool("image-info", host)
        check("(valid)" not in output, "esptool does not know what a host image is")
        for chip in CHIPS:
            check(f"{CHIP_DEFS[chip].CHIP_NAME} image. Use the force" in refusal(chip, host),
                  f"esptool refuses to flash it to an {chip}")
        _, output = esptool("--chip", "esp32c3", "image-info", host)
        check(f"Unexpected chip ID in image. Expected {C3_ID} but value was {HOST_ID}" in output,
              "esptool warns of a host image as that of another chip")
        check(ours(host).startswith(f"ok {HOST_ID} "), "we read it")

        c3 = write(folder, "c3.bin", for_chip(image, C3_ID))
        status, output = esptool("image-info", c3)
        (checksum, checksum_word), (digest, digest_word) = footer(output)
        check(status == 0 and checksum_word == "valid" and digest_word == "valid",
              "esptool finds the same image for a C3 valid")
        check(ours(c3) == f"ok {C3_ID} {checksum} {digest}", "we read the same checksum and hash")
        check("is not an" not in refusal("esp32c3", c3), "and would flash it to a C3")
        check("1.4.2" in output and "peer" in output, "esptool reads our app description")

        flipped = bytearray(for_chip(image, C3_ID))
        flipped[5000] ^= 1
        damaged = write(folder, "damaged.bin", bytes(flipped))
        _, output = esptool("image-info", damaged)
        (_, checksum_word), (_, digest_word) = footer(output)
        check(checksum_word == "invalid" and digest_word == "invalid", "esptool finds a flipped bit")
        check("it is damaged" in ours(damaged), "so do we")

        bad_hash = bytearray(for_chip(image, C3_ID))
        bad_hash[-1] ^= 1
        _, output = esptool("image-info", write(folder, "hash.bin", bytes(bad_hash)))
        (_, checksum_word), (_, digest_word) = footer(output)
        check(checksum_word == "valid" and digest_word == "invalid", "esptool finds a wrong hash")
        check("appended SHA-256" in ours(os.path.join(folder, "hash.bin")), "so do we")


if __name__ == "__main__":
    main()
