#!/usr/bin/env python3
"""Writes an image to a card, and reads it back.

    Boards/Image/flash.py BOARD DEVICE        make flash BOARD=raspberry-pi-4 DEVICE=/dev/sdX
    Boards/Image/flash.py IMAGE.img DEVICE

Refused is whatever is no card: what is not removable, a partition, a disk from which something is mounted or which
swaps, one that is too small or read only; and an image that is not what its .sha256 says. What will be overwritten is
shown, and the device's name is asked for; CONFIRM=sdX in the environment answers beforehand.
"""

import errno
import fcntl
import hashlib
import mmap
import os
import stat
import sys

PIECE = 4 << 20
BLKFLSBUF = 0x1261
# A card of today has at most 2 TB; what is larger is a disk in a USB case.
LARGEST = 2 << 40


class Refused(Exception):
    """Why nothing was written."""


class Machine:
    """Where the kernel tells of disks. Tests have a machine of their own."""

    sysfs = "/sys"
    mountinfo = "/proc/self/mountinfo"
    swaps = "/proc/swaps"

    def is_block_device(self, path):
        return stat.S_ISBLK(os.stat(path).st_mode)

    def read(self, *names):
        try:
            with open(os.path.join(self.sysfs, "class/block", *names), errors="replace") as file:
                return file.read().strip()
        except OSError:
            return ""

    def number(self, device):
        """Of an open one, as sysfs writes it."""
        number = os.fstat(device).st_rdev
        return f"{os.major(number)}:{os.minor(number)}"

    def folder(self, name):
        return os.path.realpath(os.path.join(self.sysfs, "class/block", name))


class Disk:
    """A whole disk, as sysfs shows it."""

    def __init__(self, machine, path):
        self.machine = machine
        try:
            self.path = os.path.realpath(path, strict=True)
            is_block_device = machine.is_block_device(self.path)
        except OSError as error:
            raise Refused(f"{path}: {error.strerror}; `lsblk` shows which disks there are") from None
        if not is_block_device:
            raise Refused(f"{path} is no disk; `lsblk` shows which there are")
        self.name = os.path.basename(self.path)
        if not os.path.isdir(machine.folder(self.name)):
            raise Refused(f"{path}: the kernel shows no disk of that name")
        if machine.read(self.name, "partition"):
            whole = os.path.basename(os.path.dirname(machine.folder(self.name)))
            raise Refused(f"{path} is a partition: an image is for the whole card, /dev/{whole}")

    @property
    def size(self):
        return int(self.machine.read(self.name, "size") or 0) * 512

    @property
    def model(self):
        words = [plain(self.machine.read(self.name, "device", name)) for name in ("vendor", "model", "name")]
        return " ".join(word for word in words if word) or "unknown model"

    @property
    def identity(self):
        """What tells this card, in this reader, from another that comes under its name."""
        return [self.machine.read(self.name, name) for name in ("dev", "diskseq", "size", "device/cid")] + [self.model]

    @property
    def partitions(self):
        folder = self.machine.folder(self.name)
        return sorted((entry for entry in os.listdir(folder)
                       if os.path.exists(os.path.join(folder, entry, "partition"))),
                      key=lambda entry: int(self.machine.read(self.name, entry, "partition") or 0))

    def refuse_what_is_no_card(self):
        folder = self.machine.folder(self.name)
        if self.machine.read(self.name, "device", "type") == "MMC":
            raise Refused(f"{self.path} is memory soldered to its board (eMMC), no card")
        is_card = self.machine.read(self.name, "device", "type") == "SD"
        is_usb = any(part.startswith("usb") and part[3:].isdigit() for part in folder.split("/"))
        if self.machine.read(self.name, "removable") != "1" and not is_card and not is_usb:
            raise Refused(f"{self.path} ({self.model}) is not removable: no card and no USB stick or reader")
        if self.machine.read(self.name, "ro") == "1":
            raise Refused(f"{self.path} is read only: look at the card's switch")
        if self.size == 0:
            raise Refused(f"{self.path}: there is no card in the reader")
        if self.size > LARGEST:
            raise Refused(f"{self.path} has {size_text(self.size)}: that is no card")

    def refuse_what_is_in_use(self):
        names = [self.name] + self.partitions
        numbers = {self.machine.read(name, "dev"): name for name in names}
        paths = {os.path.join(os.path.dirname(self.path), name): name for name in names}
        with open(self.machine.mountinfo, errors="replace") as file:
            for line in file:
                left, _, right = line.partition(" - ")
                fields, source = left.split(), right.split()[1]
                name = numbers.get(fields[2]) or paths.get(source)
                if name:
                    raise Refused(f"{name} is mounted on {fields[4]}: unmount it first, if this is the card")
        with open(self.machine.swaps, errors="replace") as file:
            for line in file:
                if line.split()[0] in paths:
                    raise Refused(f"{line.split()[0]} is swapped to: this is no card")
        for name in names:
            holders = os.path.join(self.machine.folder(name), "holders")
            if os.path.isdir(holders) and os.listdir(holders):
                raise Refused(f"{name} is in use by {', '.join(os.listdir(holders))}: this is no card")


