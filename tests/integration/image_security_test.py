#!/usr/bin/env python3
"""The commands that sign and encrypt, as people run them: files and pipes, modes of keys, passphrases from files and from
a terminal, keys in a PKCS#11 token (SoftHSM), each judged by espsecure."""
import json
import os
import pty
import random
import select
import signal
import stat
import subprocess
import sys
import tempfile
import time

ESPALIER = os.path.join(os.environ["ESPALIER_BINARY_DIR"], "espalier")
KEYS = os.path.join(os.environ["ESPALIER_SOURCE_DIR"], "tests", "data", "signing")
MODULE = "/usr/lib/softhsm/libsofthsm2.so"
SCHEMES = ["rsa3072", "ecdsa192", "ecdsa256", "ecdsa384"]
PIN, PASSPHRASE = "471147114711", "swordfish"
PATIENCE_S = 30


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")
    print(f"ok: {what}", flush=True)


def run(*arguments, stdin=b""):
    """(exit status, standard output, standard error)"""
    done = subprocess.run([ESPALIER, "image", *arguments], input=stdin, capture_output=True, timeout=PATIENCE_S,
                          start_new_session=True)
    return done.returncode, done.stdout, done.stderr.decode()


def espsecure(*arguments):
    done = subprocess.run([sys.executable, "-m", "espsecure", *arguments], capture_output=True, text=True)
    return done.returncode == 0


def write(name, data, mode=0o600):
    with open(name, "wb") as file:
        file.write(data)
    os.chmod(name, mode)
    return name


def read(name):
    with open(name, "rb") as file:
        return file.read()


def key_file(name, mode=0o600):
    return write(name, read(os.path.join(KEYS, name)), mode)


def sees_signed(image, public):
    return espsecure("verify-signature", "--version", "2", "--keyfile", public, image)


def files_and_pipes():
    image = write("image", random.Random(3).randbytes(5000))
    for scheme in SCHEMES:
        key, public = key_file(f"{scheme}.pem"), key_file(f"{scheme}.pub.pem", 0o644)
        status, _, message = run("sign", image, "signed", "--key", key)
        check(status == 0 and sees_signed("signed", public), f"espsecure verifies what was signed with {scheme} {message}")
        status, output, _ = run("verify-signature", "signed", "--public-key", public, "--output", "json")
        answer = json.loads(output)
        check(status == 0 and answer["valid"] and answer["blocks"][0]["trusted"]
              and answer["blocks"][0]["scheme"] == scheme and answer["signedBytes"] == 8192, f"so do we: {scheme}")
        status, digest, _ = run("key-digest", public)
        check(run("verify-signature", "signed", "--digest", digest.decode().strip())[0] == 0, "by its digest in hex")
        check(run("key-digest", key, "digest.bin")[0] == 0 and read("digest.bin").hex() == digest.decode().strip(),
              "whose bytes go to a file")
        check(run("verify-signature", "signed", "--digest", "digest.bin")[0] == 0, "and are taken from there")
        espsecure("digest-sbv2-public-key", "--keyfile", key, "--output", "peer.bin")
        check(read("peer.bin") == read("digest.bin"), "as from espsecure")
    status, output, _ = run("sign", "-", "-", "--key", "ecdsa256.pem", stdin=read(image))
    check(status == 0 and run("verify-signature", "-", stdin=output)[0] == 0, "an image goes through pipes")
    write("piped", output)
    status, _, _ = run("sign", "piped", "piped", "--key", "ecdsa192.pem", "--append")
    check(status == 0 and sees_signed("piped", "ecdsa256.pub.pem") and sees_signed("piped", "ecdsa192.pub.pem"),
          "a second signature is appended in place")
    status, output, message = run("verify-signature", "piped", "--public-key", "rsa3072.pub.pem", "-o", "json")
    check(status == 1 and "by none of the given keys" in message and json.loads(output)["valid"] is False
          and "by none of the given keys" in json.loads(output)["reason"], "another key is told from both")
    status, _, message = run("sign", "piped", "again", "--key", "ecdsa384.pem")
    check(status == 1 and "is signed already" in message and not os.path.exists("again"), "nothing is signed twice unasked")
    damaged = bytearray(read("piped"))
    damaged[100] ^= 1
    status, output, message = run("verify-signature", write("damaged", damaged))
    check(status == 1 and b"wrong: the image was changed" in output and "signature block 0: the image was changed" in message,
          "a changed image is refused, block by block")


