"""Measure the chains that an original derives from declared event types.

Reads one JSON object a line on stdin, with the member

    types    an array: type, event_name (absent where the type has none of its
             own) and parents, the names of types before it

and writes one a line on stdout, of the last of the types:

    {"signals": [...]}      what the original sends
    {"error": "KeyError"}   the class of the exception
"""

import json
import sys

from remote_event_bundle import RemoteEvent


def declare(types):
    declared = {}
    for t in types:
        bases = tuple(declared[parent] for parent in t.get("parents", [])) or (RemoteEvent,)
        body = {"event_name": t["event_name"]} if "event_name" in t else {}
        declared[t["type"]] = last = type(RemoteEvent)(t["type"], bases, body)
    return last


for line in sys.stdin:
    try:
        outcome = {"signals": declare(json.loads(line)["types"])()._signals}
    except Exception as error:  # whatever it is, it is the observation
        outcome = {"error": type(error).__name__}
    print(json.dumps(outcome), flush=True)
