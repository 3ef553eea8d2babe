#!/usr/bin/env python3
"""A device's way: from manifests to a connected device, through changes, damage, suspension, to its end."""
import base64
import json
import os
import signal
import time

from harness import GREENHOUSE, Plane, await_that, broker_pid, check, condition_of, run

DEVICES = "devices.espalier.dev"
QUIET_S = 60
SETTLED_S = 32  # the count of an event that was told again is written up to 30 s later
REFUSED_BACKOFF_S = 200  # a device that was refused does not hammer the broker


def everything_of_the_sample_is_ready_and_accounted_for(plane):
    devices = plane.list(DEVICES)
    check(len(devices) == 10, "%d devices" % len(devices))
    for device in devices:
        name = device["metadata"]["name"]
        check(condition_of(device, "Ready")["status"] == "True", name + " is not Ready")
        check(condition_of(device, "Flashed")["reason"] == "NeverFlashed", name + " claims to be flashed")
        secret = plane.get("secret", name + "-device")
        check(secret["type"] == "espalier.dev/device", secret["type"])
        check(secret["metadata"]["ownerReferences"][0]["uid"] == device["metadata"]["uid"], "owner of " + name)
        check(secret["metadata"]["annotations"]["espalier.dev/config-inputs"] == device["status"]["config"]["digest"],
              "inputs' hash of " + name)


def a_flashed_device_connects_and_is_up_to_date(plane):
    for name in ("probe-1", "probe-2", "probe-3"):
        plane.flash(name)
        plane.switch_on(name)
    for name in ("probe-1", "probe-2", "probe-3"):
        plane.await_device(name, "Connected")
        plane.await_device(name, "Flashed", reason="Observed")
        device = plane.await_device(name, "UpToDate", reason="Current")
        check(device["status"]["config"]["running"] == device["status"]["config"]["digest"], "running is desired")
        check(device["status"]["hardware"]["chip"] == "host", str(device["status"]["hardware"]))
    reasons = {event["reason"] for event in plane.list("events")}
    for reason in ("CredentialsMinted", "ConfigBuilt", "DeviceFlashed", "DeviceConnected", "BuildSucceeded"):
        check(reason in reasons, "no event %s among %s" % (reason, sorted(reasons)))


def a_device_that_is_on_cannot_be_flashed(plane):
    done = plane.flash("probe-1", good=False)
    check(done.returncode == 1, "exit %d" % done.returncode)
    check("on" in done.stderr, done.stderr)


def a_label_brings_the_other_group_and_a_new_configuration(plane):
    before = plane.device("probe-3")
    site = before["metadata"]["labels"]["site"]
    other = "south" if site == "north" else "north"
    image = plane.secret_bytes("probe-3-device", "config.bin")
    plane.kubectl("label", DEVICES, "probe-3", "site=" + other, "--overwrite")
    after = plane.await_device("probe-3", "UpToDate", "False", "ConfigOutdated")
    check(after["status"]["config"]["digest"] != before["status"]["config"]["digest"], "the hash stayed")
    check(plane.secret_bytes("probe-3-device", "config.bin") != image, "config.bin stayed")
    check(condition_of(after, "Ready")["status"] == "True", "Ready is the server's part alone")
    sources = {source["key"]: source["from"] for source in after["status"]["config"]["sources"]}
    check(other in sources["wifi.ssid"], str(sources))
    plane.switch_off("probe-3")
    plane.await_device("probe-3", "Connected", "False", "Disconnected")
    plane.flash("probe-3")
    plane.switch_on("probe-3")
    plane.await_device("probe-3", "UpToDate", reason="Current")


def digests(plane):
    return {device["metadata"]["name"]: device["status"]["config"]["digest"] for device in plane.list(DEVICES)}


