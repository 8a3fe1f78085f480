"""Bounces, read receipts and complaints: who a message was written to, as those say who failed to get it or did.

All are multipart/report (RFC 6522) with one part for machines: message/delivery-status (RFC 3464, RFC 6533),
message/disposition-notification (RFC 8098), message/feedback-report (RFC 5965); and mostly the message or its header.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from headerguard.address import Address
from headerguard.fields import Role
from headerguard.message import Message, Record, Sighting, Stage
from headerguard.sources.multipart import fields
from headerguard.sources.report import Report, messages, outer_sightings, sightings, take_apart
from headerguard.sources.window import Items, Place

__all__ = ["KIND", "read"]

KIND = "delivery_status"
"""Id of the source kind."""

_MEDIA = frozenset(
    (
        "message/delivery-status",
        "message/global-delivery-status",
        "message/disposition-notification",
        "message/global-disposition-notification",
        "message/feedback-report",
    )
)
_PROVEN = (Role.DELIVERED, Role.ENVELOPE)
_RECIPIENTS = ("final-recipient", "original-rcpt-to", "removal-recipient")
_IDS = ("original-envelope-id", "original-message-id")
_TYPED = re.compile(r"[ \t]*([A-Za-z0-9-]{1,40})[ \t]*;(.*)", re.DOTALL)
"""An address with its type (RFC 3464 section 2.1.2): "rfc822; a@b.example"."""
_ESCAPE = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
"""A character of an address of the type utf-8 (RFC 6533 section 3)."""

Group = dict[str, str]
"""What a report says of one recipient."""


def read(message: Message, body: Iterable[bytes], place: Place) -> Items:
    """The message that a report is about.

    Without an enclosed header the message has none: the report's own is addressed to the sender, and to read that as
    the message would make every recipient a hidden one.
    """
    place = place._replace(kind=KIND)
    report = take_apart(message, body, _MEDIA.__contains__)
    groups = [group for text in report.texts for group in _groups(text)]
    if not groups and report.enclosed is None:
        yield report.as_it_is(None, place)
        yield report.error(f"not a report on a delivery: {report.problems[0]}", place)
        return
    if not groups:
        report.problems.append("it has no part that says to whom the message went; the enclosed message was read")
    report.problems = [problem for problem in report.problems if problem != "no message is enclosed in it"]
    yield from messages(report, _record(report, groups), Stage.EVENT, place)


def _groups(text: str) -> Iterator[Group]:
    """The fields recipient by recipient: an empty line parts them, and so does a second field of one name."""
    group: Group = {}
    for key, value in fields(text):
        if group and (not key or key in group):
            yield group
            group = {}
        if key:
            group[key] = value
    if group:
        yield group


def _record(report: Report, groups: list[Group]) -> Record:
    found: list[Sighting] = []
    originals: dict[str, Address] = {}
    for number, group in enumerate(groups):
        found += _recipients(group, number, originals)
        if "original-mail-from" in group:
            found += sightings(
                _address(group["original-mail-from"]), (Role.BOUNCE,), "report:original-mail-from", number
            )
    ids = (group[key].strip("<> ") for group in groups for key in _IDS if key in group)
    return Record(
        (*found, *outer_sightings(report.message, Role.MENTIONED)),
        ids=tuple(dict.fromkeys(filter(None, ids))),
        originals=originals,
        date=report.message.date,
        whole=False,
    )


def _recipients(group: Group, number: int, originals: dict[str, Address]) -> Iterator[Sighting]:
    """Who is proven to have been written to; the original recipient is whom the sender named (RFC 3464 section 2.3)."""
    final = [s for key in _RECIPIENTS if key in group for s in _sightings(group, key, number)]
    yield from final
    for original in _sightings(group, "original-recipient", number):
        if original.address.key not in {sighting.address.key for sighting in final}:
            yield original
            if final:
                originals.setdefault(final[0].address.key, original.address)


def _sightings(group: Group, key: str, number: int) -> Iterator[Sighting]:
    yield from sightings(_address(group.get(key, "")), _PROVEN, f"report:{key}", number)


def _address(value: str) -> str:
    """The address without its type, and with what the type escapes."""
    typed = _TYPED.match(value)
    if typed is None:
        return value
    return _ESCAPE.sub(_character, typed[2]) if typed[1].lower() == "utf-8" else typed[2]


def _character(escape: re.Match[str]) -> str:
    number = int(escape[1], 16)
    return chr(number) if number < 0xD800 or 0xE000 <= number < 0x110000 else escape[0]
