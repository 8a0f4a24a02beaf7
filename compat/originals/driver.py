"""Runs an original remote_event_bundle, as published, as an adapter.

The protocol (newline-delimited JSON on stdin and stdout, Redis in REDIS_URL) is
described in compat/README.md. Nothing in the packages is changed: the driver
boots applauncher's own kernel with a configuration file that it writes, sends
through the real event manager and listens like any application.
"""

import contextlib
import importlib.metadata
import importlib.util
import inspect
import io
import itertools
import json
import multiprocessing
import os
import platform
import queue
import signal
import sys
import tempfile
import threading
import traceback
import types
from urllib.parse import parse_qs, unquote, urlsplit

# The kernel replaces sys.stdout by a logger, and the bundle prints: the protocol
# uses the real stdout alone. All other output to stdout goes to stderr.
OUT = os.fdopen(os.dup(1), "w", encoding="ascii", newline="\n")
os.dup2(2, 1)
OUT_LOCK = threading.Lock()

# Signals whose listeners raise, for tests: a JSON array.
FAILING = json.loads(os.environ.get("REMOTE_EVENT_FAILING_LISTENERS", "[]"))

# Further members of the section redis of the configuration, for tests: a JSON object of
# numbers and booleans.
SETTINGS = json.loads(os.environ.get("REMOTE_EVENT_REDIS_SETTINGS", "{}"))

VERSION = importlib.metadata.version("remote_event_bundle")
if VERSION == "0.1":
    # 0.1 imports itself by a path that its own wheel does not have: make that
    # path an alias of the package's directory.
    alias = types.ModuleType("remote_event_bundle.remote_event_bundle")
    alias.__path__ = list(importlib.util.find_spec("remote_event_bundle").submodule_search_locations)
    sys.modules[alias.__name__] = alias

import redis  # noqa: E402
from applauncher.kernel import Environments, EventManager, Kernel  # noqa: E402
from redis_bundle import RedisBundle  # noqa: E402
from remote_event_bundle import RemoteEvent, RemoteEventBundle  # noqa: E402


def emit(**message):
    line = json.dumps(message, allow_nan=False)  # ASCII, strict JSON, or an exception
    with OUT_LOCK:
        OUT.write(line + "\n")
        OUT.flush()


class Refusal(Exception):
    """A request that the driver refuses itself, in words that need no type."""


def describe(error):
    if isinstance(error, Refusal):
        return str(error)
    return ("%s: %s" % (type(error).__name__, error)).rstrip(": ")[:1000]


def quote(text):
    """A YAML string that holds any text and, after str.format, still does.

    Everything but ASCII letters and digits is escaped: no brace for str.format
    to find, no quote, no character that depends on the locale's encoding.
    """
    plain = lambda c: c.isascii() and c.isalnum()  # noqa: E731
    return '"%s"' % "".join(c if plain(c) else "\\U%08x" % ord(c) for c in text)


class DirectRedis:
    """A bundle that binds Redis for a user name, TLS or a unix socket:
    redis_bundle's configuration has no way to say those."""

    def __init__(self, url):
        options = {}
        if url.scheme == "unix":
            options["unix_socket_path"] = unquote(url.path)
            options["db"] = int(parse_qs(url.query).get("db", ["0"])[0])
        else:
            options.update(host=unquote(url.hostname or "localhost"), port=url.port or 6379)
            options.update(db=int(url.path.strip("/") or 0), ssl=url.scheme == "rediss")
        if url.username:
            if "username" not in inspect.signature(redis.Redis).parameters:
                raise Refusal("unsupported: redis-py %s knows no user names" % redis.__version__)
            options["username"] = unquote(url.username)
        if url.password:
            options["password"] = unquote(url.password)
        self.injection_bindings = {redis.Redis: redis.Redis(**options)}


class Services(list):
    """The kernel's list of services; reports the end of each, from release on."""

    def __init__(self, queues, futures):
        super().__init__()
        self.queues = queues
        self.lock = threading.Lock()
        self.held = []  # the reports before release, then None
        for future in futures:
            self.append(future)

    def append(self, future):
        # One service a queue, in order; a message that names
        # kernel.injector_ready makes the bundle start the whole set once more.
        queue = self.queues[len(self) % len(self.queues)]
        super().append(future)
        future.add_done_callback(lambda done: self.report(queue, done))

    def report(self, queue, done):
        error = done.exception()
        observation = {"op": "died", "queue": queue, "error": describe(error) if error else ""}
        with self.lock:
            if self.held is not None:
                self.held.append(observation)
                return
        emit(**observation)

    def release(self):
        with self.lock:
            held, self.held = self.held, None
        for observation in held:
            emit(**observation)


