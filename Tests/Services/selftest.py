#!/usr/bin/env python3
"""Units, udev rules, packages and service notification, as far as a build machine can tell."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
ARCHITECTURE = subprocess.run(
    ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
).stdout.strip()
PROGRAMS = ROOT / "build" / ARCHITECTURE
DEB = ROOT / "build" / "deb"
# The most that each unit may be exposed to, by systemd-analyze security.
EXPOSURE = {
    "cairn-agent": 1.0,
    "cairn-uplink-https": 1.4,
    "cairn-uplink-mqtt": 1.4,
    "cairn-usb@": 0.7,
    "cairn-forwarder": 1.3,
    "cairn-console@": 0.7,
}

# What is in the one static program, and has to be named with it.
LIBC = "libc6-dev" if ARCHITECTURE == "armhf" else "musl-dev"
LICENCES = [f"/usr/share/doc/cairn-agent/{library}.copyright"
            for library in [LIBC, "libsodium-dev", "libinih-dev", "libi2c-dev", "libgpiod-dev"]]

# The programs that packages are made for, and the units that they bring.
SHIPPED = sys.argv[1:] or ["cairn-agent", "cairn-uplink-https", "cairn"]
UNITS = {
    **{name: [f"/usr/lib/systemd/system/{name}.service"]
       for name in ["cairn-agent", "cairn-uplink-https", "cairn-uplink-mqtt"]},
    "cairn-usb": ["/usr/lib/systemd/system/cairn-usb@.service", "/usr/lib/sysusers.d/cairn-usb.conf",
                  "/usr/lib/udev/rules.d/70-cairn-usb.rules"],
    "cairn-forwarder": ["/usr/lib/systemd/system/cairn-forwarder.service",
                        "/usr/lib/sysusers.d/cairn-forwarder.conf"],
}

# What the kernel calls its groups of character devices, and the module that registers each; none where that is in
# every kernel. spidev registers itself as spi.
DEVICE_GROUPS = {
    "i2c": "i2c_dev", "spi": "spidev", "ttyUSB": "usbserial", "ttyACM": "cdc_acm",
    "gpiochip": None, "ttyAMA": None, "ttyS": None,
}

passed = failed = 0


def check(sentence, holds, detail=""):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {sentence}" + (f": {detail}" if detail else ""))


def exposure(path):
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(path)],
        capture_output=True, text=True, env={**os.environ, "SYSTEMD_COLORS": "0"},
    )
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", result.stdout)
    return float(found.group(1)) if found else None


def calls(word):
    """The system calls that a word of SystemCallFilter= stands for."""
    if not word.startswith("@"):
        return {word}
    listed = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", word],
                            capture_output=True, text=True, check=True).stdout
    words = [line.strip() for line in listed.splitlines()[1:] if line.strip() and "#" not in line]
    return set().union(*map(calls, words))


def allowed_calls(unit):
    """As systemd reads its lines: what is not in the list is refused."""
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.MULTILINE):
        words = set().union(*map(calls, line.removeprefix("~").split()))
        allowed = allowed - words if line.startswith("~") else allowed | words
    return allowed - (calls("@clock") if "ProtectClock=yes" in unit else set())


def clocks(text):
    """Without an answer of the kernel the agent has no clock to send beacons by, and the uplink no month."""
    for name in ["cairn-agent", "cairn-uplink-https", "cairn-uplink-mqtt"]:
        # musl calls the first, glibc of 64 bits the second, and of 32 bits the third.
        missing = {"adjtimex", "clock_adjtime", "clock_adjtime64"} - allowed_calls(text[name])
        check(f"{name} may ask how the clock is kept", not missing, missing)
        check(f"{name} may not set it", re.search(r"^CapabilityBoundingSet=$", text[name], re.MULTILINE)
              and "clock_settime" not in allowed_calls(text[name]))
    forbidding = text["cairn-agent"].replace("SystemCallFilter=adjtimex clock_adjtime clock_adjtime64\n", "")
    check("control: an agent that may not ask is found", "adjtimex" not in allowed_calls(forbidding))
    check("control: ProtectClock= is found", "adjtimex" not in allowed_calls(
        text["cairn-agent"] + "ProtectClock=yes\n"))


def polls():
    """timesyncd's error is 0 at an answer and grows by 500 millionths: a lost answer must not make a node silent."""
    text = (ROOT / "Boards/Systemd/cairn.timesyncd").read_text()
    longest = int(re.search(r"^\[Time\]\nPollIntervalMaxSec=(\d+)$", text, re.MULTILINE)[1])
    policy = (ROOT / "docs/coverage-protocol.md").read_text()
    bound = int(re.search(r"\| uncertainty \| 0 to 65 535 ms \| (\d+) \|", policy)[1])
    check("the kernel's error stays within the policy's default when an answer is lost",
          2 * longest * 0.5 <= bound, f"{2 * longest * 0.5} ms, {bound} ms")
    # timesyncd.conf(5): not shorter than PollIntervalMinSec, which is 32 s.
    check("systemd-timesyncd takes the interval", longest > 32)


