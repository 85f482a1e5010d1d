"""The same on every architecture: what the board's modules compute, and whole programs of arm64 and armhf
between a virtual board and a gateway. `make test-cross`; README.md says what is compared.

    Tests/Cross/cross.py [--no-build] [--no-run]
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "Tests"))

from checks import Checks

OUT = ROOT / "build/cross"
PROGRAMS = ["cairn-agent", "cairn-uplink-https", "cairn-forwarder", "cairn", "cairn-transcript"]
CROSS = ["arm64", "armhf"]
# e_machine, and whether words have 64 bits (elf.h).
MACHINES = {"amd64": (62, True), "arm64": (183, True), "armhf": (40, False)}
VECTORS = ["checkpoint-example", "identity-examples"]
# What no board can make: the key is in a secure element.
NOT_MADE = {"identity-examples enrolment after a succession message"}
SPOOL_BYTES = (16 << 30) + 32768
# 2100: a file of a board whose clock is wrong.
LATE_SECONDS = 4_102_444_800
SPOOL_LINES = ["large spool", "large spool, read back"]
# A run begins with the boot, seals every few seconds, and ends in order.
RUN_SECONDS = 8
# Longer than any step takes on a busy machine of two cores.
PATIENCE_SECONDS = 900


def output(*command, **options):
    return subprocess.run(
        [str(word) for word in command], cwd=ROOT, check=True, capture_output=True, text=True,
        timeout=PATIENCE_SECONDS, **options).stdout


def host():
    return output("dpkg", "--print-architecture").strip()


# Building

def build(architecture):
    """Returns nothing, or what the compiler said."""
    if architecture == "full":
        commands = [["swift", "build", "--product", product]
                    for product in ("cairn-transcript", "cairn-gateway", "cairn-simulate")]
    elif architecture == host():
        commands = [["Boards/Cross/ship.sh", architecture, "cairn-transcript"]]
    else:
        commands = [["Boards/Cross/ship.sh", architecture, *PROGRAMS],
                    ["Boards/Cross/emulated.sh", architecture, *PROGRAMS]]
    for command in commands:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            return [f"{' '.join(command)} ended with {done.returncode}", *done.stdout.splitlines()[-7:]]
    return []


def binary(build_name):
    """The program itself, and how it is started."""
    if build_name == "full":
        path = pathlib.Path(output("swift", "build", "--show-bin-path").strip()) / "cairn-transcript"
        return path, path
    if build_name == host():
        path = ROOT / f"build/{build_name}/cairn-transcript"
        return path, path
    return (ROOT / f"build/{build_name}/cairn-transcript",
            ROOT / f"build/{build_name}/emulated/cairn-transcript")


def architecture_problems(path, architecture):
    """An ELF file says what it is for: nothing is compared with itself by mistake."""
    head = path.read_bytes()[:20]
    machine, is_64 = MACHINES[architecture]
    found = struct.unpack_from("<H", head, 18)[0]
    if head[:4] != b"\x7fELF" or found != machine or (head[4] == 2) != is_64:
        return [f"{path} is for machine {found}, not for {architecture}"]
    return []


# Comparing

def parsed(transcript):
    """Names and values in their order."""
    return [tuple(line.rsplit(" ", 1)) for line in transcript.splitlines()]


def differences(expected, found):
    """Names of lines that differ, are missing, or are there once too often."""
    problems = []
    for number in range(max(len(expected), len(found))):
        left = expected[number] if number < len(expected) else None
        right = found[number] if number < len(found) else None
        if left == right:
            continue
        if left is None or right is None or left[0] != right[0]:
            names = [line[0] if line else "the end" for line in (left, right)]
            return problems + [f"line {number + 1} is {names[1]!r}, and should be {names[0]!r}"]
        problems.append(f"{left[0]}: {right[1][:64]}… in place of {left[1][:64]}…")
    return problems


def vectors():
    """The names and values of the files that others' implementations made."""
    values = {}
    for name in VECTORS:
        for line in (ROOT / f"Tests/Vectors/{name}.txt").read_text().splitlines():
            if line.startswith("#"):
                continue
            hashed = re.fullmatch(r"(leaf \d+) ([0-9a-f]+)  hash ([0-9a-f]+)", line)
            if hashed:
                values[f"{name} {hashed[1]}"] = hashed[2]
                values[f"{name} {hashed[1]} hash"] = hashed[3]
            else:
                key, value = line.rsplit(" ", 1)
                values[f"{name} {key}"] = value
    return values


