"""Calls the scripts of spec/lua (spec/reliable.md, section 4)."""
from __future__ import annotations

import hashlib
import pathlib
from dataclasses import dataclass
from typing import Any, List, Sequence, Union

import redis

from .connection import Connection

Argument = Union[bytes, str, int]


class Script:
    """A script, by its digest if Redis has it (REL-10)."""

    def __init__(self, name: str) -> None:
        self._text = (pathlib.Path(__file__).parent / "lua" / (name + ".lua")).read_bytes()
        self._digest = hashlib.sha1(self._text).hexdigest()

    def call(self, connection: Connection, keys: Sequence[bytes], arguments: Sequence[Argument]) -> Any:
        """Returns the reply. `keys` are the queue and its companion keys (REL-8)."""
        try:
            return connection.call("EVALSHA", self._digest, len(keys), *keys, *arguments)
        except redis.exceptions.NoScriptError:
            return connection.call("EVAL", self._text, len(keys), *keys, *arguments)


EXCHANGE, EXTEND, RELEASE = Script("exchange"), Script("extend"), Script("release")


@dataclass
class Failed:
    """A claimed message that was delivered before."""

    claim: bytes
    attempt: int
    body: bytes


class Reply:
    """The reply of `exchange`; all times are in milliseconds."""

    def __init__(self, reply: List[Any]) -> None:
        padded: List[Any] = [*reply, [], [], [], []]  # empty arrays are left out at the end
        wait, claim, fresh, failed, died, lost_acks, lost_nacks = padded[:7]
        self.wait: int = wait  # until something is due, or -1
        self.claim: bytes = claim  # of the fresh messages
        self.fresh: List[bytes] = fresh
        self.failed = [
            Failed(claim, deliveries - pardoned, body)
            for claim, deliveries, pardoned, _, body in zip(*[iter(failed)] * 5)
        ]
        self.died: List[bytes] = died[::2]  # ids, without their reasons
        self.lost = len(lost_acks) + len(lost_nacks)  # reports
