"""Tests verify_export.py itself: that it takes what is right, and that each of its checks can fail.

    python3 selftest.py

Builds the worked example of Tests/Vectors/checkpoint-example.txt anew with cbor2 and cryptography and
compares it byte for byte, verifies exports made of it and of trees of many sizes, then spoils them: once for
each check, and by flipping every bit of every file.
"""

import base64
import hashlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile
from unittest import mock

import cbor2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import verify_export
from verify_export import CHECKS, Export, Falsehood, leaf_hash, node_hash

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = HERE.parent / "Vectors"

# RFC 8032 section 7.1, test 1.
KEY = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
PUBLIC_KEY = KEY.public_key().public_bytes_raw()
ZERO = bytes(32)

LEAVES = [
    cbor2.dumps(leaf) for leaf in [
        [0, 0, 12, 1, "0.1.0", ZERO, "virtual", ZERO, 1, b""],
        [2, 1, 40, [["temperature", "Cel", -3], ["humidity", "%RH", -3], ["pressure", "Pa", 0]],
         "BME280", "i2c-1", 0x76, ""],
        [5, 0, 60, 2, 0x13BF3685800, 20],
        [1, 1, 1000, 3900, 59370, 101260],
        [1, 1, 61000, 3910, 59400, 101255],
        [3, 1, 121000, 2, 1],
        [1, 1, 181000, 3900, None, 101251],
    ]
]


def root(leaves):
    """RFC 9162 section 2.1.1, by its definition."""
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(root(leaves[:middle]), root(leaves[middle:]))


def path(index, leaves):
    """RFC 9162 section 2.1.3.1, by its definition."""
    if len(leaves) == 1:
        return []
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < middle:
        return path(index, leaves[:middle]) + [root(leaves[middle:])]
    return path(index - middle, leaves[middle:]) + [root(leaves[:middle])]


def hashes_before(first, leaves):
    """[count, hash] for 0..<first: the set bits of first, from the highest."""
    items, start = [], 0
    for bit in reversed(range(first.bit_length())):
        if first >> bit & 1:
            items.append([1 << bit, root(leaves[start:start + (1 << bit)])])
            start += 1 << bit
    return items


class Checkpoint:
    """A signed batch of `leaves[first:]`, made with cbor2 and cryptography only."""

    def __init__(self, leaves, first, previous=ZERO, epoch=0, number=0, **changes):
        self.leaves, self.first = leaves, first
        fields = changes.get("fields")
        if fields is None:
            times = [cbor2.loads(leaf)[2] for leaf in leaves[first:]]
            fields = [1, epoch, number, first, len(leaves), 1, min(times), max(times), 1, previous]
        # cbor2 writes keys in the order they have here, which is the order of their bytes.
        header = {1: -8, 4: hashlib.sha256(PUBLIC_KEY).digest()[:8], 16: "cairn-ckpt", 395: 1,
                  -65537: fields}
        header.update(changes.get("header", {}))
        self.protected = changes.get("protected", cbor2.dumps(header))
        self.root = changes.get("root", root(leaves))
        self.structure = cbor2.dumps(["Signature1", self.protected, b"", self.root])
        self.signature = KEY.sign(self.structure)
        self.message = cbor2.dumps(
            cbor2.CBORTag(18, [self.protected, {}, self.root, self.signature]))

    def receipt(self, index=None, size=None, proof=None):
        size = len(self.leaves) if size is None else size
        index = len(self.leaves) - 1 if index is None else index
        if proof is None:
            proof = cbor2.dumps([size, index, path(index, self.leaves)])
        return cbor2.dumps(
            cbor2.CBORTag(18, [self.protected, {396: {-1: [proof]}}, None, self.signature]))

    def batch(self, items=None):
        return cbor2.dumps([self.message, self.leaves[self.first:] if items is None else items])

    def export(self, items=None, **changes):
        if items is None:
            items = hashes_before(self.first, self.leaves) + self.leaves[self.first:]
        files = {"batch.cbor": self.batch(items), "checkpoint.cose": self.message,
                 "receipt.cose": self.receipt(), "device.pub": PUBLIC_KEY}
        files.update({name.replace("_", "."): data for name, data in changes.items()})
        return files


def falsehood(files):
    """The first check that is false, or None."""
    try:
        for _ in Export(files).checks():
            pass
    except Falsehood as found:
        return found.args[0]
    return None


def expect(condition, sentence):
    if not condition:
        print("FAILED", sentence)
        sys.exit(1)


# The worked example.

