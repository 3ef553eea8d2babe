#!/usr/bin/env python3
"""`espalier nvs …` as programs: files and `-`, JSON, exit statuses, messages, modes, atomicity; images against those of
esp-idf-nvs-partition-gen; factory runs that are killed at random moments and taken up again.

The seed is printed; NVS_COMMANDS_SEED and NVS_COMMANDS_KILLS repeat a run or lengthen it."""
import base64
import contextlib
import csv
import fcntl
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import esp_idf_nvs_partition_gen.nvs_partition_gen as peer

SOURCE, BINARY = Path(os.environ["ESPALIER_SOURCE_DIR"]), Path(os.environ["ESPALIER_BINARY_DIR"])
GOLDEN = SOURCE / "tests/data/nvs-device"
SEED = int(os.environ.get("NVS_COMMANDS_SEED") or random.SystemRandom().randrange(1 << 32))
KILLS = int(os.environ.get("NVS_COMMANDS_KILLS", "12"))
ENVIRONMENT = dict(os.environ, PATH="%s:%s" % (BINARY, os.environ["PATH"]))
VERBS = ("generate", "dump", "check", "diff", "plan", "keys", "encrypt", "decrypt", "batch")
CSV = """key,type,encoding,value
wifi,namespace,,
ssid,data,string,garden
pass,data,string,"correct, horse"
chan,data,u8,6
device,namespace,,
serial,data,u64,18446744073709551615
cert,data,hex2bin,00ff1122
offset,data,i16,-5
"""
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit("FAILED (seed %d): %s" % (SEED, what))


def nvs(*arguments, data=b""):
    return subprocess.run([str(BINARY / "espalier"), "nvs", *map(str, arguments)], input=data, capture_output=True, check=False)


def done(*arguments, data=b"", status=0):
    result = nvs(*arguments, data=data)
    check(result.returncode == status, (arguments, result))
    return result.stdout


def document(*arguments, **more):
    return json.loads(done(*arguments, "--output", "json", **more))


def fails(status, message, *arguments, data=b""):
    result = nvs(*arguments, data=data)
    check(result.returncode == status and message in result.stderr.decode(), "%s: %r wanted, %s" % (arguments, message, result))
    check(status != 2 or b"--help" in result.stderr, "%s: no word of --help" % (arguments,))


def mode(path):
    return Path(path).stat().st_mode & 0o777


def peer_image(text, size, version=2, keys=None, folder="peer"):
    os.makedirs(folder, exist_ok=True)
    Path(folder, "in.csv").write_text(text)
    arguments = SimpleNamespace(input=folder + "/in.csv", output="out.bin", size=hex(size), version=version, outdir=folder)
    with contextlib.redirect_stdout(io.StringIO()):
        peer.generate(arguments, is_encr_enabled=keys is not None, encr_key=keys)
    return Path(folder, "out.bin").read_bytes().ljust(size, b"\xff")


# ---- One image ----

def inputs():
    Path("settings.csv").write_text(CSV)
    Path("config.csv").write_text("wifi,namespace,\nssid,data,string,REPEAT\nid,namespace,\nserial,data,u32\n")
    Path("values.csv").write_text("name,ssid,serial\na1,garden,1\na2,,2\n")
    Path("efuse-key.bin").write_bytes(bytes(range(1, 33)))
    os.chmod("efuse-key.bin", 0o600)
    done("keys", "keys.bin")