def plain(text):
    """What a card or its reader says of itself, without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else "." for sign in text).strip()


def size_text(count):
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def label(path):
    """What the file system at the head of a partition or disk is called: its kind, and its name if that is FAT or ext4."""
    try:
        with open(path, "rb") as file:
            head = file.read(2048)
    except OSError:
        return ""
    if len(head) == 2048 and head[1024 + 56:1024 + 58] == b"\x53\xef":
        return "ext4 " + plain(head[1024 + 120:1024 + 136].rstrip(b"\0").decode(errors="replace"))
    if head[82:87] == b"FAT32":
        return "FAT32 " + plain(head[71:82].decode(errors="replace"))
    # What has no place on a card, but on a disk that somebody keeps.
    return {b"NTFS    ": "NTFS", b"EXFAT   ": "exFAT"}.get(head[3:11], "LUKS" if head[:6] == b"LUKS\xba\xbe" else "")


def check_image(path):
    """The image's hash and size, if it is what was made."""
    try:
        with open(path + ".sha256", errors="replace") as file:
            recorded = file.read().split()[0]
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            size = os.fstat(file.fileno()).st_size
    except (OSError, IndexError) as error:
        raise Refused(f"{path}: {getattr(error, 'strerror', None) or 'its .sha256 is empty'}; `make image` makes it, with its .sha256") from None
    if found != recorded:
        raise Refused(f"{path} is cut short or damaged: its SHA-256 is not that of {path}.sha256. Make or fetch it anew")
    if size == 0:
        raise Refused(f"{path} is empty. Make or fetch it anew")
    return found, size


def confirm(disk, image, size, ask):
    print(f"{image}, {size_text(size)}, goes to {disk.path}:")
    # A disk may be one file system, without partitions.
    print(f"  {disk.model}, {size_text(disk.size)}  {label(disk.path)}".rstrip())
    folder = os.path.dirname(disk.path)
    for name in disk.partitions:
        count = int(disk.machine.read(disk.name, name, "size") or 0) * 512
        print(f"  {name:12} {size_text(count):>10}  {label(os.path.join(folder, name))}")
    print("Everything on it will be lost.")
    if ask(f"Type {disk.name} to overwrite it: ").strip() != disk.name:
        raise Refused("not confirmed: nothing was written")


def progress(what, done, size):
    if sys.stderr.isatty():
        print(f"\r{what} {100 * done // size:3} %", end="" if done < size else "\n", file=sys.stderr, flush=True)


def write_all(device, piece, at):
    while piece:
        count = os.pwrite(device, piece, at)
        piece, at = piece[count:], at + count


