"""GPIO lines of the kernel's own simulator: pulses, contacts, an LED, lines that are in use."""

import re

from boards import PROFILE, configure, one_device, site
from desk import wait_until
from scenarios import check, scenario

CHIP = "board-test"
# The leaves of all batches in the spool, in words.
LOG = "for b in $(cairn log list | grep -o '^ *[0-9][0-9]*/[0-9][0-9]*'); do cairn log show $b; done"
CONFIG = "/sys/kernel/config/gpio-sim/test"
LINES = f"""[gpio.rain]
chip = {CHIP}
line = 3
[gpio.lid]
chip = {CHIP}
line = 4
[gpio.led]
chip = {CHIP}
line = 5
[gpio.button]
chip = {CHIP}
line = 6
[led]
line = led
[button]
line = button
"""
PULSES = "[pulse.rain]\nline = rain\nquantity = rain\nper_pulse = 0.2\ninterval = 1 s\n"


def start(image, desk, rest, before="", lines=LINES):
    """A machine with a chip of eight lines, and an agent that has them."""
    gateway, machine = desk.gateway(), desk.machine(image)
    machine.must("insmod /mnt/irq_sim.ko && insmod /mnt/gpio-sim.ko && { mountpoint -q /sys/kernel/config || "
                 "mount -t configfs configfs /sys/kernel/config; }")
    machine.must(f"mkdir -p {CONFIG}/bank0 && cd {CONFIG} && echo 8 >bank0/num_lines && echo {CHIP} >bank0/label && "
                 "echo 1 >live && cd / && echo /sys/devices/platform/$(cat " + CONFIG + "/dev_name)/$(cat "
                 + CONFIG + "/bank0/chip_name) >/run/chip && cat /run/chip")
    if before:
        machine.must(before)
    configure(machine, gateway, site(gateway, rest), PROFILE + lines)
    machine.until("systemctl start cairn-agent && systemctl --no-block start cairn-uplink-https")
    return gateway, machine


def line(number, value):
    return f"echo pull-{'up' if value else 'down'} >$(cat /run/chip)/sim_gpio{number}/pull"


def bounce(number, value, times=1):
    """Levels that come after each other as quick as a shell writes them, the last of them `value`."""
    levels = [f"echo pull-{'up' if level else 'down'} >$chip" for level in (not value, value)]
    return f"chip=$(cat /run/chip)/sim_gpio{number}/pull; for _ in $(seq {times}); do {'; '.join(levels)}; done"


def leaves(gateway, device, kind):
    return [leaf for leaf in gateway.leaves(device) if leaf["kind"] == kind]


def counted(gateway, device):
    """What the readings of the pulse counter add up to, in pulses."""
    total = 0
    for leaf in leaves(gateway, device, "reading"):
        total += sum(value["value"] for value in leaf["values"] if value["name"] in ("count", "pulses", "pulse"))
    return total


@scenario("pulses on a kernel line are counted to the last one, in bursts too")
def gpio_pulses(image, desk):
    gateway, machine = start(image, desk, PULSES)
    # The kernel tells of an edge in a thread of its own, and takes edges that come before its end for one. On one
    # processor that thread is first, as it is beside pulses of the world, which are slower.
    machine.must("echo 0 >/sys/devices/system/cpu/cpu1/online")
    device = one_device(gateway)
    sent = 0
    for burst in (1, 25, 200):
        machine.must(bounce(3, False, burst))
        sent += burst
        wait_until(lambda: counted(gateway, device) >= sent, f"{sent} pulses")
        check(f"{sent} pulses are counted and no more", counted(gateway, device) == sent, counted(gateway, device))
    check("no counted pulse is simulated", not any(leaf["simulated"] for leaf in leaves(gateway, device, "reading")))
    check("none was lost", not leaves(gateway, device, "fault"), leaves(gateway, device, "fault"))
    gateway.verify_archive()
    return f"{sent} pulses"


