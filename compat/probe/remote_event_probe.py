"""A probe for an application that uses remote_event_bundle: `compat live` tests
the application through it, over Redis alone. See README.md beside this file.

    bundles = [RedisBundle(), RemoteEventBundle(), ..., RemoteEventProbeBundle()]

Events are sent through the application's own event manager and bundle, and are
received by its own bundle's loop, in threads and on queues that are the probe's.
Python 3.8 or later, and what the application has installed; nothing else.
"""
import copy
import importlib.metadata
import json
import logging
import os
import platform
import socket
import threading
import time
import uuid
from multiprocessing import cpu_count

import blinker
import inject
from applauncher.kernel import EventManager, Kernel, KernelReadyEvent, KernelShutdownEvent
from redis import Redis, RedisError
from remote_event_bundle import RemoteEvent, RemoteEventBundle

ANNOUNCED = 10  # seconds that the announcement lasts without being renewed
RENEWED = 2  # seconds after which it is renewed
KEPT = 60  # the lifetime of an unread report, in seconds
NUDGE = '{"data": {}, "signals": []}'  # a message that calls no listener

log = logging.getLogger("remote-event-probe")


def describe(error):
    return ("%s: %s" % (type(error).__name__, error)).rstrip(": ")[:1000]


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


class RemoteEventProbeBundle:
    def __init__(self):
        self.event_listeners = [(KernelReadyEvent, self.kernel_ready), (KernelShutdownEvent, self.kernel_shutdown)]
        self.stopped = threading.Event()
        self.thread = None
        self.sessions = {}
        self.announced = self.complained = None

    def kernel_ready(self, event):
        if self.thread is not None:  # a message may name the signal once more
            return
        kernel = inject.instance(Kernel)
        if not any(Redis in getattr(bundle, "injection_bindings", {}) for bundle in kernel.bundles):
            log.error("no bundle binds redis.Redis: the probe has no Redis to talk over, and does nothing")
            return
        # With the process and a random part: an application that was started anew is another one.
        self.id = "%s-%d-%s" % (socket.gethostname(), os.getpid(), uuid.uuid4().hex[:4])
        self.key = "compat:probe:" + self.id
        self.redis = inject.instance(Redis)
        self.bundle = next((b for b in kernel.bundles if isinstance(b, RemoteEventBundle)), None)
        self.thread = threading.Thread(target=self.serve, name="remote-event-probe", daemon=True)
        self.thread.start()
        log.warning("the probe %s is there: who can write to this Redis can drive this application", self.id)

    def kernel_shutdown(self, event):
        if hasattr(event, "_propagated"):  # a message may name the signal, too
            return
        self.stopped.set()
        if self.thread is not None:
            self.thread.join(10)  # it takes leave of Redis

    def consumer(self):
        """A second object of the class that consumes the application's queues, and its loop.
        It runs the application's code, but its end does not end the application's consumers."""
        own = self.bundle
        if own is not None and not hasattr(own, "redis_listener"):  # 0.x has it, later ones have a backend
            own = own.backend
            if not any(c.__name__ == "RedisBackend" for c in type(own).__mro__):
                raise ValueError("unsupported: the backend of its remote_event_bundle is %s, not Redis" % type(own).__name__)
        if own is None:
            raise ValueError("unsupported: it has no RemoteEventBundle in its bundle list")
        consumer = copy.copy(own)
        consumer.run = True
        return consumer, getattr(consumer, "redis_listener", None) or consumer.listener

    def serve(self):
        while not self.stopped.is_set():
            try:
                self.announce()
                found = self.redis.brpop(self.key + ":requests", timeout=1)
                held = self.redis.exists(self.key + ":held")
                if found and held:
                    self.handle(json.loads(found[1]))
                if not held:  # the harness has ended, in whatever way
                    for name in list(self.sessions):
                        self.sessions.pop(name).forget()
                self.complained = None
            except Exception as error:
                if self.complained != describe(error):
                    self.complained = describe(error)
                    log.warning("the probe cannot use Redis: %s", self.complained)
                self.stopped.wait(1)
        for session in self.sessions.values():
            session.end()
        try:
            self.redis.delete(self.key, self.key + ":requests")
        except RedisError:
            pass  # Redis is away: they expire

    def announce(self):
        if self.announced is None or time.monotonic() - self.announced > RENEWED:
            text = {"protocol": 1, "listens": self.listens()}
            try:
                self.consumer()
            except ValueError as error:
                text["unsupported"] = str(error)
            self.redis.set(self.key, json.dumps(text), ex=ANNOUNCED)
            self.announced = time.monotonic()

    def listens(self):
        """The signals that the application listens to, so that nothing is sent which it
        would hear. What the bundle does with an event that is remote already is nothing."""
        def foreign(receiver):
            return getattr(receiver, "__self__", None) is not self and getattr(receiver, "probe", None) is not self and \
                receiver != getattr(self.bundle, "propagate_remote_event", None)
        return sorted(name for name, signal in list(blinker.signal.__self__.items())
                      if isinstance(name, str) and any(foreign(r) for r in signal.receivers_for(blinker.ANY)))

    def handle(self, request):
        """Answers a request: the adapter protocol of compat/README.md, in sessions."""
        name, number, op = request["session"], request.get("id"), request["op"]
        session = self.sessions.get(name) or self.sessions.setdefault(name, Session(self, name))
        try:
            if op == "hello":
                details = {name: version(name) for name in ("applauncher", "redis", "blinker")}
                details.update(python=platform.python_version(), implementation=platform.python_implementation())
                session.report(op="hello", id=number, protocol=1, name="remote_event_bundle",
                               version=version("remote_event_bundle"), classes=["sender", "receiver"], details=details)
            elif op == "send":
                session.send(request)
                session.report(op="sent", id=number)
            elif op == "receive" and (request.get("hold") or request.get("reliable")):
                raise ValueError("unsupported: the application's own consumers receive")
            elif op == "receive":
                session.receive(request["queues"], request["signals"])
                session.report(op="ready", id=number)
            elif op == "stop":  # takes up to two seconds, in which other sessions are served
                self.sessions.pop(name)
                threading.Thread(target=session.stop, args=(number,), daemon=True).start()
            else:
                raise ValueError("unknown op %r" % (op,))
        except Exception as error:
            session.report(op="failed", id=number, error=describe(error))


