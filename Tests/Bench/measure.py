"""Measures the programs of a board as they run. Called by bench.sh, from the root of the repository."""
import mmap
import os
import pathlib
import re
import signal
import statistics
import struct
import subprocess
import sys
import time

from concentrator import measure_concentrator
from heard import measure_heard
from node import CHIPS, ROOT, Missing, Node, program
from spool import CHECKPOINT, LEAVES
from table import Table

AGENT = "build/amd64/cairn-agent"
UPLINK = "build/amd64/cairn-uplink-https"
COUNTING_AGENT = "build/bench/cairn-agent-counting"
COUNTING_BENCH = "build/bench/cairn-bench-counting"
BENCH = "build/amd64/cairn-bench"
KINDS = ("malloc", "calloc", "realloc", "free", "aligned_alloc", "posix_memalign")


def seconds(name, usual):
    return float(os.environ.get(name, usual))


# the log alone


def measure_log():
    lines = subprocess.run([BENCH], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    figures = {key: float(value) for key, value, _ in (line.split("\t") for line in lines.splitlines())}
    table = Table("Sealing: append and seal in memory, beside the bare libsodium calls (ship options)")
    table.add("a reading, of 60 in a batch, median of 201 rounds", figures["sealing-ratio"], "x", "sealing")
    table.add("the same with making and encoding the leaf", figures["sealing-ratio-with-encoding"], "x")
    table.add("append and seal", int(figures["sealing-nanoseconds"]), "ns a reading")
    table.add("bare calls", int(figures["bare-nanoseconds"]), "ns a reading")
    table.show()

    table = Table("Bytes to the card, for each leaf byte")
    leaf = figures["leaf-one-commit"]
    table.add("60 readings of six values a batch", figures["written-one-commit"], "x", "written",
              f"leaves of {leaf:.0f} bytes")
    table.add("the same, leaves of six five-byte values", figures["written-wide"], "x", "written",
              f"leaves of {figures['leaf-wide']:.0f} bytes")
    table.add("60 a batch, committed six times", figures["written-six-commits"], "x")
    table.add("15 a batch, as three sensors at 1 s and 5 s", figures["written-demonstration"], "x")
    table.add("3 a batch, two commits: three sensors by default", figures["written-defaults"], "x")
    table.show()

    table = Table("Bytes delivered for each reading of six values, HTTP not counted")
    for name, text in (("single", "1 reading a batch"), ("defaults", "3 readings a batch"),
                       ("one-commit", "60 readings a batch"), ("large", "500 readings a batch")):
        table.add(text, figures[f"delivered-{name}"], "bytes")
    table.show()


# heap calls


class HeapCalls:
    """The counters of count_calls.c."""

    def __init__(self, path):
        self.path = ROOT / path
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(bytes(56 + 64 * 8))
        self.file = open(self.path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), 0)

    @property
    def environment(self):
        return {"CAIRN_HEAP_CALLS": str(self.path.relative_to(ROOT))}

    def counts(self):
        return struct.unpack_from("<6Q", self.map)

    def ask_for_callers(self):
        self.map[48:56] = struct.pack("<Q", 1)

    def callers(self):
        return [address for address in struct.unpack_from("<64Q", self.map, 56) if address]


def shown(counts):
    return ", ".join(f"{count} {kind}" for kind, count in zip(KINDS, counts) if count) or "none"


def name_callers(path, callers):
    """Which functions called, by the program's symbols."""
    lines = subprocess.run(["addr2line", "-f", "-e", path, *(hex(caller) for caller in callers)],
                           cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    return sorted(set(lines[::2]))


def measure_heap_calls():
    """The agent with everything that it may meet: many sensors, receiver, uplink, receipts."""
    table = Table("Heap calls of the agent (the ship build's objects, linked with counters)")
    with Node("heap") as node:
        calls = HeapCalls(node.folder / "heap-calls")
        node.start_boards(2)
        node.start_receiver()
        try:
            node.start_gateway()
        except Missing as missing:
            table.absent("with receipts", str(missing))
        node.write_configuration(buses=2, interval="100 ms", batch="1 s", commit="500 ms", gnss=True)
        node.start_agent(COUNTING_AGENT, calls.environment)
        if node.gateway_address:
            node.start_uplink()
        node.wait_for(lambda: node.spool.batch_count() > 0, 60)
        before, leaves_before = calls.counts(), node.spool.leaf_count()
        calls.ask_for_callers()
        node.run_for(seconds("CAIRN_HEAP_SECONDS", 75))
        after, leaves = calls.counts(), node.spool.leaf_count() - leaves_before
        after_start = [late - early for late, early in zip(after, before)]
        table.add("until the first batch was released", sum(before), "calls", note=shown(before))
        batches, receipts = node.spool.batch_count(), node.spool.delivered_batch_count()
        table.add(f"over the next {leaves} leaves, {batches} batches, {receipts} receipts", sum(after_start),
                  "calls", "heap-calls", shown(after_start))
        for name in name_callers(COUNTING_AGENT, calls.callers()):
            table.rows.append((f"  called from {name}", "", "", ""))
    few, many = (heap_calls_of_sealing(count) for count in (60, 1_000_020))
    table.add("log alone: a million readings more", sum(many) - sum(few), "calls", "heap-calls")
    table.show()


def heap_calls_of_sealing(readings):
    calls = HeapCalls(pathlib.Path("build/bench/heap-calls-of-sealing"))
    subprocess.run([COUNTING_BENCH, "seal", str(readings)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, **calls.environment})
    return calls.counts()


# memory, processor


def memory(process):
    """Kilobytes by name, from the kernel."""
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}


