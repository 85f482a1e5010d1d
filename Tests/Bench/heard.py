"""What a heard beacon costs until its witness leaf is on the card: writes, flushes, bytes, time. Called by measure.py."""
import mmap
import os
import pathlib
import pty
import statistics
import struct
import threading
import time
import tty

from node import ROOT, Node
from table import Table

TRACING_AGENT = "build/bench/cairn-agent-tracing"
READ, WRITE, WRITE_AT, SYNCHRONISE_DATA, SYNCHRONISE, WAIT = range(1, 7)
EVENT_COUNT = 65536
EVENT = struct.Struct("<QQqqQ")


class FileCalls:
    """The events of trace_calls.c."""

    def __init__(self, path):
        self.path = path
        (ROOT / path).write_bytes(bytes(8 + EVENT_COUNT * EVENT.size))
        with open(ROOT / path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)

    @property
    def environment(self):
        return {"CAIRN_FILE_CALLS": str(self.path)}

    def events(self):
        count = struct.unpack_from("<Q", self.map)[0]
        if count > EVENT_COUNT:
            raise RuntimeError(f"{count} calls: more than are kept")
        return [EVENT.unpack_from(self.map, 8 + index * EVENT.size) for index in range(count)]


class Module:
    """As much of a RAK3172 as an agent that listens asks for (docs/radios.md), with frames when they are wanted."""

    ANSWERS = {b"AT+VER=?": b"AT+VER=RUI_4.0.6_RAK3172-E\r\n", b"AT+NWM=?": b"AT+NWM=0\r\n",
               b"AT+PRECV=?": b"AT+PRECV=65533\r\n"}

    def __init__(self, link):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.device = os.ttyname(self.slave)
        os.symlink(self.device, link)
        self.sent, self.frequency, self.listens, self.lock = 0, b"0", False, threading.Lock()
        threading.Thread(target=self.serve, daemon=True).start()

    def say(self, text):
        with self.lock:
            self.sent += os.write(self.master, text)
            return self.sent

    def serve(self):
        line = b""
        while True:
            try:
                some = os.read(self.master, 4096)
            except OSError:
                return
            line += some
            *whole, line = line.replace(b"\r", b"\n").split(b"\n")
            for command in filter(None, whole):
                if command.startswith(b"AT+P2P="):
                    self.frequency = command[7:].split(b":")[0]
                answer = self.ANSWERS.get(command, b"")
                if command == b"AT+PFREQ=?":
                    answer = b"AT+PFREQ=" + self.frequency + b"\r\n"
                self.say(answer + b"OK\r\n")
                self.listens |= command.startswith(b"AT+PRECV=65533")

    def hear(self, frame):
        """How many bytes have been said when all of it has been."""
        return self.say(b"+EVT:RXP2P:-98:9:" + frame.hex().upper().encode() + b"\r\n")

    def close(self):
        os.close(self.master)
        os.close(self.slave)


def beacon(number):
    """Of somebody else; the agent looks at nothing but its form."""
    return b"\xe0\x01" + os.urandom(4) + struct.pack(">H", number) + os.urandom(16)


