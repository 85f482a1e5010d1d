#!/usr/bin/env python3
"""Reads a spool by docs/spool-format.md alone: what a reader of the project shows must be the same.

Usage: spool_reader.py FILE
Prints one line for the spool, the mark and the note, then each segment and entry up to the release mark.
"""
import struct
import sys

TABLE = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    TABLE.append(byte)


def crc32c(data):
    register = 0xFFFFFFFF
    for byte in data:
        register = register >> 8 ^ TABLE[(register ^ byte) & 0xFF]
    return register ^ 0xFFFFFFFF


class Spool:
    def __init__(self, data):
        self.data = data
        magic, version, reserved, self.size, self.count, self.id, crc = struct.unpack_from(
            "<8sHHII16sI", data, 0)
        if magic != b"CAIRNSPL":
            raise SystemExit("not a spool")
        if version != 1:
            raise SystemExit(f"version {version} is not supported")
        if crc != crc32c(data[:36]) or reserved != 0:
            raise SystemExit("superblock damaged")

    def mark(self):
        found = []
        for slot in (0, 1):
            raw = self.data[4096 * (1 + slot):][:48]
            crc, incarnation, generation, *rest = struct.unpack("<IIQQQQII", raw)
            if crc == crc32c(self.id + raw[4:]) and generation & 1 == slot:
                found.append((incarnation, generation, *rest))
        return max(found, default=(0,) * 7)

    def note(self):
        found = []
        for slot in (0, 1):
            raw = self.data[12288 + 8192 * slot:][:8192]
            crc, length, generation, reserved = struct.unpack_from("<IIII", raw)
            if (length <= 8176 and reserved == 0 and generation > 0 and generation & 1 == slot
                    and crc == crc32c(self.id + raw[4:16 + length])):
                found.append((generation, raw[16:16 + length]))
        return max(found)[1] if found else None

    def segments(self, last):
        """Whole segments up to number `last`, oldest first."""
        for number in range(max(1, last - self.count + 1), last + 1):
            raw = self.data[32768 + (number - 1) % self.count * self.size:][:self.size]
            magic, crc, version, reserved, length, found, first, incarnation = struct.unpack_from(
                "<4sIHHIQQI", raw)
            if (magic == b"CSEG" and version == 1 and reserved == 0 and length <= 3584
                    and found == number and crc == crc32c(self.id + raw[8:36 + length])):
                yield number, first, incarnation, raw[36:36 + length], raw

    def entries(self, raw, sequence, incarnation, end, released):
        offset = 4096
        while offset + 24 <= end and sequence <= released:
            crc, length, found, written, items, kind, reserved = struct.unpack_from(
                "<IIQIHBB", raw, offset)
            stop = offset + 24 + length
            if (stop > end or found != sequence or written < incarnation or kind == 0
                    or reserved != 0 or crc != crc32c(self.id + raw[offset + 4:stop])):
                return
            yield sequence, kind, items, raw[offset + 24:stop]
            offset, sequence, incarnation = stop, sequence + 1, written


def main():
    with open(sys.argv[1], "rb") as file:
        spool = Spool(file.read())
    print(f"spool {spool.id.hex()} {spool.count} x {spool.size}")
    _, _, released, delivered, last, end, _ = spool.mark()
    print(f"mark released {released} delivered {delivered}")
    note = spool.note()
    print("note", "none" if note is None else note.hex() or "-")
    for number, first, incarnation, context, raw in spool.segments(last):
        print(f"segment {number} from {first} context {context.hex() or '-'}")
        limit = end if number == last else spool.size
        for sequence, kind, items, payload in spool.entries(raw, first, incarnation, limit, released):
            print(f"entry {sequence} type {kind} items {items} payload {payload.hex() or '-'}")


if __name__ == "__main__":
    main()