def vector_problems(known, found):
    values = dict(found)
    return [f"{name}: {'missing' if name not in values else 'another value'}" for name, value in known.items()
            if name not in NOT_MADE and values.get(name) != value]


def check_controls(checks, reference, known):
    """What must be seen is seen: a changed bit, a missing line, a line too many, another vector."""
    place = len(reference) // 2
    name, value = reference[place]
    changed = list(reference)
    changed[place] = (name, f"{int(value[0], 16) ^ 1:x}" + value[1:])
    for what, other in (("a flipped bit", changed), ("a missing line", reference[:place] + reference[place + 1:]),
                        ("a missing end", reference[:-1]), ("a line too many", reference + [("more", "00")])):
        checks.check(f"control: {what} is seen",
                     [] if len(differences(reference, other)) == 1 else ["the comparison let it pass"])
    key = next(name for name in known if name.endswith("checkpoint 1 signature"))
    wrong = known | {key: "00" + known[key][2:]}
    checks.check("control: another vector is seen",
                 [] if len(vector_problems(wrong, reference)) == 1 else ["the comparison let it pass"])


# Running

def transcript(build_name):
    done = subprocess.run(
        [str(binary(build_name)[1]), "."], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    (OUT / f"{build_name}.txt").write_text(done.stdout)
    problems = [f"ended with {done.returncode}: {done.stderr.strip()}"] if done.returncode else []
    return parsed(done.stdout), problems


def check_spool_file(checks, build_name, reference):
    """On a file with holes, larger and later than 32 bits count: what memory gave, a file gives."""
    path = OUT / f"spool-{build_name}"
    path.unlink(missing_ok=True)
    try:
        with open(path, "wb") as file:
            file.truncate(SPOOL_BYTES)
        os.utime(path, (LATE_SECONDS, LATE_SECONDS))
        done = subprocess.run([str(binary(build_name)[1]), "spool", str(path)], cwd=ROOT, capture_output=True,
                              text=True, timeout=PATIENCE_SECONDS)
        expected = [(name, dict(reference).get(name)) for name in SPOOL_LINES]
        problems = differences(expected, parsed(done.stdout))
        if done.returncode:
            problems.append(f"ended with {done.returncode}: {done.stderr.strip()}")
        checks.check(f"{build_name}: a spool of 16 GiB in a file is that in memory", problems)
    finally:
        path.unlink(missing_ok=True)


def check_run(checks, architecture):
    """Agent, uplink and tool of that architecture between a virtual board and a gateway, from an empty folder."""
    folder = f"build/cross/run-{architecture}"
    simulator = pathlib.Path(output("swift", "build", "--show-bin-path").strip()) / "cairn-simulate"
    done = subprocess.run(
        [str(simulator), "run", "--folder", folder, "--fresh", "--programs", f"build/{architecture}/emulated",
         "--boards", "1", "--seconds", str(RUN_SECONDS), "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    events = {}
    for line in done.stdout.splitlines():
        event = json.loads(line)
        events[event["event"]] = event
    end = events.get("end", {})
    problems = [] if done.returncode == 0 else [f"ended with {done.returncode}", *done.stdout.splitlines()[-4:],
                                                *done.stderr.splitlines()[-4:]]
    if not (end.get("verified", 0) >= 1 and end.get("refused") == 0 and end.get("readings", 0) >= 1):
        problems.append(f"its end says {end}")
    checks.check(f"{architecture}: a run with {end.get('verified')} batches and {end.get('readings')} readings, "
                 "all verified", problems)
    exported = ROOT / folder / "export"
    done = subprocess.run(
        [str(ROOT / f"build/{architecture}/emulated/cairn"), "verify", str(exported / "batch.cbor"), "--key",
         str(exported / "device.pub")], cwd=ROOT,
        capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    problems = [] if done.returncode == 0 else [f"ended with {done.returncode}", *done.stdout.splitlines()[-4:],
                                                *done.stderr.splitlines()[-4:]]
    checks.check(f"{architecture}: its tool verifies the export", problems)


def udp(connected=None):
    """A socket of its own on loopback."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    peer.settimeout(PATIENCE_SECONDS)
    if connected:
        peer.connect(("127.0.0.1", connected))
    return peer


def forwarder_problems(gateway, server, run):
    """A datagram each way, byte by byte, and the frame in it as the agent gets it."""
    eui = bytes.fromhex("b827ebfffe123456")
    push = (b"\x02\x00\x01\x00" + eui + b'{"rxpk":[{"tmst":4294967295,"freq":868.3,"stat":1,"modu":"LORA",'
            b'"datr":"SF9BW125","codr":"4/5","rssi":-101,"lsnr":-2.25,"size":3,"data":"AQID"}]}')
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as agent:
        agent.settimeout(PATIENCE_SECONDS)
        agent.connect(str(run / "forwarder.sock"))
        gateway.send(push)
        found, source = server.recvfrom(65536)
        server.sendto(b"\x02\x00\x01\x01", source)
        answer, message = gateway.recv(65536), agent.recv(512)
    problems = []
    if found != push or answer != b"\x02\x00\x01\x01":
        problems.append(f"passed on {found.hex()} and {answer.hex()}")
    # Between both parts stands when it came.
    head, tail = "90010148" + eui.hex(), "1affffffff1a33c134e0091a0001e84805392773f638e0f6f60143010203"
    if not message.hex().startswith(head) or not message.hex().endswith(tail):
        problems.append(f"the agent got {message.hex()}")
    return problems


def check_forwarder(checks, architecture):
    """The forwarder of that architecture, between a packet forwarder, a network server and an agent."""
    run = OUT / f"forwarder-{architecture}"
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir()
    with udp() as probe:
        port = probe.getsockname()[1]
    with udp() as server, udp(port) as gateway:
        process = subprocess.Popen(
            [str(ROOT / f"build/{architecture}/emulated/cairn-forwarder"), "--listen", f"127.0.0.1:{port}", "--server",
             f"127.0.0.1:{server.getsockname()[1]}", "--run", str(run)], stderr=subprocess.PIPE, text=True)
        try:
            said = process.stderr.readline()
            problems = forwarder_problems(gateway, server, run) if "listening" in said else [said.strip()]
        except OSError as error:
            problems = [str(error)]
        finally:
            process.terminate()
            process.wait()
    checks.check(f"{architecture}: its forwarder passes everything on, and the agent gets the frame", problems)


def main():
    options = sys.argv[1:]
    unknown = [option for option in options if option not in ("--no-build", "--no-run")]
    if unknown:
        sys.exit(f"cross.py: unknown option {unknown[0]}; there are --no-build and --no-run")
    OUT.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    checks = Checks()
    builds = ["full", host(), *(name for name in CROSS if name != host())]
    if "--no-build" not in options:
        # Two at a time: a board has as many processors at least, and each build keeps one busy.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for name, problems in zip(builds, pool.map(build, builds)):
                checks.check(f"{name}: built", problems)
        if checks.failed:
            return checks
    print(f"        {time.monotonic() - start:.0f} s so far")
    reference, problems = transcript("full")
    checks.check("full: the transcript is whole", problems)
    known = vectors()
    for name in builds[1:]:
        checks.check(f"{name}: is for that architecture", architecture_problems(binary(name)[0], name))
        found, problems = transcript(name)
        checks.check(f"{name}: {len(found)} lines are those of full Swift",
                     problems or differences(reference, found))
        checks.check(f"{name}: {len(known) - len(NOT_MADE)} lines are those of Tests/Vectors",
                     vector_problems(known, found))
        check_spool_file(checks, name, reference)
    check_controls(checks, reference, known)
    if "--no-run" not in options:
        for name in builds[2:]:
            check_run(checks, name)
            check_forwarder(checks, name)
    print(f"        {time.monotonic() - start:.0f} s in all")
    return checks


if __name__ == "__main__":
    result = main()
    print(f"{result.passed} passed, {result.failed} failed")
    sys.exit(1 if result.failed else 0)
