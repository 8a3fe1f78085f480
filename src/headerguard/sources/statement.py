"""What one payload states, as a message: its envelope, its header, and everything else as a record.

An address that no expression of its kind reaches is mentioned, so that none is lost; bodies are left out.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain
from typing import Any

from headerguard.address import Address
from headerguard.address_list import Tier, lex_text, parse_all
from headerguard.fields import CATALOGUE, Role
from headerguard.grammar import addresses_in
from headerguard.header import LIMIT, encode_octets
from headerguard.message import Envelope, Mark, Message, Record, Sighting
from headerguard.provenance import in_utc
from headerguard.seal import PREFIX, seals_in
from headerguard.sources.expression import addresses, every, first, texts
from headerguard.sources.json_values import decoded
from headerguard.sources.payload import GENERIC, Payload, payload_of
from headerguard.sources.window import Place

__all__ = ["Found", "message_of", "passages"]

Found = tuple[str, str]
"""A text with an "@" in it, after the path where it stands."""


def message_of(kind: str, value: Any, around: Iterable[Found], place: Place, index: int) -> Message:
    """The message that a payload states; `around` it stood what it carries no expression for."""
    payload = payload_of(kind)
    stage = place.stage or payload.stage
    envelope = _envelope(payload, value)
    items = list(_items(payload, value))
    origin = place._replace(kind=kind).origin(index)
    record = _record(kind, payload, value, around, _read_elsewhere(envelope, items))
    if not (octets := _octets(payload, value)):
        return Message.from_items(items, envelope, stage, origin=origin, record=record)
    if items:
        record = replace(record, sightings=(*record.sightings, *_beside(octets, items)))
    return Message.from_bytes(octets, envelope, stage, origin=origin, record=record)


def _beside(octets: bytes, items: list[tuple[str, str]]) -> Iterator[Sighting]:
    """Of a header that is there twice what the whole message does not show: whoever reads the other list sees it."""
    shown = {(sighting.role, sighting.address.key) for sighting in Message.from_bytes(octets).sightings}
    for sighting in Message.from_items(items).sightings:
        if (sighting.role, sighting.address.key) not in shown:
            yield sighting._replace(span=None)


def _read_elsewhere(envelope: Envelope | None, items: list[tuple[str, str]]) -> set[str]:
    """The texts that the envelope and the header show, and the record need not; of a header that is cut off none."""
    paths = (*envelope.rcpt_to, envelope.mail_from or "") if envelope else ()
    found = {path for path in paths if _BARE.fullmatch(path)}
    if sum(len(name) + 4 * len(text) for name, text in items) < LIMIT:
        found.update(text for name, text in items if _shows(name.lower(), text))
    return found


def _shows(name: str, text: str) -> bool:
    """Whether a field shows every address in it: as what it is there for, as mentioned, or as the id of the message."""
    if name == "message-id":
        return _ID.fullmatch(text) is not None
    return name not in CATALOGUE or CATALOGUE[name].holds


_ID = re.compile(r"<?[^\s<>@,;]*@?[^\s<>@,;]*>?")
"""An id of a message, in which what has the form of an address is none."""


def passages(value: Any, without: frozenset[int] = frozenset()) -> Iterator[Found]:
    """Every text in a value that may hold an address or a seal: keys included, however deep, and in JSON in a text.

    `without` has the ids of what is left out.
    """
    stack = [iter([("", value)])]
    while stack:
        for path, item in stack[-1]:
            if id(item) in without:
                continue
            if isinstance(item, str):
                if not _says_something(item):
                    continue
                if item[:1] not in _NESTED or not isinstance(inner := decoded(item), dict | list):
                    yield path or "@", item
                    continue
                item = inner
            if isinstance(item, dict | list):
                stack.append(_members(path, item))
                break
        else:
            stack.pop()


_NESTED = ("{", "[")


def _says_something(text: str) -> bool:
    """Whether there may be an address in a text (percent-encoded, or escaped as JSON does), or a seal."""
    return "@" in text or "%40" in text or "\\u00" in text or PREFIX in text


def _members(path: str, item: dict[str, Any] | list[Any]) -> Iterator[tuple[str, Any]]:
    """What is in an object or an array, its keys included, each with its path."""
    if isinstance(item, list):
        for number, member in enumerate(item):
            yield f"{path}[{number}]", member
        return
    for key, member in item.items():
        if _says_something(key):
            yield path, key
        yield f"{path}.{key}" if path else key, member


# ---- the envelope and the header -------------------------------------------------------------------------------------


def _envelope(payload: Payload, value: Any) -> Envelope | None:
    if not payload.rcpt_to:
        return None
    sender = first(payload.mail_from, value)
    return Envelope(
        sender if isinstance(sender, str) else None, tuple(addresses(payload.rcpt_to, value)), payload.complete
    )


def _octets(payload: Payload, value: Any) -> bytes:
    """The message as it stands in the payload."""
    if isinstance(text := first(payload.raw, value), str):
        return encode_octets(text)
    if isinstance(text := first(payload.raw64, value), str):
        if ":" in text:  # which base64 has not, and every message has: a log holds what was handed to a client library
            return encode_octets(text)
        try:
            return base64.b64decode(text.translate(_STANDARD) + "==")
        except (ValueError, binascii.Error):
            return b""
    return b""


_STANDARD = {ord("-"): "+", ord("_"): "/"}


def _items(payload: Payload, value: Any) -> Iterator[tuple[str, str]]:
    """Names and values of the header fields, in whatever form a vendor gives them."""
    for found in every(payload.headers, value):
        yield from _fields(decoded(found) if isinstance(found, str) else found)


def _fields(found: Any) -> Iterator[tuple[str, str]]:
    """Fields of a pair of name and value, of an object of both, of an object by names, or of a list of these."""
    if isinstance(found, dict):
        name, text = (found.get(key) or found.get(key.capitalize()) for key in ("name", "value"))
        pairs = [(name, text)] if isinstance(name, str) and text is not None else list(found.items())
    elif isinstance(found, list) and len(found) == 2 and isinstance(found[0], str):
        pairs = [(found[0], found[1])]
    else:
        for item in found if isinstance(found, list) else ():
            if isinstance(item, dict | list):
                yield from _fields(item)
        return
    for name, given in pairs:
        name = name.lstrip(" \t")  # a blank after it stays: it is a defect of the field, and servers differ on it
        for text in given if isinstance(given, list) else (given,):
            if isinstance(text, str) and name.isascii() and name and not set(name.rstrip(" \t")) & _UNNAMED:
                yield name, text


_UNNAMED = set(": \t\r\n")


# ---- the record ------------------------------------------------------------------------------------------------------


def _record(kind: str, payload: Payload, value: Any, around: Iterable[Found], known: set[str]) -> Record:
    """What a payload states; `known` are the texts that need not be looked into."""
    sightings = [s for role, places in payload.roles for found in places for s in _sightings(role, found, value, known)]
    label = first(payload.labelled, value)
    if isinstance(label, str) and label.lower() in _LABELS:
        role = _LABELS[label.lower()]
        sightings += [s._replace(role=role) for s in sightings if s.role is Role.ENVELOPE]
    ids = [text for found in payload.ids for text in texts(found, value)]
    known.update(filter(_ID.fullmatch, ids))
    seals: list[str] = []
    left = passages(value, frozenset(id(body) for found in payload.bodies for body in every(found, value)))
    sightings += _leftovers(chain(left, around), known, seals, kind != GENERIC)
    spots = list(payload.blind_spots)
    if first(payload.truncated, value) in (True, "true"):
        spots.append("the header is truncated: the absence of a field proves nothing")
    return Record(
        tuple(sightings),
        (*_marks(payload, value), *_hosts(payload, value), *_settings(payload, value)),
        tuple((level, ",".join(named)) for level, found in payload.streams if (named := list(texts(found, value)))),
        (*seals, *(text.strip("<> ") for text in ids)),
        {},
        next(filter(None, (_when(text) for found in payload.date for text in texts(found, value))), None),
        next((text for found in payload.subject for text in texts(found, value)), ""),
        whole=not payload.partial,
        blind_spots=tuple(spots),
    )


_LABELS = {"cc": Role.CC, "bcc": Role.BCC, "archive": Role.ARCHIVE}

# What every reader takes for one address: told from a list at a fraction of its cost, which counts for a million.
_BARE = re.compile(r"([A-Za-z0-9._+-]++)@([a-z0-9-]++(?:\.[a-z0-9-]++)*+)")
_new = tuple.__new__


def _sightings(role: Role, expression: str, value: Any, known: set[str]) -> Iterator[Sighting]:
    for number, text in enumerate(addresses(expression, value)):
        if bare := _BARE.fullmatch(text):
            known.add(text)
            yield _new(Sighting, (_new(Address, bare.groups()), role, expression, number, Tier.PLAIN, None, None))
            continue
        for box in lex_text(text).mailboxes:
            meant = Role.MENTIONED if box.mentioned else role
            known.add(str(box.address))
            yield Sighting(box.address, meant, expression, number, box.tier, None, box.name)


def _leftovers(left: Iterable[Found], known: set[str], seals: list[str], named: bool) -> Iterator[Sighting]:
    """Every other address, under the path where it stands: mentioned, or a Bcc where a key says so; and every seal."""
    for path, text in left:
        seals += seals_in(text)
        if text in known:
            continue
        bcc = named and _BCC.search(path) is not None
        for number, address in enumerate(addresses_in(text)):
            for box in parse_all(address):
                if box.tier is not Tier.CANDIDATE and str(box.address) not in known:
                    role = Role.BCC if bcc else Role.MENTIONED
                    yield Sighting(box.address, role, path, number, box.tier, None)


_BCC = re.compile(r"(?:\A|\.)bcc", re.IGNORECASE)
"""A member that is called so, wherever it stands in a path."""


def _marks(payload: Payload, value: Any) -> Iterator[Mark]:
    for vendor, expressions in payload.accounts:
        for expression in expressions:
            for text in texts(expression, value):
                account = text.split(":")[4] if text.startswith("arn:") and text.count(":") >= 5 else text
                yield Mark("account", f"{vendor}:{account[:200]}", Role.IDENTITY, expression, 0, None)


def _hosts(payload: Payload, value: Any) -> Iterator[Mark]:
    for role, expressions in payload.hosts:
        for expression in expressions:
            for text in texts(expression, value):
                yield Mark("host", text.lower().rstrip("."), role, expression, 0, None)


def _settings(payload: Payload, value: Any) -> Iterator[Mark]:
    for what, expressions in payload.settings:
        role = Role.CONTROL if what in ("bcc", "archive", "forward") else Role.IDENTITY
        for expression in expressions:
            for number, text in enumerate(texts(expression, value)):
                yield Mark("setting", f"{what} {text.lower() if '@' in text else text}", role, expression, number, None)


def _when(text: str) -> datetime | None:
    """A time in UTC from seconds or milliseconds since 1970 or from words (ISO 8601, RFC 5322); None for none."""
    for parse in (_moment, datetime.fromisoformat, parsedate_to_datetime):
        try:
            return in_utc(parse(text))
        except (ValueError, TypeError, IndexError, OverflowError, OSError):
            continue
    return None


def _moment(text: str) -> datetime:
    seconds = float(text)
    return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
