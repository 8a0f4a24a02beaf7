"""Remote events, as senders send them and listeners get them."""
from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Dict, Mapping, Tuple

from . import values


@dataclass(frozen=True)
class Event:
    """A remote event.

    `payload_text` is a JSON object, byte for byte as it was sent. `payload` is the same as
    Python values. `metadata` are the attributes. A reliable receiver sets the last two
    members: `attempt` counts from 1, and `lease_lost` is set if another receiver may
    handle the same message (REL-17).
    """

    name: str
    signals: Tuple[str, ...]
    payload_text: str = field(repr=False)
    metadata: Mapping[str, str] = field(default_factory=dict)
    attempt: int = field(default=1, compare=False)
    lease_lost: threading.Event = field(default_factory=threading.Event, compare=False, repr=False)

    @cached_property
    def payload(self) -> Dict[str, Any]:
        """The payload as Python values. Raises PayloadError if Python has no such value."""
        value: Dict[str, Any] = values.decode(self.payload_text)
        return value
