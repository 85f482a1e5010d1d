#!/usr/bin/env python3
"""Our services under a systemd of their own: started, killed, upgraded while they run, removed.

    Tests/Packages/boot.py PROGRAM...      as root, where systemd-nspawn can boot
"""

import shutil
import subprocess
import sys

from debian_root import ROOT, DebianRoot, enter, is_inside, namespaces, output, tarball
from variants import newer

ARCHITECTURE = output("dpkg", "--print-architecture").strip()
SITE = "[gateway]\nurl = http://127.0.0.1:9\n[spool]\nsize = 1 MiB\nsegment = 128 KiB\n"
BOARD = "[board]\nname = test\n"
# A service for this test, and what it does in there. Each line that it says is NAME=VALUE.
UNIT = """[Unit]
After=multi-user.target
[Service]
Type=exec
ExecStart=/bin/sh /look/look.sh
StandardOutput=file:/look/said
StandardError=file:/look/errors
[Install]
WantedBy=multi-user.target
"""
LOOK = """
network() { [ "$(readlink "/proc/$1/ns/net")" = "$(readlink /proc/1/ns/net)" ] && echo shared || echo own; }
pid() { systemctl show --value -p MainPID "$1.service"; }
# wait NAME OLD: until it runs as another process than OLD; no answer is one, too
wait_for() {
  for _ in $(seq 1200); do
    found=$(pid "$1")
    if [ "$(systemctl is-active "$1.service")" = active ] && [ "$found" != "$2" ]; then return 0; fi
    sleep 0.1
  done
}
boots() { cairn log list --json | grep -o '"boot":[0-9]*' | sort -u | wc -l; }
wait_for_boots() { for _ in $(seq 1200); do [ "$(boots)" -lt "$1" ] || return 0; sleep 0.1; done; }

wait_for cairn-agent 0
wait_for cairn-uplink-https 0
agent=$(pid cairn-agent) uplink=$(pid cairn-uplink-https)
echo "agent=$(systemctl is-active cairn-agent)"
echo "uplink=$(systemctl is-active cairn-uplink-https)"
echo "agent-user=$(stat -c %U /proc/$agent)"
echo "uplink-user=$(stat -c %U /proc/$uplink)"
wait_for_boots 1
key=$(sha256sum /var/lib/cairn/agent/agent.key)
echo "agent-network=$(network $agent)"
echo "uplink-network=$(network $uplink)"
echo "key-outside=$(wc -c </var/lib/cairn/agent/agent.key)"
echo "key-at-agent=$(nsenter -t $agent -m wc -c /var/lib/cairn/agent/agent.key | cut -d' ' -f1)"
echo "key-at-uplink=$(nsenter -t $uplink -m cat /var/lib/cairn/agent/agent.key | wc -c)"
for place in /usr/x /etc/cairn/x /var/lib/cairn/uplink/x /var/lib/cairn/agent/x; do
  if nsenter -t $agent -m touch $place; then echo "agent-writes=$place"; rm -f $place; fi
done
for place in /usr/y /etc/cairn/y /var/lib/cairn/agent/y /var/lib/cairn/uplink/y; do
  if nsenter -t $uplink -m touch $place; then echo "uplink-writes=$place"; rm -f $place; fi
done
if [ -x /usr/bin/cairn-usb ]; then
  systemctl start cairn-usb@usb
  wait_for cairn-usb@usb 0
  bridge=$(pid cairn-usb@usb)
  echo "bridge=$(systemctl is-active cairn-usb@usb)"
  echo "bridge-socket=$(stat -c %U /run/cairn/usb.sock)"
  echo "bridge-log=$(nsenter -t $bridge -m ls /var/lib/cairn | wc -l)"
  echo "bridge-network=$(network $bridge)"
fi
kill -9 $agent
wait_for cairn-agent $agent
wait_for_boots 2
echo "after-kill=$(boots)"
agent=$(pid cairn-agent)
dpkg --install /debs/new/*.deb >/look/upgrade.log 2>&1
echo "upgrade=$?"
wait_for cairn-agent $agent
wait_for_boots 3
echo "after-upgrade=$(boots)"
echo "uplink-after-upgrade=$(systemctl is-active cairn-uplink-https)"
dpkg --purge cairn-agent cairn-uplink-https >/look/remove.log 2>&1
echo "purge=$?"
echo "running=$(ls -l /proc/[0-9]*/exe | grep -c 'cairn-agent\\|cairn-uplink')"
[ "$key" = "$(sha256sum /var/lib/cairn/agent/agent.key)" ] && echo "same-key=yes"
systemctl poweroff --force
"""

