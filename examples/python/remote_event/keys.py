"""The companion keys of a queue (spec/reliable.md, section 2)."""
from __future__ import annotations

import binascii
from typing import List

KINDS = ["staging", "bodies", "claims", "retries", "suspects", "dead", "attempts", "reasons", "seen"]
SLOTS = 16384
PREFIX = b"remote-event:v1:"


def companion_keys(queue: bytes) -> List[bytes]:
    """Returns the nine companion keys of a queue, in the order of their kinds (REL-3).
    Raises ValueError for a name that is reserved (REL-2)."""
    if queue.startswith(PREFIX):
        raise ValueError("queue %r: names that begin with remote-event:v1: are reserved (REL-2)" % queue)
    return [PREFIX + b"{%s}:%s:%s" % (tag(queue), kind.encode(), queue) for kind in KINDS]


def tag(queue: bytes) -> bytes:
    """Returns the text in braces that gives the companion keys the hash slot of the queue
    (REL-4)."""
    if own_tag(queue):
        return own_tag(queue)
    if queue and b"}" not in queue:
        return queue
    numbers = (b"%d" % n for n in range(1 << 32))
    return next(number for number in numbers if slot(number) == slot(queue))


def own_tag(key: bytes) -> bytes:
    """Returns the text that Redis hashes in place of the key, or nothing."""
    _, opened, rest = key.partition(b"{")
    text, closed, _ = rest.partition(b"}")
    return text if opened and closed else b""


def slot(key: bytes) -> int:
    """Returns the hash slot of a key."""
    return binascii.crc_hqx(own_tag(key) or key, 0) % SLOTS
