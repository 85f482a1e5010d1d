"""A packet forwarder on loopback, with frames as fast as they are asked for: what they cost forwarder and agent."""
import base64
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import time

from node import ROOT, Node
from table import Table

SHIP = "build/amd64"
EUI = bytes.fromhex("b827ebfffe123456")
RADIO = """[radio]
model = RAK2287
region = EU868
transmit_power = 14 dBm
antenna_gain = 2.15 dBi
forwarder = yes
frames_per_minute = {limit}
"""


class PacketForwarder:
    """Two types of datagrams up, and their acknowledgements."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(10)
        self.count = 0

    def send(self, kind, body=b""):
        self.count += 1
        self.socket.send(struct.pack(">BHB", 2, self.count & 0xFFFF, kind) + EUI + body)

    def pull(self):
        self.send(2)
        self.acknowledged(1)

    def hear(self):
        data = bytes([0x40, 1, 2, 3, 4, 0]) + struct.pack("<H", self.count & 0xFFFF) + bytes(15)
        packet = {"tmst": self.count * 10_000 & 0xFFFFFFFF, "freq": 868.3, "chan": 1, "rfch": 0, "stat": 1,
                  "modu": "LORA", "datr": "SF9BW125", "codr": "4/5", "rssi": -101, "rssis": -103, "lsnr": -2.2,
                  "foff": -730, "size": len(data), "data": base64.b64encode(data).decode()}
        self.send(0, json.dumps({"rxpk": [packet]}, separators=(",", ":")).encode())

    def acknowledged(self, count):
        for _ in range(count):
            self.socket.recv(16)


def processor(process):
    return int(pathlib.Path(f"/proc/{process.pid}/schedstat").read_text().split()[0])


def memory(process):
    text = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def radio(node):
    """What the agent says of its radio; nothing before it does."""
    done = subprocess.run([f"{SHIP}/cairn", "status", "--json", "--board", str(node.folder / "board.ini"),
                           *node.common_arguments()], cwd=ROOT, capture_output=True, text=True)
    try:
        # The enrolment has a radio too, which is another thing.
        return json.loads(done.stdout).get("agent", {}).get("radio") or {}
    except json.JSONDecodeError:
        return {}


def measure_concentrator():
    rate, window = 100, float(os.environ.get("CAIRN_CONCENTRATOR_SECONDS", 20))
    table = Table(f"A concentrator: {rate} LoRaWAN frames a second for {window:.0f} s")
    for limit, name in ((60, "60 leaves a minute"), (6000, "each frame a leaf")):
        with Node("concentrator") as node:
            node.write_configuration(buses=1, chips=(), interval="60 s", batch="5 s", commit="10 s")
            with open(ROOT / node.folder / "site.ini", "a") as site:
                site.write(RADIO.format(limit=limit))
            port = free_port()
            forwarder = node.start([f"{SHIP}/cairn-forwarder", "--listen", f"127.0.0.1:{port}", "--run",
                                    str(node.folder / "run")])
            node.wait_for(lambda: (ROOT / node.folder / "run/forwarder.sock").exists(), 60)
            agent = node.start_agent(f"{SHIP}/cairn-agent")
            peer = PacketForwarder(port)
            peer.pull()
            node.wait_for(lambda: radio(node).get("state") == "listening", 60)
            # What it does without frames, in as long.
            before = processor(agent)
            node.run_for(window)
            idle = processor(agent) - before
            before = {process: processor(process) for process in (agent, forwarder)}
            count, start = round(rate * window), time.monotonic()
            for index in range(count):
                peer.hear()
                peer.acknowledged(1)
                time.sleep(max(0, start + (index + 1) / rate - time.monotonic()))
            node.wait_for(lambda: radio(node).get("frames") == count, 60)
            took = {process: processor(process) - before[process] for process in before}
            table.add(f"{name}: agent, processor a frame", (took[agent] - idle) / count / 1e3, "us",
                      note=f"{count} frames, none lost; {took[agent] / 1e6:.0f} ms, at rest {idle / 1e6:.0f} ms")
            table.add(f"{name}: forwarder, processor a frame", took[forwarder] / count / 1e3, "us")
            for process, program in ((agent, "agent"), (forwarder, "forwarder")):
                found = memory(process)
                table.add(f"{name}: {program}, resident, peak", found["VmHWM"], "KiB", note=f"now {found['VmRSS']}")
    table.show()
