"""Recomputes the statistics over time of an archive (docs/coverage-protocol.md, "Consistency over time") without Cairn's code.

    python3 coverage_statistics.py FOLDER...

From the leaves, enrolments and verdicts of each archive: who listened to whom and heard what, what each chain drew, and then
every figure of every statistic (statistics_over_time.py). Each figure and outcome, and each node's weight, is compared with
standings.cbor-seq; then each of them is changed by itself, and the comparison has to find it. coverage_archive.py recomputes
the verdicts; which keys are one node's, and whose, is taken from the standing. Status 1 at the first figure that differs, or
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

    def __init__(self, archive, name):
        self.archive, (self.region, self.window, self.begin) = archive, name
        self.end = self.begin + WINDOWS * self.window * 1000
        self.told = archive.standings[name]
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
        reveals = [leaf for _, _, _, leaf in self.archive.leaves(key, 10) if number <= leaf[3] < number + 65_536]
        if not chains or number < chains[-1][6][0] or not reveals:
            return None
        nearest = min(reveals, key=lambda leaf: leaf[3])
        link = nearest[4]
        for _ in range(nearest[3] - number):
            link = sha256(b"cairn-chain-v1", link)
        seed = sha256(b"cairn-seed-v1", link, nonce, key, u32be(number))
        slot = remainder(seed, 0, slots - reserve)
        usable = [one for one in range(7, 13) if factors >> one & 1
                  and airtime_microseconds(one) + 2 * uncertainty * 1000 <= slot_ms * 1000]
        digest = sha256(b"cairn-rendezvous-v1", nonce, u32be(slot))
        sent = any(leaf[3] == number for _, _, _, leaf in self.archive.leaves(key, 9))
        return {"node": self.by_key[key], "number": number, "step": remainder(seed, 8, steps),
                "factor": usable[remainder(digest, 8, len(usable))], "sent": sent}

    def judged(self):
        return judge(self.nodes, self.observations(), self.draws())

    def compare(self, found):
        for node, (checks, weight) in zip(self.order, found):
            told = self.told[node]
            same(f"{node[:16]}: checks", len(told["checks"]), len(checks))
            for one, (outcome, figures) in zip(told["checks"], checks):
                name = f"{node[:16]}: {one['name']}"
                same(name, {figure["name"]: figure["value"] for figure in one["figures"]}, figures)
                same(name, one["outcome"], outcome)
            same(f"{node[:16]}: weight", told["weightPermille"], weight)
        return len(found), sum(weight < 1000 for _, weight in found)

    def spoil(self, found):
        """Every figure, outcome and weight, each changed by itself, has to be found."""
        count = 0
        for told in self.told.values():
            places = [(told, "weightPermille")]
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
        return count


class Archive(Book):
    def __init__(self, folder):
        super().__init__(folder)
        self.now = [item[2] for _, item in sequence(folder / "log.cbor-seq")][-1]
        self.standings = {}
        path = folder / "standings.cbor-seq"
        for _, (_, region, window, begin, node, text) in sequence(path) if path.exists() else []:
            self.standings.setdefault((region, window, begin), {})[node.hex()] = json.loads(text)


def main(arguments):
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    for folder in arguments:
        nodes = lowered = changed = 0
        try:
            archive = Archive(pathlib.Path(folder))
            for name in archive.standings:
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
