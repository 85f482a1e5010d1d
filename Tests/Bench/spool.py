"""Watches a spool while its writer runs (docs/spool-format.md): what is released, and how many leaves."""
import os
import struct

MARK_OFFSETS = (4096, 8192)
SEGMENTS_OFFSET = 32768
LEAVES, CHECKPOINT, EPOCH = 1, 2, 3


class Spool:
    """Opens the file once it is there. Reads what is released only: that does not change any more."""

    def __init__(self, path):
        self.path = path
        self.descriptor = None

    def close(self):
        if self.descriptor is not None:
            os.close(self.descriptor)
            self.descriptor = None

    def _read(self, count, offset):
        if self.descriptor is None:
            try:
                self.descriptor = os.open(self.path, os.O_RDONLY)
            except FileNotFoundError:
                return b""
        return os.pread(self.descriptor, count, offset)

    def mark(self):
        """(incarnation, generation, released through, delivered through, segment number) of the newest mark."""
        marks = []
        for slot, offset in enumerate(MARK_OFFSETS):
            raw = self._read(48, offset)
            if len(raw) < 48:
                return None
            _, incarnation, generation, released, delivered, number, _, _ = struct.unpack("<IIQQQQII", raw)
            if incarnation > 0 and generation & 1 == slot:
                marks.append((incarnation, generation, released, delivered, number))
        return max(marks, default=None)

    def entries(self, after=0):
        """Released entries behind sequence `after` as (sequence, type, item count, payload), oldest first."""
        mark = self.mark()
        if mark is None or mark[4] == 0:
            return
        _, _, released, _, last_number = mark
        _, _, _, segment_size, segment_count = struct.unpack("<8sHHII", self._read(20, 0))
        for number in range(max(1, last_number - segment_count + 1), last_number + 1):
            segment = self._read(segment_size, SEGMENTS_OFFSET + (number - 1) % segment_count * segment_size)
            found, first = struct.unpack_from("<QQ", segment, 16)
            if found != number:
                continue
            offset, sequence = 4096, first
            while offset + 24 <= segment_size and sequence <= released:
                _, length, found, _, items, kind, _ = struct.unpack_from("<IIQIHBB", segment, offset)
                if found != sequence or kind == 0:
                    break
                if sequence > after:
                    yield sequence, kind, items, segment[offset + 24:offset + 24 + length]
                offset += 24 + length
                sequence += 1

    def leaf_count(self):
        return sum(items for _, kind, items, _ in self.entries() if kind == LEAVES)

    def batch_count(self):
        return sum(1 for _, kind, _, _ in self.entries() if kind == CHECKPOINT)

    def delivered_batch_count(self):
        """Batches whose receipt the agent has verified."""
        delivered = self.mark()[3]
        return sum(1 for sequence, kind, _, _ in self.entries() if kind == CHECKPOINT and sequence <= delivered)
