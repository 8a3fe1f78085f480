"""Copies of one message that came shortly before, each written for one of its recipients.

A relay or a program that writes each recipient a copy of his own leaves nothing in the copy of who else gets one. But
the copies come within a minute, and share what is of one message alone: the Message-ID, the id that a server took the
message in under (RFC 5321 section 4.4), the id of an ESP, or a Subject with a number in it, as of an order, an invoice
or a code. Who gets such a copy is remembered for so long. Every process remembers for itself, and no file holds it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from headerguard.address import SuffixList
from headerguard.address_list import Tier
from headerguard.header import decode_words
from headerguard.lists import FREEMAIL
from headerguard.message import Message
from headerguard.riders import Party
from headerguard.role import Role

__all__ = ["KEPT", "SPAN", "Copies", "Siblings", "outsiders_of"]

KEPT = 4096
"""Ids that are remembered, the latest."""
_COPIES, _PEOPLE = 8, 9
"""Copies of one message that are remembered, and people in one; with more no message is meant for one party."""
SPAN = timedelta(minutes=1)
"""How far apart the copies of one message are at most, by their Date."""
_TELLING = frozenset(("message-id", "subject", "received"))
"""Fields that hold what is of one message alone."""
_MOST = 16
"""Of these, how many are looked into, the lowest: what the first server wrote is the same in all."""
_LONG = 500
"""Characters that are looked into of a field."""
_TAKEN = re.compile(
    r"\bby[ \t\r\n]{1,9}+([^\s;()]{1,255}+)[^;]*?[ \t\r\n]id[ \t\r\n]{1,9}+<?([\w.+/=-]{6,100})", re.IGNORECASE
)
_VERSION = re.compile(r"[\d.]+")
"""What some servers write in the place of an id: the same in all mail."""
_NUMBER = re.compile(r"\d{5,}")
"""What numbers an order, an invoice or a code, where it is no moment."""
_NUMBERED = "subject "
_LATEST = 512
"""Ids that are counted, at most, to tell how many numbers come."""
_MINUTES = 10 * 24 * 60
"""In which no two messages of a stream may have the same number by chance, as codes are drawn at random."""
_DATE = r"(?:(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])|[0-3]\d[0-3]\d(?:19|20)\d\d)"
_MOMENT = re.compile(rf"(?<!\d){_DATE}(?:[T_-]?(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d)?)?(?!\d)")
"""A day without signs between, in any order, and the time after it: jobs that begin by the clock share it."""


class Copies(NamedTuple):
    """The copies of one message, by what they share."""

    date: datetime
    """Of the first."""
    outsiders: tuple[Mapping[str, Party], ...]
    """Who is in each of them, see `outsiders_of`."""


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

    def has_earlier(self, message: Message, stream: str) -> bool:
        """Whether a copy came before this one."""
        return any((stream, id_) in self._copies for id_ in message.fact(_ids_of, None))

    def apart(
        self, message: Message, stream: str, suffixes: SuffixList, usual: Callable[[str], bool] | None = None
    ) -> tuple[frozenset[Party], int]:
        """The parties in this copy that are unrelated to those of the copies before, and how many there are so far.

        None where it is the first that anybody is in. `usual` tells the canonical addresses that are nobody.
        """
        most: tuple[frozenset[Party], int] = (_NOBODY, 0)
        for copies in self._earlier(message, stream):
            *before, here = (_parties(one, usual) for one in (*copies.outsiders, outsiders_of(message, suffixes)))
            meant = next(filter(None, before), here)
            others = _NOBODY.union(*before) - meant
            if new := here - meant - others:
                most = max(most, (new, len(new | others)), key=lambda one: one[1])
        return most

    def _earlier(self, message: Message, stream: str) -> Iterator[Copies]:
        """The copies that came before this one, by each of the ids that it shares with them."""
        date = message.date
        for id_ in message.fact(_ids_of, None) if date else ():
            known = self._copies.get((stream, id_))
            if known is None or date is None or abs(date - known.date) > SPAN:
                continue
            if not (id_.startswith(_NUMBERED) and self._is_chance(stream, id_, date)):
                yield known

    def _is_chance(self, stream: str, id_: str, date: datetime) -> bool:
        """Whether so many numbers come at this time that, drawn at random, two would be the same every few days."""
        others = [
            other
            for (where, other), copies in islice(reversed(self._copies.items()), _LATEST)
            if where == stream and other.startswith(_NUMBERED) and other != id_ and abs(date - copies.date) <= SPAN
        ]
        digits = int(id_[len(_NUMBERED) :].partition(" ")[0])
        return bool(len(others) ** 2 * _MINUTES > 10**digits)

    def learn(self, message: Message, stream: str, suffixes: SuffixList) -> None:
        """Remember a copy, and who is in it."""
        date, copies = message.date, self._copies
        outsiders = outsiders_of(message, suffixes) if date else None
        if date is None or not outsiders:
            return
        for id_ in message.fact(_ids_of, None):
            known = copies.pop((stream, id_), None)
            if known is None or abs(date - known.date) > SPAN:
                known = Copies(date, (outsiders,))
            elif len(known.outsiders) < _COPIES:
                known = Copies(known.date, (*known.outsiders, outsiders))
            copies[stream, id_] = known
        while len(copies) > KEPT:
            del copies[next(iter(copies))]


def outsiders_of(message: Message, suffixes: SuffixList) -> dict[str, Party]:
    """The party of each recipient who is not at home with the author, by canonical address key.

    Of a mailing nobody; nor of an alias that a relay expanded, as each member gets a copy of his own. Who is hidden in
    his own copy is judged by that, and proves no habit of dividing messages.
    """
    return message.fact(_outsiders_of, suffixes)


def _outsiders_of(message: Message, suffixes: SuffixList) -> dict[str, Party]:
    found: dict[str, Party] = {}
    if len(message.recipients) > _PEOPLE or ("x-original-to" in message.names and _is_expanded(message)):
        return found
    registrable = suffixes.registrable_domain
    home = {registrable(s.address.domain) for s in message.sightings_of((Role.FROM,))}
    for recipient in message.recipients:
        domain = registrable(recipient.address.domain)
        if recipient.hidden or recipient.tier is Tier.CANDIDATE or recipient.original is not None:
            continue
        if domain not in home:
            key = recipient.address.canonical
            if len(key) <= _LONG:  # nobody gets mail at a longer one (RFC 5321 section 4.5.3.1.3), and it is remembered
                found[key] = key if domain in FREEMAIL else domain
    return found


def _is_expanded(message: Message) -> bool:
    """Whether it was meant for somebody who gets none; Postfix writes X-Original-To where it delivers, alias or not."""
    stamps = {s.address.canonical for s in message.sightings_of((Role.DELIVERED,)) if s.field == "x-original-to"}
    return not stamps.issubset(recipient.address.canonical for recipient in message.recipients)


def _parties(outsiders: Mapping[str, Party], usual: Callable[[str], bool] | None) -> frozenset[Party]:
    return frozenset(party for key, party in outsiders.items() if usual is None or not usual(key))


def _ids_of(message: Message, about: None) -> tuple[str, ...]:
    """What a copy holds that is of one message alone; of its servers what the first one took it in under."""
    record, envelope, text = message.record, message.envelope, message.header.text
    found = [f"id {id_[:_LONG]}" for id_ in record.ids[:_MOST] if id_] if record else []
    if envelope and envelope.queue_id:
        found.append(f"id {envelope.queue_id[:_LONG]}")
    lines, is_taken = [line for line in message.header.lines if line[0] in _TELLING], False
    for name, _, start, end in lines[: -_MOST - 1 : -1]:
        value = text[start : min(end, start + _LONG)].strip(" \t\r\n")
        if name == "message-id":
            if id_ := value.strip("<>"):
                found.append(f"id {id_}")
        elif name == "subject":
            value = " ".join(value.split())  # one server folds where another does not
            if "=?" in value:
                value = decode_words(value)
            if numbers := _NUMBER.findall(_MOMENT.sub(" ", value)):
                digits = len(max(numbers, key=len))
                author = next(iter(message.sightings_of((Role.FROM,))), None)
                found.append(f"{_NUMBERED}{digits} {author.address.key if author else ''} {value}")
        elif not is_taken and (taken := _TAKEN.search(value)) and not _VERSION.fullmatch(taken[2]):
            found.append(f"by {taken[1].lower()} {taken[2]}")
            is_taken = True
    return tuple(dict.fromkeys(found))
