"""A machine with nothing but Debian's kernel, busybox and the board's programs: the node's state is on a disk of its own.

What the whole image brings (systemd, packages) is not needed to see what a disk does to spool and key, and a machine
without it starts in seconds.
"""

import pathlib
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

from emulator import NETWORK, ROOT, Board, Machine, Trouble

# Debian's kernel package and busybox, unpacked: Boards/Image/fetch.sh and base.sh.
KERNEL = ROOT / "build/image/kernel"
SYSROOT = ROOT / "build/sysroot/arm64/root"
PROGRAMS = ("cairn-agent", "cairn-uplink-https")
MODULES = "ext4\ncrc32c_generic\nvirtio_pci\nvirtio_blk\nvirtio_net\nrtc-pl031\n"
BLOCK = 4096

INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /sbin /proc /sys /dev /data /run/cairn /etc/cairn
/bin/busybox --install -s /bin
ln -s /bin/busybox /sbin/modprobe
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
modprobe -a -q crc32c_generic ext4 virtio_pci virtio_blk virtio_net
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
export PS1= PS2=
while :; do setsid sh -c 'exec </dev/ttyAMA0 >/dev/ttyAMA0 2>&1; echo "a shell is here"; exec sh'; done
"""

# As systemd does it: a program whose storage failed is started again, one that was refused is not.
KEEP = """#!/bin/sh
while [ -e /run/keep ]; do
  cairn-agent --board /etc/cairn/board.ini >>/run/agent.log 2>&1 &
  echo $! >/run/agent.pid
  wait $!
  status=$?
  echo "ended with $status" >>/run/agent.log
  case $status in 0 | 2 | 77 | 78) break ;; esac
  sleep 1
