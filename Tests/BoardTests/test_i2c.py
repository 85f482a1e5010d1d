"""I2C on a kernel bus: chip models of the host behind an adapter on USB."""

import time

from boards import I2C, PROFILE, Plugged, configure, one_device, sensor, site
from desk import wait_until
from scenarios import check, scenario

LINK = "/dev/cairn/i2c-tiny-usb-RIG1"


def readings(gateway, device, chip, kind="reading"):
    return [leaf for leaf in gateway.leaves(device) if leaf["kind"] == kind and leaf.get("chip") == chip]


def later(gateway, device, chip, kind, than):
    """The leaves of a kind behind a leaf, as soon as there is one."""
    return wait_until(
        lambda: [leaf for leaf in readings(gateway, device, chip, kind) if leaf["leaf"] > than], f"a {kind} of {chip}")


def start(image, desk, sensors, before="true"):
    gateway, simulator, machine = desk.gateway(), desk.simulator(), desk.machine(image)
    configure(machine, gateway, site(gateway, sensors), PROFILE + I2C)
    machine.must(before)
    plugged = Plugged(machine, simulator)
    machine.until(f"[ -e {LINK} ]", what="the adapter's link")
    machine.until("systemctl --no-block start cairn-uplink-https")
    return gateway, simulator, machine, plugged


@scenario("chips behind a kernel bus are read, are not called simulated, and what they say verifies at the gateway")
def kernel_bus(image, desk):
    sensors = sensor("air", "bme280") + sensor("room", "sht3x")
    gateway, simulator, machine, plugged = start(image, desk, sensors)
    machine.until("systemctl is-active cairn-agent", what="the agent that the adapter starts")
    device = one_device(gateway)
    found = {}
    for chip in ("BME280", "SHT3x"):
        found[chip] = later(gateway, device, chip, "reading", -1)
    for chip, leaves in found.items():
        check(f"a reading of {chip} is not simulated", not any(leaf["simulated"] for leaf in leaves), leaves[:1])
        # Nobody keeps the machine's clock: time comes with the first receipt.
        wait_until(lambda chip=chip: [leaf for leaf in readings(gateway, device, chip) if leaf.get("utc")],
                   f"a reading of {chip} with a time")
    values = {value["name"]: value["value"] for value in found["BME280"][-1]["values"]}
    check("three quantities are those of weather", set(values) == {"temperature", "humidity", "pressure"}
          and -30 < values["temperature"] < 45 and 90000 < values["pressure"] < 110000, values)
    for batch in gateway.batches(device):
        check("each batch is verified and none is simulated",
              batch["verdict"] == "verified" and not batch["simulated"], batch)
    said = gateway.verify_archive()
    check("the archive is verified", "verified" in said or "whole" in said, said)
    check("nothing is simulated for the operator", '"simulated":false' in machine.must("cairn status --json").replace(" ", ""))
    plugged.close()
    return f"{len(found['BME280'])} readings of BME280 in {machine.seconds():.1f} s"


@scenario("an absent chip, a refusing adapter and an unplugged one are fault leaves, and readings come back after each")
def kernel_bus_faults(image, desk):
    gateway, simulator, machine, plugged = start(image, desk, sensor("room", "sht3x", extra="optional = yes\n"))
    device = one_device(gateway)
    last = later(gateway, device, "SHT3x", "reading", -1)[-1]["leaf"]
    told = []

    simulator.fault("sht3x", "no-acknowledge")
    fault = later(gateway, device, "SHT3x", "fault", last)[0]
    told.append(f"absent: {fault.get('fault')}")
    simulator.fault("sht3x", "none")
    last = later(gateway, device, "SHT3x", "reading", fault["leaf"])[-1]["leaf"]

    plugged.adapter.mood = "fail"
    fault = later(gateway, device, "SHT3x", "fault", last)[0]
    told.append(f"refusing: {fault.get('fault')}")
    plugged.adapter.mood = "well"
    last = later(gateway, device, "SHT3x", "reading", fault["leaf"])[-1]["leaf"]

    plugged.unplug()
    fault = later(gateway, device, "SHT3x", "fault", last)[0]
    told.append(f"unplugged: {fault.get('fault')}")
    machine.must(f"[ ! -e {LINK} ]")
    plugged = Plugged(machine, simulator)
    last = later(gateway, device, "SHT3x", "reading", fault["leaf"])[-1]["leaf"]
    check("no reading is simulated", not any(leaf["simulated"] for leaf in gateway.leaves(device)))
    check("the agent was not started anew", machine.must("systemctl show --value -p NRestarts cairn-agent").strip() == "0")
    names = [name.split(": ")[1] for name in told]
    check("a missing chip and a refusing adapter are told apart", "None" not in names and names[0] != names[1], told)
    plugged.close()
    return "; ".join(told)


@scenario("an hour of readings, batches and receipts is less than 8 MiB on the card", long=True)
def card_writes(image, desk):
    # Sixty times as fast: a reading of six values each second, sealed each second. What a reading, a batch and a
    # receipt write is the same; what systemd and clock leaves write in an hour is in it for a minute only.
    sensors = sensor("air", "bme280") + sensor("room", "scd4x", "5 s")
    gateway, simulator, machine, plugged = start(image, desk, sensors)
    device = one_device(gateway)
    later(gateway, device, "BME280", "reading", -1)
    written = lambda: int(machine.must("sync; cut -d' ' -f1- /sys/block/vda/stat").split()[6]) * 512
    first, before = len(gateway.batches(device)), written()
    wait_until(lambda: len(gateway.batches(device)) >= first + 60, "sixty batches", 300)
    after, batches = written(), len(gateway.batches(device)) - first
    hourly = (after - before) * 60 // batches
    check("something is written", after > before)
    check("an hour is less than 8 MiB", hourly < 8 << 20, hourly)
    plugged.close()
    return f"{hourly / 1024:.0f} KiB an hour: {after - before} bytes for {batches} batches"
