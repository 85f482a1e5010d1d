"""A node on this machine: virtual boards, a receiver, a gateway, agent and uplink. Ends what it started."""
import os
import pathlib
import queue
import shutil
import signal
import subprocess
import threading
import time

from spool import Spool

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHIPS = ("bme280", "sht3x", "scd4x")


class Missing(Exception):
    """A program that a measurement needs is not built."""


def program(variable, usual):
    """A program's path from the environment, or where the build puts it. Relative to the root."""
    path = os.environ.get(variable, usual)
    if not os.access(ROOT / path, os.X_OK):
        raise Missing(f"{usual} is not built")
    return path


class Node:
    """Everything below one folder of build/, made anew. Used in a `with`."""

    def __init__(self, name):
        self.folder = pathlib.Path("build/bench") / name
        shutil.rmtree(ROOT / self.folder, ignore_errors=True)
        for part in ("run", "state/agent", "state/uplink", "gateway"):
            (ROOT / self.folder / part).mkdir(parents=True)
        self.processes = []
        self.spool = Spool(ROOT / self.folder / "state/agent/spool")
        self.gateway_address = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            self.end(process)
        self.spool.close()

    def start(self, arguments, environment=None, **options):
        log = open(ROOT / self.folder / "programs.log", "ab")
        options.setdefault("stdout", log)
        process = subprocess.Popen(
            arguments, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=log,
            env={**os.environ, **(environment or {})}, **options)
        log.close()
        self.processes.append(process)
        return process

    def end(self, process):
        """Asks by SIGTERM, waits, then insists. Answers the exit status."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode

    # the surroundings

    def start_boards(self, count=1):
        simulator = program("CAIRN_SIMULATE", ".build/debug/cairn-simulate")
        sockets = [self.folder / f"run/i2c-{index + 1}.sock" for index in range(count)]
        for index, socket in enumerate(sockets):
            self.start([simulator, "board", "--bus", str(socket), "--seed", str(index + 1),
                        "--weather", "Data/weather/weather-jfk-2013.csv"])
        self.wait_for(lambda: all((ROOT / socket).exists() for socket in sockets), 60)

    def start_receiver(self):
        simulator = program("CAIRN_SIMULATE", ".build/debug/cairn-simulate")
        line = self.folder / "run/gnss.tty"
        self.start([simulator, "gnss", "--recording", "Data/gnss/quectel-l76k-nmea.log", "--path", str(line)])
        self.wait_for(lambda: (ROOT / line).exists(), 60)

    def start_gateway(self):
        gateway = program("CAIRN_GATEWAY", ".build/debug/cairn-gateway")
        process = self.start(
            [gateway, "--data", str(self.folder / "gateway"), "--listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE)
        lines = queue.Queue()

        def read():
            for line in process.stdout:
                lines.put(line.decode())

        threading.Thread(target=read, daemon=True).start()
        line = lines.get(timeout=60)
        self.gateway_address = line.strip().rpartition(" ")[2]

    # the board's files

    def write_configuration(self, *, buses=1, chips=CHIPS, interval="1 s", batch="5 s", commit="2 s", gnss=False):
        board = "[board]\nname = bench\n"
        for bus in range(1, buses + 1):
            board += f"[i2c.i2c-{bus}]\nvirtual = i2c-{bus}.sock\n"
        if gnss:
            board += "[serial.gnss]\nvirtual = gnss.tty\nbaud = 9600\n"
        address = self.gateway_address or "127.0.0.1:9"
        site = f"[gateway]\nurl = http://{address}\nallow_plain_http = yes\n"
        key = ROOT / self.folder / "gateway/gateway.pub"
        if self.gateway_address:
            site += f"public_key = {key.read_bytes().hex()}\n"
        site += f"[batch]\ninterval = {batch}\n[commit]\ninterval = {commit}\n"
        for bus in range(1, buses + 1):
            for chip in chips:
                # Virtual weather between two looks may be the same: that is no frozen chip here.
                site += f"[sensor.{chip}-{bus}]\nchip = {chip}\nbus = i2c-{bus}\nfrozen_after = never\n"
                site += f"interval = {'5 s' if chip == 'scd4x' and 'ms' in interval else interval}\n"
        if gnss:
            site += "[gnss]\nport = gnss\n"
        (ROOT / self.folder / "board.ini").write_text(board)
        (ROOT / self.folder / "site.ini").write_text(site)

    def start_agent(self, path, environment=None):
        return self.start(self.agent_arguments(path), environment)

    def agent_arguments(self, path):
        return [path, "--board", str(self.folder / "board.ini"), *self.common_arguments()]

    def start_uplink(self):
        return self.start(["build/amd64/cairn-uplink-https", *self.common_arguments()])

    def common_arguments(self):
        return ["--config", str(self.folder / "site.ini"), "--state", str(self.folder / "state"),
                "--run", str(self.folder / "run")]

    # waiting

    def wait_for(self, condition, seconds):
        """Waits until a condition holds; ends the measurement when a program died or it takes too long."""
        deadline = time.monotonic() + seconds
        while not condition():
            for process in self.processes:
                if process.poll() is not None:
                    raise RuntimeError(f"{process.args[0]} ended with {process.returncode}: {self.last_lines()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"waited {seconds} s in vain: {self.last_lines()}")
            time.sleep(0.05)

    def run_for(self, seconds):
        deadline = time.monotonic() + seconds
        self.wait_for(lambda: time.monotonic() >= deadline, seconds + 5)

    def last_lines(self):
        path = ROOT / self.folder / "programs.log"
        return path.read_text(errors="replace")[-400:] if path.exists() else ""
