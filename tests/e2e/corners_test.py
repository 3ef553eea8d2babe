#!/usr/bin/env python3
"""The corners of the controllers: what is asked for too early, taken away too soon, or done while we were down."""
import base64
import http.client
import json
import os
import pathlib
import shlex
import signal
import ssl
import time

from harness import GREENHOUSE, Plane, await_that, broker_pid, check, condition_of, is_gone, run

DEVICES = "devices.espalier.dev"
CLASSES = "deviceclasses.espalier.dev"
CLUSTERS = "deviceclusters.espalier.dev"
STORAGES = "storages.espalier.dev"
HEAD = "apiVersion: espalier.dev/v1alpha1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n---\n"
PROMPT_S = 30  # far below the minutes after which it would happen anyhow


def host_class(name, cluster="greenhouse", more=""):
    """A DeviceClass of host devices."""
    return HEAD % ("DeviceClass", name, "{deviceClusterReference: {name: %s}, chip: host, firmware: {builder: {}, version: 1.0.0}%s}"
                   % (cluster, more))


def device(name, of_class, more=""):
    """A Device."""
    return HEAD % ("Device", name, "{deviceClassReference: {name: %s}%s}" % (of_class, more))


def broker_users(plane):
    """Names in the broker's password file."""
    return [line.split(":")[0] for line in (plane.data / "broker" / "passwd").read_text().splitlines()]


def a_device_that_moves_to_another_cluster_is_nobody_at_its_former(plane):
    plane.apply(HEAD % ("DeviceCluster", "orchard", "{mqtt: {broker: {type: Local}}, storageReference: {name: artefacts}}") +
                host_class("orchard-probe", "orchard") + device("nomad-1", "soil-probe"))
    plane.await_device("nomad-1", "Ready")
    check("nomad-1" in broker_users(plane), "the broker does not know it")
    devices = len(plane.list(DEVICES))
    await_that("each device counted", lambda: plane.get(CLUSTERS, "greenhouse")["status"]["devices"] == devices, PROMPT_S)
    plane.kubectl("patch", DEVICES, "nomad-1", "--type=merge", "-p", '{"spec":{"deviceClassReference":{"name":"orchard-probe"}}}')
    await_that("its user removed", lambda: "nomad-1" not in broker_users(plane), PROMPT_S)
    found = plane.await_device("nomad-1", "CredentialsReady", "False", "BrokerUnreachable")
    check(found["status"]["deviceCluster"] == "orchard", found["status"])
    await_that("one device less", lambda: plane.get(CLUSTERS, "greenhouse")["status"]["devices"] == devices - 1)
    plane.kubectl("delete", DEVICES, "nomad-1", "--timeout=20s")
    plane.kubectl("delete", CLASSES, "orchard-probe")
    plane.kubectl("delete", CLUSTERS, "orchard")


# --- what is not built yet ---

def a_class_that_asks_for_encryption_gets_no_plaintext(plane):
    plane.apply(host_class("sealed", more=", config: {encryption: NVSKeys}") + device("sealed-1", "sealed"))
    found = plane.await_device("sealed-1", "Ready", "False", "NotSupportedYet")
    message = condition_of(found, "ConfigReady")["message"]
    check("spec.config.encryption of DeviceClass 'sealed'" in message, message)
    check(plane.get("secret", "sealed-1-device") is None, "a configuration was laid out")
    plane.kubectl("delete", DEVICES, "sealed-1")


def a_missing_class_is_told_with_the_remedy(plane):
    found = plane.await_device("probe-1", "Ready")
    check(condition_of(found, "ConfigReady")["reason"] == "Ready", "it is not")
    plane.apply(device("homeless-1", "absent"))
    found = plane.await_device("homeless-1", "Ready", "False", "ClassNotFound")
    check("correct spec.deviceClassReference" in condition_of(found, "Ready")["message"], "no remedy")
    plane.kubectl("delete", DEVICES, "homeless-1")


# --- suspended, deleted, moved ---

def a_device_is_suspended_though_its_class_is_gone(plane):
    plane.apply(host_class("passing") + device("passing-1", "passing"))
    plane.await_device("passing-1", "Ready")
    check("passing-1" in broker_users(plane), "the broker does not know it")
    plane.kubectl("delete", CLASSES, "passing")
    plane.await_device("passing-1", "Ready", "False", "ClassNotFound")
    plane.kubectl("patch", DEVICES, "passing-1", "--type=merge", "-p", '{"spec":{"suspended":true}}')
    plane.await_device("passing-1", "CredentialsReady", "False", "Suspended")
    check("passing-1" not in broker_users(plane), "the broker still knows it")
    plane.kubectl("delete", DEVICES, "passing-1")


