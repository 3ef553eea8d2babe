#!/usr/bin/env python3
"""A factory run of `espalier nvs batch`, 100,000 devices of 16 keys to files of 0x3000 bytes: rate, memory at 10,000 and at 100,000
devices, plain and with keys for each; beside it what Espressif's generator needs a device, looped in one process, CSV and image on the
same disk. NVS_BATCH_DEVICES makes it shorter."""
import base64
import contextlib
import io
import os
import pathlib
import random
import subprocess
import tempfile
import time
from types import SimpleNamespace

ROOT = pathlib.Path(__file__).resolve().parent.parent
ESPALIER = ROOT / "build" / "espalier"
DEVICES = int(os.environ.get("NVS_BATCH_DEVICES", "100000"))
PEER_DEVICES = 300
SIZE = 0x3000
KEYS = [("wifi", [("ssid", "string,REPEAT"), ("pass", "string,REPEAT"), ("channel", "u8")]),
        ("mqtt", [("host", "string,REPEAT"), ("port", "u16,REPEAT"), ("user", "string"), ("secret", "hex2bin"), ("keepalive", "u16")]),
        ("device", [("serial", "string"), ("rev", "u8"), ("offset", "i32"), ("made", "u64"), ("cal", "base64"), ("flags", "u32"),
                    ("label", "string"), ("key", "binary")])]
REPEATED = {"ssid": "factory net", "pass": "correct horse battery", "host": "mqtt.example.org", "port": "8883"}


def values_of(rng, device):
    return {"channel": device % 13 + 1, "user": "dev%06d" % device, "secret": rng.randbytes(16).hex(), "keepalive": 60,
            "serial": "SN-%010d" % device, "rev": 3, "offset": -device, "made": 1700000000000 + device,
            "cal": base64.b64encode(rng.randbytes(48)).decode(), "flags": device * 7, "label": "device %d of batch 7" % device,
            "key": "%032d" % device}


def write_inputs():
    rng = random.Random(1)
    with open("config.csv", "w") as config:
        for space, keys in KEYS:
            config.write("%s,namespace,\n" % space + "".join("%s,data,%s\n" % key for key in keys))
    names = [key for _, keys in KEYS for key, _ in keys]
    with open("values.csv", "w") as values:
        values.write("id," + ",".join(names) + "\n")
        for device in range(DEVICES):
            row = dict(values_of(rng, device), **(REPEATED if device == 0 else {}))
            values.write("dev%06d," % device + ",".join(str(row.get(name, "")) for name in names) + "\n")


def resident_kib(pid):
    """The most that a process has had resident so far. What wait4 says is Python's own, from before the exec."""
    try:
        lines = pathlib.Path("/proc/%d/status" % pid).read_text().splitlines()
    except OSError:
        return 0
    return max((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), default=0)


def run(n, *options):
    """Seconds and resident KiB of a run over the first n devices."""
    with open("values.csv") as values, open("part.csv", "w") as part:
        for _ in range(n + 1):
            part.write(values.readline())
    subprocess.run(["sh", "-c", "rm -rf out; sync"], check=True)
    started = time.monotonic()
    process = subprocess.Popen([ESPALIER, "nvs", "batch", "config.csv", "part.csv", "--out", "out", "--size", hex(SIZE), "--id-column",
                                "id", *options], stdout=subprocess.DEVNULL)
    most_kib = 0
    while process.poll() is None:
        most_kib = max(most_kib, resident_kib(process.pid))
        time.sleep(0.01)
    seconds = time.monotonic() - started
    if process.returncode != 0:
        raise SystemExit("espalier nvs batch failed")
    return seconds, most_kib


def peer_seconds(keys):
    """A device's time in the generator, in one process, from a CSV of its own to an image of its own."""
    import esp_idf_nvs_partition_gen.nvs_partition_gen as peer
    rng, texts = random.Random(1), []
    for device in range(PEER_DEVICES):
        row = dict(values_of(rng, device), **REPEATED)
        lines = ["key,type,encoding,value"]
        for space, pairs in KEYS:
            lines.append("%s,namespace,," % space)
            lines += ["%s,data,%s,%s" % (key, encoding.split(",")[0], row[key]) for key, encoding in pairs]
        texts.append("\n".join(lines) + "\n")
    os.makedirs("peer", exist_ok=True)
    started = time.monotonic()
    for device, text in enumerate(texts):
        pathlib.Path("peer/%d.csv" % device).write_text(text)
        arguments = SimpleNamespace(input="peer/%d.csv" % device, output="%d.bin" % device, size=hex(SIZE), version=2, outdir="peer",
                                    keyfile="%d-keys.bin" % device, inputkey=None, keygen=True, key_protect_hmac=False)
        with contextlib.redirect_stdout(io.StringIO()):
            peer.generate(arguments, is_encr_enabled=keys)
    seconds = (time.monotonic() - started) / PEER_DEVICES
    ours = subprocess.run([ESPALIER, "nvs", "generate", "peer/7.csv", "-", "--size", hex(SIZE)], check=True, capture_output=True).stdout
    if not keys and pathlib.Path("peer/7.bin").read_bytes() != ours:
        raise SystemExit("the images differ")
    return seconds


def report(what, options, with_keys):
    small, small_kib = run(DEVICES // 10, *options)
    large, large_kib = run(DEVICES, *options)
    rate, theirs = DEVICES / large, peer_seconds(with_keys)
    print("  %-26s %8.0f devices a second, %d in %.1f s; resident %.1f MiB at %d, %.1f MiB at %d" % (
        what, rate, DEVICES, large, small_kib / 1024, DEVICES // 10, large_kib / 1024, DEVICES))
    print("  %-26s %8.3f ms a device; ours %.3f ms: %.1f times as long" % ("  the generator's loop", theirs * 1e3, 1e3 / rate, theirs * rate))


def main():
    print("NVS factory run, %d devices (goal: 10,000 a second, the same memory at any number)" % DEVICES)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_inputs()
        report("plain", [], False)
        report("with keys for each device", ["--generate-keys"], True)
        os.chdir("/")


if __name__ == "__main__":
    main()
