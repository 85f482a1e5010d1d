"""An emulated board: a QEMU machine with its serial console, its QMP socket, snapshots, and waits that end.

    with Machine("boot", Board(kernel, initrd, arguments="root=/dev/vda2"), disks=[disk(image)]) as board:
        board.wait_for_shell()
        status, said = board.run("uname -r")

Whatever the console said is in build/board-test/NAME.console, and stays there when the test fails.
"""

import base64
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build/board-test"
# How long something may take whose end is sure: software emulation on a loaded machine is slow by a factor of ten. What
# waits ends early where the machine has ended.
PATIENCE_SECONDS = 300
BOOT_SECONDS = 900


class Opened(threading.local):
    """What this thread's scenario has opened: machines that nobody has ended, and transcripts."""

    def __init__(self):
        self.machines, self.transcripts = [], []


OPENED = Opened()


class Trouble(Exception):
    """What went wrong, and what the console said last."""


def disk(path, name="disk0", form="qcow2", read_only=False, snapshot=False):
    """QEMU's options for a disk of the machine `virt`; a snapshot leaves the file as it is."""
    options = f"file={path},format={form},if=none,id={name}"
    options += (",readonly=on" if read_only else "") + (",snapshot=on" if snapshot else "")
    return ["-drive", options, "-device", f"virtio-blk-pci,drive={name},serial={name}"]


def ended_machine():
    """A machine of this thread that has ended by itself, if there is one."""
    return next((machine for machine in OPENED.machines if machine.process.poll() is not None), None)


class Board:
    """What boots: kernel, initrd, kernel's arguments, and the machine that QEMU is."""

    def __init__(self, kernel, initrd=None, arguments="", machine="virt", device_tree=None, console="ttyAMA0"):
        self.kernel, self.initrd, self.machine, self.device_tree = kernel, initrd, machine, device_tree
        self.arguments = f"console={console} panic=-1 {arguments}".strip()

    def options(self):
        # `max` without the slow pointer authentication is the quickest processor under software emulation.
        options = {"virt": ["-M", "virt", "-cpu", "max,pauth-impdef=on", "-smp", "2", "-m", "512"]}.get(
            self.machine, ["-M", self.machine])
        options += ["-kernel", str(self.kernel), "-append", self.arguments]
        options += ["-initrd", str(self.initrd)] if self.initrd else []
        return options + (["-dtb", str(self.device_tree)] if self.device_tree else [])


class QMP:
    """QEMU's machine protocol: one command at a time, and the events that came meanwhile."""

    def __init__(self, path, alive):
        self.events = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_SECONDS)
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError as failure:
                if time.monotonic() > end or not alive():
                    raise Trouble(f"QEMU's monitor at {path} does not answer: {failure}") from failure
                time.sleep(0.02)
        self.lines = self.socket.makefile("rw")
        try:
            self.lines.readline()
            self.command("qmp_capabilities")
        except OSError as failure:
            raise Trouble(f"QEMU ended at its start: {failure}") from failure

    def command(self, execute, **arguments):
        request = {"execute": execute}
        if arguments:
            request["arguments"] = {key.replace("_", "-"): value for key, value in arguments.items()}
        self.lines.write(json.dumps(request) + "\n")
        self.lines.flush()
        while True:
            line = self.lines.readline()
            if not line:
                raise Trouble(f"QEMU's monitor ended during {execute}")
            answer = json.loads(line)
            if "event" in answer:
                self.events.append(answer)
            elif "error" in answer:
                raise Trouble(f"{execute} {arguments}: {answer['error']['desc']}")
            elif "return" in answer:
                return answer["return"]

    def human(self, line):
        """A command that QMP lacks; whatever it prints is an error, since ours print nothing."""
        said = self.command("human-monitor-command", command_line=line)
        if said.strip():
            raise Trouble(f"{line}: {said.strip()}")

    def wait_for(self, event, seconds=PATIENCE_SECONDS, **data):
        """The event whose data has these values; those before it are forgotten."""
        end = time.monotonic() + seconds
        while True:
            while self.events:
                found = self.events.pop(0)
                if found["event"] == event and data.items() <= found.get("data", {}).items():
                    return found
            if time.monotonic() > end:
                raise Trouble(f"no event {event} {data} within {seconds} s")
            self.command("query-status")
            time.sleep(0.02)

    def close(self):
        self.socket.close()


