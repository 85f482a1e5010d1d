"""Builds the documents of docs/identity.md anew, without Cairn's code, and compares and verifies them.

    python3 documents.py              compares with Tests/Vectors/identity-examples.txt; status 1 when it differs
    python3 documents.py --print      writes such a file to standard output

Contents are encoded by cbor2, Ed25519 signatures made by cryptography, all signatures verified by cwt and by
pycose, ES256 among them. An ES256 signature is not made anew, since each one is another: the one in the file is
verified, and only with --print is a new one made, with s in the lower half.
"""

import hashlib
import pathlib
import sys

import cbor2
import cwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pycose.keys import EC2Key, OKPKey
from pycose.keys.curves import P256, Ed25519
from pycose.messages import Sign1Message

from verify_export import encode, leaf_hash, node_hash

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "Vectors"
# SEC 2 section 2.4.2.
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def sha256(data):
    return hashlib.sha256(data).digest()


class Ed25519Signer:
    algorithm = -8

    def __init__(self, seed):
        self.private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        self.public = self.private.public_key().public_bytes_raw()
        self.kid = sha256(self.public)[:8]

    def sign(self, message, _):
        return self.private.sign(message)

    def accepted_by(self, message):
        key = cwt.COSEKey.new({1: 1, 2: self.kid, 3: -8, -1: 6, -2: self.public})
        return by_cwt(message, key), by_pycose(
            message, OKPKey(Ed25519, x=self.public, optional_params={}))


