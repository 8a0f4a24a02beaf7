"""The errors of the package. None of them quotes a payload or a password."""
from __future__ import annotations

from typing import TYPE_CHECKING, Iterable

if TYPE_CHECKING:
    from .event import Event


class RemoteEventError(Exception):
    """The base class of the errors of senders and receivers."""


class Malformed(RemoteEventError):
    """No receiver delivers the message. `requirements` are the violated ones."""

    def __init__(self, *requirements: str) -> None:
        super().__init__("malformed: " + ", ".join(requirements))
        self.requirements = requirements


class SendError(RemoteEventError):
    """An event was not sent, or may not have been sent. `event` is the event."""

    def __init__(self, event: Event, reason: str) -> None:
        super().__init__("send %r: %s" % (event.name, reason))
        self.event = event


class Rejected(SendError):
    """The event is not safe to send. Nothing was sent. `requirements` are the violated
    ones (SEND-1, SEND-2)."""

    def __init__(self, event: Event, requirements: Iterable[str]) -> None:
        self.requirements = tuple(sorted(requirements))
        super().__init__(event, "rejected: " + ", ".join(self.requirements))


class NotStored(SendError):
    """Redis is unreachable, or replied with an error. It does not have the event."""

    def __init__(self, event: Event, reason: str) -> None:
        super().__init__(event, "not stored: " + reason)


class OutcomeUnknown(SendError):
    """The connection was lost before the reply: Redis may have the event (SEND-6).
    `Sender.forward(error.event)` sends it again with the same id, possibly twice."""

    def __init__(self, event: Event, reason: str) -> None:
        super().__init__(event, "outcome unknown: " + reason)


class Permanent(Exception):
    """A listener raises it if no other attempt can succeed: a reliable receiver makes the
    message a dead letter at once (REL-23). Its text is not stored."""


class PayloadError(Permanent):
    """The payload has a value that Python cannot represent (TYPE-17), or is nested too
    deeply for its JSON parser. `Event.payload_text` has it."""
