"""The write log of QEMU's `blklogwrites` (the format of Linux's dm-log-writes), and what a power cut leaves of a disk.

A header of one sector, then for each request one sector that describes it and the data it wrote. A flush is an entry of
its own. What was written before a flush that succeeded is on the medium; of all that came later each sector of 512
bytes may be there or not, whatever the order. Only ext4's superblock, which it writes in place, is there as a whole or
not at all: half of it is more than e2fsck mends by itself, and a card writes no less than a page at once.
"""

import os
import shutil
import struct

MAGIC = 0x6a736677736872
FLUSH, FUA, DISCARD = 1, 2, 4
SECTOR = 512
# Of a file system that is the whole disk: 1024 bytes behind the first 1024.
SUPERBLOCK = (2, 3)
SUPER = struct.Struct("<QQQI")
ENTRY = struct.Struct("<QQQQ")


class Entry:
    __slots__ = ("sector", "count", "flags", "place", "end")

    def __init__(self, sector, count, flags, place, end):
        self.sector, self.count, self.flags, self.place, self.end = sector, count, flags, place, end


class WriteLog:
    """The log of a run that has ended, or of one that goes on: then its entries so far."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "rb")
        magic, version, _, size = SUPER.unpack(self.file.read(SUPER.size))
        if (magic, version, size) != (MAGIC, 1, SECTOR):
            raise ValueError(f"{path} is no write log of version 1 with sectors of {SECTOR} bytes")
        self.entries = []
        self.extend()

    def extend(self):
        """Entries that came since. The header's count is written late; the file's length never lies."""
        total = os.fstat(self.file.fileno()).st_size
        place = self.entries[-1].end if self.entries else SECTOR
        while place + SECTOR <= total:
            self.file.seek(place)
            sector, count, flags, _ = ENTRY.unpack(self.file.read(ENTRY.size))
            end = place + SECTOR + (0 if flags & DISCARD else count * SECTOR)
            if end > total:
                break
            self.entries.append(Entry(sector, count, flags, place + SECTOR, end))
            place = end

    def count_within(self, byte_count):
        """How many entries stood in the log when its file was this long."""
        low, high = 0, len(self.entries)
        while low < high:
            middle = (low + high) // 2
            if self.entries[middle].end <= byte_count:
                low = middle + 1
            else:
                high = middle
        return low

    def flushes(self):
        """Indexes of the entries that are flushes."""
        return [index for index, entry in enumerate(self.entries) if entry.flags & FLUSH]

    def written(self, start=0):
        """Bytes that requests from this entry on wrote."""
        return sum(entry.count * SECTOR for entry in self.entries[start:] if not entry.flags & DISCARD)

    def data(self, entry):
        self.file.seek(entry.place)
        return self.file.read(entry.count * SECTOR)


class Medium:
    """A disk on its way through a log: cuts are made in rising order.

    `failed` are flushes, by index, that reported an error: what they should have made durable was given up by then, and
    no later flush brings it. `lying`: so many flushes before the cut did nothing.
    """

    def __init__(self, log, base, folder, dice, failed=(), lying=0):
        self.log, self.dice, self.failed, self.lying = log, dice, set(failed), lying
        self.durable = folder / "durable.img"
        shutil.copyfile(base, self.durable)
        self.position = 0
        self.barriers = [index for index in log.flushes()]

    def cut(self, after, chance, image):
        """The medium when power went behind so many entries: `chance` is that of each volatile sector to be there."""
        barriers = [index for index in self.barriers if index < after]
        if self.lying:
            barriers = barriers[:-self.lying]
        barrier = barriers[-1] + 1 if barriers else 0
        if barrier < self.position:
            raise ValueError("cuts are made in rising order")
        self._settle(barrier)
        copy_sparse(self.durable, image)
        with open(image, "r+b") as disk:
            for entry in self.log.entries[self.position:after]:
                self._write(disk, entry, 1 if entry.flags & FUA and not self.lying else chance)

    def _settle(self, barrier):
        with open(self.durable, "r+b") as disk:
            while self.position < barrier:
                end = next(index for index in self.barriers if index >= self.position) + 1
                for entry in self.log.entries[self.position:end]:
                    self._write(disk, entry, 0.5 if end - 1 in self.failed else 1)
                self.position = end

    def _write(self, disk, entry, chance):
        if not entry.count or entry.flags & DISCARD or chance == 0:
            return
        data = self.log.data(entry)
        if chance == 1:
            disk.seek(entry.sector * SECTOR)
            disk.write(data)
            return
        kept = False
        for index in range(entry.count):
            # The superblock's second half goes with its first.
            if entry.sector + index != SUPERBLOCK[1] or index == 0:
                kept = self.dice.random() < chance
            if kept:
                disk.seek((entry.sector + index) * SECTOR)
                disk.write(data[index * SECTOR:(index + 1) * SECTOR])


def copy_sparse(source, target):
    """Holes stay holes: a card of 64 MiB of which a tenth is used."""
    size = os.path.getsize(source)
    with open(source, "rb") as old, open(target, "wb") as new:
        new.truncate(size)
        place = 0
        while place < size:
            try:
                place = os.lseek(old.fileno(), place, os.SEEK_DATA)
            except OSError:
                return
            hole = os.lseek(old.fileno(), place, os.SEEK_HOLE)
            while place < hole:
                place += os.copy_file_range(old.fileno(), new.fileno(), hole - place, place, place)
