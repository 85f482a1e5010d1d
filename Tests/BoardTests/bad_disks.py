"""Disks that fail a flush, disks that are full, and what a node writes: stages of powercut.py."""

import json
import time

from emulator import Trouble
from spoolcheck import Left, recovered, take_out

# Which flushes of a run fail: in the first start, and in the middle of a log. What was to be flushed may be ext4's journal,
# which it then gives up until the next boot, or the program's data, and then it goes on.
FAILING = {"the first start": range(8, 9), "the middle of a log": range(90, 93)}
# A reading of six values each minute, ten times as fast. Longer than ext4's own interval of five seconds, so that no two
# batches share a commit of its journal.
WEAR = {"batch": "6 s", "commit": "1 s", "interval": "6 s", "chips": ("bme280", "scd4x")}
WEAR_BATCHES = 8


def failing_flushes(numbers):
    """QEMU's options for a layer below the watched one, whose flushes of these numbers fail, each once."""
    steps = [{"event": "flush_to_disk", "state": state, "new_state": state + 1} for state in range(1, numbers[-1] + 1)]
    errors = [{"event": "flush_to_disk", "errno": 5, "once": True, "state": number} for number in numbers]
    layer = {"driver": "blkdebug", "node-name": "debug", "image": "file", "set-state": steps, "inject-error": errors}
    return ["-blockdev", json.dumps(layer), "-blockdev", "driver=raw,node-name=raw,file=debug"]


def fail(world, make_run, numbers):
    """A run until the agent has met a flush that failed, and a while on. The run, whether the kernel gave the file
    system up, and problems with what the agent said."""
    run = make_run(f"flush-{numbers[0]}", world, below=failing_flushes(numbers))
    try:
        guest = run.prepare()
        guest.start_uplink()
        guest.start_agent()
        guest.until("grep -q 'ended with' /run/agent.log", 600, "no flush of the agent's failed")
        # It is started again, as systemd would, and goes on if the file system does.
        guest.must("sleep 3")
        given_up = guest.run("dmesg | grep -q 'EXT4-fs error\\|Aborting journal\\|Remounting'")[0] == 0
        said = guest.agent_log()
    except BaseException:
        run.close()
        raise
    first = said.split("ended with")[0].strip().split("\n")[-1]
    problems = []
    if not any(word in first for word in ("reports an error", "is read-only", "errno 5")):
        problems.append(f"the agent says nothing of it: {said[-600:]}")
    if "ended with 74" not in said or "not started again" in said:
        problems.append(f"systemd would not start it again: {said[-600:]}")
    return run, given_up, problems


def check_flush(checks, world, make_run, cut_all, device_key, dice, cuts):
    for name, numbers in FAILING.items():
        start = time.monotonic()
        run, given_up, problems = fail(world, make_run, numbers)
        log = run.finish()
        checks.check(f"a flush fails in {name}: the agent says what happened, ends, and is started again "
                     f"({'ext4 gave up until the next boot' if given_up else 'ext4 goes on'}; "
                     f"{time.monotonic() - start:.0f} s)", problems)
        # A flush that fails stands in the log as well, at its place.
        failed = [log.flushes()[number - 1] for number in numbers if number <= len(log.flushes())]
        places = sorted(dice.randrange(failed[0] + 1, len(log.entries) + 1) for _ in range(cuts))
        left = Left(run.desk.sent, len(log.entries))
        device = device_key(run.folder / "data.img", run.folder / "whole") if left.any else b""
        gone = []
        found = sum(cut_all(run, log, places, dice, device, gone=gone, failed=failed), [])
        if 2 * len(gone) > cuts:
            found.append(f"{len(gone)} of {cuts} disks are no file system any more: too few were looked at")
        checks.check(f"{cuts} power cuts after it, with a coin for all it should have kept: nothing that had left is lost "
                     f"or signed twice ({len(left.batches)} batches had left; {len(gone)} file systems were gone)", found)


def check_full(checks, world, make_run, device_key):
    """First start on a full disk, room made, a disk that fills under a running node, a kill, a start."""
    start = time.monotonic()
    run = make_run("full", world, mebibytes=12)
    fill = "dd if=/dev/zero of=/data/filler bs=4k; dd if=/dev/zero of=/data/crumbs bs=512; sync"
    try:
        guest = run.prepare()
        guest.run(fill)
        guest.start_uplink()
        guest.start_agent()
        said = guest.until("grep 'ended with' /run/agent.log >/dev/null && cat /run/agent.log")
        problems = [] if "room" in said or "space" in said else [f"it says: {said[-500:]}"]
        checks.check("a first start on a full disk says so", problems)
        guest.must("rm -f /data/filler /data/crumbs; sync")
        run.await_batches(3)
        checks.check("it goes on as soon as there is room, without anybody", [])
        guest.run(fill)
        run.await_batches(4)
        guest.end("agent", 9)
        run.await_batches(3)
        checks.check("a disk that fills keeps no batch from being signed and delivered, nor a start from going on", [])
        checks.check("the uplink says that its cursor can't be stored",
                     [] if "cursor can't be stored" in (said := guest.must("cat /run/uplink.log")) else [said[-500:]])
    except Trouble as trouble:
        checks.check("a full disk", [str(trouble)[-1500:], guest.run("df /data; ls -la /data/state/*")[1]])
        run.close()
        return
    run.finish()
    found = take_out(run.folder / "data.img", run.folder / "taken")
    device = device_key(run.folder / "data.img", run.folder / "whole")
    take_out(run.folder / "data.img", run.folder / "taken")
    left = Left(run.desk.sent, 1 << 62)
    found = found or recovered(run.folder / "taken", run.gateway_key, left, device)
    checks.check(f"power goes on a full disk: nothing that had left is lost ({time.monotonic() - start:.0f} s)", found)


def check_wear(checks, world, make_run):
    start = time.monotonic()
    run = make_run("wear", world)
    try:
        guest = run.prepare(**WEAR)
        guest.start_uplink()
        guest.start_agent()
        # The first batch is of the boot.
        run.await_batches(2)
        begin = run.desk.batches()[-1].at
        run.await_batches(WEAR_BATCHES)
        end = run.desk.batches()[-1].at
    except BaseException:
        run.close()
        raise
    run.desk.sent.clear()
    log = run.finish()
    entries = log.entries[log.count_within(begin):log.count_within(end)]
    written = sum(entry.count for entry in entries if not entry.flags & 4) * 512 / WEAR_BATCHES
    flushes = sum(entry.flags & 1 for entry in entries) / WEAR_BATCHES
    problems = [] if 4096 <= written <= 1 << 20 else ["that is not what a batch can cost"]
    checks.check(f"one reading of six values a minute: {written * 60 / 1024:.0f} KiB an hour reach the disk, "
                 f"{written / 1024:.1f} KiB and {flushes:.1f} flushes for each batch ({time.monotonic() - start:.0f} s)",
                 problems)
