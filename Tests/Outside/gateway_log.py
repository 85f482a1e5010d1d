"""Verifies a gateway's own log over HTTP, with software that is not Cairn's.

    python3 gateway_log.py PROGRAM [FOLDER]

PROGRAM is cairn-gateway; FOLDER a gateway's data folder, of which a copy is served: the folder itself is left
as it is. Without FOLDER a new gateway is looked at. Heads, proofs, receipts, challenges and keys are fetched;
signatures are verified by cwt and by pycose, the tree by pymerkle and by the few lines of RFC 9162 here and in
verify_export.py, the encoding by cbor2 and a deterministic encoder. Then the gateway gets another key, and what
was kept from before is compared. The first check that is false ends with status 1.
"""

import hashlib
import io
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

import cbor2

from verify_export import (
    Falsehood, cwt_accepts, decode, is_hash, is_number, leaf_hash, node_hash, pycose_accepts,
    pymerkle_accepts, pymerkle_root, require, root_by_inclusion)

KIND_KEY, KIND_RECEIPT, KIND_CHALLENGE, KIND_CHANGE = 0, 1, 2, 6
TYPES = {1: "cairn-rcpt", 2: "cairn-chal", 6: "cairn-gkey"}
MAXIMUM_LEAVES = 20_000  # of one run; each 4th proof of more would still be enough


def sha256(data):
    return hashlib.sha256(data).digest()


