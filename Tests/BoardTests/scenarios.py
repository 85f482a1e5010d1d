"""Scenarios, in the order in which they were written: each a sentence that is false when it fails."""

import functools
import pathlib
import shutil

from desk import Gateway, Simulator
from emulator import FOLDER, Trouble

SCENARIOS = []


class Failure(Exception):
    """A sentence that is not so."""


def check(sentence, holds, detail=""):
    if not holds:
        raise Failure(f"{sentence}" + (f": {detail}" if detail != "" else ""))


def scenario(sentence, long=False):
    """A function of (image, desk) that returns what is worth telling, or nothing. `long`: begun before the others, so that
    none of them is left over at the end of a run."""
    def kept(function):
        @functools.wraps(function)
        def run(image):
            with Desk(function.__name__) as desk:
                return function(image, desk)
        run.sentence, run.name, run.long = sentence, function.__name__, long
        SCENARIOS.append(run)
        return run
    return kept


class Desk:
    """The host's side of one scenario: a folder of its own, a gateway and chips when it asks for them, and their end."""

    def __init__(self, name):
        self.name, self.folder = name, FOLDER / "desks" / name
        self.open, self.machines = [], []
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        for machine in self.machines if failure else []:
            look(machine)
        for thing in reversed(self.open):
            (thing.kill if hasattr(thing, "kill") else thing.close)()
        for machine in self.machines:
            (FOLDER / f"{machine.name}.qcow2").unlink(missing_ok=True)

    def keep(self, thing):
        self.open.append(thing)
        return thing

    def gateway(self, **others):
        return self.keep(Gateway(self.folder, **others))

    def simulator(self):
        # A socket's path has room for 107 bytes.
        return self.keep(Simulator(self.folder))

    def machine(self, image, name=None):
        self.machines.append(self.keep(image.from_snapshot(name or self.name)))
        return self.machines[-1]


def look(machine):
    """What a machine in which something failed says of itself: into its transcript."""
    try:
        for command in ("systemctl --failed", "journalctl -b -o short-monotonic | tail -60", "dmesg | tail -20", "cairn status",
                        "cairn log list | tail -5", "cairn doctor"):
            machine.run(f"echo '--- {command}'; {command}", 60)
    except (Trouble, OSError):
        pass
