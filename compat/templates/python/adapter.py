"""An adapter to copy: the protocol of compat/README.md, around implementation.py and
reliable.py in whose place yours goes. It needs Python 3.8 and requirements.txt."""
import itertools
import json
import os
import queue
import sys
import threading

from evaluate import evaluate
from implementation import Receiver, send
from reliable import Permanent, ReliableReceiver

OUT = threading.Lock()  # listeners of several queues report
CALLS, HELD, CLOSED = itertools.count(1), {}, threading.Event()


def emit(op, **message):
    with OUT:
        print(json.dumps({"op": op, **message}), flush=True)


def heard(signal, event_name, signals, payload_text, metadata, **call):
    emit("event", signal=signal, event_name=event_name, signals=signals, payload_text=payload_text, metadata=metadata,
         **call)


def held(*event):
    """A listener that ends as the harness tells it to."""
    call, returned = next(CALLS), queue.SimpleQueue()
    HELD[call] = returned
    if CLOSED.is_set():
        abandon()
    else:
        heard(*event, call=call)
    end = returned.get()
    if "error" in end:
        raise (Permanent if end.get("permanent") else Exception)(end["error"])


def abandon():
    CLOSED.set()
    for returned in list(HELD.values()):
        returned.put({"error": "the harness has closed stdin"})


def receive(url, request):
    listener = held if request.get("hold") else heard
    if "reliable" in request:
        return ReliableReceiver(url, request["queues"], request["signals"], listener, **request["reliable"])
    return Receiver(url, request["queues"], request["signals"], listener)


def end(receiver):
    if receiver:
        receiver.stop()
    os._exit(0)  # the main thread may still read


def serve(url):
    receiver = None
    for line in sys.stdin.buffer:
        request = {}
        try:
            request = json.loads(line)
            if request["op"] == "hello":
                emit("hello", protocol=1, name="python-template", version="1",
                     classes=["legacy-safe sender", "receiver", "reliable receiver", "validator"],
                     details={"python": sys.version.split()[0]})
            elif request["op"] == "send":
                send(url, request["event_name"], request.get("parents"), request["payload_text"],
                     request.get("metadata", {}), request.get("signals"))
                emit("sent", id=request["id"])
            elif request["op"] == "receive":
                receiver = receive(url, request)
                emit("ready", id=request["id"])
            elif request["op"] == "evaluate":
                emit("evaluated", id=request["id"], output=evaluate(request["family"], request["input"]))
            elif request["op"] == "return":
                HELD.pop(request["call"]).put(request)
                emit("returned", id=request["id"])
            elif request["op"] == "stop":
                threading.Thread(target=end, args=(receiver,)).start()
            else:
                raise ValueError("unsupported op")
        except Exception as error:
            emit("failed", id=request.get("id"), error="%s: %s" % (type(error).__name__, error))
    abandon()
    end(receiver)


serve(os.environ["REDIS_URL"])