def generates_what_the_peer_generates():
    for size in (0x1000, 0x3000, 0x6000):
        for version in (1, 2):
            done("generate", "settings.csv", "nvs.bin", "--size", hex(size), "--format-version", version)
            check(Path("nvs.bin").read_bytes() == peer_image(CSV, size, version), "size %#x, version %d" % (size, version))
    keys = Path("keys.bin").read_bytes()[:64]
    done("generate", "settings.csv", "nvs-encrypted.bin", "--size", "24K", "--encrypt-with", "keys.bin")
    check(Path("nvs-encrypted.bin").read_bytes() == peer_image(CSV, 0x6000, keys=keys.hex()), "encrypted")
    done("generate", "settings.csv", "nvs.bin", "--size", "0x6000")
    piped = done("generate", "-", "-", "--size", "24576", data=CSV.encode())
    check(piped == Path("nvs.bin").read_bytes(), "through pipes")
    check(mode("nvs.bin") == 0o600 and mode("keys.bin") == 0o600, "modes")
    Path("first.csv").write_text("key,type,encoding,value\na,namespace,,\nx,data,u8,1\n")
    Path("second.csv").write_text("value,key,type,encoding\n2,y,data,u8\n")
    done("generate", "first.csv", "second.csv", "two.bin", "--size", "0x3000")
    check(done("dump", "two.bin", "--format", "tsv") == b"a\tx\tnvs_get_u8\t1\na\ty\tnvs_get_u8\t2\n", "two files")
    Path("blob.dat").write_bytes(b"\x00\x01")
    text = b"key,type,encoding,value\na,namespace,,\nf,file,binary,blob.dat\n"
    check(done("generate", "-", "-", "--size", "0x3000", data=text)[0x60:0x80] != b"\xff" * 32, "file row")
    info = document("generate", "settings.csv", "nvs.bin", "--size", "0x6000")
    check((info["keys"], info["namespaces"], info["sizeBytes"], info["encrypted"]) == (6, 2, 0x6000, False), info)


def refuses_to_generate():
    Path("kept.bin").write_bytes(b"before")
    for csv_text, message in (
            ("key,type,encoding,value\na,namespace,,\nk,data,u8,256\n", "bad.csv: line 3: key 'a.k' is 256, which does not fit u8"),
            ("key,type,encoding,value\nk,data,u8,1\n", "bad.csv: line 2: there is no namespace yet"),
            ("key,type,encoding,value\na,namespace,,\nk,file,u8,absent.txt\n", "bad.csv: line 3: reading absent.txt: No such file"),
            ("key,type,encoding,value\na,namespace,,\nk,data,hex2bin,%s\n" % ("00" * 9000), "bytes too many")):
        Path("bad.csv").write_text(csv_text)
        fails(1, message, "generate", "bad.csv", "kept.bin", "--size", "0x3000")
    fails(1, "absent.csv: No such file", "generate", "absent.csv", "kept.bin", "--size", "0x3000")
    fails(1, "is given twice", "generate", "settings.csv", "settings.csv", "kept.bin", "--size", "0x3000")
    check(Path("kept.bin").read_bytes() == b"before" and not list(Path().glob(".tmp-*")), "a failure left something")
    fails(2, "say with --size", "generate", "settings.csv", "b.bin")
    fails(2, "multiple of 0x1000", "generate", "settings.csv", "b.bin", "--size", "0x3001")
    fails(2, "--size takes a number", "generate", "settings.csv", "b.bin", "--size", "big")
    fails(2, "--format-version takes 1 or 2", "generate", "settings.csv", "b.bin", "--size", "0x3000", "--format-version", "3")
    fails(2, "name one CSV", "generate", "settings.csv", "--size", "0x3000")
    fails(2, "cannot both go", "generate", "settings.csv", "-", "--size", "0x3000", "--output", "json")
    fails(2, "--output takes", "generate", "settings.csv", "b.bin", "--size", "0x3000", "--output", "yaml")
    fails(1, "absent.bin: No such file", "generate", "settings.csv", "b.bin", "--size", "0x3000", "--encrypt-with", "absent.bin")
    check(not Path("b.bin").exists(), "b.bin")


