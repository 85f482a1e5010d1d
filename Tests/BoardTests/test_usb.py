"""Serial lines on USB that come and go: a receiver, udev's names, the agent that is started by them."""

import threading
import time

from boards import PROFILE, configure, one_device, site
from desk import wait_until
from emulator import ROOT, Line, Trouble
from scenarios import check, scenario

LINK = "/dev/cairn/ftdi-RIG2"
RECORDING = ROOT / "Data/gnss/ublox-8.log"
PROFILE_OF_RECEIVER = PROFILE + f"[serial.gnss]\ndevice = {LINK}\n"
REPLUGS = 50


class Receiver:
    """A recorded receiver on a serial line on USB; it speaks as long as it is plugged in."""

    count = 0

    def __init__(self, machine):
        # Another name each time: QEMU lets the character device go when it likes.
        Receiver.count += 1
        self.machine, self.name = machine, f"receiver{Receiver.count}"
        name = self.name
        path = machine.socket_device(name)
        self.line = machine.line(name)
        self.sentences = [line for line in RECORDING.read_bytes().splitlines() if line.startswith(b"$")]
        self.ended = threading.Event()
        machine.plug("usb-serial", f"{name}-usb", chardev=name, bus="usb.0", serial="RIG2")
        self.thread = threading.Thread(target=self.speak, daemon=True)
        self.thread.start()

    def speak(self):
        at = 0
        while not self.ended.wait(0.1):
            try:
                for _ in range(3):
                    self.line.send(self.sentences[at % len(self.sentences)] + b"\r\n")
                    at += 1
            except OSError:
                return

    def unplug(self):
        """In the middle of a sentence. QEMU takes the device away when its line ends; bytes that come while it is
        being deleted would end QEMU itself (usb_wakeup of a device without a bus), so there are none by then."""
        self.ended.set()
        self.thread.join(60)
        self.line.close()
        self.machine.unplug(f"{self.name}-usb")


def held(machine, agent):
    """What the agent holds: descriptors, inotify watches, resident KiB. The least of some looks: it opens a file for a
    moment now and then."""
    said = machine.must(f"for _ in 1 2 3 4 5 6 7 8; do ls /proc/{agent}/fd | wc -l; done | sort -n | head -n 1; "
                        f"cat /proc/{agent}/fdinfo/* | grep -c '^inotify'; "
                        f"sed -n 's/VmRSS:\\s*\\([0-9]*\\).*/\\1/p' /proc/{agent}/status")
    return [int(number) for number in said.split()]


def main_pid(machine):
    return machine.must("systemctl show --value -p MainPID cairn-agent").strip()


def opened(agent):
    return f"ls -l /proc/{agent}/fd | grep -q ttyUSB"


@scenario("a receiver that is plugged in gets its name, starts the agent, and gives it position and time")
def usb_receiver(image, desk):
    gateway, machine = desk.gateway(), desk.machine(image)
    configure(machine, gateway, site(gateway, "[gnss]\nport = gnss\nposition_interval = 2 s\n"), PROFILE_OF_RECEIVER)
    check("no agent runs before", machine.run("systemctl is-active cairn-agent")[0] != 0)
    receiver = Receiver(machine)
    machine.until(f"[ -e {LINK} ]", what="udev's name")
    machine.until("systemctl is-active cairn-agent", what="the agent that udev starts")
    machine.until("systemctl --no-block start cairn-uplink-https")
    device = one_device(gateway)
    wait_until(lambda: [batch for batch in gateway.batches(device) if "position" in str(machine.run("cairn status")[1])],
               "a batch")
    said = machine.until("cairn status --json | grep -o '\"latitude[^,]*,[^,]*'", what="a position")
    gateway.verify_archive()
    receiver.unplug()
    machine.until(f"[ ! -e {LINK} ]")
    return said


@scenario("a receiver that is plugged in long after the agent's start is opened, though no driver was there before")
def usb_late(image, desk):
    gateway, machine = desk.gateway(), desk.machine(image)
    configure(machine, gateway, site(gateway, "[gnss]\nport = gnss\n"), PROFILE_OF_RECEIVER)
    machine.until("systemctl start cairn-agent")
    agent = main_pid(machine)
    check("the agent runs without its receiver", agent != "0" and machine.run(opened(agent))[0] != 0)
    receiver = Receiver(machine)
    machine.until(opened(agent), what="the agent opens the line")
    check("it is the same process", main_pid(machine) == agent)
    machine.until("cairn status --json | grep -o '\"latitude[^,]*,[^,]*'", what="a position")
    receiver.unplug()


@scenario("a receiver plugged and unplugged fifty times leaves the agent with what it held before", long=True)
def usb_replug(image, desk):
    gateway, machine = desk.gateway(), desk.machine(image)
    configure(machine, gateway, site(gateway, "[gnss]\nport = gnss\n"), PROFILE_OF_RECEIVER)
    first, measured = None, []
    for number in range(REPLUGS + 1):
        receiver = Receiver(machine)
        machine.until(f"[ -e {LINK} ] && systemctl is-active cairn-agent", what=f"udev's name, time {number}")
        agent = main_pid(machine)
        first = first or agent
        check("the agent is the same process", agent == first, f"{agent} after {number} times")
        machine.until(opened(agent), what=f"the agent opens the line, time {number}")
        if number in (1, REPLUGS):
            measured.append(held(machine, agent))
        receiver.unplug()
        machine.until(f"[ ! -e {LINK} ] && ! {opened(agent)}", what=f"the agent closes the line, time {number}")
    machine.must("systemctl is-active cairn-agent")
    before, after = measured
    check("as many descriptors are open", after[0] == before[0], measured)
    check("as many folders are watched", after[1] == before[1], measured)
    check("no more memory is resident", after[2] <= before[2] + 64, measured)
    said = machine.must("for b in $(cairn log list | grep -o '[0-9][0-9]*/[0-9][0-9]*'); do cairn log show $b; done | grep -i 'gnss\\|ttyUSB\\|plug\\|device' | head -5")
    check("the log tells of coming and going", said.strip() != "", said)
    return f"descriptors, watches, resident KiB: {before} and {after}"
