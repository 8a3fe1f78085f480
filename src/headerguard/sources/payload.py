"""Payloads of ESPs and test servers: events, requests, stored messages. One table says where in each what stands.

The table is payloads.json beside this file: for every kind how it is detected, which expressions (JMESPath) give the
addresses of which role, the names of the stream, ids, accounts, the header. Adding a kind is one entry and one sample.
An address that no expression reaches is mentioned, so that none is lost; bodies are left out.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from headerguard.address_list import Tier, parse_all
from headerguard.errors import ConfigError
from headerguard.fields import Role
from headerguard.grammar import addresses_in
from headerguard.message import Envelope, Mark, Message, Record, Sighting, Stage
from headerguard.seal import PREFIX, seals_in
from headerguard.sources.json_values import LIMIT, BrokenValueError, looks_like_json, values
from headerguard.sources.window import Items, Place, Window

__all__ = ["GENERIC", "PAYLOADS", "Payload", "read_form", "read_payload", "recognise"]

GENERIC = "json"
"""The kind of a payload that no entry of the table describes: every address in it is mentioned."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A kind of payload. Every expression is JMESPath, relative to a record."""

    vendor: str
    """Whose it is."""
    description: str
    """What it is, in one sentence."""
    obtained: str
    """How to get it."""
    stage: Stage
    """What a copy of this kind shows."""
    detect: str
    """Is true of a payload of this kind and no other."""
    records: str = "@"
    """Gives the records of a payload."""
    unwrap: str = ""
    """Gives a string in which the payload itself lies as JSON."""
    roles: tuple[tuple[Role, tuple[str, ...]], ...] = ()
    """Addresses per role."""
    streams: tuple[tuple[str, str], ...] = ()
    """Kind of level and its value, finest first."""
    ids: tuple[str, ...] = ()
    """Ids of the message."""
    accounts: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Ids of the sending account, by what they are ids of."""
    settings: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What the account is set to do, by what it is for: bcc, archive, forward, webhook, sender or user."""
    date: tuple[str, ...] = ()
    """When: seconds or milliseconds since 1970, or a date in words."""
    subject: tuple[str, ...] = ()
    """The subject."""
    headers: str = ""
    """The header: a list of objects or pairs, or an object of values or lists of them, or any of these as a string."""
    raw: str = ""
    """The whole message."""
    raw64: str = ""
    """The whole message in base64."""
    mail_from: str = ""
    """The reverse-path of the SMTP transaction."""
    rcpt_to: str = ""
    """The forward-paths of the SMTP transaction."""
    complete: bool | None = None
    """Whether they are the whole logical message."""
    truncated: str = ""
    """Is true where the header is not whole."""
    labelled: str = ""
    """Gives cc, bcc or archive: the role of the envelope recipient."""
    partial: bool = False
    """Whether recipients that it could name may be missing: one event per recipient, or no Cc."""
    bodies: tuple[str, ...] = ()
    """What is not searched for addresses: bodies and attachments."""
    blind_spots: tuple[str, ...] = ()
    """What such a copy cannot show, a sentence each."""

    @classmethod
    def from_dict(cls, entry: dict[str, Any]) -> Payload:
        """An entry of the table."""
        pairs = {
            "roles": tuple((Role(role), tuple(found)) for role, found in entry.get("roles", {}).items()),
            "settings": tuple((what, tuple(found)) for what, found in entry.get("settings", {}).items()),
            "accounts": tuple((vendor, tuple(found)) for vendor, found in entry.get("accounts", {}).items()),
            "streams": tuple((kind, found) for kind, found in entry.get("streams", ())),
            "stage": Stage(entry["stage"]),
        }
        lists = {key: tuple(entry.get(key, ())) for key in ("ids", "date", "subject", "bodies", "blind_spots")}
        return cls(**{**entry, **pairs, **lists})


