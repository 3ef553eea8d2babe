"""What the tests of whole programs share: a control plane in a temporary folder, host devices, kubectl.

Everything is started on free ports of 127.0.0.1 and ended by process id. A test is a function whose name is a
sentence; run(...) calls them in order and prints `N passed, N failed`.
"""
import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

SOURCE = pathlib.Path(os.environ["ESPALIER_SOURCE_DIR"])
BINARY = pathlib.Path(os.environ["ESPALIER_BINARY_DIR"])
GREENHOUSE = SOURCE / "samples" / "greenhouse"
PATIENCE_S = 60  # for anything awaited: never a measure of speed


class Failure(AssertionError):
    """A check that did not hold."""


def check(condition, message):
    """Ends the test with `message` unless `condition` holds."""
    if not condition:
        raise Failure(message)


def await_that(what, probe, patience_s=PATIENCE_S):
    """Calls `probe` until it returns something true, and returns that."""
    deadline = time.monotonic() + patience_s
    last = None
    while time.monotonic() < deadline:
        last = probe()
        if last:
            return last
        time.sleep(0.05)
    raise Failure("in vain awaited: %s (last: %r)" % (what, last))


def is_gone(pid):
    """True once a process has ended, be it reaped or not."""
    try:
        return pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def kubectl_program():
    """The pinned kubectl of the test bed, as a command."""
    path = subprocess.run([SOURCE / "scripts" / "testbed.sh", "path"], check=True, capture_output=True, text=True).stdout
    return [path.strip(), "kubectl"]