def dumps():
    golden = 0
    keys = GOLDEN / "keys.bin"
    if keys.exists():
        shutil.copy(keys, "golden-keys.bin")
        os.chmod("golden-keys.bin", 0o600)
    for image in sorted(GOLDEN.glob("dev-*.bin")):
        arguments = ["--keys", "golden-keys.bin"] if "-xts" in image.name else []
        result = nvs("dump", image, "--format", "tsv", *arguments)
        check(result.stdout == image.with_suffix(".tsv").read_bytes(), "%s: %s" % (image, result.stderr.decode()))
        golden += 1
    check(golden >= 16, "%d golden images" % golden)
    table = done("dump", "nvs.bin").decode()
    check("wifi       pass    string     14  \"correct, horse\"" in table, table)
    again = done("generate", "-", "-", "--size", "0x6000", data=done("dump", "nvs.bin", "--format", "csv"))
    check(done("dump", "-", "--format", "tsv", data=again) == done("dump", "nvs.bin", "--format", "tsv"), "csv and back")
    shown = document("dump", "nvs-encrypted.bin", "--keys", "keys.bin")
    values = {entry["key"]: entry.get("value", entry.get("valueHex")) for entry in shown["entries"]}
    check(values == {"ssid": "garden", "pass": "correct, horse", "chan": 6, "serial": "18446744073709551615", "cert": "00ff1122",
                     "offset": -5}, values)
    check(json.loads(done("dump", "nvs.bin", "--format", "json"))["entries"] == shown["entries"], "--format json")
    print("%6d golden images dumped to the letter" % golden)


def dumps_what_is_left_of_damage():
    image = bytearray(Path("nvs.bin").read_bytes())
    image[64 + 2 * 32 + 1] ^= 1  # the data of wifi.ssid
    Path("damaged.bin").write_bytes(image)
    result = nvs("dump", "damaged.bin", "--format", "tsv")
    check(result.returncode == 1 and b"wifi\tpass" in result.stdout and b"wifi\tssid" not in result.stdout, result)
    check(b"damaged.bin: page 0, entry" in result.stderr, result)
    shown = document("dump", "damaged.bin", status=1)
    check(shown["damaged"] and shown["findings"][0]["page"] == 0, shown["findings"])
    for name, data in (("zero", bytes(0x3000)), ("noise", random.Random(SEED).randbytes(0x3000)), ("short", bytes(100)),
                       ("grown", Path("nvs.bin").read_bytes() + b"tail")):
        Path(name + ".bin").write_bytes(data)
        result = nvs("dump", name + ".bin")
        check(result.returncode == 1 and b"fault" in result.stderr, (name, result))
    check(b"wifi" in nvs("dump", "grown.bin").stdout, "a grown image is read as far as it goes")
    fails(1, "encrypted", "dump", "nvs-encrypted.bin")
    fails(1, "absent.bin: No such file", "dump", "absent.bin")
    fails(2, "--format takes", "dump", "nvs.bin", "--format", "xml")
    fails(2, "name the image", "dump")


def checks_and_compares():
    report = document("check", "nvs.bin")
    check(report["faults"] == 0 and report["keys"] == 6 and [p["state"] for p in report["pages"][:2]] == ["active", "unused"], report)
    check(b"6 keys can be read; 0 faults" in done("check", "nvs.bin"), "check")
    report = document("check", "damaged.bin", status=1)
    check(report["faults"] >= 1 and report["findings"][0]["severity"] == "fault", report)
    check(b"page 0, entry" in done("check", "damaged.bin", status=1), "check names page and entry")
    check(document("check", "nvs-encrypted.bin", status=1)["looksEncrypted"], "looksEncrypted")
    done("check", "nvs-encrypted.bin", "--keys", "keys.bin")
    fails(2, "name the image", "check", "a", "b")
    fails(1, "absent.bin", "check", "absent.bin")
    fails(1, "reading", "check", ".")

    check(done("diff", "nvs.bin", "nvs-encrypted.bin", "--other-keys", "keys.bin") == b"", "the same, one encrypted")
    other = CSV.replace("garden", "house").replace("chan,data,u8,6", "new,data,u8,6")
    Path("other.bin").write_bytes(done("generate", "-", "-", "--size", "0x3000", data=other.encode()))
    text = done("diff", "nvs.bin", "other.bin", status=1).decode()
    check(text == "- wifi.chan  u8, size 1\n+ wifi.new  u8, size 1\n~ wifi.ssid  string, size 6  ->  string, size 5\n", text)
    check("\"garden\"  ->  string, size 5: \"house\"" in done("diff", "nvs.bin", "other.bin", "--values", status=1).decode(), "--values")
    for values in ([], ["--values"]):
        changes = document("diff", "nvs.bin", "other.bin", *values, status=1)["differences"]
        check([c["change"] for c in changes] == ["removed", "added", "changed"], changes)
        check((changes[2]["second"].get("value") == "house") == bool(values), "values only where asked for")
    check(document("diff", "nvs.bin", "nvs.bin")["same"], "same")
    fails(2, "name two images", "diff", "nvs.bin")
    fails(1, "absent.bin", "diff", "nvs.bin", "absent.bin")
    fails(1, "page 0, entry", "diff", "nvs.bin", "damaged.bin")


