"""The list for Raspberry Pi Imager."""

import contextlib
import hashlib
import io
import json
import lzma
import os
import re
import tempfile
import unittest

import imager

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "os_list.schema.json")
KINDS = {"object": dict, "array": list, "string": str, "integer": int}


def problems(value, schema, at="list"):
    """What a value has that its schema does not allow: the part of JSON Schema that os_list.schema.json uses."""
    if not isinstance(value, KINDS[schema["type"]]) or isinstance(value, bool):
        return [f"{at}: not of type {schema['type']}"]
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append(f"{at}: {value!r} does not match {schema['pattern']}")
    if isinstance(value, list):
        found += [line for index, item in enumerate(value) for line in problems(item, schema["items"], f"{at}[{index}]")]
    if isinstance(value, dict):
        known = schema["properties"]
        found += [f"{at}: {name} is missing" for name in schema["required"] if name not in value]
        found += [f"{at}: {name} is unknown" for name in value if name not in known]
        found += [line for name in value if name in known for line in problems(value[name], known[name], f"{at}.{name}")]
    return found


class Listing(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        with open(SCHEMA) as file:
            self.schema = json.load(file)

    def image(self, board, content):
        os.makedirs(f"{self.folder}/{board}", exist_ok=True)
        path = f"{self.folder}/{board}/cairn-{board}.img"
        with open(path, "wb") as file:
            file.write(content)
        with open(path + ".sha256", "w") as file:
            file.write(hashlib.sha256(content).hexdigest() + "  x\n")

    def list(self):
        with contextlib.redirect_stdout(io.StringIO()):
            imager.main(self.folder, "https://example.org/cairn/")
        with open(f"{self.folder}/os_list.json") as file:
            return json.load(file)

    def test_the_list_is_what_imager_reads(self):
        for board in imager.BOARDS:
            self.image(board, board.encode() * 1000)
        listed = self.list()
        self.assertEqual(problems(listed, self.schema), [])
        self.assertEqual(len(listed["os_list"]), len(imager.BOARDS))

    def test_sizes_and_hashes_are_those_of_what_imager_will_read(self):
        content = os.urandom(10_000) + bytes(100_000)
        self.image("raspberry-pi-4", content)
        (row,) = self.list()["os_list"]
        # The address was given with a slash at its end.
        self.assertEqual((row["url"], row["icon"]), ("https://example.org/cairn/cairn-raspberry-pi-4.img.xz",
                                                     "https://example.org/cairn/cairn.png"))
        with open(f"{self.folder}/{row['url'].rsplit('/')[-1]}", "rb") as file:
            packed = file.read()
        self.assertEqual(lzma.decompress(packed), content)
        self.assertEqual((row["extract_size"], row["extract_sha256"]), (len(content), hashlib.sha256(content).hexdigest()))
        self.assertEqual((row["image_download_size"], row["image_download_sha256"]),
                         (len(packed), hashlib.sha256(packed).hexdigest()))

    def test_another_image_is_compressed_anew_and_the_same_is_not(self):
        self.image("raspberry-pi-3", b"one")
        first = self.list()
        self.assertEqual(self.list(), first)
        self.image("raspberry-pi-3", b"another")
        self.assertNotEqual(self.list()["os_list"][0]["image_download_sha256"], first["os_list"][0]["image_download_sha256"])

    def test_an_image_that_is_not_what_its_hash_says_is_not_listed(self):
        self.image("raspberry-pi-3", b"one")
        with open(f"{self.folder}/raspberry-pi-3/cairn-raspberry-pi-3.img", "ab") as file:
            file.write(b"!")
        with self.assertRaises(SystemExit):
            self.list()

    def test_an_image_without_its_hash_is_refused_with_the_reason(self):
        self.image("raspberry-pi-3", b"one")
        mark = f"{self.folder}/raspberry-pi-3/cairn-raspberry-pi-3.img.sha256"
        for spoil in (lambda: open(mark, "w").close(), lambda: os.remove(mark)):
            spoil()
            with self.assertRaises(SystemExit) as caught:
                self.list()
            self.assertIn("make image", str(caught.exception))

    def test_the_schema_refuses_what_imager_would(self):
        self.image("raspberry-pi-3", b"one")
        for change in ({"url": "cairn.img"}, {"extract_sha256": "12"}, {"devices": "pi4"}, {"extract_size": "1"},
                       {"init_format": "yes"}, {"release_date": "today"}, {"surprise": 1}):
            listed = self.list()
            listed["os_list"][0] |= change
            self.assertNotEqual(problems(listed, self.schema), [], change)