class Plane:
    """An `espalier up` of its own."""

    def __init__(self, *files, folder=None, options=()):
        self.work = pathlib.Path(folder or tempfile.mkdtemp(prefix="espalier-e2e-"))
        self.data = self.work / "state"
        self.options = list(options)
        self.devices = {}
        self._kubectl = None
        self.start(*files)

    def start(self, *files, wait=True):
        """Starts it, detached; with files waits until they are Ready."""
        command = [BINARY / "espalier", "up", "--data", self.data, "--port", "0", "--broker-port", "0",
                   "--artefact-port", "0", "--detach", *self.options]
        for file in files:
            command += ["-f", file]
        if files and wait:
            command += ["--wait", "--timeout", str(PATIENCE_S)]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=180)
        check(done.returncode == 0, "up: exit %d: %s%s" % (done.returncode, done.stdout, done.stderr))
        self.kubeconfig = self.data / "kubeconfig"

    @property
    def pid(self):
        """Process id of the control plane."""
        return int((self.data / "pid").read_text())

    def stop(self):
        """Ends it cleanly; what is already gone is fine."""
        self.espalier("down", "--data", self.data)

    def kill(self):
        """As a power cut would; returns when the process is gone."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        await_that("the end of process %d" % pid, lambda: is_gone(pid))

    def close(self):
        """Ends devices and control plane and removes the folder."""
        for name in list(self.devices):
            self.switch_off(name)
        with contextlib.suppress(Exception):
            self.stop()
        shutil.rmtree(self.work, ignore_errors=True)

    # --- commands ---

    def espalier(self, *arguments, good=True, text=None):
        """Runs `espalier`; returns the finished process."""
        environment = dict(os.environ, KUBECONFIG=str(self.data / "kubeconfig"))
        done = subprocess.run([str(BINARY / "espalier"), *map(str, arguments)], capture_output=True, text=True,
                              env=environment, timeout=180, input=text)
        check(not good or done.returncode == 0,
              "espalier %s: exit %d: %s%s" % (" ".join(map(str, arguments)), done.returncode, done.stdout, done.stderr))
        return done

    def kubectl(self, *arguments, good=True, text=None, persona=None):
        """Runs the pinned kubectl; returns the finished process."""
        if self._kubectl is None:
            self._kubectl = kubectl_program()
        config = self.kubeconfig if persona is None else self.data / ("kubeconfig." + persona)
        environment = dict(os.environ, KUBECONFIG=str(config), HOME=str(self.work))
        done = subprocess.run([*self._kubectl, *map(str, arguments)], capture_output=True, text=True, env=environment,
                              timeout=180, input=text)
        check(not good or done.returncode == 0,
              "kubectl %s: exit %d: %s%s" % (" ".join(map(str, arguments)), done.returncode, done.stdout, done.stderr))
        return done

    def apply(self, manifest, good=True):
        """Applies a manifest given as text."""
        return self.kubectl("apply", "-f", "-", text=manifest, good=good)

    def raw(self, path):
        """GETs a path of the API as JSON."""
        return json.loads(self.kubectl("get", "--raw", path).stdout)

    def get(self, kind, name):
        """One object, or None."""
        done = self.kubectl("get", kind, name, "-o", "json", good=False)
        if done.returncode != 0:
            check("NotFound" in done.stderr, done.stderr)
            return None
        return json.loads(done.stdout)

    def device(self, name):
        """One Device."""
        return self.get("devices.espalier.dev", name)

    def list(self, kind):
        """The items of a kind in the namespace default."""
        return json.loads(self.kubectl("get", kind, "-o", "json").stdout)["items"]

    def revision(self):
        """The store's revision: it grows by one with every write of anybody."""
        return int(self.raw("/api/v1/namespaces")["metadata"]["resourceVersion"])

    def secret_bytes(self, name, key):
        """A decoded member of a Secret."""
        return base64.b64decode(self.get("secret", name)["data"][key])

    # --- waiting ---

    def await_condition(self, kind, name, condition, status="True", reason=None, patience_s=PATIENCE_S):
        """Waits for a condition of an object; returns the object."""
        last = None

        def probe():
            nonlocal last
            found = self.get(kind, name)
            last = condition_of(found, condition) if found else None
            if last and last["status"] == status and (reason is None or last["reason"] == reason):
                return found
            return None
        try:
            return await_that("%s %s %s=%s/%s" % (kind, name, condition, status, reason), probe, patience_s)
        except Failure as failure:
            raise Failure("%s; it is %s" % (failure, last)) from None

    def await_device(self, name, condition, status="True", reason=None, patience_s=PATIENCE_S):
        """The same for a Device."""
        return self.await_condition("devices.espalier.dev", name, condition, status, reason, patience_s)

    # --- host devices ---

    def flash_file(self, name):
        """Where the flash of a host device lies."""
        return self.work / (name + ".flash")

    def flash(self, name, good=True):
        """Flashes a host device."""
        return self.espalier("flash", name, "--data", self.data, "--to", self.flash_file(name), good=good)

    def switch_on(self, name):
        """Runs a flashed host device."""
        log = open(self.work / (name + ".log"), "ab")
        self.devices[name] = subprocess.Popen([str(BINARY / "espalier-device"), str(self.flash_file(name))],
                                              stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def switch_off(self, name):
        """Ends it cleanly."""
        process = self.devices.pop(name)
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(20)
        if process.poll() is None:
            process.kill()
            process.wait()


def condition_of(thing, name):
    """The condition of an object, or None."""
    for entry in thing.get("status", {}).get("conditions", []):
        if entry["type"] == name:
            return entry
    return None


def broker_pid(plane):
    """Process id of the plane's mosquitto."""
    return int(re.search(r"\d+", (plane.data / "broker" / "mosquitto.pid").read_text())[0])


def run(tests, plane=None):
    """Runs the tests in order, prints a line each and the counts, and exits."""
    passed = failed = 0
    try:
        for test in tests:
            name = test.__name__.replace("_", " ")
            try:
                if plane is None:
                    test()
                else:
                    test(plane)
                passed += 1
                print("ok      " + name, flush=True)
            except Exception:
                failed += 1
                print("FAILED  " + name, flush=True)
                traceback.print_exc(file=sys.stdout)
    finally:
        if plane is not None:
            if failed:
                for log in sorted(plane.work.glob("*.log")) + [plane.data / "log"]:
                    if log.exists():
                        print("--- last lines of %s" % log.name)
                        print("\n".join(log.read_text(errors="replace").splitlines()[-15:]))
            plane.close()
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(1 if failed or not passed else 0)