def modes_of_keys():
    for mode in (0o640, 0o604, 0o660, 0o644):
        status, _, message = run("sign", "image", "never", "--key", key_file("ecdsa384.pem", mode))
        check(status == 1 and "chmod 600 ecdsa384.pem" in message and not os.path.exists("never"),
              f"a private key of mode {mode:o} is refused")
    status, _, message = run("key-digest", "ecdsa384.pem")
    check(status == 1 and "chmod 600 ecdsa384.pem" in message, "even to compute its digest")
    status, _, message = run("encrypt", "image", "never", "--key", write("open.bin", bytes(32), 0o644), "--address", "0x1000",
                             "--chip", "esp32")
    check(status == 1 and "chmod 600 open.bin" in message and not os.path.exists("never"), "so are flash encryption keys")


def passphrases():
    key = key_file("ecdsa256-encrypted.pem")
    arguments = ("sign", "image", "opened", "--key", key)
    write("passphrase", PASSPHRASE.encode() + b"\n")
    check(run(*arguments, "--passphrase-file", "passphrase")[0] == 0 and sees_signed("opened", "ecdsa256.pub.pem"),
          "an encrypted key opens with the passphrase in a file")
    check(run(*arguments, "--passphrase-file", "-", stdin=PASSPHRASE.encode())[0] == 0, "or from a pipe")
    status, _, message = run(*arguments, "--passphrase-file", write("wrong", b"sword\n"))
    check(status == 1 and "the passphrase does not open" in message, "not with another")
    status, _, message = run(*arguments, "--passphrase-file", write("shown", PASSPHRASE.encode(), 0o644))
    check(status == 1 and "chmod 600 shown" in message, "not from a file that others may read")
    status, _, message = run(*arguments)
    check(status == 1 and "there is no terminal to ask" in message and "--passphrase-file" in message,
          "without a terminal it says where to put it")


