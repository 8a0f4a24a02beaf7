"""The vectors of validators, senders, signal chains and companion keys."""
from __future__ import annotations

import base64
import json
import os
import pathlib
import unittest
from typing import Any, Dict, Iterator

from remote_event import Event, EventType, Rejected, Severity, companion_keys, encode, judge
from remote_event.keys import slot, tag

SPEC = pathlib.Path(os.environ.get("REMOTE_EVENT_SPEC", pathlib.Path(__file__).parents[3] / "spec"))


def raw(form: Any) -> bytes:
    """The bytes of a text, of base64 or of parts."""
    if isinstance(form, str):
        return form.encode("utf-8")
    if isinstance(form, list):
        return b"".join(map(raw, form))
    return base64.b64decode(form["base64"]) if "base64" in form else raw(form["repeat"]) * int(form["times"])


def text(form: Any) -> str:
    return raw(form).decode("utf-8", "surrogateescape")


class Vectors(unittest.TestCase):
    def cases(self, *families: str) -> Iterator[Any]:
        for family in families:
            for case in json.loads((SPEC / "vectors" / (family + ".json")).read_text("utf-8"))["cases"]:
                with self.subTest(case["id"]):
                    yield case

    def test_messages(self) -> None:
        for case in self.cases("wire", "poison", "limits", "metadata", "evolution"):
            judged = judge(raw(case["message"]), case.get("key", "e"))
            found = {
                requirement for requirement, severity in judged.findings.items()
                if judged.verdict != "malformed" or severity == Severity.MALFORMED
            }
            self.assertEqual((case["verdict"], case["legacy"], set(case["findings"])), (judged.verdict, judged.legacy, found))
            delivered = case.get("delivered")
            if judged.event and delivered:
                event = judged.event
                self.assertEqual(delivered["signals"], list(event.signals))
                self.assertEqual(raw(delivered["payload"]), event.payload_text.encode("utf-8"))
                self.assertEqual(delivered.get("attributes", {}), event.metadata)

    def test_send(self) -> None:
        for case in self.cases("send"):
            given = case["event"]
            name = text(given["event_name"])
            signals = given.get("signals", [name, *given.get("ancestors", []), "remote_event", "event"])
            event = Event(name, tuple(signals), text(given["payload"]), given.get("attributes", {}))
            if "rejected" in case:
                with self.assertRaises(Rejected) as caught:
                    encode(event)
                self.assertTrue(set(caught.exception.requirements) & set(case["rejected"]), caught.exception)
            else:
                self.assertEqual(judge(encode(event)).event, judge(raw(case["message"])).event)

    def test_chain(self) -> None:
        for case in self.cases("chain"):
            types: Dict[str, EventType] = {}
            try:
                for declared in case["types"]:
                    parents = [types[parent] for parent in declared.get("parents", [])]
                    types[declared["type"]] = EventType(declared["event_name"], *parents)
            except (ValueError, KeyError):
                self.assertIn("rejected", case)
                continue
            if "signals" in case:
                self.assertEqual(case["signals"], list(types[case["types"][-1]["type"]].signals))
            else:  # a declaration here has no members
                self.assertTrue(any("members" in declared for declared in case["types"]))

    def test_companions(self) -> None:
        for case in self.cases("companions"):
            queue = raw(case["queue"])
            if case.get("rejected"):
                self.assertRaises(ValueError, companion_keys, queue)
                continue
            wanted = [raw(key) for key in case["companions"]]
            self.assertEqual((raw(case["tag"]), case["slot"], wanted), (tag(queue), slot(queue), companion_keys(queue)[:len(wanted)]))

    def test_scripts(self) -> None:
        """The copies are those of the specification (REL-9)."""
        for copy in (pathlib.Path(__file__).parents[1] / "remote_event" / "lua").iterdir():
            self.assertEqual((SPEC / "lua" / copy.name).read_bytes(), copy.read_bytes())


if __name__ == "__main__":
    unittest.main()
