"""Shows that archive.py takes an archive that is right, and that its checks can fail.

    python3 archive_selftest.py FOLDER

FOLDER is an archive that archive.py takes, with a receipt at least. Copies of it are forged, each in one place.
"""

import pathlib
import shutil
import sys
import tempfile

from archive import KEY_CHANGE, RECEIPT, Archive, encode, sequence
from verify_export import Falsehood

FILES = ("log.cbor-seq", "keys.cbor-seq", "batches.cbor-seq")


def verdict(folder, trusted=None):
    try:
        Archive(folder, trusted).verify()
    except Falsehood as falsehood:
        return falsehood.args[0]
    return None


def swapped(items):
    return [items[1], items[0], *items[2:]]


def changed_last_byte(item):
    """Of the item's last byte string; indexes of withheld leaves may stand behind it."""
    place = max(index for index, value in enumerate(item) if isinstance(value, bytes))
    value = item[place]
    return [*item[:place], value[:-1] + bytes([value[-1] ^ 1]), *item[place + 1:]]


def forgeries(log, keys, batches):
    """(what, file, items, the check that has to be false)."""
    receipt = max(index for index, leaf in enumerate(log) if leaf[1] == RECEIPT)
    yield "a leaf is missing", 0, log[:receipt] + log[receipt + 1:], {"batches", "head"}
    yield "time goes back", 0, [*log[:receipt], [1, RECEIPT, log[receipt][2] - 1, log[receipt][3]], *log[receipt + 1:]], {"leaves", "receipts"}
    yield "a first key twice", 0, [*log, log[0]], {"leaves", "first key"}
    yield "another receipt", 0, [*log[:receipt], changed_last_byte(log[receipt]), *log[receipt + 1:]], {"receipts"}
    yield "a leaf changed in its time", 0, [*log[:-1], [log[-1][0], log[-1][1], log[-1][2] + 1, log[-1][3]]], {"root"}
    yield "a key change of nobody", 0, [*log, [1, KEY_CHANGE, log[-1][2], b"\xd2"]], {"chain"}
    yield "no keys", 1, [], {"keys"}
    yield "a batch is missing", 2, batches[:-1], {"batches"}
    yield "batches swapped", 2, swapped(batches) if len(batches) > 1 else batches[:-1], {"batches"}
    yield "a reading changed", 2, [*batches[:-1], changed_last_byte(batches[-1])], {"roots"}


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    folder = pathlib.Path(arguments[0])
    if verdict(folder) is not None:
        print(f"{folder} is not an archive that archive.py takes")
        return 1
    lists = [[value for _, value in sequence(folder / name)] for name in FILES]
    failures = 0
    with tempfile.TemporaryDirectory() as temporary:
        copy = pathlib.Path(temporary) / "archive"
        shutil.copytree(folder, copy)
        for what, file, items, expected in forgeries(*lists):
            path = copy / FILES[file]
            path.write_bytes(b"".join(encode(item) for item in items))
            found = verdict(copy)
            if found not in expected:
                print(f"{what}: found {found}, expected one of {sorted(expected)}")
                failures += 1
            shutil.copy(folder / FILES[file], path)
        (copy / "head.cose").write_bytes(b"\xd2")
        if verdict(copy) != "head":
            print("a head that is none was taken")
            failures += 1
        if verdict(folder, bytes(32)) != "trusted key":
            print("another first key was taken")
            failures += 1
    print("archive.py: every forgery is found" if failures == 0 else f"{failures} forgeries are not found")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
