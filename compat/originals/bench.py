"""Measures an original remote_event_bundle, as published, for `compat bench`.

It boots the application as driver.py does, whose path is its argument, reads one JSON object from stdin and
answers with one JSON object a line. The clock runs in this process, so that
neither its start nor the pipe is part of a figure.
"""

import importlib.util
import json
import os
import resource
import sys
import threading
import time
import traceback

spec = importlib.util.spec_from_file_location("driver", sys.argv[1])
driver = importlib.util.module_from_spec(spec)
spec.loader.exec_module(driver)


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def send(request):
    """Sends warm + count events, one after the other."""
    name, payload = request["queue"], json.loads(request["payload_text"])
    event_class = type("BenchEvent", (driver.RemoteEvent,), {"event_name": name})
    application = driver.Driver()
    application.boot([])
    dispatch = application.kernel.event_manager.dispatch

    def run(first, count):
        for mark in range(first, first + count):
            event = event_class()
            event.__dict__.update(payload)
            event.mark = mark
            dispatch(event)

    driver.emit(op="ready")
    sys.stdin.buffer.readline()
    run(request["first"], request["warm"])
    began, used = time.perf_counter(), cpu()
    run(request["first"] + request["warm"], request["count"])
    driver.emit(op="done", seconds=time.perf_counter() - began, cpu=cpu() - used)


def receive(request):
    """Receives warm + count events; where base is given, a mark is the time at
    which its event was pushed, in nanoseconds after base."""
    warm, total, base = request["warm"], request["warm"] + request["count"], request.get("base")
    marks, latencies, done, lock = [], [], threading.Event(), threading.Lock()
    started = {}

    def heard(event):
        now = time.time_ns()
        with lock:
            marks.append(event.mark)
            if base is not None:
                latencies.append(now - base - event.mark)
            if len(marks) == warm:
                started.update(at=time.perf_counter(), cpu=cpu())
            if len(marks) == total:
                started.update(seconds=time.perf_counter() - started["at"], used=cpu() - started["cpu"])
                done.set()

    driver.EventManager().add_listener(request["queue"], heard)
    driver.Driver().boot(request["queues"])
    driver.emit(op="ready")
    done.wait()
    driver.emit(op="done", seconds=started["seconds"], cpu=started["used"], distinct=len(set(marks)),
                first=min(marks), last=max(marks), latencies=latencies[warm:])
    sys.stdin.buffer.readline()


if __name__ == "__main__":
    status = 1
    try:
        asked = json.loads(sys.stdin.buffer.readline())
        {"send": send, "receive": receive}[asked["op"]](asked)
        status = 0
    except BaseException:
        traceback.print_exc()
    sys.stderr.flush()
    os._exit(status)
