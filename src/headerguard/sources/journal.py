"""Journal reports of Exchange Server 2007 and later and of Microsoft 365: who a message really went to.

A report is a message to the journal mailbox: its text says sender, subject, Message-ID and every recipient, expanded
and forwarded ones included, and the message itself is enclosed unaltered (MS-XJRNL; TechNet bb331962, with the grammar
in bb738122). Exchange 2003 marks what it journals by Content-Identifier; there the message may be journaled as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from headerguard.address import Address
from headerguard.fields import Role
from headerguard.grammar import addresses_in
from headerguard.header import Header
from headerguard.message import Message, Record, Sighting, Stage
from headerguard.sources.multipart import fields
from headerguard.sources.report import Report, messages, outer_sightings, sightings, take_apart
from headerguard.sources.window import Items, Place, read_plain

__all__ = ["KIND", "is_journal", "read", "read_any"]

KIND = "exchange_journal"
"""Id of the source kind."""

_MARKS = frozenset(("x-ms-journal-report", "x-ms-exchange-organization-journal-report"))
_IDENTIFIERS = ("content-identifier", "content-identifer")
"""The second is how some versions spell it."""

_RECIPIENTS = {
    "to": (Role.TO, Role.ENVELOPE),
    "cc": (Role.CC, Role.ENVELOPE),
    "bcc": (Role.BCC, Role.ENVELOPE),
    "recipient": (Role.ENVELOPE,),  # submitted by nobody known: which field names it, the message says
}
_SENDERS = {"sender": Role.SENDER, "on-behalf-of": Role.IDENTITY}
_REPORTED = frozenset((*_RECIPIENTS, *_SENDERS, "subject", "message-id"))
_READ = re.compile(rf"\ufeff?(?:{'|'.join(sorted(_REPORTED))})[ \t]*:", re.IGNORECASE)
_SOURCE = re.compile(r",[ \t]*+(?:Expanded|Forwarded)[ \t]*+:", re.IGNORECASE)
_SMTP = re.compile(r"(\A|<)smtp:", re.IGNORECASE)
"""The type before an address, as in the proxyAddresses of the directory."""


def is_journal(header: Header) -> bool:
    """Whether the header of a message says that it is a journal report."""
    if not header.names.isdisjoint(_MARKS):
        return True
    return not header.names.isdisjoint(_IDENTIFIERS) and any(
        field.text.strip().lower() == "exjournalreport" for name in _IDENTIFIERS for field in header.all(name)
    )


def read_any(message: Message, body: Iterable[bytes], place: Place) -> Items:
    """A message of any kind: the one that it is about where it is a journal report, else itself.

    Of other reports only those are read so that are called so: much ordinary mail encloses another.
    """
    return (read if is_journal(message.header) else read_plain)(message, body, place)


def read(message: Message, body: Iterable[bytes], place: Place) -> Items:
    """The message that a journal report is about."""
    place = place._replace(kind=KIND)
    report = take_apart(message, body, lambda media: media == "text/plain")
    marked = not message.names.isdisjoint(_MARKS)
    texts = [(text, found) for text in report.texts if (found := _lines(text, marked))]
    lines = [line for _, found in texts for line in found]
    if not lines and not marked and not message.names.isdisjoint(_IDENTIFIERS):
        yield report.as_it_is(Stage.ARCHIVE, place)
    elif not lines and report.enclosed is None:
        yield report.as_it_is(None, place)
        yield report.error(f"not a journal report: {report.problems[0]}", place)
    else:
        record, problem = _record(report, lines, [text for text, _ in texts])
        report.problems += [problem] if problem else []
        yield from messages(report, record, Stage.ARCHIVE, place)


def _lines(text: str, marked: bool) -> list[tuple[str, str]]:
    """What a report says, key and value; nothing for a text that is none.

    Where only Content-Identifier marks the message its text may be what a person wrote, with lines quoted from another
    mail, so that more is asked for.
    """
    found = [(key, value) for key, value in fields(text) if key in _REPORTED]
    keys = {key for key, _ in found}
    said = not keys.isdisjoint(_RECIPIENTS)
    return found if (said or "sender" in keys if marked else said and keys >= {"sender", "message-id"}) else []


def _record(report: Report, lines: list[tuple[str, str]], texts: list[str]) -> tuple[Record, str]:
    """What the lines of some texts state, and what is wrong with them, if anything."""
    found: list[Sighting] = []
    originals: dict[str, Address] = {}
    counts: dict[str, int] = {}
    without = 0
    for key, value in lines:
        number = counts[key] = counts.get(key, -1) + 1
        if key in _RECIPIENTS:
            seen = list(_recipient(key, value, number, originals))
            without += not seen
            found += seen
        elif key in _SENDERS:
            found += sightings(_address(value), (_SENDERS[key],), f"journal:{key}", number)
    found += _unread(texts, {sighting.address.key for sighting in found}, lines)
    record = Record(
        (*found, *outer_sightings(report.message, Role.ARCHIVE)),
        ids=tuple(filter(None, (value.strip("<> ") for key, value in lines if key == "message-id"))),
        originals=originals,
        date=report.message.date,
        subject=next((value for key, value in lines if key == "subject"), ""),
        shown=False,
    )
    if not lines:
        return record, "it has no lines that say who the message went to; the enclosed message was read"
    return record, f"recipient lines without an address: {without}" if without else ""


def _unread(texts: list[str], known: set[str], lines: list[tuple[str, str]]) -> Iterator[Sighting]:
    """What else has the form of an address in a report: in lines that no version of Exchange is known to write."""
    ids = {value.strip("<> ") for key, value in lines if key == "message-id"}
    left = (line for text in texts for line in text.splitlines() if "@" in line and not _READ.match(line))
    for number, found in enumerate(dict.fromkeys(address for line in left for address in addresses_in(line))):
        if found not in ids:
            for sighting in sightings(found, (Role.MENTIONED,), "journal:text", number):
                if sighting.address.key not in known:
                    yield sighting


def _recipient(key: str, value: str, number: int, originals: dict[str, Address]) -> Iterator[Sighting]:
    """The recipient of a line, and the list or mailbox by way of which it became one."""
    address, *sources = _SOURCE.split(value)
    found = list(sightings(_address(address), _RECIPIENTS[key], f"journal:{key}", number))
    yield from found
    before = [s for source in sources for s in sightings(_address(source), (Role.MENTIONED,), f"journal:{key}", number)]
    yield from before
    if found and before:
        originals.setdefault(found[0].address.key, before[0].address)


def _address(value: str) -> str:
    return _SMTP.sub(r"\1", value.strip())
