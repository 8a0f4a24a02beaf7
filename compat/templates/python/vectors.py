"""Runs the vectors of validators and of senders with implementation.py, and those of
companion keys with reliable.py: python3 vectors.py DIRECTORY"""
import base64
import json
import pathlib
import sys

import implementation
import reliable


def raw(form):
    """The bytes of a text, of base64 or of parts."""
    if isinstance(form, str):
        return form.encode("utf-8")
    if isinstance(form, list):
        return b"".join(map(raw, form))
    return base64.b64decode(form["base64"]) if "base64" in form else raw(form["repeat"]) * form["times"]


def message(case):
    judged = implementation.judge(raw(case["message"]), case.get("key", "e"))
    findings = {id for id, severity in judged.findings.items()
                if judged.verdict != "malformed" or severity == implementation.MALFORMED}
    wanted = case["verdict"], case["legacy"], set(case["findings"])
    event, delivered = judged.event, case.get("delivered")
    if event and delivered:
        event = event.signals, event.payload.encode("utf-8"), event.attributes
        delivered = delivered["signals"], raw(delivered["payload"]), delivered.get("attributes", {})
    return (judged.verdict, judged.legacy, findings, event), (*wanted, delivered)


def send(case):
    event = case["event"]
    try:
        implementation.encode(raw(event["event_name"]).decode("utf-8", "surrogateescape"), event.get("ancestors", []),
                              raw(event["payload"]).decode("utf-8", "surrogateescape"), event.get("attributes", {}))
    except implementation.Rejected as error:
        return set(str(error).split(", ")) & set(case.get("rejected", [])) != set(), True
    return "rejected" in case, False


def companions(case):
    queue = raw(case["queue"])
    if case.get("rejected"):
        return reliable.is_reserved(queue), True
    keys = reliable.keys(queue)[1:]
    wanted = [raw(key) for key in case["companions"]]
    return (reliable.tag(queue), keys[:len(wanted)]), (raw(case["tag"]), wanted)


FAMILIES = dict.fromkeys(["wire", "poison", "limits", "metadata", "evolution"], message)
FAMILIES.update(send=send, companions=companions)
ran, failed = 0, 0
for family, run in FAMILIES.items():
    for case in json.loads(pathlib.Path(sys.argv[1], family + ".json").read_text("utf-8"))["cases"]:
        if "signals" in case.get("event", {}):
            continue  # it forwards nothing
        ran += 1
        got, wanted = run(case)
        if got != wanted:
            failed += 1
            print("%s: got %.300r, want %.300r" % (case["id"], got, wanted))
print("%d cases, %d failed" % (ran, failed))
sys.exit(1 if failed else 0)
