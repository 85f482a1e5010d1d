"""What stands on the host: a gateway with a certificate for the machine's network, and boards of chip models."""

import json
import pathlib
import shutil
import ssl
import subprocess
import time
import urllib.request

from emulator import PATIENCE_SECONDS, ROOT, Trouble, ended_machine

PROGRAMS = ROOT / ".build/debug"
WEATHER = ROOT / "Data/weather/weather-jfk-2013.csv"
# The host, as QEMU's user network shows it to the machine.
HOST = "10.0.2.2"


def wait_until(found, what, seconds=PATIENCE_SECONDS):
    """What `found` gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        ended = ended_machine()
        if ended:
            raise Trouble(f"{what}: {ended.name} has ended with {ended.process.returncode}: {ended.console.last()}")
        if time.monotonic() > end:
            raise Trouble(f"{what}: not within {seconds} s")
        time.sleep(0.05)


class Simulator:
    """cairn-simulate with one bus of chip models: SHT3x at 0x44, SCD4x at 0x62, BME280 at 0x76."""

    def __init__(self, folder):
        self.path = pathlib.Path(folder) / "bus.sock"
        self.process = subprocess.Popen(
            [PROGRAMS / "cairn-simulate", "board", "--bus", self.path, "--weather", WEATHER, "--until-end-of-input"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        wait_until(lambda: self.path.exists() or self.process.poll() is not None, "cairn-simulate's socket")
        if self.process.poll() is not None:
            raise Trouble(f"cairn-simulate: {self.process.stdout.read().decode()}")

    def fault(self, chip, fault):
        self.process.stdin.write(f"fault {chip} {fault}\n".encode())
        while True:
            line = self.process.stdout.readline().decode()
            if not line:
                raise Trouble("cairn-simulate ended")
            if chip in line and fault in line:
                return

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Gateway:
    """cairn-gateway with a folder of its own, over TLS, for whoever comes."""

    def __init__(self, folder, port=0, options=("--enrolment", "open")):
        self.folder = pathlib.Path(folder)
        self.data, self.certificate = self.folder / "gateway", self.folder / "gateway.pem"
        shutil.rmtree(self.data, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "36500",
             "-subj", "/CN=board test", "-addext", f"subjectAltName=IP:{HOST},IP:127.0.0.1", "-keyout",
             self.folder / "gateway.tls", "-out", self.certificate], check=True, capture_output=True)
        self.journal = open(self.folder / "gateway.journal", "wb")
        self.process = subprocess.Popen(
            [PROGRAMS / "cairn-gateway", "serve", "--data", self.data, "--listen", f"127.0.0.1:{port}", "--events",
             *options, "--tls-certificate", self.certificate, "--tls-key", self.folder / "gateway.tls"],
            stdout=self.journal, stderr=self.journal)
        started = wait_until(
            lambda: [event for event in self.events() if event["event"] == "started"] or self.process.poll() is not None,
            "the gateway's start")
        if self.process.poll() is not None:
            raise Trouble(f"no gateway: {(self.folder / 'gateway.journal').read_text()}")
        self.port = int(started[0]["address"].rsplit(":", 1)[1])
        self.url = f"https://{HOST}:{self.port}"
        self.public_key = (self.data / "gateway.pub").read_bytes().hex()
        self.context = ssl.create_default_context(cafile=str(self.certificate))

    def events(self):
        lines = (self.folder / "gateway.journal").read_text(errors="replace").split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def ask(self, path):
        with urllib.request.urlopen(f"https://127.0.0.1:{self.port}{path}", context=self.context, timeout=60) as answer:
            return json.load(answer)

    def devices(self):
        return self.ask("/v1/devices?limit=100")["devices"]

    def leaves(self, device):
        """All readings, faults and gaps of a device."""
        found, after = [], ""
        while True:
            page = self.ask(f"/v1/devices/{device}/readings?limit=1000{after}")
            found += page["records"]
            if not page.get("next"):
                return found
            after = f"&after={page['next']}"

    def batches(self, device):
        return self.ask(f"/v1/devices/{device}/log?limit=500")["batches"]

    def verify_archive(self):
        """The archive of all that came, exported and verified by the gateway's own tool: what it said."""
        archive = self.folder / "archive"
        shutil.rmtree(archive, ignore_errors=True)
        said = ""
        for command in (["export", "--data", self.data, "--to", archive],
                        ["verify", archive, "--key", self.data / "gateway.pub"]):
            done = subprocess.run([PROGRAMS / "cairn-gateway", *command], capture_output=True, text=True,
                                  timeout=PATIENCE_SECONDS)
            if done.returncode != 0:
                raise Trouble(f"cairn-gateway {command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
            said += done.stdout
        return said

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.journal.close()
