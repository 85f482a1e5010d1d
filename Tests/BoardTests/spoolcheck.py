"""What a power cut left, judged: the node's state is taken out of the disk, the real agent recovers it, and what it
has then is held against what had left the node before the cut."""

import hashlib
import json
import shutil
import signal
import subprocess
import time

from emulator import ROOT, Trouble
from gateway_desk import Gateway, batches_of
from small_guest import SITE

HOST = ROOT / "build" / subprocess.run(
    ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
PATIENCE_SECONDS = 300
NOBODY = "127.0.0.1:9"


def item(bytes_, place=0):
    """The CBOR item at a place, and where the next begins. Checkpoints have no more than these types."""
    kind, value = bytes_[place] >> 5, bytes_[place] & 31
    place += 1
    if value >= 24:
        count = 1 << value - 24
        value = int.from_bytes(bytes_[place:place + count], "big")
        place += count
    if kind == 0:
        return value, place
    if kind == 1:
        return -1 - value, place
    if kind in (2, 3):
        return bytes_[place:place + value], place + value
    if kind == 6:
        return item(bytes_, place)
    found = []
    for _ in range(value * (2 if kind == 5 else 1)):
        one, place = item(bytes_, place)
        found.append(one)
    return (dict(zip(found[::2], found[1::2])) if kind == 5 else found), place


def position_of(batch):
    """(epoch, batch) of a batch as it is posted, and what was signed for it: (size, root)."""
    message, _ = item(item(batch)[0][0])
    protected, _ = item(message[0])
    _, epoch, number, _, size, *_ = protected[-65537]
    return (epoch, number), (size, message[2].hex())


class Left:
    """What had left the node before a cut."""

    def __init__(self, sent, count):
        """`sent`: requests, with places in the log as numbers of entries; `count`: entries before the cut."""
        self.any = False
        self.batches, self.answered, self.problems = {}, set(), []
        for one in sent:
            if one.at > count:
                break
            # Signed by the node, and not a question.
            self.any = self.any or one.path in ("/v1/batches", "/v1/devices")
            if one.path != "/v1/batches":
                continue
            position, signed = position_of(one.body)
            if self.batches.setdefault(position, signed) != signed:
                self.problems.append(f"two histories left the node at {position}: {self.batches[position]}, {signed}")
            if one.status == 200 and one.answered is not None and one.answered <= count:
                self.answered.add(position)


def take_out(image, folder):
    """The node's state of a disk that was cut: what e2fsck said when it could not be mended, else nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "run").mkdir(parents=True)
    done = subprocess.run(["e2fsck", "-fy", str(image)], capture_output=True, text=True)
    if done.returncode & ~3:
        return [f"e2fsck ended with {done.returncode}: {done.stdout[-300:]}"]
    subprocess.run(["debugfs", "-R", f"rdump /state {folder}", str(image)], capture_output=True, text=True)
    if not (folder / "state/agent").is_dir():
        return ["the node's folders are gone"]
    return []


class Node:
    """The node on this machine, on what was taken out."""

    def __init__(self, folder, gateway_key, address=NOBODY):
        self.folder = folder
        (folder / "site.ini").write_text(
            SITE.format(address=address, key=gateway_key, batch="100 ms", commit="100 ms"))
        (folder / "board.ini").write_text("[board]\nname = power\nserial_file = /none\ncard_file = /none\n")
        self.options = ["--config", str(folder / "site.ini"), "--state", str(folder / "state"),
                        "--run", str((folder / "run").relative_to(ROOT))]
        self.processes = {}

    def start(self, program):
        options = ["--board", str(self.folder / "board.ini")] if program == "cairn-agent" else []
        with open(self.folder / f"{program}.log", "ab") as journal:
            self.processes[program] = subprocess.Popen(
                [str(HOST / program), *options, *self.options], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=journal,
                stderr=journal)

    def said(self, program):
        return (self.folder / f"{program}.log").read_text(errors="replace")

    def await_start(self):
        """Until the agent has signed its boot, or ended: its exit status then."""
        end = time.monotonic() + PATIENCE_SECONDS
        while "sensors, kid" not in self.said("cairn-agent"):
            status = self.processes["cairn-agent"].poll()
            if status is not None:
                return status
            if time.monotonic() > end:
                raise Trouble(f"the agent says nothing: {self.said('cairn-agent')}")
            time.sleep(0.005)
        return None

    def end(self, program):
        process = self.processes.pop(program, None)
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode

    def list(self):
        """What `cairn log list` shows: batches by position."""
        done = subprocess.run([str(HOST / "cairn"), "log", "list", "--json", *self.options], cwd=ROOT,
                              capture_output=True, text=True)
        if done.returncode:
            return None, [f"cairn log list ended with {done.returncode}: {done.stdout}{done.stderr}"]
        shown = json.loads(done.stdout)
        problems = [f"the spool is damaged: {shown['losses']} losses"] if shown["losses"] else []
        return {(batch["epoch"], batch["batch"]): batch for batch in shown["batches"]}, problems

    def public_key(self):
        path = self.folder / "state/agent/device.pub"
        return path.read_bytes() if path.exists() else b""


def recovered(folder, gateway_key, left, device):
    """Problems of a cut: the agent starts on what is left, signs its boot, ends in order."""
    node = Node(folder, gateway_key)
    before = (folder / "state/agent/agent.key").exists()
    node.start("cairn-agent")
    status = node.await_start()
    if status is None:
        status = node.end("cairn-agent")
    if status != 0:
        return [f"the agent ended with {status}: {node.said('cairn-agent').strip()[-300:]}"]
    batches, problems = node.list()
    if batches is None:
        return problems
    return problems + judged(batches, left) + (
        key_problems(node.public_key(), device, before) if left.any else [])


def key_problems(found, device, existed):
    if not existed:
        return ["the key is gone, and requests in its name had left the node"]
    return [] if found == device else ["another key, and requests in its name had left the node"]


def judged(batches, left):
    """What the node has after its recovery against what had left it."""
    problems = list(left.problems)
    if not batches:
        return problems + ["nothing was signed after the start"]
    last = max(left.batches, default=None)
    if last and max(batches)[0] != last[0]:
        problems.append(f"epoch {max(batches)[0]} was begun: the node took its log for lost")
    for position, signed in left.batches.items():
        has = batches.get(position)
        if has is None:
            if position not in left.answered:
                problems.append(f"batch {position} had left, nobody answered for it, and it is lost")
            elif position > min(batches):
                problems.append(f"batch {position} is lost behind older ones")
        elif (has["size"], has["root"]) != signed:
            problems.append(f"fork: batch {position} left with size {signed[0]}, and is signed again with {has['size']}")
    known = max(left.answered, default=(-1, -1))
    problems += [f"batch {position} counts as delivered, and no answer for it had come"
                 for position, has in batches.items() if has["delivered"] and position > known]
    # A log of one node goes on by ones within an epoch.
    numbers = sorted(batches)
    for one, other in zip(numbers, numbers[1:]):
        if one[0] == other[0] and other[1] != one[1] + 1:
            problems.append(f"between {one} and {other} there is nothing")
    return problems


def delivered(folder, store, programs):
    """Problems when node and gateway go on from the moment of a cut: all arrives, nothing is refused or forked."""
    gateway = Gateway(store, programs)
    node = None
    try:
        node = Node(folder, gateway.public_key(), gateway.address)
        node.start("cairn-agent")
        node.start("cairn-uplink-https")
        status = node.await_start()
        if status is not None:
            return [f"the agent ended with {status}: {node.said('cairn-agent').strip()[-300:]}"]
        device = hashlib.sha256(node.public_key()).hexdigest()
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            batches, problems = node.list()
            if batches is None or problems:
                return problems
            epoch, number = max(batches)
            last = (epoch, number, batches[max(batches)]["size"], batches[max(batches)]["root"])
            held = batches_of(gateway, device)
            if held and held[-1] == last:
                break
            if time.monotonic() > end:
                return [f"batch {last} does not arrive: {node.said('cairn-uplink-https')[-300:]}"]
            time.sleep(0.02)
        refused = [event for event in gateway.events() if event["event"] in ("refused", "fork", "closedEpoch")
                   and event.get("name") not in ("gap",)]
        forks = gateway.ask(f"/v1/devices/{device}/forks")["forks"]
        return [f"refused: {event}" for event in refused] + [f"fork: {fork}" for fork in forks]
    finally:
        if node:
            node.end("cairn-agent")
            node.end("cairn-uplink-https")
        gateway.close()
