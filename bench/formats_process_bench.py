#!/usr/bin/env python3
"""The commands of Espressif's formats as whole processes, beside Espressif's own tools in the same run.

Times are medians of many starts, one after another; memory is the largest resident size of one. Both come from
process_measure, a small program: a child of Python would count Python's memory as its own. FORMATS_RUNS is the number of
starts of ours (default 200), a tenth of it of a peer. Files are in memory (/dev/shm), for a disk would be measured
instead: what is written is synced before it gets its name, which the peers do not do. One row says what that costs here.
"""
import os
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("ESPALIER_BINARY_DIR") or ROOT / "build")
RUNS = int(os.environ.get("FORMATS_RUNS") or "200")
ESPALIER, MEASURE = str(BUILD / "espalier"), str(BUILD / "bench/process_measure")
PEER_NVS = [sys.executable, "-m", "esp_idf_nvs_partition_gen"]
PEER_IMAGE = [sys.executable, "-m", "esptool"]
APP_BYTES = 1024 * 1024


def settings_csv():
    """15 keys in 3 namespaces."""
    rng = random.Random(15)
    rows = ["key,type,encoding,value", "wifi,namespace,,"]
    rows += ["ssid,data,string,garden", "pass,data,string,correct horse battery", "channel,data,u8,6", "country,data,string,DE"]
    rows += ["mqtt,namespace,,", "uri,data,string,mqtts://broker.example:8883", "user,data,string,dev-001"]
    rows += ["pass,data,string,0123456789abcdefghijkl", "keepalive,data,u16,60", f"ca,data,hex2bin,{rng.randbytes(700).hex()}"]
    rows += ["device,namespace,,", "serial,data,u64,123456789012", "offset,data,i32,-17", "boots,data,u32,0", "gain,data,i16,-3"]
    rows += ["name,data,string,greenhouse probe", "table,data,base64,AAECAwQFBgc="]
    return "\n".join(rows) + "\n"


def app_image():
    """An ESP32-C3's app of one segment, with checksum and hash."""
    import hashlib
    data = bytearray(random.Random(3).randbytes(APP_BYTES))
    data[:256] = b"\x32\x54\xcd\xab" + bytes(252)
    header = bytes([0xE9, 1, 2, 0x20]) + (0x42000020).to_bytes(4, "little") + bytes([0xEE, 0, 0, 0]) + (5).to_bytes(2, "little")
    header += bytes([0, 0, 0, 0xFF, 0xFF]) + bytes(4) + b"\x01"
    image = bytearray(header + (0x3C000020).to_bytes(4, "little") + APP_BYTES.to_bytes(4, "little") + data)
    checksum = 0xEF
    for byte in data:
        checksum ^= byte
    image += bytes(15 - len(image) % 16) + bytes([checksum])
    return bytes(image) + hashlib.sha256(image).digest()


def measure(runs, *command):
    """(median in ms, MiB)."""
    output = subprocess.run([MEASURE, str(runs), *map(str, command)], stdout=subprocess.PIPE, check=True).stdout.split()
    return int(output[0]) / 1000, int(output[2]) / 1024


def row(what, ours, peer=None, goal=""):
    beside = f"{peer[0]:8.1f} ms {peer[1]:6.1f} MiB   {peer[0] / ours[0]:6.1f} x" if peer else " " * 31
    print(f"  {what:<44} {ours[0]:8.2f} ms {ours[1]:6.1f} MiB   {beside}  {goal}", flush=True)


def same_bytes(a, b):
    if pathlib.Path(a).read_bytes() != pathlib.Path(b).read_bytes():
        sys.exit(f"formats_process_bench: {a} and {b} differ: nothing to compare")


def nvs(folder):
    source, size = folder / "settings.csv", "0x6000"
    source.write_text(settings_csv())
    keys, ours, theirs = folder / "keys.bin", folder / "ours.bin", folder / "peer.bin"
    subprocess.run([ESPALIER, "nvs", "keys", keys], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    fast = measure(RUNS, ESPALIER, "nvs", "generate", source, ours, "--size", size)
    peer = measure(RUNS // 10, *PEER_NVS, "generate", source, theirs, size, "--outdir", folder)
    same_bytes(ours, theirs)
    row("nvs generate, 15 keys, 0x6000", fast, peer, "goal: 20 x, 8 MiB")
    fast = measure(RUNS, ESPALIER, "nvs", "generate", source, ours, "--size", size, "--encrypt-with", keys)
    peer = measure(RUNS // 10, *PEER_NVS, "encrypt", source, theirs, size, "--inputkey", keys, "--outdir", folder)
    same_bytes(ours, theirs)
    row("the same, encrypted", fast, peer, "goal: 20 x, 8 MiB")
    row("nvs dump, encrypted", measure(RUNS, ESPALIER, "nvs", "dump", ours, "--keys", keys))
    with tempfile.TemporaryDirectory() as disk:
        row("nvs generate to a disk, with its sync",
            measure(RUNS, ESPALIER, "nvs", "generate", source, pathlib.Path(disk) / "out.bin", "--size", size))


def images(folder):
    image = folder / "app.bin"
    image.write_bytes(app_image())
    peer = measure(max(RUNS // 20, 1), *PEER_IMAGE, "image-info", image)
    row("image info, 1 MiB", measure(RUNS, ESPALIER, "image", "info", image), peer)
    row("image verify, 1 MiB", measure(RUNS, ESPALIER, "image", "verify", image))


def partitions(folder):
    table = folder / "partitions.csv"
    table.write_text("nvs,data,nvs,,0x6000\notadata,data,ota,,0x2000\nota_0,app,ota_0,,1M\nota_1,app,ota_1,,1M\n")
    row("partitions build", measure(RUNS, ESPALIER, "partitions", "build", table, folder / "table.bin"))


def main():
    print(f"Espressif's formats, whole processes ({RUNS} starts; load {os.getloadavg()[0]:.1f})")
    print(f"  {'':<44} {'ours':>22}   {'Espressif':>22}   {'ratio':>8}")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as name:
        folder = pathlib.Path(name)
        row("bare fork and exec: /bin/true", measure(RUNS, "/bin/true"))
        row("espalier --help", measure(RUNS, ESPALIER, "--help"), goal="goal: 6 ms")
        nvs(folder)
        images(folder)
        partitions(folder)


if __name__ == "__main__":
    main()
