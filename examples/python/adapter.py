"""The adapter of this package for the compatibility harness. Copy it for your implementation
and replace remote_event. It implements the protocol of compat/README.md."""
import functools
import itertools
import json
import os
import platform
import sys
import threading
from concurrent.futures import Future
from typing import Any, Dict

import remote_event as implementation
from evaluate import evaluate, read

CLASSES = ["legacy-safe sender", "receiver", "reliable receiver", "validator"]
URL = os.environ["REDIS_URL"]
OUT = threading.Lock()  # listeners of several queues report
HELD: "Dict[int, Future[None]]" = {}  # the calls of listeners that wait for a return
CALLS = itertools.count(1)
ENDED = threading.Event()  # stdin has ended, so no return follows
Request = Dict[str, Any]


def emit(op: str, **members: Any) -> None:
    with OUT:
        print(json.dumps({"op": op, **members}), flush=True)


def hear(signal: str, hold: bool, event: implementation.Event) -> None:
    report = functools.partial(emit, "event", signal=signal, event_name=event.name, signals=event.signals,
                               payload_text=event.payload_text, metadata=event.metadata)
    if not hold:
        return report()
    call = next(CALLS)
    returned = HELD[call] = Future()
    report(call=call)
    if ENDED.is_set():
        end_calls()
    returned.result()


def end_call(call: int, error: Any = None, permanent: bool = False) -> None:
    returned = HELD.pop(call)
    if error is None:
        returned.set_result(None)
    else:
        returned.set_exception(implementation.Permanent(error) if permanent else RuntimeError(error))


def end_calls() -> None:
    for call in list(HELD):
        end_call(call, "stdin has ended")


def text(form: Any) -> str:
    return read(form).decode("utf-8", "surrogateescape")


def receive(request: Request) -> implementation.Receiver:
    listeners: Dict[str, Any] = {}
    for signal in request["signals"]:
        listeners.setdefault(signal, []).append(functools.partial(hear, signal, request.get("hold", False)))
    if "reliable" not in request:
        return implementation.Receiver(URL, listeners, queues=request["queues"])
    lease, attempts, retry = (request["reliable"][name] for name in ("lease_ms", "max_attempts", "retry_ms"))
    return implementation.ReliableReceiver(
        URL, listeners, queues=request["queues"], lease=lease / 1000,
        max_attempts=attempts, max_suspect_attempts=attempts, retry_delay=retry / 1000)


def stop(receiver: Any) -> None:
    if receiver:
        receiver.stop()
    os._exit(0)  # the main thread may wait for a request


def serve() -> None:
    sender, receiver = implementation.Sender(URL, plain=True), None
    for line in sys.stdin.buffer:
        request: Request = {}
        try:
            request = json.loads(line)
            op, id, metadata = request["op"], request.get("id"), request.get("metadata", {})
            if op == "hello":
                emit("hello", protocol=1, name="remote-event-python", version="0.1.0", classes=CLASSES,
                     details={"python": platform.python_version()})
            elif op == "send":
                name, payload = text(request["event_name"]), text(request["payload_text"])
                if "signals" in request:
                    sender.forward(implementation.Event(name, tuple(request["signals"]), payload, metadata))
                else:
                    sender.send(name, payload, parents=request["parents"], metadata=metadata)
                emit("sent", id=id)
            elif op == "receive":
                receiver = receive(request)
                receiver.start()
                emit("ready", id=id)
            elif op == "return":
                end_call(request["call"], request.get("error"), request.get("permanent", False))
                emit("returned", id=id)
            elif op == "evaluate":
                emit("evaluated", id=id, output=evaluate(request["family"], request["input"]))
            elif op == "stop":
                threading.Thread(target=stop, args=(receiver,)).start()  # a return may still follow
            else:
                raise ValueError("unsupported request " + op)
        except Exception as error:
            emit("failed", id=request.get("id"), error="%s: %s" % (type(error).__name__, error))
    ENDED.set()
    end_calls()
    stop(receiver)


serve()
