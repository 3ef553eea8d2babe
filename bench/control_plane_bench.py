#!/usr/bin/env python3
"""What the control plane of one machine costs: start, one device, a thousand devices, one changed Secret, memory.

Uses the release build in build/. Prints figures with their goals; judges nothing.
"""
import base64
import http.client
import json
import os
import pathlib
import re
import shutil
import ssl
import statistics
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
ESPALIER = ROOT / "build" / "espalier"
DEVICES = 1000
SINGLE_DEVICES = 100
STARTS = 5
SETTLE_S = 30  # Events of a burst are sent, what it left free goes back to the system
BASE = """
apiVersion: espalier.dev/v1alpha1
kind: Storage
metadata: {name: artefacts}
spec: {directory: {name: bench}}
---
apiVersion: espalier.dev/v1alpha1
kind: DeviceCluster
metadata: {name: bench}
spec: {mqtt: {broker: {type: Local}}, storageReference: {name: artefacts}}
---
apiVersion: espalier.dev/v1alpha1
kind: DeviceClass
metadata: {name: probe}
spec: {deviceClusterReference: {name: bench}, chip: host, firmware: {builder: {}, version: 1.0.0}}
---
apiVersion: v1
kind: Secret
metadata: {name: wifi, labels: {espalier.dev/settings: "true"}}
stringData: {wifi.ssid: bench, wifi.pass: benchbench}
---
apiVersion: espalier.dev/v1alpha1
kind: DeviceGroup
metadata: {name: all}
spec: {selector: {matchLabels: {bench: "yes"}}, priority: 1, secret: {name: wifi}}
"""
DEVICE = ("apiVersion: espalier.dev/v1alpha1\nkind: Device\nmetadata: {name: %s, labels: {bench: 'yes'}}\n"
          "spec: {deviceClassReference: {name: probe}}\n---\n")


def show(name, value, goal=""):
    print("  %-58s %14s   %s" % (name, value, goal), flush=True)


class Plane:
    """An `espalier up`."""

    def __init__(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="espalier-bench-"))
        self.data = self.work / "state"

    def up(self, *options):
        began = time.monotonic()
        done = subprocess.run([ESPALIER, "up", "--data", self.data, "--port", "0", "--broker-port", "0",
                               "--artefact-port", "0", "--detach", *options], check=True, capture_output=True, text=True)
        return time.monotonic() - began, done.stdout

    def down(self):
        subprocess.run([ESPALIER, "down", "--data", self.data], check=True)

    def run(self, *arguments):
        subprocess.run([ESPALIER, *arguments, "--data", self.data], check=True, stdout=subprocess.DEVNULL)

    def connect(self):
        port = json.loads((self.data / "ports.json").read_text())["api"]
        context = ssl.create_default_context(cafile=str(self.data / "ca.crt"))
        return http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=120)

    def headers(self):
        token = json.loads((self.data / "tokens.json").read_text())["administrator"]
        return {"Authorization": "Bearer " + token, "Content-Type": "application/json"}

    def memory(self):
        """Private and resident bytes of the process itself, children apart."""
        pid = (self.data / "pid").read_text().strip()
        values = {}
        for line in pathlib.Path("/proc/%s/smaps_rollup" % pid).read_text().splitlines()[1:]:
            key, value = line.split(":")
            values[key] = int(value.split()[0]) * 1024
        return values["Private_Clean"] + values["Private_Dirty"], values["Rss"]


    def cpu(self):
        """Seconds of CPU of the process itself, kernel included."""
        fields = pathlib.Path("/proc/%s/stat" % (self.data / "pid").read_text().strip()).read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def children(self):
        """Private bytes of the processes below it (the broker)."""
        pid, total = (self.data / "pid").read_text().strip(), 0
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                if stat.read_text().rsplit(")", 1)[1].split()[1] == pid:
                    rollup = (stat.parent / "smaps_rollup").read_text()
                    total += sum(int(kib) * 1024 for kib in re.findall(r"Private_\w+: +(\d+)", rollup))
            except OSError:
                continue
        return total


