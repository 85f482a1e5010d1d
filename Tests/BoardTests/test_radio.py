"""Two boards with a LoRa module each, in one simulated air: what they send, hear, prove, and what the gateway says."""

import json
import os
import time

from air import Air, Owner
from boards import PROFILE, configure, site
from desk import wait_until
from scenarios import check, scenario
from small_network import SmallNetwork

SERIAL = "RIG3"
LINK = f"/dev/cairn/ftdi-{SERIAL}"
REGION = "EU868"
# A window of seconds that a machine keeps which has half a processor. A slot is long enough for
# two modules to change their channel; the reveal is due when leaves of
# the window have had time to reach the gateway. Hardware counts as real: what the agent sees is a kernel's serial line.
RULES = "window=20,slot=1200,slots=16,reserve=2,delay=12,uncertainty=300,real=1"
NODES = {"north": ("RAK3172", "rak3172", (40.6398, -73.7789), 12), "east": ("LoRa-E5", "lora-e5", (40.6326, -73.7434), 8)}
BAUD = {"RAK3172": 115_200, "LoRa-E5": 9_600}
# Two who hear each other well.
AIR = ("--shadowing", "3")
SECONDS = 600


def radio_profile(radio):
    return PROFILE + f"[serial.radio]\ndevice = {LINK}\nbaud = {BAUD[radio]}\n"


def radio_site(gateway, name, owner):
    radio, _, (latitude, longitude), height = NODES[name]
    return site(gateway, f"[node]\nname = {name}\n{owner.enrolment(gateway)}"
                f"[place]\nlatitude = {latitude}\nlongitude = {longitude}\nelevation = 4 m\nheight = {height} m\n"
                f"[radio]\nmodel = {radio}\nregion = {REGION}\ntransmit_power = 14 dBm\nantenna_gain = 2.15 dBi\n"
                "port = radio\ntransmit = yes\n[clock]\ninterval = 1 s\n")


def stir(machine):
    """Both machines come from one snapshot, with one and the same state of the kernel's random numbers: two boards have two.
    What is written goes into the pool; RNDRESEEDCRNG (0x5207) makes new keys of it now."""
    machine.must(f"printf %s {os.urandom(32).hex()} >/dev/urandom && "
                 "perl -e 'open(my $f, \"+<\", \"/dev/urandom\") or die $!; ioctl($f, 0x5207, 0) or die $!'")


def keep_time(desk, machine):
    """The clock by network time, as the image does it: who gives the address names the server too. It begins minutes
    late, so that it is set and not nudged."""
    machine.must(f"date -u -s @{round(time.time()) - 300}")
    network = desk.keep(SmallNetwork(machine))
    machine.until("[ $(timedatectl show --property NTPSynchronized --value) = yes ]", what="the clock by network time")
    check("it was this network's time", network.time_requests > 0)


def late(machine):
    """How far the machine's clock is behind this computer's, at least and at most, in seconds."""
    before = time.time()
    told = float(machine.must("date +%s.%N"))
    return before - told, time.time() - told


def start(image, desk, gateway, air, name):
    """A board that has the right time, its place and owner, and its radio."""
    machine = desk.machine(image, f"{desk.name}_{name}")
    stir(machine)
    keep_time(desk, machine)
    configure(machine, gateway, radio_site(gateway, name, Owner(desk.folder, name)), radio_profile(NODES[name][0]))
    air.plug(machine, name, SERIAL)
    machine.until(f"[ -e {LINK} ]", what="udev's name")
    machine.until("systemctl is-active cairn-agent", what="the agent that the radio starts")
    machine.until("systemctl --no-block start cairn-uplink-https")
    return machine


def device(machine, gateway):
    """SHA-256 of the node's key, as the gateway knows it."""
    kid = json.loads(machine.until("cairn key show --json", what="its key"))["kid"]
    return wait_until(lambda: [found["device"] for found in gateway.devices() if found["device"].startswith(kid)],
                      "the node at the gateway")[0]


def beacons(gateway):
    return gateway.ask("/v1/coverage?limit=1000")["beacons"]


def counted(gateway, sender, witness):
    """Sound beacons of one with a reception by the other that counts."""
    return [(beacon, heard) for beacon in beacons(gateway)
            if beacon["id"].startswith(sender) and beacon["outcome"] == "sound"
            for heard in beacon["heard"] if heard["device"] == witness and heard["counts"]]


def frame_of(air, sender, number):
    """What was on the air for a beacon, by the frame's own words: whose it is, and of which challenge."""
    begin = f"e001{sender[:8]}{number % 65_536:04x}"
    found = [frame for frame in air.frames() if frame["bytes"].startswith(begin)]
    check("a beacon was on the air once", len(found) == 1, (begin, found))
    return found[0]