def a_changed_secret_rebuilds_exactly_the_devices_that_it_reaches(plane):
    group = plane.get("devicegroups.espalier.dev", "north")
    reached = {device["metadata"]["name"] for device in plane.list(DEVICES)
               if device["metadata"].get("labels", {}).get("site") == "north"}
    before = digests(plane)
    versions = {name: plane.get("secret", name + "-device")["metadata"]["resourceVersion"] for name in before}
    value = base64.b64encode(b"another north").decode()
    plane.kubectl("patch", "secret", group["spec"]["secret"]["name"], "--type=merge", "-p",
                  json.dumps({"data": {"wifi.ssid": value}}))
    await_that("all of the group", lambda: all(
        digest != before[name] for name, digest in digests(plane).items() if name in reached))
    time.sleep(1)
    changed = {name for name, digest in digests(plane).items() if digest != before[name]}
    rebuilt = {name for name in before
               if plane.get("secret", name + "-device")["metadata"]["resourceVersion"] != versions[name]}
    print("        %d of %d devices reached, %d rebuilt" % (len(reached), len(before), len(rebuilt)))
    check(changed == reached and rebuilt == reached, "reached %s, changed %s, rebuilt %s" % (reached, changed, rebuilt))


def a_damaged_configuration_is_repaired(plane):
    good = plane.secret_bytes("probe-2-device", "config.bin")
    damage = base64.b64encode(b"\0" * 100).decode()
    plane.kubectl("patch", "secret", "probe-2-device", "--type=merge", "-p", json.dumps({"data": {"config.bin": damage}}))
    await_that("repair", lambda: plane.secret_bytes("probe-2-device", "config.bin") == good)
    plane.kubectl("delete", "secret", "probe-2-device")
    secret = await_that("a new Secret", lambda: plane.get("secret", "probe-2-device"))
    check("config.bin" in secret["data"], "without configuration")


def a_foreign_secret_of_that_name_is_left_untouched(plane):
    plane.kubectl("create", "secret", "generic", "squatter-device", "--from-literal=mine=yes")
    plane.apply("apiVersion: espalier.dev/v1alpha1\nkind: Device\nmetadata: {name: squatter}\n"
                "spec: {deviceClassReference: {name: soil-probe}}\n")
    plane.await_device("squatter", "Ready", "False", "SecretNameTaken")
    check(plane.secret_bytes("squatter-device", "mine") == b"yes", "it was changed")
    plane.kubectl("delete", "secret", "squatter-device")
    plane.await_device("squatter", "Ready")
    plane.kubectl("delete", DEVICES, "squatter")


def written_since(plane, revision):
    """Names of the objects that were written after that revision."""
    found = []
    for kind in ("events", "secrets", "configmaps", "espalier", "namespaces"):
        found += ["%s/%s" % (item["kind"], item["metadata"]["name"]) for item in plane.list(kind)
                  if int(item["metadata"]["resourceVersion"]) > revision]
    return found


def a_quiet_minute_writes_nothing_but_last_seen(plane):
    time.sleep(SETTLED_S)
    seen = {device["metadata"]["name"]: device["status"].get("lastSeen") for device in plane.list(DEVICES)}
    hashes = digests(plane)
    revision = plane.revision()
    time.sleep(QUIET_S)
    written = plane.revision() - revision
    moved = sum(device["status"].get("lastSeen") != seen[device["metadata"]["name"]] for device in plane.list(DEVICES))
    print("        %d writes in %d s, %d of them lastSeen" % (written, QUIET_S, moved))
    check(written == moved, "%d writes, %d moved lastSeen: %s" % (written, moved, written_since(plane, revision)))
    check(moved <= len(seen), "more than one a device")
    check(digests(plane) == hashes, "something was rebuilt")


def times_told(plane, reason):
    """How often an event was told, series counted."""
    return sum((event.get("series") or {}).get("count") or event.get("count") or 1
               for event in plane.list("events") if event["reason"] == reason)


