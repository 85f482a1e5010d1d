"""A gateway on this machine, and whoever stands between it and a node: notes what left the node, and when.

When is a place in the disk's write log: what stands in the log when a batch arrives here is all that the node can rely
on for it. A power cut behind that place must find the batch, unless the gateway has answered for it.
"""

import http.client
import http.server
import json
import os
import shutil
import subprocess
import threading
import time

from emulator import Trouble


class Gateway:
    """cairn-gateway with a folder of its own."""

    def __init__(self, folder, programs):
        self.folder = folder
        self.journal = open(f"{folder}.journal", "ab+")
        begin = self.journal.seek(0, os.SEEK_END)
        self.process = subprocess.Popen(
            [programs / "cairn-gateway", "serve", "--data", str(folder), "--listen", "127.0.0.1:0", "--events",
             "--enrolment", "open"], stdout=self.journal, stderr=self.journal)
        end = time.monotonic() + 120
        while True:
            started = [event for event in self.events(begin) if event["event"] == "started"]
            if started:
                break
            if self.process.poll() is not None or time.monotonic() > end:
                raise Trouble(f"no gateway; see {self.journal.name}")
            time.sleep(0.01)
        self.address = started[0]["address"]

    def events(self, begin=0):
        with open(self.journal.name, "rb") as journal:
            journal.seek(begin)
            lines = journal.read().decode(errors="replace").split("\n")[:-1]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def public_key(self):
        return (self.folder / "gateway.pub").read_bytes().hex()

    def ask(self, path):
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
            return json.loads(body) if answer.status == 200 else None
        finally:
            connection.close()

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.journal.close()


def batches_of(gateway, device):
    """Epoch, batch, size and root of all that the gateway holds of a device."""
    found, after = [], ""
    while True:
        page = gateway.ask(f"/v1/devices/{device}/log?limit=500{after}") or {"batches": []}
        found += [(batch["epoch"], batch["batch"], batch["size"], batch["root"]) for batch in page["batches"]]
        if not page.get("next"):
            return found
        after = f"&after={page['next']}"


class Sent:
    """One request that a node made: where the log was when it came, and when its answer went."""

    def __init__(self, path, body, at):
        self.path, self.body, self.at = path, body, at
        self.answered = self.status = self.batch = None


class Desk:
    """Takes a node's requests, notes them, has the gateway answer them, one at a time."""

    def __init__(self, gateway, log_length, snapshots=None):
        self.gateway, self.log_length, self.snapshots = gateway, log_length, snapshots
        self.sent, self.copies, self.lock, self.closed_until = [], [], threading.Lock(), 0
        desk = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                desk.serve(self)

            def do_POST(self):
                desk.serve(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                """A node that was killed in the middle of a request is what this is about."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        with self.lock:
            sent = Sent(request.path, body, self.log_length())
            self.sent.append(sent)
            if time.monotonic() < self.closed_until:
                request.close_connection = True
                return
            connection = http.client.HTTPConnection(self.gateway.address, timeout=60)
            try:
                connection.request(request.command, request.path, body or None, {
                    name: request.headers[name] for name in ("Content-Type", "Accept") if name in request.headers})
                answer = connection.getresponse()
                reply = answer.read()
            finally:
                connection.close()
            sent.status = answer.status
            if sent.path == "/v1/batches" and sent.status == 200:
                self._copy(sent)
            sent.answered = self.log_length()
        request.send_response_only(answer.status)
        for name in ("Content-Type", "Retry-After", "Date"):
            if answer.headers.get(name):
                request.send_header(name, answer.headers[name])
        request.send_header("Content-Length", str(len(reply)))
        request.end_headers()
        request.wfile.write(reply)

    def _copy(self, sent):
        """The gateway's store as it is: it rests while its only node waits for the answer."""
        if self.snapshots is None:
            return
        name = self.snapshots / f"{len(self.copies):04}"
        shutil.copytree(self.gateway.folder, name, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
        self.copies.append((sent, name, self.log_length()))

    def close_for(self, seconds):
        """Requests come, and no answer goes: what left is known to have left."""
        self.closed_until = time.monotonic() + seconds

    def batches(self):
        return [sent for sent in self.sent if sent.path == "/v1/batches"]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
