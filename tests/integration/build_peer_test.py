#!/usr/bin/env python3
# `espalier build` on the samples: what it writes is what Espressif's generator makes of its --csv, byte for byte;
# building again changes nothing; files with credentials are 0600; faults name file and line and hold nobody up.
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tempfile

source = pathlib.Path(os.environ["ESPALIER_SOURCE_DIR"])
espalier = pathlib.Path(os.environ["ESPALIER_BINARY_DIR"]) / "espalier"
work = pathlib.Path(tempfile.mkdtemp(prefix="espalier-build."))


def build(*arguments):
    return subprocess.run([espalier, "build", *map(str, arguments)], capture_output=True, text=True, timeout=120)


def check(what, condition, shown=""):
    if not condition:
        sys.exit(f"FAILED: {what}\n{shown}")
    print(f"ok  {what}")


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def builds_what_the_generator_makes():
    out = work / "out"
    done = build("-f", source / "samples/greenhouse", "-o", out, "--csv")
    check("samples/greenhouse builds", done.returncode == 0, done.stderr)
    devices = sorted(p.name for p in out.iterdir())
    check("ten devices", len(devices) == 10, devices)
    for name in devices:
        made = out / name / "config.bin"
        peer = work / f"{name}.bin"
        subprocess.run([sys.executable, "-m", "esp_idf_nvs_partition_gen", "generate",
                        out / name / "config.csv", peer, hex(made.stat().st_size)],
                       check=True, capture_output=True, timeout=60)
        check(f"{name}: same bytes as esp-idf-nvs-partition-gen", made.read_bytes() == peer.read_bytes())
    return out, devices


def files_are_as_they_should_be(out, devices):
    passwords = set()
    for name in devices:
        folder = out / name
        for file in ("config.bin", "secret.yaml", "config.csv"):
            mode = stat.S_IMODE((folder / file).stat().st_mode)
            check(f"{name}/{file} is 0600", mode == 0o600, oct(mode))
        check(f"{name}/ is 0700", stat.S_IMODE(folder.stat().st_mode) == 0o700)
        plan = json.loads((folder / "flash-plan.json").read_text())
        check(f"{name}: both slots in the plan",
              plan["flash_files"] == {"0xf000": "config.bin", "0x12000": "config.bin"}, plan)
        check(f"{name}: the plan's SHA-256",
              plan["parts"][0]["sha256"] == hashlib.sha256((folder / "config.bin").read_bytes()).hexdigest())
        secret = (folder / "secret.yaml").read_text()
        check(f"{name}: the Secret has the inputs' hash", plan["configInputs"] in secret)
        passwords.add(next(line for line in secret.splitlines() if line.startswith("  password:")))
    check("every device has a password of its own", len(passwords) == len(devices))


def building_again_changes_nothing(out):
    before = contents(out)
    stamps = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    done = build("-f", source / "samples/greenhouse", "-o", out, "--csv")
    check("builds again", done.returncode == 0, done.stderr)
    check("the same bytes, credentials included", contents(out) == before)
    check("no file was written", stamps == {p: p.stat().st_mtime_ns for p in out.rglob("*")})


def a_changed_group_reaches_its_devices_alone(out, devices):
    fleet = work / "fleet"
    shutil.copytree(source / "samples/greenhouse", fleet)
    settings = fleet / "settings.yaml"
    settings.write_text(settings.read_text().replace("greenhouse-south", "another-network"))
    before = contents(out)
    done = build("-f", fleet, "-o", out, "--csv")
    check("the changed fleet builds", done.returncode == 0, done.stderr)
    after = contents(out)
    changed = {str(p.parent) for p in after if before[p] != after[p]}
    check("only the south has changed", changed == {f"probe-{i}" for i in range(6, 11)}, changed)
    for name in devices:
        def password(files):
            return [line for line in files[pathlib.Path(name) / "secret.yaml"].splitlines() if b"password:" in line]
        check(f"{name} keeps its password", password(before) == password(after))


