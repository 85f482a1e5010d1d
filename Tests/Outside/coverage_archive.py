"""Recomputes verdicts of an archive (docs/archive.md, docs/coverage-protocol.md) from its leaves, without Cairn's code.

    python3 coverage_archive.py FOLDER

For each beacon that the archive calls sound: the chain from the revealed link to the enrolled anchor, seed, slot, power, tag,
frame, rendezvous, window, who stands where; for each witness that counts: distance, free space, the signal's own power,
SNR, noise, and that its receipt is earlier than the reveal; and for every beacon which witness leaves are looked at. Each figure is compared with the one in the verdict. Hashes by
hashlib, CBOR by cbor2, formulas written out here. archive.py verifies signatures and trees; here they are taken as they are.
Status 1 at the first figure that differs, or when the folder has no sound beacon.
"""

import functools
import json
import math
import pathlib
import sys

import cbor2

from archive import sequence
from coverage import CHANNELS, airtime_microseconds, remainder, sha256, u32be
from verify_export import Falsehood

LABEL_FIELDS = -65537
RADIUS, LIGHT = 6_371_008.8, 299_792_458.0


def require(what, condition):
    if not condition:
        raise Falsehood(what)


def same(what, told, computed):
    require(f"{what}: the verdict has {told}, and it is {computed}", told == computed)


def fields(message):
    protected, _, payload, _ = cbor2.loads(message).value
    return cbor2.loads(protected)[LABEL_FIELDS], payload, sha256(cbor2.dumps(["Signature1", protected, b"", payload]))


@functools.cache
def before(link, count):
    for _ in range(count):
        link = sha256(b"cairn-chain-v1", link)
    return link


