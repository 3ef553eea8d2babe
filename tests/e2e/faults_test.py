#!/usr/bin/env python3
"""Bad input and faults, from outside: messages that help, nothing acknowledged lost, nothing secret seen."""
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import ssl
import subprocess
import threading
import time

from harness import BINARY, GREENHOUSE, Plane, await_that, broker_pid, check, is_gone, run

CANARY = "canary-" + "".join(random.choices("abcdefghijkmnpqrstuvwxyz23456789", k=20))
WRITES = 2000
KILLS = 15
DEVICE = "apiVersion: espalier.dev/v1alpha1\nkind: Device\nmetadata: {name: %s}\nspec: {deviceClassReference: {name: soil-probe}%s}\n"


def api(plane):
    """Host, port, TLS context and token of the API."""
    ports = json.loads((plane.data / "ports.json").read_text())
    tokens = json.loads((plane.data / "tokens.json").read_text())
    context = ssl.create_default_context(cafile=str(plane.data / "ca.crt"))
    return "127.0.0.1", ports["api"], context, tokens["administrator"]


class Client:
    """One keep-alive connection to the API."""

    def __init__(self, plane):
        host, port, context, token = api(plane)
        self.connection = http.client.HTTPSConnection(host, port, context=context, timeout=20)
        self.headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}

    def request(self, method, path, body=None):
        """Status and body."""
        self.connection.request(method, path, body, self.headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()


# --- bad manifests ---

def each_bad_manifest_says_where_and_what_and_the_others_go_on(plane):
    folder = plane.work / "bad"
    folder.mkdir()
    bad = {
        "syntax.yaml": ("apiVersion: v1\nkind: [ConfigMap\n", "syntax.yaml:"),
        "unknown-field.yaml": (DEVICE % ("unknown-field", ", colour: green"), 'unknown field "spec.colour"'),
        "wrong-type.yaml": (DEVICE % ("wrong-type", ", suspended: 7"), "spec.suspended"),
        "long-key.yaml": (DEVICE % ("long-key", ", settings: [{namespace: wifi, key: a234567890123456, type: string, value: x}]"),
                          "spec.settings[0].key"),
        "too-large.yaml": (DEVICE % ("too-large", ", settings: [{namespace: pump, key: max, type: u8, value: '300'}]"), None),
        "no-class.yaml": ("apiVersion: espalier.dev/v1alpha1\nkind: Device\nmetadata: {name: no-class}\n"
                          "spec: {deviceClassReference: {name: absent}}\n", None),
        "unlabelled.yaml": ("apiVersion: v1\nkind: Secret\nmetadata: {name: unlabelled}\nstringData: {wifi.ssid: x}\n---\n"
                            + DEVICE % ("unlabelled", ", secret: {name: unlabelled}"), None),
        "good.yaml": (DEVICE % ("good", ""), None),
    }
    for name, (text, _) in bad.items():
        (folder / name).write_text(text)
    done = plane.espalier("apply", "-f", folder, "--data", plane.data, good=False)
    check(done.returncode == 1, "exit %d" % done.returncode)
    for name, (_, message) in bad.items():
        if message is None:
            check(name not in done.stderr, "%s was refused: %s" % (name, done.stderr))
        else:
            lines = [line for line in done.stderr.splitlines() if name in line and message in line]
            check(lines, "no line with %s and %s in: %s" % (name, message, done.stderr))
    plane.await_device("good", "Ready")
    plane.await_device("no-class", "Ready", "False", "ClassNotFound")
    found = plane.await_device("unlabelled", "Ready", "False", "SecretNotLabelled")
    check("kubectl label secret unlabelled" in json.dumps(found["status"]), "no command in the message")
    found = plane.await_device("too-large", "Ready", "False", "SpecInvalid")
    check("pump.max" in json.dumps(found["status"]), "the key is not named")
    plane.kubectl("label", "secret", "unlabelled", "espalier.dev/settings=true")
    plane.await_device("unlabelled", "Ready")


def groups_that_disagree_are_a_condition_and_the_last_configuration_stays(plane):
    plane.apply("apiVersion: espalier.dev/v1alpha1\nkind: Device\nmetadata: {name: torn, labels: {torn: both}}\n"
                "spec: {deviceClassReference: {name: soil-probe}}\n")
    device = plane.await_device("torn", "Ready")
    digest = device["status"]["config"]["digest"]
    for name in ("left", "right"):
        plane.apply("apiVersion: espalier.dev/v1alpha1\nkind: DeviceGroup\nmetadata: {name: %s}\nspec:\n"
                    "  selector: {matchLabels: {torn: both}}\n  priority: 77\n"
                    "  settings: [{namespace: side, key: of, type: string, value: %s}]\n" % (name, name))
    found = plane.await_device("torn", "ConfigReady", "False", "SettingConflict")
    text = json.dumps(found["status"]["conditions"])
    check("side.of" in text and "left" in text and "right" in text, text)
    group = plane.await_condition("devicegroups.espalier.dev", "left", "Conflicting")
    check(group["status"]["conflicts"][0]["key"] == "side.of", str(group["status"]))
    check(len(plane.secret_bytes("torn-device", "config.bin")) == 0x3000, "the configuration is gone")
    plane.kubectl("delete", "devicegroups.espalier.dev", "left", "right")
    found = plane.await_device("torn", "ConfigReady")
    check(found["status"]["config"]["digest"] == digest, "another hash than before")


# --- limits ---

def large_and_deep_bodies_are_refused_and_others_are_served(plane):
    path = "/api/v1/namespaces/default/configmaps"
    status, _ = Client(plane).request("POST", path, b'{"a":"' + b"x" * (16 * 1024 * 1024) + b'"}')
    check(status == 413, "16 MiB: %d" % status)
    status, body = Client(plane).request("POST", path, b"[" * 10000)
    check(status == 400, "deep: %d %r" % (status, body[:200]))
    status, _ = Client(plane).request("GET", path)
    check(status == 200, "others: %d" % status)


def slow_headers_and_idle_connections_lock_nobody_out(plane):
    host, port, context, _ = api(plane)
    idle = []
    try:
        for _ in range(1000):
            idle.append(socket.create_connection((host, port), timeout=20))
        slow = context.wrap_socket(socket.create_connection((host, port), timeout=20), server_hostname=host)
        slow.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        status, _ = Client(plane).request("GET", "/version")
        check(status == 200, "while 1,000 connections idle: %d" % status)

        def is_closed():
            try:
                slow.sendall(b"a")
                slow.settimeout(0.2)
                return slow.recv(1024) is not None
            except (TimeoutError, ssl.SSLWantReadError):
                return False
            except OSError:
                return True
        await_that("the slow connection to be ended", is_closed)
    finally:
        for connection in idle:
            connection.close()


def an_alias_bomb_is_refused(plane):
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    lines += ["a%d: &a%d [%s]" % (i, i, ",".join(["*a%d" % (i - 1)] * 9)) for i in range(1, 10)]
    path = plane.work / "bomb.yaml"
    path.write_text("\n".join(lines) + "\n")
    done = plane.espalier("apply", "-f", path, "--data", plane.data, good=False)
    check(done.returncode == 1 and "bomb.yaml" in done.stderr, done.stderr)


# --- folders, ports, processes ---

def a_second_up_on_the_same_folder_is_refused(plane):
    done = subprocess.run([BINARY / "espalier", "up", "--data", plane.data, "--detach"], capture_output=True, text=True,
                          timeout=60)
    check(done.returncode == 4, "exit %d: %s" % (done.returncode, done.stderr))
    check(str(plane.pid) in done.stderr and "espalier down" in done.stderr, done.stderr)


def a_port_that_is_taken_at_a_restart_is_named_with_the_remedy(plane):
    ports = json.loads((plane.data / "ports.json").read_text())
    plane.stop()
    for name, option in (("api", "--port"), ("broker", "--broker-port"), ("artefacts", "--artefact-port")):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", ports[name]))
            taken.listen(1)
            done = subprocess.run([BINARY / "espalier", "up", "--data", plane.data, "--detach"], capture_output=True,
                                  text=True, timeout=60)
        check(done.returncode == 1, "%s: exit %d: %s" % (name, done.returncode, done.stderr))
        check(str(ports[name]) in done.stderr and option in done.stderr, done.stderr)
    plane.start()


# --- kill -9 ---

class Writer(threading.Thread):
    """Creates and changes ConfigMaps until told to stop; remembers what was acknowledged."""

    def __init__(self, plane, number):
        super().__init__(daemon=True)
        self.plane, self.number = plane, number
        self.acknowledged = {}
        self.ended = threading.Event()

    def run(self):
        client, i = None, 0
        while not self.ended.is_set():
            name = "w%d-%d" % (self.number, i)
            try:
                client = client or Client(self.plane)
                body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name},
                                   "data": {"v": str(i)}})
                status, _ = client.request("POST", "/api/v1/namespaces/default/configmaps", body)
                if status == 201:
                    self.acknowledged[name] = str(i)
                i += 1
            except (OSError, http.client.HTTPException):
                client, i = None, i + 1
                time.sleep(0.02)


