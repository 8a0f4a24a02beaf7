"""The two verdicts on a message: the pseudocode of spec/implementing.md, section 1."""
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Set, Union

from .attributes import has_form, is_attribute
from .errors import Malformed
from .event import Event
from .limits import MAX_RECEIVED_BYTES, MAX_SENT_BYTES
from .scan import Find, Severity, is_string, scan

VERDICTS = {Severity.WARNING: "safe", Severity.TOLERATED: "tolerated", Severity.MALFORMED: "malformed"}
RESERVED = {"_signals", "_propagated", "__func__", "im_func"}  # WIRE-5
BASE_SIGNALS = ["remote_event", "event"]


@dataclass(frozen=True)
class Judgement:
    """The result of `judge`.

    `verdict` is "safe", "tolerated" or "malformed". `legacy` predicts an original receiver:
    "delivers", "drops" or "dies". `findings` are the violated requirements; for a malformed
    message, at least those that make it malformed. `event` is None if it is malformed.
    """

    verdict: str
    legacy: str
    findings: Dict[str, Severity]
    event: Optional[Event]


def judge(message: bytes, key: Union[str, bytes, None] = None) -> Judgement:
    """Returns both verdicts on a message in the list `key` (VERDICT-1 to VERDICT-3). If the
    key is not known, the name of the event counts as the key. It never raises."""
    if isinstance(key, bytes):
        key = key.decode("utf-8", "surrogateescape")  # no event name has a surrogate
    findings: Dict[str, Severity] = {}

    def find(requirement: str, severity: Severity) -> None:
        findings[requirement] = max(severity, findings.get(requirement, severity))

    if len(message) > MAX_RECEIVED_BYTES:
        find("LIMIT-3", Severity.MALFORMED)
    elif len(message) > MAX_SENT_BYTES:
        find("LIMIT-2", Severity.TOLERATED)
    try:
        text = message.decode("utf-8")
        if text.startswith("\ufeff"):
            raise Malformed("JSON-1")
        first, children = scan(text, find)
        if first != "{":
            raise Malformed("JSON-3")
    except (UnicodeDecodeError, Malformed) as error:
        find(error.requirements[0] if isinstance(error, Malformed) else "JSON-1", Severity.MALFORMED)
        return Judgement("malformed", "dies", findings, None)
    members = dict(children)  # the last member of a name counts
    data, signals, metadata = members.pop("data", ""), members.pop("signals", ""), members.pop("metadata", "")
    if members:
        find("WIRE-4", Severity.TOLERATED)
    payload = {name for name, _ in scan(data)[1]} if data.startswith("{") else set()
    reserved = RESERVED & payload
    if not data.startswith("{"):
        find("WIRE-1", Severity.MALFORMED)
    elif reserved:
        find("WIRE-5", Severity.TOLERATED)
    elements = judge_signals(signals, key, find)
    strings = [element for element in elements if element is not None]
    attributes = judge_metadata(metadata, find)
    worst = max(findings.values(), default=Severity.WARNING)
    event = Event(strings[0], tuple(strings), data, attributes) if worst < Severity.MALFORMED else None
    legacy = judge_legacy(set(findings), reserved, signals, strings, key)
    return Judgement(VERDICTS[worst], legacy, findings, event)


def judge_signals(signals: str, key: Optional[str], find: Find) -> List[Optional[str]]:
    """Returns the elements of an array: strings, and None for anything else."""
    if not signals.startswith("["):
        find("WIRE-2", Severity.MALFORMED)
        return []
    raws = [raw for _, raw in scan(signals)[1]]
    decoded = [json.loads(raw) if raw[0] == '"' else None for raw in raws]
    elements = [element if is_string(element) else None for element in decoded]
    strings = [element for element in elements if element is not None]
    if any(raw[0] in "{[" for raw in raws):
        find("WIRE-3", Severity.MALFORMED)
    elif len(strings) < len(elements):
        find("WIRE-3", Severity.TOLERATED)
    if not strings:
        find("WIRE-2", Severity.MALFORMED)
        return elements
    if elements[0] != (strings[0] if key is None else key):
        find("SIG-1", Severity.TOLERATED)
    if len(elements) < 3 or elements[-2:] != BASE_SIGNALS:
        find("SIG-2", Severity.TOLERATED)
    if len(set(strings)) < len(strings):
        find("SIG-3", Severity.TOLERATED)
    if any(signal.startswith("kernel.") for signal in strings):
        find("SIG-4", Severity.TOLERATED)
    return elements


def judge_metadata(metadata: str, find: Find) -> Dict[str, str]:
    """Returns the attributes."""
    attributes: Dict[str, str] = {}
    if not metadata:
        return attributes
    if not metadata.startswith("{"):
        find("META-1", Severity.TOLERATED)
        return attributes
    members = dict(scan(metadata)[1])
    if not members:
        find("META-4", Severity.WARNING)
    for name, raw in members.items():
        value: Any = json.loads(raw) if raw[0] == '"' else None
        if name is None or not is_attribute(name):
            find("META-2", Severity.TOLERATED)
        elif not is_string(value):
            find("META-3", Severity.TOLERATED)
        else:
            attributes[name] = value
            if not has_form(name, value):
                find("META-5", Severity.TOLERATED)
    return attributes


def judge_legacy(found: Set[str], reserved: Set[str], signals: str, strings: List[str], key: Optional[str]) -> str:
    """Predicts what an original receiver does with a message (VERDICT-3)."""
    if {"JSON-7", "LIMIT-1", "WIRE-1"} & found or {"__func__", "im_func"} & reserved:
        return "dies"
    heard: List[Optional[str]]
    if signals.startswith("["):
        if any(raw[0] in "{[" for _, raw in scan(signals)[1]):
            return "dies"
        heard = list(strings)
    elif signals.startswith("{"):
        heard = [name for name, _ in scan(signals)[1]]
    elif signals.startswith('"'):
        heard = list(json.loads(signals))
    else:
        return "dies"
    if "kernel.kernel_shutdown" in heard or "kernel.configuration_ready" in heard:
        return "dies"
    return "delivers" if key in heard or (key is None and heard) else "drops"
