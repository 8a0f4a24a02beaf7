"""Declarations of events, which determine their signal chains."""
from __future__ import annotations

from typing import Tuple

from .judge import BASE_SIGNALS


class EventType:
    """The declaration of an event: its name, and its parents, which are declarations, too.

    Raises ValueError for a reserved name (CHAIN-4, SIG-4) or the name of an ancestor (CHAIN-3).
    """

    def __init__(self, name: str, *parents: EventType) -> None:
        if name in BASE_SIGNALS or name.startswith("kernel."):
            raise ValueError("event type %r: the name is reserved (CHAIN-4, SIG-4)" % name)
        self.name = name
        self.parents = parents
        if name in self.ancestors:
            raise ValueError("event type %r: an ancestor has the same name (CHAIN-3)" % name)

    @property
    def ancestors(self) -> Tuple[str, ...]:
        """The names of the ancestors, nearest first, without duplicates (CHAIN-1,
        CHAIN-2)."""
        names = (name for parent in self.parents for name in (parent.name, *parent.ancestors))
        return tuple(dict.fromkeys(names))

    @property
    def signals(self) -> Tuple[str, ...]:
        """The signal chain."""
        return (self.name, *self.ancestors, *BASE_SIGNALS)
