#!/usr/bin/env python3
"""The image of a board in emulated machines: every scenario, or those whose name has the word that is given.

    Tests/BoardTests/board_test.py [NAME]
    Tests/BoardTests/board_test.py --possible        whether this machine can have emulated boards at all

LANES=n machines run beside each other; 2 when it is not said.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import time
import traceback

from boards import MODULES, Image
from emulator import FOLDER, OPENED, PATIENCE_SECONDS, ROOT, Trouble
from scenarios import SCENARIOS, Failure

import test_bad_cards
import test_days
import test_first_boot
import test_gpio
import test_i2c
import test_radio
import test_raspberry_pi
import test_usb

LANES = int(os.environ.get("LANES") or 2)
NEEDED = ["qemu-system-aarch64", "qemu-img", "openssl", "mcopy"]


def forbidden():
    """Why this machine can have no emulated board, or nothing."""
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        return f"{', '.join(missing)} can't be had on this machine"
    try:
        done = subprocess.run(["qemu-system-aarch64", "-M", "virt", "-accel", "tcg", "-S", "-nodefaults", "-display", "none",
                               "-monitor", "stdio", "-netdev", "user,id=net0"],
                              input="quit\n", capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as failure:
        return f"QEMU can't be started: {failure}"
    if done.returncode != 0:
        return f"QEMU ends with {done.returncode}: {(done.stdout + done.stderr).strip()[-400:]}"
    return None


def run(scenario, image):
    """Whether it held."""
    begun = time.monotonic()
    OPENED.transcripts.clear()
    try:
        told = scenario(image)
    except (Failure, Trouble) as reason:
        print(f"FAILED: {scenario.name}: {scenario.sentence}\n  {reason}")
        print(f"  transcripts: {' '.join(str(path.relative_to(ROOT)) for path in OPENED.transcripts[:5])}", flush=True)
        return False
    except Exception:
        print(f"FAILED: {scenario.name}: {scenario.sentence}\n{traceback.format_exc()}", flush=True)
        return False
    finally:
        (FOLDER / f"{scenario.name}.qcow2").unlink(missing_ok=True)
    print(f"  {time.monotonic() - begun:5.1f} s  {scenario.name}: {scenario.sentence}" + (f" ({told})" if told else ""), flush=True)
    for transcript in OPENED.transcripts:
        transcript.unlink(missing_ok=True)
    return True


def main(only):
    why = forbidden()
    if why or only == "--possible":
        print(f"board-test: NOT RUN: {why}" if only != "--possible" else why or "it can")
        sys.exit(1 if why else 0)
    if not (MODULES / "gpio-sim.ko").exists():
        sys.exit(f"board-test: {MODULES}/gpio-sim.ko is missing: Tests/BoardTests/modules.sh")
    # A stable sort: otherwise as they were written.
    chosen = sorted((scenario for scenario in SCENARIOS if only in scenario.name), key=lambda one: not one.long)
    if not chosen:
        sys.exit(f"board-test: no scenario has {only} in its name: {' '.join(one.name for one in SCENARIOS)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    image = Image()
    image.make_ready()
    print(f"  {image.login_seconds:5.1f} s  from power-on to the prompt, first boot of a fresh card", flush=True)
    # Most of a scenario is a machine's waiting.
    with concurrent.futures.ThreadPoolExecutor(LANES) as lanes:
        held = list(lanes.map(lambda scenario: run(scenario, image), chosen))
    print(f"{sum(held)} passed, {len(held) - sum(held)} failed, in {time.monotonic() - begun:.0f} s")
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "")
    except Trouble as trouble:
        sys.exit(f"board-test: {trouble}")