def plans():
    plan = document("plan", "settings.csv", "--size", "0x3000")
    check(plan["fits"] and plan["missingBytes"] == 0 and plan["freeBytes"] == plan["capacityBytes"] - plan["usedBytes"], plan)
    more = "".join("n%d,data,u8,1\n" % n for n in range(plan["moreNumbers"]))
    done("generate", "-", "fits.bin", "--size", "0x3000", data=(CSV + more).encode())
    fails(1, "32 bytes too many", "generate", "-", "no.bin", "--size", "0x3000", data=(CSV + more + "n,data,u8,1\n").encode())
    full = json.loads(done("plan", "-", "--output", "json", data=(CSV + more + "n,data,u8,1\n").encode(), status=1))
    check(not full["fits"] and full["missingBytes"] == 32 and full["smallestSizeBytes"] == 0x4000, full)
    check(b"does not fit: 32 bytes are missing" in done("plan", "-", data=(CSV + more + "n,data,u8,1\n").encode(), status=1), "plan")
    longest = CSV + "s,data,string,%s\n" % ("x" * plan["longestStringBytes"])
    check(document("plan", "-", data=longest.encode())["fits"], "longest string")
    blob = CSV + "b,data,hex2bin,%s\n" % ("00" * plan["longestBlobBytes"])
    check(document("plan", "-", data=blob.encode())["fits"], "longest blob")
    check(not document("plan", "-", data=blob.replace("b,data,hex2bin,", "b,data,hex2bin,00").encode(), status=1)["fits"], "a longer one")
    check(b"LARGEST KEYS" in done("plan", "settings.csv"), "plan")
    fails(2, "name one CSV", "plan")
    fails(2, "multiple of 0x1000", "plan", "settings.csv", "--size", "5000")
    fails(1, "absent.csv", "plan", "absent.csv")


def keeps_keys():
    before = Path("keys.bin").read_bytes()
    check(len(before) == 0x1000 and before[68:] == b"\xff" * (0x1000 - 68), "keys.bin")
    fails(1, "keys.bin is there already", "keys", "keys.bin")
    check(Path("keys.bin").read_bytes() == before, "keys were overwritten")
    check(done("keys", "-") != done("keys", "-"), "keys are not random")
    derived = document("keys", "derived.bin", "--hmac-key", "efuse-key.bin")
    check(derived["source"] == "hmac" and mode("derived.bin") == 0o600, derived)
    check(Path("derived.bin").read_bytes().hex().startswith("ff6989e4fafd2d8cb313aa5743f0173f9b8a2c8587872832134682e0e0538dbd"), "HMAC")
    os.umask(0)
    done("keys", "derived.bin", "--force")
    check(mode("derived.bin") == 0o600, "mode under umask 0")
    os.umask(0o022)
    fails(1, "an HMAC key has 32", "keys", "x.bin", "--hmac-key", "keys.bin")
    fails(2, "name the file for the keys", "keys")
    fails(2, "cannot both go", "keys", "-", "--output", "json")
    shutil.copy("keys.bin", "open.bin")
    os.chmod("open.bin", 0o644)
    fails(1, "open.bin", "dump", "nvs-encrypted.bin", "--keys", "open.bin")

    done("encrypt", "nvs.bin", "e.bin", "--keys", "keys.bin")
    check(Path("e.bin").read_bytes() == Path("nvs-encrypted.bin").read_bytes(), "encrypt")
    done("decrypt", "e.bin", "d.bin", "--keys", "keys.bin")
    check(Path("d.bin").read_bytes() == Path("nvs.bin").read_bytes() and mode("d.bin") == 0o600, "decrypt")
    check(done("decrypt", "-", "-", "--keys", "keys.bin", data=Path("e.bin").read_bytes()) == Path("nvs.bin").read_bytes(), "pipes")
    check(document("encrypt", "nvs.bin", "e.bin", "--keys", "keys.bin") == {"file": "e.bin", "sizeBytes": 0x6000}, "encrypt in JSON")
    for verb, image in (("encrypt", "nvs.bin"), ("decrypt", "e.bin")):
        fails(2, "cannot both go", verb, image, "-", "--keys", "keys.bin", "--output", "json")
        fails(2, "--keys", verb, image, "x.bin")
        fails(2, "name two files", verb, image, "--keys", "keys.bin")
        fails(1, "short.bin", verb, "short.bin", "x.bin", "--keys", "keys.bin")
    fails(1, "e.bin:", "encrypt", "e.bin", "x.bin", "--keys", "keys.bin")
    fails(1, "nvs.bin:", "decrypt", "nvs.bin", "x.bin", "--keys", "keys.bin")
    Path("corrupt.bin").write_bytes(bytes([before[0] ^ 1]) + before[1:])
    os.chmod("corrupt.bin", 0o600)
    fails(1, "corrupt.bin:", "decrypt", "e.bin", "x.bin", "--keys", "corrupt.bin")
    check(not Path("x.bin").exists(), "x.bin")


