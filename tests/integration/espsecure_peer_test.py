#!/usr/bin/env python3
"""Our flash encryption and signatures against espsecure of esptool, both ways, on random inputs.

The seed is printed; ESPSECURE_PEER_SEED, ESPSECURE_PEER_CASES (of encryption) and ESPSECURE_PEER_SIGNED (of
signatures) repeat a run or lengthen it.
"""
import contextlib
import io
import os
import random
import subprocess
import sys
import tempfile
import time
import zlib

import espsecure
from cryptography.hazmat.primitives import serialization

SEED = int(os.environ.get("ESPSECURE_PEER_SEED") or random.SystemRandom().randrange(1 << 32))
CASES = int(os.environ.get("ESPSECURE_PEER_CASES", "6000"))
SIGNED = int(os.environ.get("ESPSECURE_PEER_SIGNED", "60"))

SECTOR, BLOCK, CRC_AT = 4096, 1216, 1196
RIGHT, ABSENT = "3", "0"
# Chip and size of key: every scheme that there is.
KEYS = [("esp32", 32), ("esp32", 24), ("esp32c3", 32), ("esp32s3", 32), ("esp32s3", 64), ("esp32c2", 16), ("esp32c2", 32)]
# Addresses by what they are multiples of, and up to the end of the flash: the ESP32's is 16 MiB at most.
ALIGNMENTS = [0x10, 0x20, 0x80, 0x1000, 0x10000]
EDGES = [0x0, 0x1000, 0x8000, 0x10000, 0x400000, 0xFFE000]
LARGE_EDGES = [0xFFFFF0, 0x1000000, 0x1FFFFF0, 0x7FFF000, 0xFFFF0000]
MOST_BYTES = 0x1000
# Of each scheme: where digest, key (behind the curve) and signature lie in a block, and how long they are.
LAYOUTS = {"rsa3072": ((4, 32), (36, 776), (812, 384)), "ecdsa192": ((4, 32), (37, 48), (101, 48)),
           "ecdsa256": ((4, 32), (37, 64), (101, 64)), "ecdsa384": ((4, 48), (53, 96), (149, 96))}
RSA_HELPERS = (424, 388)  # R and M', which espsecure does not look at and a chip multiplies with