def a_broker_that_is_killed_comes_back_and_its_devices_with_it(plane):
    old = broker_pid(plane)
    restored = times_told(plane, "BrokerRestored")
    os.kill(old, signal.SIGKILL)

    def is_back():
        try:
            return broker_pid(plane) != old
        except (OSError, TypeError):
            return False
    await_that("another broker", is_back)
    await_that("the event", lambda: times_told(plane, "BrokerRestored") > restored)
    plane.await_condition("deviceclusters.espalier.dev", "greenhouse", "BrokerReady")
    for name in ("probe-1", "probe-3"):
        plane.await_device(name, "Connected")


def a_suspended_device_is_locked_out_and_returns_with_the_same_credentials(plane):
    password = plane.secret_bytes("probe-1-device", "password")
    plane.kubectl("patch", DEVICES, "probe-1", "--type=merge", "-p", '{"spec":{"suspended":true}}')
    plane.await_device("probe-1", "CredentialsReady", "False", "Suspended")
    plane.await_device("probe-1", "Connected", "False")
    plane.kubectl("patch", DEVICES, "probe-1", "--type=merge", "-p", '{"spec":{"suspended":false}}')
    plane.await_device("probe-1", "CredentialsReady")
    check(plane.secret_bytes("probe-1-device", "password") == password, "another password")
    plane.await_device("probe-1", "Connected", patience_s=REFUSED_BACKOFF_S)


def a_second_cluster_claims_the_broker_in_vain(plane):
    plane.apply("apiVersion: espalier.dev/v1alpha1\nkind: DeviceCluster\nmetadata: {name: second}\n"
                "spec: {mqtt: {broker: {type: Local}}}\n")
    plane.await_condition("deviceclusters.espalier.dev", "second", "BrokerReady", "False", "AlreadyClaimed")
    plane.kubectl("delete", "deviceclusters.espalier.dev", "second")


def a_deleted_device_leaves_nothing_behind(plane):
    plane.switch_off("probe-2")
    plane.kubectl("delete", DEVICES, "probe-2", "--timeout=60s")
    check(plane.device("probe-2") is None, "it is still there")
    await_that("its Secret collected", lambda: plane.get("secret", "probe-2-device") is None)
    users = (plane.data / "broker" / "passwd").read_text()
    check("probe-2:" not in users, "the broker still knows it")


def a_restart_changes_nothing(plane):
    before = digests(plane)
    secrets = {name: plane.get("secret", name + "-device")["metadata"]["resourceVersion"] for name in before}
    plane.stop()
    plane.start()
    plane.await_condition("deviceclusters.espalier.dev", "greenhouse", "BrokerReady")
    for name in ("probe-1", "probe-3"):
        plane.await_device(name, "Connected")
    time.sleep(2)
    check(digests(plane) == before, "a configuration was rebuilt")
    after = {name: plane.get("secret", name + "-device")["metadata"]["resourceVersion"] for name in before}
    check(after == secrets, "a Secret was written")


def a_device_that_is_cut_off_is_lost(plane):
    process = plane.devices.pop("probe-1")
    process.kill()
    process.wait()
    plane.await_device("probe-1", "Connected", "False", "Lost")


if __name__ == "__main__":
    run([
        everything_of_the_sample_is_ready_and_accounted_for,
        a_flashed_device_connects_and_is_up_to_date,
        a_device_that_is_on_cannot_be_flashed,
        a_label_brings_the_other_group_and_a_new_configuration,
        a_changed_secret_rebuilds_exactly_the_devices_that_it_reaches,
        a_damaged_configuration_is_repaired,
        a_foreign_secret_of_that_name_is_left_untouched,
        a_quiet_minute_writes_nothing_but_last_seen,
        a_broker_that_is_killed_comes_back_and_its_devices_with_it,
        a_suspended_device_is_locked_out_and_returns_with_the_same_credentials,
        a_second_cluster_claims_the_broker_in_vain,
        a_deleted_device_leaves_nothing_behind,
        a_restart_changes_nothing,
        a_device_that_is_cut_off_is_lost,
    ], Plane(GREENHOUSE))
