"""Builds the example of docs/coverage-protocol.md anew, without Cairn's code, and compares it line by line.

    python3 coverage.py              compares with the document; status 1 when a line differs or is missing
    python3 coverage.py --print      writes the lines to standard output

Hashes by hashlib, CBOR by cbor2, the signature of the challenge by cryptography; time on air by the formula of
the SX1261/2 data sheet, written out here.
"""

import hashlib
import math
import pathlib
import re
import sys

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

DOCUMENT = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "coverage-protocol.md"

LINKS = 65_536
# EU868 of RP002-1.0.4 section 2.5, in the order of docs/radio-regions.md.
CHANNELS = [868_100_000, 868_300_000, 868_500_000, 867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000]


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def u32be(value):
    return value.to_bytes(4, "big")


def remainder(digest, offset, count):
    return int.from_bytes(digest[offset:offset + 8], "big") % count


def airtime_microseconds(factor, length=24):
    symbol = 2 ** factor / 125_000
    slow = symbol >= 0.016
    bits = 8 * length + 16 - 4 * factor + 8 + 20
    blocks = math.ceil(max(bits, 0) / (4 * (factor - (2 if slow else 0))))
    return round((8 + 4.25 + 8 + blocks * 5) * symbol * 1_000_000)


def lines():
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
    gateway = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"))
    key_hash = sha256(private.public_key().public_bytes_raw())
    secret = bytes(range(32))
    first, number, issued = 7, 1000, 1_743_638_400_000
    index = number - first + 1

    chain = {}
    link = secret
    for place in range(LINKS, 0, -1):
        if place == index:
            chain[index] = link
        link = sha256(b"cairn-chain-v1", link)
    anchor = link

    nonce = bytes(range(98, 130))
    window, slot_ms, slots, reserve, delay, uncertainty = 900, 2000, 400, 50, 21_600, 300
    step, steps = 300, 4
    factors = 0b1111_1000_0000
    policy = [1, 0, window, slot_ms, slots, reserve, delay, uncertainty, b"\xff", factors, step, steps,
              600, 300, 300, 100_000, 36]
    gateway_key = gateway.public_key().public_bytes_raw()
    protected = cbor2.dumps({
        1: -8, 4: sha256(gateway_key)[:8], 16: "cairn-chal",
        -65537: [1, number, issued, 1800, "EU868", policy, None]})
    structure = cbor2.dumps(["Signature1", protected, b"", nonce])
    message = cbor2.dumps(cbor2.CBORTag(18, [protected, {}, nonce, gateway.sign(structure)]))

    seed = sha256(b"cairn-seed-v1", chain[index], nonce, key_hash, u32be(number))
    slot = remainder(seed, 0, slots - reserve)
    power_step = remainder(seed, 8, steps)
    reserve_slot = slots - reserve + remainder(seed, 16, reserve)
    tag = sha256(b"cairn-tag-v1", seed)[:16]
    frame = bytes([0xE0, 1]) + key_hash[:4] + (number & 0xFFFF).to_bytes(2, "big") + tag

    usable = [factor for factor in range(7, 13) if factors >> factor & 1
              and airtime_microseconds(factor) + 2 * uncertainty * 1000 <= slot_ms * 1000]

    def rendezvous(place):
        digest = sha256(b"cairn-rendezvous-v1", nonce, u32be(place))
        channel = remainder(digest, 0, len(CHANNELS))
        return channel, CHANNELS[channel], usable[remainder(digest, 8, len(usable))]

    channel, frequency, factor = rendezvous(slot)
    start = (issued // (window * 1000) + 1) * window * 1000
    transmission = start + slot * slot_ms + uncertainty
    # A radio enrolled with 14 dBm, 2.15 dBi and 0.5 dB of cable; 16.15 dBm EIRP in the plan.
    highest = min(1400, 1615 - 215 + 50) // 100 * 100
    power = highest - power_step * step
    air = airtime_microseconds(factor)
    begin = 5_000_000

    yield "key hash", key_hash.hex()
    yield "chain secret", secret.hex()
    yield "anchor", anchor.hex()
    yield "index", str(index)
    yield "link", chain[index].hex()
    yield "nonce", nonce.hex()
    yield "policy", cbor2.dumps(policy).hex()
    yield "challenge", message.hex()
    yield "challenge hash", sha256(structure).hex()
    yield "seed", seed.hex()
    yield "slot", str(slot)
    yield "power step", str(power_step)
    yield "reserve slot", str(reserve_slot)
    yield "tag", tag.hex()
    yield "frame", frame.hex()
    yield "frame hash", sha256(frame).hex()
    yield "channel", str(channel)
    yield "frequency", str(frequency)
    yield "spreading factor", str(factor)
    yield "time on air", str(air)
    for place in (0, 1, 399):
        yield f"rendezvous of slot {place}", "{0} {1} {2}".format(*rendezvous(place))
    yield "window start", str(start)
    yield "transmission", str(transmission)
    yield "reveal from", str(start + window * 1000 + delay * 1000)
    yield "power", str(power)
    leaves = {
        "intent": [8, 0, 4_000_000, number, sha256(frame)],
        "sent": [9, 33, 5_001_000, number, False, begin, air, frequency, factor, True],
        "reveal": [10, 0, 30_000_000, number, chain[index], power],
        "witness": [11, 33, 5_000_400, frame, 5_000_371, 2, frequency, factor, 125_000, 5, -11_250, None, -450, 812,
                    0, 0],
        "listen": [12, 33, 5_900_000, number, 0, None, None, b"\xff\x01", -11_680],
        "frame": [13, 33, 6_000_000, sha256(b"a LoRaWAN frame"), 23, 5_999_900, 2, 868_100_000, 7, 125_000, 5, -9_800,
                  -9_900, 725, None, 2, -150, None],
    }
    for name, leaf in leaves.items():
        yield f"leaf {name}", cbor2.dumps(leaf).hex()


def main():
    if sys.argv[1:] == ["--print"]:
        for name, value in lines():
            print(f"    {name}: {value}")
        return 0
    if sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    said = dict(re.findall(r"^    ([a-z][a-z0-9 ]*): ([0-9a-f -]+)$", DOCUMENT.read_text(), re.MULTILINE))
    wrong = [(name, said.get(name)) for name, value in lines() if said.get(name) != value]
    for name, found in wrong:
        print(f"{name}: the document has {found}")
    unknown = set(said) - {name for name, _ in lines()}
    for name in unknown:
        print(f"{name}: nobody computes it")
    print("coverage example:", "differs" if wrong or unknown else f"{len(said)} lines are right")
    return 1 if wrong or unknown else 0


if __name__ == "__main__":
    sys.exit(main())
