"""The adapter of this package for the compatibility harness, and one to copy: the protocol
of compat/README.md around remote_event, in whose place yours goes."""
import base64
import functools
import itertools
import json
import os
import platform
import queue
import sys
import threading
from typing import Any, Dict

import remote_event as implementation
from remote_event.keys import tag

CLASSES = ["legacy-safe sender", "receiver", "reliable receiver", "validator"]
URL = os.environ["REDIS_URL"]
OUT = threading.Lock()  # listeners of several queues report
NUMBERS = itertools.count(1)
HELD: "Dict[int, queue.Queue[Any]]" = {}  # the calls of listeners that wait for a return
ENDED = threading.Event()  # stdin, and so no return comes


def emit(op: str, **members: Any) -> None:
    with OUT:
        print(json.dumps({"op": op, **members}), flush=True)


def hear(signal: str, hold: bool, event: implementation.Event) -> None:
    report = {"signal": signal, "event_name": event.name, "signals": event.signals,
              "payload_text": event.payload_text, "metadata": event.metadata}
    if not hold:
        return emit("event", **report)
    call = next(NUMBERS)
    answers: "queue.Queue[Any]" = queue.Queue()
    HELD[call] = answers
    if ENDED.is_set():
        fail_held()
    emit("event", **report, call=call)
    returned = answers.get()
    if "error" in returned:
        raise (implementation.Permanent if returned.get("permanent") else RuntimeError)(returned["error"])


def fail_held() -> None:
    ENDED.set()
    for answers in list(HELD.values()):
        answers.put({"error": "stdin has ended"})


def receive(request: Dict[str, Any]) -> implementation.Receiver:
    listeners: Dict[str, Any] = {}
    for signal in request["signals"]:
        listeners.setdefault(signal, []).append(functools.partial(hear, signal, request.get("hold", False)))
    if "reliable" not in request:
        return implementation.Receiver(URL, listeners, queues=request["queues"])
    settings = request["reliable"]
    return implementation.ReliableReceiver(
        URL, listeners, queues=request["queues"], lease=settings["lease_ms"] / 1000,
        max_attempts=settings["max_attempts"], max_suspect_attempts=settings["max_attempts"],
        retry_delay=settings["retry_ms"] / 1000)


def evaluate(family: str, given: Dict[str, Any]) -> Dict[str, Any]:
    if "message" in given and family != "dispatch":
        judged = implementation.judge(read(given["message"]), read(given.get("key", "e")))
        return {"verdict": judged.verdict, "legacy": judged.legacy, "findings": sorted(judged.findings)}
    if family == "companions":
        name = read(given["queue"])
        try:
            keys = implementation.companion_keys(name)
        except ValueError:
            return {"rejected": True}
        return {"tag": write(tag(name)), "companions": [write(key) for key in keys]}
    raise NotImplementedError("unsupported: the family " + family)


def read(form: Any) -> bytes:
    return form.encode("utf-8") if isinstance(form, str) else base64.b64decode(form["base64"])


def write(raw: bytes) -> Any:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def serve() -> None:
    sender, receiver = implementation.Sender(URL, plain=True), None
    for line in sys.stdin.buffer:
        request: Dict[str, Any] = {}
        try:
            request = json.loads(line)
            op, id = request["op"], request.get("id")
            if op == "hello":
                emit("hello", protocol=1, name="remote-event-python", version="0.1.0", classes=CLASSES,
                     details={"python": platform.python_version()})
            elif op == "send" and "signals" in request:
                sender.forward(implementation.Event(request["event_name"], tuple(request["signals"]),
                                                    request["payload_text"], request.get("metadata", {})))
                emit("sent", id=id)
            elif op == "send":
                sender.send(request["event_name"], request["payload_text"],
                            parents=request["parents"], metadata=request.get("metadata"))
                emit("sent", id=id)
            elif op == "receive":
                receiver = receive(request)
                receiver.start()
                emit("ready", id=id)
            elif op == "return":
                HELD.pop(request["call"]).put(request)
                emit("returned", id=id)
            elif op == "evaluate":
                emit("evaluated", id=id, output=evaluate(request["family"], request["input"]))
            elif op == "stop":
                threading.Thread(target=stop, args=(receiver,)).start()  # returns are still read
            else:
                raise ValueError("unknown op")
        except Exception as error:
            emit("failed", id=request.get("id"), error="%s: %s" % (type(error).__name__, error))
    fail_held()
    stop(receiver)


def stop(receiver: Any) -> None:
    if receiver:
        receiver.stop()
    os._exit(0)  # the main thread may wait for a request


serve()
