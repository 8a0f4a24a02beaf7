"""The test vectors that implementation.py and reliable.py evaluate without Redis."""
import base64

import implementation
import reliable


def evaluate(family, given):
    """The output for the input of a test vector (spec/vectors/README.md)."""
    if family in ("wire", "poison", "limits", "metadata", "evolution"):
        judged = implementation.judge(read(given["message"]), given["key"])
        return {"verdict": judged.verdict, "legacy": judged.legacy, "findings": list(judged.findings)}
    if family == "companions":
        queue = read(given["queue"])
        if reliable.is_reserved(queue):
            return {"rejected": True}
        companions = [write(key) for key in reliable.keys(queue)[1:]]
        return {"tag": write(reliable.tag(queue)), "slot": reliable.slot(queue), "companions": companions}
    raise NotImplementedError("unsupported: the family " + family)


def read(form):
    return form.encode("utf-8") if isinstance(form, str) else base64.b64decode(form["base64"])


def write(raw):
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}
