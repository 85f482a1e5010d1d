"""Resident memory of the board's programs of other architectures, under qemu-user, without the emulator's own.

    Tests/Bench/resident.py [amd64] [arm64] [armhf]      from the root, after `make ship ARCH=…`; `make resident`

qemu-user maps the guest's memory into its own process, the program's file too. With -B every guest address is moved
by so much, far from all that the emulator takes for itself: what the kernel counts as resident between there and the
next thing of the host's is the guest's, page by page. For amd64 there is the program's own process to compare with.
"""
import os
import pathlib
import re
import shutil
import signal
import sys
import time

from node import ROOT, Missing, Node
from table import Table

EMULATORS = {"amd64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static", "armhf": "qemu-arm-static"}
# The guest is moved up by a tebibyte, and never reaches 64 of them. The emulator's program and heap are at 0x55…, its
# maps and stacks at 0x7f…, where the kernel puts those of every process.
GUEST_BASE = 1 << 40
GUEST_END = 1 << 46
MAPPING = re.compile(r"^([0-9a-f]+)-[0-9a-f]+ \S+ \S+ \S+ \S+\s*(.*)$")


def resident(process, is_guest=lambda address: True):
    """KiB by kind: the program's file and libraries' as they are on the disk, and all that is its own."""
    found = {"file": 0, "own": 0}
    counts = False
    for line in pathlib.Path(f"/proc/{process.pid}/smaps").read_text().splitlines():
        mapping = MAPPING.match(line)
        if mapping:
            counts = is_guest(int(mapping[1], 16))
        elif counts and line.startswith("Rss:"):
            rss = int(line.split()[1])
        elif counts and line.startswith("Anonymous:"):
            own = int(line.split()[1])
            found["own"] += own
            found["file"] += rss - own
    return found


def in_guest(address):
    return GUEST_BASE <= address < GUEST_END


def command(architecture, program, is_emulated):
    path = f"build/{architecture}/{program}"
    if not (ROOT / path).is_file():
        raise Missing(f"{path} is not built: make ship ARCH={architecture}")
    if not is_emulated:
        return [path]
    emulator = EMULATORS[architecture]
    if not shutil.which(emulator):
        raise Missing(f"{emulator} is not installed (package qemu-user-static)")
    root = ROOT / "build/sysroot" / architecture / "root"
    library = ["-L", str(root)] if root.is_dir() else []
    return [emulator, "-B", hex(GUEST_BASE), *library, path]


def measure(table, architecture, is_emulated):
    """Agent and uplink with three sensors at 1 s and a receiver; the most that is seen, looked at every 100 ms."""
    agent = command(architecture, "cairn-agent", is_emulated)
    uplink = command(architecture, "cairn-uplink-https", is_emulated)
    name = f"{architecture}, {'emulated' if is_emulated else 'its own process'}"
    with Node(f"resident-{architecture}") as node:
        node.start_boards()
        node.start_receiver()
        node.start_gateway()
        node.write_configuration(gnss=True)
        programs = {
            "agent": node.start([*agent, *node.agent_arguments(agent[-1])[1:]]),
            "uplink": node.start([*uplink, *node.common_arguments()]),
        }
        node.wait_for(lambda: node.spool.mark() and node.spool.delivered_batch_count() > 0, 120)
        most = {name: {"file": 0, "own": 0} for name in programs}
        until = time.monotonic() + float(os.environ.get("CAIRN_MEMORY_SECONDS", 20))
        while time.monotonic() < until:
            for part, process in programs.items():
                now = resident(process, in_guest if is_emulated else lambda address: True)
                most[part] = max(most[part], now, key=lambda found: sum(found.values()))
            node.run_for(0.1)
        for part, found in most.items():
            table.add(f"{part}, {name}", sum(found.values()), "KiB", f"{part}-memory",
                      f"own {found['own']}, file {found['file']}")
        table.add(f"batches delivered, {name}", node.spool.delivered_batch_count())


def main():
    # So that `finally` and `with` end what was started, however this ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    table = Table("Resident memory by architecture: three sensors at 1 s, receiver, a batch every 5 s")
    failed = False
    for architecture in sys.argv[1:] or EMULATORS:
        for is_emulated in [False, True] if architecture == "amd64" else [True]:
            try:
                measure(table, architecture, is_emulated)
            except Missing as missing:
                table.absent(architecture, str(missing))
            except RuntimeError as failure:
                table.absent(architecture, f"failed: {failure}")
                failed = True
    table.show()
    sys.exit(1 if failed else 0)


main()
