"""Verifies an archive of `cairn-gateway export` (docs/archive.md) with software that is not Cairn's.

    python3 archive.py FOLDER [--key FILE]

The log's root is computed by RFC 9162 and, for logs of moderate length, once more by pymerkle. Head, receipts, challenges,
key changes and the checkpoints of all batches are verified by pycose and by cwt; each batch's leaves give the signed root. One
line is printed for each check; the first that is false ends with status 1. `--key`: the gateway's first key.
"""

import hashlib
import io
import pathlib
import sys

import cbor2
import cwt
import pymerkle
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pycose.keys import EC2Key, OKPKey
from pycose.keys.curves import P256, Ed25519
from pycose.messages import Sign1Message

from verify_export import Falsehood, encode, leaf_hash, node_hash

LABEL_ALG, LABEL_KID, LABEL_TYPE, LABEL_TREE, LABEL_FIELDS = 1, 4, 16, 395, -65537
FIRST_KEY, RECEIPT, CHALLENGE, ENROLMENT, REVOCATION, OPERATOR, KEY_CHANGE, FORK = range(8)
MOST_FOR_PYMERKLE = 20_000

CHECKS = {
    "files": "the four files are there",
    "sequences": "each file is a sequence of deterministic CBOR items with nothing after the last",
    "leaves": "each leaf is [1, kind, time, document], and time never goes back",
    "first key": "leaf 0, and it alone, is a first key",
    "trusted key": "the first key is the one that was given",
    "chain": "each key change is signed by the key before it",
    "head": "the head is a cairn-gckp by the key in force, for as many leaves as are here",
    "root": "the leaves give the head's root (RFC 9162 section 2.1)",
    "root by pymerkle": "pymerkle gives the same root",
    "receipts": "each receipt is signed by the key in force at its leaf, and is not of a later time",
    "challenges": "each challenge is signed by the key in force, and numbers rise",
    "keys": "each key has its place by SHA-256",
    "batches": "each receipt has one batch, each batch one receipt, in one order",
    "checkpoints": "each checkpoint is signed by the receipt's device, and is the one that the receipt names",
    "positions": "each batch has the receipt's epoch, number and size, and the leaves of one",
    "roots": "the leaves of each batch give the signed root after those before",
    "forks": "each fork has two different checkpoints of one device for one position",
}


def require(check, condition):
    if not condition:
        raise Falsehood(check)


def sha256(data):
    return hashlib.sha256(data).digest()


def sequence(path):
    """The items of a CBOR sequence (RFC 8742), and that each is the one deterministic encoding of its value."""
    data = path.read_bytes()
    items, offset = [], 0
    decoder = cbor2.CBORDecoder(io.BytesIO(data))
    while offset < len(data):
        try:
            value = decoder.decode()
            raw = encode(value)
        except (ValueError, TypeError, RecursionError, EOFError, OverflowError) as error:
            raise Falsehood("sequences") from error
        require("sequences", data[offset:offset + len(raw)] == raw)
        items.append((raw, value))
        offset += len(raw)
    return items


class Key:
    """A public key, as both libraries want it."""

    def __init__(self, algorithm, public):
        self.public, self.hash = public, sha256(public)
        self.kid = self.hash[:8]
        if algorithm == -8:
            self.algorithms = (-8, -19)
            self.cwt = cwt.COSEKey.new({1: 1, 2: self.kid, 3: -8, -1: 6, -2: public})
            self.pycose = OKPKey(Ed25519, x=public, optional_params={})
        else:
            self.algorithms = (-7, -9)
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public).public_bytes(
                Encoding.X962, PublicFormat.UncompressedPoint)
            x, y = point[1:33], point[33:]
            self.cwt = cwt.COSEKey.new({1: 2, 2: self.kid, 3: -7, -1: 1, -2: x, -3: y})
            self.pycose = EC2Key(P256, x=x, y=y, optional_params={})

    def signed(self, message, kind):
        """[fields], payload and the document's hash of a message by this key; None when it is none."""
        try:
            tag = cbor2.loads(message)
            protected, unprotected, payload, _ = tag.value
            header = cbor2.loads(protected)
            if tag.tag != 18 or unprotected != {} or encode(tag) != message or encode(header) != protected:
                return None
            if header[LABEL_TYPE] != kind or header[LABEL_KID] != self.kid or header[LABEL_ALG] not in self.algorithms:
                return None
            # pycose does not know -19 and -9.
            if header[LABEL_ALG] in (-8, -7):
                decoded = Sign1Message.decode(message)
                decoded.key = self.pycose
                if not decoded.verify_signature():
                    return None
            cwt.COSE.new().decode(message, self.cwt)
        except Exception:  # both libraries let errors of all theirs through; none of them is a yes
            return None
        return header[LABEL_FIELDS], payload, sha256(encode(["Signature1", protected, b"", payload]))


