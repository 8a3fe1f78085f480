"""The log of Postfix: who sent and who received each message, put together by queue id.

Each program logs its part: cleanup the Message-ID, qmgr the sender and the number of recipients, a delivery agent each
recipient (Postfix, DEBUG_README and the manual of each program). A queue id lives until qmgr says "removed"; of those
that are open at a time, so much is kept in mind and no more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from headerguard.address_list import parse
from headerguard.message import Envelope, Message, Record, Stage
from headerguard.sources.path import cut, originals, reverse_path
from headerguard.sources.window import CHUNK, Items, Place, Window

__all__ = ["HELD", "KIND", "read", "recognise"]

KIND = "postfix_log"
HELD = 64 << 20
"""Octets of open queue ids that are kept in mind at most (64 MiB), the cost of objects included."""
LINE = 1 << 14
"""Octets of a line that are looked at (16 KiB); rsyslog cuts at 8 KiB (its option maxMessageSize)."""
_START = 1 << 9
"""Octets that show whether a file starts as syslog writes: a date and a host name, which has 255 at most."""
_HEAD = 1 << 16
"""Octets of a log in which Postfix must have a line (64 KiB)."""
_OBJECT = 256
"""Octets that an entry or a recipient costs besides its text."""

_NO_HEADER = "a log holds no header: who of the recipients is shown to the others cannot be told"
_STILL_OPEN = "the log ends before the message was removed from the queue"
_SET_ASIDE = "more messages were open at a time than are kept in mind: later lines of this one make another"
_NO_SENDER = "the log begins after the message was queued: its sender and earlier recipients are not in it"

_SYSLOG = (
    rb"(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d|\d{1,2} -"
    rb"|(?:\d{1,2} )?(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)))"
    rb" (?P<host>[^\s:]{1,255}) "
)
"""Date and host as syslog writes them (RFC 3164 section 4.1.2), or the date as in RFC 3339; the first has no year.

The number before a date is the version of RFC 5424 (section 6), which writes "-" for a date that it does not know.
"""
_DATA = rb'(?:-|(?:\[(?:[^\]"\n]|"(?:[^"\\\n]|\\[^\n])*+")*+\])++)'
_POSTFIX = (
    rb"postfix[\w.-]*(?:/[\w.-]+)*/(?P<program>[a-z]+)"
    rb"(?:\[\d+\]:| \S{1,128} \S{1,32} " + _DATA + rb") (?:\xef\xbb\xbf)?(?:\[ID \d+ \S+\] )?"
)
"""syslog_name, which names the service, too, if it is set so, then the program; Solaris adds an id.