class Line:
    """A serial line of the machine as the host has it: bytes that came, looked through once, in order."""

    def __init__(self, transcript, read, write, end=None):
        self.transcript, self.read_some, self.write, self.end = transcript, read, write, end
        self.said, self.position, self.ended = b"", 0, False
        self.changed = threading.Condition()
        threading.Thread(target=self._pump, daemon=True).start()

    def _pump(self):
        while True:
            try:
                some = self.read_some(65536)
            except OSError:
                some = b""
            with self.changed:
                self.said += some
                self.ended = not some
                self.changed.notify_all()
            if not some:
                return
            try:
                self.transcript.write(some)
            except ValueError:  # closed: nobody looks any more
                return

    def expect(self, pattern, seconds=PATIENCE_SECONDS):
        """What stood before the pattern, and its match. The next look begins behind it."""
        pattern = re.compile(pattern.encode() if isinstance(pattern, str) else pattern)
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                match = pattern.search(self.said, self.position)
                if match:
                    before = self.said[self.position:match.start()]
                    self.position = match.end()
                    return before.decode(errors="replace"), match
                if self.ended:
                    raise Trouble(f"the line ended before {pattern.pattern!r}: {self.last()}")
                if not self.changed.wait(max(0, end - time.monotonic())) and time.monotonic() >= end:
                    raise Trouble(f"no {pattern.pattern!r} within {seconds} s: {self.last()}")

    def last(self):
        return self.said[-1500:].decode(errors="replace")

    def close(self):
        if self.end:
            self.end()

    def send(self, text):
        self.write(text if isinstance(text, bytes) else text.encode())