class Driver:
    def __init__(self):
        self.kernel = None
        self.op = None
        self.listeners = []  # blinker holds them weakly
        self.hold = False
        self.calls = itertools.count(1)
        self.held = {}  # the ends of held calls, by number

    def boot(self, queues):
        url = urlsplit(os.environ.get("REDIS_URL", "redis://localhost:6379/0"))
        remote = RemoteEventBundle()
        bundles = [RedisBundle(), remote]
        lines = ["redis:"]
        if url.scheme == "redis" and not url.username:
            lines += ["  host: " + quote(unquote(url.hostname or "localhost"))]
            lines += ["  port: %d" % (url.port or 6379), "  db: %d" % int(url.path.strip("/") or 0)]
            if url.password:
                lines += ["  password: " + quote(unquote(url.password))]
        else:
            lines += ['  host: "localhost"']
            bundles.insert(1, DirectRedis(url))
        lines += ["  %s: %s" % (name, json.dumps(value)) for name, value in SETTINGS.items()]
        lines += ["remote_event:"]
        if "backend" in remote.config_mapping["remote_event"]:  # 0.x does not know it
            lines += ['  backend: "redis"']
        lines += ["  events:" if queues else "  events: []"]
        lines += ["  - name: " + quote(queue) for queue in queues]
        with tempfile.TemporaryDirectory(prefix="remote-event-") as directory:
            config = os.path.join(directory, "config.yml")
            with open(config, "w", encoding="ascii") as file:
                file.write("\n".join(lines) + "\n")
            absent = os.path.join(directory, "parameters.yml")
            self.kernel = Kernel(Environments.PRODUCTION, bundles, config, absent)
        # The kernel's own handlers wait for its threads and then carry on.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def begin(self, op):
        if self.op and (self.op != op or op == "receive"):
            raise Refusal("this process is already used to %s" % self.op)
        self.op = op

    def hello(self, request):
        if request.get("protocol") != 1:
            raise Refusal("unsupported protocol: this adapter speaks version 1")
        versions = {name: importlib.metadata.version(name) for name in ("applauncher", "redis", "blinker")}
        python = {"python": platform.python_version(), "implementation": platform.python_implementation()}
        emit(op="hello", protocol=1, name="remote_event_bundle", version=VERSION,
             classes=["sender", "receiver"], details={**python, **versions})

    def send(self, request):
        self.begin("send")
        if request.get("metadata"):
            raise Refusal("unsupported: the original sends no metadata")
        if "signals" in request:
            raise Refusal("unsupported: the original derives the signals from the event's class")
        if not isinstance(request["event_name"], str) or not isinstance(request["payload_text"], str):
            raise Refusal("unsupported: text that is not UTF-8")
        event_class = RemoteEvent
        for name in [*reversed(request["parents"]), request["event_name"]]:
            event_class = type("RemoteEventClass", (event_class,), {"event_name": name})
        event = event_class()
        event.__dict__ = json.loads(request["payload_text"])
        if "_propagated" in event.__dict__:
            raise Refusal("a payload with a member _propagated counts as sent already: the original skips it")
        if self.kernel is None:
            self.boot([])
        # The bundle swallows exceptions and prints their tracebacks: the last
        # line of that is the reason.
        captured = io.StringIO()
        with contextlib.redirect_stderr(captured):
            self.kernel.event_manager.dispatch(event)
        sys.stderr.write(captured.getvalue())
        if getattr(event, "_propagated", None) is not True:
            reason = captured.getvalue().strip().splitlines()[-1:]
            raise Refusal(reason[0] if reason else "the bundle did not propagate the event")
        emit(op="sent", id=request["id"])

    def receive(self, request):
        if request.get("reliable"):
            raise Refusal("unsupported: the original delivers at most once")
        self.begin("receive")
        self.hold = request.get("hold", False)
        queues = request["queues"]
        threads = multiprocessing.cpu_count() * 5  # the kernel's pool
        if len(queues) > threads:
            raise Refusal("%d queues: the original serves no more than %d here (5 a CPU)" % (len(queues), threads))
        # Before the kernel boots, because its threads consume at once.
        for name in request["signals"]:
            self.listeners.append(lambda event, name=name: self.heard(name, event))
            EventManager().add_listener(name, self.listeners[-1])
        self.boot(queues)
        # Before ready, because a message after it may start more services.
        services = Services(queues, self.kernel.running_services)
        self.kernel.running_services = services
        emit(op="ready", id=request["id"])
        services.release()

    def end(self, request):
        self.held.pop(request["call"]).put(request)
        emit(op="returned", id=request["id"])

    def heard(self, name, event):
        if "_signals" not in vars(event):
            return  # the kernel's own, for a listener to "event": not from a queue
        # Elements that are no strings are named by their JSON.
        signals = [s if isinstance(s, str) else json.dumps(s) for s in event._signals]
        payload = {k: v for k, v in vars(event).items() if k not in ("_signals", "_propagated")}
        try:
            text = json.dumps(payload)
        except RecursionError:
            # What the original could just read, from a few frames higher up. An
            # exception here would end its thread and look like its own.
            limit = sys.getrecursionlimit()
            sys.setrecursionlimit(limit + 200)
            try:
                text = json.dumps(payload)
            finally:
                sys.setrecursionlimit(limit)
        # Its attribute event_name is from the class (remote_event) or from the payload.
        event_name = next((s for s in event._signals if isinstance(s, str)), "")
        observation = {"op": "event", "signal": name, "event_name": event_name, "signals": signals, "payload_text": text}
        if self.hold:
            call, returned = next(self.calls), queue.SimpleQueue()
            self.held[call] = returned
            emit(call=call, **observation)
            end = returned.get()
            if "error" in end:
                raise RuntimeError(end["error"])
            return
        emit(**observation)
        if name in FAILING:
            raise RuntimeError("this listener fails, as it was told")

    def serve(self):
        for line in sys.stdin.buffer:
            request = {}
            try:
                request = json.loads(line)
                op = request["op"]
                if op == "stop":
                    return
                do = {"hello": self.hello, "send": self.send, "receive": self.receive, "return": self.end}.get(op)
                if do is None:
                    raise Refusal("unknown op %r" % (op,))
                do(request)
            except (Exception, SystemExit) as error:  # the kernel exits on a bad configuration
                traceback.print_exc()
                emit(op="failed", id=request.get("id") if isinstance(request, dict) else None, error=describe(error))


if __name__ == "__main__":
    status = 1
    try:
        Driver().serve()
        status = 0
    except BaseException:
        traceback.print_exc()
    # Not kernel.shutdown, which waits for every BRPOP: nothing is lost that the
    # end of the process would not lose as well.
    sys.stderr.flush()
    os._exit(status)