def units(folder):
    for name, bound in EXPOSURE.items():
        path = ROOT / "Boards" / "Systemd" / f"{name}.service"
        level = exposure(path)
        print(f"  {name:20} exposure {level} (bound {bound})")
        check(f"{name} is exposed to {bound} at most", level is not None and level <= bound, level)
        text = path.read_text()
        opened = folder / f"{name}.service"
        opened.write_text(text.replace("NoNewPrivileges=yes", "").replace(
            "CapabilityBoundingSet=\n", "").replace("ProtectSystem=strict", ""))
        check(f"an opened {name} is found", (exposure(opened) or 0) > bound)
        unknown = subprocess.run(
            ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", str(path)],
            capture_output=True, text=True,
        ).stderr
        # The programs are not installed here.
        told = [line for line in unknown.splitlines() if "is not executable" not in line]
        check(f"systemd reads every line of {name}", not any(name in line for line in told), told)
    text = {path.stem: path.read_text() for path in (ROOT / "Boards/Systemd").glob("*.service")}
    check("every unit has a bound", text.keys() == EXPOSURE.keys(), text.keys() ^ EXPOSURE.keys())
    for name in ["cairn-agent", "cairn-usb@", "cairn-console@"]:
        check(f"{name} has no network",
              "PrivateNetwork=yes" in text[name] and "AF_INET" not in text[name])
    for name, other in [("https", "mqtt"), ("mqtt", "https")]:
        uplink = text[f"cairn-uplink-{name}"]
        check(f"the uplink {name} has no devices", "PrivateDevices=yes" in uplink)
        check(f"the uplink {name} runs without the other one",
              f"Conflicts=cairn-uplink-{other}.service" in uplink)
    check("the forwarder has no devices", "PrivateDevices=yes" in text["cairn-forwarder"])
    check("the forwarder does not start before its operator has said where to",
          "ConditionPathExists=/etc/cairn/forwarder.conf" in text["cairn-forwarder"])
    for name in text.keys() - {"cairn-agent"}:
        check(f"{name} has no key", re.search(
            r"^InaccessiblePaths=-/var/lib/cairn(/agent/agent.key)?$", text[name], re.MULTILINE))
    devices = {name: set(re.findall(r"^DeviceAllow=(\S+)", text[name], re.MULTILINE)) for name in text}
    check("the bridge has USB devices and no others", devices["cairn-usb@"] == {"char-usb_device"})
    check("the console has its line and no other device", devices["cairn-console@"] == {"/dev/%I"})
    agent = text["cairn-agent"]
    check("every group of devices that the agent has is named as /proc/devices names it",
          {name.removeprefix("char-") for name in devices["cairn-agent"]} == DEVICE_GROUPS.keys(),
          devices["cairn-agent"])
    for group, module in DEVICE_GROUPS.items():
        check(f"the driver of {group} is there before the agent's devices are looked up",
              module is None or all(
                  re.search(rf"^{key}=.*\bmodprobe@{module}\.service\b", agent, re.MULTILINE)
                  for key in ["Wants", "After"]))
    # A board is known by /proc/device-tree.
    for name in ["cairn-agent", "cairn-console@"]:
        check(f"{name} sees which board it is on", "ProcSubset=pid" not in text[name])
    clocks(text)
    polls()
    for name in EXPOSURE:
        check(f"{name} has no other devices than are named",
              "DevicePolicy=closed" in text[name])
        check(f"{name} has a bound of memory", re.search(r"^MemoryMax=\d+M$", text[name], re.MULTILINE))


