"""LoRa modules in one simulated air, for machines that have each one on a serial line on USB; and owners of nodes."""

import json
import os
import pathlib
import subprocess

from boards import run_tool
from desk import PROGRAMS, wait_until
from emulator import PATIENCE_SECONDS, ROOT, Trouble


class Air:
    """cairn-simulate air: a module for each name, at its place."""

    def __init__(self, folder, modules, options=()):
        self.folder = pathlib.Path(folder)
        self.path = self.folder / "air.journal"
        self.journal = open(self.path, "wb")
        stations = [f"{name}:{kind}:{self.line(name)}@{place}" for name, (kind, place) in modules.items()]
        self.process = subprocess.Popen([PROGRAMS / "cairn-simulate", "air", "--json", *options, *stations],
                                        stdin=subprocess.DEVNULL, stdout=self.journal, stderr=self.journal)
        wait_until(lambda: all(self.line(name).exists() for name in modules) or self.process.poll() is not None,
                   "the modules' lines")
        self.ensure()

    def ensure(self):
        if self.process.poll() is not None:
            raise Trouble(f"cairn-simulate air ended with {self.process.returncode}: {self.path.read_text()}")

    def line(self, name):
        return self.folder / f"{name}.tty"

    def frames(self):
        """What has been on the air, and who heard it."""
        self.ensure()
        lines = self.path.read_text(errors="replace").split("\n")[:-1]
        return [event for event in map(json.loads, lines) if event["event"] == "air"]

    def plug(self, machine, name, serial):
        """The module as a stick with QEMU's FTDI converter before it; the speed that the machine sets is the line's."""
        device = os.readlink(self.line(name))
        machine.qmp.command("chardev-add", id=name, backend={"type": "serial", "data": {"device": device}})
        machine.plug("usb-serial", f"{name}-usb", chardev=name, bus="usb.0", serial=serial)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.journal.close()


class Owner:
    """Somebody who owns nodes, with a key of their own, made by the operator's tool."""

    def __init__(self, folder, name):
        machine = run_tool("dpkg", "--print-architecture").strip()
        self.tool = ROOT / "build" / machine / "cairn"
        self.key = pathlib.Path(folder) / f"{name}.owner"
        self.passphrase = pathlib.Path(folder) / f"{name}.passphrase"
        self.passphrase.touch(mode=0o600)
        self.passphrase.write_text("for one run only\n")
        self.ask("new")

    def ask(self, word, *options):
        return json.loads(run_tool(self.tool, "owner", word, self.key, *options, "--passphrase-file", self.passphrase,
                                   "--json"))

    def enrolment(self, gateway):
        """The section of a site file by which the gateway knows whose node it is."""
        pieces = self.ask("invite", "--gateway", gateway.public_key, "--expires", "1d")["authorization"]
        return "[enrolment]\n" + "".join(f"authorization_{name} = {piece}\n"
                                         for name, piece in zip(("first", "second", "third", "fourth"), pieces))
