"""What vendors pack into a field: JSON that says what is to be done, and stamps in base64 of what was done."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from headerguard.grammar.name import Name, account_of, hosts, rest
from headerguard.role import Role

__all__ = [
    "any_json",
    "base64_text",
    "mailgun_stamp",
    "msys_api",
    "postmark_stamp",
    "recipient_variables",
    "smtpapi",
    "sparkpost_stamp",
]

_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")


def _json(value: str) -> Any:
    """A JSON value, or the text where it is none; libraries fold inside strings, so line ends may stand there."""
    try:
        return json.loads(value, strict=False, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), value)


def _object(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """An object. The last member of a name counts, as readers have it; what the others say stands under no name."""
    found = dict(pairs)
    if len(found) < len(pairs):
        found[None] = [value for key, value in pairs if value is not found[key]]
    return found


def _at(value: Any, *path: str) -> Any:
    """A member of nested objects, or None."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _each(value: Any) -> Iterable[Any]:
    """The elements of a list; a single value is a list of one, null of none."""
    return value if isinstance(value, list) else () if value is None else (value,)


def _texts(value: Any, role: Role | None = None) -> Iterator[Name]:
    for item in _each(value):
        if isinstance(item, str):
            yield Name("address", item, role)


def smtpapi(value: str) -> Iterator[Name]:
    """X-SMTPAPI (SendGrid): `to` replaces the recipients, filters.bcc copies each mail."""
    data = _json(value)
    settings = _at(data, "filters", "bcc", "settings")
    named = [*_texts(_at(data, "to")), *_texts(_at(settings, "email"))]
    named += hosts(_at(data, "filters", "dkim", "settings", "domain"), Role.IDENTITY)
    named += hosts(_at(data, "filters", "spamcheck", "settings", "url"), Role.TRACKING)
    return rest(data, named)


def msys_api(value: str) -> Iterator[Name]:
    """X-MSYS-API (SparkPost): cc shows in the message, bcc and archive get copies that nobody sees."""
    data = _json(value)
    named: list[Name] = []
    for key, role in (("cc", Role.CC), ("bcc", None), ("archive", None)):
        for item in _each(_at(data, key)):
            named += _texts(_at(item, "email") if isinstance(item, dict) else item, role)
    return rest(data, named)


def recipient_variables(value: str) -> Iterator[Name]:
    """X-Mailgun-Recipient-Variables: an object whose keys are the recipients of the batch."""
    data = _json(value)
    return rest(data, _texts(list(data)) if isinstance(data, dict) else ())


def any_json(value: str) -> Iterator[Name]:
    """Any JSON, or text that was to be JSON."""
    return rest(_json(value), ())


# ---- stamps


def base64_text(value: str) -> str:
    """Base64 with or without padding and blanks, decoded as UTF-8; "" for anything else."""
    packed = re.sub(r"\s+", "", value).rstrip("=")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode()
    except (ValueError, binascii.Error):
        return ""


def postmark_stamp(value: str) -> Iterator[Name]:
    """X-PM-RCPT: base64 of "m<k>|<account>|<server>|<recipient>" between bars (seen in delivered mail)."""
    stamp = base64_text(value.strip().strip("|"))
    parts = stamp.split("|")
    named: list[Name] = []
    if len(parts) >= 4:
        named = [*account_of("postmark", parts[1]), *account_of("postmark-server", parts[2]), Name("address", parts[3])]
    return rest([stamp, value], named)


def mailgun_stamp(value: str) -> Iterator[Name]:
    """X-Mailgun-Sid: base64 of a JSON array [.., recipient, account] (seen in delivered mail)."""
    data = _json(base64_text(value))
    named: list[Name] = []
    if isinstance(data, list) and len(data) >= 2:
        named = [*_texts(data[1]), *account_of("mailgun", data[2] if len(data) > 2 else None)]
    return rest([data, value], named)


_MOMENTUM_STAMP = re.compile(r"([^@\s]{1,255}@[^@\s]{1,255})@[^@\s]*@[^@\s]*(?:@(.*))?", re.DOTALL)


def sparkpost_stamp(value: str) -> Iterator[Name]:
    """X-MSFBL: opaque, a bar, base64 of a JSON object with the recipient in r (seen in delivered mail).

    Before that, base64 of recipient, binding, binding group and user string with "@" between (Momentum, FBL module).
    """
    stamp = base64_text(value.rpartition("|")[2])
    data = _json(stamp)
    named = [*_texts(_at(data, "r")), *account_of("sparkpost", _at(data, "customer_id"))]
    named += account_of("sparkpost-subaccount", _at(data, "subaccount_id") or None)
    named += account_of("sparkpost-tenant", _at(data, "tenant_id"))
    others = [data, value]
    if old := _MOMENTUM_STAMP.fullmatch(stamp):
        named, others = [Name("address", old[1])], [old[2] or ""]
    return rest(others, named)