PAYLOADS: dict[str, Payload] = {
    kind: Payload.from_dict(entry)
    for kind, entry in json.loads(Path(__file__).with_name("payloads.json").read_text(encoding="utf-8")).items()
}
"""Every kind of payload, by id."""

_ANYTHING = Payload("", "Any other JSON.", "", Stage.UNKNOWN, "", blind_spots=("nothing says who receives this",))


# ---- reading ---------------------------------------------------------------------------------------------------------


def recognise(window: Window) -> str | None:
    """GENERIC for a file of JSON, as each payload in it is recognised by itself; the form that Mandrill posts."""
    if looks_like_json(window):
        return GENERIC
    return "mandrill_webhook" if window.data.startswith(_FORM) else None


_FORM = b"mandrill_events="


def read_payload(window: Window, place: Place) -> Items:
    """Read every payload in a file; where the kind is GENERIC each is recognised by itself."""
    window.hold(len(_FORM))
    if window.data.startswith(_FORM):
        yield from read_form(window, place)
        return
    yield from _read(values(window), place)


def read_form(window: Window, place: Place) -> Items:
    """Read a form that was posted: each of its values that is JSON holds payloads."""
    window.hold(LIMIT + 1)
    if len(window.data) > LIMIT:
        yield place.error(f"a form longer than {LIMIT >> 20} MiB is not read")
        return
    for _, text in parse_qsl(bytes(window.data).decode("utf-8", "replace")):
        yield from _read(_decoded(text), place)


def _decoded(text: str) -> Iterator[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        yield BrokenValueError("is no JSON", text)
        return
    yield from value if isinstance(value, list) else (value,)


def _read(found: Iterable[Any], place: Place) -> Items:
    index = count = 0
    for value in found:
        count += 1
        if isinstance(value, BrokenValueError):
            yield place.error(str(value), index)
            index += 1
            for rescued in value.rescued():
                kind = _kind_of(rescued)
                if kind != GENERIC and place.kind in (GENERIC, kind):
                    for message in _messages(kind, rescued, place, index):
                        yield message
                        index += 1
            continue
        kind = _kind_of(value) if place.kind == GENERIC else place.kind
        messages = list(_messages(kind, value, place, index))
        if not messages:
            yield place.error(f"is not of the kind {kind}: it is {_what(value)}", index)
        yield from messages
        index += max(1, len(messages))
    if count == 0:
        yield place.error("holds no JSON")


def _what(value: Any) -> str:
    if isinstance(value, dict):
        return f"an object with {', '.join(sorted(map(ascii, value))[:5]) or 'no members'}"
    return "an array" if isinstance(value, list) else "no object"


def _kind_of(value: Any) -> str:
    """The first kind of the table that detects a payload, or GENERIC."""
    if isinstance(value, dict):
        for kind, payload in PAYLOADS.items():
            if _first(payload.detect, value):
                return kind
    return GENERIC


def _messages(kind: str, value: Any, place: Place, index: int) -> Iterator[Message]:
    """The messages of one payload."""
    payload = PAYLOADS.get(kind, _ANYTHING)
    if payload is _ANYTHING:
        yield _message(payload, value, place, kind, index)
        return
    if not _first(payload.detect, value):
        return
    if payload.unwrap:
        value = _unwrapped(payload, value)
    for record in _all(payload.records, value):
        if isinstance(record, dict):
            yield _message(payload, record, place, kind, index)
            index += 1


def _unwrapped(payload: Payload, value: Any) -> Any:
    """What lies as JSON in a string of the payload; the payload itself where that is none."""
    text = _first(payload.unwrap, value)
    try:
        inner = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        inner = None
    return inner if isinstance(inner, dict) else value


def _message(payload: Payload, value: Any, place: Place, kind: str, index: int) -> Message:
    stage = place.stage or payload.stage
    envelope = _envelope(payload, value)
    origin = place._replace(kind=kind).origin(index)
    record = _record(payload, value)
    if octets := _octets(payload, value):
        return Message.from_bytes(octets, envelope, stage, origin=origin, record=record)
    return Message.from_items(_items(payload, value), envelope, stage, origin=origin, record=record)


def _envelope(payload: Payload, value: Any) -> Envelope | None:
    if not payload.rcpt_to:
        return None
    sender = _first(payload.mail_from, value)
    recipients = [text for text in _addresses(payload.rcpt_to, value) if "@" in text]
    return Envelope(sender if isinstance(sender, str) else None, tuple(recipients), payload.complete)


def _octets(payload: Payload, value: Any) -> bytes:
    """The message as it stands in the payload."""
    if isinstance(text := _first(payload.raw, value), str):
        return text.encode("utf-8", "surrogateescape")
    if isinstance(text := _first(payload.raw64, value), str):
        try:
            return base64.b64decode(text)
        except (ValueError, binascii.Error):
            return b""
    return b""


def _items(payload: Payload, value: Any) -> Iterator[tuple[str, str]]:
    """Names and values of the header fields, in whatever form a vendor gives them."""
    found = _first(payload.headers, value)
    if isinstance(found, str):
        try:
            found = json.loads(found)
        except (ValueError, RecursionError):
            return
    for item in found.items() if isinstance(found, dict) else found if isinstance(found, list) else ():
        if isinstance(item, dict):
            item = (item.get("name") or item.get("Name"), item.get("value") or item.get("Value"))
        if isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str):
            name, given = item
            for text in given if isinstance(given, list) else (given,):
                if isinstance(text, str) and name.isascii() and name and not set(name) & _UNNAMED:
                    yield name, text