class Book:
    """Everything of the archive that speaks of beacons, by key."""

    def __init__(self, folder):
        self.challenges, self.enrolments, self.logs, self.named = {}, {}, {}, None
        receipts = {}
        for index, (_, (_, kind, time, document)) in enumerate(sequence(folder / "log.cbor-seq")):
            if kind == 1:
                receipts[index] = fields(document)[0]
            elif kind == 2:
                told, nonce, name = fields(document)
                if isinstance(told[5], list):
                    self.challenges[told[1]] = (told, nonce, name)
            elif kind == 3:
                told, *_ = fields(document)
                self.enrolments.setdefault(sha256(told[4]), []).append((time, told))
        for _, item in sequence(folder / "batches.cbor-seq"):
            receipt = receipts[item[1]]
            message, items = cbor2.loads(item[2])
            position = fields(message)[0]
            first = position[4] - sum(1 if isinstance(one, bytes) else one[0] for one in items)
            for one in items:
                if isinstance(one, bytes):
                    leaf = cbor2.loads(one)
                    place = (position[1], first)
                    self.logs.setdefault(receipt[1], {})[place] = (position[5], receipt[5], leaf)
                first += 1 if isinstance(one, bytes) else one[0]
        self.verdicts = [
            (item[1], item[2], json.loads(item[3])) for _, item in sequence(folder / "verdicts.cbor-seq")]

    def leaves(self, key, kind):
        return [(place, *rest) for place, rest in sorted(self.logs.get(key, {}).items()) if rest[2][0] == kind]

    def revealed(self, key, number, chain):
        """The link of a number, from the first reveal that leads to the anchor: of each number the first in the log."""
        first, anchor = chain
        said = [leaf[3:5] for _, _, _, leaf in self.leaves(key, 10)]
        own = [one for one in said if one[0] == number][:1]
        later = sorted((one for one in said if number < one[0] < number + 65_536), key=lambda one: one[0])
        links = {}
        for other, link in later[:4_096]:
            links.setdefault(other, link)
        for other, link in own + list(links.items())[:1_024]:
            if other - first < 65_536 and before(link, other - first + 1) == anchor:
                return before(link, other - number)
        return None

    def looked_at(self, key, number):
        """Of the witness leaves in the beacon's name: four of each key, those of the intended frame first."""
        told, _, _ = self.challenges[number]
        due = (told[2] // (told[5][2] * 1000) + 2) * told[5][2] * 1000 + told[5][6] * 1000
        intended = {leaf[4] for _, _, _, leaf in self.leaves(key, 8) if leaf[3] == number}
        name = bytes([0xE0, 1]) + key[:4] + (number & 0xFFFF).to_bytes(2, "big")
        if self.named is None:
            self.named = {}
            for other, log in self.logs.items():
                for place, (_, receipt, leaf) in log.items():
                    if leaf[0] == 11 and len(leaf[3]) == 24:
                        self.named.setdefault(leaf[3][:8], []).append((receipt, other, *place, sha256(leaf[3])))
        entries = sorted(entry for entry in self.named.get(name, []) if told[2] <= entry[0] <= due + 86_400_000)
        chosen, counts = [], {}
        for wanted in (True, False):
            for _, other, epoch, index, frame in entries:
                if (frame in intended) == wanted and counts.get(other, 0) < 4 and len(chosen) < 1_024:
                    counts[other] = counts.get(other, 0) + 1
                    chosen.append((other.hex(), epoch, index))
        return sorted(chosen)

    def utc(self, key, place, boot, milliseconds):
        """By the last clock leaf with a source before the moment, or the first behind it."""
        fixes = sorted(
            (leaf[2], where[1], leaf[4]) for where, other, _, leaf in self.leaves(key, 5)
            if where[0] == place[0] and other == boot and leaf[3] != 0)
        before = [fix for fix in fixes if fix[0] <= milliseconds]
        fix = before[-1] if before else fixes[0]
        return fix[2] + milliseconds - fix[0]

    def enrolled(self, key, moment):
        return [told for time, told in self.enrolments.get(key, []) if time <= moment][-1]


def metres(one, other):
    """Haversine on the sphere; altitudes are in no enrolment that is compared here."""
    low, high = math.radians(one[0] / 1e7), math.radians(other[0] / 1e7)
    across = math.radians((other[1] - one[1]) / 1e7)
    half = math.sin((high - low) / 2) ** 2 + math.cos(low) * math.cos(high) * math.sin(across / 2) ** 2
    return round(2 * RADIUS * math.asin(math.sqrt(half)))


def signal_power(rssi, snr):
    return rssi - 1000 * math.log10(1 + 10 ** (-snr / 1000))


def gains(radio):
    """Enrolled power, gain less cable loss."""
    return radio[2], radio[3] - radio[4]


def beacon(book, key, number, verdict):
    told, nonce, challenge_hash = book.challenges[number]
    issued, policy = told[2], told[5]
    _, _, window, slot_ms, slots, reserve, delay, uncertainty, mask, factors, step, steps = policy[:12]
    start = (issued // (window * 1000) + 1) * window * 1000
    due = start + (window + delay) * 1000
    same("challenge", verdict["challenge"], challenge_hash.hex())
    same("key", verdict["key"], key.hex())

    # The newest anchor of before the challenge.
    anchors = [told for time, told in book.enrolments[key] if told[6] is not None and time < issued]
    link = book.revealed(key, number, anchors[-1][6])
    require("no link leads to the anchor", link is not None)

    seed = sha256(b"cairn-seed-v1", link, nonce, key, u32be(number))
    power_step = remainder(seed, 8, steps)
    tag = sha256(b"cairn-tag-v1", seed)[:16]
    frame = bytes([0xE0, 1]) + key[:4] + (number & 0xFFFF).to_bytes(2, "big") + tag
    intents = [leaf for _, _, _, leaf in book.leaves(key, 8) if leaf[3] == number]
    require("an intent has another frame", intents and all(leaf[4] == sha256(frame) for leaf in intents))

    place, boot, _, sent = next(entry for entry in book.leaves(key, 9) if entry[3][3] == number)
    _, _, _, _, retry, begin, air, frequency, factor, _ = sent
    slot = slots - reserve + remainder(seed, 16, reserve) if retry else remainder(seed, 0, slots - reserve)
    usable = [one for one in range(7, 13) if factors >> one & 1
              and airtime_microseconds(one) + 2 * uncertainty * 1000 <= slot_ms * 1000]
    channels = [one for one in range(len(CHANNELS)) if mask[one // 8] >> one % 8 & 1]
    digest = sha256(b"cairn-rendezvous-v1", nonce, u32be(slot))
    channel = channels[remainder(digest, 0, len(channels))]
    spreading = usable[remainder(digest, 8, len(usable))]
    require("sent on another channel", (frequency, factor) == (CHANNELS[channel], spreading))
    require("another time on air", air == airtime_microseconds(spreading))
    enrolment = book.enrolled(key, start)
    power, gain = gains(enrolment[8])
    power = min(power, 1615 - gain) // 100 * 100 - power_step * step
    derived = verdict["derived"]
    for name, value in (
            ("slot", slot), ("channel", channel), ("frequencyHertz", frequency), ("spreadingFactor", factor),
            ("powerStep", power_step), ("powerCentidecibelMilliwatts", power), ("isRetry", retry)):
        same(name, derived[name], value)
    moment = book.utc(key, place, boot, begin)
    require("sent outside of its slot", abs(moment - (start + slot * slot_ms + uncertainty)) <= slot_ms)

    readable = min([due] + [receipt for _, _, receipt, leaf in book.leaves(key, 10)
                            if number <= leaf[3] < number + 65_536])
    counted = 0
    for witness in verdict["witnesses"]:
        if witness["counts"]:
            counted += 1
            heard(book, witness, frame, frequency, factor, power + gain, enrolment[7], (start, readable))
    return counted


def heard(book, witness, frame, frequency, factor, radiated, sender, times):
    key = bytes.fromhex(witness["key"])
    boot, receipt, leaf = book.logs[key][(witness["epoch"], witness["leaf"])]
    kind, _, _, bytes_, end, _, channel, spreading, bandwidth, rate, rssi, _, snr, error = leaf[:14]
    require("it is no witness of this frame", kind == 11 and bytes_ == frame)
    require("other settings", (channel, spreading, bandwidth, rate) == (frequency, factor, 125_000, 5))
    require("a frequency error beyond the tolerance", error is None or abs(error) <= 36 * frequency / 1_000_000)
    require("its receipt is not earlier than the reveal", receipt < times[1])
    require("heard outside of the window", book.utc(key, (witness["epoch"], 0), boot, end) > times[0])
    own = book.enrolled(key, times[0])
    distance = metres(own[7], sender)
    same("distance", witness["distanceMetres"], distance)
    loss = 2000 * math.log10(4 * math.pi * distance * frequency / LIGHT)
    most = radiated + gains(own[8])[1] - round(loss)
    same("free space", witness["freeSpaceCentidecibelMilliwatts"], most)
    signal = signal_power(rssi, snr)
    # Cairn computes it with whole numbers, to 0.01 dB.
    require("the signal's power differs", abs(witness["signalCentidecibelMilliwatts"] - signal) <= 1)
    require("above free space", signal <= most + 600)
    require("below what is demodulated", snr >= -250 * (spreading - 4) - 300)
    require("less noise than a receiver has", signal - snr >= -12_600)


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    sound = counted = 0
    try:
        book = Book(pathlib.Path(arguments[0]))
        for key, number, verdict in book.verdicts:
            if number in book.challenges:
                told = sorted((one["key"], one["epoch"], one["leaf"]) for one in verdict["witnesses"])
                same("witness leaves", told, book.looked_at(key, number))
            if verdict["outcome"] == "sound":
                counted += beacon(book, key, number, verdict)
                sound += 1
    except Falsehood as falsehood:
        print(f"false: {falsehood.args[0]}")
        return 1
    print(f"{len(book.verdicts)} verdicts, {sound} sound ones recomputed with {counted} witnesses")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
