#!/usr/bin/env python3
"""Our packages in a Debian root of their own: installed, upgraded, broken off, removed, purged.

    Tests/Packages/selftest.py CAIRN-SIMULATE PROGRAM...
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import node
from debian_root import ROOT, DebianRoot, enter, is_inside, namespaces, output, tarball
from node_state import differences, faults, state
from variants import broken, installed_version, newer

ARCHITECTURE = output("dpkg", "--print-architecture").strip()
# At which of its steps dpkg is killed: each so many. With how much room on the disk an upgrade is tried, in KiB.
KILL_STRIDE = 4
ROOMS = [0, 64, 500, 1100]
APT = ["apt-get", "-q", "-y", "-o", "APT::Sandbox::User=root"]

passed = failed = 0


def check(sentence, holds, detail=""):
    global passed, failed
    if holds:
        passed += 1
    else:
        failed += 1
        print(f"FAILED: {sentence}" + (f": {detail}" if detail else ""), flush=True)


def step(sentence):
    print(f"  {sentence}", flush=True)


class Course:
    """One root and what happens to it, step after step."""

    def __init__(self, root, simulator, programs, old, new):
        self.root, self.simulator, self.programs = root, simulator, programs
        # An uplink is an alternative to the other one, so one is installed.
        self.names = [name for name in ["cairn-common", *programs] if name != "cairn-uplink-mqtt"]
        self.old = self.put("old", old)
        self.new = self.put("new", new)
        self.kept = {}

    def put(self, folder, packages):
        """Packages where the root sees them, by their names."""
        (self.root.path / "debs" / folder).mkdir(parents=True)
        found = {}
        for package in packages:
            shutil.copy(package, self.root.path / "debs" / folder)
            found[package.name.split("_")[0]] = f"/debs/{folder}/{package.name}"
        return found

    def files(self, packages):
        return [packages[name] for name in self.names]

    def version(self, packages):
        return packages["cairn-common"].split("_")[1]

    def apt(self, sentence, *arguments, packages=None):
        """apt does it, the node's own stays, and dpkg has that version afterwards."""
        step(sentence)
        said = self.root.run(*APT, *arguments)
        check(sentence, said.returncode == 0, said.stdout[-1500:])
        self.nothing_lost(sentence)
        if packages:
            for name in self.names:
                check(f"{sentence}: {name} is installed as that",
                      installed_version(self.root, name) == f"ii {self.version(packages)}",
                      installed_version(self.root, name))
            check(f"{sentence}: all is as it should be", not faults(self.root, self.mine()),
                  faults(self.root, self.mine()))
        return said.stdout

    def mine(self):
        return [name for name in self.programs if name in self.names]

    def remember(self):
        self.kept = state(self.root)

    def nothing_lost(self, sentence):
        if self.kept:
            lost = differences(self.kept, state(self.root))
            check(f"{sentence}: key, log and settings are as they were", not lost, lost)

    def install(self):
        self.apt("installing", "install", *self.files(self.old), packages=self.old)
        for conflict in ["/etc/cairn/site.ini", "/etc/cairn/board.ini"]:
            said = self.root.run("dpkg", "-S", conflict)
            check(f"{conflict} is no package's", said.returncode != 0, said.stdout)

    def first_life(self):
        step("agent and uplink run on a virtual board")
        node.configure(self.root)
        statuses = node.live(self.root, self.simulator, 3)
        check("agent and uplink end as asked", statuses == (0, 0), statuses)
        self.key, self.batches = node.public_key(self.root), node.batches(self.root)
        check("the agent has made a key", self.key is not None)
        check("the log has batches", len(self.batches) >= 3, self.batches)
        denied = self.root.run("cat", "/var/lib/cairn/agent/agent.key", user="cairn-uplink")
        check("the uplink's user can't read the key", denied.returncode != 0)
        allowed = self.root.run("cat", "/var/lib/cairn/agent/spool", user="cairn-uplink")
        check("the uplink's user can read the log", allowed.returncode == 0)
        self.remember()

    def versions(self):
        new, old = self.files(self.new), self.files(self.old)
        self.apt("upgrading", "install", *new, packages=self.new)
        self.apt("downgrading", "install", "--allow-downgrades", *old, packages=self.old)
        step("what the operator has disabled stays disabled")
        self.root.run("systemctl", "disable", "cairn-uplink-https.service")
        self.root.run(*APT, "install", *new)
        enabled = self.root.run("systemctl", "is-enabled", "cairn-uplink-https.service").stdout.strip()
        check("an upgrade leaves a disabled uplink disabled", enabled == "disabled", enabled)
        self.root.run("systemctl", "enable", "cairn-uplink-https.service")
        self.apt("downgrading again", "install", "--allow-downgrades", *old, packages=self.old)

    def removals(self):
        old = self.files(self.old)
        self.apt("removing", "remove", *self.names)
        check("nothing of ours is left to run", not (self.root.path / "usr/bin/cairn-agent").exists())
        self.apt("installing again", "install", *old, packages=self.old)
        said = self.apt("purging", "purge", *self.names)
        check("purging says that key and log stay", "stay in /var/lib/cairn" in said, said[-800:])
        for name in self.names:
            check(f"dpkg knows {name} no more", installed_version(self.root, name)[:2] in ("", "un"),
                  installed_version(self.root, name))
        left = list((self.root.path / "etc/systemd/system").rglob("cairn-*"))
        check("purging leaves no service enabled", not left, left)
        self.apt("installing after the purge", "install", *old, packages=self.old)

    def every_program_works(self, sentence):
        for program in self.mine():
            said = self.root.run(program, "--version")
            check(f"{sentence}: {program} starts", said.returncode == 0, said.stdout)

    def repair(self, sentence, packages):
        """What docs/installing.md tells an operator to do after an upgrade that was broken off."""
        self.root.run("dpkg", "--configure", "-a")
        said = self.root.run("dpkg", "--install", *self.files(packages))
        check(f"{sentence}: it can be mended", said.returncode == 0, said.stdout[-1500:])
        audit = self.root.run("dpkg", "--audit").stdout.strip()
        check(f"{sentence}: dpkg finds nothing to mend", not audit, audit)
        self.nothing_lost(sentence)
        check(f"{sentence}: all is as it should be", not faults(self.root, self.mine()),
              faults(self.root, self.mine()))

    def full_disk(self):
        ballast = self.root.path / "ballast"
        ended = 0
        for room in ROOMS:
            sentence = f"an upgrade with {room} KiB of room on the disk"
            step(sentence)
            with open(ballast, "wb") as file:
                os.posix_fallocate(file.fileno(), 0, self.root.free_bytes() - room * 1024)
            said = self.root.run("dpkg", "--install", *self.files(self.new))
            ended += said.returncode != 0
            self.nothing_lost(sentence)
            self.every_program_works(sentence)
            ballast.unlink()
            self.repair(sentence, self.new)
            self.repair(f"{sentence}, back again", self.old)
        check("the full disk has ended upgrades", ended >= 2, ended)

    def kills(self, seed):
        """dpkg and all that it has started are killed at one of its own steps after the other, or soon behind."""
        draw = random.Random(seed)
        number, hits, packages = 1, 0, self.new
        while True:
            delay = draw.random() * 0.02
            sentence = f"dpkg killed {delay * 1000:.0f} ms after its step {number} (seed {seed})"
            process = self.root.start("dpkg", "--status-fd", "1", "--install", *self.files(packages),
                                      log=subprocess.PIPE)
            seen = 0
            while seen < number and process.stdout.readline():
                seen += 1
            if seen == number:
                time.sleep(delay)
                os.killpg(process.pid, signal.SIGKILL)
            process.stdout.close()
            hits += process.wait() == -signal.SIGKILL
            self.nothing_lost(sentence)
            self.every_program_works(sentence)
            self.repair(sentence, packages)
            packages = self.new if packages is self.old else self.old
            if seen < number:
                break
            number += KILL_STRIDE
        step(f"an upgrade of {seen} steps was killed at {number // KILL_STRIDE} of them; seed {seed}")
        check("half of the kills have hit a running dpkg", hits * 2 >= number // KILL_STRIDE, hits)
        self.repair("back to the first version", self.old)

    def second_life(self):
        step("the agent goes on")
        statuses = node.live(self.root, self.simulator, 2)
        check("agent and uplink end as asked, once more", statuses == (0, 0), statuses)
        check("the node has the same key", node.public_key(self.root) == self.key)
        batches = node.batches(self.root)
        check("the log has all that it had", batches[:len(self.batches)] == self.batches)
        check("the log goes on in the same epoch",
              {batch["epoch"] for batch in batches} == {self.batches[0]["epoch"]}, batches)
        check("the agent's start is counted", batches[-1]["boot"] == self.batches[-1]["boot"] + 1, batches[-1])
        self.remember()

    def other_uplink(self):
        """Only where there are two."""
        if "cairn-uplink-mqtt" not in self.old:
            return
        for arrives, leaves in [("mqtt", "https"), ("https", "mqtt")]:
            step(f"the uplink {arrives} in place of {leaves}")
            said = self.root.run(*APT, "install", self.old[f"cairn-uplink-{arrives}"])
            check(f"the uplink {arrives} is installed in place of {leaves}",
                  said.returncode == 0
                  and installed_version(self.root, f"cairn-uplink-{arrives}").startswith("ii")
                  and not installed_version(self.root, f"cairn-uplink-{leaves}").startswith("ii"),
                  said.stdout[-800:])
            self.nothing_lost(f"the uplink {arrives} in place of {leaves}")

    def controls(self):
        """Packages that do what ours must not. A check that does not see it is worth nothing."""
        step("broken packages are found")
        backup = self.root.path / "backup"
        shutil.copytree(self.root.path / "var/lib/cairn", backup)
        spool = "/var/lib/cairn/agent/spool"
        for package, script, line in [
            ("cairn-agent", "postinst", f"printf x >>{spool}"),
            ("cairn-agent", "preinst", f"cp {spool} /tmp/s; rm {spool}; cp -p /tmp/s {spool}"),
            ("cairn-common", "postinst", "chmod 644 /var/lib/cairn/agent/agent.key"),
            ("cairn", "postinst", "echo '[node]' >>/etc/cairn/site.ini"),
            ("cairn-agent", "postrm", "rm -f /var/lib/cairn/agent/agent.key"),
        ]:
            self.root.run("dpkg", "--install",
                          broken(self.root, self.root.path / self.old[package][1:], script, line))
            self.root.run("dpkg", "--install", self.old[package])
            check(f"a {script} with {line!r} is found", differences(self.kept, state(self.root)))
            self.root.run("cp", "-a", "/backup/.", "/var/lib/cairn")
            node.configure(self.root)
            self.root.run("chmod", "600", "/var/lib/cairn/agent/agent.key")
            self.remember()
        for package, line, sentence in [
            ("cairn-agent", "rm /usr/share/man/man8/cairn-agent.8.gz", "no manual page"),
            ("cairn-agent", "chmod 755 /var/lib/cairn/agent", "has mode 755"),
            ("cairn-agent", "systemctl disable cairn-agent", "cairn-agent.service is disabled"),
            ("cairn-common", "gpasswd -d cairn-agent i2c", "cairn-agent is not in i2c"),
            ("cairn-common", "rm /usr/lib/udev/rules.d/70-cairn.rules", "no udev rules"),
            ("cairn", "rm /usr/bin/cairn; ln -s /bin/false /usr/bin/cairn", "cairn --version says"),
        ]:
            made = broken(self.root, self.root.path / self.old[package][1:], "postinst",
                          f"trap '{line} >/dev/null 2>&1' EXIT")
            self.root.run("dpkg", "--install", made)
            found = faults(self.root, self.mine())
            check(f"a package that does {line!r} is found", any(sentence in one for one in found), found)
            self.root.run("dpkg", "--install", *self.files(self.old))
            self.root.run("systemctl", "enable", "cairn-agent.service")


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: selftest.py CAIRN-SIMULATE PROGRAM...")
    simulator, programs = sys.argv[1], sys.argv[2:]
    for tool in ["mmdebstrap", "dpkg-deb", "unshare", "setpriv"]:
        if not shutil.which(tool):
            sys.exit(f"selftest.py: {tool} is missing; make test-packages installs it")
    deb = ROOT / "build/deb"
    old = [path for name in ["cairn-common", *programs]
           for path in deb.glob(f"{name}_*_{'all' if name == 'cairn-common' else ARCHITECTURE}.deb")]
    if len(old) != len(programs) + 1:
        sys.exit(f"selftest.py: not one package for each program in {deb}: make deb")
    if not is_inside():
        command = namespaces()
        tarball(old, "unshare" if "--map-auto" in command else "root")
        enter(command)
    base = tarball(old, "root")
    version = old[0].name.split("_")[1]
    new = newer(ARCHITECTURE, programs, version)
    course = Course(DebianRoot(base), simulator, programs, old, new)
    seed = int(os.environ.get("CAIRN_SEED") or random.randrange(1_000_000))
    begun = time.monotonic()
    try:
        course.install()
        course.first_life()
        course.versions()
        course.removals()
        course.full_disk()
        course.kills(seed)
        course.second_life()
        course.other_uplink()
        course.controls()
    except (RuntimeError, OSError, subprocess.SubprocessError) as failure:
        check("every step can be taken", False, failure)
    print(f"{passed} passed, {failed} failed, in {time.monotonic() - begun:.0f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
