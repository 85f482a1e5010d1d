"""The tree that the rules look at: tracked files, and the package's targets as SwiftPM sees them."""

import functools
import json
import os
import pathlib
import re
import subprocess

# Files of others, unchanged, and data: rules of ours do not bind them.
FOREIGN = re.compile(r"^(Data/|Tests/Vectors/(cose|merkle)/|LICENSE$)")
TEXT = re.compile(r"(\.(swift|c|h|modulemap|py|sh|md|ini|sample|txt|yml|yaml|service|rules|conf|json)|"
                  r"(^|/)(Makefile|run|\.gitignore|\.swift-format))$")


class Target:
    def __init__(self, name, kind, folder, dependencies, products=()):
        self.name = name
        self.kind = kind  # "regular", "executable", "test", "system"
        self.folder = folder
        self.dependencies = list(dependencies)
        self.products = set(products)

    @property
    def module(self):
        return self.name.replace("-", "_")


class Tree:
    """`files` maps a path to its text; `targets` a name to its Target; `board` names what boards run."""

    def __init__(self, files, targets=(), board=()):
        self.files = files
        self.targets = {target.name: target for target in targets}
        self.board = set(board)

    def exists(self, path):
        path = path.rstrip("/")
        return path in self.files or any(name.startswith(path + "/") for name in self.files)

    def matching(self, pattern):
        return ((path, text) for path, text in sorted(self.files.items()) if re.search(pattern, path))

    def sources(self, target, pattern=r"\.swift$"):
        return self.matching("^" + re.escape(target.folder) + "/.*" + pattern)

    @functools.cache
    def reached(self, name):
        """All that a target needs, directly or not."""
        found, left = set(), [name]
        while left:
            for dependency in self.targets[left.pop()].dependencies:
                if dependency not in found:
                    found.add(dependency)
                    if dependency in self.targets:
                        left.append(dependency)
        return found


def read_tree(root):
    """The tree as it stands in a checkout: what git tracks, and what is new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=root,
        check=True, capture_output=True, text=True).stdout
    files = {}
    for path in filter(None, listed.split("\0")):
        place = pathlib.Path(root, path)
        if not place.is_file():
            continue  # deleted, and not yet committed
        is_text = TEXT.search(path) and not FOREIGN.search(path)
        files[path] = place.read_text(encoding="utf-8") if is_text else ""
    targets = parse_manifest(dump(root, {}))
    board = {target.name for target in parse_manifest(dump(root, {"EMBEDDED": "1"}))}
    return Tree(files, targets, board)


def dump(root, variables):
    """The whole manifest, or that of the ship build: SwiftPM evaluates it, and fetches nothing."""
    environment = {key: value for key, value in os.environ.items() if key not in ("BOARD_ONLY", "EMBEDDED")}
    result = subprocess.run(
        ["swift", "package", "dump-package"], cwd=root, check=True, capture_output=True, text=True,
        env=environment | variables)
    return json.loads(result.stdout)


def parse_manifest(manifest):
    targets = []
    for one in manifest["targets"]:
        folder = one.get("path") or ("Tests/" if one["type"] == "test" else "Sources/") + one["name"]
        dependencies, products = [], []
        for dependency in one["dependencies"]:
            if "product" in dependency:
                products.append(dependency["product"][0])
            else:
                dependencies.append((dependency.get("byName") or dependency["target"])[0])
        targets.append(Target(one["name"], one["type"], folder, dependencies, products))
    return targets


def without_comments_and_text(source):
    """Swift or C code, line for line, with comments and string literals blanked; what is interpolated stays."""
    out, place, end = [], 0, len(source)
    # Each open construct: ("code", depth of parentheses) inside an interpolation, or ("text", delimiter, hashes).
    stack = [("code", 0)]
    depth = 0
    while place < end:
        state = stack[-1]
        character = source[place]
        if state[0] == "text":
            _, delimiter, hashes = state
            interpolation = "\\" + hashes + "("
            if source.startswith(interpolation, place):
                stack.append(("code", depth))
                depth += 1
                out.append(" " * (len(interpolation) - 1) + "(")
                place += len(interpolation)
            elif source.startswith("\\" + hashes, place):
                width = len(hashes) + 2
                out.append("".join("\n" if c == "\n" else " " for c in source[place:place + width]))
                place += width
            elif source.startswith(delimiter + hashes, place):
                stack.pop()
                out.append(delimiter + hashes)
                place += len(delimiter + hashes)
            else:
                # An unended literal of one line is no literal: a character of C, say.
                if character == "\n" and delimiter != '"""':
                    stack.pop()
                out.append("\n" if character == "\n" else " ")
                place += 1
            continue
        literal = re.compile(r'(#*)("""|")').match(source, place)
        if source.startswith("//", place):
            stop = source.find("\n", place)
            stop = end if stop < 0 else stop
            out.append(" " * (stop - place))
            place = stop
        elif source.startswith("/*", place):
            level, stop = 1, place + 2
            while stop < end and level:
                if source.startswith("/*", stop):
                    level, stop = level + 1, stop + 2
                elif source.startswith("*/", stop):
                    level, stop = level - 1, stop + 2
                else:
                    stop += 1
            out.append("".join("\n" if c == "\n" else " " for c in source[place:stop]))
            place = stop
        elif literal:
            stack.append(("text", literal.group(2), literal.group(1)))
            out.append(literal.group())
            place = literal.end()
        else:
            if character == "(":
                depth += 1
            elif character == ")":
                depth -= 1
                if len(stack) > 1 and depth == state[1]:
                    stack.pop()
            out.append(character)
            place += 1
    return "".join(out)