def faults_name_file_and_line_and_hold_nobody_up():
    fleet = work / "faulty"
    shutil.copytree(source / "samples/greenhouse", fleet)
    (fleet / "faults.yaml").write_text("""\
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata: {name: long-key}
spec:
  deviceClassReference: {name: soil-probe}
  settings:
  - key: password-is-long
    value: x
---
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata: {name: unknown-field}
spec:
  deviceClassReference: {name: soil-probe}
  colour: green
---
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata: {name: no-class}
spec:
  deviceClassReference:
    name: nowhere
---
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata: {name: wrong-type}
spec:
  deviceClassReference: {name: soil-probe}
  suspended: "true"
---
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata: {name: too-big}
spec:
  deviceClassReference: {name: soil-probe}
  settings:
  - key: a
    type: u8
    value: "256"
---
kind: [
---
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata: {name: not-labelled}
spec:
  deviceClassReference: {name: soil-probe}
  secret: {name: bare}
---
apiVersion: v1
kind: Secret
metadata: {name: bare}
stringData: {wifi.ssid: CANARY-VALUE}
---
apiVersion: espalier.dev/v1alpha1
kind: DeviceGroup
metadata: {name: rival}
spec:
  selector: {matchLabels: {site: north}}
  priority: 10
  settings:
  - {namespace: wifi, key: ssid, value: CANARY-VALUE}
---
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata: {name: pinned}
spec:
  deviceClassReference: {name: soil-probe}
  firmware:
    version: 1.2.3
---
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata: {name: probe-9}
spec:
  deviceClassReference: {name: soil-probe}
---
apiVersion: espalier.dev/v1alpha1
kind: Deviec
metadata: {name: x}
---
apiVersion: espalier.dev/v1alpha1
kind: Device
metadata: {name: good}
spec:
  deviceClassReference: {name: soil-probe}
""")
    out = work / "faulty-out"
    done = build("-f", fleet, "-o", out)
    file = fleet / "faults.yaml"
    expected = [
        f"{file}:7: Device 'long-key': spec.settings[0].key: Too long: may not be more than 15 bytes",
        f"{file}:15: Device 'unknown-field': unknown field \"spec.colour\"; correct it or remove it",
        f"{file}:22: Device 'no-class': spec.deviceClassReference.name: there is no good DeviceClass 'nowhere' in "
        "namespace 'default' among the manifests; add it or correct the name",
        f"{file}:29: Device 'wrong-type': spec.suspended: Invalid value: \"string\": spec.suspended in body must be "
        "of type boolean: \"string\"",
        f"{file}:31: Device 'too-big': settings: 'settings.a' is out of range: the type u8 holds 0 to 255",
        f"{file}:42:1: did not find expected node content",
        f"{file}:43: Device 'not-labelled': Secret 'bare', which Device 'not-labelled' names, may not be read as "
        "settings; allow it: kubectl label secret bare -n default espalier.dev/settings=true",
        "Device 'probe-1': DeviceGroups of the same priority differ on 'wifi.ssid' ('north', 'rival')",
        f"{file}:70: Device 'pinned': spec.firmware.version is not supported yet; remove it for now",
        f"Device 'probe-9': is given twice, first at",
        f"{file}:79: Deviec 'x': there is no such kind; correct it",
        "espalier build: 15 faults; everything else is built",
    ]
    for line in expected:
        check(f"says: {line.removeprefix(str(fleet) + '/')[:90]}", line in done.stderr, done.stderr)
    check("exit 1", done.returncode == 1)
    check("no value in a message", "CANARY" not in done.stderr + done.stdout)
    check("what is good is built", (out / "good/config.bin").exists() and (out / "probe-6/config.bin").exists())
    check("what is not, is not", not any((out / n).exists() for n in ("long-key", "probe-1", "pinned", "not-labelled")))


def a_foreign_secret_is_not_taken_for_the_devices():
    out = work / "foreign"
    (out / "probe-1").mkdir(parents=True)
    (out / "probe-1/secret.yaml").write_text("stringData: {username: probe-2, password: x}\n")
    done = build("-f", source / "samples/greenhouse", "-o", out)
    check("a foreign secret.yaml is a fault", done.returncode == 1
          and "does not hold the credentials of 'probe-1'" in done.stderr, done.stderr)
    check("and stays", "probe-2" in (out / "probe-1/secret.yaml").read_text())


def endpoints_are_told():
    ca = work / "ca.pem"
    ca.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    out = work / "endpoint"
    done = build("-f", source / "samples/greenhouse", "-o", out, "--csv", "--broker-host", "broker.example.org",
                 "--broker-port", 1883, "--ca", ca)
    csv = (out / "probe-1/config.csv").read_text()
    check("host, port and authority are told", done.returncode == 0 and "host,data,string,broker.example.org" in csv
          and "port,data,u16,1883" in csv and "BEGIN CERTIFICATE" in csv and "note:" not in done.stderr, done.stderr)
    done = build("-f", source / "samples/greenhouse", "-o", work / "default")
    check("the default is said aloud", "devices are told 127.0.0.1:8883 and no authority to trust" in done.stderr)


try:
    output, names = builds_what_the_generator_makes()
    files_are_as_they_should_be(output, names)
    building_again_changes_nothing(output)
    a_changed_group_reaches_its_devices_alone(output, names)
    faults_name_file_and_line_and_hold_nobody_up()
    a_foreign_secret_is_not_taken_for_the_devices()
    endpoints_are_told()
finally:
    shutil.rmtree(work)
