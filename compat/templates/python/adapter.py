"""An adapter to copy: the protocol of compat/README.md, around implementation.py in whose
place yours goes, or reliable.py with --reliable. It needs Python 3.8 and requirements.txt."""
import json
import os
import sys
import threading

from implementation import Receiver, send
if "--reliable" in sys.argv:
    from reliable import ReliableReceiver as Receiver

OUT = threading.Lock()  # listeners of several queues report


def emit(op, **message):
    with OUT:
        print(json.dumps({"op": op, **message}), flush=True)


def heard(signal, event_name, signals, payload_text, metadata):
    emit("event", signal=signal, event_name=event_name, signals=signals, payload_text=payload_text, metadata=metadata)


def serve(url):
    receiver = None
    for line in sys.stdin.buffer:
        request = {}
        try:
            request = json.loads(line)
            if request["op"] == "hello":
                emit("hello", protocol=1, name="python-template", version="1", classes=["legacy-safe sender", "receiver"],
                     details={"python": sys.version.split()[0]})
            elif request["op"] == "send":
                send(url, request["event_name"], request["parents"], request["payload_text"],
                     request.get("metadata", {}))
                emit("sent", id=request["id"])
            elif request["op"] == "receive":
                receiver = Receiver(url, request["queues"], request["signals"], heard)
                emit("ready", id=request["id"])
            elif request["op"] == "stop":
                break
            else:
                raise ValueError("unknown op")
        except Exception as error:
            emit("failed", id=request.get("id"), error="%s: %s" % (type(error).__name__, error))
    if receiver:
        receiver.stop()


serve(os.environ["REDIS_URL"])