def open_card(disk, identity):
    """The card that was looked at, and no other one: held alone, so that nothing of it can be mounted any more."""
    try:
        device = os.open(disk.path, os.O_WRONLY | os.O_EXCL)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise Refused(f"{disk.path} is in use: something of it is mounted or held, maybe by another user") from None
        raise
    try:
        if disk.machine.number(device) != identity[0] or disk.identity != identity:
            raise Refused(f"{disk.path} is another disk than the one that was shown: nothing was written. Begin again")
        disk.refuse_what_is_no_card()
        disk.refuse_what_is_in_use()
    except BaseException:
        os.close(device)
        raise
    return device


def write(image, size, wanted, device):
    """Writes the image, its first piece last: a card that was pulled out too early has no partitions, neither new ones
    nor those that it had before."""
    with open(image, "rb") as file:
        first = file.read(PIECE)
        written = hashlib.sha256(first)
        write_all(device, bytes(len(first)), 0)
        # The kernel may write in any order: what the card had is gone from it before anything new is there.
        os.fsync(device)
        at = len(first)
        while piece := file.read(PIECE):
            if at + len(piece) > size:
                break
            written.update(piece)
            write_all(device, piece, at)
            at += len(piece)
            progress("writing", at - len(first), size - len(first))
    os.fsync(device)
    if at != size or written.hexdigest() != wanted:
        raise Refused(f"{image} changed while it was written: the card has no partitions now. Begin again")
    write_all(device, first, 0)
    os.fsync(device)
    # What is read back has to come from the card.
    try:
        fcntl.ioctl(device, BLKFLSBUF)
    except OSError:
        pass
    os.posix_fadvise(device, 0, 0, os.POSIX_FADV_DONTNEED)


def read_back(path, size):
    """The hash of what is on the card, past all caches where the kernel allows it."""
    found = hashlib.sha256()
    try:
        device = os.open(path, os.O_RDONLY | os.O_DIRECT)
    except OSError:
        device = os.open(path, os.O_RDONLY)
    try:
        buffer = mmap.mmap(-1, PIECE)
        at = 0
        while at < size:
            count = os.preadv(device, [buffer], at)
            if count == 0:
                break
            count = min(count, size - at)
            found.update(memoryview(buffer)[:count])
            at += count
            progress("reading back", at, size)
    finally:
        os.close(device)
    return found.hexdigest()


def flash(image, device, machine, ask):
    disk = Disk(machine, device)
    disk.refuse_what_is_no_card()
    disk.refuse_what_is_in_use()
    identity = disk.identity
    wanted, size = check_image(image)
    if disk.size < size:
        raise Refused(f"{device} has {size_text(disk.size)}, the image {size_text(size)}: take a larger card")
    confirm(disk, image, size, ask)
    card = open_card(disk, identity)
    try:
        write(image, size, wanted, card)
        # Still held alone: as soon as it is let go a desk may mount its partitions, and that writes to them.
        found = read_back(disk.path, size)
    finally:
        os.close(card)
    if found != wanted:
        raise Refused(f"{device} reads otherwise than it was written: the card or its reader is broken. Take another one")
    print(f"written and read back: {size_text(size)}. Edit cairn.ini on the card's boot partition, then put it into the board")


def main(words):
    if len(words) != 2 or not all(words):
        sys.exit("make flash BOARD=raspberry-pi-4 DEVICE=/dev/sdX: the board's image, and the card; `lsblk` shows which disks there are")
    image, device = words
    if not image.endswith(".img"):
        here = os.path.dirname(os.path.abspath(__file__))
        image = os.path.join(os.path.dirname(os.path.dirname(here)), f"build/image/{image}/cairn-{image}.img")
    given = os.environ.get("CONFIRM")
    try:
        flash(image, device, Machine(), (lambda question: given) if given else input)
    except Refused as reason:
        sys.exit(f"flash: {reason}")
    except PermissionError as error:
        sys.exit(f"flash: {error.filename or device}: you may not write to it: run it as root")
    except OSError as error:
        sys.exit(f"flash: {error.filename or device}: {error.strerror}: the card may be broken, or was pulled out")
    except (EOFError, KeyboardInterrupt):
        sys.exit("\nflash: broken off")


if __name__ == "__main__":
    main(sys.argv[1:])