def processor(process):
    """(nanoseconds on a processor, times it slept and woke)."""
    folder = pathlib.Path(f"/proc/{process.pid}")
    status = (folder / "status").read_text()
    return (int((folder / "schedstat").read_text().split()[0]),
            int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE)[1]))


def add_memory(table, name, process, bound, note=""):
    found = memory(process)
    table.add(f"{name}, peak (VmHWM)", found["VmHWM"], "KiB", bound, note)
    table.add(f"{name}, now (VmRSS)", found["VmRSS"], "KiB",
              note=f"anonymous {found['RssAnon']}, file {found['RssFile']}, shared {found['RssShmem']}")


def measure_memory():
    table = Table("Resident memory: three sensors at 1 s, receiver, a batch every 5 s")
    with Node("memory") as node:
        node.start_boards()
        node.start_receiver()
        try:
            node.start_gateway()
        except Missing as missing:
            table.absent("uplink", str(missing))
        node.write_configuration(gnss=True)
        agent = node.start_agent(AGENT)
        uplink = node.start_uplink() if node.gateway_address else None
        node.wait_for(lambda: node.spool.batch_count() > 0, 60)
        node.run_for(seconds("CAIRN_MEMORY_SECONDS", 30))
        add_memory(table, "agent", agent, "agent-memory", "aim 1024")
        if uplink:
            add_memory(table, "uplink by HTTPS, over plain HTTP on loopback", uplink, "uplink-memory")
        table.add("batches released", node.spool.batch_count())
        table.add("batches delivered, receipt verified", node.spool.delivered_batch_count())
    table.show()


def measure_rest():
    window = seconds("CAIRN_REST_SECONDS", 60)
    table = Table(f"At rest: three sensors, every default, {window:.0f} s watched")
    with Node("rest") as node:
        node.start_boards()
        try:
            node.start_gateway()
        except Missing as missing:
            table.absent("uplink", str(missing))
        node.write_configuration(interval="60 s", batch="60 s", commit="10 s")
        programs = {"agent": node.start_agent(AGENT)}
        if node.gateway_address:
            programs["uplink"] = node.start_uplink()
        node.wait_for(lambda: node.spool.mark() and node.spool.mark()[2] > 1, 60)
        node.run_for(3)
        before = {name: processor(process) for name, process in programs.items()}
        node.run_for(window)
        for name, process in programs.items():
            took, woke = (late - early for late, early in zip(processor(process), before[name]))
            table.add(f"{name}, processor", took * 60 / window / 1e6, "ms a minute")
            table.add(f"{name}, wake-ups", round(woke * 60 / window), "a minute")
    table.show()


def written(process):
    """Bytes that a process has given the disk to write, as the kernel counts them."""
    text = pathlib.Path(f"/proc/{process.pid}/io").read_text()
    return int(re.search(r"^write_bytes: (\d+)$", text, re.MULTILINE)[1])


def measure_idle():
    """One sensor each minute, and nothing that waits for delivery: what a node costs that has little to do."""
    window = seconds("CAIRN_IDLE_SECONDS", 300)
    table = Table(f"Idle: one sensor at 60 s, every default, all delivered; {window:.0f} s watched, scaled to an hour")
    with Node("idle") as node:
        node.start_boards()
        node.start_gateway()
        node.write_configuration(chips=CHIPS[:1], interval="60 s", batch="60 s", commit="10 s")
        programs = {"agent": node.start_agent(AGENT), "uplink": node.start_uplink()}
        node.wait_for(lambda: node.spool.mark() and node.spool.delivered_batch_count() > 0, 300)
        node.run_for(3)
        before = {name: (*processor(process), written(process)) for name, process in programs.items()}
        node.run_for(window)
        for name, process in programs.items():
            after = (*processor(process), written(process))
            took, woke, wrote = (late - early for late, early in zip(after, before[name]))
            table.add(f"{name}, processor", took * 3600 / window / 1e6, "ms an hour",
                      note=f"{took / 1e6:.1f} ms measured")
            table.add(f"{name}, wake-ups", round(woke * 3600 / window), "an hour", note=f"{woke} measured")
            table.add(f"{name}, given to the disk", wrote * 3600 / window / 1024, "KiB an hour")
        table.add("batches released · delivered, receipt verified",
                  f"{node.spool.batch_count()} · {node.spool.delivered_batch_count()}")
    table.show()