done
echo "not started again" >>/run/agent.log
"""

BOARD = """[board]
name = power
serial_file = /none
card_file = /none
[i2c.i2c-1]
virtual = i2c-1.sock
timeout = 2 s
"""


def made(command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode:
        raise Trouble(f"{' '.join(map(str, command))} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def libraries(program):
    """All libraries that a program needs, from the sysroot that it was linked in."""
    folder = SYSROOT / "usr/lib/aarch64-linux-gnu"
    found, left = {}, [program]
    while left:
        for name in re.findall(r"NEEDED.*\[(.*)\]", made(["readelf", "-d", left.pop()])):
            if name not in found:
                path = folder / name
                found[name] = path if path.exists() else SYSROOT / "lib" / name
                left.append(found[name])
    return found


def initrd(folder):
    """Kernel and initial file system: the paths of both."""
    version = next((KERNEL / "lib/modules").iterdir()).name
    root, out = folder / "root", folder / "root.cpio"
    shutil.rmtree(root, ignore_errors=True)
    for name in ("bin", "lib/modules", "etc"):
        (root / name).mkdir(parents=True)
    shutil.copy(KERNEL / "bin/busybox", root / "bin/busybox")
    (root / "init").write_text(INIT)
    (root / "bin/keep").write_text(KEEP)
    (folder / "modules.list").write_text(MODULES)
    made(["python3", ROOT / "Boards/Image/modules.py", KERNEL, version, folder / "modules.list", root / "lib/modules"])
    made(["/sbin/depmod", "-b", root, version])
    for name in PROGRAMS:
        program = ROOT / "build/arm64" / name
        shutil.copy(program, root / "bin" / name)
        for library, path in libraries(program).items():
            shutil.copy(path, root / "lib" / library)
    made(["clang", "--target=aarch64-linux-gnu", f"--sysroot={SYSROOT}", "-fuse-ld=lld", "-static", "-O1", "-Wall",
          "-Wextra", "-Werror", "-o", root / "bin/bridge", pathlib.Path(__file__).parent / "bridge.c"])
    for path in ("init", "bin/keep"):
        (root / path).chmod(0o755)
    made(["sh", "-c", f"cd '{root}' && find . | cpio -o -H newc --owner=0:0 --quiet >'{out}'"])
    shutil.rmtree(root)
    return KERNEL / f"boot/vmlinuz-{version}", out


def blank_disk(path, mebibytes, folder):
    """An ext4 file system with the two folders that a package makes."""
    tree = folder / "tree"
    for name in ("state/agent", "state/uplink"):
        (tree / name).mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    made(["mke2fs", "-q", "-t", "ext4", "-b", BLOCK, "-O", "^metadata_csum_seed", "-d", tree, path, f"{mebibytes}M"])
    shutil.rmtree(tree)


class Bus:
    """Chip models on this machine, for a bridge in the other."""

    def __init__(self, folder, programs):
        self.path = folder / "i2c.sock"
        self.path.unlink(missing_ok=True)
        self.output = open(folder / "board.log", "wb")
        self.process = subprocess.Popen(
            [programs / "cairn-simulate", "board", "--bus", str(self.path), "--weather",
             str(ROOT / "Data/weather/weather-jfk-2013.csv"), "--until-end-of-input"],
            stdin=subprocess.PIPE, stdout=self.output, stderr=self.output)
        end = time.monotonic() + 120
        while not self.path.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise Trouble(f"no virtual board; see {self.output.name}")
            time.sleep(0.02)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                line, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(line,), daemon=True).start()

    def _carry(self, line):
        """A request, its reply: the protocol knows nothing else."""
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with line, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as bus, line.makefile("rb") as requests:
            bus.connect(str(self.path))
            while head := requests.read(2):
                bus.send(requests.read(struct.unpack(">H", head)[0]))
                reply = bus.recv(4096)
                line.sendall(struct.pack(">H", len(reply)) + reply)

    def close(self):
        self.listener.close()
        self.process.stdin.close()
        self.process.wait(30)
        self.output.close()


SITE = """[gateway]
url = http://{address}
public_key = {key}
allow_plain_http = yes
[delivery]
connect_timeout = 20 s
timeout = 60 s
[spool]
size = 1 MiB
segment = 128 KiB
[batch]
interval = {batch}
[commit]
interval = {commit}
"""
SENSORS = """[sensor.{chip}]
chip = {chip}
bus = i2c-1
interval = {interval}
frozen_after = never
"""


class Guest(Machine):
    """The machine with its node, and what is done with it."""

    def __init__(self, name, boots, disks, bus, folder, options=()):
        super().__init__(name, Board(*boots, arguments="quiet"), disks=disks, options=[*NETWORK, *options], folder=folder)
        self.bus = bus

    def prepare(self, gateway_port, gateway_key, mount="noatime", batch="300 ms", commit="100 ms", interval="100 ms",
                chips=("bme280",)):
        """The disk mounted, the configuration written, and a bridge to the chips."""
        self.wait_for_shell("a shell is here")
        self.set_clock()
        self.must(f"mount -t ext4 -o {mount} /dev/vda /data")
        site = SITE.format(address=f"10.0.2.2:{gateway_port}", key=gateway_key, batch=batch, commit=commit)
        for chip in chips:
            site += SENSORS.format(chip=chip, interval=interval)
        self.write("/etc/cairn/site.ini", site)
        self.write("/etc/cairn/board.ini", BOARD)
        self.must("mkdir -p /var/lib && ln -s /data/state /var/lib/cairn")
        self.must(f"setsid bridge /run/cairn/i2c-1.sock 10.0.2.2 {self.bus.port} </dev/null >/run/bridge.log 2>&1 & usleep 100000")

    def start_agent(self):
        self.must("touch /run/keep; setsid keep </dev/null >/dev/null 2>&1 &")

    def start_uplink(self):
        self.must("setsid sh -c 'echo $$ >/run/uplink.pid; exec cairn-uplink-https' </dev/null >>/run/uplink.log 2>&1 &")

    def end(self, program, signal, again=True):
        """`again`: what keeps the agent starts it again after a kill; asked to end, it stays away."""
        if program == "agent" and not again:
            self.must("rm -f /run/keep")
        self.must(f"kill -{signal} $(cat /run/{program}.pid) && usleep 100000")

    def agent_log(self):
        return self.must("cat /run/agent.log")