def both_classes_count_a_device_that_moves(plane):
    def counts():
        return [plane.get(CLASSES, name)["status"].get("devices") for name in ("from", "to")]

    plane.apply(host_class("from") + host_class("to") + device("mover-1", "from"))
    plane.await_device("mover-1", "Ready")
    await_that("one device and none", lambda: counts() == [1, 0])
    plane.kubectl("patch", DEVICES, "mover-1", "--type=merge", "-p", '{"spec":{"deviceClassReference":{"name":"to"}}}')
    await_that("none and one device", lambda: counts() == [0, 1], PROMPT_S)
    plane.kubectl("delete", DEVICES, "mover-1")


def the_same_name_in_another_namespace_takes_nothing_over(plane):
    plane.kubectl("create", "namespace", "other")
    password = plane.secret_bytes("probe-1-device", "password")
    manifest = (HEAD % ("Storage", "artefacts", "{directory: {name: other}}") +
                HEAD % ("DeviceCluster", "greenhouse", "{mqtt: {broker: {type: Local}}, storageReference: {name: artefacts}}") +
                host_class("soil-probe") + device("probe-1", "soil-probe"))
    plane.kubectl("apply", "-n", "other", "-f", "-", text=manifest)
    await_that("the second claim refused", lambda: "AlreadyClaimed" in plane.kubectl(
        "get", CLUSTERS, "greenhouse", "-n", "other", "-o", "json").stdout)
    await_that("its device without credentials", lambda: "is not ready" in plane.kubectl(
        "get", DEVICES, "probe-1", "-n", "other", "-o", "json").stdout)
    line = [x for x in (plane.data / "broker" / "passwd").read_text().splitlines() if x.startswith("probe-1:")]
    plane.kubectl("delete", DEVICES, "probe-1", "-n", "other", "--timeout=20s")
    check(line == [x for x in (plane.data / "broker" / "passwd").read_text().splitlines() if x.startswith("probe-1:")],
          "the broker's user was touched")
    check(plane.secret_bytes("probe-1-device", "password") == password, "the password was touched")
    plane.kubectl("delete", "namespace", "other", good=False)


def a_late_device_is_on_time_with_its_next_word(plane):
    plane.apply(host_class("brisk", more=", expectedInterval: 2s, sensors: [{name: bed, driver: soil, pins: {adc: 34}, interval: 1s}]")
                + device("brisk-1", "brisk"))
    plane.await_device("brisk-1", "Ready")
    plane.flash("brisk-1")
    plane.switch_on("brisk-1")
    plane.await_device("brisk-1", "Connected", reason="Ready")
    parent = plane.devices["brisk-1"].pid
    stopped = [parent, *map(int, pathlib.Path("/proc/%d/task/%d/children" % (parent, parent)).read_text().split())]
    try:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        plane.await_device("brisk-1", "Connected", reason="Late")
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
    plane.await_device("brisk-1", "Connected", reason="Ready", patience_s=PROMPT_S)
    plane.switch_off("brisk-1")


# --- the board ---

def another_board_is_told_and_taken_as_the_message_says(plane):
    plane.apply(device("swapped-1", "soil-probe"))
    plane.await_device("swapped-1", "Ready")
    plane.flash("swapped-1")
    plane.switch_on("swapped-1")
    plane.await_device("swapped-1", "UpToDate")
    plane.switch_off("swapped-1")
    for path in plane.work.glob("swapped-1.flash*"):
        path.unlink()  # another board has another MAC
    plane.flash("swapped-1")
    plane.switch_on("swapped-1")
    found = plane.await_device("swapped-1", "Flashed", "False", "HardwareChanged")
    remedy = condition_of(found, "Flashed")["message"].partition("kubectl ")[2]
    plane.kubectl(*shlex.split(remedy))
    found = plane.await_device("swapped-1", "Flashed")
    plane.switch_off("swapped-1")
    plane.kubectl("delete", DEVICES, "swapped-1", "--timeout=30s")


def http_status(plane, path, user, password):
    """What the artefact server answers to a device."""
    port = json.loads((plane.data / "ports.json").read_text())["artefacts"]
    context = ssl.create_default_context(cafile=str(plane.data / "ca.crt"))
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=20)
    token = base64.b64encode(("%s:%s" % (user, password)).encode()).decode()
    connection.request("GET", path, headers={"Authorization": "Basic " + token})
    status = connection.getresponse().status
    connection.close()
    return status


