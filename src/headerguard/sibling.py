"""Copies of one message that came shortly before, each written for one of its recipients.

A relay or a program that writes each recipient a copy of his own leaves nothing in the copy of who else gets one. But
the copies come within a minute, and share what is of one message alone: the Message-ID, the id that a server took the
message in under (RFC 5321 section 4.4), the id of an ESP, or a Subject with a number in it, as of an order, an invoice
or a code. Who gets such a copy is remembered for so long. Every process remembers for itself, and no file holds it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from headerguard.address import SuffixList
from headerguard.address_list import Tier
from headerguard.lists import FREEMAIL
from headerguard.message import Message
from headerguard.riders import MAILING, Party
from headerguard.role import Role

__all__ = ["KEPT", "SPAN", "Copies", "Siblings", "outsiders_of"]

KEPT = 4096
"""Ids that are remembered, the latest."""
SPAN = timedelta(minutes=1)
"""How far apart the copies of one message are at most, by their Date."""
_SERVERS = 8
"""Received fields that are looked into, the lowest: what came before the server that divides is the same in all."""
_LONG = 500
"""Characters that are looked into of a field."""
_TAKEN = re.compile(
    r"\bby[ \t\r\n]{1,9}+([^\s;()]{1,255}+)[^;]*?[ \t\r\n]id[ \t\r\n]{1,9}+<?([\w.+/=-]{6,100})", re.IGNORECASE
)
_VERSION = re.compile(r"[\d.]+")
"""What some servers write in the place of an id: the same in all mail."""
_NUMBER = re.compile(r"(?<!\d)(?!(?:19|20)\d{6}(?!\d))\d{5,}")
"""Five digits or more that are no day."""


class Copies(NamedTuple):
    """Who got the copies of one message, by what they share."""

    date: datetime
    """Of the first."""
    meant: frozenset[Party]
    """Who is in the first copy that somebody unrelated to the author is in."""
    apart: frozenset[Party]
    """Who else got one, unrelated to these."""

    def new(self, here: frozenset[Party]) -> frozenset[Party]:
        """Who of those in another copy is in none so far; nobody where this is the first."""
        return here - self.meant - self.apart if self.meant else _NOBODY


_NOBODY: frozenset[Party] = frozenset()


class Siblings:
    """Who got a copy of the messages that came lately."""

    __slots__ = ("_copies",)

    def __init__(self) -> None:
        """Start with none."""
        self._copies: dict[tuple[str, str], Copies] = {}

    def __len__(self) -> int:
        """How many ids are remembered."""
        return len(self._copies)

    def earlier(self, message: Message, stream: str) -> list[Copies]:
        """What is known of the copies that came before this one, by each of the ids that it shares with them."""
        found, date = [], message.date
        for id_ in message.fact(_ids_of, None) if date else ():
            known = self._copies.get((stream, id_))
            if known is not None and date is not None and abs(date - known.date) <= SPAN:
                found.append(known)
        return found

    def learn(self, message: Message, stream: str, here: frozenset[Party]) -> None:
        """Remember a copy, and the parties in it."""
        date = message.date
        if date is None:
            return
        for id_ in message.fact(_ids_of, None):
            known = self._copies.pop((stream, id_), None)
            if known is None or not known.meant or abs(date - known.date) > SPAN:
                known = Copies(date, here, _NOBODY)
            elif len(known.apart) < MAILING:
                known = known._replace(apart=known.apart | known.new(here))
            self._copies[stream, id_] = known
        while len(self._copies) > KEPT:
            del self._copies[next(iter(self._copies))]


def outsiders_of(message: Message, suffixes: SuffixList) -> dict[str, Party]:
    """The party of each recipient who is not at home with the author, by canonical address key.

    Of a mailing nobody; nor of an alias that a relay expanded, as each member gets a copy of his own.
    """
    return message.fact(_outsiders_of, suffixes)


def _outsiders_of(message: Message, suffixes: SuffixList) -> dict[str, Party]:
    found: dict[str, Party] = {}
    if "x-original-to" in message.names or len(message.recipients) > MAILING:
        return found
    home = {suffixes.registrable_domain(s.address.domain) for s in message.sightings_of((Role.FROM,))}
    for recipient in message.recipients:
        domain = suffixes.registrable_domain(recipient.address.domain)
        if domain not in home and recipient.tier is not Tier.CANDIDATE and not message.is_expanded(recipient):
            key = recipient.address.canonical
            found[key] = key if domain in FREEMAIL else domain
    return found


def _ids_of(message: Message, _: None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(islice(_found_ids(message), 2 * _SERVERS)))


def _found_ids(message: Message) -> Iterator[str]:
    """What a copy holds that is of one message alone."""
    subject = message.subject[:_LONG]
    if _NUMBER.search(subject):
        author = next(iter(message.sightings_of((Role.FROM,))), None)
        yield f"subject {author.address.key if author else ''} {subject}"
    text, names = message.header.text, message.names
    lines = [line for line in message.header.lines if line.name == "received"] if "received" in names else []
    for line in lines[-_SERVERS:]:
        taken = _TAKEN.search(text, line.value, min(line.end, line.value + _LONG))
        if taken and not _VERSION.fullmatch(taken[2]):
            yield f"by {taken[1].lower()} {taken[2]}"
    yield from (f"id {text[:_LONG]}" for text in message.correlation)
