"""Recomputes the statistics over time of an archive (docs/coverage-protocol.md, "Consistency over time") without Cairn's code.

    python3 coverage_statistics.py FOLDER...

From the leaves, enrolments and verdicts of each archive: who listened to whom and heard what, what each chain drew, and then
every figure of every statistic (statistics_over_time.py). Each figure and outcome, and each node's weight, is compared with
standings.cbor-seq, with its counts, place and gain; then each of them is changed by itself, and the comparison has to find it.
Every key that sent a sound beacon, or that heard one or listened to it, has to have a standing: each node is taken out by itself, and
that has to be found. coverage_archive.py recomputes the verdicts; which keys are one node's, and whose, is taken from the
standing. Status 1 at the first figure that differs, or
when a folder has no standing.
"""

import json
import pathlib
import sys

from archive import sequence
from coverage import airtime_microseconds, remainder, sha256, u32be
from coverage_archive import Book, metres
from statistics_over_time import judge
from verify_export import Falsehood

WINDOWS, EXPECTED = 48, 15_000


def same(what, told, computed):
    if told != computed:
        raise Falsehood(f"{what}: the archive has {told}, and it is {computed}")


class Period:
    """What an archive has of one period, and what it says of its nodes."""

    def __init__(self, archive, name, told=None):
        self.archive, (self.region, self.window, self.begin) = archive, name
        self.end = self.begin + WINDOWS * self.window * 1000
        self.told = archive.standings.get(name, {}) if told is None else told
        order = sorted(self.told)
        self.by_key = {bytes.fromhex(key): place for place, node in enumerate(order) for key in self.told[node]["keys"]}
        self.nodes = []
        for node in order:
            place, radio = self.newest([bytes.fromhex(key) for key in self.told[node]["keys"]])
            self.nodes.append({"id": node, "owner": self.told[node].get("owner"), "place": place, "gain": radio})
        self.order = order
        self.numbers = sorted(number for number, (told, _, _) in archive.challenges.items() if self.has(told))

    def has(self, told):
        window = told[5][2] * 1000
        start = (told[2] // window + 1) * window
        due = start + window + told[5][6] * 1000
        return (told[4], told[5][2]) == (self.region, self.window) and self.begin <= start < self.end and due <= self.archive.now

    @staticmethod
    def standing(told):
        radio = told[8]
        return tuple(told[7]) if told[7] else None, radio[3] - radio[4] if radio else 0

    def newest(self, keys):
        found = [(time, told[1], told) for key in keys for time, told in self.archive.enrolments.get(key, [])
                 if time < self.end]
        return self.standing(max(found, key=lambda one: one[:2])[2])

    def was(self, key, moment):
        """Its place in the list, when it stood then where it stands at the end."""
        place = self.by_key.get(key)
        found = [told for time, told in self.archive.enrolments.get(key, []) if time <= moment]
        if place is None or not found:
            return None
        own = self.nodes[place]
        return place if self.standing(found[-1]) == (own["place"], own["gain"]) else None

    def enrolled(self, key):
        return any(time < self.end for time, _ in self.archive.enrolments.get(key, []))

    def then(self, key, moment):
        """Place and gain by the last enrolment of the key by then."""
        found = [told for time, told in self.archive.enrolments.get(key, []) if time <= moment]
        return self.standing(found[-1]) if found else None

    def used(self):
        """Keys that must have a standing, and those of which one at least makes a node one."""
        must, may = set(), set()
        for key, number, verdict in self.archive.verdicts:
            if number not in self.numbers:
                continue
            if verdict["outcome"] != "sound":
                continue
            must.add(key)
            start = (self.archive.challenges[number][0][2] // (self.window * 1000) + 1) * self.window * 1000
            if key in self.by_key and self.was(key, start) is None:
                continue
            must |= {bytes.fromhex(one["key"]) for one in verdict["witnesses"] if one["counts"]}
            sender = self.then(key, start)
            for other in map(bytes.fromhex, verdict["silentListeners"]):
                may.add(other)
                place = self.then(other, start)
                if place and place[0] and sender and sender[0] and metres(sender[0], place[0]) <= EXPECTED:
                    must.add(other)
        return {key for key in must if self.enrolled(key)}, must | may

    def is_too_large(self):
        sound = [(number, verdict) for _, number, verdict in self.archive.verdicts
                 if number in self.numbers and verdict["outcome"] == "sound"]
        mine = [verdict for _, verdict in sound]
        windows = [sum(number == one for one, _ in sound) for number in self.numbers]
        ways = sum(len(verdict["witnesses"]) + len(verdict["silentListeners"]) for verdict in mine)
        return len(self.used()[0]) > 1_024 or max(windows, default=0) > 2_048 or ways > 1_000_000

    def complete(self):
        """No key is left out, and none has a standing that did nothing."""
        if not self.told and self.is_too_large():
            return
        must, may = self.used()
        senders = {key for key, number, _ in self.archive.verdicts if number in self.numbers}
        for key in sorted(must):
            if key not in self.by_key:
                raise Falsehood(f"key {key.hex()[:16]} was at work in the period of {self.region} from {self.begin}, "
                                "and no standing has it")
        for key in sorted(self.by_key):
            if key not in may | senders:
                raise Falsehood(f"key {key.hex()[:16]} has a standing in a period in which it did nothing")
        for node, told in sorted(self.told.items()):
            if not any(bytes.fromhex(key) in may for key in told["keys"]):
                raise Falsehood(f"node {node[:16]} has a standing, and neither a sound beacon nor a word on one")

    def counts(self, observations, draws):
        zero = dict.fromkeys(("beacons", "sound", "listeners", "hearers", "listened", "heard", "windows", "skipped"), 0)
        result = [dict(zero) for _ in self.order]
        for key, number, verdict in self.archive.verdicts:
            if number in self.numbers and key in self.by_key:
                result[self.by_key[key]]["beacons"] += 1
                result[self.by_key[key]]["sound"] += verdict["outcome"] == "sound"
        for one in observations:
            if one["sender"] != one["witness"]:
                for place, all_, heard in (("sender", "listeners", "hearers"), ("witness", "listened", "heard")):
                    result[one[place]][all_] += 1
                    result[one[place]][heard] += one["heard"]
        for draw in draws:
            result[draw["node"]]["windows"] += 1
            result[draw["node"]]["skipped"] += not draw["sent"]
        return result

    def observations(self):
        result = []
        for key, number, verdict in self.archive.verdicts:
            if number not in self.numbers or verdict["outcome"] != "sound":
                continue
            start = (self.archive.challenges[number][0][2] // (self.window * 1000) + 1) * self.window * 1000
            sender, derived = self.was(key, start), verdict["derived"]
            if sender is None:
                continue
            base = {"sender": sender, "number": number, "power": derived["powerCentidecibelMilliwatts"],
                    "factor": derived["spreadingFactor"], "frequency": derived["frequencyHertz"]}
            for witness in verdict["witnesses"]:
                other = bytes.fromhex(witness["key"])
                place = self.was(other, start)
                if witness["counts"] and place is not None:
                    leaf = self.archive.logs[other][(witness["epoch"], witness["leaf"])][2]
                    result.append({**base, "witness": place, "heard": True, "snr": leaf[12], "error": leaf[13],
                                   "signal": witness.get("signalCentidecibelMilliwatts")})
            for listener in verdict["silentListeners"]:
                place = self.was(bytes.fromhex(listener), start)
                if place is None or None in (self.nodes[place]["place"], self.nodes[sender]["place"]):
                    continue
                if metres(self.nodes[place]["place"], self.nodes[sender]["place"]) <= EXPECTED:
                    result.append({**base, "witness": place, "heard": False})
        return result

    def draws(self):
        senders = {key for key, number, _ in self.archive.verdicts if number in self.numbers}
        return [draw for key in senders if key in self.by_key for number in self.numbers
                if (draw := self.draw(key, number)) is not None]

    def draw(self, key, number):
        told, nonce, _ = self.archive.challenges[number]
        policy = told[5]
        _, _, window, slot_ms, slots, reserve, _, uncertainty, _, factors, _, steps = policy[:12]
        chains = [one for time, one in self.archive.enrolments.get(key, []) if one[6] is not None and time < told[2]]
        if not chains or number < chains[-1][6][0]:
            return None
        link = self.archive.revealed(key, number, chains[-1][6])
        if link is None:
            return None
        seed = sha256(b"cairn-seed-v1", link, nonce, key, u32be(number))
        slot = remainder(seed, 0, slots - reserve)
        usable = [one for one in range(7, 13) if factors >> one & 1
                  and airtime_microseconds(one) + 2 * uncertainty * 1000 <= slot_ms * 1000]
        digest = sha256(b"cairn-rendezvous-v1", nonce, u32be(slot))
        sent = any(leaf[3] == number for _, _, _, leaf in self.archive.leaves(key, 9))
        return {"node": self.by_key[key], "number": number, "step": remainder(seed, 8, steps),
                "factor": usable[remainder(digest, 8, len(usable))], "sent": sent}

    def judged(self):
        self.complete()
        observations, draws = self.observations(), self.draws()
        counts = self.counts(observations, draws)
        return [(*found, count) for found, count in zip(judge(self.nodes, observations, draws), counts)]

    def compare(self, found):
        for place, (node, (checks, weight, counts)) in enumerate(zip(self.order, found)):
            told, own = self.told[node], self.nodes[place]
            same(f"{node[:16]}: counts", told["counts"], counts)
            there = (told["latitudeE7"], told["longitudeE7"]) if "latitudeE7" in told else None
            same(f"{node[:16]}: place", there, own["place"] and own["place"][:2])
            same(f"{node[:16]}: gain", told["gainCentidecibels"], own["gain"])
            same(f"{node[:16]}: checks", len(told["checks"]), len(checks))
            for one, (outcome, figures) in zip(told["checks"], checks):
                name = f"{node[:16]}: {one['name']}"
                same(name, {figure["name"]: figure["value"] for figure in one["figures"]}, figures)
                same(name, one["outcome"], outcome)
            same(f"{node[:16]}: weight", told["weightPermille"], weight)
        return len(found), sum(weight < 1000 for _, weight, _ in found)

    def spoil(self, found):
        """Every figure, outcome and weight, each changed by itself, has to be found."""
        count = 0
        for told in self.told.values():
            places = [(told, "weightPermille"), (told, "gainCentidecibels")] + [(told["counts"], name) for name in told["counts"]]
            places += [(told, name) for name in ("latitudeE7", "longitudeE7") if name in told]
            for check in told["checks"]:
                places += [(check, "outcome")] + [(figure, "value") for figure in check["figures"]]
            for place, name in places:
                right, count = place[name], count + 1
                place[name] = right + 1 if isinstance(right, int) else "another"
                try:
                    self.compare(found)
                except Falsehood:
                    place[name] = right
                else:
                    raise Falsehood(f"{name} may be {place[name]} for {right}: the comparison finds nothing")
        for node in list(self.told):
            others, count = {name: told for name, told in self.told.items() if name != node}, count + 1
            try:
                Period(self.archive, (self.region, self.window, self.begin), others).complete()
            except Falsehood:
                continue
            raise Falsehood(f"node {node[:16]} may be left out: the comparison finds nothing")
        return count


class Archive(Book):
    def __init__(self, folder):
        super().__init__(folder)
        self.now = [item[2] for _, item in sequence(folder / "log.cbor-seq")][-1]
        self.standings = {}
        path = folder / "standings.cbor-seq"
        for _, (_, region, window, begin, node, text) in sequence(path) if path.exists() else []:
            self.standings.setdefault((region, window, begin), {})[node.hex()] = json.loads(text)

    def periods(self):
        """Of every challenge whose reveal is due, whether there are standings or not."""
        due = set(self.standings)
        for number, (told, _, _) in self.challenges.items():
            length, window = WINDOWS * told[5][2] * 1000, told[5][2] * 1000
            start = (told[2] // window + 1) * window
            if start + window + told[5][6] * 1000 <= self.now:
                due.add((told[4], told[5][2], start // length * length))
        return sorted(due)


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    for folder in arguments:
        nodes = lowered = changed = 0
        try:
            archive = Archive(pathlib.Path(folder))
            for name in archive.periods():
                period = Period(archive, name)
                found = period.judged()
                counts = period.compare(found)
                nodes, lowered, changed = nodes + counts[0], lowered + counts[1], changed + period.spoil(found)
        except Falsehood as falsehood:
            print(f"{folder}: false: {falsehood.args[0]}")
            return 1
        print(f"{folder}: {len(archive.standings)} periods, {nodes} standings recomputed, {lowered} lowered; "
              f"{changed} figures changed one by one, each found")
        if not nodes:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
