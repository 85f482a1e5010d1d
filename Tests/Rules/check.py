#!/usr/bin/env python3
"""Rules that no compiler checks, run from the root of the repository. Python 3, standard library only.

    Tests/Rules/check.py               every rule; exit status 1 and a line per violation
    Tests/Rules/check.py --self-test   each rule against a sample that it must catch, and one that it must not
    Tests/Rules/check.py --format      swift format lint, which takes longer

A violation reads `file:line: what, why`. Warnings begin with `warning:` and leave the exit status as it is.
"""

import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import graph_rules
import source_rules
import text_rules
import tree

RULES = graph_rules.RULES + source_rules.RULES + text_rules.RULES


def check(the_tree):
    violations, warnings = [], []
    for rule in RULES:
        for path, line, what, *is_warning in rule(the_tree):
            (warnings if is_warning else violations).append((path, line, what))
    for path, line, what in sorted(set(warnings)):
        print(f"warning: {path}:{line}: {what}", file=sys.stderr)
    for path, line, what in sorted(set(violations)):
        print(f"{path}:{line}: {what}")
    print(
        f"{len(RULES)} rules, {len(the_tree.files)} files, {len(the_tree.targets)} targets: "
        f"{len(set(violations))} violations, {len(set(warnings))} warnings", file=sys.stderr)
    return 1 if violations else 0


def main(arguments):
    if arguments == ["--self-test"]:
        import self_test
        return self_test.run(RULES)
    if arguments == ["--format"]:
        return subprocess.run(
            ["swift", "format", "lint", "--strict", "--recursive", "Sources", "Tests", "Package.swift"]).returncode
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    if not pathlib.Path("Package.swift").is_file():
        print("run this from the root of the repository", file=sys.stderr)
        return 2
    return check(tree.read_tree("."))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