def mib(value):
    return "%.1f MiB" % (value / 1024 / 1024)


def ms(value):
    return "%.1f ms" % (value * 1000)


def fsync_time():
    """Median of an fsync of 4 KiB in the folder that the bench uses."""
    with tempfile.NamedTemporaryFile() as file:
        times = []
        for _ in range(100):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times)


def bench_start():
    times, without = [], []
    for _ in range(STARTS):
        plane = Plane()
        seconds, said = plane.up()
        times.append(seconds)
        ready, broker = re.search(r"ready in (\d+) ms \((\d+) ms", said).groups()
        without.append((int(ready) - int(broker)) / 1000)
        plane.down()
        shutil.rmtree(plane.work)
    show("espalier up, first start, broker included (median of %d)" % STARTS, ms(statistics.median(times)), "goal < 600 ms")
    show("  of which all but the broker", ms(statistics.median(without)), "goal < 300 ms")


def show_memory(plane, when, goal):
    time.sleep(SETTLE_S)
    private, resident = plane.memory()
    show("memory %s: private" % when, mib(private), goal)
    show("  resident", mib(resident))
    show("  private of its children (the broker)", mib(plane.children()))


class Watcher(threading.Thread):
    """Notes when the Secret of each device first has its configuration."""

    def __init__(self, plane):
        super().__init__(daemon=True)
        self.seen, self.wanted = {}, threading.Condition()
        self.connection = plane.connect()
        self.connection.request("GET", "/api/v1/namespaces/default/secrets?watch=true&labelSelector=espalier.dev/device",
                                headers=plane.headers())
        self.answer = self.connection.getresponse()

    def run(self):
        while True:
            line = self.answer.readline()
            if not line:
                return
            now = time.monotonic()
            secret = json.loads(line)["object"]
            if "config.bin" in secret.get("data", {}):
                with self.wanted:
                    self.seen.setdefault(secret["metadata"]["labels"]["espalier.dev/device"], now)
                    self.wanted.notify_all()


