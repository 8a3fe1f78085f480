"""Payloads of ESPs and test servers: events, requests, stored messages. One table says where in each what stands.

The table is payloads.json beside this file: for every kind how it is detected, which expressions (JMESPath) give the
addresses of which role, the names of the stream, ids, accounts, the header. Adding a kind is one entry there and one
sample in the tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from headerguard.fields import Role
from headerguard.provenance import Stage
from headerguard.sources.expression import addresses, first, top_level
from headerguard.sources.json_values import Folded, folded

__all__ = ["GENERIC", "PAYLOADS", "Payload", "as_kind", "kind_of", "payload_of"]

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
    hosts: tuple[tuple[Role, tuple[str, ...]], ...] = ()
    """Host names per role."""
    settings: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What the account is set to do, by what it is for: bcc, archive, forward, webhook, sender or user."""
    date: tuple[str, ...] = ()
    """When: seconds or milliseconds since 1970, or a date in words."""
    subject: tuple[str, ...] = ()
    """The subject."""
    headers: str = ""
    """The header: objects or pairs in a list, or objects of values or lists of them, or any of these as a string."""
    raw: str = ""
    """The whole message."""
    raw64: str = ""
    """The whole message in base64, in either alphabet."""
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
            "hosts": tuple((Role(role), tuple(found)) for role, found in entry.get("hosts", {}).items()),
            "settings": tuple((what, tuple(found)) for what, found in entry.get("settings", {}).items()),
            "accounts": tuple((vendor, tuple(found)) for vendor, found in entry.get("accounts", {}).items()),
            "streams": tuple((kind, found) for kind, found in entry.get("streams", ())),
            "stage": Stage(entry["stage"]),
        }
        lists = {key: tuple(entry.get(key, ())) for key in ("ids", "date", "subject", "bodies", "blind_spots")}
        return cls(**{**entry, **pairs, **lists})

    def describes(self, value: dict[str, Any]) -> bool:
        """Whether a payload is of this kind."""
        needed = top_level(self.detect)  # by which most kinds are told at once
        if isinstance(value, Folded):
            return not value.names.keys().isdisjoint(map(str.lower, needed)) and bool(first(self.detect, value))
        return not needed.isdisjoint(value) and bool(first(self.detect, value))

    def fits(self, value: dict[str, Any]) -> bool:
        """Whether anything in a payload stands where this kind has addresses or a header."""
        listed = (*(found for _, places in self.roles for found in places), self.mail_from, self.rcpt_to)
        return any(next(addresses(found, value), None) for found in listed) or bool(first(self.headers, value))


def _table() -> dict[str, Payload]:
    """The table; an entry that is like an earlier one says only what it has of its own."""
    entries: dict[str, Any] = json.loads(Path(__file__).with_name("payloads.json").read_text(encoding="utf-8"))
    for kind, entry in entries.items():
        if "like" in entry:
            entries[kind] = {**entries[entry.pop("like")], **entry}
    return {kind: Payload.from_dict(entry) for kind, entry in entries.items()}


PAYLOADS: dict[str, Payload] = _table()
"""Every kind of payload, by id."""

_ANYTHING = Payload("", "Any other JSON.", "", Stage.UNKNOWN, "")


def payload_of(kind: str) -> Payload:
    """The entry of a kind; that of GENERIC says nothing."""
    return PAYLOADS.get(kind, _ANYTHING)


def kind_of(value: Any) -> tuple[str, Any]:
    """The first kind of the table that describes a payload, or GENERIC, and the payload to read.

    Where none does, names of members may be written in another case than the vendor documents.
    """
    for shown in _spellings(value):
        if _names().isdisjoint(map(str.lower, shown)):
            break
        for kind, payload in PAYLOADS.items():
            if payload.describes(shown):
                return kind, shown
    return GENERIC, value


@cache
def _names() -> frozenset[str]:
    """The members, in lower case, without any of which a payload is of no kind."""
    return frozenset(name.lower() for payload in PAYLOADS.values() for name in top_level(payload.detect))


def as_kind(kind: str, value: Any) -> tuple[str, Any]:
    """The same where a kind was asked for: that, where the payload is of it, or is of no other and fits it."""
    payload = PAYLOADS[kind]
    for shown in _spellings(value):
        if payload.describes(shown):
            return kind, shown
    found, shown = kind_of(value)
    return kind if found == GENERIC and isinstance(shown, dict) and payload.fits(shown) else found, shown


def _spellings(value: Any) -> Iterator[dict[str, Any]]:
    """A payload as it is, and made only when asked for, with members that are found in any case."""
    if isinstance(value, dict):
        yield value
        yield folded(value)