def examples_run_as_printed():
    for old, new in (("nvs.bin", "before.bin"), ("nvs.bin", "after.bin")):
        shutil.copy(old, new)
    ran = 0
    for verb in VERBS:
        text = done(verb, "--help").decode()
        for line in text.partition("\nExamples\n")[2].strip().splitlines():
            for made in ("keys.bin", "factory"):
                if verb in ("keys", "batch"):
                    shutil.rmtree(made, ignore_errors=True) if os.path.isdir(made) else Path(made).unlink(missing_ok=True)
            line = line.replace("--id-column serial", "--id-column name")
            result = subprocess.run(["bash", "-ec", line], capture_output=True, text=True, check=False, env=ENVIRONMENT)
            check(result.returncode == 0, "%s: %s" % (line, result))
            ran += 1
            if verb in ("keys", "batch"):
                done("keys", "keys.bin", "--force")
                done("generate", "settings.csv", "nvs-encrypted.bin", "--size", "0x6000", "--encrypt-with", "keys.bin")
    check(ran >= 15, "%d examples" % ran)
    print("%6d examples ran as printed" % ran)


def costs_little():
    """No libcrypto for what needs none, and a small process."""
    for arguments in (["generate", "settings.csv", "small.bin", "--size", "0x6000"], ["dump", "nvs.bin"], ["check", "nvs.bin"],
                      ["plan", "settings.csv"], ["batch", "config.csv", "values.csv", "--out", "small"]):
        result = subprocess.run([str(BINARY / "espalier"), "nvs", *arguments], capture_output=True, text=True, check=False,
                                env=dict(ENVIRONMENT, LD_DEBUG="files"))
        check("libcrypto" not in result.stderr, "%s loads libcrypto" % arguments)
    result = subprocess.run([str(BINARY / "espalier"), "nvs", "dump", "nvs-encrypted.bin", "--keys", "keys.bin"], capture_output=True,
                            text=True, check=False, env=dict(ENVIRONMENT, LD_DEBUG="files"))
    check("libcrypto" in result.stderr, "LD_DEBUG shows nothing")


# ---- Factory runs ----

KEYS = [("text", "string"), ("again", "string"), ("n8", "u8"), ("n16", "i16"), ("n32", "i32"), ("n64", "u64"), ("raw", "hex2bin"),
        ("b64", "base64"), ("bin", "binary")]


def value(rng, encoding):
    if encoding == "string" or encoding == "binary":
        return "".join(rng.choice("abc ,\"'xyz\n09") for _ in range(rng.randint(0, 60)))
    if encoding == "hex2bin":
        return rng.randbytes(rng.randint(0, 120)).hex()
    if encoding == "base64":
        return base64.b64encode(rng.randbytes(rng.randint(0, 120))).decode()
    bits = int(encoding[1:])
    return str(rng.randrange(1 << bits) - (1 << bits - 1 if encoding[0] == "i" else 0))


