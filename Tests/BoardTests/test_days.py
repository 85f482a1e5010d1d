"""What happens to a node in its life: a start with nothing to complain of, an upgrade, a clock that nobody set."""

import time

from boards import NEXT_VERSION, one_device, sensor
from desk import wait_until
from emulator import Trouble
from scenarios import check, scenario
from test_gpio import LOG
from test_i2c import later
from test_i2c import start as start_with_chips

LAST = "cairn log list | grep -o '^ *[0-9][0-9]*/[0-9][0-9]*' | tail -n 1"


def last_batch(machine):
    """Epoch and batch of the last one in the spool."""
    return tuple(int(number) for number in machine.until(f"{LAST} | grep .", what="a batch").split("/"))


def wait_for_batch(machine, than):
    end = time.monotonic() + 300
    while (found := last_batch(machine)) <= than:
        if time.monotonic() > end:
            raise Trouble(f"no batch behind {than}: {machine.run('journalctl -u cairn-agent -o cat | tail')[1]}")
    return found


@scenario("a node that has just been set up has no failed unit, and its doctor finds nothing that is broken")
def settled(image, desk):
    gateway, simulator, machine, plugged = start_with_chips(image, desk, sensor("air", "bme280"))
    device = one_device(gateway)
    later(gateway, device, "BME280", "reading", -1)
    wait_until(lambda: machine.run("cairn status --json | grep -q '\"running\":true'")[0] == 0, "a status")
    failed = machine.must("systemctl --failed --no-legend --plain")
    check("no unit failed", failed.strip() == "", failed)
    cycles = machine.must("journalctl -b -o cat | grep -i 'ordering cycle' || true")
    check("no two units wait for each other", cycles.strip() == "", cycles)
    # Warnings are there: nobody keeps this machine's clock.
    said = machine.run("cairn doctor")[1]
    check("the doctor finds nothing broken", "nothing failed" in said, said)
    plugged.close()
    return said.strip().split("\n")[-1].strip()


@scenario("packages of a higher version are installed while the agent runs: key and log stay, and the log goes on", long=True)
def package_upgrade(image, desk):
    gateway, simulator, machine, plugged = start_with_chips(image, desk, sensor("air", "bme280"))
    device = one_device(gateway)
    before = later(gateway, device, "BME280", "reading", -1)[-1]["leaf"]
    agent = machine.must("systemctl show --value -p MainPID cairn-agent").strip()
    key, batch = machine.must("sha256sum /var/lib/cairn/agent/agent.key"), last_batch(machine)
    uplinks = "systemctl is-enabled cairn-uplink-https cairn-uplink-mqtt || true"
    enabled = machine.must(uplinks)
    check("the image leaves it to the gateway's address which uplink starts", "enabled" not in enabled, enabled)
    machine.must("mount -o remount,rw /")
    said = machine.must("dpkg --install /mnt/cairn*.deb 2>&1", 600)
    machine.must("mount -o remount,ro /")
    check("the package is the new one", NEXT_VERSION in machine.must("dpkg-query -W cairn-agent"), said)
    machine.until(f"systemctl is-active cairn-agent && [ $(systemctl show --value -p MainPID cairn-agent) != {agent} ]",
                  what="the new agent")
    check("what was disabled stays so", machine.must(uplinks) == enabled, machine.must(uplinks))
    check("the key is the same", machine.must("sha256sum /var/lib/cairn/agent/agent.key") == key)
    wait_for_batch(machine, batch)
    later(gateway, device, "BME280", "reading", before)
    check("the gateway knows one device", len(gateway.devices()) == 1, gateway.devices())
    wait_until(lambda: [event for event in gateway.events() if event["event"] == "batch" and event["boot"] == 2],
               "a batch of the second start at the gateway")
    failed = machine.must("systemctl --failed --no-legend --plain")
    check("no unit failed", failed.strip() == "", failed)
    cycles = machine.must("journalctl -b -o cat | grep -i 'ordering cycle' || true")
    check("no two units wait for each other", cycles.strip() == "", cycles)
    gateway.verify_archive()
    plugged.close()
    return f"batch {batch[0]}/{batch[1]} before, {'/'.join(map(str, last_batch(machine)))} after"


@scenario("a clock that stands in 1970 stops no log: its leaves say that no clock is known, the status too, and it is delivered later")
def clock_in_1970(image, desk):
    gateway, simulator, machine, plugged = start_with_chips(
        image, desk, sensor("air", "bme280"), before="systemctl stop systemd-timesyncd; date -u -s @86400")
    batch = wait_for_batch(machine, last_batch(machine))
    clock = machine.must("cairn status --json | grep -o '\"clock\":[^}]*}*'")
    shown = machine.must("cairn status | grep -i -A1 clock")
    check("the status has no time of 1970", "1970" not in shown and "1970" not in clock, shown + clock)
    check("the status says why", any(word in shown for word in ("no ", "not ", "nobody", "unknown")), shown)
    machine.set_clock()
    batch = wait_for_batch(machine, batch)
    device = one_device(gateway)
    wait_until(lambda: len(gateway.batches(device)) > batch[1], "all batches at the gateway", 300)
    said = machine.must(LOG)
    check("no leaf claims to know a time of 1970", "1970" not in said, said[-1500:])
    gateway.verify_archive()
    plugged.close()
    return shown.strip().split("\n")[0].strip()