_UNNAMED = set(": \t\r\n")


# ---- the record ------------------------------------------------------------------------------------------------------


def _record(payload: Payload, value: Any) -> Record:
    sightings = [
        sighting
        for role, expressions in payload.roles
        for expression in expressions
        for sighting in _sightings(role, expression, value)
    ]
    label = _first(payload.labelled, value)
    if isinstance(label, str) and label.lower() in _LABELS:
        role = _LABELS[label.lower()]
        sightings += [s._replace(role=role) for s in sightings if s.role is Role.ENVELOPE]
    spots = list(payload.blind_spots)
    if _first(payload.truncated, value) is True or _first(payload.truncated, value) == "true":
        spots.append("the header is truncated: the absence of a field proves nothing")
    return Record(
        (*sightings, *_leftovers(payload, value, {str(s.address) for s in sightings})),
        (*_marks(payload, value), *_settings(payload, value)),
        tuple((kind, ",".join(texts)) for kind, found in payload.streams if (texts := list(_texts(found, value)))),
        (
            *(seal for _, text in _strings(value, _bodies(payload, value), PREFIX) for seal in seals_in(text)),
            *(text.strip("<> ") for found in payload.ids for text in _texts(found, value)),
        ),
        {},
        next(filter(None, (_when(text) for found in payload.date for text in _texts(found, value))), None),
        next((text for found in payload.subject for text in _texts(found, value)), ""),
        whole=not payload.partial,
        blind_spots=tuple(spots),
    )


_LABELS = {"cc": Role.CC, "bcc": Role.BCC, "archive": Role.ARCHIVE}


def _sightings(role: Role, expression: str, value: Any) -> Iterator[Sighting]:
    for number, text in enumerate(_addresses(expression, value)):
        if "@" in text:
            for box in parse_all(text):
                yield Sighting(
                    box.address,
                    Role.MENTIONED if box.mentioned else role,
                    expression,
                    number,
                    box.tier,
                    None,
                    box.name,
                )


def _addresses(expression: str, value: Any) -> Iterator[str]:
    """Strings, and pairs of a name and an address as some libraries keep them."""
    for item in _all(expression, value):
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            yield from (text for text in item if isinstance(text, str))


