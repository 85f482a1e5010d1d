#!/usr/bin/env python3
"""Unpacks Debian packages into a root folder as dpkg itself would, short of running their scripts.

    Boards/Image/unpack.py ROOT FILE.deb...

What dpkg needs to configure them later, in the running system, is written into ROOT/var/lib/dpkg: each package stands
there as unpacked. Run under fakeroot: owners are Debian's. Manuals, translations and documents other than licences
stay out, by the same rule that dpkg is given for later (etc/dpkg/dpkg.cfg.d/cairn-image).
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

EXCLUDED = ("./usr/share/man/*", "./usr/share/locale/*", "./usr/share/info/*", "./usr/share/lintian/*",
            "./usr/share/bash-completion/*", "./usr/share/doc/*/*.gz", "./usr/share/doc/*/examples",
            "./usr/share/doc/*/NEWS*", "./usr/share/doc/*/README*", "./usr/share/doc/*/T[O]DO*",
            "./usr/share/doc/*/AUTHORS*", "./usr/share/doc/*/FAQ*")


def output(*command):
    return subprocess.run(command, check=True, capture_output=True).stdout


def layout(root):
    """One /usr, as Debian has it since 12. Packages still name /lib."""
    for name in ("usr/lib", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    for name in ("lib", "bin", "sbin"):
        os.symlink(f"usr/{name}", f"{root}/{name}")
    for name in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/parts", "var/lib/dpkg/triggers",
                 "var/lib/dpkg/alternatives"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    with open(f"{root}/var/lib/dpkg/info/format", "w") as file:
        file.write("1\n")
    with open(f"{root}/var/lib/dpkg/arch", "w") as file:
        file.write("arm64\n")


def extract(root, deb):
    """The files, and their names as dpkg lists them."""
    data = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    listing = subprocess.run(
        ["tar", "-x", "-v", "--keep-directory-symlink", "-p", "-C", root]
        + [f"--exclude={pattern}" for pattern in EXCLUDED],
        stdin=data.stdout, check=True, capture_output=True).stdout.decode()
    data.stdout.close()
    if data.wait() != 0:
        sys.exit(f"{deb} can't be unpacked: it is damaged; remove it and begin again")
    names = []
    for line in listing.splitlines():
        name = line[1:].rstrip("/") if line.startswith("./") else "/" + line.rstrip("/")
        names.append(name or "/.")
    return names


def conffiles(root, folder):
    if not os.path.exists(f"{folder}/conffiles"):
        return ""
    lines = []
    for line in open(f"{folder}/conffiles"):
        name = line.strip()
        if not name.startswith("/"):
            continue
        with open(root + name, "rb") as file:
            lines.append(f" {name} {hashlib.md5(file.read()).hexdigest()}\n")
    return "Conffiles:\n" + "".join(lines) if lines else ""


def unpack(root, deb):
    """Unpacks one package; returns its paragraph of dpkg's status."""
    names = extract(root, deb)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "--control", deb, folder], check=True)
        with open(f"{folder}/control") as file:
            control = file.read().rstrip("\n") + "\n"
        field = lambda name: re.search(rf"^{name}: (.*)$", control, re.MULTILINE)
        package, architecture = field("Package").group(1), field("Architecture").group(1)
        same = field("Multi-Arch") and field("Multi-Arch").group(1) == "same"
        name = f"{package}:{architecture}" if same else package
        info = f"{root}/var/lib/dpkg/info/{name}"
        with open(f"{info}.list", "w") as file:
            file.write("\n".join(names) + "\n")
        for entry in os.listdir(folder):
            if entry != "control":
                shutil.copy(f"{folder}/{entry}", f"{info}.{entry}")
        head, rest = control.split("\n", 1)
        return f"{head}\nStatus: install ok unpacked\n{rest}{conffiles(root, folder)}\n"


def main(root, debs):
    layout(root)
    # base-files has the folders that others put files into, base-passwd the users.
    debs.sort(key=lambda deb: (not os.path.basename(deb).startswith("base-files_"), deb))
    with open(f"{root}/var/lib/dpkg/status", "w") as status:
        for deb in debs:
            status.write(unpack(root, deb))
    open(f"{root}/var/lib/dpkg/available", "w").close()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
