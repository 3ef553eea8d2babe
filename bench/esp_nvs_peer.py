#!/usr/bin/env python3
"""Espressif's NVS generator looped in one process and to memory, for esp_nvs_bench.c.

    esp_nvs_peer.py CSV ROUNDS SIZE: prints, plain and then encrypted, the median of microseconds an image and its zlib CRC.
"""
import csv
import io
import statistics
import sys
import time
import zlib

import esp_idf_nvs_partition_gen.nvs_partition_gen as peer

KEY = bytes([0x11] * 32 + [0x22] * 32)


def image(rows, size, encrypt):
    out = io.BytesIO()
    nvs = peer.nvs_open(out, size - 4096, peer.Page.VERSION2, is_encrypt=encrypt, key=KEY if encrypt else None)
    for row in rows:
        peer.write_entry(nvs, row["key"], row["type"], row["encoding"], row["value"])
    peer.nvs_close(nvs)
    return out.getvalue()


def main():
    rows, rounds, size = list(csv.DictReader(io.StringIO(sys.argv[1]))), int(sys.argv[2]), int(sys.argv[3])
    for encrypt in (False, True):
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            made = image(rows, size, encrypt)
            times.append(time.perf_counter() - start)
        print(statistics.median(times) * 1e6, zlib.crc32(made))


if __name__ == "__main__":
    main()