@scenario("an opened lid, a button and the LED work on kernel lines, and a level that bounces is no change")
def gpio_contacts(image, desk):
    gateway, machine = start(image, desk, "[contact.lid]\nline = lid\ndebounce = 1 s\ntamper = yes\n")
    device = one_device(gateway)
    events = lambda: [event for batch in logged(machine) for event in batch if "lid" in event or "contact" in event]
    wait_until(lambda: [event for event in events() if "as it was found" in event], "the contact's first state")
    before = len(events())
    machine.must(bounce(4, False))
    machine.must("sleep 3")
    check("a bounce of microseconds is no change", len(events()) == before, events()[before:])
    machine.must(line(4, True))
    found = wait_until(lambda: events()[before:], "the lid's event")
    check("the event says tamper", any("tamper" in event for event in found), found)
    values = set()
    def led():
        values.add(machine.must("cat $(cat /run/chip)/sim_gpio5/value").strip())
        return len(values) == 2
    wait_until(led, "an LED that blinks")
    return found[0].strip()


def logged(machine):
    """The leaves of all batches in the spool, in words."""
    return [machine.must(LOG).split("\n")]


def hold(number, word):
    """Without gpioset in the image: exporting a line is the kernel's own way of holding it, and calls itself sysfs."""
    base = f"$(for c in /sys/class/gpio/gpiochip*; do [ $(cat $c/label) != {CHIP} ] || cat $c/base; done)"
    return f"echo $(({base} + {number})) >/sys/class/gpio/{word}"


@scenario("a line that another program holds is told with who holds it, and taken as soon as it is free")
def gpio_in_use(image, desk):
    gateway, machine = start(image, desk, "[contact.lid]\nline = lid\n", before=hold(4, "export"))
    machine.until("systemctl is-active cairn-agent", what="the agent, without its line")
    said = machine.until("journalctl -u cairn-agent -o cat | grep -i 'lid.*in use\\|in use.*lid'", what="a reason")
    check("the reason says who has the line", "sysfs" in said, said)
    machine.until("cairn status | grep -i lid", what="the line that fails in the status")
    machine.must(hold(4, "unexport"))
    machine.until("! cairn status | grep -i lid", what="the line that is had again")
    machine.must(line(4, True))
    machine.until(f"{LOG} | grep -i lid", what="the contact's event")
    return said.strip().split("\n")[0]


@scenario("a button that is pressed is an event with its time, once for each press")
def gpio_button(image, desk):
    gateway, machine = start(image, desk, "")
    machine.until("systemctl is-active cairn-agent", what="the agent")
    machine.until(f"{LOG} | grep -qi boot", what="the first batch")
    for count in (1, 2):
        # Held for longer than the line is debounced, and let go of for longer.
        machine.must(f"{line(6, True)}; sleep 1; {line(6, False)}; sleep 1")
        said = machine.until(f"{LOG} | grep 'button pressed' >/run/presses; "
                             f"[ $(sed 's/.*button pressed \\([0-9]*\\).*/\\1/' /run/presses | paste -sd+ | tee /dev/stderr | xargs -I@ sh -c 'echo $((@))') -ge {count} ]"
                             " && cat /run/presses", what=f"press {count}")
    presses = sum(int(word) for word in re.findall(r"button pressed (\d+) time", said))
    check("two presses are two", presses == 2, said)
    return said.strip().split("\n")[-1].strip()


@scenario("pulses that bounce are counted once each where the line is debounced")
def gpio_debounce(image, desk):
    gateway, machine = start(image, desk, PULSES.replace("interval", "debounce = 400 ms\ninterval"))
    device = one_device(gateway)
    for count in (1, 2, 3):
        # Bounces within milliseconds, then a level that holds until it is counted.
        for value in (True, False):
            machine.must(f"{bounce(3, value, 5)}; sleep 2")
        wait_until(lambda: counted(gateway, device) >= count, f"pulse {count}")
    check("thirty edges of three pulses are three", counted(gateway, device) == 3, counted(gateway, device))
    return "3 pulses of 30 edges"