ZEROTH = Checkpoint(LEAVES[:4], 0)
FIRST = Checkpoint(LEAVES, 4, hashlib.sha256(ZEROTH.structure).digest(), number=1)


def test_worked_example():
    lines = {}
    for line in (VECTORS / "checkpoint-example.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            lines[name] = value
    wanted = {"public key": PUBLIC_KEY, "kid": hashlib.sha256(PUBLIC_KEY).digest()[:8]}
    for index, leaf in enumerate(LEAVES):
        wanted[f"leaf {index} {leaf.hex()}  hash"] = leaf_hash(leaf)
    for number, one in enumerate((ZEROTH, FIRST)):
        wanted[f"checkpoint {number} protected"] = one.protected
        wanted[f"checkpoint {number} root"] = one.root
        wanted[f"checkpoint {number} Sig_structure"] = one.structure
        wanted[f"checkpoint {number} signature"] = one.signature
        wanted[f"checkpoint {number} message"] = one.message
        wanted[f"checkpoint {number} prev for the next"] = hashlib.sha256(one.structure).digest()
        wanted[f"batch {number}"] = one.batch()
    wanted["inclusion receipt of leaf 3 in size 7"] = FIRST.receipt(index=3)
    expect(set(lines) == set(wanted), "the worked example has the lines that are built here")
    for name, value in wanted.items():
        expect(lines[name] == value.hex(), f"worked example: {name}")
    return f"{len(wanted)} lines of the worked example are built alike"


def test_right_exports():
    expect(falsehood(ZEROTH.export()) is None, "batch 0 is verified")
    expect(falsehood(FIRST.export()) is None, "batch 1 is verified, with a hash for what is before")
    withheld = [[4, root(LEAVES[:4])], [2, root(LEAVES[4:6])], LEAVES[6]]
    expect(falsehood(FIRST.export(withheld)) is None, "withheld leaves are taken as their hash")
    future = Checkpoint(LEAVES, 0, header={1: -19})
    expect(falsehood(future.export()) is None, "Ed25519 by its new number is taken")
    count = 0
    for size in range(1, 70):
        leaves = [cbor2.dumps([1, 1, 1000 * index, index]) for index in range(size)]
        for first in sorted({0, size // 3, size - 1}):
            expect(falsehood(Checkpoint(leaves, first).export()) is None, f"{first} to {size}")
            count += 1
    return f"{count + 4} right exports are verified"


def spoilt_exports():
    """(check, files): what makes exactly this check the first false one."""
    good = FIRST.export()
    fields = [1, 0, 1, 4, 7, 1, 61000, 181000, 1, ZERO]
    items = [[4, root(LEAVES[:4])]] + LEAVES[4:]

    def cut(name):
        return {other: data for other, data in good.items() if other != name}

    def with_fields(index, value):
        changed = fields[:index] + [value] + fields[index + 1:]
        return Checkpoint(LEAVES, 4, fields=changed).export()

    def with_leaf(leaf):
        return Checkpoint(LEAVES[:6] + [leaf], 4, fields=fields).export()

    def with_proof(value):
        return FIRST.export(receipt_cose=FIRST.receipt(proof=cbor2.dumps(value)))

    def with_message(parts):
        message = cbor2.dumps(parts)
        return FIRST.export(batch_cbor=cbor2.dumps([message, items]), checkpoint_cose=message)

    def with_receipt(parts):
        return FIRST.export(receipt_cose=cbor2.dumps(parts))

    # The checkpoint's length in two bytes where one would do.
    long_batch = good["batch.cbor"].replace(b"\x82\x58\xbd", b"\x82\x59\x00\xbd", 1)
    length_first = cbor2.dumps(
        {1: -8, 4: hashlib.sha256(PUBLIC_KEY).digest()[:8], 16: "cairn-ckpt", 395: 1,
         -65537: fields, -1: 0}, canonical=True)
    right_path = path(6, LEAVES)
    sealed = [FIRST.protected, {}, FIRST.root, FIRST.signature]
    proof = cbor2.dumps([7, 6, right_path])
    for name in good:
        yield "files", cut(name)
    yield "key length", FIRST.export(device_pub=PUBLIC_KEY + b"\x00")
    yield "batch encoding", FIRST.export(batch_cbor=good["batch.cbor"] + b"\x00")
    yield "batch encoding", FIRST.export(batch_cbor=long_batch)
    yield "batch encoding", FIRST.export(batch_cbor=b"\x9f" + good["batch.cbor"][1:] + b"\xff")
    yield "batch encoding", FIRST.export(batch_cbor=b"")
    yield "batch shape", FIRST.export(batch_cbor=cbor2.dumps([FIRST.message, []]))
    yield "batch shape", FIRST.export(batch_cbor=cbor2.dumps([FIRST.message, items, 0]))
    yield "batch shape", FIRST.export(batch_cbor=cbor2.dumps([0, items]))
    yield "batch shape", FIRST.export(batch_cbor=cbor2.dumps([FIRST.message, {0: 0}]))
    yield "same checkpoint", FIRST.export(checkpoint_cose=ZEROTH.message)
    longer = FIRST.message + b"\x00"
    yield "checkpoint encoding", FIRST.export(
        batch_cbor=cbor2.dumps([longer, items]), checkpoint_cose=longer)
    yield "checkpoint shape", with_message(sealed)
    yield "checkpoint shape", with_message(cbor2.CBORTag(18, sealed[:3]))
    yield "checkpoint shape", with_message(cbor2.CBORTag(18, [sealed[0], {1: -8}] + sealed[2:]))
    yield "checkpoint shape", with_message(cbor2.CBORTag(18, sealed[:3] + [FIRST.signature[:63]]))
    yield "checkpoint shape", Checkpoint(LEAVES, 4, root=bytes(31)).export()
    yield "checkpoint shape", with_message(cbor2.CBORTag(18, sealed[:3] + [[0] * 64]))
    yield "protected encoding", Checkpoint(LEAVES, 4, protected=length_first).export()
    yield "protected encoding", Checkpoint(
        LEAVES, 4, protected=FIRST.protected.replace(b"\xa5\x01\x27", b"\xa6\x01\x27\x01\x27")
    ).export()
    yield "protected keys", Checkpoint(
        LEAVES, 4, protected=cbor2.dumps({1: -8, 395: 1})).export()
    yield "algorithm", Checkpoint(LEAVES, 4, header={1: -7}).export()
    yield "kid", Checkpoint(LEAVES, 4, header={4: bytes(8)}).export()
    yield "kid", FIRST.export(device_pub=ZERO)
    yield "type", Checkpoint(LEAVES, 4, header={16: "cairn-rcpt"}).export()
    yield "type", Checkpoint(LEAVES, 4, header={395: 2}).export()
    yield "fields", with_fields(0, 2)
    yield "fields", with_fields(9, bytes(31))
    yield "fields", with_fields(1, -1)
    yield "fields", with_fields(1, True)
    yield "fields", Checkpoint(LEAVES, 4, fields=fields[:9]).export()
    yield "fields", Checkpoint(LEAVES, 4, fields=fields + [0]).export()
    yield "fields", Checkpoint(LEAVES, 4, fields=0).export()
    yield "extent", with_fields(3, 7)
    yield "extent", with_fields(6, 181001)
    flipped = FIRST.signature[:40] + bytes([FIRST.signature[40] ^ 1]) + FIRST.signature[41:]
    yield "signature by cwt", with_message(cbor2.CBORTag(18, sealed[:3] + [flipped]))
    yield "items", FIRST.export([[3, root(LEAVES[:3])]] + LEAVES[3:])
    yield "items", FIRST.export(LEAVES[:1] + [[2, root(LEAVES[1:3])]] + LEAVES[3:])
    yield "items", FIRST.export([[0, ZERO]] + items)
    yield "items", FIRST.export([[4, bytes(31)]] + LEAVES[4:])
    yield "leaves", with_leaf(cbor2.dumps([1, 1, 181000, 1.5]))
    yield "leaves", with_leaf(cbor2.dumps([1, 1, 181000, {}]))
    yield "leaves", with_leaf(cbor2.dumps([1, 1, 181000, [cbor2.CBORTag(18, 0)]]))
    yield "leaves", with_leaf(b"\x84\x01\x01\x1a\x00\x02\xc3\x08\x18\x07")
    yield "leaves", with_leaf(cbor2.dumps([1, 1]))
    yield "leaves", with_leaf(cbor2.dumps(1))
    yield "leaves", with_leaf(cbor2.dumps([-1, 1, 181000]))
    yield "leaves", with_leaf(cbor2.dumps([1, 1, "181000"]))
    yield "times", with_fields(7, 180999)
    yield "times", with_fields(6, 61001)
    yield "coverage", FIRST.export(items[:-1])
    yield "coverage", FIRST.export(LEAVES[4:])
    yield "coverage", with_fields(4, 8)
    yield "coverage", Checkpoint(LEAVES, 4, fields=fields[:6] + [0] + fields[7:]).export(LEAVES)
    yield "root", FIRST.export([[4, ZERO]] + LEAVES[4:])
    yield "root", Checkpoint(LEAVES, 4, root=ZERO).export()
    yield "receipt encoding", FIRST.export(receipt_cose=FIRST.receipt() + b"\x00")
    yield "receipt shape", FIRST.export(receipt_cose=FIRST.message)
    yield "receipt shape", with_receipt(
        cbor2.CBORTag(18, [FIRST.protected, {396: {-1: [proof, proof]}}, None, FIRST.signature]))
    yield "receipt shape", with_receipt(
        cbor2.CBORTag(18, [FIRST.protected, {396: {-2: [proof]}}, None, FIRST.signature]))
    parts = [FIRST.protected, {396: {-1: [proof]}}, None, FIRST.signature]
    yield "receipt shape", with_receipt(parts)
    yield "receipt shape", with_receipt(cbor2.CBORTag(18, parts + [0]))
    yield "receipt shape", with_receipt(cbor2.CBORTag(18, 0))
    yield "receipt shape", with_receipt(cbor2.CBORTag(18, parts[:2] + [FIRST.root] + parts[3:]))
    yield "receipt shape", with_receipt(cbor2.CBORTag(18, parts[:1] + [[]] + parts[2:]))
    yield "receipt signature", FIRST.export(receipt_cose=ZEROTH.receipt())
    yield "proof encoding", FIRST.export(receipt_cose=FIRST.receipt(proof=proof + b"\x00"))
    yield "proof shape", with_proof([7, 6])
    yield "proof shape", with_proof([7, 6, [bytes(31)]])
    yield "proof shape", with_proof(["7", 6, right_path])
    yield "proof shape", with_proof([7, -1, right_path])
    yield "proof shape", with_proof([7, 6, {right_path[0]: 0}])
    yield "proof size", with_proof([8, 6, right_path])
    yield "proof size", FIRST.export(receipt_cose=FIRST.receipt(index=5))
    yield "inclusion", with_proof([7, 6, right_path + [ZERO]])
    yield "inclusion", with_proof([7, 6, right_path[:-1]])
    yield "inclusion", with_proof([7, 6, right_path[::-1]])


def test_each_check_can_fail():
    shown = set()
    count = 0
    for check, files in spoilt_exports():
        found = falsehood(files)
        expect(found == check, f"{check}: spoilt for it, but the first false check is {found}")
        shown.add(check)
        count += 1
    # What a second verifier checks again comes second: the first one is made to say yes to everything.
    good = ZEROTH.export()
    flipped = ZEROTH.root[:9] + bytes([ZEROTH.root[9] ^ 1]) + ZEROTH.root[10:]
    wrong_signature = Checkpoint(LEAVES[:4], 0)
    message = cbor2.dumps(cbor2.CBORTag(
        18, [ZEROTH.protected, {}, ZEROTH.root, ZEROTH.signature[::-1]]))
    wrong_signature.message = message
    other_reading = cbor2.dumps([1, 1, 1000, 3900, 59370, 101261])
    wrong_path = cbor2.dumps([4, 3, path(3, LEAVES[:4])[::-1]])
    stand_ins = [
        ("signature by pycose", "cwt_accepts", True, wrong_signature.export()),
        ("root by pymerkle", "root_of", ZEROTH.root, ZEROTH.export(LEAVES[:3] + [other_reading])),
        ("inclusion by pymerkle", "root_by_inclusion", ZEROTH.root,
         ZEROTH.export(receipt_cose=ZEROTH.receipt(proof=wrong_path))),
    ]
    for check, name, answer, files in stand_ins:
        with mock.patch.object(verify_export, name, lambda *_, answer=answer: answer):
            found = falsehood(files)
        expect(found == check, f"{check}: spoilt for it, but the first false check is {found}")
        shown.add(check)
    # A receipt with the signature and the root that were verified before is true whatever it is: here a
    # library that takes the checkpoint and not the receipt.
    refusals = [
        ("receipt by cwt", "cwt_accepts", lambda message, key, kid, payload: payload is None),
        ("receipt by pycose", "pycose_accepts", lambda message, key, payload: payload is None),
    ]
    for check, name, stand_in in refusals:
        with mock.patch.object(verify_export, name, stand_in):
            expect(falsehood(good) == check, f"{check} is asked")
        shown.add(check)
    receipt, kid = good["receipt.cose"], hashlib.sha256(PUBLIC_KEY).digest()[:8]
    for value in (ZEROTH.root, flipped):
        is_right = value == ZEROTH.root
        by_cwt = verify_export.cwt_accepts(receipt, PUBLIC_KEY, kid, value)
        by_pycose = verify_export.pycose_accepts(receipt, PUBLIC_KEY, value)
        expect(by_cwt == is_right and by_pycose == is_right, "both tell two roots apart")
    expect(shown == set(CHECKS), f"checks that were never false: {set(CHECKS) - shown}")
    return f"each of {len(CHECKS)} checks fails when it should, in {count + 5} spoilt exports"


def test_every_flipped_bit_is_found():
    count = 0
    for export in (ZEROTH.export(), FIRST.export()):
        for name, data in export.items():
            for bit in range(8 * len(data)):
                spoilt = bytearray(data)
                spoilt[bit // 8] ^= 1 << (bit % 8)
                found = falsehood({**export, name: bytes(spoilt)})
                expect(found is not None, f"{name} with bit {bit} flipped is verified")
                count += 1
            for length in range(len(data)):
                found = falsehood({**export, name: data[:length]})
                expect(found is not None, f"{name} cut to {length} bytes is verified")
                count += 1
    return f"{count} exports with one flipped bit or a cut file are all refused"


def test_random_damage_never_ends_in_an_error():
    seed = 20260923
    generator = random.Random(seed)
    export = FIRST.export()
    for _ in range(3000):
        files = dict(export)
        name = generator.choice(list(files))
        data = bytearray(files[name])
        for _ in range(generator.randint(1, 8)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        files[name] = bytes(data)
        if files[name] != export[name]:
            expect(falsehood(files) is not None, f"damage with seed {seed} is verified")
    return f"3000 damaged exports (seed {seed}) are refused without an error"


def test_inclusion_vectors():
    count = 0
    for file in sorted((VECTORS / "merkle" / "inclusion").rglob("*.json")):
        case = json.loads(file.read_text())
        raw = {key: base64.b64decode(case[key] or "") for key in ("root", "leafHash")}
        hashes = [base64.b64decode(one) for one in case["proof"] or []]
        whole = all(len(one) == 32 for one in hashes + list(raw.values()))
        found = verify_export.root_by_inclusion(
            case["treeSize"], case["leafIdx"], raw["leafHash"], hashes) if whole else None
        is_right = found is not None and found == raw["root"]
        expect(is_right != case["wantErr"], f"{file.relative_to(VECTORS)}: {case['desc']}")
        if is_right:
            accepted = verify_export.pymerkle_accepts(
                case["treeSize"], case["leafIdx"], raw["leafHash"], hashes, raw["root"])
            expect(accepted, f"pymerkle: {file.relative_to(VECTORS)}")
        count += 1
    expect(count > 20, "the vectors of transparency-dev/merkle are there")
    return f"{count} inclusion proofs of transparency-dev/merkle are judged as they should be"


def test_cose_vectors():
    case = json.loads((VECTORS / "cose" / "eddsa-sig-01.json").read_text())
    key = bytes.fromhex(case["input"]["sign0"]["key"]["x_hex"])
    message = bytes.fromhex(case["output"]["cbor"])
    expect(verify_export.pycose_accepts(message, key, None), "pycose takes eddsa-sig-01")
    expect(not verify_export.pycose_accepts(message[:-1] + b"\x00", key, None), "but not spoilt")
    return "pycose judges eddsa-sig-01 of cose-wg/Examples as it should"


def test_programs():
    for script in ("verify_export.py", "ten_lines.py"):
        with tempfile.TemporaryDirectory() as folder:
            for name, data in FIRST.export().items():
                (pathlib.Path(folder) / name).write_bytes(data)
            run = [sys.executable, str(HERE / script), folder]
            right = subprocess.run(run, capture_output=True, text=True, check=False)
            expect(right.returncode == 0, f"{script} takes what is right: {right.stderr}")
            spoilt = FIRST.message[:-1] + bytes([FIRST.message[-1] ^ 1])
            (pathlib.Path(folder) / "checkpoint.cose").write_bytes(spoilt)
            wrong = subprocess.run(run, capture_output=True, text=True, check=False)
            expect(wrong.returncode == 1, f"{script} refuses a spoilt checkpoint: {wrong.stdout}")
    lines = (HERE / "ten_lines.py").read_text().splitlines()
    expect(len(lines) <= 10, "ten_lines.py has at most ten lines")
    return "verify_export.py and ten_lines.py say yes and no as programs"


def main():
    for test in (
        test_worked_example, test_right_exports, test_each_check_can_fail, test_inclusion_vectors,
        test_cose_vectors, test_programs, test_random_damage_never_ends_in_an_error,
        test_every_flipped_bit_is_found,
    ):
        print("passed", test())


if __name__ == "__main__":
    main()