class Ours:
    def __init__(self):
        tool = os.path.join(os.environ["ESPALIER_TOOLS"], "security_tool")
        self.process = subprocess.Popen([tool], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        """The words of the answer after "ok"; None, and the message in self.message, if it is an error."""
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            sys.exit("security_tool ended")
        if answer[0] == "ok":
            return answer[1:] or [""]
        self.message = bytes.fromhex(answer[1]).decode()
        return None

    def bytes(self, *words):
        answer = self.ask(*words)
        return None if answer is None else bytes.fromhex(answer[0])

    def end(self):
        self.process.stdin.close()
        return self.process.wait()


def check(condition, what):
    if not condition:
        sys.exit(f"seed {SEED}: {what}")


def quietly(function, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments)


# -- flash encryption --

class Named(io.BytesIO):
    """A file in memory with the name that espsecure asks for."""

    def __init__(self, data=b"", name="memory"):
        super().__init__(data)
        self.name = name


def peer_crypt(function, chip, config, address, key, data):
    output = Named(name="output")
    quietly(function, Named(key, "key"), output, address, config, chip != "esp32", Named(data, "input"))
    return output.getvalue()


def place(rng, chip):
    if rng.random() < 0.3:
        return rng.choice(EDGES if chip == "esp32" else EDGES + LARGE_EDGES)
    step = rng.choice(ALIGNMENTS)
    end = rng.choice([0x400000, 0x1000000] if chip == "esp32" else [0x400000, 0x8000000, 0xFFFF0000])
    return rng.randrange((end - MOST_BYTES) // step) * step


def encryption(rng, ours):
    counts, configs, alignments = {}, set(), set()
    for case in range(CASES):
        chip, size = KEYS[case % len(KEYS)]
        config = rng.randrange(16) if chip == "esp32" else 15
        address, key = place(rng, chip), rng.randbytes(size)
        data = rng.randbytes(16 * rng.choice([1, 2, 3, 7, 8, 9, 15, 17, rng.randint(1, MOST_BYTES // 16)]))
        what = f"{chip}, {size}-byte key {key.hex()}, config {config:#x}, address {address:#x}, {len(data)} bytes"
        words = (chip, config, address, key.hex(), data.hex())

        encrypted = peer_crypt(espsecure.encrypt_flash_data, chip, config, address, key, data)
        check(ours.bytes("encrypt", *words) == encrypted, f"encryption differs: {what}")
        decrypted = peer_crypt(espsecure.decrypt_flash_data, chip, config, address, key, data)
        check(ours.bytes("decrypt", *words) == decrypted, f"decryption differs: {what}")
        check(ours.bytes("decrypt", chip, config, address, key.hex(), encrypted.hex()) == data, f"not undone: {what}")
        counts[(chip, size)] = counts.get((chip, size), 0) + 1
        configs.add(config)
        alignments.update(step for step in ALIGNMENTS if address % step == 0)
    check(len(counts) == len(KEYS) and len(configs) == 16 and len(alignments) == len(ALIGNMENTS), "a class never came")
    return counts


def encryption_refusals(ours):
    """What both refuse."""
    key, refused = bytes(range(32)).hex(), 0
    for chip, address, size in [("esp32", 0x10008, 16), ("esp32c3", 0x10008, 16), ("esp32c3", 0x10000, 17),
                                ("esp32c3", 0x10000, 8)]:
        check(ours.ask("encrypt", chip, 15, address, key, "00" * size) is None, "we encrypt what is no block")
        try:
            peer_crypt(espsecure.encrypt_flash_data, chip, 15, address, bytes(range(32)), bytes(size))
            sys.exit("espsecure encrypts what is no block")
        except Exception as error:  # esptool.FatalError and others
            check("multiple of 16" in str(error) and "multiple of 16" in ours.message, str(error))
            refused += 1
    return refused


# -- signatures --

class Key:
    def __init__(self, folder, scheme, number):
        self.scheme = scheme
        self.path = os.path.join(folder, f"{scheme}-{number}.pem")
        self.public = os.path.join(folder, f"{scheme}-{number}.pub.pem")
        quietly(espsecure.generate_signing_key, "2", scheme, self.path)
        with open(self.path, "rb") as file:
            private = serialization.load_pem_private_key(file.read(), None)
        with open(self.public, "wb") as file:
            file.write(private.public_key().public_bytes(serialization.Encoding.PEM,
                                                         serialization.PublicFormat.SubjectPublicKeyInfo))
        with open(self.path, "rb") as file:
            self.digest = quietly(espsecure._digest_sbv2_public_key, file).hex()


def peer_sign(folder, image, keys, append):
    source, target = os.path.join(folder, "in"), os.path.join(folder, "out")
    with open(source, "wb") as file:
        file.write(image)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open(key.path, "rb")) for key in keys]
        quietly(espsecure.sign_secure_boot_v2, files, target, append, False, None, [], [],
                stack.enter_context(open(source, "rb")))
    with open(target, "rb") as file:
        return file.read()


def peer_verifies(image, key):
    """espsecure's answer; what makes it stumble is a refusal, too."""
    try:
        with open(key.public, "rb") as file:
            quietly(espsecure.verify_signature_v2, False, None, file, Named(image, "image"))
        return True
    except Exception:
        return False


def without_random(image, keys):
    """The signed image, but for the signatures and the CRCs over them."""
    image = bytearray(image)
    start = len(image) - SECTOR
    for i, key in enumerate(keys):
        at, size = LAYOUTS[key.scheme][2]
        image[start + i * BLOCK + at:start + i * BLOCK + at + size] = bytes(size)
        image[start + i * BLOCK + CRC_AT:start + i * BLOCK + CRC_AT + 4] = bytes(4)
    return bytes(image)


def sign(ours, folder, image, keys, append, by_us):
    if by_us:
        signed = ours.bytes("sign", "append" if append else "fresh", ",".join(key.path for key in keys), image.hex())
        check(signed is not None, f"we refuse to sign: {getattr(ours, 'message', '')}")
        return signed
    return peer_sign(folder, image, keys, append)


def chosen(rng, keys):
    """One to three different keys. espsecure stumbles over RSA keys asked of ECDSA blocks and the other way, and over
    curves of different hashes, so what it shall verify is all of one kind."""
    kind = rng.choice([("rsa3072",), ("ecdsa192", "ecdsa256"), ("ecdsa384",)])
    fitting = [key for key in keys if key.scheme in kind]
    return rng.sample(fitting, rng.randint(1, min(3, len(fitting))))


def flip(rng, image, at, size, seal, lowest=0):
    """A bit in `size` bytes at `at` of the first block, `lowest` or above in its byte; with the CRC made anew."""
    image = bytearray(image)
    start = len(image) - SECTOR
    image[start + at + rng.randrange(size)] ^= 1 << rng.randrange(lowest, 8)
    if seal:
        image[start + CRC_AT:start + CRC_AT + 4] = zlib.crc32(image[start:start + CRC_AT]).to_bytes(4, "little")
    return bytes(image)


def damages(rng, image, key):
    """Images that are no longer signed, by what was changed."""
    layout = LAYOUTS[key.scheme]
    content = bytearray(image)
    content[rng.randrange(len(image) - SECTOR)] ^= 1 << rng.randrange(8)
    yield "content", bytes(content)
    yield "magic", flip(rng, image, 0, 1, True)
    yield "version", flip(rng, image, 1, 1, True, 1)  # bit 0 tells RSA from ECDSA, which espsecure knows by its key
    yield "CRC", flip(rng, image, CRC_AT, 4, False)
    yield "anything under the CRC", flip(rng, image, 0, CRC_AT, False)
    yield "digest", flip(rng, image, *layout[0], True)
    yield "signature", flip(rng, image, *layout[2], True)


def signatures(rng, ours, folder, keys):
    counts = {"verified": 0, "refused": 0, "triple": 0, "mixed": 0}
    for case in range(SIGNED):
        some = chosen(rng, keys)
        image = rng.randbytes(rng.choice([1, 4095, 4096, 4097, 8192, rng.randint(1, 40000)]))
        if image[0] == 0xE9:  # the head of an app image would name a chip
            image = b"\0" + image[1:]
        first, by_us = rng.randint(1, len(some)), rng.random() < 0.5
        signed = sign(ours, folder, image, some[:first], False, by_us)
        if first < len(some):
            signed = sign(ours, folder, signed, some[first:], True, not by_us)
            counts["mixed"] += 1
        counts["triple"] += len(some) == 3
        names = ", ".join(key.scheme for key in some)
        padded = len(image) + -len(image) % SECTOR
        check(len(signed) == padded + SECTOR, f"case {case}: {len(signed)} bytes")
        check(without_random(signed, some) == without_random(peer_sign(folder, image, some, False), some),
              f"case {case}: what is not random differs ({names})")
        states = ours.ask("verify", "-", signed.hex())
        check(states == [",".join([RIGHT] * len(some) + [ABSENT] * (3 - len(some)))],
              f"case {case}: we judge {states} ({names})")
        for key in some:
            check(peer_verifies(signed, key), f"case {case}: espsecure refuses ({names})")
            check(ours.ask("verify", key.digest, signed.hex()) is not None, f"case {case}: we refuse ({names})")
            counts["verified"] += 1
        other = next(key for key in keys if key not in some)
        check(ours.ask("verify", other.digest, signed.hex()) is None, "we take another key's signature")
        single = sign(ours, folder, image, some[:1], False, by_us)
        for name, damaged in damages(rng, single, some[0]):
            check(not peer_verifies(damaged, some[0]), f"case {case}: espsecure takes it with another {name} ({names})")
            check(ours.ask("verify", some[0].digest, damaged.hex()) is None,
                  f"case {case}: we take it with another {name} ({names})")
            counts["refused"] += 1
    check(counts["mixed"] > 0 and (counts["triple"] > 0 or SIGNED < 40), "no image was signed by both, or three times")
    return counts


def stricter(rng, ours, folder, keys):
    """What we refuse and espsecure takes, as it looks at the key that it was given and not at the block's: a chip
    compares the digest of the block's key with its eFuses, and computes with R and M'."""
    count = 0
    for key in keys:
        signed = peer_sign(folder, b"image", [key], False)
        for _ in range(8):
            damaged = flip(rng, signed, *LAYOUTS[key.scheme][1], True)
            check(ours.ask("verify", key.digest, damaged.hex()) is None, f"we take another {key.scheme} key in the block")
            check(peer_verifies(damaged, key), "espsecure looks at the block's key now: move this among the damages")
            count += 1
        if key.scheme == "rsa3072":
            damaged = flip(rng, signed, *RSA_HELPERS, True)
            check(ours.ask("verify", key.digest, damaged.hex()) is None, "we take R or M' of another modulus")
            check("does not belong to the modulus" in ours.message, ours.message)
    return count


def main():
    rng, ours, started = random.Random(SEED), Ours(), time.monotonic()
    print(f"seed {SEED}", flush=True)
    counts = encryption(rng, ours)
    refused = encryption_refusals(ours)
    print(f"flash encryption: {sum(counts.values())} cases equal both ways ("
          + ", ".join(f"{chip} {8 * size} bit: {n}" for (chip, size), n in counts.items())
          + f"), {refused} refused by both, {time.monotonic() - started:.1f} s", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        keys = [Key(folder, scheme, number) for scheme in LAYOUTS for number in range(3)]
        for key in keys:
            check(ours.ask("digest", "private", key.path) == [key.digest, key.scheme], f"digest of {key.scheme}")
            check(ours.ask("digest", "public", key.public) == [key.digest, key.scheme], f"public digest of {key.scheme}")
        made = signatures(rng, ours, folder, keys)
        strict = stricter(rng, ours, folder, keys)
    print(f"signatures: {len(keys)} key digests equal, {SIGNED} images ({made['mixed']} signed by both, {made['triple']} "
          f"with three keys), {made['verified']} signatures verified both ways, {made['refused']} damaged ones refused by "
          f"both, {strict} by us alone, {time.monotonic() - started:.1f} s")
    check(ours.end() == 0, "security_tool failed")


if __name__ == "__main__":
    main()
