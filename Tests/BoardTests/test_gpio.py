"""GPIO lines of the kernel's own simulator: pulses, contacts, an LED, lines that are in use."""

import time

from boards import PROFILE, configure, one_device, site
from desk import wait_until
from scenarios import check, scenario

CHIP = "board-test"
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
    machine.must("systemctl start cairn-agent; systemctl --no-block start cairn-uplink-https")
    return gateway, machine


def line(number, value):
    return f"echo pull-{'up' if value else 'down'} >$(cat /run/chip)/sim_gpio{number}/pull"


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
        machine.must(f"chip=$(cat /run/chip)/sim_gpio3/pull; for _ in $(seq {burst}); do echo pull-up >$chip; echo pull-down >$chip; done")
        sent += burst
        wait_until(lambda: counted(gateway, device) >= sent, f"{sent} pulses")
        check(f"{sent} pulses are counted and no more", counted(gateway, device) == sent, counted(gateway, device))
    check("no counted pulse is simulated", not any(leaf["simulated"] for leaf in leaves(gateway, device, "reading")))
    check("none was lost", not leaves(gateway, device, "fault"), leaves(gateway, device, "fault"))
    gateway.verify_archive()
    return f"{sent} pulses"


@scenario("an opened lid, a button and the LED work on kernel lines, and a level that bounces is no change")
def gpio_contacts(image, desk):
    gateway, machine = start(image, desk, "[contact.lid]\nline = lid\ndebounce = 50 ms\ntamper = yes\n")
    device = one_device(gateway)
    events = lambda: [event for batch in logged(machine) for event in batch if "lid" in event or "contact" in event]
    before = len(events())
    machine.must(f"{line(4, True)}; {line(4, False)}")
    machine.must("sleep 1")
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
    said = machine.must("for b in $(cairn log list | grep -o '^ *[0-9][0-9]*/[0-9][0-9]*'); do cairn log show $b; done")
    return [said.split("\n")]


@scenario("a line that another program holds is a reason, and is taken when it is free")
def gpio_in_use(image, desk):
    # Without gpioset in the image: exporting a line is the kernel's own way of holding it.
    base = "$(cat /sys/class/gpio/$(ls /run/chip >/dev/null; for c in /sys/class/gpio/gpiochip*; do [ \"$(cat $c/label)\" = board-test ] && basename $c; done)/base)"
    hold = f"echo $(( {base} + 4 )) >/sys/class/gpio/export"
    gateway, machine = start(image, desk, "[contact.lid]\nline = lid\n", before=hold)
    said = machine.until("cairn doctor | grep -i -A2 lid || journalctl -u cairn-agent -o cat | grep -i lid", what="a reason")
    check("the reason says that the line is in use", "use" in said or "busy" in said or "another" in said, said)
    machine.must(hold.replace("export", "unexport"))
    return said.strip().split("\n")[0]
