"""The statistics of docs/coverage-protocol.md, "Consistency over time", written out from the document with Python's own
arithmetic: judge(nodes, observations, draws) gives each node's checks, as (outcome, figures), and its weight.

Nodes are {"id", "owner", "place", "gain"}; observations {"sender", "witness", "number", "power", "factor", "frequency",
"heard"} and, of what was heard, "signal", "snr", "error"; draws {"node", "number", "step", "factor", "sent"}.
"""

import math

from coverage_archive import metres
from statistics_of_places import hearing, other_places, reciprocity


def cut(numerator, denominator):
    """A quotient of whole numbers, cut off towards 0."""
    quotient = abs(numerator) // abs(denominator)
    return quotient if (numerator < 0) == (denominator < 0) else -quotient


def median(values):
    return sorted(values)[(len(values) - 1) // 2] if values else None


def thousandths(value):
    return int(math.floor(abs(value) + 0.5)) * (1 if value >= 0 else -1)


def chance(hits, count, permille):
    if hits <= 0:
        return 1.0
    if hits > count:
        return 0.0
    one = permille / 1000
    odds = one / (1 - one)
    term = 1.0
    for _ in range(count):
        term *= 1 - one
    total = 0.0
    for index in range(count + 1):
        if index >= hits:
            total += term
        term = term * (count - index) / (index + 1) * odds
    return total


def ties(values):
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return [count for count in counts.values() if count > 1]


def agreement(left, right):
    """Kendall's S, and its variance with ties in both."""
    n = len(left)
    if n < 3:
        return 0, 0.0
    sign = lambda x: (x > 0) - (x < 0)
    s = sum(sign(left[i] - left[j]) * sign(right[i] - right[j]) for i in range(n) for j in range(i))
    t, u = ties(left), ties(right)
    cubes = lambda sizes: sum(c * (c - 1) * (2 * c + 5) for c in sizes)
    triples = lambda sizes: sum(c * (c - 1) * (c - 2) for c in sizes)
    pairs = lambda sizes: sum(c * (c - 1) for c in sizes)
    first = n * (n - 1) * (2 * n + 5) - cubes(t) - cubes(u)
    return s, (first / 18 + triples(t) * triples(u) / (9 * n * (n - 1) * (n - 2))
               + pairs(t) * pairs(u) / (2 * n * (n - 1)))


def score(s, variance):
    return thousandths(s * 1000 / math.sqrt(variance)) if variance > 0 else 0


def lowest_snr(factor):
    return -750 - 250 * (factor - 7)


class Link:
    def __init__(self, sender, witness, observations, nodes):
        self.sender, self.witness = sender, witness
        self.observations = sorted(observations, key=lambda one: one["number"])
        self.heard = [one for one in self.observations if one["heard"]]
        losses = [one["power"] - one["signal"] for one in self.heard if one["signal"] is not None]
        gains = nodes[sender]["gain"] + nodes[witness]["gain"]
        self.loss = median(losses) + gains if len(losses) >= 3 else None
        places = nodes[sender]["place"], nodes[witness]["place"]
        self.metres = metres(*places) if None not in places else None


class Area:
    def __init__(self, nodes, observations):
        self.nodes = nodes
        pairs = {}
        for one in observations:
            if one["sender"] != one["witness"]:
                pairs.setdefault((one["sender"], one["witness"]), []).append(one)
        self.links = {pair: Link(*pair, found, nodes) for pair, found in sorted(pairs.items())}
        noises = [[] for _ in nodes]
        for link in self.links.values():
            for one in link.heard:
                if one["snr"] is not None and one["snr"] < 500 and one["signal"] is not None:
                    noises[link.witness].append(one["signal"] - one["snr"])
        self.noises = [median(found) if found else -11_700 for found in noises]
        for link in self.links.values():
            if link.loss is not None and self.too_rare(link):
                link.loss = None

    def too_rare(self, link):
        gain = self.nodes[link.sender]["gain"] + self.nodes[link.witness]["gain"]
        strong = [one for one in link.observations if one["power"] + gain - link.loss >= self.least(one) + 1000]
        return chance(sum(not one["heard"] for one in strong), len(strong), 500) <= 0.001

    def least(self, one):
        return self.noises[one["witness"]] + lowest_snr(one["factor"])

    def of(self, node, sender=True, witness=True):
        return [link for link in self.links.values()
                if sender and link.sender == node or witness and link.witness == node]

    def one_owner(self, first, second):
        owner = self.nodes[first]["owner"]
        return owner is not None and owner == self.nodes[second]["owner"]


class Oscillators:
    def __init__(self, area):
        self.area = area
        used = []
        for link in area.links.values():
            errors = [cut(one["error"] * 10 ** 9, one["frequency"]) for one in link.heard if one["error"] is not None]
            if len(errors) >= 3:
                used.append((link.sender, link.witness, median(errors)))
        self.offsets = [None] * len(area.nodes)
        for turn in range(10):
            values = [[] for _ in area.nodes]
            for sender, witness, error in used:
                values[sender].append(error + (self.offsets[witness] or 0))
                values[witness].append((self.offsets[sender] or 0) - error)
            old = self.offsets
            self.offsets = [
                None if len(own) < 5 else median(own) if turn == 0 else cut((old[node] or 0) + median(own), 2)
                for node, own in enumerate(values)]
            zero = median([one for one in self.offsets if one is not None]) or 0
            self.offsets = [None if one is None else one - zero for one in self.offsets]
        self.deviations = [[] for _ in area.nodes]
        every = []
        for sender, witness, error in used:
            if self.offsets[sender] is None or self.offsets[witness] is None:
                continue
            away = abs(error - (self.offsets[sender] - self.offsets[witness]))
            self.deviations[witness].append(away)
            every.append(away)
        self.tolerance = max(1500, 6 * (median(every) or 0))

    def foreign(self, one):
        ends = self.offsets[one["sender"]], self.offsets[one["witness"]]
        if not one["heard"] or one["error"] is None or None in ends:
            return False
        return abs(cut(one["error"] * 10 ** 9, one["frequency"]) - ends[0] + ends[1]) > self.tolerance

    def check(self, node):
        own = self.deviations[node]
        beyond = sum(away > self.tolerance for away in own)
        figures = {"links": len(own), "offset": self.offsets[node], "beyond": beyond, "tolerance": self.tolerance}
        if len(own) < 5:
            return "not-made", figures
        return "failed" if 2 * beyond > len(own) and chance(beyond, len(own), 100) <= 1e-6 else "passed", figures


def own_frames(area, oscillators):
    """Without what another oscillator than the sender's has sent."""
    count = len(area.nodes)
    heard, foreign = [0] * count, [0] * count
    for link in area.links.values():
        for one in link.heard:
            heard[link.witness] += 1
            foreign[link.witness] += oscillators.foreign(one)
    stays = [foreign[node] * 3 > heard[node] or oscillators.check(node)[0] == "failed" for node in range(count)]
    return Area(area.nodes, [one for link in area.links.values() for one in link.observations
                             if stays[link.witness] or not oscillators.foreign(one)])


def power_finding(area, link):
    if len(link.heard) < 6:
        return None
    best = None
    for factor in range(7, 11):
        own = [one for one in link.observations if one["factor"] >= factor]
        if not own:
            continue
        limit = max(area.least(one) + 300 - one["power"] for one in own)
        powers, ways, above = [], [], 0
        for one in own:
            if one["heard"] and one["signal"] is None:
                continue
            way = one["signal"] - one["power"] if one["heard"] else limit
            above += way > limit
            powers.append(one["power"])
            ways.append(max(way, limit))
        if above > (best[2] if best else 0):
            best = powers, ways, above
    if best is None or len(best[0]) < 12 or best[2] < 6 or max(best[0]) - min(best[0]) < 900:
        return None
    powers, ways, _ = best
    n, power, way = len(powers), sum(powers), sum(ways)
    across = sum(cut((p * n - power) * (w * n - way), n) for p, w in zip(powers, ways))
    square = sum(cut((p * n - power) ** 2, n) for p in powers)
    return agreement(powers, ways), 1000 + cut(across * 1000, square) if square > 0 else 1000


def power_sum(found):
    s, variance = sum(one[0][0] for one in found), sum(one[0][1] for one in found)
    result = {"links": len(found), "score": score(s, variance),
              "middle": median([score(*one[0]) for one in found]), "slope": median([one[1] for one in found])}
    result["false"] = (len(found) >= 3 and result["score"] <= -5000 and result["middle"] <= -1000)
    return result


def power_following(area):
    findings = {pair: power_finding(area, link) for pair, link in area.links.items()}
    nodes = range(len(area.nodes))
    pick = lambda pairs: [findings[pair] for pair in pairs if findings[pair] is not None]
    sent = [[pair for pair in findings if pair[0] == node] for node in nodes]
    heard = [[pair for pair in findings if pair[1] == node] for node in nodes]
    senders = [power_sum(pick(own)) for own in sent]
    witnesses = [power_sum(pick(own)) for own in heard]
    result = []
    for node in nodes:
        own = []
        for pairs, mine, others, end in ((sent[node], senders[node], witnesses, 1), (heard[node], witnesses[node], senders, 0)):
            kept = [pair for pair in pairs
                    if not (others[pair[end]]["false"] and others[pair[end]]["score"] <= mine["score"])]
            found = power_sum(pick(kept))
            figures = {"links": found["links"], "scorePermille": found["score"], "middleScorePermille": found["middle"],
                       "middleSlopePermille": found["slope"], "limitPermille": -5000}
            own.append(("not-made" if found["links"] < 3 else "failed" if found["false"] else "passed", figures))
        result.append(own)
    return result


def decades(way):
    return thousandths(1000 * math.log10(max(1, way) / 1000))


class Distances:
    def __init__(self, area):
        self.area = area
        self.line()
        used = [link for link in area.links.values()
                if link.loss is not None and link.metres is not None and 100 <= link.metres <= max(100, self.reach)]
        rests = [link.loss - self.base - cut(self.slope * decades(link.metres), 1000) for link in used]
        self.biases = [None] * len(area.nodes)
        for turn in range(4):
            values = [[] for _ in area.nodes]
            for link, rest in zip(used, rests):
                values[link.sender].append(rest - (self.biases[link.witness] or 0))
                values[link.witness].append(rest - (self.biases[link.sender] or 0))
            old = self.biases
            self.biases = [None if len(own) < 6 else cut(median(own) + (old[node] or 0), 2)
                           for node, own in enumerate(values)]
        self.deviations, every = [[] for _ in area.nodes], []
        for link, rest in zip(used, rests):
            away = abs(rest - (self.biases[link.sender] or 0) - (self.biases[link.witness] or 0))
            for node in (link.sender, link.witness):
                self.deviations[node].append(away)
            every.append(away)
        self.middle = max(200, median(every) or 0)

    def line(self):
        links = sorted((link for link in self.area.links.values()
                        if len(link.observations) >= 5 and link.metres is not None and link.metres >= 100),
                       key=lambda link: (link.metres, link.sender, link.witness))
        count = max(1, min(20, len(links) // 5))
        size = len(links) // count
        middles, self.reach = [], 0
        for group in range(count if size >= 5 else 0):
            own = links[group * size:(group + 1) * size]
            if sum(link.loss is not None for link in own) * 1000 < 600 * len(own):
                break
            loss = median([math.inf if link.loss is None else link.loss for link in own])
            middles.append((median([decades(link.metres) for link in own]), loss))
            self.reach = own[-1].metres
        slopes = [cut((b[1] - a[1]) * 1000, b[0] - a[0]) for i, b in enumerate(middles) for a in middles[:i]
                  if b[0] - a[0] >= 50]
        self.slope = max(1500, min(6000, median(slopes) if slopes else 3500))
        bases = [loss - cut(self.slope * place, 1000) for place, loss in middles]
        self.base = median(bases) if bases else 12_000

    def check(self, node):
        own, bias = self.deviations[node], self.biases[node]
        beyond = sum(2 * away > 5 * self.middle for away in own)
        figures = {"links": len(own), "bias": bias, "largestBias": 2500, "beyond": beyond, "middleDeviation": self.middle,
                   "slope": self.slope, "reachMetres": self.reach, "lossAtKilometre": self.base}
        if len(own) < 6 or bias is None:
            return "not-made", figures
        good = abs(bias) <= 2500 and chance(beyond, len(own), 150) > 1e-6
        return "passed" if good else "failed", figures

    def near(self, node):
        hear, others = [], []
        for link in self.area.of(node):
            other = link.witness if link.sender == node else link.sender
            if len(link.observations) >= 5 and link.metres is not None and not self.area.one_owner(node, other):
                (hear if 2 * len(link.heard) >= len(link.observations) else others).append(link.metres)
        right = sum(near < far for near in hear for far in others)
        pairs = len(hear) * len(others)
        permille = right * 1000 // pairs if pairs else 0
        figures = {"hear": len(hear), "hearNot": len(others), "nearerPermille": permille, "limitPermille": 600}
        if len(hear) < 4 or len(others) < 4:
            return "not-made", figures
        return "passed" if permille >= 600 else "failed", figures


def missing_hearers(area, node):
    looked = missing = 0
    for back in area.of(node, sender=False):
        way = area.links.get((node, back.sender))
        if back.loss is None or way is None or area.one_owner(node, back.sender):
            continue
        gain = area.nodes[node]["gain"] + area.nodes[back.sender]["gain"]
        strong = [one for one in way.observations if one["power"] + gain - back.loss >= area.least(one) + 1000]
        if len(strong) < 10:
            continue
        looked += 1
        missing += chance(sum(not one["heard"] for one in strong), len(strong), 500) <= 0.001
    figures = {"links": looked, "missing": missing, "leastMissing": 3}
    if looked < 3:
        return "not-made", figures
    return "failed" if missing >= 3 and 2 * missing > looked else "passed", figures


def neighbourhoods(area, reach):
    groups = list(range(len(area.nodes)))
    for (sender, witness), link in area.links.items():
        back = area.links.get((witness, sender))
        if len(link.heard) >= 3 and back and len(back.heard) >= 3 and not area.one_owner(sender, witness):
            low, high = sorted((groups[sender], groups[witness]))
            groups = [low if one == high else one for one in groups]
    owners = {}
    for node, group in enumerate(groups):
        owners.setdefault(group, set()).add(area.nodes[node]["owner"] or f"node {node}")
    result = []
    for node, own in enumerate(area.nodes):
        group, around = None, 0
        for other, there in enumerate(area.nodes):
            if own["place"] and there["place"] and metres(own["place"], there["place"]) <= reach:
                if len(owners[groups[other]]) > around:
                    group, around = groups[other], len(owners[groups[other]])
        hearers = sum(
            len(link.heard) >= 3 and groups[link.witness] == group and not area.one_owner(node, link.witness)
            and link.metres is not None and link.metres <= reach for link in area.of(node, witness=False))
        figures = {"hearers": hearers, "leastHearers": 2, "withinMetres": reach, "ownersAround": around}
        result.append(("not-made" if around < 5 else "passed" if hearers >= 2 else "failed", figures))
    return result


def apart(area, first, second):
    places = area.nodes[first]["place"], area.nodes[second]["place"]
    return None not in places and metres(*places) >= 300


def signs(link):
    by_power, result = {}, {}
    if len(link.heard) < 3:
        return result
    for one in link.heard:
        if one["signal"] is not None:
            by_power.setdefault(one["power"], []).append(one["signal"])
    for one in link.heard:
        own = by_power.get(one["power"], []) if one["signal"] is not None else []
        if len(own) >= 3:
            away = one["signal"] - median(own)
            result[one["number"]] = (away > 0) - (away < 0)
    return result


def one_radio(area):
    nodes = range(len(area.nodes))
    found = {pair: signs(link) for pair, link in area.links.items()}
    fading, ways = [None] * len(nodes), [None] * len(nodes)
    for first in nodes:
        for second in range(first + 1, len(nodes)):
            frames = total = 0
            for sender in nodes:
                left, right = found.get((sender, first), {}), found.get((sender, second), {})
                products = [left[number] * right[number] for number in left.keys() & right.keys()]
                frames += sum(one != 0 for one in products)
                total += sum(products)
            if frames < 40 or not apart(area, first, second):
                continue
            value = thousandths(total * 1000 / math.sqrt(frames))
            permille = cut(total * 1000, frames)
            for node, other in ((first, second), (second, first)):
                rank = (value >= 6000, permille if value >= 6000 else value)
                if fading[node] is None or rank > fading[node][0]:
                    fading[node] = rank, value, other, frames, permille
    losses = [{link.witness: link.loss for link in area.of(node, witness=False) if link.loss is not None} for node in nodes]
    for second in nodes:
        for first in range(second):
            shared = sorted(losses[first].keys() & losses[second].keys())
            if min(len(losses[first]), len(losses[second]), len(shared)) < 8 or not apart(area, first, second):
                continue
            differences = [losses[first][one] - losses[second][one] for one in shared]
            alike = sum(abs(one - median(differences)) <= 150 for one in differences)
            value = chance(alike - 1, len(shared) - 1, 250)
            for node, other in ((first, second), (second, first)):
                if ways[node] is None or value < ways[node][0]:
                    ways[node] = value, other, len(shared), alike
    name = lambda entry, place: area.nodes[entry[place]]["id"] if entry else None
    result = []
    for node in nodes:
        own, way = fading[node], ways[node]
        same_fading = own and own[1] >= 6000 and own[4] >= 500
        first = {"scorePermille": own and own[1], "other": name(own, 2), "frames": own and own[3],
                 "agreePermille": own and own[4], "limitPermille": 6000}
        second = {"ways": way and way[2], "alike": way and way[3], "other": name(way, 1)}
        result.append([("not-made" if own is None else "failed" if same_fading else "passed", first),
                       ("not-made" if way is None else "failed" if way[0] <= 1e-7 else "passed", second)])
    return result


def skipped_draws(draws):
    sent = [int(one["sent"]) for one in draws]
    power = score(*agreement(sent, [one["step"] for one in draws]))
    factor = score(*agreement(sent, [one["factor"] for one in draws]))
    skipped = len(draws) - sum(sent)
    figures = {"windows": len(draws), "skipped": skipped, "powerStepScorePermille": power,
               "factorScorePermille": factor, "limitPermille": 5000}
    if skipped < 5 or sum(sent) < 5:
        return "not-made", figures
    return "failed" if max(abs(power), abs(factor)) >= 5000 else "passed", figures


def judge(nodes, observations, draws):
    whole = Area(nodes, observations)
    oscillators = Oscillators(whole)
    area = own_frames(whole, oscillators)
    powers, distances, radios = power_following(area), Distances(area), one_radio(area)
    around = neighbourhoods(area, distances.reach)
    shared = [any(outcome == "failed" for outcome, _ in own) for own in radios]
    places, louder = other_places(area, distances.slope, shared), reciprocity(area)
    result = []
    for node in range(len(nodes)):
        checks = powers[node] + [distances.check(node), distances.near(node), places[node], louder[node],
                                 missing_hearers(area, node), hearing(area, node, lowest_snr),
                                 around[node], oscillators.check(node)] + radios[node]
        checks.append(skipped_draws([one for one in draws if one["node"] == node]))
        weight = 1000
        for outcome, _ in checks:
            weight = weight * 250 // 1000 if outcome == "failed" else weight
        result.append((checks, weight))
    return result
