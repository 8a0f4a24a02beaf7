"""Converts Python values to JSON text and back. No value changes silently."""
from __future__ import annotations

import json
import math
from typing import Any, Iterator

from .errors import Malformed, PayloadError
from .limits import MAX_SENT_LEVELS


def encode(value: object) -> str:
    """Returns dicts with strings as keys, lists, tuples, strings, numbers, booleans and
    None as JSON text. Raises Malformed for a value that no sender sends, and TypeError for
    a value of another type."""
    return "".join(_parts(value, 1))


def _parts(value: object, level: int) -> Iterator[str]:
    if isinstance(value, (dict, list, tuple)) and level >= MAX_SENT_LEVELS:
        raise Malformed("LIMIT-1")  # the message is a level, too
    if value is None or isinstance(value, (bool, str)):
        yield json.dumps(value, ensure_ascii=False)
    elif isinstance(value, int):
        try:
            yield int.__repr__(value)
        except ValueError:  # more than 4,300 digits
            raise Malformed("JSON-7") from None
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise Malformed("JSON-4")
        yield float.__repr__(value)
    elif isinstance(value, dict):
        yield "{"
        for n, (name, member) in enumerate(value.items()):
            if not isinstance(name, str):
                raise TypeError("a member's name is %s, and must be str" % type(name).__name__)
            yield (", " if n else "") + json.dumps(name, ensure_ascii=False) + ": "
            yield from _parts(member, level + 1)
        yield "}"
    elif isinstance(value, (list, tuple)):
        yield "["
        for n, element in enumerate(value):
            yield ", " if n else ""
            yield from _parts(element, level + 1)
        yield "]"
    else:
        raise TypeError("%s has no form in JSON" % type(value).__name__)


def decode(text: str) -> Any:
    """Returns JSON text of a message as Python values."""
    try:
        return json.loads(text, parse_float=_float)
    except (ValueError, RecursionError):  # also an integer of more than 4,300 digits
        raise PayloadError("the payload has no form in Python") from None


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError
    return value