def nothing_acknowledged_is_lost_when_it_is_killed_again_and_again(plane):
    seed = int(os.environ.get("ESPALIER_SEED", time.time_ns() % 1000000))
    print("        seed %d (ESPALIER_SEED)" % seed)
    chance = random.Random(seed)
    writers = [Writer(plane, number) for number in range(4)]
    for writer in writers:
        writer.start()
    kills = 0
    deadline = time.monotonic() + 240
    while (sum(len(writer.acknowledged) for writer in writers) < WRITES or kills < KILLS) and time.monotonic() < deadline:
        time.sleep(chance.uniform(0, 0.4))
        plane.kill()
        kills += 1
        plane.start()
    for writer in writers:
        writer.ended.set()
    for writer in writers:
        writer.join()
    acknowledged = {name: value for writer in writers for name, value in writer.acknowledged.items()}
    kept = {item["metadata"]["name"]: item["data"]["v"] for item in plane.raw("/api/v1/namespaces/default/configmaps")["items"]}
    lost = [name for name, value in acknowledged.items() if kept.get(name) != value]
    print("        %d writes acknowledged, killed %d times, %d lost" % (len(acknowledged), kills, len(lost)))
    check(len(acknowledged) >= WRITES and kills >= KILLS, "only %d writes and %d kills" % (len(acknowledged), kills))
    check(not lost, "lost %s" % lost[:5])