def bench_single(plane):
    watcher = Watcher(plane)
    watcher.start()
    connection, times = plane.connect(), []
    for i in range(SINGLE_DEVICES):
        name = "single-%d" % i
        body = json.dumps({"apiVersion": "espalier.dev/v1alpha1", "kind": "Device",
                           "metadata": {"name": name, "labels": {"bench": "yes"}},
                           "spec": {"deviceClassReference": {"name": "probe"}}})
        began = time.monotonic()
        connection.request("POST", "/apis/espalier.dev/v1alpha1/namespaces/default/devices", body, plane.headers())
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 201, answer.status
        with watcher.wanted:
            assert watcher.wanted.wait_for(lambda: name in watcher.seen, 30), name
        times.append(watcher.seen[name] - began)
    times.sort()
    show("Device created -> config.bin in its Secret, p50 of %d" % SINGLE_DEVICES, ms(times[len(times) // 2]), "goal < 50 ms")
    show("Device created -> config.bin in its Secret, p99", ms(times[int(len(times) * 0.99)]), "goal < 200 ms")
    for i in range(SINGLE_DEVICES):
        connection.request("DELETE", "/apis/espalier.dev/v1alpha1/namespaces/default/devices/single-%d" % i,
                           headers=plane.headers())
        connection.getresponse().read()
    began = time.monotonic()
    while True:
        connection.request("GET", "/apis/espalier.dev/v1alpha1/namespaces/default/devices", headers=plane.headers())
        if not json.loads(connection.getresponse().read())["items"]:
            break
        time.sleep(0.05)
    show("%d Devices deleted, finalizers done" % SINGLE_DEVICES, "%.2f s" % (time.monotonic() - began))


def bench_thousand(plane):
    manifest = plane.work / "devices.yaml"
    manifest.write_text("".join(DEVICE % ("dev-%d" % i) for i in range(DEVICES)))
    began, cpu = time.monotonic(), plane.cpu()
    plane.run("apply", "-f", str(manifest))
    applied = time.monotonic() - began
    plane.run("wait", "devices", "--all", "--timeout", "120")
    show("%d Devices by `espalier apply`, all Ready" % DEVICES, "%.2f s" % (time.monotonic() - began), "goal < 5 s where fsync <= 2 ms")
    show("  of which the apply itself", "%.2f s" % applied)
    show("  CPU of the control plane for one device", ms((plane.cpu() - cpu) / DEVICES))


def bench_secret(plane):
    """Counts by a watch of the Secrets' metadata, so that looking costs the server little."""
    watch, connection = plane.connect(), plane.connect()
    path = "/api/v1/namespaces/default/secrets?labelSelector=espalier.dev/device"
    headers = dict(plane.headers(), Accept="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1")
    connection.request("GET", path + "&limit=1", headers=plane.headers())
    revision = json.loads(connection.getresponse().read())["metadata"]["resourceVersion"]
    watch.request("GET", path + "&watch=true&resourceVersion=" + revision, headers=headers)
    events = watch.getresponse()
    began, cpu = time.monotonic(), plane.cpu()
    body = json.dumps({"data": {"wifi.ssid": base64.b64encode(b"changed").decode()}})
    connection.request("PATCH", "/api/v1/namespaces/default/secrets/wifi", body,
                       dict(plane.headers(), **{"Content-Type": "application/merge-patch+json"}))
    connection.getresponse().read()
    changed = set()
    while len(changed) < DEVICES:
        changed.add(json.loads(events.readline())["object"]["metadata"]["name"])
    show("one changed group Secret, %d devices rebuilt" % len(changed), "%.2f s" % (time.monotonic() - began), "goal < 2 s")
    show("  CPU of the control plane for one device", ms((plane.cpu() - cpu) / DEVICES))


def bench_table(plane):
    """What `kubectl get devices` asks for."""
    connection, times, headers = plane.connect(), [], dict(plane.headers(), Accept="application/json;as=Table;g=meta.k8s.io;v=v1")
    for _ in range(10):
        began = time.monotonic()
        connection.request("GET", "/apis/espalier.dev/v1alpha1/namespaces/default/devices?limit=%d" % DEVICES, headers=headers)
        size = len(connection.getresponse().read())
        times.append(time.monotonic() - began)
    show("a Table of %d Devices (median of 10; %.1f MiB)" % (DEVICES, size / 1024 / 1024), ms(statistics.median(times)))


def show_events(plane):
    connection = plane.connect()
    connection.request("GET", "/apis/events.k8s.io/v1/namespaces/default/events", headers=plane.headers())
    show("Events on record", str(len(json.loads(connection.getresponse().read())["items"])))


def main():
    print("control plane (espalier up)")
    show("fsync of 4 KiB here, median", ms(fsync_time()))
    show("load average now", "%.1f" % os.getloadavg()[0])
    bench_start()
    plane = Plane()
    try:
        base = plane.work / "base.yaml"
        plane.work.mkdir(exist_ok=True)
        base.write_text(BASE)
        plane.up("-f", str(base), "--wait")
        show_memory(plane, "idle", "goal < 6 MB (5.7 MiB)")
        bench_single(plane)
        bench_thousand(plane)
        bench_secret(plane)
        bench_table(plane)
        show_memory(plane, "with %d devices" % DEVICES, "goal < 15 MB (14.3 MiB)")
        show_events(plane)
        plane.down()
    finally:
        subprocess.run([ESPALIER, "down", "--data", plane.data], capture_output=True)
        shutil.rmtree(plane.work, ignore_errors=True)


if __name__ == "__main__":
    main()