def agree(gateway, air, beacon, heard, witness):
    """The gateway's words of one reception are the air's own."""
    sender, number = beacon["id"].split(".")
    frame = frame_of(air, sender, int(number))
    told = next(receiver for receiver in frame["receivers"] if receiver["name"] == witness)
    check("the air let it be heard", told["fate"] == "heard", told)
    check("RSSI is what the air gave", round(heard["rssi"] * 100) == told["rssiCentidBm"], (heard, told))
    check("SNR is what the air gave", round(heard["snr"] * 100) == told["snrCentidB"], (heard, told))
    check("the distance is that of the places", abs(heard["metres"] - told["metres"]) <= 2, (heard, told))
    check("owners are two people", heard["weightPermille"] == 1_000, heard)
    check("nothing is simulated for the agents", not beacon["simulated"] and not heard["simulated"], beacon)
    verdict = gateway.ask(f"/v1/verdicts/{beacon['id']}")["verdict"]
    derived = verdict["derived"]
    # LoRa-E5 keeps megahertz in 24 bits.
    check("channel, factor and power on the air are the derived ones", abs(frame["frequency"] - derived["frequencyHertz"]) <= 100
          and frame["spreadingFactor"] == derived["spreadingFactor"]
          and frame["powerCentidBm"] == derived["powerCentidecibelMilliwatts"], (frame, derived))
    check("no check failed", not [one for one in verdict["checks"] if one["outcome"] == "failed"], verdict["checks"])


def agents_agree(machine, name, air, sent, witnessed):
    """What an agent says of its radio is what the gateway and the air know."""
    status = json.loads(machine.must("cairn status --json"))
    radio, clock = status["agent"]["radio"], status["clock"]
    # Not that of receipts: what the service may ask the kernel decides it.
    check("its clock is network time's, and not called better than an answer's way", clock and clock["source"] == "NTP"
          and clock["uncertaintyMilliseconds"] >= 50, clock)
    check("the module is known", radio["name"] == NODES[name][0] and radio["attached"] and radio["transmits"], radio)
    check("it has sent what the gateway knows", radio["beaconsSent"] >= sent, (radio, sent))
    check("it has witnessed what the gateway knows", radio["witnessLeaves"] >= witnessed, (radio, witnessed))
    watched = json.loads(machine.must("cairn radio watch --seconds 1 --json"))["frames"]
    check("cairn radio watch shows frames", watched)
    for frame in watched:
        wait_until(lambda frame=frame: [told for one in air.frames() if abs(one["frequency"] - frame["frequencyHertz"]) <= 1_000
                                        and one["spreadingFactor"] == frame["spreadingFactor"] for told in one["receivers"]
                                        if told == {**told, "name": name, "fate": "heard", "rssiCentidBm": frame["rssi"],
                                                    "snrCentidB": frame["snr"]}],
                   f"the air let {name} hear {frame}", 60)


@scenario("two boards with a radio each hear each other's beacons, and the gateway's verdicts have what the air gave", long=True)
def radio_pair(image, desk):
    begun = time.monotonic()
    gateway = desk.gateway(options=("--enrolment", "open", "--challenge-interval", "20", "--coverage", f"{REGION}:{RULES}"))
    air = desk.keep(Air(desk.folder, {name: (kind, ",".join(map(str, (*place, height))))
                                      for name, (_, kind, place, height) in NODES.items()}, AIR))
    machines = {name: start(image, desk, gateway, air, name) for name in NODES}
    devices = {name: device(machine, gateway) for name, machine in machines.items()}
    check("two boards have two keys", len(set(devices.values())) == 2, devices)
    ready = time.monotonic()
    north, east = NODES
    pairs = [(north, east), (east, north)]
    wait_until(lambda: all(counted(gateway, devices[sender], devices[witness]) for sender, witness in pairs),
               "a sound beacon of each, heard by the other", SECONDS)
    proven = time.monotonic()
    told = []
    for sender, witness in pairs:
        for beacon, heard in counted(gateway, devices[sender], devices[witness]):
            agree(gateway, air, beacon, heard, witness)
        told.append(f"{sender} at {witness}: {heard['rssi']:.0f} dBm, SNR {heard['snr']:.0f} dB, {heard['metres']} m")
    for name, machine in machines.items():
        other = east if name == north else north
        agents_agree(machine, name, air, len(counted(gateway, devices[name], devices[other])),
                     len(counted(gateway, devices[other], devices[name])))
    gateway.verify_archive()
    apart = max(abs(bound) for machine in machines.values() for bound in late(machine))
    all_of_them = beacons(gateway)
    outcomes = [beacon["outcome"] for beacon in all_of_them]
    reasons = sorted({beacon["reason"] for beacon in all_of_them if beacon["outcome"] == "refused"}
                     | {reason for beacon in all_of_them for reason in beacon.get("refusedWitnesses", {})})
    return (f"{'; '.join(told)}; {outcomes.count('sound')} sound, {outcomes.count('refused')} refused"
            f"{''.join(' ' + reason for reason in reasons)}; "
            f"clocks within {apart * 1_000:.0f} ms of this computer's; {ready - begun:.0f} s until both ran, "
            f"{proven - ready:.0f} s more to both verdicts")
