"""The node that lives in the root: the real agent on a virtual board, the real uplink, for some seconds."""

import json
import os
import pathlib
import signal
import subprocess
import time

from debian_root import ROOT

SITE = """# An operator's own words.
[gateway]
url = http://127.0.0.1:9
[spool]
size = 1 MiB
segment = 128 KiB
[batch]
interval = 1 s
[commit]
interval = 500 ms
[sensor.outside]
chip = bme280
bus = i2c-1
interval = 200 ms
"""
BOARD = (ROOT / "Boards/virtual.ini").read_text() + "# A line of the operator's.\n"


def configure(root):
    root.write("etc/cairn/site.ini", SITE)
    root.write("etc/cairn/board.ini", BOARD)


def batches(root):
    """The batches of the log, or none while there is no log."""
    said = root.run("cairn", "log", "list", "--json")
    return json.loads(said.stdout)["batches"] if said.returncode == 0 else []


def public_key(root):
    said = root.run("cairn", "key", "show", "--json")
    return json.loads(said.stdout).get("publicKey") if said.returncode == 0 else None


def wait_for(condition, processes, log):
    for _ in range(60_000):
        if condition():
            return
        for process in processes:
            if process.poll() is not None:
                raise RuntimeError(f"ended with {process.returncode}: {log.read_text()[-800:]}")
        time.sleep(0.001)
    raise RuntimeError(f"waited in vain: {log.read_text()[-800:]}")


def end(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def live(root, simulator, count):
    """Agent and uplink run until the log has `count` batches more. Answers how the agent ended."""
    log = pathlib.Path(root.path / "tmp/programs.log")
    line = root.path / "run/cairn/i2c-1.sock"
    line.unlink(missing_ok=True)
    before = len(batches(root))
    processes = []
    with open(log, "wb") as file:
        try:
            processes.append(subprocess.Popen(
                [simulator, "board", "--bus", str(line), "--weather",
                 str(ROOT / "Data/weather/weather-jfk-2013.csv")],
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd=ROOT))
            wait_for(line.exists, processes, log)
            os.chmod(line, 0o666)
            processes.append(root.start("cairn-agent", user="cairn-agent", log=file))
            processes.append(root.start("cairn-uplink-https", user="cairn-uplink", log=file))
            wait_for(lambda: len(batches(root)) >= before + count, processes, log)
            wait_for((root.path / "run/cairn/delivery.cbor").exists, processes, log)
        finally:
            statuses = [end(process) for process in reversed(processes)]
            line.unlink(missing_ok=True)
    return statuses[1], statuses[0]
