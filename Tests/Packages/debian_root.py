"""A Debian of its own to install into: a tarball that is made once, and a root that memory holds."""

import hashlib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "packages"
SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# The root has about 200 MiB; the rest is what upgrades may take, and what a test fills up.
ROOT_SIZE = "700m"
# What the packages' scripts use that no program is linked with.
ALWAYS = ["ca-certificates", "systemd", "udev"]
DEVICES = ["full", "null", "random", "urandom", "zero"]


def output(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def dependencies(packages):
    """What Debian packages ours need, as their control files say."""
    needed = set(ALWAYS)
    for package in packages:
        text = output("dpkg-deb", "--field", str(package), "Depends")
        for part in text.replace("\n", " ").split(","):
            name = part.split("|")[0].split("(")[0].strip()
            if name and not name.startswith("cairn"):
                needed.add(name)
    return sorted(needed)


def sources():
    """Where this machine has Debian from, so that a local mirror is used; else Debian's own."""
    lines = set()
    for line in subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
         "Created-By: Packages", "Origin: Debian"], capture_output=True, text=True,
    ).stdout.splitlines():
        address, release, component = line.split()
        if release.startswith(SUITE) and component == "main":
            lines.add(f"deb [signed-by={KEYRING}] {address} {release} main")
    if not any(f" {SUITE} main" in line for line in lines):
        lines = {f"deb [signed-by={KEYRING}] {MIRROR} {SUITE} main"}
    return sorted(lines)


def tarball(packages, mode):
    """A minimal Debian with what our packages need. Made when it is not there, or when they need other ones.

    `mode` is mmdebstrap's: root, or unshare.
    """
    needed = dependencies(packages)
    name = hashlib.sha256(" ".join([SUITE, *needed]).encode()).hexdigest()[:12]
    path = WORK / f"root-{SUITE}-{name}.tar"
    if path.exists():
        return path
    WORK.mkdir(parents=True, exist_ok=True)
    print(f"making a Debian root with {', '.join(needed)}", flush=True)
    unfinished = path.with_suffix(".unfinished")
    made = subprocess.run(
        ["mmdebstrap", f"--mode={mode}", "--variant=minbase", "--format=tar", "--quiet",
         f"--include={','.join(needed)}", SUITE, str(unfinished), "-"],
        input="\n".join(sources()) + "\n", capture_output=True, text=True)
    if made.returncode != 0:
        sys.exit(f"selftest.py: mmdebstrap could not make {path.name}: {made.stderr[-2000:]}")
    for old in WORK.glob("root-*.tar"):
        old.unlink()
    unfinished.rename(path)
    return path


def namespaces():
    """The command that gives a place where this program may mount, without network, and that leaves nothing behind.

    Root needs only that; a user becomes root of a user namespace, with the ids that /etc/subuid gives.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    told = ""
    for users in [[], ["--map-root-user", "--map-auto"]][0 if os.geteuid() == 0 else 1:]:
        command = ["unshare", *users, "--mount", "--net", "--propagation", "private"]
        probe = subprocess.run([*command, "mount", "-t", "tmpfs", "none", str(WORK)],
                               capture_output=True, text=True)
        if probe.returncode == 0:
            return command
        told += probe.stderr.strip() + "; "
    sys.exit(
        f"selftest.py: the packages can't be tried here, nothing may be mounted ({told[:-2]}). As root "
        "it takes CAP_SYS_ADMIN; as a user the package uidmap, lines in /etc/subuid and /etc/subgid, "
        "and kernel.unprivileged_userns_clone=1")


def enter(command):
    """Starts this program anew in the namespaces, if it is not there already."""
    os.environ["CAIRN_PACKAGES_INSIDE"] = "yes"
    os.execvp(command[0], [*command, sys.executable, *sys.argv])


def is_inside():
    return os.environ.get("CAIRN_PACKAGES_INSIDE") == "yes"


class DebianRoot:
    """A root of Debian on a tmpfs: what is run in it sees nothing else, and it ends with the namespace."""

    def __init__(self, path):
        self.path = WORK / "root"
        self.path.mkdir(parents=True, exist_ok=True)
        output("mount", "-t", "tmpfs", "-o", f"size={ROOT_SIZE},mode=0755", "cairn", str(self.path))
        output("tar", "-x", "--numeric-owner", "--exclude=./dev/*", "-f", str(path), "-C", str(self.path))
        (self.path / "dev").mkdir(exist_ok=True)
        for name in DEVICES:
            (self.path / "dev" / name).touch()
            output("mount", "--bind", f"/dev/{name}", str(self.path / "dev" / name))
        output("mount", "--rbind", "/proc", str(self.path / "proc"))
        # No service is to be started, and no apt asks anybody anything.
        self.write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/",
            "DEBIAN_FRONTEND": "noninteractive",
        }

    def command(self, *arguments, user=None):
        if user:
            arguments = ("setpriv", f"--reuid={user}", "--regid=cairn", "--init-groups", *arguments)
        return ["chroot", str(self.path), *arguments]

    def run(self, *arguments, user=None):
        return subprocess.run(
            self.command(*arguments, user=user), env=self.environment, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)

    def start(self, *arguments, user=None, log=subprocess.DEVNULL):
        """At the head of a process group of its own, so that all of it can be killed."""
        return subprocess.Popen(
            self.command(*arguments, user=user), env=self.environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    def write(self, name, text, mode=0o644):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def free_bytes(self):
        found = os.statvfs(self.path)
        return found.f_bavail * found.f_bsize
