"""What belongs to a node and not to its packages, and what an installation has to have brought."""

import gzip
import hashlib
import stat

KEPT = ["var/lib/cairn", "etc/cairn"]
# Users, with the groups that each is in.
USERS = {
    "cairn-agent": {"cairn", "i2c", "gpio", "spi", "dialout"},
    "cairn-uplink": {"cairn"},
}
FOLDERS = {
    "var/lib/cairn": ("root", "root", 0o755),
    "var/lib/cairn/agent": ("cairn-agent", "cairn", 0o750),
    "var/lib/cairn/uplink": ("cairn-uplink", "cairn", 0o750),
    "run/cairn": ("cairn-agent", "cairn", 0o1770),
}


def state(root):
    """Every file and folder that must outlive the packages, with content, owner, mode and time."""
    found = {}
    for top in KEPT:
        base = root.path / top
        for path in [base, *sorted(base.rglob("*"))] if base.exists() else []:
            info = path.lstat()
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            # A folder's time is its entries'.
            time = info.st_mtime_ns if path.is_file() else 0
            name = str(path.relative_to(root.path))
            found[name] = (content, oct(info.st_mode), info.st_uid, info.st_gid, time)
    return found


def differences(before, after):
    """Names of what was added, changed or is gone."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


def identifiers(root, name):
    """Numbers by name, of passwd or group; and in group who is in it."""
    lines = (root.path / "etc" / name).read_text().splitlines()
    fields = [line.split(":") for line in lines]
    return {field[0]: (int(field[2]), set(field[3].split(",")) if name == "group" else set())
            for field in fields}


def faults(root, programs):
    """What is not as an installation of these programs has to leave it, as sentences."""
    found = []
    users, groups = identifiers(root, "passwd"), identifiers(root, "group")
    own = {name: {"cairn"} for name in ("cairn-usb", "cairn-forwarder") if name in programs}
    wanted = {**USERS, **own}
    if (root.path / "usr/lib/systemd/system/cairn-console@.service").exists():
        wanted["cairn-console"] = {"cairn"}
    for user, members in wanted.items():
        if user not in users:
            found.append(f"there is no user {user}")
        for group in members:
            if user not in groups.get(group, (0, set()))[1]:
                found.append(f"{user} is not in {group}")
    for name, (owner, group, mode) in FOLDERS.items():
        path = root.path / name
        if not path.is_dir():
            found.append(f"there is no folder {name}")
            continue
        info = path.stat()
        if (info.st_uid, info.st_gid) != (users.get(owner, (-1,))[0], groups.get(group, (-1,))[0]):
            found.append(f"{name} is not {owner}:{group}'s")
        if stat.S_IMODE(info.st_mode) != mode:
            found.append(f"{name} has mode {stat.S_IMODE(info.st_mode):o}")
    for program in programs:
        found += faults_of_program(root, program)
    rules = root.path / "usr/lib/udev/rules.d/70-cairn.rules"
    if not rules.is_file():
        found.append("there are no udev rules")
    return found


def faults_of_program(root, program):
    found = []
    said = root.run(program, "--version")
    if said.returncode != 0 or not said.stdout.startswith(program):
        found.append(f"{program} --version says {said.stdout.strip()!r}")
    section = 1 if program == "cairn" else 8
    page = root.path / f"usr/share/man/man{section}/{program}.{section}.gz"
    if not page.is_file() or not gzip.decompress(page.read_bytes()).startswith(b".TH"):
        found.append(f"{program} has no manual page")
    if program in ("cairn", "cairn-usb"):
        return found
    enabled = root.run("systemctl", "is-enabled", f"{program}.service").stdout.strip()
    if enabled != "enabled":
        found.append(f"{program}.service is {enabled}")
    return found
