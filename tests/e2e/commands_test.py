#!/usr/bin/env python3
"""The commands as people and scripts use them: exit statuses, signals, messages, installed files, the demonstration."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

from harness import BINARY, GREENHOUSE, SOURCE, Plane, await_that, broker_pid, check, is_gone, run

DEVICE = "apiVersion: espalier.dev/v1alpha1\nkind: Device\nmetadata: {name: %s}\nspec: {deviceClassReference: {name: %s}}\n"
ESPALIER = str(BINARY / "espalier")
STOP_S = 10  # what SIGTERM may take at most
FREE_PORTS = ["--port", "0", "--broker-port", "0", "--artefact-port", "0"]


def scratch():
    """A folder of a test's own."""
    return pathlib.Path(tempfile.mkdtemp(prefix="espalier-commands-"))


def espalier(*arguments, text=None, env=None):
    """Runs a command to its end."""
    return subprocess.run([ESPALIER, *map(str, arguments)], capture_output=True, text=True, timeout=120, input=text,
                          env=dict(os.environ, **(env or {})))


def never_ready(folder):
    """A manifest of a Device without its class."""
    path = folder / "never.yaml"
    path.write_text(DEVICE % ("never-1", "absent"))
    return path


class Foreground:
    """An `espalier up` in the foreground that waits for what never comes."""

    def __init__(self, *options):
        self.work = scratch()
        self.data = self.work / "state"
        self.process = subprocess.Popen([ESPALIER, "up", "--data", str(self.data), *FREE_PORTS, *map(str, options),
                                         "-f", str(never_ready(self.work)), "--wait", "--timeout", "600"],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        for line in self.process.stdout:
            if "never-1 created" in line:
                break
        self.broker = broker_pid(self)

    def end_by(self, *signals):
        """Sends the signals; returns exit status and seconds."""
        began = time.monotonic()
        for number in signals:
            self.process.send_signal(number)
        status = self.process.wait(60)
        took_s = time.monotonic() - began
        self.process.stdout.close()
        await_that("the broker's end", lambda: is_gone(self.broker), STOP_S)
        shutil.rmtree(self.work)
        return status, took_s


# --- up and down ---

def a_signal_ends_a_start_that_still_waits():
    for number in (signal.SIGTERM, signal.SIGINT):
        status, took_s = Foreground().end_by(number)
        check(status == 0, "exit %d" % status)
        check(took_s < STOP_S, "took %.1f s" % took_s)


def a_key_at_the_terminal_ends_the_broker_in_its_turn():
    up = Foreground()
    os.killpg(up.process.pid, signal.SIGINT)  # as a terminal does: everybody of its process group
    output = up.process.stdout.read()
    check(up.process.wait(STOP_S) == 0, output)
    check("broker: down" not in output, "the broker ended by itself: " + output)
    up.end_by()


def a_closed_terminal_ends_it_cleanly():
    status, _ = Foreground().end_by(signal.SIGHUP)
    check(status == 0, "exit %d" % status)


def a_second_signal_ends_it_at_once_and_the_broker_with_it():
    status, took_s = Foreground().end_by(signal.SIGTERM, signal.SIGINT)
    check(status in (0, 1, -signal.SIGINT), "exit %d" % status)
    check(took_s < STOP_S, "took %.1f s" % took_s)


def a_fleet_that_does_not_get_ready_is_3_and_the_plane_stays_up():
    work = scratch()
    try:
        done = espalier("up", "--data", work / "state", *FREE_PORTS, "--detach", "--wait", "--timeout", "1", "-f", never_ready(work))
        check(done.returncode == 3, "exit %d: %s" % (done.returncode, done.stderr))
        check("never-1 is not Ready: ClassNotFound" in done.stderr, done.stderr)
        check("the control plane goes on" in done.stderr and "espalier down --data" in done.stderr, done.stderr)
        got = espalier("get", "devices", "--data", work / "state")
        check(got.returncode == 0 and "never-1" in got.stdout, got.stderr)
        again = espalier("up", "--data", work / "state", *FREE_PORTS, "--detach")
        check(again.returncode == 4, "exit %d: %s" % (again.returncode, again.stderr))
    finally:
        check(espalier("down", "--data", work / "state").returncode == 0, "down")
        shutil.rmtree(work)


def an_interrupted_detach_leaves_nothing_behind():
    work = scratch()
    starter = subprocess.Popen([ESPALIER, "up", "--data", str(work / "state"), *FREE_PORTS, "--detach", "--wait", "--timeout",
                                "600", "-f", str(never_ready(work))], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    for line in starter.stdout:
        if "Espalier runs" in line:
            break
    pid = int((work / "state" / "pid").read_text())
    broker = int(re.search(r"\d+", (work / "state" / "broker" / "mosquitto.pid").read_text())[0])
    starter.send_signal(signal.SIGINT)
    check(starter.wait(30) == 1, "exit %d" % starter.returncode)
    starter.stdout.close()
    await_that("the end of the plane", lambda: is_gone(pid), STOP_S)
    await_that("the end of its broker", lambda: is_gone(broker), STOP_S)
    shutil.rmtree(work)


def up_tells_scripts_where_everything_is_and_the_default_folder_is_xdgs():
    work = scratch()
    env = {"XDG_STATE_HOME": str(work)}
    root = work / "elsewhere"
    done = espalier("up", *FREE_PORTS, "--detach", "-o", "json", "--artefacts-root", root, "-f", GREENHOUSE, "--wait", env=env)
    try:
        where = json.loads(done.stdout)
        check(where["data"] == str(work / "espalier"), where)
        check(where["kubeconfig"] == str(work / "espalier" / "kubeconfig"), where)
        check(where["broker"].startswith("mqtts://127.0.0.1:"), where)
        check(list(root.glob("**/SHA256SUMS")), "no bundle below --artefacts-root")
        check(not (work / "espalier" / "artefacts").exists(), "a second artefacts folder")
        readable = [path for path in (work / "espalier").rglob("*") if path.stat().st_mode & 0o077 and
                    path.name not in ("ca.crt", "control.sock")]  # public, and mosquitto's own in a closed folder
        check(not readable, "others may use %s" % readable)
    finally:
        check(espalier("down", env=env).returncode == 0, "down")
        shutil.rmtree(work)


def wrong_options_are_2_and_say_so():
    for arguments, words in (
            (["up", "--timeout", "-1"], "--timeout takes seconds from 0"),
            (["up", "--port", "70000"], "0 to 65535"),
            (["up", "-o", "yaml"], "-o takes json"),
            (["wait", "devices", "--all", "--timeout", "-1"], "--timeout takes seconds from 0"),
            (["wait", "devices", "probe-1", "--all"], "either names or --all"),
            (["delete", "device", "probe-1", "--timeout", "99999999"], "--timeout takes seconds from 0"),
            (["get", "device", "probe-1", "-A"], "leave out -A"),
            (["man", "up"], "there is one page"),
            (["nonsense"], "there is no command 'nonsense'")):
        done = espalier(*arguments)
        check(done.returncode == 2, "%s: exit %d" % (arguments, done.returncode))
        check(words in done.stderr, "%s: %s" % (arguments, done.stderr))


def an_address_for_all_is_refused():
    work = scratch()
    done = espalier("up", "--data", work / "state", "--listen", "0.0.0.0", *FREE_PORTS)
    check(done.returncode == 1 and "what devices are told" in done.stderr, done.stderr)
    shutil.rmtree(work)


# --- the fleet ---

def each_object_that_is_missing_is_named(plane):
    done = plane.espalier("get", "device", "nobody-1", "probe-1", "nobody-2", good=False)
    check(done.returncode == 1, "exit %d" % done.returncode)
    check("nobody-1" in done.stderr and "nobody-2" in done.stderr, done.stderr)
    check("GLib" not in done.stderr and "probe-1" in done.stdout, done.stderr + done.stdout)


def waiting_lets_go_of_what_is_deleted_and_wants_something_to_wait_for(plane):
    plane.espalier("apply", "-f", "-", text=DEVICE % ("fleeting-1", "absent"))
    waiting = subprocess.Popen([ESPALIER, "wait", "devices", "--all", "--timeout", "60", "--data", str(plane.data)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(1)
    check(waiting.poll() is None, "it did not wait")
    plane.espalier("delete", "device", "fleeting-1")
    output, _ = waiting.communicate(timeout=60)
    check(waiting.returncode == 0, "exit %d: %s" % (waiting.returncode, output))
    done = plane.espalier("wait", "devices", "--all", "-n", "kube-system", good=False)
    check(done.returncode == 1 and "there are no devices in namespace kube-system" in done.stderr, done.stderr)


def what_is_given_twice_is_refused_and_the_first_applied(plane):
    text = "".join("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice%s}\ndata: {a: '%d'}\n" % (space, i)
                   for i, space in enumerate(("", ", namespace: default")))
    done = plane.espalier("apply", "-f", "-", text=text, good=False)
    check(done.returncode == 1, "exit %d" % done.returncode)
    check("-:7: ConfigMap 'twice' is given twice, first at -:2" in done.stderr, done.stderr)
    check(plane.get("configmap", "twice")["data"]["a"] == "0", "the second won")


def scripts_get_what_was_applied_as_json(plane):
    text = "".join("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n" % name for name in ("told-1", "Not_A_Name"))
    done = plane.espalier("apply", "-o", "json", "-f", "-", text=text, good=False)
    check(done.returncode == 1 and "Not_A_Name" in done.stderr, done.stderr)
    check(json.loads(done.stdout) == [{"kind": "ConfigMap", "namespace": "default", "name": "told-1", "result": "created"}],
          done.stdout)


def a_server_that_is_away_is_told_with_the_remedy():
    work = scratch()
    check(espalier("up", "--data", work / "state", *FREE_PORTS, "--detach").returncode == 0, "up")
    check(espalier("down", "--data", work / "state").returncode == 0, "down")
    for arguments in (["get", "devices"], ["get", "devices", "-o", "json"], ["wait", "devices", "--all"], ["describe", "device", "x"]):
        done = espalier(*arguments, "--data", work / "state")
        check(done.returncode == 1 and "is the API server running there?" in done.stderr, done.stderr)
    done = espalier("get", "devices", "--data", work / "nowhere")
    check(done.returncode == 1 and "start one with `espalier up`" in done.stderr, done.stderr)
    shutil.rmtree(work)


def describe_tells_events_in_order_and_no_secret(plane):
    text = plane.espalier("describe", "device", "probe-1").stdout
    events = text.partition("Events:")[2]
    check(events.index("CredentialsMinted") < events.index("ConfigBuilt"), events)
    password = plane.secret_bytes("probe-1-device", "password").decode()
    text = plane.espalier("describe", "secret", "probe-1-device").stdout
    check(password not in text and "%d bytes" % len(password) in text, "not the size of the password")
    done = plane.espalier("describe", "device", "nobody-1", "probe-2", good=False)
    check(done.returncode == 1 and "nobody-1" in done.stderr and "probe-2" in done.stdout, done.stderr)


def colours_and_progress_are_for_terminals(plane):
    done = plane.espalier("get", "devices")
    check("\033" not in done.stdout + done.stderr, "an escape sequence in a pipe")
    on_terminal = subprocess.run(["script", "-qec", "%s get devices --data %s" % (ESPALIER, plane.data), "/dev/null"],
                                 capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    check("\033[3" in on_terminal.stdout, "no colour on a terminal")


def command_names():
    """Every command, those of families ("nvs generate") by both words."""
    names = []
    for name in re.findall(r"^  ([a-z]+) ", espalier("--help").stdout, re.M):
        text = espalier(name, "--help").stdout
        names += re.findall(r"^  (%s [-a-z]+) " % name, text, re.M) if "\nCommands\n" in text else [name]
    return names


def every_example_of_the_fleet_runs_as_printed(plane):
    work = plane.work / "examples"
    work.mkdir()
    (work / "samples").symlink_to(SOURCE / "samples")
    env = dict(os.environ, PATH="%s:%s" % (BINARY, os.environ["PATH"]), KUBECONFIG=str(plane.kubeconfig), HOME=str(work))
    names = command_names()
    check(len(names) >= 12, names)
    ran = 0
    for name in ("apply", "get", "describe", "build", "flash", "completion", "man", "wait", "delete"):
        for line in espalier(name, "--help").stdout.partition("\nExamples\n")[2].splitlines():
            if "--config" in line or "Connected" in line or "UpToDate" in line:
                continue  # with a device on, or the files of a build, e2e.device_way and integration do these
            done = subprocess.run(["bash", "-ec", line], cwd=work, env=env, capture_output=True, text=True, timeout=120)
            check(done.returncode == 0, "%s: exit %d: %s" % (line, done.returncode, done.stderr))
            ran += 1
    check(ran >= 14, "%d examples" % ran)
    for name in names:
        text = espalier(*name.split(), "--help").stdout
        check("\nExamples\n" in text and "  espalier %s" % name in text or name == "completion", "%s has no example" % name)


# --- what is installed ---

def the_manual_page_has_every_option_and_is_good_roff():
    page = espalier("man").stdout
    plain = page.replace("\\-", "-")
    for name in command_names():
        check(".SS espalier %s " % name in plain, name)
        for option in re.findall(r"^  (?:-\w, )?(--[-a-z]+)", espalier(*name.split(), "--help").stdout, re.M):
            check(option == "--help" or option in plain, "%s %s" % (name, option))
    if shutil.which("groff"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=page, capture_output=True, text=True, timeout=60)
        check(done.stderr == "", done.stderr)


def what_is_installed_runs_where_it_lies():
    work = scratch()
    env = dict(os.environ, DESTDIR=str(work))
    subprocess.run(["cmake", "--install", str(BINARY), "--prefix", "/usr"], check=True, env=env, stdout=subprocess.DEVNULL)
    usr = work / "usr"
    for path in ("bin/espalier", "bin/espalier-device", "libexec/espalier/espalier-fleet", "libexec/espalier/espalier-host-firmware",
                 "share/bash-completion/completions/espalier", "share/zsh/site-functions/_espalier", "share/man/man1/espalier.1",
                 "share/espalier/samples/greenhouse/devices.yaml"):
        check((usr / path).is_file(), path)
    check(list(usr.glob("share/doc/*/LICENSE")), "no licence")
    done = subprocess.run(["bash", "-n", str(usr / "share/bash-completion/completions/espalier")], capture_output=True, text=True)
    check(done.returncode == 0, done.stderr)
    program = str(usr / "bin" / "espalier")
    data = str(work / "state")
    try:
        # Named by PATH from another folder, so that it must find its firmware by where it lies.
        done = subprocess.run(["espalier", "up", "--data", data, *FREE_PORTS, "--detach", "--wait", "-f",
                               str(usr / "share/espalier/samples/greenhouse")], cwd="/", capture_output=True, text=True, timeout=180,
                              env=dict(os.environ, PATH="%s:%s" % (usr / "bin", os.environ["PATH"])))
        check(done.returncode == 0, done.stdout + done.stderr)
    finally:
        subprocess.run([program, "down", "--data", data], check=False, timeout=60)
        shutil.rmtree(work)


# --- the demonstration ---

class Demo:
    """scripts/demo.sh with a temporary folder of its own."""

    def __init__(self, keep=False):
        self.temporary = scratch()
        env = dict(os.environ, TMPDIR=str(self.temporary), ESPALIER_BINARY_DIR=str(BINARY), KEEP="1" if keep else "0")
        self.process = subprocess.Popen([str(SOURCE / "scripts" / "demo.sh")], env=env, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def folders(self):
        """What it has made."""
        return list(self.temporary.glob("espalier-demo.*"))

    def processes(self):
        """Those that have its folder on their command line."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if os.fsencode(str(self.temporary)) in path.read_bytes():
                    found.append(int(path.parent.name))
            except OSError:
                pass
        return found

    def close(self):
        """Checks that nothing runs, and removes the folder."""
        await_that("no process left", lambda: not self.processes(), STOP_S)
        shutil.rmtree(self.temporary)


def the_demonstration_works_twice_and_keeps_its_folder_if_asked():
    for keep in (False, True):
        demo = Demo(keep)
        output, _ = demo.process.communicate(timeout=180)
        check(demo.process.returncode == 0, output)
        rows = re.findall(r"^\S+ +\S+ +True +True +True +True ", output, re.M)
        check(len(rows) == 10, output)
        check(len(demo.folders()) == (1 if keep else 0), "folders: %s" % demo.folders())
        check(not keep or (demo.folders()[0] / "state" / "kubeconfig").is_file(), "nothing kept")
        demo.close()


def an_interrupted_demonstration_leaves_no_process_and_no_folder():
    for milestone in ("starting the control plane", "everything applied is Ready", "flashed 10 host devices"):
        demo = Demo()
        for line in demo.process.stdout:
            if milestone in line:
                break
        os.killpg(demo.process.pid, signal.SIGINT)  # as a terminal does
        output = demo.process.stdout.read()
        check(demo.process.wait(60) != 0, "%s: exit 0: %s" % (milestone, output))
        check(not demo.folders(), "%s: left %s: %s" % (milestone, demo.folders(), output))
        demo.process.stdout.close()
        demo.close()


def with_a_plane():
    """One plane for all that need it."""
    plane = Plane(GREENHOUSE)
    tests = [
        each_object_that_is_missing_is_named,
        waiting_lets_go_of_what_is_deleted_and_wants_something_to_wait_for,
        what_is_given_twice_is_refused_and_the_first_applied,
        scripts_get_what_was_applied_as_json,
        describe_tells_events_in_order_and_no_secret,
        colours_and_progress_are_for_terminals,
        every_example_of_the_fleet_runs_as_printed,
    ]
    return plane, [named(test, plane) for test in tests]


def named(test, plane):
    """The test with its plane, under its own name."""
    def bound():
        test(plane)
    bound.__name__ = test.__name__
    return bound


if __name__ == "__main__":
    PLANE, WITH_PLANE = with_a_plane()
    try:
        run([
            *WITH_PLANE,
            a_signal_ends_a_start_that_still_waits,
            a_key_at_the_terminal_ends_the_broker_in_its_turn,
            a_closed_terminal_ends_it_cleanly,
            a_second_signal_ends_it_at_once_and_the_broker_with_it,
            a_fleet_that_does_not_get_ready_is_3_and_the_plane_stays_up,
            an_interrupted_detach_leaves_nothing_behind,
            up_tells_scripts_where_everything_is_and_the_default_folder_is_xdgs,
            wrong_options_are_2_and_say_so,
            an_address_for_all_is_refused,
            a_server_that_is_away_is_told_with_the_remedy,
            the_manual_page_has_every_option_and_is_good_roff,
            what_is_installed_runs_where_it_lies,
            the_demonstration_works_twice_and_keeps_its_folder_if_asked,
            an_interrupted_demonstration_leaves_no_process_and_no_folder,
        ])
    finally:
        PLANE.close()
