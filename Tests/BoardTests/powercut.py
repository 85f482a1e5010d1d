"""Power cuts, failing flushes and full disks: the real agent in an emulated board, on ext4, on a disk that is watched.

    Tests/BoardTests/powercut.py [cuts] [flush] [full] [wear]        all of them

SEED=N decides the cuts, CUTS=N how many there are. Whatever the machine said stays in build/board-test/power.
"""

import concurrent.futures
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parents[1])]

import bad_disks
from checks import Checks
from emulator import FOLDER, ROOT, Trouble
from gateway_desk import Desk, Gateway
from logwrites import Medium, WriteLog
from small_guest import Bus, Guest, blank_disk, initrd
from spoolcheck import Left, delivered, recovered, take_out

HERE = FOLDER / "power"
CUTS = int(os.environ.get("CUTS", "200"))
SEED = int(os.environ.get("SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
# So many flushes before each cut do nothing in the control: a card, or a program, without them. About ten batches: on a
# busy machine the uplink is behind, and what had not left may be lost.
LYING = 120
# That of each sector that no flush vouches for: a coin, less, none, all. A sector that is written often outlives a coin.
CHANCES = (0.5, 0.5, 0.2, 0, 1)
WORKERS = max(2, os.cpu_count() or 2)


def watched_disk(folder, below=None):
    """QEMU's options for the disk whose requests are logged. No flush goes to this machine's own disk."""
    fast = "cache.no-flush=on"
    options = ["-blockdev", f"driver=file,filename={folder}/data.img,node-name=file,{fast}"]
    options += below or []
    (folder / "log.bin").write_bytes(b"")
    return [*options, "-blockdev", f"driver=file,filename={folder}/log.bin,node-name=logfile,{fast}",
            "-blockdev", f"driver=blklogwrites,node-name=disk,file={'raw' if below else 'file'},log=logfile,"
            "log-sector-size=512,log-super-update-interval=1",
            "-device", "virtio-blk-pci,drive=disk,werror=report,rerror=report"]


class Run:
    """One machine's life on a watched disk, with a gateway: what the disk was told, and what left the node when."""

    def __init__(self, name, world, mebibytes=48, below=None, snapshots=False):
        self.folder = HERE / name
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        blank_disk(self.folder / "base.img", mebibytes, self.folder)
        shutil.copyfile(self.folder / "base.img", self.folder / "data.img")
        self.log_path = self.folder / "log.bin"
        disk = watched_disk(self.folder, below)
        self.gateway = Gateway(self.folder / "gateway", world.programs)
        if snapshots:
            (self.folder / "stores").mkdir()
        self.desk = Desk(self.gateway, lambda: os.path.getsize(self.log_path),
                         self.folder / "stores" if snapshots else None)
        self.gateway_key = self.gateway.public_key()
        self.guest = Guest(name, world.boots, [disk], world.bus, self.folder)

    def prepare(self, **options):
        self.guest.prepare(self.desk.port, self.gateway_key, **options)
        return self.guest

    def await_batches(self, count, seconds=600):
        """Until so many more have been answered."""
        wanted = count + sum(1 for sent in self.desk.batches() if sent.status == 200)
        end = time.monotonic() + seconds
        while sum(1 for sent in self.desk.batches() if sent.status == 200) < wanted:
            if time.monotonic() > end:
                raise Trouble(f"{self.guest.name}: batches stay away: {self.guest.run('cat /run/*.log')[1][-800:]}")
            time.sleep(0.02)

    def close(self):
        self.guest.kill()
        self.desk.close()
        self.gateway.close()

    def finish(self):
        """Power goes. The log, and the requests with their places in it as numbers of entries."""
        self.close()
        log = WriteLog(self.log_path)
        for sent in self.desk.sent:
            sent.at = log.count_within(sent.at)
            if sent.answered is not None:
                sent.answered = log.count_within(sent.answered)
        return log


class World:
    """What all stages share: programs, kernel, chips."""

    def __init__(self):
        bin_path = subprocess.run(["swift", "build", "--show-bin-path"], cwd=ROOT, capture_output=True, text=True,
                                  check=True).stdout.strip()
        self.programs = pathlib.Path(bin_path)
        HERE.mkdir(parents=True, exist_ok=True)
        self.boots = initrd(HERE)
        self.bus = Bus(HERE, self.programs)


def device_key(image, folder):
    problems = take_out(image, folder)
    path = folder / "state/agent/device.pub"
    if problems or not path.exists():
        raise Trouble(f"the whole disk has no device.pub: {problems}")
    return path.read_bytes()


def live(run):
    """First start, kills in the middle, orderly ends, a gateway that is away: all that a node's days have."""
    guest = run.prepare()
    guest.start_uplink()
    guest.start_agent()
    run.await_batches(8)
    guest.end("agent", 9)
    run.await_batches(6)
    run.desk.close_for(1.5)
    run.await_batches(4)
    guest.end("uplink", 9)
    guest.start_uplink()
    guest.end("agent", 15)
    guest.start_agent()
    run.await_batches(6)
    guest.end("agent", 9)
    guest.end("uplink", 9)
    guest.start_uplink()
    run.await_batches(4)


def chosen(dice, log, sent, count):
    """Places of the cuts, in rising order: a quarter in the first start, the rest anywhere."""
    first = next(one.at for one in sent if one.path == "/v1/batches") + 1
    early = count // 4
    return sorted([dice.randrange(first + 1) for _ in range(early)]
                  + [dice.randrange(len(log.entries) + 1) for _ in range(count - early)])


def cut_all(run, log, places, dice, device, chances=CHANCES, gone=None, **medium):
    """Problems by cut. The disks are made one after the other, and judged beside each other. `gone` takes those that
    e2fsck gave up, where that is no fault of the node's: ext4 writes its superblock when a flush fails."""
    folder = run.folder / "cuts"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    disk = Medium(log, run.folder / "base.img", folder, dice, **medium)

    def judge(number, after):
        image, work = folder / f"{number}.img", folder / f"{number}"
        try:
            problems = take_out(image, work)
            if problems and gone is not None:
                gone.append(problems)
                problems = []
            else:
                problems = problems or recovered(
                    work, run.gateway_key, Left(run.desk.sent, after), device)
        except (OSError, ValueError, Trouble) as trouble:
            problems = [f"{type(trouble).__name__}: {trouble}"]
        image.unlink()
        if not problems:
            shutil.rmtree(work)
        return [f"cut {number} behind entry {after}: {problem}" for problem in problems]

    # Those that wait for a gateway's word (a key and no spool) cost ten seconds and no work.
    with concurrent.futures.ThreadPoolExecutor(WORKERS * 3) as pool:
        waiting = []
        for number, after in enumerate(places):
            while sum(not one.done() for one in waiting) > WORKERS * 4:
                time.sleep(0.01)
            disk.cut(after, dice.choice(chances), folder / f"{number}.img")
            waiting.append(pool.submit(judge, number, after))
        return [one.result() for one in waiting]


def go_on(run, log, dice, count, programs):
    """A few cuts, and node and gateway go on together from there, the gateway with what it had at that moment."""
    folder = run.folder / "go-on"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    places = []
    for index, (sent, store, at) in enumerate(run.desk.copies):
        later = [one.at for one in run.desk.sent if one.at > sent.at]
        begin, end = log.count_within(at), later[0] if later else len(log.entries)
        if begin <= end:
            places.append((dice.randrange(begin, end + 1), store))
    places = sorted(dice.sample(places, min(count, len(places))), key=lambda place: place[0])
    disk = Medium(log, run.folder / "base.img", folder, dice)
    problems = []
    for number, (after, store) in enumerate(places):
        disk.cut(after, dice.choice(CHANCES), folder / "cut.img")
        found = take_out(folder / "cut.img", folder / f"{number}")
        found = found or delivered(folder / f"{number}", store, programs)
        problems += [f"cut {number} behind entry {after}: {problem}" for problem in found]
    return len(places), problems


def check_cuts(checks, world):
    dice = random.Random(SEED)
    start = time.monotonic()
    run = Run("cuts", world, snapshots=True)
    try:
        live(run)
    except BaseException:
        run.close()
        raise
    log = run.finish()
    device = device_key(run.folder / "data.img", run.folder / "whole")
    left = Left(run.desk.sent, len(log.entries))
    print(f"        {len(log.entries)} requests to the disk, {len(log.flushes())} flushes, "
          f"{len(left.batches)} batches left, {len(left.answered)} answered; {time.monotonic() - start:.0f} s")
    start = time.monotonic()
    places = chosen(dice, log, run.desk.sent, CUTS)
    problems = cut_all(run, log, places, dice, device)
    spent = time.monotonic() - start
    checks.check(f"{CUTS} power cuts: nothing that had left is lost, nothing is signed twice, each start goes on "
                 f"({spent:.0f} s, {spent / max(1, CUTS):.2f} s each)", sum(problems, []))
    start = time.monotonic()
    count, found = go_on(run, log, dice, max(1, CUTS // 20), world.programs)
    checks.check(f"{count} of them go on to deliver to the gateway as it was then "
                 f"({time.monotonic() - start:.0f} s)", found)
    start = time.monotonic()
    late = sorted(dice.randrange(len(log.entries) // 2, len(log.entries) + 1) for _ in range(max(4, CUTS // 10)))
    bad = [one for one in cut_all(run, log, late, dice, device, chances=(0.1, 0), lying=LYING) if one]
    checks.check(f"control: with the last {LYING} flushes left out, {len(bad)} of {len(late)} cuts are seen "
                 f"({time.monotonic() - start:.0f} s)",
                 [] if 4 * len(bad) >= len(late) else ["the check lets lost data pass"])


def check_flush(checks, world):
    bad_disks.check_flush(checks, world, Run, cut_all, device_key, random.Random(SEED + 1), max(4, CUTS // 10))


def check_full(checks, world):
    bad_disks.check_full(checks, world, Run, device_key)


def check_wear(checks, world):
    bad_disks.check_wear(checks, world, Run)


STAGES = {"cuts": check_cuts, "flush": check_flush, "full": check_full, "wear": check_wear}


def main():
    asked = sys.argv[1:] or list(STAGES)
    unknown = [name for name in asked if name not in STAGES]
    if unknown:
        sys.exit(f"powercut.py: no stage {unknown[0]}; there are {', '.join(STAGES)}")
    print(f"        SEED={SEED} CUTS={CUTS}")
    start = time.monotonic()
    checks = Checks()
    world = World()
    try:
        for name in asked:
            STAGES[name](checks, world)
    finally:
        world.bus.close()
    print(f"{checks.passed} passed, {checks.failed} failed, {time.monotonic() - start:.0f} s; SEED={SEED}")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
