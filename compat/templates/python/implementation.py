"""A small implementation of spec/wire.md, in whose place yours goes. It reads
messages without recursion and passes payloads on as text."""
import datetime
import functools
import ipaddress
import json
import re
import sys
import threading

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

MOST_SENT, MOST_RECEIVED = 1 << 20, 64 << 20  # bytes, LIMIT-2 and LIMIT-3
DEEP_SENT, DEEP_RECEIVED = 512, 10_000  # levels, LIMIT-1 and LIMIT-4

TOKEN = re.compile(
    r"[ \t\n\r]*(?:(?P<mark>[{}\[\],:])"
    r'|(?P<string>"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")'
    r"|(?P<special>NaN|-?Infinity)"
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?P<float>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?))"
    r"|(?P<word>true|false|null))")
SURROGATE = re.compile("[\ud800-\udfff]")


class Malformed(ValueError):
    """No receiver delivers it. Its text names the requirement."""


class Refused(ValueError):
    """No sender sends it. Its text names the requirements."""


def scan(text):
    """Reads one JSON value by the grammar of JSON-2 and JSON-10. Returns what its
    raw text begins with, the (name, raw text) of its members or elements, and
    the requirements that a sender of it would violate."""
    children, faults = [], set()
    stack = []  # of the open objects and arrays: the names so far, or None
    expect, position, name, begin, first = "value", 0, None, 0, ""
    while True:
        token = TOKEN.match(text, position)
        if token is None:
            if expect == "end" and not text[position:].strip(" \t\n\r"):
                return first, children, faults
            raise Malformed("JSON-2")
        position, kind = token.end(), token.lastgroup
        raw, start = token[kind], token.start(kind)
        if kind == "string" and "\\u" in raw and SURROGATE.search(json.loads(raw)):
            faults.add("JSON-9")
        if raw in ("}", "]") and kind == "mark":
            if not stack or (stack[-1] is None) != (raw == "]") or expect not in ("comma", "name or end", "value or end"):
                raise Malformed("JSON-2")
            stack.pop()
        elif expect == "colon" and raw == ":":
            expect = "value"
            continue
        elif expect == "comma" and raw == ",":
            expect = "value" if stack[-1] is None else "name"
            continue
        elif expect in ("name", "name or end") and kind == "string":
            if len(stack) == 1:
                name = json.loads(raw)
            decoded = json.loads(raw) if "\\" in raw else raw[1:-1]
            if decoded in stack[-1]:
                faults.add("JSON-5")
            stack[-1].add(decoded)
            expect = "colon"
            continue
        elif expect in ("value", "value or end") and (kind != "mark" or raw in "{["):
            first = first or raw[0]
            if len(stack) == 1:
                begin = start
            if kind == "mark":
                stack.append(set() if raw == "{" else None)
                expect = "name or end" if raw == "{" else "value or end"
                if len(stack) > DEEP_RECEIVED:
                    raise Malformed("LIMIT-4")
                if len(stack) > DEEP_SENT:
                    faults.add("LIMIT-1")
                continue
            if kind == "special":
                faults.add("JSON-4")
            elif kind == "number":
                if not token["float"] and len(raw.lstrip("-")) > 4300:
                    faults.add("JSON-7")
                if abs(float(raw)) == float("inf"):
                    faults.add("JSON-6")
        else:
            raise Malformed("JSON-2")
        if len(stack) == 1:  # a member or an element has ended
            children.append((name, text[begin:position]))
        expect = "comma" if stack else "end"


def decode(message):
    """Returns the signals, the payload's text and the attributes of a message,
    and the requirements that a sender of it would violate."""
    if len(message) > MOST_RECEIVED:
        raise Malformed("LIMIT-3")
    try:
        text = message.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("JSON-1") from None
    if text.startswith("\ufeff"):
        raise Malformed("JSON-1")
    first, members, faults = scan(text)
    if first != "{":
        raise Malformed("JSON-3")
    members = dict(members)  # the last of a name counts
    data, signals, metadata = members.get("data", ""), members.get("signals", ""), members.get("metadata", "{}")
    if not data.startswith("{"):
        raise Malformed("WIRE-1")
    if not signals.startswith("["):
        raise Malformed("WIRE-2")
    signals = [raw for _, raw in scan(signals)[1]]
    if any(raw[0] in "{[" for raw in signals):
        raise Malformed("WIRE-3")
    signals = [json.loads(raw) for raw in signals if raw[0] == '"']
    signals = [signal for signal in signals if not SURROGATE.search(signal)]
    if not signals:
        raise Malformed("WIRE-2")
    attributes = {}
    if metadata.startswith("{"):
        for name, raw in dict(scan(metadata)[1]).items():
            value = json.loads(raw) if raw[0] == '"' else None
            if value is not None and not SURROGATE.search(value) and re.fullmatch("[a-z0-9]+", name) and name != "signals":
                attributes[name] = value
    return signals, data, attributes, faults


