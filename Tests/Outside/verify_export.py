"""Verifies what `cairn log export` writes, with software that is not Cairn's.

    python3 verify_export.py FOLDER

The folder has batch.cbor, checkpoint.cose, receipt.cose and device.pub. Signatures are verified by cwt and
by pycose, the tree by pymerkle where it can and by the few lines of RFC 9162 below, the encoding by cbor2
and a deterministic encoder. One line is printed for each check; the first that is false ends with status 1.
"""

import hashlib
import pathlib
import sys

import cbor2
import cwt
import pymerkle
import pymerkle.proof
from pycose.keys import OKPKey
from pycose.keys.curves import Ed25519
from pycose.messages import Sign1Message

FILES = ("batch.cbor", "checkpoint.cose", "receipt.cose", "device.pub")

# Every check, in the order in which it is made. The self-test shows of each that it can fail.
CHECKS = {
    "files": "batch.cbor, checkpoint.cose, receipt.cose and device.pub are there",
    "key length": "device.pub has the 32 bytes of an Ed25519 key",
    "batch encoding": "the batch is deterministic CBOR (RFC 8949 section 4.2.1) with nothing after it",
    "batch shape": "the batch is [checkpoint, [item, …]] with at least one item",
    "same checkpoint": "the checkpoint in the batch is checkpoint.cose, byte for byte",
    "checkpoint encoding": "the checkpoint is deterministic CBOR with nothing after it",
    "checkpoint shape": "the checkpoint is a COSE_Sign1 of a root of 32 bytes, its unprotected header empty",
    "protected encoding": "the protected header is deterministic CBOR, its keys in bytewise order",
    "protected keys": "the protected header has alg, kid, typ, vds and the checkpoint's fields, and no more",
    "algorithm": "the algorithm is EdDSA (-8) or Ed25519 (-19)",
    "kid": "kid is the first 8 bytes of SHA-256(device.pub)",
    "type": "typ is cairn-ckpt and vds is RFC9162_SHA256",
    "fields": "the fields are ten, of version 1, each of its kind",
    "extent": "first is below size, and t0 is not after t1",
    "signature by cwt": "cwt verifies the checkpoint's signature with device.pub",
    "signature by pycose": "pycose verifies the checkpoint's signature with device.pub",
    "items": "each item is a leaf or the hash of 2^k aligned leaves",
    "leaves": "each leaf is a deterministic array [kind, schema, t, …] without floats, maps and tags",
    "times": "no leaf is older than t0 or younger than t1",
    "coverage": "the items cover 0 to size without gap, and before first there are only hashes",
    "root": "the items give the signed root (RFC 9162 section 2.1)",
    "root by pymerkle": "pymerkle gives the same root from the leaves",
    "receipt encoding": "the receipt is deterministic CBOR with nothing after it",
    "receipt shape": "the receipt is a COSE receipt (RFC 9942) with one inclusion proof and no payload",
    "receipt signature": "the receipt has the checkpoint's protected header and signature",
    "proof encoding": "the inclusion proof is deterministic CBOR with nothing after it",
    "proof shape": "the inclusion proof is [size, index, path] with hashes of 32 bytes",
    "proof size": "the proof is for the signed size and for the batch's last leaf",
    "inclusion": "the proof leads from the last leaf to the signed root (RFC 9162 section 2.1.3.2)",
    "inclusion by pymerkle": "pymerkle accepts the same proof",
    "receipt by cwt": "cwt verifies the receipt over the root that the proof gives",
    "receipt by pycose": "pycose verifies the receipt over the root that the proof gives",
}

LABEL_ALG, LABEL_KID, LABEL_TYP, LABEL_VDS, LABEL_VDP, LABEL_FIELDS = 1, 4, 16, 395, 396, -65537
LARGEST = 2**63 - 1  # integers of the format fit Int64


class Falsehood(Exception):
    """A check that is false. The argument is its key in CHECKS."""


def require(check, condition):
    if not condition:
        raise Falsehood(check)


# Deterministic CBOR. cbor2's canonical=True sorts keys by length first (RFC 7049), so this is written out.


def head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for extra, count in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 1 << (8 * count):
            return bytes([major << 5 | extra]) + value.to_bytes(count, "big")
    raise ValueError("an integer that CBOR has no head for")


def encode(value):
    """The one deterministic encoding; ValueError for what the format has no place for, floats among it."""
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", False: b"\xf4", True: b"\xf5"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return head(3, len(text)) + text
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(encode(one) for one in value)
    if isinstance(value, dict):
        pairs = sorted((encode(key), encode(one)) for key, one in value.items())
        return head(5, len(pairs)) + b"".join(key + one for key, one in pairs)
    if isinstance(value, cbor2.CBORTag) and value.tag == 18:
        return head(6, 18) + encode(value.value)
    raise ValueError(f"{type(value).__name__} has no place in the format")