class ES256Signer:
    algorithm = -7

    def __init__(self, secret):
        self.private = ec.derive_private_key(int(secret, 16), ec.SECP256R1())
        point = self.private.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint)
        self.x, self.y = point[1:33], point[33:]
        self.public = self.private.public_key().public_bytes(
            Encoding.X962, PublicFormat.CompressedPoint)
        self.kid = sha256(self.public)[:8]

    def sign(self, message, known):
        if known is not None:
            return known
        r, s = utils.decode_dss_signature(
            self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + min(s, P256_ORDER - s).to_bytes(32, "big")

    def accepted_by(self, message):
        key = cwt.COSEKey.new({1: 2, 2: self.kid, 3: -7, -1: 1, -2: self.x, -3: self.y})
        return by_cwt(message, key), by_pycose(
            message, EC2Key(P256, x=self.x, y=self.y, optional_params={}))


def by_cwt(message, key):
    try:
        cwt.COSE.new().decode(message, key)
    except (cwt.CWTError, ValueError):
        return False
    return True


def by_pycose(message, key):
    try:
        decoded = Sign1Message.decode(message)
        decoded.key = key
        return decoded.verify_signature()
    except Exception:  # pycose lets errors of all its libraries through; none of them is a yes
        return False


# RFC 8032 section 7.1, tests 1, 2, 3 and 1024; the P-256 key of cose-wg/Examples, Appendix_C_2_1.
DEVICE = Ed25519Signer("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
OWNER = Ed25519Signer("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
GATEWAY = Ed25519Signer("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7")
NEW_GATEWAY = Ed25519Signer("f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5")
NEW_DEVICE = ES256Signer("57c92077664146e876760c9520d054aa93c3afb04e306705db6090308507b4d3")
SIGNERS = {"device": DEVICE, "owner": OWNER, "gateway": GATEWAY, "new gateway": NEW_GATEWAY,
           "new device": NEW_DEVICE}

SECOND, DAY = 1000, 86_400_000
START = 1_735_689_600_000  # 2025-01-01 00:00 UTC


class Document:
    """A signed document. Keys stand in the order of their bytes."""

    def __init__(self, signer, kind, fields, payload, signature=None, tree=False):
        header = {1: signer.algorithm, 4: signer.kid, 16: kind}
        if tree:
            header[395] = 1
        header[-65537] = [1, *fields]
        self.signer = signer
        self.protected = cbor2.dumps(header)
        structure = cbor2.dumps(["Signature1", self.protected, b"", payload])
        self.hash = sha256(structure)
        self.signature = signer.sign(structure, signature)
        self.message = cbor2.dumps(
            cbor2.CBORTag(18, [self.protected, {}, payload, self.signature]))
        # The project's other encoder, which sorts and refuses: the order above is the right one.
        if encode(cbor2.loads(self.message)) != self.message or encode(header) != self.protected:
            raise ValueError(f"{kind} is not deterministic")


def examples(es256_signature):
    """(name, Document), and (name, leaf bytes) for the gateway's log."""
    made, leaves = {}, {}

    def add(name, *arguments, **options):
        made[name] = Document(*arguments, **options)
        return made[name]

    owner = [OWNER.algorithm, OWNER.public]
    gateway_hash = sha256(GATEWAY.public)
    invite = add("invite", OWNER, "cairn-invt",
                 [*owner, gateway_hash, None, START + 30 * DAY, 0], bytes(range(16)))
    first = add("enrolment", DEVICE, "cairn-enrl",
                [1, None, -8, DEVICE.public, 0, None, [406398000, -737789000, 400, 250],
                 ["SX1262", "EU868", 1400, 215, 50], START], invite.message)
    node = first.hash
    move = add("move", OWNER, "cairn-invt",
               [*owner, gateway_hash, node, START + 60 * DAY, 1], bytes(range(16, 32)))
    add("enrolment after a move", DEVICE, "cairn-enrl",
        [2, first.hash, -8, DEVICE.public, 0, [1, sha256(b"a link")],
         [-338688000, 1512093000, None, None], None, START + 31 * DAY], move.message)
    succession = add("succession", OWNER, "cairn-succ",
                     [*owner, sha256(DEVICE.public), -7, NEW_DEVICE.public, START + 90 * DAY], node)
    enrolled = add("enrolment after a succession", NEW_DEVICE, "cairn-enrl",
                   [1, None, -7, NEW_DEVICE.public, 2, None, None, None, None],
                   succession.message, signature=es256_signature)
    revocation = add("revocation", OWNER, "cairn-revk",
                     [*owner, sha256(DEVICE.public), 1, START + 91 * DAY], node)
    now = START + 92 * DAY
    checkpoints = [
        Document(DEVICE, "cairn-ckpt", [0, 0, 0, 4, 1, 12, 1000, 0, bytes(32)], sha256(word),
                 tree=True)
        for word in (b"held", b"sent")]
    receipt = add("receipt", GATEWAY, "cairn-rcpt",
                  [sha256(DEVICE.public), 0, 0, 4, now, 0], checkpoints[0].hash)
    add("head of a device", GATEWAY, "cairn-head",
        [sha256(DEVICE.public), 0, 0, 4, now + SECOND], checkpoints[0].hash)
    challenge = add("challenge", GATEWAY, "cairn-chal",
                    [7, now, 600, "EU868", 0, None], bytes(range(32)))
    beacon = ["drand quicknet", 14_000_000, bytes(range(100, 148))]
    add("challenge of a beacon", GATEWAY, "cairn-chal",
        [8, now, 600, "", 0, beacon], sha256(cbor2.dumps(beacon)))
    change = add("key change", GATEWAY, "cairn-gkey",
                 [NEW_GATEWAY.algorithm, NEW_GATEWAY.public, now + 2 * SECOND],
                 sha256(NEW_GATEWAY.public))
    documents = [
        GATEWAY.public, receipt.message, challenge.message, enrolled.message, revocation.message,
        [sha256(DEVICE.public), 3], change.message, [one.message for one in checkpoints]]
    for kind, document in enumerate(documents):
        leaves[f"leaf {kind}"] = cbor2.dumps([1, kind, now + kind * SECOND, document])
    add("head of the log", GATEWAY, "cairn-gckp", [8, now + 8 * SECOND],
        root(list(leaves.values())), tree=True)
    return made, leaves


def root(leaves):
    """RFC 9162 section 2.1.1, by its definition, of 2^k leaves."""
    hashes_left = [leaf_hash(leaf) for leaf in leaves]
    while len(hashes_left) > 1:
        hashes_left = [
            node_hash(*hashes_left[place:place + 2]) for place in range(0, len(hashes_left), 2)]
    return hashes_left[0]


def lines(made, leaves):
    for name, signer in SIGNERS.items():
        yield f"key of {name}", signer.public
    for name, document in made.items():
        yield f"{name} hash", document.hash
        yield f"{name} message", document.message
    for name, leaf in leaves.items():
        yield name, leaf


def expect(condition, sentence):
    if not condition:
        print("FAILED", sentence)
        sys.exit(1)


def check_signatures(made):
    for name, document in made.items():
        expect(document.signer.accepted_by(document.message) == (True, True),
               f"cwt and pycose verify the signature: {name}")
        # The last byte is the signature's, the eighth of the type's ten letters the content's.
        letter = document.message.index(b"cairn-") + 7
        for place in (len(document.message) - 1, letter):
            spoilt = bytearray(document.message)
            spoilt[place] ^= 1
            expect(document.signer.accepted_by(bytes(spoilt)) == (False, False),
                   f"cwt and pycose refuse it with a bit of byte {place} flipped: {name}")


def main(arguments):
    if arguments == ["--print"]:
        print("# The documents of docs/identity.md. Made by Tests/Outside/documents.py with cbor2 and")
        print("# cryptography, verified with cwt and pycose. Keys: RFC 8032 section 7.1, tests 1 (device),")
        print("# 2 (owner), 3 (gateway) and 1024 (new gateway); cose-wg/Examples Appendix_C_2_1 (new device).")
        for name, value in lines(*examples(None)):
            print(name, value.hex())
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    known = {}
    for line in (VECTORS / "identity-examples.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            known[name] = bytes.fromhex(value)
    signature = known["enrolment after a succession message"][-64:]
    expect(int.from_bytes(signature[32:], "big") <= P256_ORDER // 2, "s is in the lower half")
    made, leaves = examples(signature)
    wanted = dict(lines(made, leaves))
    expect(set(known) == set(wanted), "the file has the lines that are built here")
    for name, value in wanted.items():
        expect(known[name] == value, f"built alike: {name}")
    check_signatures(made)
    print(f"ok {len(wanted)} lines of the documents' examples are built alike, and cwt and pycose verify "
          f"{len(made)} signatures")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
