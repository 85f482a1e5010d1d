#!/usr/bin/env python3
"""Sealed keys by docs/sealed-key.md alone: Argon2id and ChaCha20-Poly1305 of OpenSSL, HChaCha20 of its definition.

Usage: sealed_keys.py                      builds Tests/Vectors/sealed anew, compares, opens them, and spoils each byte
       sealed_keys.py --write              writes those files
       sealed_keys.py --open FILE PASSPHRASE-FILE
       sealed_keys.py --program CAIRN      has a program make an owner's key, opens it, and reads the QR codes it shows
"""
import hashlib
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

import zxingcpp
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from spool_reader import crc32c

VECTORS = pathlib.Path(__file__).resolve().parent.parent / "Vectors" / "sealed"
PASSPHRASE = b"correct horse battery staple"
# RFC 8032 section 7.1, tests 1 (device), 2 (owner) and 3 (gateway).
EXAMPLES = {
    "owner": ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", 0, b"", b""),
    "device": ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", 7,
               b"10000000abcdef01", b"0xe4f2"),
    "gateway": ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", 0, b"", b""),
}


def hchacha20(key, nonce):
    """draft-irtf-cfrg-xchacha-03, section 2.2."""
    state = list(struct.unpack("<12I", b"expand 32-byte k" + key)) + list(struct.unpack("<4I", nonce))

    def turn(value, bits):
        return (value << bits | value >> 32 - bits) & 0xFFFFFFFF

    def quarter(a, b, c, d):
        for x, y, z, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) & 0xFFFFFFFF
            state[z] = turn(state[z] ^ state[x], bits)

    for _ in range(10):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for place in range(4):
            quarter(place, 4 + (place + 1) % 4, 8 + (place + 2) % 4, 12 + (place + 3) % 4)
    return struct.pack("<8I", *state[:4], *state[12:])


def cipher(passphrase, passes, kibibytes, salt, nonce):
    key = Argon2id(salt=salt, length=32, iterations=passes, lanes=1,
                   memory_cost=kibibytes).derive(passphrase)
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])), bytes(4) + nonce[16:]


def public_of(seed):
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def build(kind, passphrase, passes, kibibytes, salt, nonce):
    seed, epoch, board, card = EXAMPLES[kind]
    seed = bytes.fromhex(seed)
    content = seed + struct.pack("<QB40sB40s6x", epoch, len(board), board, len(card), card)
    header = (f"cairn-sealed-key 1\nkind {kind}\nalgorithm ed25519\npublic {public_of(seed).hex()}\n"
              f"argon2id {passes} {kibibytes}\nsalt {salt.hex()}\nnonce {nonce.hex()}\n").encode()
    box, short_nonce = cipher(passphrase, passes, kibibytes, salt, nonce)
    sealed = box.encrypt(short_nonce, content, header).hex()
    body = header + b"sealed\n" + b"".join(
        sealed[place:place + 72].encode() + b"\n" for place in range(0, 288, 72))
    return body + f"check {crc32c(body):08x}\n".encode()


class Refused(Exception):
    pass


def open_sealed(text, passphrase, needs_check=True):
    """(kind, seed, epoch, board, card)"""
    body, found, check = text.rpartition(b"check ")
    if not found or needs_check and check != f"{crc32c(body):08x}\n".encode():
        raise Refused("check")
    header, found, sealed = body.partition(b"sealed\n")
    lines = [line.split(" ") for line in header.decode("ascii").split("\n")]
    names = [line[0] for line in lines]
    if names != ["cairn-sealed-key", "kind", "algorithm", "public", "argon2id", "salt", "nonce", ""]:
        raise Refused("form")
    passes, kibibytes = int(lines[4][1]), int(lines[4][2])
    if not 1 <= passes <= 10 or not 1024 <= kibibytes <= 262144:
        raise Refused("cost")
    box, short_nonce = cipher(passphrase, passes, kibibytes, bytes.fromhex(lines[5][1]),
                              bytes.fromhex(lines[6][1]))
    try:
        content = box.decrypt(short_nonce, bytes.fromhex(sealed.decode("ascii")), header)
    except InvalidTag:
        raise Refused("seal") from None
    seed, epoch, board_count, board, card_count, card, reserved = struct.unpack(
        "<32sQB40sB40s6s", content)
    if any(board[board_count:]) or any(card[card_count:]) or any(reserved):
        raise Refused("content")
    if public_of(seed).hex() != lines[3][1]:
        raise Refused("public key")
    return lines[1][1], seed, epoch, board[:board_count], card[:card_count]


def expect(condition, sentence):
    if not condition:
        print("FAILED", sentence)
        sys.exit(1)


def refused(text, passphrase, needs_check=True):
    try:
        open_sealed(text, passphrase, needs_check)
    except (Refused, ValueError, UnicodeDecodeError):
        return True
    return False


