"""An I2C adapter on USB whose chips are cairn-simulate's: an i2c-tiny-usb that speaks the usbredir protocol to QEMU.

The kernel in the machine has its own driver for it, and sees a real bus. Each of its messages is one control transfer:
requests 4 to 7 are I2C, bit 0 a start and bit 1 a stop; request 3 asks whether the last one was acknowledged.
usbredir: gitlab.freedesktop.org/spice/usbredir; the adapter: i2c-tiny-usb of Linux.
"""

import socket
import struct
import threading

HELLO, CONNECT, DISCONNECT, RESET, INTERFACE_INFO, ENDPOINT_INFO = range(6)
SET_CONFIGURATION, GET_CONFIGURATION, CONFIGURATION_STATUS, SET_ALTERNATE, GET_ALTERNATE, ALTERNATE_STATUS = range(6, 12)
CONTROL_PACKET = 100
# Capabilities: device version in connect, packet sizes in endpoint info, 64 bits in ids, 32 bits in bulk lengths (there
# are no bulk endpoints here, but QEMU's controller asks for it).
CAP_CONNECT_VERSION, CAP_ENDPOINT_SIZE, CAP_IDS_64, CAP_BULK_32 = 1, 4, 5, 6
CAPABILITIES = 1 << CAP_CONNECT_VERSION | 1 << CAP_ENDPOINT_SIZE | 1 << CAP_IDS_64 | 1 << CAP_BULK_32
SUCCESS, IO_ERROR, STALL = 0, 3, 4
ECHO, FUNCTIONS, DELAY, STATUS = range(4)
ACKNOWLEDGED, NOT_ACKNOWLEDGED = 1, 2
# Of linux/i2c.h: plain transfers, and what the kernel makes of them for SMBus.
FUNCTIONS_OF_ADAPTER = 0x0EFF0001
VENDOR, PRODUCT, VERSION = 0x0403, 0xC631, 0x0205


def head(kind, value):
    """The head of a CBOR item (RFC 8949 section 3), as short as it can be."""
    for limit, extra, form in ((24, None, "B"), (1 << 8, 24, "B"), (1 << 16, 25, ">H"), (1 << 32, 26, ">I")):
        if value < limit:
            return bytes([kind << 5 | (value if extra is None else extra)]) + (
                b"" if extra is None else struct.pack(form, value))
    raise ValueError(value)