# Drop-ins that open the sandboxes, and what of the answers has to change then.
OPENED = {
    "cairn-agent": "[Service]\nPrivateNetwork=no\nProtectSystem=no\nReadWritePaths=\n",
    "cairn-uplink-https": "[Service]\nInaccessiblePaths=\nReadOnlyPaths=\nProtectSystem=no\n",
}
CHANGED = ["agent-network", "agent-writes", "key-at-uplink", "uplink-writes"]


def expected(programs):
    found = {
        "agent": ["active"], "uplink": ["active"],
        "agent-user": ["cairn-agent"], "uplink-user": ["cairn-uplink"],
        "agent-network": ["own"], "uplink-network": ["shared"], "key-at-uplink": ["0"], 
        "agent-writes": ["/var/lib/cairn/agent/x"], "uplink-writes": ["/var/lib/cairn/uplink/y"],
        "after-kill": ["2"], "upgrade": ["0"], "after-upgrade": ["3"],
        "uplink-after-upgrade": ["active"], "purge": ["0"], "running": ["0"], "same-key": ["yes"],
    }
    if "cairn-usb" in programs:
        found |= {"bridge": ["active"], "bridge-socket": ["cairn-usb"], "bridge-log": ["0"],
                  "bridge-network": ["own"]}
    return found


def boot(root):
    """What the container said, by name; its last lines when it could not be booted."""
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network",
               "--directory", str(root.path), "--boot"]
    try:
        console = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, timeout=600).stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as late:
        console = (late.stdout or b"").decode(errors="replace")
    path = root.path / "look/said"
    if not path.exists():
        sys.exit(f"boot.py: no systemd could be booted here: {console[-1500:]}")
    said = {}
    for line in path.read_text().splitlines():
        name, _, value = line.partition("=")
        said.setdefault(name, []).append(value)
    return said


def main():
    programs = sys.argv[1:]
    if not shutil.which("systemd-nspawn"):
        sys.exit("boot.py: systemd-nspawn is missing; make test-boot installs it")
    packages = [path for name in ["cairn-common", *programs] if name != "cairn-uplink-mqtt"
                for path in (ROOT / "build/deb").glob(f"{name}_*.deb")
                if path.name.endswith((f"_{ARCHITECTURE}.deb", "_all.deb"))]
    if not is_inside():
        command = namespaces()
        if "--map-auto" in command:
            sys.exit("boot.py: takes root: systemd-nspawn boots for nobody else")
        tarball(packages, "root")
        enter(command)
    new = newer(ARCHITECTURE, programs, packages[0].name.split("_")[1])
    failed = judge(said_after_boot(packages, new), programs)
    opened = said_after_boot(packages, new, OPENED)
    for name in CHANGED:
        if opened.get(name) == expected(programs)[name]:
            failed += 1
            print(f"FAILED: opened sandboxes don't show in {name}")
    print(f"{len(expected(programs)) + 1 + len(CHANGED) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def said_after_boot(packages, new, drop_ins=None):
    """A new root with the packages, booted."""
    root = DebianRoot(tarball(packages, "root"))
    for folder, files in [("old", packages), ("new", new)]:
        (root.path / "debs" / folder).mkdir(parents=True)
        for file in files:
            if not file.name.startswith("cairn-uplink-mqtt"):
                shutil.copy(file, root.path / "debs" / folder)
    installed = root.run("sh", "-c", "dpkg --install /debs/old/*.deb")
    if installed.returncode != 0:
        sys.exit(f"boot.py: the packages can't be installed: {installed.stdout}")
    root.write("etc/cairn/site.ini", SITE)
    root.write("etc/cairn/board.ini", BOARD)
    root.write("look/look.sh", LOOK)
    root.write("etc/systemd/system/look.service", UNIT)
    for name, text in (drop_ins or {}).items():
        root.write(f"etc/systemd/system/{name}.service.d/open.conf", text)
    root.run("systemctl", "enable", "look.service")
    (root.path / "usr/sbin/policy-rc.d").unlink()
    output("umount", "--recursive", str(root.path / "proc"))
    return boot(root)


def judge(said, programs):
    failed = 0
    for name, value in expected(programs).items():
        if said.get(name) != value:
            failed += 1
            print(f"FAILED: {name} is {said.get(name)} and not {value}")
    if said.get("key-at-agent") != said.get("key-outside") or said.get("key-outside") == ["0"]:
        failed += 1
        print(f"FAILED: the agent sees a key of {said.get('key-at-agent')} bytes")
    return failed


if __name__ == "__main__":
    main()
