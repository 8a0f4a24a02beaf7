"""Remote events through Redis lists: a small implementation of spec/wire.md and
spec/reliable.md, without applauncher."""
from .chain import EventType
from .errors import (
    Malformed, NotStored, OutcomeUnknown, PayloadError, Permanent, Rejected, RemoteEventError, SendError,
)
from .event import Event
from .judge import Judgement, judge
from .keys import companion_keys
from .message import decode, encode
from .receiver import Listener, Listeners, Receiver
from .reliable import ReliableReceiver
from .scan import Severity
from .sender import Sender

__all__ = [
    "Event", "EventType", "Judgement", "Listener", "Listeners", "Malformed", "NotStored", "OutcomeUnknown",
    "PayloadError", "Permanent", "Receiver", "Rejected", "ReliableReceiver", "RemoteEventError", "SendError", "Sender",
    "Severity", "companion_keys", "decode", "encode", "judge",
]
