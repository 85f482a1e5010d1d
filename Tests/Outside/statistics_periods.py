"""Recomputes the statistics over time of periods with attackers, without Cairn's code (docs/coverage-protocol.md,
"Consistency over time").

    python3 statistics_periods.py FILE...

Files are those that the tests of Sources/Attackers leave with CAIRN_PERIODS=FOLDER: nodes, observations and draws of a
period, and what was found. Every figure, outcome and weight is compared with statistics_over_time.py's. These periods have
nodes enough for the statistics of places, which small archives have not. Status 1 at the first figure that differs.
"""

import json
import sys

from coverage_statistics import same
from statistics_over_time import judge
from verify_export import Falsehood

OBSERVATION = ("sender", "witness", "number", "power", "factor", "frequency", "heard", "signal", "snr", "error")
DRAW = ("node", "number", "step", "factor", "sent")


def compare(file):
    with open(file, encoding="utf-8") as text:
        told = json.load(text)
    nodes = [{"id": place, "owner": node.get("owner"), "gain": node["gain"],
              "place": tuple(node["place"]) if node.get("place") else None} for place, node in enumerate(told["nodes"])]
    found = judge(nodes, [dict(zip(OBSERVATION, one)) for one in told["observations"]],
                  [dict(zip(DRAW, one)) for one in told["draws"]])
    same("nodes", len(told["found"]), len(found))
    figures = failed = 0
    for place, (own, (checks, weight)) in enumerate(zip(told["found"], found)):
        same(f"node {place}: checks", len(own["checks"]), len(checks))
        for one, (outcome, computed) in zip(own["checks"], checks):
            name = f"node {place}: {one['name']}"
            same(name, {figure["name"]: figure["value"] for figure in one["figures"]}, computed)
            same(name, one["outcome"], outcome)
            figures, failed = figures + len(computed), failed + (outcome == "failed")
        same(f"node {place}: weight", own["weightPermille"], weight)
    return len(nodes), figures, failed


def main(files):
    if not files:
        print(__doc__, file=sys.stderr)
        return 2
    for file in files:
        try:
            nodes, figures, failed = compare(file)
        except Falsehood as falsehood:
            print(f"{file}: false: {falsehood.args[0]}")
            return 1
        print(f"{file}: {figures} figures of {nodes} nodes recomputed, {failed} checks failed")
        if not failed:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