def a_suspended_device_is_served_nothing(plane):
    password = plane.secret_bytes("probe-2-device", "password").decode()
    paths = ["/v1/default/devices/probe-2/config.bin", "/v1/default/classes/soil-probe/current/app.bin"]
    check([http_status(plane, path, "probe-2", password) for path in paths] == [200, 200], "not served before")
    plane.kubectl("patch", DEVICES, "probe-2", "--type=merge", "-p", '{"spec":{"suspended":true}}')
    plane.await_device("probe-2", "CredentialsReady", "False", "Suspended")
    check([http_status(plane, path, "probe-2", password) for path in paths] == [404, 404], "served while suspended")
    plane.kubectl("patch", DEVICES, "probe-2", "--type=merge", "-p", '{"spec":{"suspended":false}}')
    plane.await_device("probe-2", "Ready")
    check([http_status(plane, path, "probe-2", password) for path in paths] == [200, 200], "not served afterwards")


# --- storage ---

def a_class_that_changes_its_storage_has_its_bundle_there(plane):
    plane.apply(HEAD % ("Storage", "attic", "{directory: {name: attic}}") + host_class("restless"))
    plane.await_condition(CLASSES, "restless", "Ready")
    plane.apply(host_class("restless", more=", storageReference: {name: attic}"))
    await_that("a bundle in the attic", lambda: bundles(plane, "attic"), PROMPT_S)
    plane.await_condition(CLASSES, "restless", "Ready")
    plane.kubectl("delete", CLASSES, "restless")


def bundles(plane, directory):
    """Bundle folders in a directory Storage."""
    return [path for path in (plane.data / "artefacts" / directory).glob("**/SHA256SUMS")]


def a_storage_takes_its_bundles_along_only_if_told_to_and_nobody_shares_them(plane):
    shelf = "{directory: {name: shelf}, reclaimPolicy: Delete}"
    plane.apply(HEAD % ("Storage", "shelf-a", shelf) + HEAD % ("Storage", "shelf-b", shelf) +
                host_class("shelved", more=", storageReference: {name: shelf-b}"))
    plane.await_condition(CLASSES, "shelved", "Ready")
    check(bundles(plane, "shelf"), "no bundle")
    plane.kubectl("delete", STORAGES, "shelf-a")
    # Deleted and made again with another mind: the first is not to be remembered.
    plane.apply(HEAD % ("Storage", "shelf-a", "{directory: {name: shelf}}"))
    plane.await_condition(STORAGES, "shelf-a", "Ready")
    check(bundles(plane, "shelf"), "a shared bundle was removed")
    plane.kubectl("patch", STORAGES, "shelf-b", "--type=merge", "-p", '{"spec":{"reclaimPolicy":"Retain"}}')
    plane.kubectl("delete", STORAGES, "shelf-b", "shelf-a")
    time.sleep(1)
    check(bundles(plane, "shelf"), "a retained bundle was removed")
    plane.apply(HEAD % ("Storage", "shelf-b", shelf))
    plane.await_condition(CLASSES, "shelved", "Ready")
    plane.kubectl("delete", CLASSES, "shelved")
    plane.kubectl("delete", STORAGES, "shelf-b")
    await_that("the bundles removed", lambda: not bundles(plane, "shelf"))


# --- settings ---

def a_secret_that_comes_without_its_label_is_not_called_missing_for_long(plane):
    plane.apply(device("careless-1", "soil-probe", ", secret: {name: careless}"))
    plane.await_device("careless-1", "ConfigReady", "False", "SecretNotFound")
    plane.kubectl("create", "secret", "generic", "careless", "--from-literal=pump.on=1")
    plane.await_device("careless-1", "ConfigReady", "False", "SecretNotLabelled")
    plane.kubectl("label", "secret", "careless", "espalier.dev/settings=true")
    plane.await_device("careless-1", "Ready", patience_s=PROMPT_S)
    plane.kubectl("delete", DEVICES, "careless-1")


def a_group_may_select_by_expressions_alone(plane):
    plane.kubectl("label", DEVICES, "probe-2", "shelf=top")
    plane.apply(HEAD % ("DeviceGroup", "tops", "{selector: {matchExpressions: [{key: shelf, operator: In, values: [top, middle]}]}, "
                        "priority: 99, settings: [{namespace: pump, key: level, type: u8, value: '7'}]}"))
    await_that("one device", lambda: plane.get("devicegroups.espalier.dev", "tops").get("status", {}).get("devices") == 1)

    def sources():
        return [entry["key"] for entry in plane.device("probe-2")["status"]["config"]["sources"]]
    await_that("its key", lambda: "pump.level" in sources())
    plane.kubectl("delete", "devicegroups.espalier.dev", "tops")
    await_that("its key gone", lambda: "pump.level" not in sources())


def a_name_of_52_characters_and_128_settings_are_a_device(plane):
    name = "n" + "a" * 50 + "z"
    settings = ", ".join("{namespace: many, key: k%d, type: u8, value: '%d'}" % (i, i) for i in range(128))
    plane.apply(device(name, "soil-probe", ", settings: [%s]" % settings))
    plane.await_device(name, "Ready")
    plane.flash(name)
    plane.switch_on(name)
    plane.await_device(name, "UpToDate")
    plane.switch_off(name)
    plane.kubectl("delete", DEVICES, name, "--timeout=30s")


