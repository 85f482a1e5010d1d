"""Plays device and gateway over MQTT 5, with a client that is not Cairn's (paho-mqtt) and Debian's mosquitto between.

    python3 mqtt.py FOLDER

FOLDER has the built programs cairn-gateway, cairn-agent and cairn-uplink-mqtt. First a device that is played asks a
gateway through the broker, as docs/delivery-protocol.md says, and compares with HTTP. Then a gateway that is played
hears what the uplink of a real node asks, and answers it. The first check that is false ends with status 1.
"""

import getpass
import hashlib
import pathlib
import queue
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import cbor2
import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE = 60  # seconds, for whatever must come
PROBLEM = "application/concise-problem-details+cbor"
COSE = 'application/cose; cose-type="cose-sign1"'


class Falsehood(Exception):
    """What is not as docs/delivery-protocol.md says."""


def require(truth, otherwise):
    if not truth:
        raise Falsehood(otherwise)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A program until the end of the `with`; its lines can be waited for."""

    def __init__(self, *arguments):
        self.arguments = [str(argument) for argument in arguments]

    def __enter__(self):
        self.process = subprocess.Popen(
            self.arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()

    def await_line(self, wanted):
        for line in self.process.stdout:
            if wanted in line:
                return line.strip()
        raise Falsehood(f"{self.arguments[0]} ends without saying {wanted!r}")


class Broker(Process):
    def __init__(self, folder):
        self.port = free_port()
        path = folder / "mosquitto.conf"
        path.write_text(
            f"user {getpass.getuser()}\nlistener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stderr\n")
        super().__init__("/usr/sbin/mosquitto", "-c", path)

    def __enter__(self):
        super().__enter__()
        for _ in range(PATIENCE * 20):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                time.sleep(0.05)
        raise Falsehood("mosquitto does not start")


class Client:
    """Somebody at the broker; what comes is kept in order."""

    def __init__(self, broker, filters):
        self.came = queue.Queue()
        ready = queue.Queue()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.on_message = lambda client, data, message: self.came.put(message)
        self.client.on_subscribe = lambda *_: ready.put(True)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        self.client.subscribe([(name, 1) for name in filters])
        ready.get(timeout=PATIENCE)

    def publish(self, topic, payload, **properties):
        sent = Properties(PacketTypes.PUBLISH)
        for name, value in properties.items():
            setattr(sent, name, value)
        self.client.publish(topic, payload, qos=1, properties=sent)

    def next(self):
        try:
            return self.came.get(timeout=PATIENCE)
        except queue.Empty:
            raise Falsehood("nothing comes over MQTT") from None

    def end(self):
        self.client.disconnect()
        self.client.loop_stop()


def field(message, name):
    value = getattr(message.properties, name, None)
    if name == "UserProperty":
        return dict(value or [])
    return value


def check(name, truth):
    require(truth, name)
    print(f"ok  {name}")


def played_device(programs, folder, broker):
    key = "00112233445566aa"
    gateway = Process(
        programs / "cairn-gateway", "serve", "--data", folder / "gateway", "--listen", "127.0.0.1:0",
        "--mqtt", f"mqtt://127.0.0.1:{broker.port}")
    with gateway:
        lines = [gateway.await_line(" ") for _ in range(2)]
        address = next(line.split()[-1] for line in lines if line.startswith("listening on"))
        check("the gateway is behind the broker", any(line.startswith("behind the broker") for line in lines))
        device = Client(broker, [f"cairn/v1/{key}/receipt", f"cairn/v1/{key}/answer"])

        def ask(last, payload, answer, content_type, correlation):
            device.publish(
                f"cairn/v1/{key}/{last}", payload, ResponseTopic=f"cairn/v1/{key}/{answer}",
                CorrelationData=correlation, ContentType=content_type)
            message = device.next()
            require(message.topic == f"cairn/v1/{key}/{answer}", "the answer comes on another topic")
            require(field(message, "CorrelationData") == correlation, "other correlation data")
            require(message.qos == 1 and not message.retain, "an answer is retained, or has another QoS")
            return field(message, "UserProperty").get("status"), field(message, "ContentType"), message.payload

        for path, wanted in [("/v1/log/proof?first=1", COSE), ("/v1/keys", "application/cbor")]:
            status, content_type, body = ask("get", path, "answer", "text/plain", b"\x00\x01")
            check(f"{path} is answered as over HTTP", status == "200" and content_type == wanted)
            if path == "/v1/keys":
                with urllib.request.urlopen(f"http://{address}{path}") as response:
                    check("… byte for byte", response.read() == body)
        status, content_type, body = ask("get", "/metrics", "answer", "text/plain", b"a" * 64)
        check("what is for people is not read over MQTT", status == "404" and content_type == PROBLEM)
        status, content_type, body = ask("batch", b"\x01", "receipt", "application/cbor", b"z")
        problem = cbor2.loads(body)
        check("a batch that is none is refused with its reason",
              status == "422" and content_type == PROBLEM and problem["cairn:refusal"][0] == 1)
        status, content_type, body = ask("batch", bytes(80_000), "receipt", "application/cbor", b"y")
        check("one that is too large as too-large", status == "413" and cbor2.loads(body)["cairn:refusal"][0] == 3)
        # Nothing but the last is a request.
        device.publish(f"cairn/v1/{key}/get", "/v1/keys", ResponseTopic=f"cairn/v1/{key}/receipt", CorrelationData=b"1")
        device.publish(f"cairn/v1/{key}/get", "/v1/keys", ResponseTopic=f"cairn/v1/{key}/answer")
        device.publish(f"cairn/v1/{key}/get", "/v1/keys", CorrelationData=b"2")
        check("what is no request is not answered",
              ask("get", "/v1/keys", "answer", "text/plain", b"last")[0] == "200")
        device.end()


def node(folder, broker):
    for name in ["agent", "uplink"]:
        (folder / name).mkdir()
    (folder / "board.ini").write_text("[board]\nname = bench\n")
    (folder / "site.ini").write_text(
        f"[gateway]\nurl = mqtt://127.0.0.1:{broker.port}\n[spool]\nsize = 1 MiB\nsegment = 128 KiB\n"
        "[batch]\ninterval = 1 s\n")
    return ["--config", folder / "site.ini", "--state", folder, "--run", folder]


def played_gateway(programs, folder, broker):
    gateway = Client(broker, [f"$share/played/cairn/v1/+/{last}" for last in ["batch", "device", "get"]])
    options = node(folder, broker)
    agent = Process(programs / "cairn-agent", "--board", folder / "board.ini", *options)
    with agent:
        agent.await_line(": boot ")
        public_key = (folder / "agent/device.pub").read_bytes()
        key_hash = hashlib.sha256(public_key).digest()
        with Process(programs / "cairn-uplink-mqtt", *options) as uplink:
            batches, correlations = [], set()
            while len(batches) < 2:
                message = gateway.next()
                start, last = message.topic.rsplit("/", 1)
                require(len(start) == len("cairn/v1/") + 16, "a topic without a key")
                correlation = field(message, "CorrelationData")
                answer = "receipt" if last == "batch" else "answer"
                require(field(message, "ResponseTopic") == f"{start}/{answer}", "another response topic")
                require(16 <= len(correlation) <= 64 and correlation not in correlations, "correlation data again")
                require(field(message, "MessageExpiryInterval") > 0, "a request that never expires")
                require(message.qos == 1 and not message.retain, "a request is retained, or has another QoS")
                correlations.add(correlation)
                send = lambda body, status, kind, data=correlation, *more: gateway.publish(
                    f"{start}/{answer}", body, CorrelationData=data, ContentType=kind,
                    UserProperty=[("status", status), *more])
                if last == "get":
                    send(cbor2.dumps({-1: "Not Found"}), "404", PROBLEM)
                elif last == "device":
                    check("the enrolment is one", message.payload[:2] == b"\xd2\x84"
                          and field(message, "ContentType") == COSE)
                    send(cbor2.dumps([1, key_hash, bytes(32), 1]), "201", "application/cbor")
                else:
                    require(field(message, "ContentType") == "application/cbor", "a batch of another type")
                    batches.append(message.payload)
                    # A stranger's, and then the gateway's.
                    send(b"\xd2\x84\x40" + bytes(60), "200", COSE, b"0" * 32)
                    send(cbor2.dumps({"cairn:refusal": {0: 62, 4: 1}}), "503", PROBLEM, correlation,
                         ("retry-after", "1"))
            check("a batch that was not taken comes again, byte for byte", batches[0] == batches[1])
            check("a pause that the gateway asks for is told", bool(uplink.await_line("asks for a pause")))
    gateway.end()


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    programs = pathlib.Path(arguments[0]).resolve()
    try:
        with tempfile.TemporaryDirectory(prefix="cairn-mqtt-", dir="/tmp") as name:
            folder = pathlib.Path(name)
            with Broker(folder) as broker:
                played_device(programs, folder, broker)
                played_gateway(programs, folder, broker)
    except Falsehood as falsehood:
        print(f"FALSE  {falsehood}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
