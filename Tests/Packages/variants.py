"""Other versions of our packages: a newer one, made as `make deb` makes it, and broken ones that a check has to find."""

import os
import pathlib
import shutil
import subprocess

from debian_root import ROOT, WORK, output

NEWER_SUFFIX = "+next1"


def newer(architecture, programs, version):
    """The same programs as a version that comes behind, from the same script."""
    folder = WORK / "newer"
    shutil.rmtree(folder, ignore_errors=True)
    output(str(ROOT / "Boards/Debian/deb.sh"), architecture, *programs,
           env={**os.environ, "CAIRN_DEB_VERSION": version + NEWER_SUFFIX,
                "CAIRN_DEB_FOLDER": str(folder)})
    return sorted(folder.glob("cairn*.deb"))


def broken(root, package, script, line):
    """A package whose script does a thing more, in the root. The script need not be there yet."""
    folder = root.path / "tmp/broken"
    shutil.rmtree(folder, ignore_errors=True)
    output("dpkg-deb", "--raw-extract", str(package), str(folder))
    path = folder / "DEBIAN" / script
    text = path.read_text() if path.exists() else "#!/bin/sh\nset -e\n"
    path.write_text(text.replace("set -e\n", f"set -e\n{line}\n", 1))
    path.chmod(0o755)
    made = root.path / "tmp" / f"broken-{pathlib.Path(package).name}"
    output("dpkg-deb", "--root-owner-group", "-Znone", "--build", str(folder), str(made))
    return f"/tmp/{made.name}"


def installed_version(root, package):
    """The version that dpkg has of a package and its state, such as `ii 0.1.0`; empty when it has none."""
    said = root.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", package)
    return " ".join(said.stdout.split()) if said.returncode == 0 else ""


def run_quietly(*command):
    return subprocess.run(command, capture_output=True, text=True)