def udev_says(rules):
    """What udev says of a rules file, beside that it reads it. In a mount namespace of its own."""
    script = (
        "mkdir -p /run/udev/rules.d && mount -t tmpfs none /run/udev/rules.d && "
        f"cp '{rules}' /run/udev/rules.d/70-cairn.rules && udevadm test /sys/class/mem/null 2>&1"
    )
    command = ["unshare", "-m", "sh", "-c", script]
    if os.geteuid() != 0:
        command.insert(1, "-r")
    output = subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    lines = [line for line in output.splitlines() if "70-cairn.rules" in line]
    check("udev reads the rules", any("Reading rules file" in line for line in lines), output[:200])
    # Groups come with the packages' users.
    return [
        line for line in lines if "Reading rules file" not in line and "Unknown group" not in line
    ]


def rules(folder):
    sources = sorted((ROOT / "Udev").glob("*.rules"))
    for source in sources:
        check(f"udev has nothing to say about {source.name}", udev_says(source) == [], udev_says(source))
    text = "".join(source.read_text() for source in sources)
    check("a stick starts one bridge", text.count('"5512"') == 1, text.count('"5512"'))
    for wrong in [
        text.replace('SYMLINK+="cairn', 'SYMLINKS+="cairn', 1),
        text.replace('GOTO="cairn_serial"', 'GOTO="cairn_nowhere"', 1),
    ]:
        broken = folder / "broken.rules"
        broken.write_text(wrong)
        check("udev says what is wrong with broken rules", udev_says(broken) != [])
    check("no name of a link is what a device says, as it says it",
          not re.search(r'(SYMLINK|ENV\{ID_\w+\})\+?="[^"]*\$attr', text))
    ids = set(re.findall(r"([0-9a-f]{4}):([0-9a-f]{4})", (ROOT / "Udev/README.md").read_text()))
    for vendor, product in ids:
        check(f"{vendor}:{product} of the table has a rule",
              re.search(rf'"{vendor}".*"[0-9a-f|]*{product}', text) is not None)