class Gateway:
    """The program on a port of its own, until the end of the `with`."""

    def __init__(self, program, folder):
        self.command = [program, "--data", str(folder), "--listen", "127.0.0.1:0"]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if line.startswith("listening on "):
                self.address = "http://" + line.removeprefix("listening on ").strip()
                return self
        raise SystemExit(f"{self.command[0]} ended with {self.process.wait()}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=60)

    def get(self, path, accept="*/*"):
        """Body and headers; (None, status) for a refusal."""
        request = urllib.request.Request(self.address + path, headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return None, error.code


# RFC 9162 section 2.1, by its definitions.


def split(count):
    return 1 << (count - 1).bit_length() - 1


def root_of_hashes(hashes):
    if len(hashes) == 1:
        return hashes[0]
    middle = split(len(hashes))
    return node_hash(root_of_hashes(hashes[:middle]), root_of_hashes(hashes[middle:]))


def consistency_path(older, hashes, is_whole=True):
    """Section 2.1.4.1, as it is written there."""
    if older == len(hashes):
        return [] if is_whole else [root_of_hashes(hashes)]
    middle = split(len(hashes))
    if older <= middle:
        return consistency_path(older, hashes[:middle], is_whole) + [root_of_hashes(hashes[middle:])]
    return consistency_path(older - middle, hashes[middle:], False) + [root_of_hashes(hashes[:middle])]


def roots_by_consistency(older, newer, older_root, path):
    """Section 2.1.4.2: the roots of both trees that the path leads to; None when it has a wrong length."""
    if not 0 < older <= newer:
        return None
    if older == newer:
        return (older_root, older_root) if not path else None
    path = list(path)
    if older & (older - 1) == 0:
        path.insert(0, older_root)
    if not path:
        return None
    fn, sn = older - 1, newer - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for step in path[1:]:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            fr, sr = node_hash(step, fr), node_hash(step, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, step)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr) if sn == 0 else None


# Documents.


def parts_of(message, what):
    parts = decode(message, what)
    require(what, isinstance(parts, cbor2.CBORTag) and isinstance(parts.value, list))
    require(what, len(parts.value) == 4)
    protected, unprotected, payload, signature = parts.value
    require(what, isinstance(protected, bytes) and isinstance(unprotected, dict))
    require(what, isinstance(signature, bytes) and len(signature) == 64)
    header = decode(protected, what)
    require(what, isinstance(header, dict) and header.get(1) in (-8, -19))
    return header, unprotected, payload


def is_signed(message, key, payload=None):
    """By both libraries; a payload is one that is detached."""
    try:
        parts_of(message, "a document is a COSE_Sign1")
        return (cwt_accepts(message, key, sha256(key)[:8], payload)
                and pycose_accepts(message, key, payload))
    except Exception:  # cwt lets errors of all its libraries through; none of them is a yes
        return False


def head_fields(header, what):
    require(what, set(header) == {1, 4, 16, 395, -65537})
    require(what, header[16] == "cairn-gckp" and header[395] == 1)
    fields = header[-65537]
    require(what, isinstance(fields, list) and len(fields) == 3)
    version, size, now = fields
    require(what, version == 1 and is_number(size) and size > 0 and is_number(now))
    return size, now


def proof_of(message, label, what):
    header, unprotected, payload = parts_of(message, what)
    require(what, payload is None and set(unprotected) == {396})
    require(what, isinstance(unprotected[396], dict) and set(unprotected[396]) == {label})
    proofs = unprotected[396][label]
    require(what, isinstance(proofs, list) and len(proofs) == 1 and isinstance(proofs[0], bytes))
    proof = decode(proofs[0], what)
    require(what, isinstance(proof, list) and len(proof) == 3)
    first, second, path = proof
    require(what, is_number(first) and is_number(second) and isinstance(path, list))
    require(what, all(is_hash(one) for one in path))
    return head_fields(header, what)[0], first, second, path


def inclusion_is_good(message, leaf, index, size, root, key):
    try:
        signed, proven_size, proven_index, path = proof_of(message, -1, "inclusion receipt")
    except Falsehood:
        return False
    if (proven_size, proven_index, signed) != (size, index, size):
        return False
    value = leaf_hash(leaf)
    return (root_by_inclusion(size, index, value, path) == root
            and pymerkle_accepts(size, index, value, path, root) and is_signed(message, key, root))


def consistency_is_good(message, older, newer, older_root, root, key):
    try:
        signed, proven_older, proven_newer, path = proof_of(message, -2, "consistency proof")
    except Falsehood:
        return False
    return ((proven_older, proven_newer, signed) == (older, newer, newer)
            and roots_by_consistency(older, newer, older_root, path) == (older_root, root)
            and is_signed(message, key, root))


def flipped(message):
    """The message with one bit of each byte flipped."""
    for place in range(len(message)):
        yield message[:place] + bytes([message[place] ^ 1 << place % 8]) + message[place + 1:]


class Log:
    """What a gateway says of its log, and the checks of it."""

    def __init__(self, gateway):
        self.gateway = gateway

    def said(self, sentence):
        print("true  ", sentence)

    def check(self):
        self.check_keys()
        self.check_leaves()
        self.check_documents()
        self.check_heads()
        self.check_inclusion()
        self.check_consistency()
        return self

    def check_keys(self):
        what = "the key chain is [1, key, [change, …]], each change signed by the key before"
        version, key, changes = decode(self.gateway.get("/v1/keys", "application/cbor")[0], what)
        require(what, version == 1 and is_hash(key))
        self.keys = [key]
        for message in changes:
            header, unprotected, payload = parts_of(message, what)
            one, algorithm, new, now = header[-65537]
            require(what, header[16] == "cairn-gkey" and (one, algorithm) == (1, -8))
            require(what, unprotected == {} and is_number(now) and payload == sha256(new))
            require(what, is_signed(message, self.keys[-1]))
            self.keys.append(new)
        self.said(f"{what}: {len(self.keys)}")

    def check_leaves(self):
        what = "each leaf is deterministic CBOR, and UTC never goes back"
        self.leaves, after, path = [], "", "/v1/log?limit=7&format=cbor-seq"
        while after is not None and len(self.leaves) < MAXIMUM_LEAVES:
            body, headers = self.gateway.get(path + after)
            stream = io.BytesIO(body)
            while stream.tell() < len(body):
                start = stream.tell()
                cbor2.load(stream)
                self.leaves.append(body[start:stream.tell()])
            following = headers.get("Cairn-Next")
            after = None if following is None else f"&after={following}"
        decoded = [decode(leaf, what) for leaf in self.leaves]
        require(what, all(leaf[0] == 1 and len(leaf) == 4 for leaf in decoded))
        times = [leaf[2] for leaf in decoded]
        require(what, times == sorted(times))
        self.documents = [(leaf[1], leaf[3]) for leaf in decoded]
        self.hashes = [leaf_hash(leaf) for leaf in self.leaves]
        self.said(f"{what}: {len(self.leaves)}")

    def key_of(self, size):
        """The key that signs when the log has `size` leaves."""
        changes = [kind for kind, _ in self.documents[:size]].count(KIND_CHANGE)
        return self.keys[changes]

    def check_documents(self):
        what = "leaf 0 is the first key; receipts, challenges and changes are signed by the key of their time"
        require(what, self.documents[0] == (KIND_KEY, self.keys[0]))
        numbers, changes = [], []
        for index, (kind, document) in enumerate(self.documents):
            if kind not in TYPES:
                continue
            header, _, _ = parts_of(document, what)
            require(what, header[16] == TYPES[kind])
            require(what, is_signed(document, self.key_of(index)))
            if kind == KIND_CHALLENGE:
                numbers.append(header[-65537][1])
            if kind == KIND_CHANGE:
                changes.append(header[-65537][2])
        require(what, changes == self.keys[1:])
        self.said(what)
        what = "the numbers of challenges count up from 1"
        require(what, numbers == list(range(1, len(numbers) + 1)))
        self.said(f"{what}: {len(numbers)}")

    def check_heads(self):
        what = "the head is signed over the root of all leaves, by definition and by pymerkle"
        message = self.gateway.get("/v1/log/head")[0]
        header, unprotected, payload = parts_of(message, what)
        self.size, _ = head_fields(header, what)
        require(what, self.size == len(self.leaves) and unprotected == {})
        require(what, payload == root_of_hashes(self.hashes) == pymerkle_root(self.leaves))
        require(what, is_signed(message, self.keys[-1]))
        require(what, not any(is_signed(spoilt, self.keys[-1]) for spoilt in flipped(message)))
        self.head, self.root = message, payload
        self.said(what)

    def sizes(self):
        """Sizes that the newest key signs: all of a small log, and those around powers of two of a large one."""
        first = max([index for index, (kind, _) in enumerate(self.documents) if kind == KIND_CHANGE],
                    default=0) + 1
        near = {1 << k for k in range(20)} | {(1 << k) + 1 for k in range(20)}
        return [size for size in range(first, self.size + 1)
                if self.size <= 40 or size in near or size == self.size]

    def check_inclusion(self):
        what = "inclusion receipts lead from the leaf to the signed root, for pymerkle too"
        count, sizes = 0, self.sizes()
        for size in sizes:
            root = root_of_hashes(self.hashes[:size])
            for index in {0, size // 2, size - 1}:
                path = f"/v1/log/receipts/{index}?size={size}"
                receipt = self.gateway.get(path)[0]
                leaf, key = self.leaves[index], self.key_of(size)
                require(what, receipt is not None)
                require(what, inclusion_is_good(receipt, leaf, index, size, root, key))
                count += 1
        self.said(f"{what}: {count}")
        what = "an inclusion receipt with a bit flipped, or for another leaf, is refused"
        require(what, not inclusion_is_good(receipt, leaf + b"\0", index, size, root, key))
        require(what, not any(inclusion_is_good(spoilt, leaf, index, size, root, key)
                              for spoilt in flipped(receipt)))
        self.said(what)

    def check_consistency(self):
        what = "consistency proofs are those of RFC 9162 and lead from one root to the other"
        count = 0
        for newer in self.sizes():
            root, key = root_of_hashes(self.hashes[:newer]), self.key_of(newer)
            for older in {1, newer // 2 or 1, max(newer - 1, 1), newer}:
                proof = self.gateway.get(f"/v1/log/proof?first={older}&second={newer}")[0]
                before = root_of_hashes(self.hashes[:older])
                require(what, proof is not None)
                require(what, consistency_is_good(proof, older, newer, before, root, key))
                path = proof_of(proof, -2, what)[3]
                require(what, path == consistency_path(older, self.hashes[:newer]))
                count += 1
        self.said(f"{what}: {count}")
        what = "a consistency proof with a bit flipped, or from another root, is refused"
        other = sha256(before)
        require(what, not consistency_is_good(proof, older, newer, other, root, key))
        require(what, not any(consistency_is_good(spoilt, older, newer, before, root, key)
                              for spoilt in flipped(proof)))
        self.said(what)


def check_after(before, after):
    what = "the log after the key change begins with the log before it, and ends the old key's heads"
    require(what, after.leaves[:before.size] == before.leaves and after.keys[:-1] == before.keys)
    proof = after.gateway.get(f"/v1/log/proof?first={before.size}")[0]
    require(what, consistency_is_good(
        proof, before.size, after.size, before.root, after.root, after.keys[-1]))
    change = max(index for index, (kind, _) in enumerate(after.documents) if kind == KIND_CHANGE)
    last = after.gateway.get(f"/v1/log/head?size={change}")[0]
    header, _, payload = parts_of(last, what)
    require(what, head_fields(header, what)[0] == change)
    require(what, payload == root_of_hashes(after.hashes[:change]))
    require(what, is_signed(last, before.keys[-1]) and not is_signed(last, after.keys[-1]))
    print("true  ", what)


def challenge_regions(gateway):
    for region in ("", "EU868", "US915", "EU868"):
        message, _ = gateway.get(f"/v1/challenge?region={region}")
        require("a challenge is answered", message is not None)


def main(arguments):
    if len(arguments) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    program = arguments[1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / "gateway"
        if len(arguments) == 3:
            shutil.copytree(arguments[2], folder, ignore=shutil.ignore_patterns("*.sock"))
        try:
            with Gateway(program, folder) as gateway:
                challenge_regions(gateway)
                before = Log(gateway).check()
            subprocess.run([program, "key", "rotate", "--data", str(folder)], check=True)
            with Gateway(program, folder) as gateway:
                challenge_regions(gateway)
                check_after(before, Log(gateway).check())
        except Falsehood as falsehood:
            print("FALSE ", falsehood.args[0])
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
