"""The catalogue of fields that carry addresses: wire name to role, grammar, stage and reference.

A field that is not in the table is not looked into. Adding one is one line here and one sample in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from headerguard.address_list import Reading, Tier, lex

__all__ = ["CATALOGUE", "DESTINATION", "HIDDEN", "RECIPIENT", "VISIBLE", "Entry", "Role"]


class Role(StrEnum):
    """What an address is there for. The values are part of the output and do not change."""

    FROM = "from"
    SENDER = "sender"
    REPLY = "reply"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    ENVELOPE = "envelope"
    BOUNCE = "bounce"
    RECEIPT = "receipt"
    CONTROL = "control"
    ARCHIVE = "archive"
    DELIVERED = "delivered"
    RELAY = "relay"
    IDENTITY = "identity"
    TRACKING = "tracking"
    LIST = "list"
    THREAD = "thread"
    MENTIONED = "mentioned"
    RESENT_FROM = "resent_from"
    RESENT_TO = "resent_to"
    RESENT_CC = "resent_cc"
    RESENT_BCC = "resent_bcc"


VISIBLE = frozenset((Role.TO, Role.CC, Role.RESENT_TO, Role.RESENT_CC))
"""Roles that every recipient of the message can read."""

HIDDEN = frozenset((Role.BCC, Role.RESENT_BCC, Role.ENVELOPE, Role.CONTROL, Role.ARCHIVE))
"""Roles that prove or ask for a delivery without showing it to the others."""

RECIPIENT = VISIBLE | HIDDEN
"""Roles that make an address a recipient."""

Decoder = Callable[[str, int, int], Reading]
"""Reads a field value: text (one character per octet), start, end. Never raises."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of the catalogue."""

    name: str
    """Wire name in lower case."""
    role: Role
    """What its addresses are there for."""
    reference: str
    """Where the meaning is defined."""
    decode: Decoder = lex
    """How the value is read; an address list unless said otherwise."""
    destination: bool = False
    """A destination field: a server that takes recipients from the header acts on it (RFC 5322 section 3.6.3)."""
    single: bool = False
    """RFC 5322 section 3.6 allows at most one in a message."""


_NULL_PATH = re.compile(r"[ \t\r\n]*+<?[ \t\r\n]*+>?[ \t\r\n]*+")
_RECEIVED_FOR = re.compile(r"(?<=[ \t\r\n])[fF][oO][rR][ \t\r\n]++(<[^<>;\r\n]*>|[^\s<>();]+)")


def _path(text: str, start: int, end: int) -> Reading:
    """A path (RFC 5321 section 4.1.2); the null path "<>" holds nothing and is nothing odd."""
    if _NULL_PATH.fullmatch(text, start, end):
        return Reading([], [])
    return lex(text, start, end)


def _received(text: str, start: int, end: int) -> Reading:
    """The "for" clause of a Received field (RFC 5321 section 4.4); most servers leave it out for several recipients."""
    found = _RECEIVED_FOR.search(text, start, end)
    if found is None or "@" not in found[1]:
        return Reading([], [])
    mailboxes = lex(text, *found.span(1)).mailboxes
    return Reading([box for box in mailboxes if box.tier is not Tier.CANDIDATE], [])


def _standard() -> tuple[Entry, ...]:
    """The fields of the standards and of common practice."""
    rfc5322, resent = "RFC 5322 section 3.6.", "RFC 5322 section 3.6.6"
    return (
        Entry("from", Role.FROM, rfc5322 + "2, RFC 6854", single=True),
        Entry("sender", Role.SENDER, rfc5322 + "2", single=True),
        Entry("reply-to", Role.REPLY, rfc5322 + "2", single=True),
        Entry("to", Role.TO, rfc5322 + "3", destination=True, single=True),
        Entry("cc", Role.CC, rfc5322 + "3", destination=True, single=True),
        Entry("bcc", Role.BCC, rfc5322 + "3", destination=True, single=True),
        Entry("resent-from", Role.RESENT_FROM, resent),
        Entry("resent-sender", Role.RESENT_FROM, resent),
        Entry("resent-reply-to", Role.REPLY, "RFC 822 section 4.2"),
        Entry("resent-to", Role.RESENT_TO, resent, destination=True),
        Entry("resent-cc", Role.RESENT_CC, resent, destination=True),
        Entry("resent-bcc", Role.RESENT_BCC, resent, destination=True),
        Entry("return-path", Role.BOUNCE, "RFC 5321 section 4.4", _path),
        Entry("errors-to", Role.BOUNCE, "sendmail; RFC 2076 section 3.5", _path),
        Entry("delivered-to", Role.DELIVERED, "RFC 9228"),
        Entry("x-original-to", Role.DELIVERED, "Postfix local(8)"),
        Entry("envelope-to", Role.ENVELOPE, "Exim envelope_to_add"),
        Entry("x-envelope-to", Role.ENVELOPE, "list and filter software"),
        Entry("apparently-to", Role.ENVELOPE, "sendmail NoRecipientAction"),
        Entry("disposition-notification-to", Role.RECEIPT, "RFC 8098 section 2.1"),
        Entry("return-receipt-to", Role.RECEIPT, "sendmail; RFC 2076 section 3.5"),
        Entry("mail-followup-to", Role.REPLY, "draft-ietf-drums-mail-followup-to"),
        Entry("mail-reply-to", Role.REPLY, "draft-ietf-drums-mail-followup-to"),
        Entry("received", Role.DELIVERED, "RFC 5321 section 4.4", _received),
        Entry("x-mc-bccaddress", Role.CONTROL, "Mailchimp Transactional: SMTP headers"),
    )


CATALOGUE: Mapping[str, Entry] = {entry.name: entry for entry in _standard()}
"""Every field that is looked into, by wire name in lower case. Read-only by contract; a proxy would cost each time."""

DESTINATION = frozenset(name for name, entry in CATALOGUE.items() if entry.destination)
"""Names of the destination fields."""