# --- a cluster goes ---

def devices_of_a_cluster_that_is_gone_can_be_deleted_and_another_may_follow(plane):
    plane.kubectl("delete", CLUSTERS, "greenhouse")
    plane.await_device("probe-3", "Ready", "False", "ClusterNotFound")
    plane.kubectl("delete", DEVICES, "probe-3", "--timeout=20s")
    await_that("the event", lambda: any(
        event["involvedObject"]["name"] == "probe-3" and "a later sweep does it" in event["message"] for event in plane.list("events")))
    plane.apply(HEAD % ("DeviceCluster", "orchard", "{mqtt: {broker: {type: Local}}, storageReference: {name: artefacts}}"))
    plane.await_condition(CLUSTERS, "orchard", "BrokerReady")
    await_that("the former devices swept", lambda: not {"probe-1", "probe-3"} & set(broker_users(plane)), PROMPT_S)
    plane.apply(host_class("orchard-probe", "orchard") + device("orchard-1", "orchard-probe"))
    plane.await_device("orchard-1", "Ready")


# --- while we were down ---

def a_claim_of_a_cluster_that_is_gone_is_given_up(plane):
    plane.stop()
    (plane.data / "broker" / "claim").write_text("default/long-gone\nhomie\n")
    plane.start()
    plane.await_condition(CLUSTERS, "greenhouse", "BrokerReady")
    plane.await_device("probe-1", "Ready")


def users_without_a_device_of_the_cluster_are_swept_and_no_others(plane):
    before = set(broker_users(plane))
    plane.stop()
    passwd = plane.data / "broker" / "passwd"
    line = [x for x in passwd.read_text().splitlines() if x.startswith("probe-1:")][0]
    with open(passwd, "a") as file:
        file.write("stray-1:" + line.partition(":")[2] + "\n")
    plane.start()
    await_that("the stray swept", lambda: "stray-1" not in broker_users(plane), PROMPT_S)
    check({name for name in before if "." not in name} <= set(broker_users(plane)), "a live device was swept")


def a_device_deleted_while_we_were_killed_is_cleaned_up_after(plane):
    plane.apply(device("brief-1", "soil-probe"))
    plane.await_device("brief-1", "Ready")
    plane.flash("brief-1")
    plane.switch_on("brief-1")
    plane.await_device("brief-1", "UpToDate")
    plane.switch_off("brief-1")
    broker = broker_pid(plane)
    os.kill(broker, signal.SIGSTOP)  # so that the deletion cannot end
    try:
        plane.kubectl("delete", DEVICES, "brief-1", "--wait=false")
        plane.kill()
    finally:
        os.kill(broker, signal.SIGCONT)  # it ends cleanly and keeps what is retained
    await_that("the broker's end", lambda: is_gone(broker))
    plane.start()
    await_that("the device gone", lambda: plane.device("brief-1") is None)
    check("brief-1" not in broker_users(plane), "the broker still knows it")
    plane.apply(device("brief-1", "soil-probe"))
    found = plane.await_device("brief-1", "Ready")
    time.sleep(1)  # for words of the dead to be heard
    found = plane.device("brief-1")
    check(condition_of(found, "Flashed")["reason"] == "NeverFlashed", "its predecessor's report counted: %r" % found["status"])


if __name__ == "__main__":
    run([
        a_class_that_asks_for_encryption_gets_no_plaintext,
        a_missing_class_is_told_with_the_remedy,
        a_device_is_suspended_though_its_class_is_gone,
        both_classes_count_a_device_that_moves,
        a_device_that_moves_to_another_cluster_is_nobody_at_its_former,
        the_same_name_in_another_namespace_takes_nothing_over,
        a_late_device_is_on_time_with_its_next_word,
        another_board_is_told_and_taken_as_the_message_says,
        a_suspended_device_is_served_nothing,
        a_class_that_changes_its_storage_has_its_bundle_there,
        a_storage_takes_its_bundles_along_only_if_told_to_and_nobody_shares_them,
        a_secret_that_comes_without_its_label_is_not_called_missing_for_long,
        a_group_may_select_by_expressions_alone,
        a_name_of_52_characters_and_128_settings_are_a_device,
        a_claim_of_a_cluster_that_is_gone_is_given_up,
        users_without_a_device_of_the_cluster_are_swept_and_no_others,
        a_device_deleted_while_we_were_killed_is_cleaned_up_after,
        devices_of_a_cluster_that_is_gone_can_be_deleted_and_another_may_follow,
    ], Plane(GREENHOUSE))