# the first leaf


def first_leaf(node, agent, patience):
    """Milliseconds from before the fork to the first durable leaf, and to the first signed one, or None."""
    mark = node.spool.mark()
    known = mark[2] if mark else 0
    sealed_before = known
    start = time.monotonic_ns()
    process = node.start_agent(agent)
    durable = signed = None
    while signed is None and (time.monotonic_ns() - start) < patience * 1e9:
        mark = node.spool.mark()
        at = (time.monotonic_ns() - start) / 1e6
        if mark and mark[2] > known:
            kinds = [kind for sequence, kind, _, _ in node.spool.entries(after=sealed_before)]
            known = mark[2]
            if durable is None and LEAVES in kinds:
                durable = at
            if CHECKPOINT in kinds:
                signed = at
        if process.poll() is not None:
            raise RuntimeError(f"the agent ended with {process.returncode}: {node.last_lines()}")
        time.sleep(0.0002)
    node.end(process)
    node.processes.remove(process)
    return durable, signed


def synchronize_milliseconds(folder):
    """What one write of a block and its fdatasync take on this disk."""
    took = []
    with open(ROOT / folder / "probe", "wb") as file:
        file.write(bytes(65536))
        os.fdatasync(file.fileno())
        for _ in range(25):
            start = time.monotonic_ns()
            os.pwrite(file.fileno(), bytes(range(256)) * 16, 0)
            os.fdatasync(file.fileno())
            took.append((time.monotonic_ns() - start) / 1e6)
    return statistics.median(took)


def measure_start():
    agent = os.environ.get("CAIRN_AGENT", AGENT)
    table = Table("From the start of the process to the first leaf of its boot (default intervals)")
    rounds = int(seconds("CAIRN_START_ROUNDS", 7))
    for chips, name in (((), "no sensors"), (CHIPS, "three sensors")):
        with Node("start") as node:
            if chips:
                try:
                    node.start_boards()
                except Missing as missing:
                    table.absent(name, str(missing))
                    continue
            node.write_configuration(chips=chips, interval="60 s", batch="60 s", commit="10 s")
            first = first_leaf(node, agent, 3)
            again = [first_leaf(node, agent, 3) for _ in range(rounds)]
            add_start(table, f"{name}, key and spool made", [first], None)
            add_start(table, f"{name}, spool there", again, "first-leaf")
            if chips:
                table.add("one write and fdatasync on this disk", synchronize_milliseconds(node.folder), "ms",
                          note="median of 25")
    table.show()


def add_start(table, name, found, bound):
    for index, kind in enumerate(("durable", "durable and signed")):
        times = [times[index] for times in found]
        limit = bound if index == 1 else None
        if any(time is None for time in times):
            table.rows.append((f"{name}: {kind}", "> 3000 ms", "50 ms" if limit else "-",
                               "OVER: waits for the batch interval" if limit else "waits for the batch interval"))
        else:
            spread = f"{min(times):.0f} to {max(times):.0f}, {len(times)} starts" if len(times) > 1 else ""
            table.add(f"{name}: {kind}", statistics.median(times), "ms", limit, spread)


SECTIONS = {
    "log": measure_log,
    "heap": measure_heap_calls,
    "memory": measure_memory,
    "start": measure_start,
    "heard": measure_heard,
    "rest": measure_rest,
    "concentrator": measure_concentrator,
    # Five minutes: asked for by its name, by `make idle`.
    "idle": measure_idle,
}


def main():
    # So that `finally` and `with` end what was started, however this ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    failed = False
    for name in sys.argv[1:] or [name for name in SECTIONS if name != "idle"]:
        try:
            SECTIONS[name]()
        except Missing as missing:
            print(f"\n{name}: not measured: {missing}")
        except (RuntimeError, subprocess.CalledProcessError) as failure:
            print(f"\n{name}: failed: {failure}")
            failed = True
    sys.exit(1 if failed else 0)


main()