def encode(event_name, parents, payload_text, metadata):
    """Returns a message that is safe, or raises Refused."""
    signals = [event_name, *parents, "remote_event", "event"]
    text = '{"data": ' + payload_text + ', "signals": ' + json.dumps(signals)
    text += (', "metadata": ' + json.dumps(metadata) if metadata else "") + "}"
    try:
        first, members, _ = scan(payload_text)  # by itself: it may not end the object that it stands in
        message = text.encode("utf-8")
        faults = decode(message)[3]
    except UnicodeEncodeError:
        raise Refused("JSON-1") from None
    except Malformed as error:
        raise Refused(str(error)) from None
    for fault, found in {
        "JSON-1": any(SURROGATE.search(signal) for signal in signals),
        "WIRE-1": first != "{",
        "WIRE-5": {"_signals", "_propagated", "__func__", "im_func"} & {name for name, _ in members},
        "SIG-3": len(set(signals)) < len(signals),
        "SIG-4": any(signal.startswith("kernel.") for signal in signals),
        "META-2": not all(re.fullmatch("[a-z0-9]+", name) and name != "signals" for name in metadata or {}),
        "META-5": not all(has_form(*attribute) for attribute in (metadata or {}).items()),
        "LIMIT-2": len(message) > MOST_SENT,
    }.items():
        if found:
            faults.add(fault)
    if faults:
        raise Refused(", ".join(sorted(faults)))
    return message


PART, USER, PATH, QUERY = (
    r"(?:[A-Za-z0-9._~!$&'()*+,;=" + more + r"-]|%[0-9A-Fa-f]{2})*" for more in ("", ":", ":@/", ":@/?"))
URI = re.compile(  # RFC 3986; the first segment of a relative path has no colon
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):|(?![^/?#]*:))"
    r"(?://(?:" + USER + r"@)?(?:\[(?P<address>[^\[\]]*)\]|" + PART + r")(?::[0-9]*)?(?=[/?#]|\Z)|(?!//))"
    + PATH + r"(?:\?" + QUERY + r")?(?:#" + QUERY + ")?")
FORMS = {
    "id": r"[\s\S]+",
    "time": r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    "traceparent": r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\s\S]*)?",
}


def has_form(name, value):
    """Whether an attribute has the form that META-5 gives it."""
    if name in ("source", "dataschema"):
        return is_uri(value, name == "dataschema")
    if not re.fullmatch(FORMS.get(name, r"[\s\S]*"), value, re.ASCII):
        return False
    if name == "traceparent" and value.startswith("00"):
        return len(value) == 55  # more comes with later versions only
    if name == "time":
        try:
            datetime.date(2000 + int(value[:4]) % 400, int(value[5:7]), int(value[8:10]))  # Python has no year 0
        except ValueError:
            return False
    return True


def is_uri(value, absolute):
    """Whether a text is a URI, or a reference that is not empty."""
    found = URI.fullmatch(value)
    if not value or not found or absolute and not found["scheme"]:
        return False
    address = found["address"]
    if address is None or re.fullmatch(r"[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+", address):
        return True
    try:
        return bool(re.fullmatch("[0-9A-Fa-f:.]+", address) and ipaddress.IPv6Address(address))
    except ValueError:
        return False


@functools.lru_cache()
def connect(url):
    """A client that repeats nothing by itself, for SEND-5."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=5, socket_timeout=10)


def send(url, event_name, parents, payload_text, metadata):
    """Sends an event with these attributes and no others, or raises."""
    message = encode(event_name, parents, payload_text, metadata)
    connect(url).lpush(event_name.encode("utf-8"), message)


class Receiver:
    """Consumes queues, a thread for each, and calls heard for every call of a
    listener. A signal has a listener for each time that it is named."""

    def __init__(self, url, queues, signals, heard):
        self.url, self.listeners, self.heard = url, signals, heard
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.consume, args=(queue,)) for queue in dict.fromkeys(queues)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopped.set()
        for thread in self.threads:
            thread.join()  # what was taken is handled first

    def consume(self, queue):
        client, pause = connect(self.url), 0.05
        while not self.stopped.is_set():
            try:
                taken = client.brpop([queue.encode("utf-8")], timeout=1)
                pause = 0.05
            except redis.RedisError as error:
                print("queue %r: %s" % (queue, error), file=sys.stderr)
                self.stopped.wait(pause)
                pause = min(2 * pause, 5)
                continue
            if taken:
                self.deliver(queue, taken[1])

    def deliver(self, queue, message):
        try:
            signals, payload_text, metadata, _ = decode(message)
        except Malformed as error:
            print("queue %r: malformed message of %d bytes: %s" % (queue, len(message), error), file=sys.stderr)
            return
        for signal in dict.fromkeys(signals):
            for _ in range(0 if signal.startswith("kernel.") else self.listeners.count(signal)):
                try:
                    self.heard(signal, signals, payload_text, metadata)
                except Exception as error:
                    print("queue %r: a listener failed: %s" % (queue, type(error).__name__), file=sys.stderr)
