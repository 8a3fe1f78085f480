"""What a program hands over (RFC 6409), put together from the pieces that mail libraries keep apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from headerguard import Envelope, Message, Record, Role, Sighting, Stage

__all__ = ["Items", "addresses_in", "entries_of", "list_of", "seals_in", "submitted", "text_of"]

Items = list[tuple[str, str]]
"""Names and values of header fields, in the order in which they are written."""


def submitted(
    items: Items,
    envelope: Envelope | None = None,
    blind: Any = (),
    stated: Iterable[Sighting] = (),
    streams: Iterable[tuple[str, str]] = (),
    ids: Iterable[str] = (),
) -> Message:
    """A message as the header that is written, the envelope, and whom the library keeps in an attribute for Bcc.

    `blind` is the value of that attribute; `stated` is what the object says besides; the others as in `Record`.
    """
    sightings = (*addresses_in("bcc[]", entries_of(blind), Role.BCC), *stated)
    record = Record(sightings, streams=tuple(streams), ids=tuple(ids))
    return Message.from_items(items, envelope, Stage.SUBMITTED, record=record)


def addresses_in(field: str, entries: Iterable[object], role: Role) -> Iterator[Sighting]:
    """The addresses in entries of an address list, in one role; `field` says where in the object they stand."""
    for number, entry in enumerate(entries):
        for found in Message.from_items([("To", text_of(entry))]).sightings:
            meant = found.role if found.role is Role.MENTIONED else role
            yield found._replace(role=meant, field=field, occurrence=number, span=None)


def entries_of(value: Any) -> list[Any]:
    """The entries of an attribute for addresses: a list of them, one alone, or none."""
    return [value] if isinstance(value, str | bytes) else [entry for entry in value or () if entry]


def list_of(value: Any) -> str:
    """The entries of an attribute as an address list."""
    return ", ".join(map(text_of, entries_of(value)))


def text_of(entry: object) -> str:
    """An entry of an address list as it would be written: text, a pair of name and address, or an object of both."""
    if isinstance(entry, tuple | list):
        name, address = entry
        return _mailbox(name, address)
    if isinstance(address := getattr(entry, "email", None), str):
        return _mailbox(getattr(entry, "name", None), address)
    return entry.decode("utf-8", "surrogateescape") if isinstance(entry, bytes) else str(entry)


def _mailbox(name: object, address: object) -> str:
    """Name and address; the name quoted, as libraries do it, so that a comma in it makes no second address."""
    quoted = re.sub(r'(["\\])', r"\\\1", str(name))
    return f'"{quoted}" <{address}>' if name and name != address else f"{address}"


def seals_in(values: Mapping[str, object] | None) -> tuple[str, ...]:
    """The seals among metadata."""
    texts = [(str(name), str(value)) for name, value in (values or {}).items()]
    return tuple(seal for _, text in texts for seal in Message.from_items([("X-Metadata", text)]).seals)