class Session:
    """A sender or receiver that the harness plays with."""

    def __init__(self, probe, name):
        self.probe, self.reports = probe, "%s:reports:%s" % (probe.key, name)
        self.events = inject.instance(EventManager)
        self.consumer, self.ending = None, False
        self.queues, self.threads, self.listeners = [], [], []

    def report(self, **message):
        pipe = self.probe.redis.pipeline()
        pipe.lpush(self.reports, json.dumps(message))
        pipe.expire(self.reports, KEPT)
        pipe.execute()

    def send(self, request):
        if request.get("metadata"):
            raise ValueError("unsupported: the original sends no metadata")
        if "signals" in request:
            raise ValueError("unsupported: the original derives the signals from the event's class")
        if not isinstance(request["event_name"], str) or not isinstance(request["payload_text"], str):
            raise ValueError("unsupported: text that is not UTF-8")
        event_class = RemoteEvent
        for name in [*reversed(request["parents"]), request["event_name"]]:
            event_class = type("RemoteEventClass", (event_class,), {"event_name": name})
        event = event_class()
        event.__dict__ = json.loads(request["payload_text"])
        if "_propagated" in event.__dict__:
            raise ValueError("a payload with a member _propagated counts as sent already: the original skips it")
        self.events.dispatch(event)
        if getattr(event, "_propagated", None) is not True:
            raise ValueError("the bundle did not propagate the event: the application's output says why")

    def receive(self, queues, signals):
        if len(queues) > cpu_count() * 5:  # the kernel's pool: these threads are not from it
            raise ValueError("%d queues: the original serves no more than %d here (5 a CPU)" % (len(queues), cpu_count() * 5))
        self.consumer, loop = self.probe.consumer()
        self.queues = queues
        for name in signals:
            self.listen(name)
        self.threads = [threading.Thread(target=self.consume, args=(loop, queue), daemon=True) for queue in queues]
        for thread in self.threads:
            thread.start()

    def listen(self, name):
        def listener(event):
            self.heard(name, event)
        listener.probe = self.probe
        self.listeners.append((name, listener))  # blinker holds it weakly
        self.events.add_listener(name, listener)

    def consume(self, loop, queue):
        error = ""
        try:
            loop(queue)
        except BaseException as failure:
            error = describe(failure)
        if not self.ending:
            self.report(op="died", queue=queue, error=error)

    def heard(self, name, event):
        # The application's own events, and other sessions', call the same listeners.
        if threading.current_thread() not in self.threads or "_signals" not in vars(event):
            return
        signals = [s if isinstance(s, str) else json.dumps(s) for s in event._signals]
        payload = {k: v for k, v in vars(event).items() if k not in ("_signals", "_propagated")}
        event_name = next((s for s in event._signals if isinstance(s, str)), "")
        self.report(op="event", signal=name, event_name=event_name, signals=signals, payload_text=json.dumps(payload))

    def end(self):
        self.ending = True
        if self.consumer is not None:
            self.consumer.run = False
        # The original checks every two seconds, or after a message, whether to continue. A
        # list with messages keeps them.
        for queue, thread in zip(self.queues, self.threads):
            if thread.is_alive():
                self.quietly("LPUSH", queue, NUDGE)
        for thread in self.threads:
            thread.join(5)
        for queue in self.queues:
            self.quietly("LREM", queue, 0, NUDGE)
        for name, listener in self.listeners:
            blinker.signal(name).disconnect(listener)

    def quietly(self, *command):
        try:
            self.probe.redis.execute_command(*command)
        except RedisError:
            pass  # the queue is no list, or Redis is away

    def stop(self, number):
        self.end()
        self.report(op="stopped", id=number)

    def forget(self):
        """Ends a session whose harness has ended, and removes the keys that it left in Redis."""
        self.end()
        self.probe.redis.delete(self.reports, *self.queues)
