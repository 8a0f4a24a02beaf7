"""The sender: the pseudocode of spec/implementing.md, section 2."""
from __future__ import annotations

import datetime
import secrets
import threading
import time
import uuid
from typing import Dict, Mapping, Optional, Sequence, Union

import redis

from . import values
from .chain import EventType
from .connection import Connection, Source, Unreachable, describe
from .errors import Malformed, NotStored, OutcomeUnknown, Rejected
from .event import Event
from .judge import BASE_SIGNALS
from .message import encode


class Sender:
    """Sends events over one connection. Several threads can use it.

    `redis` is a URL, or a client whose address and credentials are used. `source` is the
    attribute of each event. A sender that is `plain` adds no attributes (SEND-4).
    """

    def __init__(self, redis: Source, *, source: Optional[str] = None, plain: bool = False) -> None:
        self._connection = Connection(redis)
        self._lock = threading.Lock()
        self._source, self._plain = source, plain

    def send(
        self, event: Union[str, EventType], payload: Union[str, Mapping[str, object]], *,
        parents: Sequence[str] = (), metadata: Optional[Mapping[str, str]] = None,
    ) -> Event:
        """Sends an event, and returns it with the attributes that were added.

        The payload is a dict, or the text of a JSON object, whose bytes are kept. `parents`
        are the names of the ancestors, nearest first. They are ignored for an EventType.

        Raises Rejected before anything is sent, NotStored, or OutcomeUnknown if Redis may
        have stored the event. `send` never repeats the push (SEND-5).
        """
        name, ancestors = (event.name, event.ancestors) if isinstance(event, EventType) else (event, parents)
        signals = (name, *ancestors, *BASE_SIGNALS)
        attributes = {**(metadata or {})} if self._plain else {**self._attributes(), **(metadata or {})}
        try:
            text = payload if isinstance(payload, str) else values.encode(dict(payload))
        except Malformed as error:
            raise Rejected(Event(name, signals, "", attributes), error.requirements) from None
        return self.forward(Event(name, signals, text, attributes))

    def forward(self, event: Event) -> Event:
        """Sends a received event, or the event of an OutcomeUnknown, without changes."""
        message = encode(event)
        try:
            with self._lock:
                self._connection.call("LPUSH", event.name.encode("utf-8"), message)
        except (Unreachable, redis.ResponseError) as error:
            raise NotStored(event, describe(error)) from None
        except (redis.RedisError, OSError) as error:
            raise OutcomeUnknown(event, describe(error)) from None
        return event

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _attributes(self) -> Dict[str, str]:
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        source = {} if self._source is None else {"source": self._source}
        return {"id": str(uuid7()), **source, "time": now.replace("+00:00", "Z")}


def uuid7() -> uuid.UUID:
    """Returns a new UUIDv7 (RFC 9562)."""
    milliseconds = time.time_ns() // 1_000_000
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62))
