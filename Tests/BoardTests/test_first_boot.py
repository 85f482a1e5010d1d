"""A fresh card, edited on its boot partition only, as an operator does it; the console on the serial line."""

import os
import shutil
import struct
import subprocess
import time

from boards import I2C, KEY, PROFILE, PROMPT, Plugged, run_tool
from desk import wait_until
from emulator import FOLDER, NETWORK, USB, Machine, Trouble, disk
from scenarios import check, scenario


class Card:
    """A copy of the image, whose files are reached without mounting it."""

    def __init__(self, image, name):
        self.path = FOLDER / f"{name}.card"
        run_tool("cp", "--sparse=always", image.card, self.path)
        with open(self.path, "rb") as card:
            table = card.read(512)
        # Where each partition begins, and how long it is.
        self.partitions = [tuple(sectors * 512 for sectors in struct.unpack_from("<II", table, 446 + 16 * number + 8))
                           for number in range(4)]
        self.boot = f"{self.path}@@{self.partitions[0][0]}"

    def put(self, name, content):
        local = self.path.with_suffix(".file")
        local.write_bytes(content if isinstance(content, bytes) else content.encode())
        run_tool("mcopy", "-o", "-i", self.boot, local, f"::{name}")
        local.unlink()

    def get(self, name):
        """A file's text, or None where there is none."""
        done = subprocess.run(["mtype", "-i", self.boot, f"::{name}"], capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None

    def damage_boot(self):
        """The second table of the boot partition says something else than the first, as after a write that was broken off:
        about a cluster at the end, where nothing is."""
        start = self.partitions[0][0]
        with open(self.path, "r+b") as card:
            card.seek(start)
            head = card.read(512)
            reserved, length = struct.unpack_from("<H", head, 14)[0], struct.unpack_from("<I", head, 36)[0]
            card.seek(start + (reserved + 2 * length) * 512 - 4 * 1_000)
            entry = card.read(4)
            check("that cluster is free", entry == bytes(4), entry.hex())
            card.seek(-4, os.SEEK_CUR)
            card.write(struct.pack("<I", 0x0FFFFFF8))

    def fsck_boot(self):
        """The status of fsck.fat, which changes nothing here: 0 is whole."""
        copy, (start, length) = self.path.with_suffix(".boot"), self.partitions[0]
        with open(self.path, "rb") as card:
            card.seek(start)
            copy.write_bytes(card.read(length))
        done = subprocess.run(["/sbin/fsck.fat", "-n", copy], capture_output=True, text=True)
        copy.unlink()
        return done.returncode

    def put_profile(self, text):
        """QEMU's own machine is no board that has a profile: the operator's lies on the data partition."""
        profile, data = self.path.with_suffix(".file"), self.path.with_suffix(".data")
        profile.write_text(text)
        start = self.partitions[3][0]
        with open(self.path, "rb") as card, open(data, "wb") as copy:
            card.seek(start)
            shutil.copyfileobj(card, copy, 1 << 20)
        # A card that was in a machine has a journal that is to be played back first: debugfs does not.
        done = subprocess.run(["/sbin/e2fsck", "-f", "-y", data], capture_output=True, text=True)
        check("the data partition is whole", done.returncode in (0, 1), done.stdout + done.stderr)
        for request in ("mkdir site", f"write {profile} site/board.ini"):
            run_tool("/sbin/debugfs", "-w", "-R", request, data)
        check("the profile is on the card", run_tool("/sbin/debugfs", "-R", "cat site/board.ini", data) == text)
        with open(self.path, "r+b") as card, open(data, "rb") as copy:
            card.seek(start)
            shutil.copyfileobj(copy, card, 1 << 20)
        profile.unlink()
        data.unlink()

    def kill(self):
        self.path.unlink(missing_ok=True)


def boot(image, desk, card, name, options=()):
    machine = Machine(name, image.board(""), [disk(card.path, form="raw")], USB + NETWORK + list(options))
    return desk.keep(machine)


def names_told(path):
    """Host names in the requests for an address that the machine has sent: option 12 of DHCP (RFC 2132), out of a file of
    libpcap's."""
    found, data, at = set(), path.read_bytes(), 24
    while at + 16 <= len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        # Behind the heads of Ethernet, IPv4 and UDP; 236 bytes of BOOTP and a number of four come before the options.
        frame, at = data[at + 16:at + 16 + length], at + 16 + length
        options = frame[42 + 240:] if frame[12:14] == b"\x08\0" and frame[23:24] == b"\x11" and frame[36:38] == b"\0\x43" else b""
        while len(options) > 1 and options[0] != 255:
            if options[0] == 0:
                options = options[1:]
                continue
            if options[0] == 12:
                found.add(options[2:2 + options[1]].decode(errors="replace"))
            options = options[2 + options[1]:]
    return found


@scenario("a card with a half edited cairn.ini says what is wrong, one with a good one delivers; its console answers", long=True)
def first_boot(image, desk):
    gateway, simulator = desk.gateway(), desk.simulator()
    card = desk.keep(Card(image, "first_boot"))
    card.put("gateway.pem", gateway.certificate.read_bytes())
    card.put_profile(PROFILE + I2C)
    card.put("cairn.ini", f"[gateway]\nurl = {gateway.url}\n[sensor.air\nchip = bme281\n")
    card.damage_boot()
    check("the boot partition is damaged", card.fsck_boot() != 0)
    machine = boot(image, desk, card, "first_boot_bad")
    machine.console.expect(r"the boot partition /dev/vda1 was damaged", 600)
    machine.console.expect(r"cairn\.ini:3: ", 600)
    wait_until(lambda: card.get("cairn-errors.txt"), "cairn-errors.txt")
    machine.console.expect("(?i)no key yet", 600)
    machine.kill()
    errors = card.get("cairn-errors.txt")
    check("the broken line is told beside the file", "cairn.ini:3: " in errors, errors)
    check("the boot partition is whole again", card.fsck_boot() == 0)

    card.put("cairn.ini", f"[gateway]\r\nurl = {gateway.url}\r\npublic_key = {gateway.public_key}\r\n"
             "ca_file = /boot/firmware/gateway.pem\r\n[batch]\r\ninterval = 1 s\r\n[commit]\r\ninterval = 1 s\r\n"
             "[sensor.air]\r\nchip = bme280\r\nbus = usb\r\ninterval = 1 s\r\noptional = yes\r\n"
             "[system]\r\nhost_name = roof\r\n")
    requests = desk.folder / "requests.pcap"
    machine = boot(image, desk, card, "first_boot_good", ["-object", f"filter-dump,id=dump,netdev=net0,file={requests}"])
    plugged = Plugged(machine, simulator)
    batch = wait_until(lambda: [event for event in gateway.events() if event["event"] == "batch"], "a batch", 600)
    seconds = machine.seconds()
    device = batch[0]["device"]
    wait_until(lambda: [leaf for leaf in gateway.leaves(device) if leaf["kind"] == "reading" and not leaf["simulated"]],
               "a reading", 600)
    reading = machine.seconds()
    machine.console.expect("This node is roof", 600)
    # Full and half blocks: the key as a QR code.
    for _ in range(10):
        machine.console.expect("(\xe2\x96[\x80\x84\x88]| ){20}".encode("latin-1"), 120)
    machine.console.send("\r\nstatus\r\n")
    machine.console.expect("real hardware|kid [0-9a-f]{16}", 120)
    wait_until(lambda: card.get("cairn-errors.txt") is None, "the errors' end")
    told = names_told(requests)
    check("the router is told the name of cairn.ini, and no other", told == {"roof"}, told)
    gateway.verify_archive()
    plugged.close()
    return f"first signed leaf at the gateway {seconds:.1f} s after power-on, first reading {reading:.1f} s"


# Parts of the time from power-on to the prompt.
CUTS = (0.2, 0.4, 0.55, 0.7, 0.8, 0.9, 1.0)


@scenario("after power failed again and again in the first boot, the next one grows the card, makes a key and signs", long=True)
def first_boot_cut(image, desk):
    card = desk.keep(Card(image, "first_boot_cut"))
    os.truncate(card.path, 2 << 30)
    card.put_profile(PROFILE)
    card.put("cairn.ini", f"[gateway]\nurl = https://gateway.example\npublic_key = {KEY}\n[batch]\ninterval = 1 s\n"
             "[system]\nhost_name = cut\n")
    for number, part in enumerate(CUTS):
        machine = boot(image, desk, card, f"first_boot_cut_{number}")
        time.sleep(max(0, part * image.login_seconds - machine.seconds()))
        machine.kill()
    machine = desk.keep(Machine("first_boot_cut", image.board(), [disk(card.path, form="raw")], USB + NETWORK))
    desk.machines.append(machine)
    machine.console.expect(PROMPT, 600)
    machine.wait_for_shell()
    machine.until("systemctl is-active cairn-agent", what="the agent")
    machine.until("cairn log list | grep -q '0/0'", what="a signed batch on the card")
    check("the data partition has grown over the card", int(machine.must("cat /sys/class/block/vda4/size")) > 2 << 20)
    machine.until("[ $(df -m --output=size /data | tail -n 1) -gt 1000 ]", what="a file system that has grown")
    check("the host name is that of the file", machine.must("hostname").strip() == "cut")
    failed = machine.must("systemctl --failed --no-legend --plain")
    check("no unit failed", failed.strip() == "", failed)
    return f"{len(CUTS)} cuts"
