"""Sizes of the stripped programs, and which modules and libraries take the room. Called by size.sh."""
import collections
import pathlib
import re
import subprocess
import sys

from table import Table

PROGRAMS = ("cairn-agent", "cairn-uplink-https", "cairn-usb", "cairn")
STATIC = ("cairn-agent",)
ARCHITECTURES = ("amd64", "arm64", "armhf")
# Embedded Swift mangles a name as $e, the module's length, the module.
MODULE = re.compile(r"^\$[es](\d+)(\w+)")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def linkage(path):
    headers = output("readelf", "-lW", path)
    if "INTERP" not in headers:
        return "static"
    needed = re.findall(r"NEEDED.*\[(.*)\]", output("readelf", "-dW", path))
    return f"dynamic: {', '.join(needed)}"


def module(symbol):
    """The module that a symbol is from, by its mangled name; C code by how it is named."""
    found = MODULE.match(symbol)
    if found:
        length = int(found[1])
        if len(found[2]) >= length:
            return found[2][:length]
    if symbol.startswith("$e"):
        return "Swift library"
    if symbol.startswith("cairn_"):
        return "CLinux and other shims"
    if re.match(r"^(crypto_|sodium_|randombytes|ge25519|fe25519|sc25519|blake2b|argon2|_?sodium)", symbol):
        return "libsodium (by name)"
    return "C library and the rest"


def symbols(path):
    """(size, name) of everything that takes room, the largest first."""
    lines = output("nm", "-S", "--size-sort", "-r", path).splitlines()
    fields = (line.split() for line in lines)
    return [(int(size, 16), name) for _, size, kind, name in (f for f in fields if len(f) == 4)
            if kind not in "bB"]


def demangled(name):
    try:
        text = output("swift", "demangle", "-compact", "-simplified", name).strip()
    except (OSError, subprocess.CalledProcessError):
        text = name
    return text if len(text) <= 90 else text[:87] + "..."


def main():
    static, dynamic = (pathlib.Path(folder) for folder in sys.argv[1:3])
    table = Table("Sizes of the stripped programs")
    for architecture in ARCHITECTURES:
        folder = pathlib.Path("build", architecture)
        for name in PROGRAMS:
            path = folder / name
            if not path.is_file():
                table.absent(f"{name}, {architecture}", f"make ship ARCH={architecture}")
                continue
            bound = "agent-size" if name == "cairn-agent" else None
            note = linkage(path) + ("; the bound is arm64's" if bound and folder.name != "arm64" else "")
            table.add(f"{name}, {folder.name}", path.stat().st_size, "bytes", bound, note)
    table.show()

    for name in PROGRAMS:
        path = (static if name in STATIC else dynamic) / name
        if not path.is_file():
            continue
        found = symbols(path)
        by_module = collections.Counter()
        for size, symbol in found:
            by_module[module(symbol)] += size
        print(f"\n{name}: code and constants by module, before stripping (bytes; specialised generics count")
        print("where they were written)")
        for part, size in by_module.most_common(16):
            print(f"  {size:>8}  {part}")
        print("  largest symbols")
        for size, symbol in found[:8]:
            print(f"  {size:>8}  {demangled(symbol)}")


main()
