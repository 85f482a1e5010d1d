#!/usr/bin/env python3
"""Copies a part of a kernel's modules, with all that they need.

    Boards/Image/modules.py KERNEL-ROOT VERSION LIST TO

KERNEL-ROOT is Debian's package unpacked; TO/VERSION is made. Which module needs which is read out of the modules
themselves: the package brings no list of it. `depmod` has to run afterwards.
"""

import os
import re
import shutil
import sys


def plain(path):
    return os.path.basename(path).split(".ko")[0].replace("-", "_")


def needs(path):
    with open(path, "rb") as file:
        found = re.search(rb"\0depends=([^\0]*)\0", file.read())
    return [name for name in (found.group(1).decode().split(",") if found else []) if name]


def chosen(listing, paths, built_in, base):
    """Names that the list names, and the lines that mean nothing in this kernel."""
    wanted, unknown, without = set(), [], set()
    for line in open(listing):
        line = line.split("#")[0].strip()
        if not line:
            continue
        if line.startswith("-"):
            without.add(plain(line[1:]))
        elif line.endswith("/"):
            inside = {name for name, path in paths.items() if os.path.relpath(path, base).startswith(f"kernel/{line}")}
            wanted |= inside
            if not inside and not any(path.startswith(f"kernel/{line}") for path in built_in):
                unknown.append(line)
        elif plain(line) in paths:
            wanted.add(plain(line))
        elif plain(line) not in {plain(path) for path in built_in}:
            unknown.append(line)
    return wanted - without, unknown


def main(root, version, listing, to):
    base = f"{root}/lib/modules/{version}"
    paths = {plain(name): os.path.join(folder, name)
             for folder, _, names in os.walk(base) for name in names if ".ko" in name}
    built_in = [line.strip() for line in open(f"{base}/modules.builtin")]
    wanted, unknown = chosen(listing, paths, built_in, base)
    if unknown:
        print(f"{listing}: not in kernel {version}: {' '.join(unknown)}", file=sys.stderr)
    left, taken = sorted(wanted), set()
    while left:
        name = left.pop()
        if name in taken or name not in paths:
            continue
        taken.add(name)
        left += [other.replace("-", "_") for other in needs(paths[name])]
    for name in sorted(taken):
        target = f"{to}/{version}/{os.path.relpath(paths[name], base)}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(paths[name], target)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copyfile(f"{base}/{name}", f"{to}/{version}/{name}")
    print(f"{len(taken)} modules, {sum(os.path.getsize(paths[name]) for name in taken) >> 20} MiB")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