def notices(folder, address, program, arguments, count):
    """The first messages of a program to its service manager, and how it ended."""
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(address)
    receiver.settimeout(60)
    name = "@" + address[1:] if address.startswith("\0") else address
    process = subprocess.Popen(
        [PROGRAMS / program, *arguments], env={**os.environ, "NOTIFY_SOCKET": name},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    try:
        return [receiver.recv(512).decode() for _ in range(count)]
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        receiver.close()


def notification(folder):
    (folder / "agent").mkdir()
    (folder / "uplink").mkdir()
    (folder / "site.ini").write_text("[gateway]\nurl = http://127.0.0.1:9\n[spool]\nsize = 1 MiB\nsegment = 128 KiB\n")
    (folder / "board.ini").write_text("[board]\nname = test\n")
    state = ["--config", str(folder / "site.ini"), "--state", str(folder), "--run", str(folder)]
    for address in [str(folder / "notify"), f"\0cairn-test-{os.getpid()}"]:
        told = notices(folder, address, "cairn-agent", state, 2)
        check("the agent says that it has begun, and then that it is alive",
              told == ["READY=1", "WATCHDOG=1"], told)
        told = notices(folder, address + "u", "cairn-uplink-https", state, 3)
        check("the uplink says how long it may be silent, and that it has begun",
              told[0] == "WATCHDOG_USEC=480000000" and "READY=1" in told[1:], told)


def contents(package):
    listing = subprocess.run(
        ["dpkg-deb", "--contents", str(package)], capture_output=True, text=True, check=True
    ).stdout
    return {line.split()[-1].lstrip("."): line.split()[:2] for line in listing.splitlines()}


def static():
    """The agent needs no library of the machine's, and has musl in it where words have 64 bits."""
    agent = PROGRAMS / "cairn-agent"
    headers = subprocess.run(["readelf", "-lW", agent], capture_output=True, text=True, check=True).stdout
    check("the agent is static", "INTERP" not in headers and "DYNAMIC" not in headers)
    # glibc's own reports of a damaged heap or buffer; musl has no text for either.
    glibc = [text for text in (b"*** %s ***: terminated", b"malloc(): ", b"GNU C Library")
             if text in agent.read_bytes()]
    check(f"the agent's C library is that of {LIBC}", bool(glibc) == (ARCHITECTURE == "armhf"), glibc)


def packages():
    found = {path.name.split("_")[0]: path for path in DEB.glob(f"*_{ARCHITECTURE}.deb")}
    found |= {path.name.split("_")[0]: path for path in DEB.glob("*_all.deb")}
    wanted = {
        **{program: [f"/usr/bin/{program}", *UNITS.get(program, []),
                     *(LICENCES if program == "cairn-agent" else [])] for program in SHIPPED},
        "cairn-common": [
            "/usr/lib/sysusers.d/cairn.conf", "/usr/lib/tmpfiles.d/cairn.conf",
            "/usr/lib/systemd/system-preset/70-cairn.preset",
            "/usr/lib/udev/rules.d/70-cairn.rules", "/usr/lib/systemd/timesyncd.conf.d/60-cairn.conf",
            *(f"/usr/share/cairn/boards/{path.name}" for path in sorted((ROOT / "Boards").glob("*.ini")))],
    }
    for name, paths in wanted.items():
        check(f"there is a package {name}", name in found)
        if name not in found:
            continue
        files = contents(found[name])
        for path in paths:
            check(f"{name} holds {path}", path in files)
        check(f"all of {name} is root's", all(owner == "root/root" for _, owner in files.values()))
        programs = {"/usr/bin/" + path.name for path in PROGRAMS.iterdir()}
        for unit in (path for path in files if path.endswith(".service")):
            started = re.search(r"^ExecStart=(\S+)", (
                ROOT / "Boards/Systemd" / pathlib.Path(unit).name).read_text(), re.MULTILINE)[1]
            check(f"{unit} starts a program of its own package",
                  started in files and started in programs, started)
        check(f"nothing of {name} is in /var or /etc",
              not any(path.startswith(("/var", "/etc")) for path in files))
    result = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error", *map(str, found.values())],
        capture_output=True, text=True)
    check("lintian finds no error", result.returncode == 0, result.stdout)
    for script in (ROOT / "Boards" / "Debian").glob("*.p*"):
        text = script.read_text().replace("@UNIT@", "a.service").replace("@PACKAGE@", "a")
        check(f"{script.name} is a script that sh reads",
              subprocess.run(["sh", "-n", script]).returncode == 0)
        check(f"{script.name} removes nothing below /var/lib/cairn",
              not re.search(r"\b(rm|rmdir|shred|find)\b[^\n]*/var/lib", text))


def main():
    for tool in ["systemd-analyze", "udevadm", "lintian", "dpkg-deb"]:
        if not shutil.which(tool):
            sys.exit(f"selftest.py: {tool} is missing; make test-services installs it")
    with tempfile.TemporaryDirectory(prefix="cairn-services-") as name:
        folder = pathlib.Path(name)
        units(folder)
        rules(folder)
        notification(folder)
    static()
    packages()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