def decode(data, check):
    """What `data` says, when it is the deterministic encoding of that: this also finds bytes after the end,
    keys that stand twice, indefinite lengths and integers that are too long."""
    try:
        value = cbor2.loads(data)
        require(check, encode(value) == data)
    except (ValueError, TypeError, RecursionError, EOFError, OverflowError) as error:
        raise Falsehood(check) from error
    return value


def is_number(value, largest=LARGEST):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest


def is_hash(value):
    return isinstance(value, bytes) and len(value) == 32


# RFC 9162 section 2.1.


def leaf_hash(leaf):
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(subtrees):
    """The root over [(count, hash), …], each count a power of two and aligned: like a binary counter."""
    frontier = []
    for count, value in subtrees:
        while frontier and frontier[-1][0] == count:
            count, value = 2 * count, node_hash(frontier.pop()[1], value)
        frontier.append((count, value))
    value = frontier.pop()[1]
    while frontier:
        value = node_hash(frontier.pop()[1], value)
    return value


def root_by_inclusion(size, index, value, path):
    """Section 2.1.3.2, word by word. None when the path has a wrong length."""
    if index >= size:
        return None
    fn, sn = index, size - 1
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            value = node_hash(p, value)
            if not fn & 1:
                while fn and not fn & 1:
                    fn, sn = fn >> 1, sn >> 1
        else:
            value = node_hash(value, p)
        fn, sn = fn >> 1, sn >> 1
    return value if sn == 0 else None


# The libraries, each in its own words.


def pymerkle_root(leaves):
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        tree.append_entry(leaf)
    return tree.get_state()


def pymerkle_accepts(size, index, value, path, root):
    """pymerkle counts from 1, puts the leaf into the path, and wants to know of each hash which side it is on."""
    sides, start, end = [], 0, size
    while end - start > 1:
        middle = start + (1 << ((end - start - 1).bit_length() - 1))
        sides.append(1 if index >= middle else 0)
        start, end = (middle, end) if index >= middle else (start, middle)
    proof = pymerkle.proof.InclusionProof(
        "sha256", True, size, index + 1, sides[::-1] + [0], [value] + path)
    try:
        proof.verify(value, root, index=index + 1, size=size)
    except pymerkle.InvalidProof:
        return False
    return True


def cwt_accepts(message, public_key, kid, payload):
    key = cwt.COSEKey.new({1: 1, 2: kid, 3: -8, -1: 6, -2: public_key})
    try:
        decoded = cwt.COSE.new().decode(message, key, detached_payload=payload)
    except (cwt.CWTError, ValueError):
        return False
    return payload is not None or is_hash(decoded)


def pycose_accepts(message, public_key, payload):
    try:
        decoded = Sign1Message.decode(message)
        decoded.key = OKPKey(Ed25519, x=public_key, optional_params={})
        return decoded.verify_signature(payload)
    except Exception:  # pycose lets errors of all its libraries through; none of them is a yes
        return False


# The checks.


