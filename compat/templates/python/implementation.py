"""A small implementation of spec/wire.md, in whose place yours goes. It follows
the pseudocode of spec/implementing.md, reads messages without recursion and
passes payloads on as text."""
import collections
import datetime
import functools
import ipaddress
import json
import random
import re
import sys
import threading

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

MOST_SENT, MOST_RECEIVED = 1 << 20, 64 << 20  # bytes, LIMIT-2 and LIMIT-3
DEEP_SENT, DEEP_RECEIVED = 512, 10_000  # levels, LIMIT-1 and LIMIT-4
SAFE_INTEGER, MOST_DIGITS = (1 << 53) - 1, 4300  # JSON-8 and JSON-7
WARNING, TOLERATED, MALFORMED = range(3)  # what a finding means
VERDICTS = {WARNING: "safe", TOLERATED: "tolerated", MALFORMED: "malformed"}
RESERVED = {"_signals", "_propagated", "__func__", "im_func"}  # WIRE-5
BASE = ["remote_event", "event"]

TOKEN = re.compile(
    r"[ \t\n\r]*(?:(?P<mark>[{}\[\],:])"
    r'|(?P<string>"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")'
    r"|(?P<special>NaN|-?Infinity)"
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?P<float>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?))"
    r"|(?P<word>true|false|null))")
SURROGATE = re.compile("[\ud800-\udfff]")

Event = collections.namedtuple("Event", "signals payload attributes")
Judgement = collections.namedtuple("Judgement", "verdict legacy findings event")


class Malformed(ValueError):
    """No receiver delivers it. Its text names the requirement."""


class Rejected(ValueError):
    """No sender sends it. Its text names the requirements."""


def scan(text, find=lambda requirement, severity=TOLERATED: None):
    """Reads one JSON value by the grammar of JSON-2 and JSON-10. Returns what its
    raw text begins with and the (name, raw text) of its members or elements, and
    reports what a sender of it would violate."""
    children = []
    stack = []  # of the open objects and arrays: the names so far, or None
    expect, position, name, begin, first = "value", 0, None, 0, ""
    while True:
        token = TOKEN.match(text, position)
        if token is None:
            if expect == "end" and not text[position:].strip(" \t\n\r"):
                return first, children
            raise Malformed("JSON-2")
        position, kind = token.end(), token.lastgroup
        raw, start = token[kind], token.start(kind)
        if kind == "string" and "\\u" in raw and SURROGATE.search(json.loads(raw)):
            find("JSON-9")
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
                find("JSON-5")
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
                    find("LIMIT-1")
                continue
            if kind == "special":
                find("JSON-4")
            elif kind == "number":
                if not token["float"]:
                    digits = raw.lstrip("-")
                    if len(digits) > MOST_DIGITS:
                        find("JSON-7")
                    if len(digits) > 16 or int(digits) > SAFE_INTEGER:
                        find("JSON-8", WARNING)
                if abs(float(raw)) == float("inf"):
                    find("JSON-6")
        else:
            raise Malformed("JSON-2")
        if len(stack) == 1:  # a member or an element has ended
            children.append((name, text[begin:position]))
        expect = "comma" if stack else "end"


def judge(message, key=None):
    """Returns both verdicts of the message in a list, the severity of each finding,
    and the event unless the message is malformed. The key may be unknown."""
    findings = {}

    def find(requirement, severity=TOLERATED):
        findings[requirement] = max(severity, findings.get(requirement, severity))

    def malformed(requirement):
        find(requirement, MALFORMED)
        return Judgement("malformed", "dies", findings, None)

    if len(message) > MOST_RECEIVED:
        find("LIMIT-3", MALFORMED)
    elif len(message) > MOST_SENT:
        find("LIMIT-2")
    try:
        text = message.decode("utf-8")
    except UnicodeDecodeError:
        return malformed("JSON-1")
    if text.startswith("\ufeff"):
        return malformed("JSON-1")
    try:
        first, members = scan(text, find)
    except Malformed as error:
        return malformed(str(error))
    if first != "{":
        return malformed("JSON-3")
    members = dict(members)  # the last of a name counts
    data, signals, metadata = members.pop("data", ""), members.pop("signals", ""), members.pop("metadata", "")
    if members:
        find("WIRE-4")
    reserved = set()
    if data.startswith("{"):
        reserved = RESERVED.intersection(name for name, _ in scan(data)[1])
    else:
        find("WIRE-1", MALFORMED)
    if reserved:
        find("WIRE-5")
    elements = judge_signals(signals, key, find)
    attributes = judge_metadata(metadata, find)
    event = Event([e for e in elements or [] if is_string(e)], data, attributes)
    worst = max(findings.values(), default=WARNING)
    legacy = judge_legacy(findings, reserved, signals, elements, event, key)
    return Judgement(VERDICTS[worst], legacy, findings, event if worst < MALFORMED else None)


def is_string(value):
    return isinstance(value, str) and not SURROGATE.search(value)


def judge_signals(signals, key, find):
    """Returns the elements of an array: strings, and None for anything else."""
    if not signals.startswith("["):
        find("WIRE-2", MALFORMED)
        return None
    raws = [raw for _, raw in scan(signals)[1]]
    elements = [json.loads(raw) if raw[0] == '"' else None for raw in raws]
    strings = [e for e in elements if is_string(e)]
    if not strings:
        find("WIRE-2", MALFORMED)
    if any(raw[0] in "{[" for raw in raws):
        find("WIRE-3", MALFORMED)
    elif len(strings) < len(elements):
        find("WIRE-3")
    if strings and elements[0] != (strings[0] if key is None else key):
        find("SIG-1")
    if len(elements) < 3 or elements[-2:] != BASE:
        find("SIG-2")
    if len(set(strings)) < len(strings):
        find("SIG-3")
    if any(signal.startswith("kernel.") for signal in strings):
        find("SIG-4")
    return elements