def example(kind):
    number = list(EXAMPLES).index(kind)
    return build(kind, PASSPHRASE, 3, 65536, bytes(range(16 * number, 16 * number + 16)),
                 bytes(range(64 + 24 * number, 88 + 24 * number)))


def check_vectors():
    # The draft's section 2.2.1.
    expect(hchacha20(bytes(range(32)), bytes.fromhex("000000090000004a0000000031415927")).hex() ==
           "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc",
           "HChaCha20 gives the draft's example")
    for kind, (seed, epoch, board, card) in EXAMPLES.items():
        text = (VECTORS / f"{kind}.txt").read_bytes()
        expect(text == example(kind), f"built alike: {kind}")
        expect(open_sealed(text, PASSPHRASE) == (kind, bytes.fromhex(seed), epoch, board, card),
               f"opens: {kind}")
        expect(refused(text, PASSPHRASE + b" "), f"another passphrase opens nothing: {kind}")
    # Under the seal and without the check, at the least cost: each byte of header and content.
    cheap = build("device", PASSPHRASE, 1, 1024, bytes(16), bytes(24))
    expect(not refused(cheap, PASSPHRASE), "the least cost opens")
    for place in range(cheap.rindex(b"check ")):
        spoilt = bytearray(cheap)
        spoilt[place] ^= 1
        expect(refused(bytes(spoilt), PASSPHRASE), f"the check finds byte {place}")
        expect(chr(cheap[place]) in "\n " or refused(bytes(spoilt), PASSPHRASE, needs_check=False),
               f"the seal finds byte {place}")
    print(f"ok {len(EXAMPLES)} sealed keys are built alike and opened by OpenSSL's Argon2id and "
          f"ChaCha20-Poly1305; {len(cheap)} spoilt bytes are refused")


def pixels(rows):
    """A picture, 8 points a module, of rows of booleans: dark ones are black."""
    width = len(rows[0]) * 8
    data = b"".join(bytes(0 if dark else 255 for dark in row for _ in range(8)) * 8 for row in rows)
    return memoryview(data).cast("B", shape=[len(rows) * 8, width])


def shown(text):
    """Rows of booleans of a code as the program shows it, in half blocks or in number signs."""
    lines = [line for line in text.split("\n") if line and not set(line) - set(" #\u2580\u2584\u2588")]
    expect(lines and len({len(line) for line in lines}) == 1, "a code is a rectangle of signs")
    expect(len(lines[0]) <= 80, "a code fits 80 columns")
    if "#" in "".join(lines):
        return [[pair == "##" for pair in map("".join, zip(line[::2], line[1::2]))] for line in lines]
    upper, lower = "\u2580\u2588", "\u2584\u2588"
    return [[sign in half for sign in line] for line in lines for half in (upper, lower)]


def check_program(program):
    with tempfile.TemporaryDirectory() as folder:
        secret, owner = os.path.join(folder, "passphrase"), os.path.join(folder, "owner.txt")
        with open(os.open(secret, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(PASSPHRASE + b"\n")
        made = json.loads(subprocess.run(
            [program, "owner", "new", owner, "--passphrase-file", secret, "--json"],
            check=True, capture_output=True).stdout)
        kind, seed, *_ = open_sealed(pathlib.Path(owner).read_bytes(), PASSPHRASE)
        expect(kind == "owner" and public_of(seed).hex() == made["publicKey"],
               "OpenSSL opens what the program sealed")
        expect(hashlib.sha256(public_of(seed)).hexdigest() == made["sha256"], "and it is that key")
        for locale in "C.UTF-8", "C":
            said = subprocess.run([program, "owner", "show", owner, "--qr"], check=True,
                                  capture_output=True, env={"LANG": locale}).stdout.decode()
            rows = shown(said)
            for words, inverted in ("on paper", False), ("on a dark terminal", True):
                picture = pixels([[dark != inverted for dark in row] for row in rows])
                found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
                expect([code.text for code in found] == [made["did"]],
                       f"ZXing reads the did:key, {locale}, {words}")
    print("ok OpenSSL opens an owner's key that the program sealed, and ZXing reads its QR codes")


def main(arguments):
    if not arguments:
        check_vectors()
    elif arguments == ["--write"]:
        VECTORS.mkdir(exist_ok=True)
        for kind in EXAMPLES:
            (VECTORS / f"{kind}.txt").write_bytes(example(kind))
    elif len(arguments) == 3 and arguments[0] == "--open":
        text, secret = (pathlib.Path(name).read_bytes() for name in arguments[1:])
        kind, seed, epoch, board, card = open_sealed(text, secret.rstrip(b"\r\n"))
        print(json.dumps({"kind": kind, "publicKey": public_of(seed).hex(), "epoch": epoch,
                          "board": board.decode(), "card": card.decode()}))
    elif len(arguments) == 2 and arguments[0] == "--program":
        check_program(arguments[1])
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