def on_terminal(arguments, prompt, typed):
    """Runs a command on a terminal of its own and types: (exit status, all that the terminal showed, arguments and
    environment that others could see meanwhile)."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(ESPALIER, [ESPALIER, "image", *arguments])
    shown, seen, deadline = b"", b"", time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            shown += os.read(terminal, 4096)
        except OSError:  # it ended
            break
        if prompt in shown and not seen:
            seen = read(f"/proc/{pid}/cmdline") + read(f"/proc/{pid}/environ")
            os.write(terminal, typed)
    else:
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown, seen


def terminals():
    arguments = ["sign", "image", "typed", "--key", "ecdsa256-encrypted.pem"]
    prompt = b"Passphrase of the key: "
    status, shown, _ = on_terminal(arguments, prompt, PASSPHRASE.encode() + b"\n")
    check(status == 0 and PASSPHRASE.encode() not in shown and sees_signed("typed", "ecdsa256.pub.pem"),
          "a passphrase is asked for on the terminal, and not shown")
    status, shown, _ = on_terminal(arguments, prompt, b"swor\x03")
    check(status == 1 and b"no passphrase of the key was given" in shown, "Ctrl-C takes it back")
    status, shown, _ = on_terminal(arguments, prompt, b"another\n")
    check(status == 1 and b"does not open the private key" in shown and shown.count(prompt) == 1,
          "a wrong one is asked for once")
    status, shown, _ = on_terminal(["encrypt", "image", "-", "--key", "k32", "--address", "0", "--chip", "esp32"], b"?", b"")
    check(status == 1 and b"standard output is a terminal" in shown, "bytes do not go to a terminal")


def tool(program, *arguments):
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{program}: {done.stdout}{done.stderr}")


def token():
    """A SoftHSM token with an RSA and a P-256 key that were made within it."""
    os.mkdir("tokens")
    write("softhsm2.conf", f"directories.tokendir = {os.getcwd()}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n".encode())
    os.environ["SOFTHSM2_CONF"] = os.path.join(os.getcwd(), "softhsm2.conf")
    tool("softhsm2-util", "--init-token", "--free", "--label", "factory", "--so-pin", "87654321", "--pin", PIN)
    for label, kind, number in (("rsa", "rsa:3072", "01"), ("p256", "EC:prime256v1", "02"), ("short", "rsa:2048", "03")):
        tool("pkcs11-tool", "--module", MODULE, "--token-label", "factory", "--login", "--pin", PIN, "--keypairgen", "--key-type",
             kind, "--label", label, "--id", number)
        tool("pkcs11-tool", "--module", MODULE, "--token-label", "factory", "--read-object", "--type", "pubkey", "--label", label,
             "--output-file", f"{label}.der")
        tool("openssl", "pkey", "-pubin", "-inform", "DER", "-in", f"{label}.der", "-out", f"{label}.pub.pem")


def pkcs11():
    token()
    source = ("--pin-file", write("pin", PIN.encode() + b"\n"), "--pkcs11-module", MODULE)
    for label in ("rsa", "p256"):
        uri = f"pkcs11:token=factory;object={label};type=private"
        status, _, message = run("sign", "image", "by-token", "--key", uri, *source)
        check(status == 0 and sees_signed("by-token", f"{label}.pub.pem"), f"espsecure verifies what the token's {label} key signed"
              + message)
        check(run("verify-signature", "by-token", "--public-key", f"{label}.der")[0] == 0, "so do we, by its public key in DER")
        digest = run("key-digest", uri, *source)[1]
        check(digest == run("key-digest", f"{label}.pub.pem")[1], "its digest is that of its public key")
    uri = "pkcs11:token=factory;object=rsa;type=private"
    status, _, _ = run("sign", "image", "by-uri", "--key", f"{uri}?module-path={MODULE}", "--pin-file", "pin")
    check(status == 0 and sees_signed("by-uri", "rsa.pub.pem"), "the URI names the module, too")
    status, shown, seen = on_terminal(["sign", "image", "by-pin", "--key", uri, "--pkcs11-module", MODULE], b"PIN of the token: ",
                                      PIN.encode() + b"\n")
    check(status == 0 and sees_signed("by-pin", "rsa.pub.pem") and PIN.encode() not in shown,
          "the PIN is asked for on the terminal, and not shown")
    check(seen.count(b"object=rsa") == 1 and PIN.encode() not in seen, "it is in neither arguments nor environment")
    refusals = [
        (f"{uri};pin-value={PIN}", source, "others can read arguments"),
        ("pkcs11:token=factory;object=absent;type=private", source, "no private key from the token"),
        ("pkcs11:token=absent;object=rsa;type=private", source, "no private key from the token"),
        ("pkcs11:token=factory;object=short;type=private", source, "an RSA key of 2048 bits"),
        (uri, ("--pin-file", write("wrong-pin", b"0000\n"), "--pkcs11-module", MODULE), "PIN incorrect"),
        (uri, ("--pin-file", write("shown-pin", PIN.encode(), 0o644), "--pkcs11-module", MODULE), "chmod 600 shown-pin"),
        (uri, ("--pin-file", "pin", "--pkcs11-module", "/nowhere.so"), "Unable to load PKCS#11 module"),
        (uri, ("--pkcs11-module", MODULE), "there is no terminal to ask for the PIN of the token"),
    ]
    for uri, options, message in refusals:
        status, _, said = run("sign", "image", "never", "--key", uri, *options)
        check(status == 1 and message in said and PIN not in said and not os.path.exists("never"), f"refused: {message} {said}")


def encryption():
    rng = random.Random(4)
    plain = write("plain", rng.randbytes(4096))
    for chip, size, options in (("esp32", 32, []), ("esp32", 24, []), ("esp32", 32, ["--crypt-config", "0x3"]),
                                ("esp32c3", 32, []), ("esp32s3", 64, []), ("esp32c2", 16, [])):
        key = write("key.bin", rng.randbytes(size))
        place = ("--key", key, "--address", "0x10020", "--chip", chip, *options)
        status, output, _ = run("encrypt", plain, "encrypted", *place, "-o", "json")
        peer = ["--keyfile", key, "--address", "0x10020", "--output", "peer"]
        peer += ["--flash-crypt-conf", options[1]] if options else ["--aes-xts"] if chip != "esp32" else []
        check(espsecure("encrypt-flash-data", *peer, plain), "espsecure encrypts")
        check(status == 0 and json.loads(output)["sizeBytes"] == 4096 and read("encrypted") == read("peer"),
              f"encrypted as by espsecure: {chip}, {8 * size} bits {' '.join(options)}")
        status, output, _ = run("decrypt", "-", "-", *place, stdin=read("encrypted"))
        check(status == 0 and output == read(plain), "and back, through pipes")
        check(run("decrypt", "encrypted", "decrypted", *place)[0] == 0
              and stat.S_IMODE(os.stat("decrypted").st_mode) == 0o600, "what was decrypted is for its owner alone")
    write("k32", bytes(range(32)))
    place = ("--key", "k32", "--address", "64K", "--chip", "esp32")
    status, _, message = run("encrypt", write("odd", b"17 bytes of them."), "encrypted", *place)
    check(status == 0 and "filled up with 15 random bytes" in message and len(read("encrypted")) == 32, "the ESP32's is filled up")
    first = read("encrypted")
    run("encrypt", "odd", "encrypted", *place)
    check(read("encrypted")[:16] == first[:16] and read("encrypted")[16:] != first[16:], "with other bytes each time")
    espsecure("decrypt-flash-data", "--keyfile", "k32", "--address", "0x10000", "--output", "peer", "encrypted")
    check(read("peer")[:17] == read("odd"), "espsecure decrypts it")
    refusals = [
        (("encrypt", "odd", "never", "--key", "k32", "--address", "64K", "--chip", "esp32c3"), 1, "17 bytes are no multiple of 16"),
        (("decrypt", "odd", "never", *place), 1, "17 bytes are no multiple of 16"),
        (("encrypt", plain, "never", "--key", "k32", "--address", "0x10008", "--chip", "esp32"), 1, "is no multiple of 16"),
        (("encrypt", plain, "never", "--key", "k32", "--address", "0x1000000", "--chip", "esp32"), 1, "end past 0x1000000"),
        (("encrypt", write("empty", b""), "never", *place), 1, "empty is empty"),
        (("encrypt", plain, "never", "--key", "odd", "--address", "64K", "--chip", "esp32"), 1, "has 24 (coding scheme 3/4) or 32"),
        (("encrypt", plain, "never", "--key", "k32", "--chip", "esp32"), 2, "say with --address"),
        (("encrypt", plain, "never", "--address", "64K", "--chip", "esp32"), 2, "with --key"),
        (("encrypt", plain, "never", "--key", "k32", "--address", "64K"), 2, "name the chip with --chip"),
        (("encrypt", plain, "never", "--key", "k32", "--address", "64K", "--chip", "esp8266"), 2, "'esp8266' is not known"),
        (("encrypt", plain, "never", *place, "--crypt-config", "16"), 2, "--crypt-config takes a number from 0x0 to 0xf"),
        (("encrypt", plain, "never", "--key", "k32", "--address", "64K", "--chip", "esp32c3", "--crypt-config", "1"), 2,
         "ESP32-C3 has no FLASH_CRYPT_CONFIG"),
        (("encrypt", plain, "-", *place, "-o", "json"), 2, "cannot both go to standard output"),
        (("encrypt", "-", "never", "--key", "-", "--address", "0", "--chip", "esp32"), 2, "only one thing can come from"),
        (("sign", plain, "never"), 2, "name a private key with --key"),
        (("sign", "-", "never", "--key", "-"), 2, "only one thing can come from standard input"),
        (("sign", plain, "-", "--key", "ecdsa256.pem", "-o", "json"), 2, "cannot both go to standard output"),
        (("sign", plain, "never", "--key", "ecdsa256.pem", "--append"), 1, "it is not signed"),
        (("verify-signature", plain), 1, "it is not signed"),
        (("verify-signature", plain, "--digest", "abcd"), 1, "--digest takes 64 hex digits (or 32) or a file"),
        (("verify-signature", plain, "--digest", "odd"), 1, "odd holds no key digest"),
        (("key-digest", plain), 1, "no public key in PEM or DER"),
        (("key-digest",), 2, "a key is needed"),
    ]
    for arguments, expected, message in refusals:
        status, _, said = run(*arguments)
        check(status == expected and message in said and not os.path.exists("never"), f"refused: {message} ({said.strip()})")


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        files_and_pipes()
        modes_of_keys()
        passphrases()
        encryption()
        terminals()
        pkcs11()
        os.chdir("/")


if __name__ == "__main__":
    main()
