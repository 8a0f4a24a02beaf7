"""Measure the bytes that the other backends of an original write and read.

The published backends run unchanged. Their brokers' client libraries are replaced by
fakes that record the calls. Writes one JSON object a line for each backend:

    {"backend": "mqtt", "subscribed": …, "sent": …, "delivered": …, "invalid": …}

subscribed are the topics or queues of the event order for a group and without one (HOST
stands for the host name), sent is what an event puts on the broker, delivered are the
listeners' signals and the payload of a message as it is sent, and invalid is the
exception that a message of invalid JSON raises, or "survives".
"""

import contextlib
import importlib
import io
import json
import socket
import sys
import types

import inject
from applauncher.kernel import EventManager, Kernel
from remote_event_bundle import RemoteEvent

calls = []  # recorded by the fakes


def module(name, **members):
    made = sys.modules[name] = types.ModuleType(name)
    made.__dict__.update(members)
    return made


def note(kind):
    return lambda *args, **named: calls.append([kind, *args, named])


class MqttClient:
    subscribe, publish = staticmethod(note("subscribe")), staticmethod(note("publish"))


class Connection:
    def Producer(self, serializer):
        return types.SimpleNamespace(publish=lambda body, exchange: calls.append(["publish", exchange, serializer, json.loads(json.dumps(body))]))

    @contextlib.contextmanager
    def Consumer(self, queues, callbacks):
        calls.append(["consume", *queues])
        yield

    def drain_events(self, timeout):
        backend.run = False

    def release(self):
        pass


class KafkaManager:
    subscribe, produce = staticmethod(note("subscribe")), staticmethod(note("produce"))


class MqttMessageEvent(RemoteEvent):
    event_name = "mqtt_message"


module("paho").mqtt = module("paho.mqtt")
sys.modules["paho.mqtt"].client = module("paho.mqtt.client", Client=MqttClient)
module("mqtt_bundle").bundle = module("mqtt_bundle.bundle", MqttMessageEvent=MqttMessageEvent, MqttConnectEvent=MqttMessageEvent)
module("kombu", Connection=Connection, Exchange=lambda name, kind: [name, kind],
       Queue=lambda name, exchange, expires: {"queue": name, "exchange": exchange, "expires": expires})
module("amqp").exceptions = module("amqp.exceptions", NotFound=KeyError)
module("kafka_bundle", KafkaManager=KafkaManager)
events = EventManager()
kernel = types.SimpleNamespace(run_service=lambda service, *args: service(*args))
inject.configure(lambda binder: [binder.bind(key, value) for key, value in {
    EventManager: events, Kernel: kernel, MqttClient: MqttClient(), Connection: Connection(), KafkaManager: KafkaManager(),
}.items()])


class Base(RemoteEvent):
    event_name = "base"


class Order(Base):
    event_name = "order"

    def __init__(self):
        self.n = 1


heard = []
listeners = [lambda event, signal=signal: heard.append([signal, {k: v for k, v in vars(event).items() if k[0] != "_"}])
             for signal in ("order", "base", "remote_event", "event")]
for signal, listener in zip(("order", "base", "remote_event", "event"), listeners):
    events.add_listener(signal, listener)


def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    if callable(value):
        return None
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if not callable(v)}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.replace(socket.gethostname(), "HOST") if isinstance(value, str) else value


def take():
    taken = plain(calls)
    calls.clear()
    return taken


def deliver(backend, name, body, signals):
    """Gives a message to the backend, as the broker's client would."""
    if name == "mqtt":
        backend.callback(types.SimpleNamespace(message=types.SimpleNamespace(payload=body)))
    elif name == "kafka":
        backend.callback(types.SimpleNamespace(value=lambda: body, headers=lambda: [("signals", signals)]))
    else:  # kombu has decoded it
        message = types.SimpleNamespace(ack=lambda: heard.append("acknowledged"))
        backend.callback(json.loads(body) if body[:1] == b"{" else "no object", message)


for name in sys.argv[1:]:
    made = getattr(importlib.import_module("remote_event_bundle.backend.%s_backend" % name), name.capitalize() + "Backend")
    result = {"backend": name}
    for group in ("billing", ""):
        backend = made(group_id=group)
        backend.register_events([types.SimpleNamespace(name="order")])
        result["subscribed" + ("" if group else " without a group")] = take()
    backend.propagate_remote_event(Order())
    result["sent"] = take()
    bare = name == "kafka" and "headers" in str(result["sent"])
    body = {"n": 1} if bare else {"data": {"n": 1}, "signals": Order._signals}
    for key, raw in (("delivered", json.dumps(body).encode()), ("invalid", b"no JSON")):
        heard.clear()
        try:
            with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
                deliver(backend, name, raw, json.dumps(Order._signals).encode())
            result[key] = list(heard)
        except Exception as error:
            result[key] = type(error).__name__
    print(json.dumps(result))
