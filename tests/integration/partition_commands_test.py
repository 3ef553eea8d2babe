#!/usr/bin/env python3
"""`espalier partitions` and `espalier otadata` as programs: every example of their help, exit statuses, standard input and output, JSON,
and files that are whole or as they were."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE, BINARY = Path(os.environ["ESPALIER_SOURCE_DIR"]), Path(os.environ["ESPALIER_BINARY_DIR"])
CSV = """# Name, Type, SubType, Offset, Size, Flags
nvs,     data, nvs,      0x9000, 16K
otadata, data, ota,      ,       8K
factory, app,  factory,  ,       512K
ota_0,   app,  ota_0,    ,       1M
ota_1,   app,  ota_1,    ,       1M
small,   data, nvs,      ,       4K, readonly
"""
ENVIRONMENT = dict(os.environ, PATH="%s:%s" % (BINARY, os.environ["PATH"]))
checks = 0


def check(condition, what):
    global checks
    checks += 1
    if not condition:
        sys.exit("FAILED: %s" % (what,))


def espalier(*arguments, data=b"", **more):
    return subprocess.run([str(BINARY / "espalier"), *arguments], input=data, capture_output=True, check=False,
                          env=dict(ENVIRONMENT, **more))


def document(*arguments, status=0, data=b""):
    done = espalier(*arguments, "--output", "json", data=data)
    check(done.returncode == status, (arguments, done))
    return json.loads(done.stdout)


def examples_run_as_printed():
    shutil.copy(SOURCE / "tests/data/esp32c3-otadata/otadata-after-rollback.bin", "otadata.bin")
    ran = 0
    for name in ("partitions build", "partitions show", "partitions check", "otadata show", "otadata set"):
        text = espalier(*name.split(), "--help").stdout.decode()
        for line in text.partition("\nExamples\n")[2].strip().splitlines():
            done = subprocess.run(["bash", "-ec", line], capture_output=True, text=True, check=False, env=ENVIRONMENT)
            check(done.returncode == 0, "%s: %s" % (line, done))
            ran += 1
    check(ran >= 15, "%d examples" % ran)
    print("%6d examples ran as printed" % ran)


def exit_statuses():
    Path("bad.csv").write_text("a,data,fat,,\n")
    for status, arguments in [
            (0, ["partitions", "build", "partitions.csv", "t.bin"]), (1, ["partitions", "build", "bad.csv", "b.bin"]),
            (1, ["partitions", "build", "absent.csv", "b.bin"]), (2, ["partitions", "build", "partitions.csv"]),
            (2, ["partitions", "build", "partitions.csv", "b.bin", "--secure", "v3"]),
            (2, ["partitions", "build", "partitions.csv", "b.bin", "--offset", "0x8001"]),
            (2, ["partitions", "build", "partitions.csv", "b.bin", "--offset", "0"]),
            (2, ["partitions", "build", "partitions.csv", "b.bin", "--chip", "esp33"]),
            (2, ["partitions", "build", "partitions.csv", "b.bin", "--extra-subtype", "app,x"]),
            (2, ["partitions", "build", "partitions.csv", "-", "--output", "json"]),
            (2, ["partitions", "build", "partitions.csv", "b.bin", "--output", "yaml"]),
            (2, ["partitions", "build", "partitions.csv", "b.bin", "--bootloader-offset", "x"]),
            (2, ["partitions", "show"]), (2, ["partitions", "show", "t.bin", "--format", "xml"]), (1, ["partitions", "show", "bad.csv"]),
            (2, ["partitions", "check", "t.bin", "--nonsense"]), (1, ["partitions", "check", "bad.csv"]), (0, ["partitions", "check", "t.bin"]),
            (2, ["otadata", "show"]), (1, ["otadata", "show", "t.bin"]), (2, ["otadata", "show", "o.bin", "--slots", "2", "--table", "t.bin"]),
            (1, ["otadata", "show", "o.bin", "--table", "bad.csv"]), (0, ["otadata", "set", "--new", "o.bin", "--slot", "0"]),
            (2, ["otadata", "set", "--new", "o.bin", "p.bin", "--slot", "0"]), (2, ["otadata", "set", "o.bin", "--slot", "0", "--factory"]),
            (2, ["otadata", "set", "o.bin", "--slot", "factory", "--state", "new"]), (2, ["otadata", "set", "o.bin", "--slot", "one"]),
            (2, ["otadata", "set", "o.bin"]), (1, ["otadata", "set", "o.bin", "--slot", "2"]), (1, ["otadata", "set", "absent.bin", "--slot", "1"]),
            (2, ["otadata", "set", "o.bin", "-", "--slot", "1", "--output", "json"])]:
        done = espalier(*arguments)
        check(done.returncode == status, "%s: %s" % (arguments, done))
        check((status == 0) or done.stderr or b"rror" in done.stdout, "%s says nothing" % arguments)
        check(status != 2 or b"--help" in done.stderr, "%s: no word of --help" % arguments)
        check(not Path("b.bin").exists(), "%s left a file" % arguments)


def a_failed_command_leaves_the_file_as_it_was():
    Path("kept.bin").write_bytes(b"before")
    check(espalier("partitions", "build", "bad.csv", "kept.bin").returncode == 1, "bad.csv")
    espalier("otadata", "set", "--new", "kept-o.bin", "--slot", "0")
    before = Path("kept-o.bin").read_bytes()
    check(espalier("otadata", "set", "kept-o.bin", "--slot", "7").returncode == 1, "slot 7")
    check(Path("kept.bin").read_bytes() == b"before" and Path("kept-o.bin").read_bytes() == before, "a file was changed")


def standard_input_and_output():
    piped = espalier("partitions", "build", "-", "-", data=CSV.encode())
    espalier("partitions", "build", "partitions.csv", "t.bin")
    check(piped.stdout == Path("t.bin").read_bytes() and len(piped.stdout) == 0xC00, piped)
    text = espalier("partitions", "show", "-", "--format", "csv", data=piped.stdout).stdout
    check(espalier("partitions", "build", "-", "-", data=text).stdout == piped.stdout, text)
    sector = piped.stdout + b"\xff" * 0x400
    check(espalier("partitions", "show", "-", data=sector).stdout == espalier("partitions", "show", "t.bin").stdout, "a whole sector")
    made = espalier("otadata", "set", "--new", "-", "--slot", "1").stdout
    check(len(made) == 0x2000 and made[:4] == b"\2\0\0\0", made[:32])
    changed = espalier("otadata", "set", "-", "-", "--slot", "0", data=made).stdout
    check(changed[0x1000:0x1004] == b"\3\0\0\0" and changed[:0x1000] == made[:0x1000], changed[0x1000:0x1020])
    longer = made + bytes(range(256))
    check(espalier("otadata", "set", "-", "-", "--slot", "0", data=longer).stdout == changed + bytes(range(256)), "what lies behind")


def json_documents():
    built = document("partitions", "build", "partitions.csv", "t.bin")
    check(built["otaSlots"] == 2 and built["sizeBytes"] == 3072 and built["md5"] is True and built["findings"] == [], built)
    check(built["flashEnd"] == 0x291000, built)
    shown = document("partitions", "show", "t.bin")
    check(shown["kind"] == "binary" and [p["name"] for p in shown["partitions"]] == ["nvs", "otadata", "factory", "ota_0", "ota_1", "small"], shown)
    check(shown["partitions"][5] == {"name": "small", "type": "data", "typeNumber": 1, "subtype": "nvs", "subtypeNumber": 2, "offset": 0x290000,
                                     "sizeBytes": 0x1000, "encrypted": False, "alwaysEncrypted": False, "readonly": True, "flags": 2}, shown)
    checked = document("partitions", "check", "partitions.csv", "--flash-size", "4MB")
    check(checked["ok"] is True and checked["kind"] == "csv" and checked["flashBytes"] == 4 << 20, checked)
    check(checked["gaps"] == [{"offset": 0xF000, "sizeBytes": 0x1000}, {"offset": 0x291000, "sizeBytes": 0x16F000}] and
          checked["freeBytes"] == 0x170000, checked)
    faulty = document("partitions", "check", "bad.csv", status=1)
    check(faulty["ok"] is False and faulty["findings"] == [{"severity": "error", "line": 1, "text": "Error at line 1: Size field can't be empty"}],
          faulty)
    rolled = json.loads(espalier("otadata", "show", str(SOURCE / "tests/data/esp32c3-otadata/otadata-after-rollback.bin"), "--table",
                                 str(SOURCE / "tests/data/esp32c3-otadata/partition-table.bin"), "--output", "json").stdout)
    check(rolled["starts"] == "ota_0" and rolled["activeRecord"] == 0 and rolled["fallbacks"] == ["ota_1"], rolled)
    check(rolled["records"][1] == {"empty": False, "usable": False, "sequence": 2, "state": "ABORTED", "crcOk": True, "slot": "ota_1"}, rolled)


def variables_and_extra_subtypes():
    text = b"a,app,mine,,${SIZE}\nb,bootloader,primary,N/A,N/A\n"
    done = espalier("partitions", "build", "-", "-", "--extra-subtype", "app, mine, 0x40", "--chip", "esp32", data=text, SIZE="64K")
    check(done.returncode == 0 and done.stdout[3] == 0x40 and done.stdout[36:40] == b"\0\x10\0\0", done)
    done = espalier("partitions", "build", "-", "-", "--extra-subtype", "app, mine, 0x40", data=text, SIZE="64K")
    check(done.returncode == 1 and b"Primary bootloader offset is not defined" in done.stderr, done)


def no_terminal_sees_control_characters():
    table = espalier("partitions", "build", "partitions.csv", "-").stdout
    evil = table[:12] + b"\x1b[2J" + table[16:]
    done = espalier("partitions", "show", "-", data=evil)
    check(done.returncode == 1 and b"\x1b" not in done.stdout + done.stderr and b"\\x1b" in done.stdout, done)


def who_asks_a_table_for_its_apps_needs_no_offsets():
    """A bootloader's row has its place from the options of `partitions build`; for slots it does not matter."""
    Path("rows.csv").write_text("boot, bootloader, primary, N/A, N/A\notadata, data, ota, , 8K\nota_0, app, ota_0, , $SLOT\nota_1, app, ota_1, , $SLOT\n")
    Path("garbage.bin").write_bytes(b"\xe9" + bytes(40))
    done = espalier("otadata", "show", "o.bin", "--table", "rows.csv", SLOT="1M")
    check(done.returncode == 0 and b"ota_1" in done.stdout, done)
    done = espalier("image", "verify", "garbage.bin", "--table", "rows.csv", SLOT="1M")
    check(done.returncode == 1 and done.stdout.count(b"where the image ends is not known") == 2, done)
    for command in (["otadata", "show", "o.bin"], ["image", "verify", "garbage.bin"]):
        done = espalier(*command, "--table", "rows.csv")
        check(done.returncode == 1 and b"rows.csv: Error at line 3: unknown variable 'SLOT'" in done.stderr, done)


def libcrypto_is_not_opened():
    for arguments in (["partitions", "build", "partitions.csv", "t.bin"], ["partitions", "check", "t.bin"],
                      ["otadata", "set", "--new", "o.bin", "--slot", "1"]):
        done = espalier(*arguments, LD_DEBUG="libs")
        check(done.returncode == 0 and b"libglib" in done.stderr and b"libcrypto" not in done.stderr, arguments)


def main():
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    Path("partitions.csv").write_text(CSV)
    for test in (examples_run_as_printed, exit_statuses, a_failed_command_leaves_the_file_as_it_was, standard_input_and_output, json_documents,
                 variables_and_extra_subtypes, no_terminal_sees_control_characters, libcrypto_is_not_opened,
                 who_asks_a_table_for_its_apps_needs_no_offsets):
        test()
        print("ok: " + test.__name__)
    os.chdir("/")
    shutil.rmtree(folder)
    print("%6d checks" % checks)


main()