class Heard:
    """A run: frames at a pace, and the calls between the read of each frame's end and the flush that has its leaf."""

    def __init__(self, name, *, batch, commit, count, pause):
        with Node(name) as node:
            node.write_configuration(chips=(), batch=batch, commit=commit)
            with open(ROOT / node.folder / "board.ini", "a") as board:
                board.write("[serial.radio]\nvirtual = radio.tty\nbaud = 115200\n")
            with open(ROOT / node.folder / "site.ini", "a") as site:
                site.write("[radio]\nmodel = RAK3172\nregion = EU868\ntransmit_power = 14 dBm\nantenna_gain = 2.15 dBi\nport = radio\n")
            module = Module(ROOT / node.folder / "run/radio.tty")
            calls = FileCalls(node.folder / "calls")
            try:
                process = node.start_agent(TRACING_AGENT, calls.environment)
                node.wait_for(lambda: module.listens, 60)
                # What the start has to write is on the card.
                node.run_for(1)
                descriptors = pathlib.Path(f"/proc/{process.pid}/fd")
                self.line, self.spool = (self.descriptor(descriptors, end) for end in (module.device, "agent/spool"))
                leaves = node.spool.leaf_count()
                # Of what the module says from here on; its descriptor was another file's before.
                before, begun, ends = module.sent, time.monotonic_ns(), []
                for number in range(1, count + 1):
                    ends.append(module.hear(beacon(number)) - before)
                    node.run_for(pause)
                node.wait_for(lambda: node.spool.leaf_count() >= leaves + count, 120)
                self.ended = time.monotonic_ns()
                self.leaves = node.spool.leaf_count() - leaves
                # The last leaf's flush has ended by then.
                node.run_for(0.5)
                events = calls.events()
            finally:
                module.close()
            self.count = count
            self.span = [event for event in events if event[0] >= begun]
            self.ways = self.find_ways(self.span, ends)

    @staticmethod
    def descriptor(folder, end):
        for entry in folder.iterdir():
            if os.readlink(entry).endswith(end):
                return int(entry.name)
        raise RuntimeError(f"the agent has no {end} open")

    def find_ways(self, events, ends):
        """For each frame: when its last byte was read, the calls from there on, and when the next flush had ended."""
        ways, read, at = [], 0, iter(ends)
        end = next(at)
        receipts = []
        for index, (_, done, result, descriptor, kind) in enumerate(events):
            if kind == READ and descriptor == self.line and result > 0:
                read += result
                while end is not None and read >= end:
                    receipts.append((index, done))
                    end = next(at, None)
        for index, done in receipts:
            for last in range(index + 1, len(events)):
                if events[last][4] == SYNCHRONISE_DATA and events[last][3] == self.spool:
                    ways.append((done, events[index + 1:last + 1]))
                    break
        if len(ways) != len(ends):
            raise RuntimeError(f"{len(ways)} of {len(ends)} frames were read and flushed")
        return ways

    def spool_calls(self, kind):
        return [event for event in self.span if event[4] == kind and event[3] == self.spool]

    @staticmethod
    def took(calls, *kinds):
        return sum(done - begun for begun, done, _, _, kind in calls if kind in kinds)

    @property
    def whole(self):
        """Nanoseconds from the read to the end of the flush."""
        return [calls[-1][1] - read for read, calls in self.ways]

    @property
    def busy(self):
        """The same less what was spent in waiting for something to do."""
        return [calls[-1][1] - read - self.took(calls, WAIT) for read, calls in self.ways]

    @property
    def disk(self):
        """Of it in writes and flushes."""
        return [self.took(calls, WRITE_AT, SYNCHRONISE_DATA) for _, calls in self.ways]

    def add_to(self, table, name):
        writes, flushes = self.spool_calls(WRITE_AT), self.spool_calls(SYNCHRONISE_DATA)
        share = f"{self.count} frames, {self.leaves} leaves; {len(writes)} writes, {len(flushes)} flushes"
        table.add(f"{name}: writes", len(writes) / self.count, "a leaf", note=share)
        table.add(f"{name}: flushes", len(flushes) / self.count, "a leaf")
        table.add(f"{name}: bytes written", sum(event[2] for event in writes) / self.count, "a leaf")


def measure_heard():
    table = Table("A heard beacon, from the read of its last byte to the flush that has its witness leaf")
    alone = Heard("heard-alone", batch="60 s", commit="100 ms", count=50, pause=0.5)
    alone.add_to(table, "each with a commit of its own")
    busy, disk = statistics.median(alone.busy), statistics.median(alone.disk)
    table.add("each with a commit of its own: agent and disk, beside the disk alone",
              statistics.median(one / other for one, other in zip(alone.busy, alone.disk)), "x",
              note=f"medians of {alone.count}: {busy / 1e6:.3f} and {disk / 1e6:.3f} ms")
    table.add("each with a commit of its own: until it is durable", statistics.median(alone.whole) / 1e6, "ms",
              note=f"{min(alone.whole) / 1e6:.2f} to {max(alone.whole) / 1e6:.2f}")
    many = Heard("heard-many", batch="60 s", commit="10 s", count=120, pause=0.5)
    many.add_to(table, "two a second, every default")
    table.add("two a second, every default: until it is durable", statistics.median(many.whole) / 1e9, "s",
              note=f"at most {max(many.whole) / 1e9:.1f}: the commit's interval is 10 s")
    table.show()