class VirtualBus:
    """A client of the socket of docs/simulation.md."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(60)
        self.socket.connect(str(path))

    def transfer(self, address, write=b"", count=0):
        """The status, and the bytes that were read."""
        self.socket.send(b"\x84" + head(0, address) + head(2, len(write)) + write + head(0, count) + head(0, 100))
        reply = self.socket.recv(8192)
        if reply[:1] != b"\x82":
            raise ValueError(f"no reply of a bus: {reply.hex()}")
        status, reply = self.item(reply[1:])
        length, reply = self.item(reply)
        return status, reply[:length]

    @staticmethod
    def item(data):
        short = data[0] & 31
        if short < 24:
            return short, data[1:]
        size = {24: 1, 25: 2}[short]
        return int.from_bytes(data[1:1 + size], "big"), data[1 + size:]

    def close(self):
        self.socket.close()


class Adapter:
    """One adapter, plugged in as long as the connection to QEMU's character device stands."""

    def __init__(self, path, bus, serial="RIG1"):
        self.bus, self.serial = bus, serial
        self.status, self.pending, self.wide_ids = ACKNOWLEDGED, b"", False
        # What a test wants of the adapter itself: "fail" refuses every transfer on USB, "silent" answers no chip.
        self.mood = "well"
        self.transfers = 0
        self.failure = None
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.send(HELLO, 0, b"board test".ljust(64, b"\0") + struct.pack("<I", CAPABILITIES))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def send(self, kind, number, payload):
        identity = struct.pack("<Q" if self.wide_ids else "<I", number)
        self.socket.sendall(struct.pack("<II", kind, len(payload)) + identity + payload)

    def receive(self, count):
        found = b""
        while len(found) < count:
            some = self.socket.recv(count - len(found))
            if not some:
                raise EOFError
            found += some
        return found

    def serve(self):
        try:
            while True:
                kind, length = struct.unpack("<II", self.receive(8))
                number = int.from_bytes(self.receive(8 if self.wide_ids else 4), "little")
                self.answer(kind, number, self.receive(length))
        except (EOFError, OSError):
            pass
        except Exception as failure:  # told by the test: a thread's own end is seen by nobody
            self.failure = failure

    def answer(self, kind, number, payload):
        if kind == HELLO:
            self.introduce(struct.unpack_from("<I", payload, 64)[0] if len(payload) >= 68 else 0)
        elif kind == SET_CONFIGURATION:
            self.send(CONFIGURATION_STATUS, number, bytes([SUCCESS, payload[0]]))
        elif kind == GET_CONFIGURATION:
            self.send(CONFIGURATION_STATUS, number, bytes([SUCCESS, 1]))
        elif kind == SET_ALTERNATE:
            self.send(ALTERNATE_STATUS, number, bytes([SUCCESS, payload[0], payload[1]]))
        elif kind == GET_ALTERNATE:
            self.send(ALTERNATE_STATUS, number, bytes([SUCCESS, payload[0], 0]))
        elif kind == CONTROL_PACKET:
            self.control(number, payload)

    def introduce(self, capabilities):
        self.wide_ids = bool(capabilities & 1 << CAP_IDS_64)
        zeros, none = bytes(32), b"\xff" * 32
        # One interface of the vendor's class, and endpoint 0 alone.
        self.send(INTERFACE_INFO, 0, struct.pack("<I", 1) + zeros + b"\xff" + zeros[1:] + zeros + zeros)
        kinds = bytearray(none)
        kinds[0] = kinds[16] = 0
        sizes = (struct.pack("<H", 8) + bytes(30)) * 2
        self.send(ENDPOINT_INFO, 0, bytes(kinds) + zeros + zeros + (sizes if capabilities & 1 << CAP_ENDPOINT_SIZE else b""))
        version = struct.pack("<H", VERSION) if capabilities & 1 << CAP_CONNECT_VERSION else b""
        # A device of full speed.
        self.send(CONNECT, 0, struct.pack("<BBBBHH", 1, 0xFF, 0, 0, VENDOR, PRODUCT) + version)

    def control(self, number, payload):
        endpoint, request, kind, _, value, index, length = struct.unpack_from("<BBBBHHH", payload)
        status, said = self.perform(kind, request, value, index, length, payload[10:])
        said = said[:length] if kind & 0x80 else b""
        done = (len(said) if kind & 0x80 else length) if status == SUCCESS else 0
        self.send(CONTROL_PACKET, number, struct.pack("<BBBBHHH", endpoint, request, kind, status, value, index, done) + said)

    def perform(self, kind, request, value, index, length, data):
        """The status on USB, and what the adapter says."""
        if kind == 0x80 and request == 6:
            return self.descriptor(value >> 8, value & 0xFF)
        if kind == 0x80 and request == 0:
            return SUCCESS, b"\0\0"
        if kind & 0x60 != 0x40:
            return SUCCESS, b""
        if request == ECHO:
            return SUCCESS, struct.pack("<H", value)
        if request == FUNCTIONS:
            return SUCCESS, struct.pack("<I", FUNCTIONS_OF_ADAPTER)
        if request == STATUS:
            return SUCCESS, bytes([self.status])
        if request & 4:
            return self.message(index, bool(value & 1), bool(request & 2), length, data)
        return SUCCESS, b""

    def message(self, address, reads, stops, length, data):
        """One message of a transfer. What is written before a repeated start waits for what follows it."""
        self.transfers += 1
        if self.mood == "fail":
            self.pending = b""
            return IO_ERROR, b""
        if self.mood == "silent":
            status, said = 1, b""
        elif reads:
            status, said = self.bus.transfer(address, self.pending, length)
            self.pending = b""
        elif stops:
            status, said = self.bus.transfer(address, self.pending + data)
            self.pending = b""
        else:
            status, said = self.bus.transfer(address)
            self.pending += data
        self.status = ACKNOWLEDGED if status == 0 else NOT_ACKNOWLEDGED
        if status != 0:
            self.pending = b""
        return SUCCESS, said.ljust(length, b"\xff") if reads else b""

    def descriptor(self, kind, number):
        interface = struct.pack("<BBBBBBBBB", 9, 4, 0, 0, 0, 0xFF, 0, 0, 0)
        if kind == 1:
            return SUCCESS, struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0110, 0xFF, 0, 0, 8, VENDOR, PRODUCT, VERSION, 1, 2, 3, 1)
        if kind == 2:
            return SUCCESS, struct.pack("<BBHBBBBB", 9, 2, 9 + len(interface), 1, 1, 0, 0x80, 50) + interface
        if kind == 3 and number < 4:
            text = ["", "Board tests", "i2c-tiny-usb", self.serial][number].encode("utf-16-le") or b"\x09\x04"
            return SUCCESS, bytes([2 + len(text), 3]) + text
        return STALL, b""

    def close(self):
        """Unplugged: QEMU takes the device away when its character device ends."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        self.thread.join(60)