class Frontier:
    """A growing tree: the complete subtrees, like a binary counter."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def append(self, count, value):
        self.size += count
        while self.peaks and self.peaks[-1][0] == count:
            count, value = 2 * count, node_hash(self.peaks.pop()[1], value)
        self.peaks.append((count, value))

    def root(self):
        value = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            value = node_hash(left, value)
        return value


class Archive:
    def __init__(self, folder, trusted):
        names = ("log.cbor-seq", "head.cose", "keys.cbor-seq", "batches.cbor-seq")
        require("files", all((folder / name).is_file() for name in names))
        self.leaves, self.keys, self.batches = (
            sequence(folder / name) for name in ("log.cbor-seq", "keys.cbor-seq", "batches.cbor-seq"))
        self.head = (folder / "head.cose").read_bytes()
        self.trusted = trusted
        self.devices = {}
        self.logs = {}

    def read_keys(self):
        last = b""
        for _, (version, algorithm, public) in self.keys:
            key = Key(algorithm, public)
            require("keys", version == 1 and algorithm in (-8, -7) and key.hash > last)
            last = key.hash
            self.devices[key.hash] = key

    def verify(self):
        self.read_keys()
        tree, time, key, number = Frontier(), 0, None, -1
        batches = iter(self.batches)
        for index, (raw, leaf) in enumerate(self.leaves):
            require("leaves", len(leaf) == 4 and leaf[0] == 1 and leaf[2] >= time)
            kind, time, document = leaf[1], leaf[2], leaf[3]
            require("first key", (kind == FIRST_KEY) == (index == 0))
            if kind == FIRST_KEY:
                require("trusted key", self.trusted is None or document == self.trusted)
                key = Key(-8, document)
            elif kind == KEY_CHANGE:
                signed = key.signed(document, "cairn-gkey")
                require("chain", signed is not None and signed[1] == sha256(signed[0][2]))
                key = Key(-8, signed[0][2])
            elif kind == CHALLENGE:
                signed = key.signed(document, "cairn-chal")
                require("challenges", signed is not None and signed[0][1] > number)
                number = signed[0][1]
            elif kind == RECEIPT:
                signed = key.signed(document, "cairn-rcpt")
                require("receipts", signed is not None and signed[0][5] <= time)
                item = next(batches, None)
                require("batches", item is not None and item[1][:2] == [1, index])
                self.take_batch(item[1][2], signed[0], signed[1])
            elif kind == FORK:
                self.take_fork(document)
            tree.append(1, leaf_hash(raw))
        require("batches", next(batches, None) is None)
        signed = key.signed(self.head, "cairn-gckp")
        require("head", signed is not None and signed[0][1] == len(self.leaves))
        require("root", tree.root() == signed[1])
        if len(self.leaves) <= MOST_FOR_PYMERKLE:
            other = pymerkle.InmemoryTree(algorithm="sha256")
            for raw, _ in self.leaves:
                other.append_entry(raw)
            require("root by pymerkle", other.get_root() == signed[1])

    def take_batch(self, batch, receipt, named):
        _, device, epoch, number, size, _, _ = receipt
        require("keys", device in self.devices)
        message, items = cbor2.loads(batch)
        signed = self.devices[device].signed(message, "cairn-ckpt")
        require("checkpoints", signed is not None and signed[2] == named)
        fields, root = signed[0], signed[1]
        require("positions", fields[1:3] == [epoch, number] and fields[4] == size)
        count = sum(1 if isinstance(item, bytes) else item[0] for item in items)
        tree = self.logs.get((device, epoch))
        if tree is None or size == count:
            tree = Frontier()
        require("positions", tree.size + count == size)
        for item in items:
            if isinstance(item, bytes):
                tree.append(1, leaf_hash(item))
            else:
                tree.append(item[0], item[1])
        require("roots", tree.root() == root)
        self.logs[(device, epoch)] = tree

    def take_fork(self, document):
        kid = cbor2.loads(cbor2.loads(document[0]).value[0])[LABEL_KID]
        keys = [key for key in self.devices.values() if key.kid == kid]
        require("forks", len(keys) == 1)
        held, sent = (keys[0].signed(message, "cairn-ckpt") for message in document)
        require("forks", held is not None and sent is not None)
        require("forks", held[0][1:3] == sent[0][1:3] and held[2] != sent[2])


def main(arguments):
    if len(arguments) not in (1, 3) or len(arguments) == 3 and arguments[1] != "--key":
        print(__doc__, file=sys.stderr)
        return 2
    trusted = pathlib.Path(arguments[2]).read_bytes() if len(arguments) == 3 else None
    try:
        archive = Archive(pathlib.Path(arguments[0]), trusted)
        archive.verify()
    except Falsehood as falsehood:
        print(f"false: {CHECKS[falsehood.args[0]]}")
        return 1
    for check, words in CHECKS.items():
        if check == "trusted key" and trusted is None:
            continue
        if check == "root by pymerkle" and len(archive.leaves) > MOST_FOR_PYMERKLE:
            continue
        print(f"true: {words}")
    print(f"{len(archive.leaves)} leaves, {len(archive.batches)} batches, {len(archive.devices)} devices")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
