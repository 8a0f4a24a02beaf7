"""Reads JSON text without recursion, and keeps the text of its values."""
from __future__ import annotations

import enum
import json
import re
from typing import Callable, List, Optional, Set, Tuple

from .errors import Malformed
from .limits import MAX_DIGITS, MAX_RECEIVED_LEVELS, MAX_SAFE_INTEGER, MAX_SENT_LEVELS


class Severity(enum.IntEnum):
    """The effect of a finding: the message stays safe, is tolerated, or is malformed."""

    WARNING = 0
    TOLERATED = 1
    MALFORMED = 2


Find = Callable[[str, Severity], None]
Children = List[Tuple[Optional[str], str]]

TOKEN = re.compile(
    r"[ \t\n\r]*(?:(?P<mark>[{}\[\],:])"
    r'|(?P<string>"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*")'
    r"|(?P<special>NaN|-?Infinity)"
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?P<float>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?))"
    r"|(?P<word>true|false|null))"
)
SURROGATE = re.compile("[\ud800-\udfff]")


def is_string(value: object) -> bool:
    """Whether a value is a string of Unicode scalar values."""
    return isinstance(value, str) and not SURROGATE.search(value)


def ignore(requirement: str, severity: Severity) -> None:
    """A Find that ignores findings."""


def scan(text: str, find: Find = ignore) -> Tuple[str, Children]:
    """Reads one JSON value by the grammar of JSON-2 and JSON-10.

    Returns the first character of the value, and the (name, text) of its members or
    elements, whose names are None. Calls `find` for each requirement of section 4 that a
    sender of the text would violate. Raises Malformed.
    """
    children: Children = []
    stack: List[Optional[Set[str]]] = []  # of the open objects and arrays: the names so far, or None
    expect, position, name, begin, first = "value", 0, None, 0, ""
    while True:
        token = TOKEN.match(text, position)
        if token is None:
            if expect == "end" and not text[position:].strip(" \t\n\r"):
                return first, children
            raise Malformed("JSON-2")
        kind = token.lastgroup or ""
        position, raw, start = token.end(), token[kind], token.start(kind)
        if kind == "string" and "\\u" in raw and SURROGATE.search(json.loads(raw)):
            find("JSON-9", Severity.TOLERATED)
        if raw in ("}", "]"):
            if not stack or (stack[-1] is None) != (raw == "]") or expect not in ("comma", "name or end", "value or end"):
                raise Malformed("JSON-2")
            stack.pop()
        elif expect == "colon" and raw == ":":
            expect = "value"
            continue
        elif expect == "comma" and raw == ",":
            expect = "value" if stack[-1] is None else "name"
            continue
        elif expect in ("name", "name or end") and kind == "string":
            decoded = json.loads(raw) if "\\" in raw else raw[1:-1]
            if len(stack) == 1:
                name = decoded
            names = stack[-1]
            assert names is not None  # expect is not a name in an array
            if decoded in names:
                find("JSON-5", Severity.TOLERATED)
            names.add(decoded)
            expect = "colon"
            continue
        elif expect in ("value", "value or end") and (kind != "mark" or raw in "{["):
            first = first or raw[0]
            if len(stack) == 1:
                begin = start
            if kind == "mark":
                stack.append(set() if raw == "{" else None)
                expect = "name or end" if raw == "{" else "value or end"
                if len(stack) > MAX_RECEIVED_LEVELS:
                    raise Malformed("LIMIT-4")
                if len(stack) > MAX_SENT_LEVELS:
                    find("LIMIT-1", Severity.TOLERATED)
                continue
            if kind == "special":
                find("JSON-4", Severity.TOLERATED)
            elif kind == "number":
                if not token["float"]:
                    digits = raw.lstrip("-")
                    if len(digits) > MAX_DIGITS:
                        find("JSON-7", Severity.TOLERATED)
                    if len(digits) > 16 or int(digits) > MAX_SAFE_INTEGER:
                        find("JSON-8", Severity.WARNING)
                if abs(float(raw)) == float("inf"):
                    find("JSON-6", Severity.TOLERATED)
        else:
            raise Malformed("JSON-2")
        if len(stack) == 1:  # a member or an element has ended
            children.append((name, text[begin:position]))
        expect = "comma" if stack else "end"
