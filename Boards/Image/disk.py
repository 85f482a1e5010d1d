#!/usr/bin/env python3
"""Puts partitions together to a disk image with an MBR table.

    Boards/Image/disk.py OUT SIGNATURE BOOT.vfat ROOT.ext4 DATA.ext4

| partition | what | from | size |
|---|---|---|---|
| 1 | boot, FAT32 | 4 MiB | that of BOOT.vfat |
| 2 | root A, ext4 | behind it | that of ROOT.ext4 |
| 3 | room for root B | behind it | that of root A |
| 4 | data, ext4; grows on the board | behind it | that of DATA.ext4 |

SIGNATURE is the disk's, eight hexadecimal digits, by which the kernel's command line names the root file system. Holes
stay holes: the file takes as much room as there is in it.
"""

import os
import struct
import sys

MEBIBYTE = 1 << 20
SECTOR = 512
FIRST = 4 * MEBIBYTE
FAT32_LBA, LINUX = 0x0C, 0x83


def entry(kind, start, size, active=False):
    """A row of the table. The old way of saying where, by cylinders, says "beyond" throughout."""
    beyond = b"\xfe\xff\xff"
    return struct.pack("<B3sB3sII", 0x80 if active else 0, beyond, kind, beyond, start // SECTOR, size // SECTOR)


def write(disk, piece, offset, out):
    if os.pwrite(disk, piece, offset) != len(piece):
        sys.exit(f"disk.py: {out} can't be written as a whole: is there room for it?")


def copy(source, disk, offset, out):
    """Copies what is not a hole."""
    with open(source, "rb") as file:
        at = 0
        size = os.fstat(file.fileno()).st_size
        while at < size:
            try:
                at = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            while at < end:
                piece = os.pread(file.fileno(), min(MEBIBYTE, end - at), at)
                if not piece:
                    sys.exit(f"disk.py: {source} became shorter while it was read")
                if piece.count(0) != len(piece):
                    write(disk, piece, offset + at, out)
                at += len(piece)


def main(out, signature, boot, root, data):
    sizes = [os.path.getsize(path) for path in (boot, root, root, data)]
    for path, size in zip((boot, root, root, data), sizes):
        if size % MEBIBYTE:
            sys.exit(f"disk.py: {path} has {size} bytes, no whole MiB")
    starts = [FIRST + sum(sizes[:index]) for index in range(4)]
    kinds = (FAT32_LBA, LINUX, LINUX, LINUX)
    table = b"".join(entry(kind, start, size, active=index == 0)
                     for index, (kind, start, size) in enumerate(zip(kinds, starts, sizes)))
    disk = os.open(out, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    os.ftruncate(disk, starts[3] + sizes[3])
    write(disk, struct.pack("<I", int(signature, 16)), 440, out)
    write(disk, table + b"\x55\xaa", 446, out)
    for index, path in ((0, boot), (1, root), (3, data)):
        copy(path, disk, starts[index], out)
    os.fsync(disk)
    os.close(disk)


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