def no_half_bundle_or_configuration_is_there_after_kills(plane):
    chance = random.Random(time.time_ns())
    for i in range(12):
        plane.kubectl("patch", "deviceclasses.espalier.dev", "soil-probe", "--type=merge", "-p",
                      json.dumps({"spec": {"firmware": {"version": "2.0.%d" % i}}}))
        time.sleep(chance.uniform(0, 0.15))
        plane.kill()
        plane.start()
    plane.await_condition("deviceclasses.espalier.dev", "soil-probe", "Ready")
    bundles = [sums.parent for sums in plane.data.glob("artefacts/**/SHA256SUMS")]
    check(bundles, "no bundle at all")
    for bundle in bundles:
        done = subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=bundle, capture_output=True, text=True)
        check(done.returncode == 0, "%s: %s" % (bundle, done.stdout + done.stderr))
    for device in plane.list("devices.espalier.dev"):
        name = device["metadata"]["name"]
        if name.startswith("probe"):
            plane.await_device(name, "Ready")
            check(len(plane.secret_bytes(name + "-device", "config.bin")) == 0x3000, name)


# --- secrets ---

def a_canary_is_seen_nowhere(plane):
    plane.apply("apiVersion: v1\nkind: Secret\nmetadata: {name: canary, labels: {espalier.dev/settings: 'true'}}\n"
                "stringData: {wifi.pass: %s}\n---\n" % CANARY + DEVICE % ("caged", ", secret: {name: canary}"))
    plane.await_device("caged", "Ready")
    password = plane.secret_bytes("caged-device", "password").decode()
    plane.flash("caged")
    plane.switch_on("caged")
    plane.await_device("caged", "Connected")
    secrets = {"setting": CANARY, "password": password, **{
        "token of " + name: token for name, token in json.loads((plane.data / "tokens.json").read_text()).items()}}
    said = {
        "events": plane.kubectl("get", "events", "-o", "json").stdout,
        "devices": plane.kubectl("get", "espalier", "-o", "json").stdout,
        "espalier describe": plane.espalier("describe", "secret", "canary", "--data", plane.data).stdout,
        "log": (plane.data / "log").read_text(),
        "broker's log": (plane.data / "broker" / "mosquitto.log").read_text(errors="replace"),
        "device's log": (plane.work / "caged.log").read_text(),
    }
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            said["argv of %s" % process.name] = (process / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue
    for place, text in said.items():
        for name, secret in secrets.items():
            check(secret not in text, "the %s is in: %s" % (name, place))
    for path in plane.work.rglob("*"):
        if path.is_file() and path.stat().st_mode & 0o044:
            content = path.read_bytes()
            for name, secret in secrets.items():
                check(secret.encode() not in content, "the %s is in the readable file %s" % (name, path))


def a_file_size_limit_loses_nothing(plane):
    plane.stop()
    limit = 64 * 1024
    command = "ulimit -f %d; exec \"$@\"" % (limit // 1024)
    done = subprocess.run(["bash", "-c", command, "up", str(BINARY / "espalier"), "up", "--data", str(plane.data),
                           "--detach"], capture_output=True, text=True, timeout=60)
    if done.returncode == 0:
        client = Client(plane)
        refused = None
        for i in range(200):
            body = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "full-%d" % i},
                               "data": {"v": "x" * 8000}})
            status, answer = client.request("POST", "/api/v1/namespaces/default/configmaps", body)
            if status != 201:
                refused = (status, answer)
                break
        check(refused is not None, "200 writes went below a limit of %d bytes" % limit)
        check(refused[0] >= 500 and b"Status" in refused[1], repr(refused))
        status, _ = Client(plane).request("GET", "/api/v1/namespaces/default/configmaps")
        check(status == 200, "reading: %d" % status)
        plane.stop()
    else:
        check("espalier up" in done.stderr, done.stderr)
    plane.start()
    plane.await_device("probe-1", "Ready")


def sigterm_ends_everything_cleanly(plane):
    pid, broker = plane.pid, broker_pid(plane)
    os.kill(pid, signal.SIGTERM)
    await_that("both gone", lambda: is_gone(pid) and is_gone(broker))
    plane.start()


if __name__ == "__main__":
    run([
        each_bad_manifest_says_where_and_what_and_the_others_go_on,
        groups_that_disagree_are_a_condition_and_the_last_configuration_stays,
        large_and_deep_bodies_are_refused_and_others_are_served,
        slow_headers_and_idle_connections_lock_nobody_out,
        an_alias_bomb_is_refused,
        a_second_up_on_the_same_folder_is_refused,
        a_port_that_is_taken_at_a_restart_is_named_with_the_remedy,
        nothing_acknowledged_is_lost_when_it_is_killed_again_and_again,
        no_half_bundle_or_configuration_is_there_after_kills,
        a_canary_is_seen_nowhere,
        a_file_size_limit_loses_nothing,
        sigterm_ends_everything_cleanly,
    ], Plane(GREENHOUSE))
