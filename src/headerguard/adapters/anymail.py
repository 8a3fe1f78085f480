"""Messages of Django on their way to django-anymail, which adds its defaults, metadata, merge data and templates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from headerguard import Envelope, Message, Role, Sighting
from headerguard.adapters.email_message import attributes_of, items_of
from headerguard.adapters.reference import of_django
from headerguard.adapters.submission import Items, addresses_in, entries_of, seals_in, submitted, text_of

__all__ = ["read"]

_LISTS = ("to", "cc", "bcc", "reply_to")
_DATA = ("metadata", "merge_data", "merge_global_data", "merge_metadata", "esp_extra")
_OPTIONS = (*_DATA, "merge_headers", "tags", "template_id", "envelope_sender")
_ELSEWHERE = ("from", "subject", "extra_headers", "text_body", "html_body", "alternatives", "attachments")


def read(message: Any) -> Message:
    """What anymail's test backend recorded, or else what the message and SEND_DEFAULTS come to."""
    params = getattr(message, "anymail_test_params", None)
    if params is not None:
        return _sent(_recorded(params, text_of(message.from_email)), message.recipients())
    given = attributes_of(message) | {name: getattr(message, name) for name in _OPTIONS if hasattr(message, name)}
    for defaults in _send_defaults() if message.recipients() else ():  # to nobody nothing is sent
        given = _merged(defaults, given)
    return _sent(given, message.recipients())


def _recorded(params: Mapping[str, Any], from_email: str) -> dict[str, Any]:
    """The parameters of the test backend under the names that a message has; what is left over is `esp_extra`."""
    given: dict[str, Any] = {name: params[name] for name in (*_OPTIONS, "subject", "extra_headers") if name in params}
    lists = {name: params[name] for name in _LISTS if name in params and _is_list(params[name])}
    known = {*lists, *_OPTIONS, *_ELSEWHERE}
    left = {name: value for name, value in params.items() if name not in known}
    default = {"subject": "", "extra_headers": {}, "esp_extra": left, **dict.fromkeys(_LISTS, ())}
    return default | given | lists | {"from_email": params.get("from", from_email)}


def _is_list(value: object) -> bool:
    """Whether a parameter is what anymail makes of an attribute; `esp_extra` may put anything in its place."""
    return isinstance(value, list | tuple) and all(isinstance(e, str) or hasattr(e, "addr_spec") for e in value)


def _send_defaults() -> Iterator[Mapping[str, Any]]:
    """SEND_DEFAULTS of the settings, for all providers and for one: a test runner swaps the backend that reads them."""
    from django.conf import settings

    if not settings.configured:
        return
    found = {f"ANYMAIL_{name}": value for name, value in (getattr(settings, "ANYMAIL", None) or {}).items()}
    found |= {name: getattr(settings, name) for name in dir(settings) if name.startswith("ANYMAIL_")}
    yield from (value for name, value in sorted(found.items()) if name.endswith("SEND_DEFAULTS") and value)


def _merged(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Lists are joined and dictionaries merged; of anything else the message has the last word, as in anymail."""
    merged = {**defaults, **given}
    for name in (*_LISTS, "tags"):
        if name in defaults:
            merged[name] = [*entries_of(defaults[name]), *entries_of(given.get(name))]
    for name in (*_DATA, "extra_headers"):
        if name in defaults:
            merged[name] = {**defaults[name], **(given.get(name) or {})}
    return merged


def _sent(given: Mapping[str, Any], recipients: Iterable[object]) -> Message:
    """The message, given by its attributes; `recipients` besides those that the lists name."""
    listed = [text_of(entry) for name in ("to", "cc", "bcc") for entry in entries_of(given[name])]
    sender = text_of(given.get("envelope_sender") or given["from_email"])
    envelope = Envelope(sender, tuple(dict.fromkeys((*map(text_of, recipients), *listed))), complete=True)
    items = items_of(given) + _merge_headers(given)
    stated = [*of_django(), *(sighting for name in _DATA for sighting in _stated(name, given.get(name)))]
    streams = [("template", str(given["template_id"]))] if given.get("template_id") else []
    if given.get("tags"):
        streams.append(("tag", ",".join(map(str, entries_of(given["tags"])))))
    return submitted(items, envelope, given["bcc"], stated, streams, seals_in(given.get("metadata")))


def _merge_headers(given: Mapping[str, Any]) -> Items:
    """The fields that only the copy of one recipient gets, each once."""
    each = ((name, value) for headers in (given.get("merge_headers") or {}).values() for name, value in headers.items())
    return list(dict.fromkeys((str(name), str(value)) for name, value in each))


# ---- what is in the options ------------------------------------------------------------------------------------------

_BCC = re.compile(r"[.\]]bcc", re.IGNORECASE)
_NAMED = re.compile(r"[.\]](to|cc)(?:[.\[]|\Z)", re.IGNORECASE)
_DEPTH = 12


def _stated(name: str, value: object) -> Iterator[Sighting]:
    """The addresses in an option: Bcc where a key says so, in what the provider gets To and Cc, else mentioned."""
    for path, text in _texts(name, value):
        role = Role.BCC if _BCC.search(path) else Role.MENTIONED
        if role is Role.MENTIONED and name == "esp_extra" and (found := _NAMED.search(path)):
            role = Role(found[1].lower())
        yield from addresses_in(path, [text], role)


def _texts(path: str, value: object, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text that may hold an address, with its path; deeper than anybody nests there is none."""
    if isinstance(value, Mapping) and depth < _DEPTH:
        for key, member in value.items():
            yield from ((path, key) for _ in [key] if isinstance(key, str) and "@" in key)
            yield from _texts(f"{path}.{key}", member, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth < _DEPTH:
        for number, member in enumerate(value):
            yield from _texts(f"{path}[{number}]", member, depth + 1)
    elif value is not None and "@" in (text := str(value)):
        yield path, text