RFC 5424 has process, id of the message and structured data behind it, and may start the text with a mark of UTF-8.
"""
_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?" + _SYSLOG)
_ANY = re.compile(rb"^" + _SYSLOG + _POSTFIX, re.MULTILINE)
_EVENT = re.compile(
    rb"(?:\xef\xbb\xbf)?"
    + _SYSLOG
    + _POSTFIX
    + rb"(?P<id>[0-9A-Za-z]{3,40}): (?P<what>from=<|to=<|removed\s*$|(?:resent-)?message-id=)(?P<rest>.*)"
)
_AGENTS = frozenset((b"smtp", b"lmtp", b"local", b"virtual", b"pipe", b"error", b"discard", b"bounce"))
_MANAGERS = frozenset((b"qmgr", b"nqmgr", b"oqmgr", b"postsuper"))
_COUNT = re.compile(r", nrcpt=(\d{1,9})\b")
_STATUS = re.compile(r", status=([a-z-]+)")
_PROBES = frozenset(("deliverable", "undeliverable"))
"""What verify(8) wanted to know (status=): nothing was sent to such a recipient."""


@dataclass(slots=True)
class _Queued:
    """What the log has said so far about one queue id."""

    observed: datetime | None
    sender: str | None = None
    count: int = 0
    ids: dict[str, None] = field(default_factory=dict)
    recipients: dict[str, str] = field(default_factory=dict)
    """Each recipient with the address that it stood for at first, "" for none."""
    cost: int = 2 * _OBJECT


def recognise(window: Window) -> str | None:
    """A log in which Postfix has a line: other programs share it, and one of them may write the first line."""
    window.hold(_START)
    if not _FIRST.match(window.data):
        return None
    window.hold(_HEAD)
    return KIND if _ANY.search(window.data, 0, _HEAD) else None


def read(window: Window, place: Place) -> Items:
    """Read a log: a message for each queue id, when it is removed, and at the end those that were not."""
    queue = _Queue(place)
    for number, line in enumerate(_lines(window), 1):
        if b"postfix" in line and (event := _EVENT.match(line)):
            yield from queue.take(event, number)
    yield from queue.rest()
    if not queue.given:
        yield place.error("holds no line in which Postfix names a sender or a recipient")


def _lines(window: Window) -> Iterator[bytes]:
    """The lines of a copy, of each at most LINE octets."""
    window.step = CHUNK
    inside = False  # a line of which the start was given
    while True:
        window.hold(CHUNK)
        chunk = bytes(window.data[: window.data.rfind(b"\n") + 1] or window.data)
        window.release(len(chunk))
        if not chunk:
            return
        ended = chunk.endswith(b"\n")
        lines = chunk.split(b"\n")[:-1] if ended else [chunk]
        for line in lines[1:] if inside else lines:
            yield line[:LINE]
        inside = not ended


class _Queue:
    """The queue ids that are open, oldest first, by host: where hosts share a log, short ids may be the same."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.open: dict[tuple[bytes, bytes], _Queued] = {}
        self.held = self.given = 0

    def take(self, event: re.Match[bytes], number: int) -> Items:
        """Note what a line says; give what it ends, and what can no longer be kept in mind."""
        key, program, what = (event["host"], event["id"]), event["program"], event["what"]
        text = event["rest"].decode("utf-8", "surrogateescape")
        if what.startswith(b"removed"):
            if program in _MANAGERS:
                yield from self._close(key)
        elif what.endswith(b"message-id="):
            if program == b"cleanup":
                self._identified(self._entry(key, event), text.strip("<> \t\r"))
        elif program in (_MANAGERS if what == b"from=<" else _AGENTS):
            if (found := cut("<" + text)) is None:
                yield self.place.error(f"line {number}: its address has no end")
            elif what == b"from=<":
                self._sent(self._entry(key, event), *found)
            else:
                self._received(self._entry(key, event), *found)
        while self.held > HELD:
            yield from self._close(next(iter(self.open)), _SET_ASIDE)

    def rest(self) -> Items:
        """Give what the log leaves open."""
        for key in list(self.open):
            yield from self._close(key, _STILL_OPEN)

    def _entry(self, key: tuple[bytes, bytes], event: re.Match[bytes]) -> _Queued:
        entry = self.open.get(key)
        if entry is None:
            entry = self.open[key] = _Queued(_moment(event["time"]))
            self.held += entry.cost
        return entry

    def _pay(self, entry: _Queued, *texts: str) -> None:
        cost = _OBJECT + sum(map(len, texts))
        entry.cost += cost
        self.held += cost

    def _identified(self, entry: _Queued, identifier: str) -> None:
        if identifier and identifier not in entry.ids:
            entry.ids[identifier] = None
            self._pay(entry, identifier)

    def _sent(self, entry: _Queued, sender: str, rest: str) -> None:
        if entry.sender is None:
            entry.sender = sender
            self._pay(entry, sender)
        if count := _COUNT.match(rest.partition(", size=")[2].lstrip("0123456789")):
            entry.count = max(entry.count, int(count[1]))

    def _received(self, entry: _Queued, recipient: str, rest: str) -> None:
        first = ""
        if rest.startswith(", orig_to=") and (found := cut(rest.removeprefix(", orig_to="))) is not None:
            first, rest = found
        status = _STATUS.search(rest)
        if recipient not in entry.recipients and not (status and status[1] in _PROBES):
            entry.recipients[recipient] = first
            self._pay(entry, recipient, first)

    def _close(self, key: tuple[bytes, bytes], *spots: str) -> Items:
        """The message of a queue id, unless it is not open, or was refused before anybody was named."""
        entry = self.open.pop(key, None)
        if entry is None:
            return
        self.held -= entry.cost
        if entry.sender is not None or entry.recipients:
            yield self._message(key[1].decode("ascii"), entry, spots)
            self.given += 1

    def _message(self, identifier: str, entry: _Queued, spots: tuple[str, ...]) -> Message:
        envelope = None
        if entry.recipients:
            envelope = Envelope(entry.sender, tuple(entry.recipients), None, identifier, entry.observed)
        record = Record(
            () if envelope else reverse_path(entry.sender, "from"),
            ids=(*entry.ids, identifier),
            originals=originals((path, parse(first)) for path, first in entry.recipients.items() if first),
            date=entry.observed,
            blind_spots=(_NO_HEADER, *_gaps(entry), *spots),
        )
        origin = self.place.origin(self.given)
        return Message.from_items((), envelope, self.place.stage or Stage.EVENT, origin=origin, record=record)


def _gaps(entry: _Queued) -> Iterator[str]:
    """What the log should have said of a message, and does not."""
    if entry.sender is None:
        yield _NO_SENDER
    if entry.count > len(entry.recipients):
        yield f"the queue manager counted {entry.count} recipients, and the log names {len(entry.recipients)}"


def _moment(text: bytes | None) -> datetime | None:
    """The date of a line (RFC 3339 section 5.6); None without a year, or for a day that is none."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.decode("ascii"))
    except ValueError:
        return None