def _marks(payload: Payload, value: Any) -> Iterator[Mark]:
    for vendor, expressions in payload.accounts:
        for expression in expressions:
            for text in _texts(expression, value):
                account = text.split(":")[4] if text.startswith("arn:") and text.count(":") >= 5 else text
                yield Mark("account", f"{vendor}:{account[:200]}", Role.IDENTITY, expression, 0, None)


def _settings(payload: Payload, value: Any) -> Iterator[Mark]:
    for what, expressions in payload.settings:
        role = Role.CONTROL if what in ("bcc", "archive", "forward") else Role.IDENTITY
        for expression in expressions:
            for number, text in enumerate(_texts(expression, value)):
                yield Mark("setting", f"{what} {text.lower() if '@' in text else text}", role, expression, number, None)


def _leftovers(payload: Payload, value: Any, known: set[str]) -> Iterator[Sighting]:
    """Every other address in the payload, under the path where it stands: mentioned, or a Bcc where a key says so."""
    for path, text in _strings(value, _bodies(payload, value)):
        for number, address in enumerate(addresses_in(text)):
            for box in parse_all(address):
                if box.tier is not Tier.CANDIDATE and str(box.address) not in known:
                    key = path.rpartition(".")[2].lower()
                    role = Role.BCC if payload is not _ANYTHING and key.startswith("bcc") else Role.MENTIONED
                    yield Sighting(box.address, role, path, number, box.tier, None)


def _bodies(payload: Payload, value: Any) -> frozenset[int]:
    """What is left out of any search, by identity."""
    return frozenset(id(body) for expression in payload.bodies for body in _all(expression, value))


def _strings(value: Any, without: frozenset[int], sign: str = "@") -> Iterator[tuple[str, str]]:
    """Every string in a JSON value with its path, keys included, however deep; those with the sign only."""
    stack = [("", value)]
    while stack:
        path, item = stack.pop()
        if id(item) in without:
            continue
        if isinstance(item, str):
            if sign in item:
                yield path or "@", item
        elif isinstance(item, dict):
            for key, member in reversed(item.items()):
                stack.append((f"{path}.{key}" if path else key, member))
                if sign in key:
                    yield path or "@", key
        elif isinstance(item, list):
            stack += [(f"{path}[{number}]", member) for number, member in reversed(list(enumerate(item)))]


# ---- expressions -----------------------------------------------------------------------------------------------------


@cache
def _compiled(expression: str) -> Any:
    """An expression, compiled once; there are as many as the table holds."""
    try:
        import jmespath
    except ImportError:
        raise ConfigError("payloads of ESPs are read with jmespath: install headerguard[events]") from None
    return jmespath.compile(expression)


def _first(expression: str, value: Any) -> Any:
    """What an expression gives, None for nothing, or for what it cannot be applied to."""
    if not expression:
        return None
    from jmespath.exceptions import JMESPathError

    compiled = _compiled(expression)
    try:
        return compiled.search(value)
    except (JMESPathError, RecursionError):
        return None


def _all(expression: str, value: Any) -> list[Any]:
    """The results of an expression as a list."""
    found = _first(expression, value)
    return found if isinstance(found, list) else [] if found is None else [found]


def _texts(expression: str, value: Any) -> Iterator[str]:
    """Results that are strings or numbers, without empty ones; a string that is a JSON array is one (Brevo)."""
    for item in _all(expression, value):
        if isinstance(item, str) and item.startswith('["'):
            try:
                item = json.loads(item)
            except ValueError:
                continue
        for text in item if isinstance(item, list) else (item,):
            if isinstance(text, str | int | float) and not isinstance(text, bool) and str(text).strip():
                yield str(text).strip()


def _when(text: str) -> datetime | None:
    """A time in UTC from seconds or milliseconds since 1970 or from words (ISO 8601, RFC 5322); None for none."""
    try:
        seconds = float(text)
    except ValueError:
        pass
    else:
        try:
            return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
        except (ValueError, OverflowError, OSError):
            return None
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = parse(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    return None