def factory(rng, n, folder):
    """Writes config and values; returns the CSV of each device by its name."""
    os.makedirs(folder, exist_ok=True)
    repeated, texts = value(rng, "string") or "x", {}
    with open(folder + "/config.csv", "w") as config:
        config.write("# a factory\none,namespace,\n")
        for index, (key, encoding) in enumerate(KEYS):
            config.write("two,namespace,\n\n" if index == 5 else "")
            config.write("%s,data,%s%s\n" % (key, encoding, ",REPEAT" if key == "again" else ""))
    with open(folder + "/values.csv", "w", newline="") as file:
        rows = csv.writer(file, lineterminator=rng.choice(["\n", "\r\n"]))
        rows.writerow(["name", "note"] + [key for key, _ in KEYS])
        for device in range(n):
            values = {key: value(rng, encoding) for key, encoding in KEYS}
            values["again"] = repeated if device == 0 or rng.random() < 0.2 else ""
            rows.writerow(["unit %d" % device, "n/a"] + [values[key] for key, _ in KEYS])
            values["again"] = repeated
            out = io.StringIO()
            made = csv.writer(out)
            made.writerow(["key", "type", "encoding", "value"])
            for index, (key, encoding) in enumerate(KEYS):
                if index in (0, 5):
                    made.writerow(["one" if index == 0 else "two", "namespace", "", ""])
                made.writerow([key, "data", encoding, values[key]])
            texts["unit %d" % device] = out.getvalue().replace("\r\n", "\n")
    return texts


def batches_are_what_the_peer_makes(rng):
    texts = factory(rng, 300, "f")
    keys = Path("keys.bin").read_bytes()[:64].hex()
    options = ["batch", "f/config.csv", "f/values.csv", "--id-column", "name", "--size", "0x4000"]
    info = document(*options, "--out", "plain", "--prefix", "P")
    check((info["devices"], info["alreadyMade"], info["encrypted"]) == (300, 0, False), info)
    done(*options, "--out", "same-keys", "--encrypt-with", "keys.bin", "--jobs", "1")
    done(*options, "--out", "own-keys", "--generate-keys")
    done(*options, "--out", "version-1", "--format-version", "1")
    seen = set()
    for name, text in texts.items():
        check(Path("plain/bin/P-%s.bin" % name).read_bytes() == peer_image(text, 0x4000), name)
        check(Path("same-keys/bin/%s.bin" % name).read_bytes() == peer_image(text, 0x4000, keys=keys), name)
        check(Path("version-1/bin/%s.bin" % name).read_bytes() == peer_image(text, 0x4000, version=1), name)
        own = Path("own-keys/keys/keys-%s.bin" % name)
        check(mode(own) == 0o600, own)
        seen.add(own.read_bytes())
        check(Path("own-keys/bin/%s.bin" % name).read_bytes() == peer_image(text, 0x4000, keys=own.read_bytes()[:64].hex()), name)
    check(len(seen) == 300 and mode("own-keys/keys") == 0o700 and mode("plain/bin/P-unit 0.bin") == 0o600, "keys")
    counted = done("batch", "f/config.csv", "-", "--out", "counted", "--size", "0x4000", data=Path("f/values.csv").read_bytes())
    check(Path("counted/bin/1.bin").read_bytes() == peer_image(texts["unit 0"], 0x4000) and b"300 devices made" in counted, "counted")
    print("%6d images of factory runs equal to the peer's" % (4 * len(texts)))