class Machine:
    """A running QEMU. Leaving the `with` ends it, whatever happened."""

    def __init__(self, name, board, disks=(), options=(), snapshot=None, reboots=False, folder=FOLDER):
        self.name, self.folder = name, pathlib.Path(folder) / "sockets" / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.console_path = pathlib.Path(folder) / f"{name}.console"
        self.commands = 0
        command = ["qemu-system-aarch64", *board.options(), "-nodefaults", "-nographic", *([] if reboots else ["-no-reboot"]),
                   "-rtc", "base=utc", "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off",
                   *(["-serial", "null"] if board.machine.startswith("raspi") else []), "-serial", "stdio"]
        for options_of_disk in disks:
            command += options_of_disk
        command += list(options) + (["-loadvm", snapshot] if snapshot else [])
        self.transcript = open(self.console_path, "wb", buffering=0)
        OPENED.transcripts.append(self.console_path)
        self.transcript.write((" ".join(map(str, command)) + "\n").encode())
        self.started = time.monotonic()
        # QEMU's own words come on the console, so that they are in the transcript.
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        output = self.process.stdout.fileno()
        self.console = Line(self.transcript, lambda count: os.read(output, count), self.process.stdin.write)
        self.shell = self.console
        self.qmp = None
        OPENED.machines.append(self)
        try:
            self.qmp = QMP(self.folder / "qmp", lambda: self.process.poll() is None)
        except Trouble as trouble:
            last = self.console.last()
            self.kill()
            raise Trouble(f"{trouble}: {last}") from trouble

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def line(self, name):
        """A serial line or character device of the host's side, whose socket has this name."""
        found = socket.socket(socket.AF_UNIX)
        found.connect(str(self.folder / name))
        path = self.console_path.with_suffix(f".{name}")
        transcript = open(path, "wb", buffering=0)
        OPENED.transcripts.append(path)

        def end():
            # Closed alone it would stay open as long as the other thread reads.
            try:
                found.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # QEMU was first
            found.close()
            transcript.close()
        return Line(transcript, found.recv, found.sendall, end)

    def seconds(self):
        """Since QEMU was started: since power-on."""
        return time.monotonic() - self.started

    # Console

    def wait_for_shell(self, prompt=None, seconds=BOOT_SECONDS):
        """Until a shell answers on its line. Nothing is sent before its prompt: QEMU's PL011 never tells a driver of
        bytes that came before it. After a snapshot the shell is there, and there is no prompt."""
        end = time.monotonic() + seconds
        if prompt:
            self.shell.expect(prompt, seconds)
            # One without an editor of lines, which would mix its own bytes in.
            self.shell.send("exec sh\n")
        while True:
            # What is looked for does not stand in what is sent: a line may echo it. Without job control: a shell that hands
            # its terminal to jobs and back was seen to read an end of file in the middle of a command.
            self.shell.send("\nset +m; stty -echo cols 400; PS1=; PS2=; echo shell-$((40 + 2))\n")
            try:
                self.shell.expect(r"shell-42\r?\n", min(5, seconds))
                break
            except Trouble as trouble:
                if time.monotonic() > end or self.shell.ended:
                    raise Trouble(f"no shell within {seconds} s: {trouble}") from trouble
        self.run("dmesg -n 1; export TERM=dumb PAGER=cat SYSTEMD_PAGER= SYSTEMD_COLORS=0 LC_ALL=C")

    def run(self, command, seconds=PATIENCE_SECONDS):
        """What the shell says to a command: its exit status, and its lines. Services may write to the same line, such
        as the node's QR code: the command's own lines begin with its number."""
        self.commands += 1
        number = f"$(({self.commands}))"
        self.shell.send(f"{{ {command}\n}} >/run/said 2>&1; status=$?; sed \"s/^/line-{number}=/\" /run/said; "
                        f"printf '\\n%s=%d=\\n' end-{number} $status\n")
        said, match = self.shell.expect(rf"\nend-{self.commands}=(\d+)=\r?\n", seconds)
        said = re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]|\r", "", said)
        lines = re.findall(rf"^line-{self.commands}=(.*)$", said, re.MULTILINE)
        return int(match.group(1)), "\n".join(lines).strip("\n")

    def must(self, command, seconds=PATIENCE_SECONDS):
        """As run, of a command that has to succeed: its lines."""
        status, said = self.run(command, seconds)
        if status != 0:
            raise Trouble(f"status {status} of {command}: {said}")
        return said

    def until(self, command, seconds=PATIENCE_SECONDS, what=None):
        """Asks again until the command succeeds: its lines."""
        end = time.monotonic() + seconds
        while True:
            status, said = self.run(command, seconds)
            if status == 0:
                return said
            if time.monotonic() > end:
                raise Trouble(f"{what or command}: not within {seconds} s; it says: {said}")
            time.sleep(0.1)

    def set_clock(self):
        """The machine's time is the host's: after a snapshot it is as late as the snapshot is old."""
        self.must(f"date -u -s @{round(time.time())}")

    def write(self, path, content):
        """A small file in the machine; big ones come on a disk."""
        content = content.encode() if isinstance(content, str) else content
        text = base64.encodebytes(content).decode()
        self.must(f"mkdir -p $(dirname {path}); base64 -d >{path} <<'end of file'\n{text}end of file")

    def read(self, path):
        return base64.b64decode(self.must(f"base64 {path}"))

    # Snapshots and power

    def save(self, snapshot):
        self.must("sync")
        self.qmp.human(f"savevm {snapshot}")

    def power_off(self, seconds=PATIENCE_SECONDS):
        """In order: the machine itself ends QEMU."""
        self.shell.send("poweroff\n")
        self.wait(seconds)

    def wait(self, seconds=PATIENCE_SECONDS):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired as late:
            raise Trouble(f"the machine did not end within {seconds} s: {self.console.last()}") from late
        return status

    def kill(self):
        """As a pulled plug; what QEMU was given by then, the host has."""
        if self in OPENED.machines:
            OPENED.machines.remove(self)
        if self.qmp:
            self.qmp.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.transcript.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Devices that come and go. Those named here are on the machine's one USB controller, see USB.

    def socket_device(self, name):
        """A character device that the host connects to: its path."""
        path = self.folder / name
        path.unlink(missing_ok=True)
        self.qmp.command("chardev-add", id=name, backend={"type": "socket", "data": {
            "addr": {"type": "unix", "data": {"path": str(path)}}, "server": True, "wait": False}})
        return path

    def plug(self, driver, name, **properties):
        self.qmp.command("device_add", driver=driver, id=name, **properties)

    def unplug(self, name):
        """Pulled. The event DEVICE_DELETED is late while QEMU still has a transfer in hand, so it is not waited for."""
        self.qmp.command("device_del", id=name)
        end = time.monotonic() + PATIENCE_SECONDS
        while any(found["name"] == name for found in self.qmp.command("qom-list", path="/machine/peripheral")):
            if time.monotonic() > end:
                raise Trouble(f"QEMU keeps {name}")
            time.sleep(0.02)


# A controller for USB devices; a network in which the host is 10.0.2.2.
USB = ["-device", "qemu-xhci,id=usb"]
NETWORK = ["-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0,romfile="]