class Export:
    """The four files; each method makes some of the checks and yields the key of each that is true."""

    def __init__(self, files):
        self.files = files

    def checks(self):
        require("files", all(name in self.files for name in FILES))
        yield "files"
        self.public_key = self.files["device.pub"]
        require("key length", len(self.public_key) == 32)
        yield "key length"
        yield from self.check_batch()
        yield from self.check_checkpoint()
        yield from self.check_items()
        yield from self.check_receipt()

    def check_batch(self):
        batch = decode(self.files["batch.cbor"], "batch encoding")
        yield "batch encoding"
        require("batch shape", isinstance(batch, list) and len(batch) == 2)
        self.message, self.items = batch
        require("batch shape", isinstance(self.message, bytes) and isinstance(self.items, list))
        require("batch shape", self.items)
        yield "batch shape"
        require("same checkpoint", self.message == self.files["checkpoint.cose"])
        yield "same checkpoint"

    def check_checkpoint(self):
        message = decode(self.message, "checkpoint encoding")
        yield "checkpoint encoding"
        require("checkpoint shape", isinstance(message, cbor2.CBORTag))
        parts = message.value
        require("checkpoint shape", isinstance(parts, list) and len(parts) == 4)
        self.protected, unprotected, self.root, self.signature = parts
        require("checkpoint shape", isinstance(self.protected, bytes) and unprotected == {})
        require("checkpoint shape", is_hash(self.root) and isinstance(self.signature, bytes))
        require("checkpoint shape", len(self.signature) == 64)
        yield "checkpoint shape"
        header = decode(self.protected, "protected encoding")
        yield "protected encoding"
        wanted = {LABEL_ALG, LABEL_KID, LABEL_TYP, LABEL_VDS, LABEL_FIELDS}
        require("protected keys", isinstance(header, dict) and set(header) == wanted)
        yield "protected keys"
        require("algorithm", header[LABEL_ALG] in (-8, -19))
        self.is_old_algorithm = header[LABEL_ALG] == -8
        yield "algorithm"
        self.kid = header[LABEL_KID]
        require("kid", self.kid == hashlib.sha256(self.public_key).digest()[:8])
        yield "kid"
        require("type", header[LABEL_TYP] == "cairn-ckpt" and header[LABEL_VDS] == 1)
        yield "type"
        yield from self.check_fields(header[LABEL_FIELDS])
        require("signature by cwt", cwt_accepts(self.message, self.public_key, self.kid, None))
        yield "signature by cwt"
        if self.is_old_algorithm:  # pycose knows no -19
            require("signature by pycose", pycose_accepts(self.message, self.public_key, None))
            yield "signature by pycose"

    def check_fields(self, fields):
        require("fields", isinstance(fields, list) and len(fields) == 10)
        require("fields", all(is_number(field) for field in fields[:9]) and is_hash(fields[9]))
        version, _, _, self.first, self.size, _, self.t0, self.t1, _, _ = fields
        require("fields", version == 1)
        yield "fields"
        require("extent", self.first < self.size and self.t0 <= self.t1)
        yield "extent"

    def check_items(self):
        subtrees, leaves, position = [], [], 0
        for item in self.items:
            if isinstance(item, bytes):
                leaves.append((position, item))
                count, value = 1, leaf_hash(item)
            else:
                require("items", isinstance(item, list) and len(item) == 2)
                count, value = item
                require("items", is_number(count) and count > 0 and is_hash(value))
                require("items", count & (count - 1) == 0 and position % count == 0)
            subtrees.append((count, value))
            position += count
        yield "items"
        times = []
        for _, leaf in leaves:
            values = decode(leaf, "leaves")
            require("leaves", isinstance(values, list) and len(values) >= 3)
            require("leaves", all(is_number(value) for value in values[:3]))
            require("leaves", not any(contains_map_or_tag(value) for value in values))
            times.append(values[2])
        yield "leaves"
        require("times", all(self.t0 <= time <= self.t1 for time in times))
        yield "times"
        # A subtree may reach over `first`: leaves of the batch itself that gave way are hashes too.
        require("coverage", position == self.size)
        require("coverage", all(place >= self.first for place, _ in leaves))
        yield "coverage"
        require("root", root_of(subtrees) == self.root)
        yield "root"
        if len(leaves) == self.size:  # with hashes in place of leaves pymerkle has no way in
            whole = pymerkle_root([leaf for _, leaf in leaves])
            require("root by pymerkle", whole == self.root)
            yield "root by pymerkle"

    def check_receipt(self):
        receipt = self.files["receipt.cose"]
        message = decode(receipt, "receipt encoding")
        yield "receipt encoding"
        require("receipt shape", isinstance(message, cbor2.CBORTag))
        parts = message.value
        require("receipt shape", isinstance(parts, list) and len(parts) == 4)
        protected, unprotected, payload, signature = parts
        require("receipt shape", payload is None and isinstance(unprotected, dict))
        proofs = unprotected.get(LABEL_VDP)
        require("receipt shape", len(unprotected) == 1 and isinstance(proofs, dict))
        inclusion = proofs.get(-1)
        require("receipt shape", len(proofs) == 1 and isinstance(inclusion, list))
        require("receipt shape", len(inclusion) == 1 and isinstance(inclusion[0], bytes))
        yield "receipt shape"
        require("receipt signature", protected == self.protected and signature == self.signature)
        yield "receipt signature"
        proof = decode(inclusion[0], "proof encoding")
        yield "proof encoding"
        require("proof shape", isinstance(proof, list) and len(proof) == 3)
        size, index, path = proof
        require("proof shape", is_number(size) and is_number(index) and isinstance(path, list))
        require("proof shape", all(is_hash(value) for value in path))
        yield "proof shape"
        last = self.items[-1]
        require("proof size", size == self.size and index == size - 1 and isinstance(last, bytes))
        yield "proof size"
        value = leaf_hash(last)
        root = root_by_inclusion(size, index, value, path)
        require("inclusion", root == self.root)
        yield "inclusion"
        require("inclusion by pymerkle", pymerkle_accepts(size, index, value, path, self.root))
        yield "inclusion by pymerkle"
        require("receipt by cwt", cwt_accepts(receipt, self.public_key, self.kid, root))
        yield "receipt by cwt"
        if self.is_old_algorithm:
            require("receipt by pycose", pycose_accepts(receipt, self.public_key, root))
            yield "receipt by pycose"


def contains_map_or_tag(value):
    if isinstance(value, list):
        return any(contains_map_or_tag(one) for one in value)
    return isinstance(value, (dict, cbor2.CBORTag))


def read(folder):
    folder = pathlib.Path(folder)
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()}


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        for check in Export(read(arguments[1])).checks():
            print("true  ", CHECKS[check])
    except Falsehood as falsehood:
        print("FALSE ", CHECKS[falsehood.args[0]])
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
