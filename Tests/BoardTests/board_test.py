#!/usr/bin/env python3
"""The image of a board in emulated machines: every scenario, or those whose name has the word that is given.

    Tests/BoardTests/board_test.py [NAME]
"""

import shutil
import sys
import time
import traceback

from boards import MODULES, Image
from emulator import FOLDER, ROOT, Trouble
from scenarios import SCENARIOS, Failure

import test_days
import test_first_boot
import test_gpio
import test_i2c
import test_raspberry_pi
import test_usb

NEEDED = ["qemu-system-aarch64", "qemu-img", "openssl", "mcopy"]


def not_run(why):
    """Said plainly, and no success: nothing was tested."""
    print(f"board-test: NOT RUN: {why}")
    sys.exit(1)


def run(scenario, image):
    """Whether it held."""
    begun = time.monotonic()
    try:
        told = scenario(image)
    except (Failure, Trouble) as reason:
        print(f"FAILED: {scenario.name}: {scenario.sentence}\n  {reason}")
        print(f"  transcripts: {(FOLDER / scenario.name).relative_to(ROOT)}.*", flush=True)
        return False
    except Exception:
        print(f"FAILED: {scenario.name}: {scenario.sentence}\n{traceback.format_exc()}", flush=True)
        return False
    finally:
        (FOLDER / f"{scenario.name}.qcow2").unlink(missing_ok=True)
    print(f"  {time.monotonic() - begun:5.1f} s  {scenario.name}: {scenario.sentence}" + (f" ({told})" if told else ""), flush=True)
    for transcript in FOLDER.glob(f"{scenario.name}.*console*"):
        transcript.unlink()
    return True


def main(only):
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        not_run(f"{', '.join(missing)} can't be had on this machine")
    if not (MODULES / "gpio-sim.ko").exists():
        not_run(f"{MODULES}/gpio-sim.ko is missing: Tests/BoardTests/modules.sh")
    chosen = [scenario for scenario in SCENARIOS if only in scenario.name and (only or not scenario.apart)]
    if not chosen:
        sys.exit(f"board-test: no scenario has {only} in its name: {' '.join(one.name for one in SCENARIOS)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    image = Image()
    image.make_ready()
    print(f"  {image.login_seconds:5.1f} s  from power-on to the prompt, first boot of a fresh card", flush=True)
    held = [run(scenario, image) for scenario in chosen]
    for left in SCENARIOS if not only else []:
        if left.apart:
            print(f"  not in this run: {left.name}; make board-test ONLY={left.name}")
    print(f"{sum(held)} passed, {len(held) - sum(held)} failed, in {time.monotonic() - begun:.0f} s")
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "")
    except Trouble as trouble:
        sys.exit(f"board-test: {trouble}")
