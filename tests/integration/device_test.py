#!/usr/bin/env python3
"""Host devices with a real broker: espalier-device boots flash files, mosquitto (TLS, passwords, ACL) hears them.

Every process is ended by its id. Needs mosquitto and its clients, openssl.
"""
import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BINARY = pathlib.Path(os.environ["ESPALIER_BINARY_DIR"])
TOOLS = pathlib.Path(os.environ["ESPALIER_TOOLS"])
FIRMWARE = BINARY / "espalier-host-firmware"
DEVICE = BINARY / "espalier-device"
SBIN = os.environ["PATH"] + ":/usr/sbin:/sbin"
PASSWORD = "canary-4f1c2d7e9a"  # searched for wherever it must not be
OBSERVER = "observer-password"
WAIT_S = 20
SENSORS = ['s0={"name":"climate","driver":"bme280","i2c":{"sda":21,"scl":22},"interval":"1s"}',
           's1={"name":"bed","driver":"soil","pins":{"adc":34},"interval":2}',
           's2={"name":"power","driver":"battery","interval":600}']


def free_port():
    """Below the range of outgoing connections, one of which could sit on it while the broker restarts."""
    while True:
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", random.randrange(15000, 32768)))
            except OSError:
                continue
            return listener.getsockname()[1]


def wait_for(condition, what, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def run(*command, **options):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, **options)


