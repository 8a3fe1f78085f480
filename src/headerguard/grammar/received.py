"""The Received field (RFC 5321 section 4.4): whom a server took a message for, and whatever else it wrote there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headerguard.address_list import Mailbox, Reading, Tier, lex
from headerguard.grammar.free_text import addresses_in
from headerguard.grammar.name import Name, account_of, host_of
from headerguard.grammar.packed import base64_text
from headerguard.role import Role

__all__ = ["hosts_in", "received", "received_by"]

_PATH = r"(?:<[^<>;\r\n]*>|[^\s<>();,]+)"
_RECEIVED_FOR = re.compile(r"[ \t\r\n]for[ \t\r\n]++(<[^<>;\r\n]*@[^<>;\r\n]*>)[ \t\r\n]*+(?:;|\Z)")
_RECEIVED_CLAUSE = re.compile(
    rf"[ \t\r\n](for|id)[ \t\r\n]++({_PATH}(?:[ \t\r\n]*+,[ \t\r\n]*+{_PATH})*+)", re.IGNORECASE
)


def received(text: str, start: int, end: int) -> Reading:
    """The "for" clauses of a Received field (RFC 5321 section 4.4); most servers leave it out for several recipients.

    What other clauses and comments hold (envelope-from, the user who logged in, ORCPT) is mentioned; an id is no
    address.
    """
    signs = text.count("@", start, end)
    if text.find("%40", start, end) < 0:
        if not signs:
            return Reading([], [])
        if signs == 1 and (found := _RECEIVED_FOR.search(text, start, end)):  # as nearly every server writes it
            mailboxes, _ = lex(text, found.start(1), found.end(1))
            return Reading([box for box in mailboxes if box.tier is not Tier.CANDIDATE], [])
    boxes: list[Mailbox] = []
    rest = start
    for found in _RECEIVED_CLAUSE.finditer(text, start, end):
        if "@" in found[2]:
            boxes += _mentions(text, rest, found.start())
            rest = found.end()
            if found[1].lower() == "for":
                boxes += (box for box in lex(text, *found.span(2)).mailboxes if box.tier is not Tier.CANDIDATE)
    boxes += _mentions(text, rest, end)
    return Reading(boxes, [])


def _mentions(text: str, start: int, end: int) -> Iterator[Mailbox]:
    """Every address that a piece of free text mentions, with the place of the piece."""
    if text.find("@", start, end) < 0 and text.find("%40", start, end) < 0:
        return
    for address in addresses_in(text[start:end]):
        for box in lex(address).mailboxes:
            yield box._replace(start=start, end=end, name=None, mentioned=True)


_SENDGRID_HOP = re.compile(r"from ([A-Za-z0-9+/]{8,14}={0,2}) \(unknown\)\s+by \S{1,255} \(SG\) with HTTP")


def received_by(value: str) -> Iterator[Name]:
    """The user id that SendGrid writes in place of a host (seen in delivered mail)."""
    if "(SG)" in value and (found := _SENDGRID_HOP.match(value)):
        user = base64_text(found[1])
        if user.isdigit():
            yield from account_of("sendgrid", user)


_HOP = re.compile(r"(?:\A|[ \t\r\n])(from|by)[ \t\r\n]++([^\s;()\[\]]{1,255})", re.IGNORECASE)
_NUMBERS = re.compile(r"[\d.]+")


def hosts_in(text: str, start: int, end: int) -> Iterator[Name]:
    """The hosts of the first "from" and the first "by" that have a name (RFC 5321 section 4.4)."""
    left = {"from", "by"}
    for found in _HOP.finditer(text[start:end]):
        if (clause := found[1].lower()) in left:
            left.remove(clause)
            if not _NUMBERS.fullmatch(found[2]):
                yield from host_of(found[2], Role.RELAY)
            if not left:
                break
