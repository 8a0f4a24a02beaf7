"""The names and forms of attributes (META-2, META-5)."""
from __future__ import annotations

import datetime
import ipaddress
import re

URI_TEXT, USER, PATH, QUERY = (
    r"(?:[A-Za-z0-9._~!$&'()*+,;=" + more + r"-]|%[0-9A-Fa-f]{2})*" for more in ("", ":", ":@/", ":@/?")
)
URI = re.compile(  # RFC 3986; the first segment of a relative path has no colon
    r"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):|(?![^/?#]*:))"
    r"(?://(?:" + USER + r"@)?(?:\[(?P<address>[^\[\]]*)\]|" + URI_TEXT + r")(?::[0-9]*)?(?=[/?#]|\Z)|(?!//))"
    + PATH + r"(?:\?" + QUERY + r")?(?:#" + QUERY + ")?"
)
FORMS = {
    "id": r"[\s\S]+",
    "time": r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    "traceparent": r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-[\s\S]*)?",
}


def is_attribute(name: str) -> bool:
    """Whether META-2 permits the name."""
    return bool(re.fullmatch("[a-z0-9]+", name)) and name != "signals"


def has_form(name: str, value: str) -> bool:
    """Whether an attribute has the form that META-5 requires."""
    if name in ("source", "dataschema"):
        return is_uri(value, absolute=name == "dataschema")
    if not re.fullmatch(FORMS.get(name, r"[\s\S]*"), value, re.ASCII):
        return False
    if name == "traceparent" and value.startswith("00"):
        return len(value) == 55  # only later versions are longer
    if name == "time":
        try:
            datetime.date(2000 + int(value[:4]) % 400, int(value[5:7]), int(value[8:10]))  # Python has no year 0
        except ValueError:
            return False
    return True


def is_uri(value: str, absolute: bool) -> bool:
    """Whether a text is a URI, or, unless `absolute` is set, a reference that is not empty."""
    found = URI.fullmatch(value)
    if not value or not found or (absolute and not found["scheme"]):
        return False
    address = found["address"]
    if address is None or re.fullmatch(r"[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+", address):
        return True
    try:
        return bool(re.fullmatch("[0-9A-Fa-f:.]+", address) and ipaddress.IPv6Address(address))
    except ValueError:
        return False
