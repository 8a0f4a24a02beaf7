"""Python values as payloads, and errors that name no payload."""
from __future__ import annotations

import unittest
from typing import Any, List, Tuple

from remote_event import Event, NotStored, PayloadError, ReliableReceiver, Rejected, Sender, encode, judge
from remote_event.values import decode
from remote_event.values import encode as encode_value

NOWHERE = "redis://user:s3cr3t@127.0.0.1:1/0"


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


class Values(unittest.TestCase):
    def test_encode(self) -> None:
        for value, text in [
            ({"a": [1, -2.5, "é\n", None, True]}, '{"a": [1, -2.5, "é\\n", null, true]}'),
            ({"n": 2**63, "f": 1e16, "z": -0.0}, '{"n": 9223372036854775808, "f": 1e+16, "z": -0.0}'),
            ({}, "{}"),
        ]:
            self.assertEqual(encode_value(value), text)
            self.assertEqual(decode(text), value)

    def test_rejected(self) -> None:
        with Sender(NOWHERE) as sender:
            cases: List[Tuple[Any, str]] = [
                ({"a": float("nan")}, "JSON-4"), ({"a": "\ud800"}, "JSON-1"), ({"a": 10**5000}, "JSON-7"),
                ({"a": nested(511)}, "LIMIT-1"), ({"__func__": 1}, "WIRE-5"), ("[]", "WIRE-1"), ("{", "JSON-2"),
            ]
            for payload, requirement in cases:
                with self.assertRaises(Rejected) as caught:
                    sender.send("e", payload)
                self.assertEqual(caught.exception.requirements, (requirement,))
            self.assertRaises(TypeError, sender.send, "e", {"a": {1: 2}})
            self.assertRaises(TypeError, sender.send, "e", {"a": object()})
            with self.assertRaises(NotStored) as unstored:
                sender.send("e", {"a": nested(510), "secret": "p4yl0ad"})
            self.assertNotIn("s3cr3t", str(unstored.exception))
            self.assertNotIn("p4yl0ad", str(unstored.exception) + repr(unstored.exception.event))

    def test_attributes(self) -> None:
        with Sender(NOWHERE, source="/a") as sender:
            with self.assertRaises(NotStored) as caught:
                sender.send("e", {}, metadata={"region": "x"})
        event = caught.exception.event
        self.assertEqual(set(event.metadata), {"id", "source", "time", "region"})
        self.assertEqual(judge(encode(event), "e").verdict, "safe")

    def test_decode(self) -> None:
        for payload in ['{"a": 1e400}', '{"a": %s}' % ("1" * 4301), '{"a": %s1%s}' % ("[" * 9998, "]" * 9998)]:
            with self.assertRaises(PayloadError) as caught:
                Event("e", ("e",), payload).payload
            self.assertNotIn("11", str(caught.exception))

    def test_arguments(self) -> None:
        self.assertRaises(ValueError, ReliableReceiver, NOWHERE, {"remote-event:v1:x": print})
        self.assertRaises(ValueError, ReliableReceiver, NOWHERE, {"event": print})
        with self.assertRaises(ValueError) as caught:
            Sender("redis://:s3cr3t/x@localhost")
        self.assertNotIn("s3cr3t", str(caught.exception))


if __name__ == "__main__":
    unittest.main()
