"""The other end of a network card in a machine: a network of two, the machine and a host that gives it an address, names
a time server, and is that server. Its time is this computer's.

QEMU hands over each Ethernet frame behind its length (`-netdev stream`). DHCP: RFC 2131 and 2132; SNTP: RFC 4330.
"""

import pathlib
import socket
import struct
import threading
import time

from emulator import Trouble

HOST, MACHINE, MASK = bytes([10, 9, 0, 1]), bytes([10, 9, 0, 2]), bytes([255, 255, 255, 0])
HOST_HARDWARE = bytes.fromhex("020000000001")
MACHINE_HARDWARE = "02:00:00:00:00:02"
ARP, IP, UDP = 0x0806, 0x0800, 17
DHCP_SERVER, DHCP_CLIENT, TIME = 67, 68, 123
# Options of DHCP, and its messages.
NETMASK, HOST_NAME, LEASE, MESSAGE, SERVER, TIME_SERVERS, END = 1, 12, 51, 53, 54, 42, 255
DISCOVER, OFFER, REQUEST, ACKNOWLEDGE = 1, 2, 3, 5
LEASE_SECONDS = 86_400
# From 1900, where NTP begins, to 1970.
NTP_EPOCH = 2_208_988_800


def checksum(data):
    """RFC 1071."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def timestamp(seconds):
    return struct.pack(">II", int(seconds) + NTP_EPOCH & 0xFFFFFFFF, int(seconds % 1 * (1 << 32)))


class SmallNetwork:
    """Plugged into the machine as a network card on USB; its host answers until it is closed."""

    def __init__(self, machine, name="wire"):
        self.machine, self.names, self.time_requests, self.failure = machine, [], 0, None
        path = pathlib.Path(machine.folder) / name
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(1)
            listener.settimeout(60)
            machine.qmp.command("netdev_add", type="stream", id=name, server=False,
                                addr={"type": "unix", "path": str(path)})
            self.line, _ = listener.accept()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        machine.plug("usb-net", f"{name}-usb", netdev=name, bus="usb.0", mac=MACHINE_HARDWARE)

    def receive(self, count):
        found = b""
        while len(found) < count:
            some = self.line.recv(count - len(found))
            if not some:
                raise EOFError
            found += some
        return found

    def serve(self):
        try:
            while True:
                self.take(self.receive(struct.unpack(">I", self.receive(4))[0]))
        except (EOFError, OSError):
            pass
        except Exception as failure:  # told by close: a thread's own end is seen by nobody
            self.failure = failure

    def send(self, to, kind, payload):
        frame = (to + HOST_HARDWARE + struct.pack(">H", kind) + payload).ljust(60, b"\0")
        self.line.sendall(struct.pack(">I", len(frame)) + frame)

    def take(self, frame):
        arrived = time.time()
        if len(frame) < 14:
            return
        sender, kind, payload = frame[6:12], struct.unpack_from(">H", frame, 12)[0], frame[14:]
        if kind == ARP and len(payload) >= 28 and payload[6:8] == b"\0\1" and payload[24:28] == HOST:
            self.send(sender, ARP, payload[:6] + b"\0\2" + HOST_HARDWARE + HOST + payload[8:18])
        elif kind == IP and len(payload) >= 28 and payload[0] == 0x45 and payload[9] == UDP:
            source, port, length = struct.unpack_from(">HHH", payload, 20)
            content = payload[28:20 + length]
            if port == DHCP_SERVER and len(content) > 240:
                self.lease(content)
            elif port == TIME and payload[16:20] == HOST and len(content) >= 48:
                self.tell_time(sender, payload[12:16], source, content, arrived)

    def send_udp(self, hardware, address, ports, content):
        head = struct.pack(">BBHHHBBH", 0x45, 0, 28 + len(content), 0, 0, 64, UDP, 0) + HOST + address
        head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
        datagram = struct.pack(">HHH", *ports, 8 + len(content))
        pseudo = HOST + address + struct.pack(">BBH", 0, UDP, 8 + len(content))
        total = checksum(pseudo + datagram + b"\0\0" + content) or 0xFFFF
        self.send(hardware, IP, head + datagram + struct.pack(">H", total) + content)

    def lease(self, asked):
        """An address and a time server; no way out of this network."""
        options, at = {}, 240
        while at + 1 < len(asked) and asked[at] != END:
            if asked[at] == 0:
                at += 1
                continue
            options[asked[at]] = asked[at + 2:at + 2 + asked[at + 1]]
            at += 2 + asked[at + 1]
        answer = {DISCOVER: OFFER, REQUEST: ACKNOWLEDGE}.get(options.get(MESSAGE, b"\0")[0])
        if answer is None:
            return
        self.names.append(options.get(HOST_NAME, b"").decode(errors="replace"))
        given = [(MESSAGE, bytes([answer])), (SERVER, HOST), (LEASE, struct.pack(">I", LEASE_SECONDS)), (NETMASK, MASK),
                 (TIME_SERVERS, HOST)]
        content = (struct.pack(">BBBB", 2, 1, 6, 0) + asked[4:12] + bytes(4) + MACHINE + HOST + bytes(4)
                   + asked[28:44] + bytes(192) + asked[236:240]
                   + b"".join(bytes([number, len(value)]) + value for number, value in given) + bytes([END]))
        self.send_udp(b"\xff" * 6, b"\xff" * 4, (DHCP_SERVER, DHCP_CLIENT), content)

    def tell_time(self, hardware, address, port, asked, arrived):
        """A server of stratum 1 whose reference is this computer's clock."""
        self.time_requests += 1
        head = struct.pack(">BBbbII4s", asked[0] & 0x38 | 4, 1, 6, -20, 0, 0, b"LOCL")
        content = head + timestamp(arrived) + asked[40:48] + timestamp(arrived) + timestamp(time.time())
        self.send_udp(hardware, address, (TIME, port), content)

    def close(self):
        try:
            self.line.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.line.close()
        self.thread.join(60)
        if self.failure:
            raise Trouble(f"the host of the small network: {self.failure!r}")