def end(process, number=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


class Broker:
    """mosquitto as `espalier up` configures it: TLS, a password each, what %u says."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.process = None
        self.make_certificates()
        passwords = folder / "passwd"
        passwords.touch(mode=0o600)
        for user, password in [("probe-1", PASSWORD), ("probe-2", PASSWORD), ("observer", OBSERVER),
                               ("commander", OBSERVER)]:
            run("mosquitto_passwd", "-b", passwords, user, password)
        (folder / "acl").write_text("pattern readwrite homie/5/%u/#\npattern readwrite fleet/1/%u/#\n"
                                    "user observer\ntopic readwrite #\nuser commander\ntopic readwrite #\n")
        (folder / "mosquitto.conf").write_text(
            f"user {run('id', '-un').stdout.strip()}\nlistener {self.port} 127.0.0.1\n"
            f"cafile {folder}/ca.crt\ncertfile {folder}/server.crt\nkeyfile {folder}/server.key\n"
            f"allow_anonymous false\npassword_file {passwords}\nacl_file {folder}/acl\n"
            "use_username_as_clientid true\npersistence false\n")
        self.start()

    def make_certificates(self):
        for name in "ca", "other-ca":
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", self.folder / f"{name}.key", "-out", self.folder / f"{name}.crt")
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=broker",
            "-keyout", self.folder / "server.key", "-out", self.folder / "server.csr")
        (self.folder / "san").write_text("subjectAltName=IP:127.0.0.1,DNS:broker.test\n")
        run("openssl", "x509", "-req", "-in", self.folder / "server.csr", "-CA", self.folder / "ca.crt",
            "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-days", "2", "-extfile", self.folder / "san",
            "-out", self.folder / "server.crt")

    def start(self):
        self.log = open(self.folder / "mosquitto.log", "ab")
        self.process = subprocess.Popen([shutil.which("mosquitto", path=SBIN), "-c", str(self.folder / "mosquitto.conf")],
                                        stdout=self.log, stderr=self.log)
        wait_for(self.answers, "the broker listens")

    def answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Observer:
    """mosquitto_sub on everything; keeps what came."""

    def __init__(self, broker):
        self.broker = broker
        self.messages = []
        self.process = subprocess.Popen(self.client("mosquitto_sub", "observer") + ["-v", "-t", "#"], stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def client(self, program, user):
        return [program, "-h", "127.0.0.1", "-p", str(self.broker.port), "--cafile", str(self.broker.folder / "ca.crt"),
                "-u", user, "-P", OBSERVER, "-q", "1"]

    def read(self):
        for line in self.process.stdout:
            topic, _, payload = line.rstrip("\n").partition(" ")
            self.messages.append((topic, payload))

    def publish(self, topic, payload):
        run(*self.client("mosquitto_pub", "commander"), "-t", topic, "-m", payload)

    def expect(self, topic, payload=None, since=0):
        """The first message after number `since` on that topic (and with that payload)."""
        def found():
            return next((message for message in self.messages[since:]
                         if message[0] == topic and payload in (None, message[1])), None)
        return wait_for(found, f"{topic} {payload or ''}")[1]

    def mark(self):
        return len(self.messages)


class Devices:
    """espalier-device with its log."""

    def __init__(self, *arguments):
        self.lines = []
        self.process = subprocess.Popen([str(DEVICE)] + [str(argument) for argument in arguments],
                                        stderr=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def expect(self, pattern):
        return wait_for(lambda: next((line for line in self.lines if re.search(pattern, line)), None), f"log {pattern!r}")

    def children(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in text.split()]

    def stop(self, number=signal.SIGTERM):
        status = end(self.process, number)
        self.thread.join(10)
        return status


class Test:
    def __init__(self, folder):
        self.folder = folder
        self.broker = Broker(folder)
        self.observer = Observer(self.broker)
        self.all_lines = []
        (folder / "password").write_text(PASSWORD)

    def flash(self, name, *changes):
        path = self.folder / f"{name}.flash"
        settings = {"program": FIRMWARE, "version": "1.4.2", "name": name, "port": self.broker.port,
                    "ca": self.folder / "ca.crt", "password": self.folder / "password"}
        settings.update(change.split("=", 1) for change in [*SENSORS, *changes])
        run(TOOLS / "flash_tool", path, *[f"{key}={value}" for key, value in settings.items()])
        return path

    @contextlib.contextmanager
    def on(self, *arguments):
        devices = Devices(*arguments)
        try:
            yield devices
        finally:
            if devices.process.poll() is None:
                devices.stop()
            devices.thread.join(10)
            self.all_lines += devices.lines

    def state(self, since, *states, name="probe-1"):
        for state in states:
            self.observer.expect(f"homie/5/{name}/$state", state, since)

    def boots_connects_and_reports(self):
        path = self.flash("probe-1")
        mark = self.observer.mark()
        with self.on(path) as devices:
            self.state(mark, "init", "ready")
            info = json.loads(self.observer.expect("fleet/1/probe-1/info", since=mark))
            assert info["fw"]["ver"] == "1.4.2" and info["fw"]["slot"] == "ota_0", info
            assert re.fullmatch("[0-9a-f]{64}", info["fw"]["sha256"]) and info["cfg"] == "c5" * 32, info
            assert info["chip"] == "host" and info["ip"] == "127.0.0.1" and info["reset"] == "power-on", info
            assert info["boots"] == 1 and int(info["mac"][:2], 16) & 3 == 2, info
            assert info["mac"] == (self.folder / "probe-1.flash.efuse").read_text().strip(), info
            assert (self.folder / "probe-1.flash.efuse").stat().st_mode & 0o777 == 0o600
            description = json.loads(self.observer.expect("homie/5/probe-1/$description", since=mark))
            assert sorted(description["nodes"]) == ["bed", "climate", "power"], description
            later = self.observer.mark()
            float(self.observer.expect("homie/5/probe-1/climate/temperature", since=later))
            devices.expect("^probe-1: online at 127.0.0.1$")
            self.bootloader_wrote_down_the_slot(path)
            self.print_memory(devices)
            self.no_secret_in_arguments(devices)
            assert devices.stop() == 0
        self.state(later, "disconnected")

    @staticmethod
    def bootloader_wrote_down_the_slot(path):
        record = path.read_bytes()[0xd000:0xd020]
        assert record[:4] == bytes([1, 0, 0, 0]) and record[24:28] == bytes([2, 0, 0, 0]), record  # sequence 1, VALID

    def print_memory(self, devices):
        for what, pid in [("espalier-device", devices.process.pid), ("firmware", devices.children()[0])]:
            sums = dict(re.findall(r"(\w+):\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()))
            private = int(sums["Private_Dirty"]) + int(sums["Private_Clean"])
            print(f"  memory of {what}: {private} kB private, {sums['Rss']} kB resident")

    def no_secret_in_arguments(self, devices):
        for pid in [devices.process.pid, *devices.children()]:
            for what in "cmdline", "environ":
                assert PASSWORD.encode() not in pathlib.Path(f"/proc/{pid}/{what}").read_bytes(), (pid, what)

    def carries_out_commands(self):
        path = self.folder / "probe-1.flash"
        mark = self.observer.mark()
        with self.on(path) as devices:
            self.state(mark, "ready")
            assert json.loads(self.observer.expect("fleet/1/probe-1/info", since=mark))["boots"] == 2
            self.observer.publish("fleet/1/probe-1/cmd", '{"id":"i-1","do":"identify"}')
            self.observer.expect("fleet/1/probe-1/ack", '{"id":"i-1","ok":true,"msg":""}', mark)
            devices.expect(r"^probe-1: \*\*\* here I am \*\*\*$")
            self.observer.publish("fleet/1/probe-1/cmd", '{"id":"c-1","do":"config"}')
            wait_for(lambda: any(payload.startswith('{"id":"c-1","ok":false,"msg":"this firmware takes')
                                 for topic, payload in self.observer.messages[mark:] if topic.endswith("/ack")), "c-1")
            later = self.observer.mark()
            self.observer.publish("fleet/1/probe-1/cmd", '{"id":"r-1","do":"report"}')
            self.observer.expect("fleet/1/probe-1/info", since=later)
            later = self.observer.mark()
            self.observer.publish("fleet/1/probe-1/cmd", '{"id":"b-1","do":"reboot"}')
            self.observer.expect("fleet/1/probe-1/ack", '{"id":"b-1","ok":true,"msg":""}', later)
            self.state(later, "disconnected", "init", "ready")
            info = json.loads(self.observer.expect("fleet/1/probe-1/info", since=later))
            assert info["boots"] == 3 and info["reset"] == "software", info
            later = self.observer.mark()
            self.observer.publish("fleet/1/probe-1/cmd", '{"id":"b-1","do":"reboot"}')
            self.observer.expect("fleet/1/probe-1/ack", '{"id":"b-1","ok":true,"msg":""}', later)
            time.sleep(1)
            assert ("homie/5/probe-1/$state", "disconnected") not in self.observer.messages[later:]

    def returns_after_the_broker_died(self):
        with self.on(self.folder / "probe-1.flash") as devices:
            devices.expect("online at")
            self.broker.kill()
            self.observer.process.wait()
            devices.expect("broker 127.0.0.1: .*; trying again in [0-9]+ ms")
            devices.expect("Connection refused")
            self.broker.start()
            self.observer = Observer(self.broker)
            self.state(0, "ready")

    def a_killed_firmware_is_lost_and_comes_back(self):
        mark = self.observer.mark()
        with self.on(self.folder / "probe-1.flash") as devices:
            self.state(mark, "ready")
            os.kill(devices.children()[0], signal.SIGKILL)
            self.state(mark, "lost")
            devices.expect("warning: the firmware died .signal 9.; resetting in 1000 ms")
            later = self.observer.mark()
            info = json.loads(self.observer.expect("fleet/1/probe-1/info", since=later))
            assert info["reset"] == "panic", info

    def one_flash_file_is_one_device(self):
        with self.on(self.folder / "probe-1.flash") as devices:
            devices.expect("online at")
            with self.on(self.folder / "probe-1.flash") as second:
                assert second.process.wait(10) == 1
                second.expect("error: flash file .*: this device is on already, or is being flashed")

    def loses_power_when_its_supply_is_killed(self):
        mark = self.observer.mark()
        with self.on(self.folder / "probe-1.flash") as devices:
            self.state(mark, "ready")
            later = self.observer.mark()
            child = devices.children()[0]
            devices.process.kill()
            self.state(later, "lost")
            wait_for(lambda: not os.path.exists(f"/proc/{child}"), "the firmware ended")

    def several_devices_run_at_once(self):
        self.flash("probe-2", "both=1", "damage=ota_0")
        os.chmod(self.folder / "probe-2.flash", 0o644)
        mark = self.observer.mark()
        with self.on(self.folder / "probe-1.flash", self.folder / "probe-2.flash", self.folder / "absent.flash") as devices:
            self.state(mark, "ready", name="probe-1")
            self.state(mark, "ready", name="probe-2")
            devices.expect("^absent.flash: error: .*espalier flash DEVICE --to FILE.*No such file")
            devices.expect("^probe-2.flash: warning: others could read the flash file|^probe-2: warning: others could read")
            assert (self.folder / "probe-2.flash").stat().st_mode & 0o777 == 0o600
            devices.expect("^probe-2: warning: ota_0: ")
            info = json.loads(self.observer.expect("fleet/1/probe-2/info", since=mark))
            assert info["fw"]["slot"] == "ota_1", info
            later = self.observer.mark()
            assert devices.stop(signal.SIGINT) == 1  # one of three could not start
            self.state(later, "disconnected", name="probe-1")
            self.state(later, "disconnected", name="probe-2")

    def a_wrong_password_is_refused(self):
        (self.folder / "wrong").write_text("not-" + PASSWORD)
        path = self.flash("probe-2", f"password={self.folder / 'wrong'}")
        mark = self.observer.mark()
        with self.on(path) as devices:
            line = devices.expect("warning: broker 127.0.0.1: user name or password refused; trying again in")
            wait_ms = int(re.search(r"in (\d+) ms", line).group(1))
            assert 5000 <= wait_ms <= 10000, line
        assert not [message for message in self.observer.messages[mark:] if "probe-2" in message[0]]

    def a_foreign_certificate_is_refused(self):
        for change, reason in [(f"ca={self.folder / 'other-ca.crt'}", "its certificate is refused: self-signed certificate"),
                               ("host=localhost", "its certificate is refused: hostname mismatch"),
                               (f"ca={self.folder / 'password'}", "mqtt/ca holds no certificate")]:
            mark = self.observer.mark()
            with self.on(self.flash("probe-2", change)) as devices:
                devices.expect(f"warning: broker .*: {reason}.*; trying again in")
            assert not [message for message in self.observer.messages[mark:] if "probe-2" in message[0]]

    def a_peer_that_is_no_broker_costs_no_work(self):
        """One closes within the handshake, one never answers: neither may make the firmware spin."""
        for closes in True, False:
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", 0))
                listener.listen()
                with self.on(self.flash("probe-2", f"port={listener.getsockname()[1]}")) as devices:
                    peer, _ = listener.accept()
                    if closes:
                        peer.recv(1)
                        peer.shutdown(socket.SHUT_WR)
                        devices.expect("warning: broker 127.0.0.1: (unexpected eof|closed within|Connection reset|A TLS error|.*lost)")
                    child = devices.children()[0]
                    before = self.cpu_ticks(child)
                    time.sleep(2)
                    assert self.cpu_ticks(child) - before < 20, "the firmware spins"
                    assert devices.stop() == 0
                    peer.close()

    @staticmethod
    def cpu_ticks(pid):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def speaks_without_tls_where_told_so(self):
        folder = self.folder / "plain"
        folder.mkdir()
        port = free_port()
        (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        broker = subprocess.Popen([shutil.which("mosquitto", path=SBIN), "-c", str(folder / "mosquitto.conf")],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with self.on(self.flash("probe-2", f"port={port}", "tls=0")) as devices:
                devices.expect("online at 127.0.0.1")
        finally:
            end(broker)

    def nobody_listens(self):
        with self.on(self.flash("probe-2", f"port={free_port()}")) as devices:
            devices.expect("warning: broker 127.0.0.1: Connection refused; trying again in")
            began = time.monotonic()
            assert devices.stop() == 0
            assert time.monotonic() - began < 2

    def says_what_is_wrong_with_a_flash_file(self):
        empty = self.folder / "empty.flash"
        empty.write_bytes(b"\xff" * 0x400000)
        empty.chmod(0o600)
        short = self.folder / "short.flash"
        short.write_bytes(b"")
        short.chmod(0o600)
        nothing = self.folder / "nothing.flash"
        run(TOOLS / "flash_tool", nothing)
        no_config = self.folder / "no-config.flash"
        run(TOOLS / "flash_tool", no_config, f"program={FIRMWARE}")
        foreign = self.folder / "foreign.flash"
        program = bytearray(FIRMWARE.read_bytes())
        program[18:20] = b"\xf3\x00"  # EM_RISCV
        (self.folder / "foreign").write_bytes(program)
        run(TOOLS / "flash_tool", foreign, f"program={self.folder / 'foreign'}")
        for path, pattern in [(empty, "no partition table at 0x8000 .*espalier flash"),
                              (short, "the file ends at 0x8000; flash it again with `espalier flash`"),
                              (nothing, "no bootable firmware .*; flash it again with `espalier flash`"),
                              (no_config, "no identity: the configuration has no key espalier/name; flash this device again"),
                              (foreign, "the program is for another machine .ELF machine 243, here [0-9]+.")]:
            with self.on("--quiet", path) as devices:
                assert devices.process.wait(20) == 1, path
                devices.expect(pattern)

    def a_crash_loop_backs_off(self):
        path = self.flash("probe-2", f"program={shutil.which('false')}")
        with self.on(path) as devices:
            devices.expect("the firmware died .status 1.; resetting in 1000 ms")
            devices.expect("the firmware died .status 1.; resetting in 2000 ms")
            assert devices.stop() == 0

    def explains_itself(self):
        text = run(DEVICE, "--help").stdout
        assert "Examples:" in text and "espalier-device probe-11.flash" in text, text
        assert subprocess.run([DEVICE], capture_output=True).returncode == 2
        assert subprocess.run([DEVICE, "--nonsense"], capture_output=True).returncode == 2

    def no_secret_was_logged(self):
        assert self.all_lines and not [line for line in self.all_lines if PASSWORD in line]


def main():
    failed = 0
    cases = [name for name, value in vars(Test).items() if callable(value) and not name.startswith("_")
             and name not in ("flash", "on", "state", "print_memory", "no_secret_in_arguments", "cpu_ticks",
                              "bootloader_wrote_down_the_slot")]
    wanted = sys.argv[1:] or cases
    with tempfile.TemporaryDirectory(prefix="espalier-device-") as folder:
        test = Test(pathlib.Path(folder))
        for name in cases:
            if name not in wanted:
                continue
            began = time.monotonic()
            try:
                getattr(test, name)()
                print(f"ok {name} ({time.monotonic() - began:.1f} s)", flush=True)
            except (AssertionError, OSError, subprocess.SubprocessError) as problem:
                failed += 1
                print(f"FAILED {name}: {problem!r}\n  last log lines: {test.all_lines[-8:]}", flush=True)
        end(test.observer.process)
        end(test.broker.process)
    print(f"device: {len(wanted)} cases, {failed} failed; firmware {FIRMWARE.stat().st_size} bytes stripped")
    return 1 if failed else 0


sys.exit(main())
