"""Converts events to messages and back."""
from __future__ import annotations

import json

from .errors import Malformed, Rejected
from .event import Event
from .judge import judge
from .limits import MAX_RECEIVED_BYTES
from .scan import Severity, is_string, scan


def encode(event: Event) -> bytes:
    """Returns the message of an event, which is safe, with the bytes of its payload. Raises
    Rejected (SEND-1, SEND-7)."""
    texts = [event.name, *event.signals, event.payload_text, *event.metadata, *event.metadata.values()]
    if not all(map(is_string, texts)):
        raise Rejected(event, ["JSON-1"])
    try:
        # Scan the payload alone, so that it cannot close the surrounding object.
        if scan(event.payload_text)[0] != "{":
            raise Malformed("WIRE-1")
    except Malformed as error:
        raise Rejected(event, error.requirements) from None
    text = '{"data": ' + event.payload_text + ', "signals": ' + json.dumps(event.signals)
    text += (', "metadata": ' + json.dumps(dict(event.metadata)) if event.metadata else "") + "}"
    message = text.encode("utf-8")
    judged = judge(message, event.name)
    if judged.verdict != "safe":
        raise Rejected(event, [name for name, severity in judged.findings.items() if severity > Severity.WARNING])
    return message


def decode(message: bytes) -> Event:
    """Returns the event of a message. Raises Malformed."""
    if len(message) > MAX_RECEIVED_BYTES:
        raise Malformed("LIMIT-3")
    judged = judge(message)
    if judged.event is None:
        raise Malformed(*[name for name, severity in judged.findings.items() if severity == Severity.MALFORMED])
    return judged.event
