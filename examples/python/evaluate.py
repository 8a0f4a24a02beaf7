"""The test vectors that an implementation evaluates without Redis, by the adapter protocol."""
import base64
from typing import Any, Dict

from remote_event import EventType, judge
from remote_event.keys import companion_keys, slot, tag


def evaluate(family: str, given: Dict[str, Any]) -> Dict[str, Any]:
    """The output for the input of a test vector (spec/vectors/README.md)."""
    if family in ("wire", "poison", "limits", "metadata", "evolution"):
        judged = judge(read(given["message"]), given["key"])
        return {"verdict": judged.verdict, "legacy": judged.legacy, "findings": sorted(judged.findings)}
    if family == "companions":
        queue = read(given["queue"])
        try:
            companions = [write(key) for key in companion_keys(queue)]
        except ValueError:
            return {"rejected": True}
        return {"tag": write(tag(queue)), "slot": slot(queue), "companions": companions}
    if family == "chain" and not any("members" in declared for declared in given["types"]):
        types: Dict[str, EventType] = {}
        try:
            for declared in given["types"]:
                parents = [types[parent] for parent in declared.get("parents", [])]
                types[declared["type"]] = EventType(declared["event_name"], *parents)
        except ValueError:
            return {"rejected": True}
        return {"signals": types[given["types"][-1]["type"]].signals}
    raise NotImplementedError("unsupported: this case of the family " + family)


def read(form: Any) -> bytes:
    return form.encode("utf-8", "surrogatepass") if isinstance(form, str) else base64.b64decode(form["base64"])


def write(raw: bytes) -> Any:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}
