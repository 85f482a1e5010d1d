#!/usr/bin/env python3
"""Compresses the images that are there and writes the list that Raspberry Pi Imager reads.

    Boards/Image/imager.py FOLDER URL        make imager URL=https://example.org/cairn

FOLDER/BOARD/cairn-BOARD.img becomes FOLDER/cairn-BOARD.img.xz; FOLDER/os_list.json says where they are below URL, with
sizes and hashes. Copy the .xz files, cairn.png and os_list.json there. Imager takes the list by `rpi-imager --repo
URL/os_list.json`, or by its option "custom repository". The format is that of doc/json-schema in raspberrypi/rpi-imager.
"""

import hashlib
import json
import os
import struct
import subprocess
import sys
import time
import zlib

# What Imager calls the boards that an image is for: it shows the image for these alone.
BOARDS = {
    "raspberry-pi-3": ("Cairn for Raspberry Pi 3", ["pi3-64bit"]),
    "raspberry-pi-4": ("Cairn for Raspberry Pi 4", ["pi4-64bit"]),
    "raspberry-pi-zero-2-w": ("Cairn for Raspberry Pi Zero 2 W", ["pi3-64bit"]),
}


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compressed(image, out):
    """The image under xz, made anew when it is another one."""
    try:
        with open(image + ".sha256", errors="replace") as file:
            recorded = file.read().split()[0]
    except (OSError, IndexError):
        sys.exit(f"{image} has no .sha256 that can be read: `make image` makes both")
    if recorded != digest(image):
        sys.exit(f"{image} is not what its .sha256 says: make it anew")
    mark = out + ".of"
    known = open(mark).read() if os.path.exists(mark) and os.path.exists(out) else ""
    if known != recorded:
        with open(out + ".new", "wb") as file:
            subprocess.run(["xz", "-T0", "-6", "-c", image], stdout=file, check=True)
        os.replace(out + ".new", out)
        with open(mark, "w") as file:
            file.write(recorded)
    return recorded


def entry(folder, board, url, day):
    image, out = f"{folder}/{board}/cairn-{board}.img", f"{folder}/cairn-{board}.img.xz"
    extracted = compressed(image, out)
    name, devices = BOARDS[board]
    return {
        "name": name,
        "description": "Measures, signs, keeps a log that anyone can check. Set up by cairn.ini on the card",
        "icon": f"{url}/cairn.png",
        "url": f"{url}/{os.path.basename(out)}",
        "extract_size": os.path.getsize(image),
        "extract_sha256": extracted,
        "image_download_size": os.path.getsize(out),
        "image_download_sha256": digest(out),
        "release_date": day,
        # Imager's own settings are not for this image: cairn.ini is.
        "init_format": "",
        "devices": devices,
        "architecture": "armv8",
    }


def icon(path):
    """A cairn: four stones, 40 by 40."""
    stones = ((20, 33, 15, 5), (19, 24, 11, 4), (21, 16, 8, 4), (20, 9, 5, 3))
    rows = b""
    for y in range(40):
        rows += b"\0"
        for x in range(40):
            inside = any(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1 for cx, cy, rx, ry in stones)
            rows += b"\x50\x5a\x64\xff" if inside else b"\0\0\0\0"

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 40, 40, 8, 6, 0, 0, 0))
                   + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def main(folder, url):
    url = url.rstrip("/")
    if not url.startswith(("https://", "http://", "file:///")):
        sys.exit("make imager URL=https://…: the address below which the files will lie")
    boards = [board for board in BOARDS if os.path.exists(f"{folder}/{board}/cairn-{board}.img")]
    if not boards:
        sys.exit(f"there is no image in {folder}: make image BOARD={' or '.join(BOARDS)}")
    day = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    icon(f"{folder}/cairn.png")
    entries = [entry(folder, board, url, day) for board in boards]
    with open(f"{folder}/os_list.json.new", "w") as file:
        json.dump({"os_list": entries}, file, indent=2)
        file.write("\n")
    os.replace(f"{folder}/os_list.json.new", f"{folder}/os_list.json")
    for row in entries:
        print(f"  {row['url']}  {row['image_download_size']} bytes, {row['extract_size']} on the card")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
