"""The image of a board, as an emulated machine: booted once, and from then on taken from a snapshot by each scenario."""

import os
import pathlib
import shutil
import subprocess

from desk import wait_until
from emulator import FOLDER, NETWORK, ROOT, USB, Board, Machine, Trouble, disk
from usb_adapter import Adapter, VirtualBus

# The one that QEMU has a machine for; all images have the same root file system.
BOARD = "raspberry-pi-3"
IMAGE = ROOT / "build/image" / BOARD
MODULES = FOLDER / "modules"
NEXT_VERSION = "99.1"
PROGRAMS = ["cairn-agent", "cairn-uplink-https", "cairn-uplink-mqtt", "cairn-usb", "cairn"]
PROMPT = r"root@[^\n]*# |\n# |bash[^\n]*# "
PROFILE = "[board]\nname = emulated\nserial_file = /none\ncard_file = /none\n"
# A gateway's, for nodes that need not reach one.
KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
I2C = "[i2c.usb]\ndevice = /dev/cairn/i2c-tiny-usb-RIG1\ntimeout = 2 s\n"


def site(gateway, rest="", interval="1 s"):
    """A site file for this gateway, whose batches come quickly."""
    return (f"[gateway]\nurl = {gateway.url}\npublic_key = {gateway.public_key}\nca_file = /etc/cairn/gateway.pem\n"
            f"[batch]\ninterval = {interval}\n[commit]\ninterval = {interval}\n"
            f"[spool]\nsize = 4 MiB\nsegment = 256 KiB\n{rest}")


def sensor(name, chip, interval="1 s", extra=""):
    return f"[sensor.{name}]\nchip = {chip}\nbus = usb\ninterval = {interval}\n{extra}"


def run_tool(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise Trouble(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def overlay(name, base):
    """A disk of its own over an image: what is written goes there."""
    path = FOLDER / f"{name}.qcow2"
    path.unlink(missing_ok=True)
    run_tool("qemu-img", "create", "-q", "-f", "qcow2", "-b", pathlib.Path(base).resolve(), "-F", "raw", path)
    return path


class Image:
    """Kernel, initrd and card of the image, and the disk with what only tests need."""

    def __init__(self):
        self.card = IMAGE / f"cairn-{BOARD}.img"
        for path in (self.card, IMAGE / "vmlinuz", IMAGE / "initrd.img"):
            if not path.exists():
                raise Trouble(f"{path} is missing: make image BOARD={BOARD}")
        self.tools = FOLDER / "tools.img"
        self.ready = FOLDER / "ready.qcow2"
        self.login_seconds = None

    def board(self, arguments="cairn.shell", **others):
        return Board(IMAGE / "vmlinuz", IMAGE / "initrd.img", f"root=/dev/vda2 quiet {arguments}", **others)

    def make_tools(self):
        """The modules, as a file system that is made without mounting anything."""
        folder = FOLDER / "tools"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("irq_sim.ko", "gpio-sim.ko"):
            shutil.copy(MODULES / name, folder)
        for package in self.next_packages():
            shutil.copy(package, folder)
        self.tools.unlink(missing_ok=True)
        run_tool("/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^metadata_csum_seed", "-d", folder, self.tools, "16M")

    def next_packages(self):
        """The packages that are on the card, once more with a higher version."""
        folder = FOLDER / "packages"
        shutil.rmtree(folder, ignore_errors=True)
        done = subprocess.run([ROOT / "Boards/Debian/deb.sh", "arm64", *PROGRAMS], capture_output=True, text=True, cwd=ROOT,
                              env={**os.environ, "CAIRN_DEB_VERSION": NEXT_VERSION, "CAIRN_DEB_FOLDER": str(folder)})
        if done.returncode != 0:
            raise Trouble(f"packages of version {NEXT_VERSION}: {done.stdout}{done.stderr}")
        # Packages of both uplinks can't be installed together.
        return [path for path in sorted(folder.glob("*.deb")) if "mqtt" not in path.name]

    def disks(self, card):
        return [disk(card), disk(self.tools, "tools", "raw", read_only=True)]

    def make_ready(self):
        """Boots the card once, and keeps the machine as it is at its prompt."""
        self.make_tools()
        card = overlay("ready.new", self.card)
        with Machine("ready", self.board(), self.disks(card), USB + NETWORK) as machine:
            machine.console.expect(PROMPT, 600)
            self.login_seconds = machine.seconds()
            machine.wait_for_shell()
            machine.must("mount -o ro /dev/vdb /mnt && modprobe i2c-dev && modprobe i2c-tiny-usb")
            machine.until("systemctl is-active multi-user.target")
            machine.save("ready")
        os.replace(card, self.ready)

    def from_snapshot(self, name):
        """A machine that has just booted, on a copy of the card that is its own."""
        card = FOLDER / f"{name}.qcow2"
        shutil.copyfile(self.ready, card)
        machine = Machine(name, self.board(), self.disks(card), USB + NETWORK, snapshot="ready")
        try:
            machine.wait_for_shell()
            machine.set_clock()
        except Exception:
            machine.kill()
            raise
        return machine


def configure(machine, gateway, site_text, profile):
    """Writes the node's files, and starts what they are for."""
    machine.write("/etc/cairn/gateway.pem", gateway.certificate.read_bytes())
    machine.write("/etc/cairn/board.ini", profile)
    machine.write("/etc/cairn/site.ini", site_text)
    status, said = machine.run("cairn config check")
    if status != 0:
        raise Trouble(f"the configuration is refused: {said}")


class Plugged:
    """An adapter in the machine's USB controller, with the chips of a simulator behind it."""

    def __init__(self, machine, simulator, name="adapter"):
        self.machine, self.name = machine, name
        path = machine.socket_device(name)
        machine.plug("usb-redir", f"{name}-usb", chardev=name, bus="usb.0")
        self.bus = VirtualBus(simulator.path)
        self.adapter = Adapter(path, self.bus)

    def unplug(self):
        self.machine.unplug(f"{self.name}-usb")
        self.close()

    def close(self):
        self.adapter.close()
        self.bus.close()
        if self.adapter.failure:
            raise Trouble(f"the adapter's own end: {self.adapter.failure!r}")


def one_device(gateway):
    """The device that the gateway knows, as soon as it knows one."""
    return wait_until(lambda: [found["device"] for found in gateway.devices()], "a device at the gateway")[0]
