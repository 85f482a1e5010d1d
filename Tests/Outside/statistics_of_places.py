"""The statistics "no other place fits better", "sends as loudly as it says" and "it hears those who hear it" of
docs/coverage-protocol.md, written out from the document; statistics_over_time.py has the others, and the area."""

import math

RADII = [400, 600, 800, 1000, 1250, 1500, 2000, 2500, 3000]
SINES = [0, 500, 866, 1000, 866, 500, 0, -500, -866, -1000, -866, -500]
METRES = 6_371_008.8 * math.pi / 180 / 10_000_000


def cut(numerator, denominator):
    quotient = abs(numerator) // abs(denominator)
    return quotient if (numerator < 0) == (denominator < 0) else -quotient


def rounded(value):
    return int(math.floor(abs(value) + 0.5)) * (1 if value >= 0 else -1)


def median(values):
    return sorted(values)[(len(values) - 1) // 2] if values else None


def decades(way):
    return rounded(1000 * math.log10(max(1, way) / 1000))


class Curve:
    """Medians of groups by length, and what lies between them."""

    def __init__(self, points, slope):
        self.points, self.slope, own = [], slope, []
        for point in sorted(points):
            own.append(point)
            if len(own) >= 30 and own[-1][0] - own[0][0] >= 100:
                self.points.append((median([place for place, _ in own]), median([value for _, value in own])))
                own = []

    def at(self, place):
        if not self.points:
            return 0
        first, last = self.points[0], self.points[-1]
        if place <= first[0] or place >= last[0]:
            end = first if place <= first[0] else last
            return end[1] + cut((place - end[0]) * self.slope, 1000)
        low = max((one for one in self.points if one[0] <= place), key=lambda one: one[0])
        high = self.points[self.points.index(low) + 1]
        return low[1] + cut((place - low[0]) * (high[1] - low[1]), max(1, high[0] - low[0]))


def cost(ways, east, north, curve):
    rests = []
    for way in ways:
        length = rounded(math.sqrt((way["east"] - east) ** 2 + (way["north"] - north) ** 2))
        rests.append(way["loss"] - curve.at(decades(max(100, length))))
    middle = median(rests)
    return sum(min(3000, abs(rest - middle) * 1000 // way["deviation"]) ** 2 for way, rest in zip(ways, rests))


def other_places(area, slope, shared):
    links = [link for link in area.links.values() if link.loss is not None and (link.metres or 0) >= 100]
    nodes = range(len(area.nodes))
    curve = Curve([(decades(link.metres), link.loss) for link in links], slope)
    rests = [link.loss - curve.at(decades(link.metres)) for link in links]
    senders, witnesses = [0] * len(nodes), [0] * len(nodes)
    for _ in range(4):
        for effects, others, mine, theirs in ((senders, witnesses, "sender", "witness"), (witnesses, senders, "witness", "sender")):
            values = [[] for _ in nodes]
            for link, rest in zip(links, rests):
                values[getattr(link, mine)].append(rest - others[getattr(link, theirs)])
            effects[:] = [median(own) or 0 for own in values]
    away = [(decades(link.metres), abs(rest - senders[link.sender] - witnesses[link.witness])) for link, rest in zip(links, rests)]
    deviations = Curve(away, 0)
    whole = max(200, cut((median([value for _, value in away]) or 0) * 1000, 674))
    can = len({node for link in links for node in (link.sender, link.witness)}) >= 20 and len(curve.points) >= 3
    result = []
    for node in nodes:
        ways = ways_of(area, node, [link for link in links if link.sender == node and not shared[link.witness]], witnesses, deviations)
        if len(ways) < 8:
            ways = ways_of(area, node, [link for link in links if link.witness == node and not shared[link.sender]], senders, deviations)
        figures = {"links": None, "gainPermille": None, "limitPermille": 15_000, "betterMetresAway": None, "deviation": whole}
        if not can or len(ways) < 8:
            result.append(("not-made", figures))
            continue
        here, best, metres = cost(ways, 0, 0, curve), 0, 0
        for radius in RADII:
            for place in range(12):
                east, north = cut(radius * SINES[(place + 3) % 12], 1000), cut(radius * SINES[place], 1000)
                saved = here - cost(ways, east, north, curve)
                if saved > best:
                    best, metres = saved, radius
        figures.update(links=len(ways), gainPermille=best // 1000, betterMetresAway=metres)
        result.append(("failed" if best // 1000 >= 15_000 else "passed", figures))
    return result


def ways_of(area, node, links, effects, deviations):
    own = area.nodes[node]["place"]
    if own is None:
        return []
    narrow = math.cos(own[0] / 10_000_000 * math.pi / 180)
    ways = []
    for link in links:
        other = link.witness if link.sender == node else link.sender
        there = area.nodes[other]["place"]
        if there is None or area.one_owner(node, other):
            continue
        east = there[1] - own[1]
        east -= 3_600_000_000 * ((east > 1_800_000_000) - (east < -1_800_000_000))
        ways.append({
            "loss": link.loss - effects[other], "east": rounded(east * narrow * METRES),
            "north": rounded((there[0] - own[0]) * METRES),
            "deviation": max(200, cut(deviations.at(decades(link.metres)) * 1000, 674))})
    return ways


def middle_loss(area, link):
    best = None
    for factor in range(7, 11):
        own = [one for one in link.observations if one["factor"] >= factor]
        if not own:
            continue
        limit = max(area.least(one) + 300 - one["power"] for one in own)
        ways = [max(one["signal"] - one["power"], limit) if one["heard"] else limit
                for one in own if not one["heard"] or one["signal"] is not None]
        above = sum(way > limit for way in ways)
        if above > (best[0] if best else 0):
            best = above, ways, limit
    if len(link.heard) < 5 or best is None or best[0] < 5 or median(best[1]) <= best[2]:
        return None
    return -median(best[1])


def reciprocity(area):
    nodes = range(len(area.nodes))
    losses = {pair: middle_loss(area, link) for pair, link in area.links.items()}
    used = [(one, other, losses[other, one] - loss) for (one, other), loss in losses.items()
            if one < other and loss is not None and losses.get((other, one)) is not None and not area.one_owner(one, other)]
    louder = [None] * len(nodes)
    for turn in range(10):
        values = [[] for _ in nodes]
        for one, other, more in used:
            values[one].append(more + (louder[other] or 0))
            values[other].append((louder[one] or 0) - more)
        louder = [None if len(own) < 5 else cut(median(own) + (0 if turn == 0 else louder[node] or 0), 2)
                  for node, own in enumerate(values)]
    measured = [node for node in nodes if louder[node] is not None]
    noise, best = median([area.noises[node] for node in measured]) or 0, None
    for quarters in range(5):
        tried = [None if one is None else one + cut((area.noises[node] - noise) * quarters, 4) for node, one in enumerate(louder)]
        middle = median([one for one in tried if one is not None]) or 0
        moved = [None if one is None else one - middle for one in tried]
        spread = median([abs(one) for one in moved if one is not None]) or 0
        if best is None or spread < best[1]:
            best = quarters, spread, moved
    deviation = cut(best[1] * 1000, 674) if len(measured) >= 10 else None
    limit = None if deviation is None else max(300, cut(35 * deviation, 10))
    result = []
    for node in nodes:
        own = best[2][node]
        figures = {"pairs": sum(node in pair[:2] for pair in used), "louder": own, "limit": limit, "deviation": deviation,
                   "noiseQuarters": best[0]}
        result.append(("not-made" if own is None or limit is None else "passed" if own <= limit else "failed", figures))
    return result


def hearing(area, node, lowest_snr):
    others = expected = heard = beacons = 0
    for way in area.of(node, witness=False):
        if not way.heard or area.one_owner(node, way.witness):
            continue
        gain = area.nodes[node]["gain"] + area.nodes[way.witness]["gain"]
        sent = {one["number"]: one for link in area.of(way.witness, witness=False) for one in link.observations}
        beacons += len(sent)
        if way.loss is None:
            continue
        count = sum(one["power"] + gain - way.loss >= area.noises[node] + lowest_snr(one["factor"]) + 1000 for one in sent.values())
        if count == 0:
            continue
        others, expected = others + 1, expected + count
        back = area.links.get((way.witness, node))
        heard += len(back.heard) if back else 0
    told = sum(len(link.observations) for link in area.of(node, sender=False))
    figures = {"beacons": beacons, "told": told, "others": others, "expected": expected, "leastExpected": 200, "heard": heard, "leastPermille": 10}
    if told == 0 and beacons >= 400:
        return "failed", figures
    if others < 3 or expected < 200:
        return "not-made", figures
    return "passed" if heard * 1000 >= 10 * expected else "failed", figures