def batches_refuse():
    options = ["batch", "f/config.csv", "f/values.csv", "--id-column", "name", "--size", "0x4000"]
    fails(1, "plain holds a batch of other inputs or options, 300 of 300 devices done", *options, "--out", "plain")
    fails(1, "plain holds a batch", "batch", "f/config.csv", "f/values.csv", "--out", "plain", "--prefix", "P", "--id-column", "name",
          "--size", "0x5000")
    check(b"300 devices were there already" in done(*options, "--out", "plain", "--prefix", "P"), "again")
    os.makedirs("foreign/bin")
    Path("foreign/bin/other.bin").write_bytes(b"mine")
    fails(1, "foreign/bin/other.bin is there, and no journal says", *options, "--out", "foreign")
    check(os.listdir("foreign/bin") == ["other.bin"], "a foreign folder was written to")
    Path("foreign2").mkdir()
    Path("foreign2/batch.journal").write_text("espalier nvs batch 2\n")
    fails(1, "is no journal of a batch", *options, "--out", "foreign2")
    head, row = "name,ssid,serial\n", "u%d,%s,%d\n"
    for values, message in (
            (head + "a,g,1\nb,,2\na,,3\n", "line 4: the device has the name of that in line 2"),
            (head + "a,g,1\n../x,,2\n", "line 3: the device's name begins with a dot"),
            (head + "a,g,1\nx/y,,2\n", "line 3: the device's name has a slash"),
            (head + "a,g,1\n,,2\n", "line 3: the device's name is empty"),
            (head + "".join(row % (i, "g" if i == 0 else "", i if i != 700 else -1) for i in range(900)),
             "line 702, column 3: key 'id.serial' is negative"),
            (head + "a,g,1\nb,2\n", "line 3: the row has 2 columns"),
            (head + "a,g,1\nb,h,2\n", "line 3, column 2: key 'wifi.ssid' is marked REPEAT"),
            (head + "a,%s,1\n" % ("g" * 4100), "line 2, column 2: key 'wifi.ssid' is a string of 4100 bytes"),
            ("name,serial\na,1\n", "line 1, column 2: 'serial' stands where 'ssid' is next")):
        Path("wrong.csv").write_text(values)
        fails(1, "wrong.csv: " + message, "batch", "config.csv", "wrong.csv", "--out", "wrong", "--id-column", "name")
        check(not Path("wrong/bin").exists() and not Path("wrong").exists(), "files were made of wrong values")
    fails(1, "there is no column 'mac'", "batch", "config.csv", "values.csv", "--out", "wrong", "--id-column", "mac")
    fails(1, "absent.csv", "batch", "absent.csv", "values.csv", "--out", "wrong")
    fails(2, "--out", "batch", "config.csv", "values.csv")
    fails(2, "name the config and the values", "batch", "config.csv", "--out", "wrong")
    fails(2, "--jobs takes 1 to 256", "batch", "config.csv", "values.csv", "--out", "wrong", "--jobs", "257")
    fails(2, "choose one of", "batch", "config.csv", "values.csv", "--out", "wrong", "--generate-keys", "--encrypt-with", "keys.bin")
    held = os.open("plain", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    fails(1, "another batch is writing to plain", *options, "--out", "plain", "--prefix", "P")
    os.close(held)


def files_of_rows_count():
    Path("cert").write_text("one")
    Path("fc.csv").write_text("a,namespace,\nc,file,string\nn,data,u8\n")
    Path("fv.csv").write_text("c,n\n" + "".join("cert,%d\n" % (i % 256) for i in range(100)))
    done("batch", "fc.csv", "fv.csv", "--out", "files")
    check(b"nvs_get_str\t6f6e6500" in done("dump", "files/bin/77.bin", "--format", "tsv"), "file rows")
    Path("cert").write_text("two")
    fails(1, "files holds a batch of other inputs", "batch", "fc.csv", "fv.csv", "--out", "files")
    os.unlink("cert")
    fails(1, "fv.csv: line 2, column 1: reading cert: No such file", "batch", "fc.csv", "fv.csv", "--out", "files2")


def journal(folder):
    text = Path(folder, "batch.journal").read_text().split()
    return int(text[text.index("done") + 1]), int(text[text.index("begun") + 1])


def whole_or_absent(folder, with_keys):
    for path in Path(folder, "bin").iterdir():
        if path.name.startswith(".tmp-"):
            continue
        check(path.stat().st_size == 0x20000, "%s is half-written" % path)
        check(not with_keys or Path(folder, "keys", "keys-" + path.name).stat().st_size == 0x1000, "%s has no keys" % path)
    if Path(folder, "batch.journal").exists():
        made, begun = journal(folder)
        numbers = {int(path.stem) for path in Path(folder, "bin").glob("[0-9]*.bin")}
        check(all(number in numbers for number in range(1, made + 1)), "the journal says %d" % made)
        check(all(number <= begun for number in numbers), "more was begun than the journal's %d" % begun)


def touched(path):
    return path.stat().st_mtime_ns if path.exists() else 0


def end_somewhere(rng, process, folder, whole):
    """Kills the process at a random moment: half of the times of its whole life, else of the time in which it writes. 1 if it was killed."""
    path = Path(folder, "batch.journal")
    before, only_writing = touched(path), rng.random() < 0.5
    while only_writing and process.poll() is None and touched(path) == before:
        time.sleep(0.001)
    try:
        process.wait(timeout=rng.uniform(0.01, 0.7) * whole)
        return 0
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return 1


def survives_kills(rng):
    """Windows are small where images are large, so that the journal moves often."""
    n, size = 1500, "0x20000"
    Path("kv.csv").write_text("name,ssid,serial\n" + "".join("u,%s,%d\n" % ("g" if i == 0 else "", i) for i in range(n)))
    killed = moved = 0
    for with_keys in (False, True):
        arguments = [str(BINARY / "espalier"), "nvs", "batch", "config.csv", "kv.csv", "--out", "killed", "--size", size]
        arguments += ["--generate-keys"] if with_keys else []
        started = time.monotonic()
        subprocess.run(arguments[:6] + ["timed"] + arguments[7:], check=True, capture_output=True)
        whole = time.monotonic() - started
        expected = {path.name: path.read_bytes()[:0x1000] for path in Path("timed/bin").iterdir()}
        shutil.rmtree("timed")
        before = 0
        for _ in range(KILLS):
            process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            killed += end_somewhere(rng, process, "killed", whole)
            status = process.wait()
            check(status in (0, -signal.SIGKILL), process.stderr.read())
            if Path("killed/batch.journal").exists():
                whole_or_absent("killed", with_keys)
                check(journal("killed")[0] >= before, "the journal went back")
                moved += journal("killed")[0] > before
                before = journal("killed")[0]
            if status == 0:
                shutil.rmtree("killed")
                before = 0
        subprocess.run(arguments, check=True, capture_output=True)
        whole_or_absent("killed", with_keys)
        check(journal("killed") == (n, n) and len(os.listdir("killed/bin")) == n, "the end")
        check(not list(Path("killed").rglob(".tmp-*")), "temporaries are left")
        for path in Path("killed/bin").iterdir():
            image = path.read_bytes()
            if with_keys:
                keys = Path("killed/keys/keys-" + path.name)
                image = done("decrypt", path, "-", "--keys", keys) if int(path.stem) % 37 == 0 else expected[path.name]
            else:
                check(image[0x1000:] == b"\xff" * (0x20000 - 0x1000), path)
            check(with_keys or image[:0x1000] == expected[path.name], path)
            check(not with_keys or int(path.stem) % 37 != 0 or
                  done("dump", "-", "--format", "tsv", data=image).endswith(b"\t6700\n"), path)
        shutil.rmtree("killed")
    check(killed >= KILLS // 4 and moved >= 1, "%d kills, the journal moved %d times: too few to say anything" % (killed, moved))
    print("%6d kills survived, the journal moved in %d of the runs" % (killed, moved))


def main():
    rng = random.Random(SEED)
    print("seed %d" % SEED)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.umask(0o022)
        inputs()
        generates_what_the_peer_generates()
        refuses_to_generate()
        dumps()
        dumps_what_is_left_of_damage()
        checks_and_compares()
        plans()
        keeps_keys()
        examples_run_as_printed()
        costs_little()
        batches_are_what_the_peer_makes(rng)
        batches_refuse()
        files_of_rows_count()
        survives_kills(rng)
        os.chdir("/")
    print("%6d checks" % checks)


if __name__ == "__main__":
    main()