def judge_metadata(metadata, find):
    """Returns the attributes."""
    attributes = {}
    if metadata and not metadata.startswith("{"):
        find("META-1")
    elif metadata:
        members = dict(scan(metadata)[1])
        if not members:
            find("META-4", WARNING)
        for name, raw in members.items():
            value = json.loads(raw) if raw[0] == '"' else None
            if not is_attribute(name):
                find("META-2")
            elif not is_string(value):
                find("META-3")
            else:
                attributes[name] = value
                if not has_form(name, value):
                    find("META-5")
    return attributes


def judge_legacy(findings, reserved, signals, elements, event, key):
    """Predicts what an original receiver does with a message (VERDICT-3)."""
    if {"JSON-7", "LIMIT-1", "WIRE-1"} & findings.keys() or reserved & {"__func__", "im_func"}:
        return "dies"
    if signals.startswith("["):
        if findings.get("WIRE-3") == MALFORMED:
            return "dies"
        heard = event.signals
    elif signals.startswith("{"):
        heard = [name for name, _ in scan(signals)[1]]
    elif signals.startswith('"'):
        heard = list(json.loads(signals))
    else:
        return "dies"
    if {"kernel.kernel_shutdown", "kernel.configuration_ready"}.intersection(heard):
        return "dies"
    return "delivers" if key in heard or key is None and heard else "drops"


URI_TEXT, USER, PATH, QUERY = (
    r"(?:[A-Za-z0-9._~!$&'()*+,;=" + more + r"-]|%[0-9A-Fa-f]{2})*" for more in ("", ":", ":@/", ":@/?"))
URI = re.compile(  # RFC 3986; the first segment of a relative path has no colon
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):|(?![^/?#]*:))"
    r"(?://(?:" + USER + r"@)?(?:\[(?P<address>[^\[\]]*)\]|" + URI_TEXT + r")(?::[0-9]*)?(?=[/?#]|\Z)|(?!//))"
    + PATH + r"(?:\?" + QUERY + r")?(?:#" + QUERY + ")?")
FORMS = {
    "id": r"[\s\S]+",
    "time": r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    "traceparent": r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\s\S]*)?",
}


def is_attribute(name):
    """Whether META-2 permits the name."""
    return bool(re.fullmatch("[a-z0-9]+", name)) and name != "signals"


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


def encode(event_name, parents, payload_text, metadata, signals=None):
    """Returns a message that is safe, or raises Rejected. A forwarded event has signals,
    and others have parents."""
    signals = signals or [event_name, *parents, *BASE]
    if not all(is_string(text) for text in [payload_text, *signals, *metadata, *metadata.values()]):
        raise Rejected("JSON-1")
    try:
        if scan(payload_text)[0] != "{":  # alone: it may not end the object that it stands in
            raise Rejected("WIRE-1")
    except Malformed as error:
        raise Rejected(str(error)) from None
    text = '{"data": ' + payload_text + ', "signals": ' + json.dumps(signals)
    text += (', "metadata": ' + json.dumps(metadata) if metadata else "") + "}"
    message = text.encode("utf-8")
    judged = judge(message, event_name)
    if judged.verdict != "safe":
        raise Rejected(", ".join(sorted(id for id, severity in judged.findings.items() if severity > WARNING)))
    return message


@functools.lru_cache()
def connect(url):
    """A client that repeats nothing by itself, for SEND-5."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=5, socket_timeout=10)


def send(url, event_name, parents, payload_text, metadata, signals=None):
    """Sends an event with these attributes and no others, or raises: Rejected and
    redis.ResponseError mean that it is not stored, and redis.TimeoutError and
    redis.ConnectionError that its outcome is unknown."""
    message = encode(event_name, parents, payload_text, metadata, signals)
    connect(url).lpush(event_name.encode("utf-8"), message)


def decode(message):
    """Returns the event of a message that is not malformed."""
    if len(message) > MOST_RECEIVED:
        raise Malformed("LIMIT-3")
    judged = judge(message)
    if judged.event is None:
        raise Malformed(", ".join(id for id, severity in judged.findings.items() if severity == MALFORMED))
    return judged.event


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
        client, errors = connect(self.url), 0
        while not self.stopped.is_set():
            try:
                taken = client.brpop([queue.encode("utf-8")], timeout=1)
                errors = 0
            except redis.RedisError as error:
                errors = self.pause(queue, error, errors)
                continue
            if taken:
                self.deliver(queue, taken[1])

    def pause(self, queue, error, errors):
        """Waits after an error of Redis, longer after each, and returns their number.
        After an error such as READONLY, another connection may reach another server."""
        print("queue %r: %s" % (queue, error), file=sys.stderr)
        connect(self.url).connection_pool.disconnect(inuse_connections=False)
        self.stopped.wait(0.025 + random.uniform(0, min(0.05 * 2 ** min(errors, 10), 5)))
        return errors + 1

    def deliver(self, queue, message):
        """Returns the requirements that make a message malformed, and the failures of
        its listeners."""
        try:
            event = decode(message)
        except Malformed as error:
            print("queue %r: malformed message of %d bytes: %s" % (queue, len(message), error), file=sys.stderr)
            return str(error), []
        failures = []
        for signal in dict.fromkeys(event.signals):
            for _ in range(0 if signal.startswith("kernel.") else self.listeners.count(signal)):
                try:
                    self.heard(signal, event.signals[0], *event)
                except Exception as error:  # its text may quote the payload
                    failures.append(error)
                    print("queue %r: a listener failed: %s" % (queue, type(error).__name__), file=sys.stderr)
        return None, failures
