"""Mailboxes on disk: the mbox family (RFC 4155 and the older variants) and Maildir with its subfolders.

The variants of mbox differ in how a body line that starts with "From " is told from a separator: mboxo and
mboxrd quote it with ">", mboxcl2 says the length of the body in Content-Length (mbox(5) of qmail and of
mutt). Bodies are never kept, and read only for a report; what counts is which line separates.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import NamedTuple

from headerguard.errors import SourceError
from headerguard.message import Message, Record
from headerguard.sources import rfc5322
from headerguard.sources.body import Body, unquoted
from headerguard.sources.containers import look_inside
from headerguard.sources.path import reverse_path
from headerguard.sources.rfc5322 import FIELD, block_end, first_line, has_field, not_mail
from headerguard.sources.window import AHEAD, CHUNK, Items, Place, Progress, Window, names, read_path

__all__ = [
    "is_maildir",
    "maildir_files",
    "read_maildir",
    "read_mbox",
    "read_mboxcl2",
    "read_variant",
    "recognise",
]

_LINE = 1_024
"""Octets that a From_ line has at most: an address has 320 (RFC 3696 erratum 1690), the rest is a date."""
_HEAD = 1 << 16
"""Octets in which `>>From ` tells mboxrd from mboxo (64 KiB)."""
_DATED = re.compile(
    rb"From (?:.*[ \t])?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?[ \t]+"
    rb"(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[ \t]+\d{1,2}"
    rb"|\d{1,2}[ \t]+(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec))"
    rb"(?:[ \t]+\d{4})?[ \t]+\d{1,2}:\d\d"
)
"""A From_ line with its date: asctime (RFC 4155), or day before month; a zone may precede the year."""
_PATCH = re.compile(rb"From [0-9a-f]{40,64} Mon Sep 17 00:00:00 2001\s*$")
"""The line that git format-patch writes on top of a patch (its manual: the date never changes)."""
_SENDER = re.compile(rb"From [ \t]*<?((?:\"(?:[^\"\\]|\\.)*+\"|[^\s\"<>@])++@[^\s<>]++)")
"""The address in a From_ line; list software that hides addresses writes "joe at client.example" instead."""
_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*(\d{1,15})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_EMPTY_LINE = re.compile(rb"\n\r?\n")
_QUOTED = re.compile(rb"^>(?=>*From )", re.MULTILINE)
_BODY_END = re.compile(rb"(?:\r?\n){0,2}+")


class _Style(NamedTuple):
    """How a mailbox writes its From_ lines, told by its first."""

    undated: bool = False
    """They carry no date, so that any "From " after an empty line and before a field is one."""
    patches: bool = False
    """They are those of git format-patch, which elsewhere stand in bodies."""


# ---- mbox


def recognise(window: Window) -> str | None:
    """The variant of mbox that a copy is in, or None when it does not start with a From_ line.

    mboxcl2 where the Content-Length of the first message leads to a second that has one, too: a sender who
    writes one into a mailbox that quotes could hide what follows. Of the two that quote, mboxrd where a
    ">>From " stands in the first 64 KiB; without one they cannot be told apart, and need not.
    """
    window.hold(1)
    if not window.data.startswith((b"F", b"\n", b"\r")):
        return None
    start = first_line(window, 0)
    if (style := _style(window, start)) is None:
        return None
    begin = _after_line(window, start)
    end, whole = block_end(window, begin, partial(_separator, style=style))
    past = _claimed_end(window, begin, end, style) if whole else None
    if past is not None and _has_length(window.peek(past[1], _HEAD)):
        return "mboxcl2"
    window.hold(_HEAD)
    return "mboxrd" if window.data.find(b"\n>>From ", 0, _HEAD) >= 0 else "mboxo"


def read_variant(window: Window, place: Place) -> Items:
    """Read an mbox of any variant; the messages say which."""
    place = place._replace(kind=recognise(window) or "mboxo")
    return _read(window, place, by_length=place.kind == "mboxcl2")


def read_mbox(window: Window, place: Place) -> Items:
    """Read an mbox whose bodies are quoted. Content-Length is not believed: a sender can write it."""
    return _read(window, place, by_length=False)


def read_mboxcl2(window: Window, place: Place) -> Items:
    """Read an mbox by Content-Length; where one leads to no From_ line, the next From_ line counts."""
    return _read(window, place, by_length=True)


def _read(window: Window, place: Place, *, by_length: bool) -> Items:
    """Read record after record, keeping one header block at a time."""
    start = first_line(window, 0)
    window.step = CHUNK
    style = _style(window, start)
    if style is None:
        style = _Style()
        yield place.error(_no_from_line(window))
        Body(window, start, partial(_next_record, style=style)).leave()
    else:
        window.release(start)
    separator, next_record = partial(_separator, style=style), partial(_next_record, style=style)
    index = 0
    while window.data:
        begin = _after_line(window, 0)
        end, whole = block_end(window, begin, separator)
        past = _claimed_end(window, begin, end, style) if by_length and whole else None
        body = Body(window, end, past or next_record)
        record = _stated(bytes(window.data[:begin]))
        pieces = body if by_length else unquoted(body, _QUOTED)
        yield from _record(place, index, bytes(window.data[begin:end]), whole, record, pieces)
        body.leave()
        index += 1


def _stated(line: bytes) -> Record | None:
    """What a From_ line states: the reverse-path, as most writers put it there (RFC 4155), or nothing.

    It is no envelope: that would claim that no recipient was in it. MAILER-DAEMON stands for the null path.
    """
    match = _SENDER.match(line)
    path = match[1].decode("utf-8", "surrogateescape") if match else None
    found = [s for s in reverse_path(path, "from_") if s.address.local_part.lower() != "mailer-daemon"]
    return Record(tuple(found)) if found else None


def _record(place: Place, index: int, block: bytes, whole: bool, record: Record | None, body: Iterable[bytes]) -> Items:
    """The message of one header block, and what is wrong with the record."""
    if not has_field(block):
        yield place.error("no header field follows its From_ line", index)
        return
    message = Message.from_bytes(block, stage=place.stage, origin=place.origin(index), record=record)
    yield from place.reader(message, body, place)
    if len(block) >= rfc5322.LIMIT:
        yield place.error(rfc5322.TOO_LONG, index)
    elif not whole:
        yield place.error("it ends inside its header block; what is there was read", index)


def _no_from_line(window: Window) -> str:
    """Why a mailbox does not start as one."""
    what = not_mail(window)
    if not window.data:
        return f"not a mail message ({what})"
    return f"not an mbox mailbox: it starts with no From_ line ({what or 'but as a single message does'})"


def _style(window: Window, at: int) -> _Style | None:
    """How the From_ line that a mailbox starts with is written; None when it starts with something else."""
    window.hold(at + AHEAD)
    style = _Style(undated=True, patches=True)
    if not window.data.startswith(b"From ", at) or not _separates(window.data, at, True, style):
        return None
    line = _line(window.data, at)
    dated = _DATED.match(line) is not None
    return _Style(undated=not dated and bool(line[5:].strip()), patches=_PATCH.match(line) is not None)


def _separates(data: bytes | bytearray, at: int, after_empty: bool, style: _Style) -> bool:
    """Whether the line at `at`, which starts with "From ", starts a record.

    After an empty line a date is enough (RFC 4155). So is a header field on the next line where nothing
    follows "From " (Thunderbird), or where the mailbox starts with an undated line. Without the empty line,
    which some writers and a truncated message leave out, both are asked for: a message is better read twice
    than not at all. A line of git format-patch is text, unless the mailbox starts with one: in 5,037 public
    messages such lines were the only dated ones in a body.
    """
    line = _line(data, at)
    if not line or (not style.patches and _PATCH.match(line)):
        return False
    dated = _DATED.match(line) is not None
    if dated and after_empty:
        return True
    if not dated and not (after_empty and (style.undated or not line[5:].strip())):
        return False
    return FIELD.match(data, at + len(line)) is not None


def _line(data: bytes | bytearray, at: int) -> bytes:
    """The line at `at` with its end; b"" when it is too long for a From_ line."""
    end = data.find(b"\n", at, at + _LINE) + 1
    if end == 0:
        end = len(data)
    return bytes(data[at:end]) if end - at <= _LINE else b""


def _after_line(window: Window, at: int) -> int:
    """Index one past the From_ line at `at`."""
    window.hold(at + AHEAD)
    return at + len(_line(window.data, at))


def _separator(window: Window, low: int, high: int, style: _Style) -> int:
    """Index of the first From_ line that follows a line end between two indexes, -1 for none; needs AHEAD."""
    data = window.data
    while (at := data.find(b"\nFrom ", low, high + 5)) >= 0:
        after_empty = at > 1 and (data.startswith(b"\n", at - 1) or data.startswith(b"\n\r", at - 2))
        if _separates(data, at + 1, after_empty, style):
            return at + 1
        low = at + 1
    return -1


def _next_record(window: Window, low: int, high: int, style: _Style) -> tuple[int, int] | None:
    """Where the body of a record ends and the next record starts: at a From_ line; the empty line before it is its."""
    at = _separator(window, low, high, style)
    if at < 0 and not window.ended:
        return None
    at = len(window.data) if at < 0 else at
    if window.data.endswith(b"\n\n", 0, at):
        return at - 1, at
    return (at - 2 if window.data.endswith(b"\n\r\n", 0, at) else at), at


def _claimed_end(window: Window, begin: int, end: int, style: _Style) -> tuple[int, int] | None:
    """Where a body ends by its Content-Length, and the index of the From_ line that it leads to, or of the end.

    The body starts at `end`; up to two line ends may follow it (mbox(5): an empty line that does not count). None for a
    length that leads elsewhere.
    """
    lengths = set(_LENGTH.findall(window.data, begin, end))
    if len(lengths) != 1:
        return None
    last = end + int(lengths.pop()) - 1
    tail = window.peek(last, AHEAD)
    if not tail:
        return None
    match = _BODY_END.match(tail, 1)
    at = match.end() if match else 1
    if at == len(tail) < AHEAD:
        return last + 1, last + at
    leads = tail.startswith(b"\nFrom ", at - 1) and _separates(tail, at, True, style)
    return (last + 1, last + at) if leads else None


def _has_length(record: bytes | None) -> bool:
    """Whether the header block of a record, From_ line included, has a Content-Length."""
    if not record:
        return False
    end = _EMPTY_LINE.search(record)
    return _LENGTH.search(record, 0, end.end() if end else len(record)) is not None


# ---- Maildir


def is_maildir(path: str) -> bool:
    """Whether a directory is a Maildir: cur, new and tmp in it (maildir(5) of qmail)."""
    return all(os.path.isdir(os.path.join(path, name)) for name in ("cur", "new", "tmp"))


def read_maildir(path: str, place: Place, progress: Progress | None = None) -> Items:
    """Read a Maildir and its subfolders, each by file name, new and cur as one: seen mail keeps its place.

    The name starts with the time of delivery in seconds. What follows ":2," are flags and says nothing here.
    Files in tmp are not delivered yet.
    """
    if not any(os.path.isdir(os.path.join(path, name)) for name in ("cur", "new")):
        yield place._replace(path=path).error("not a Maildir: it has neither cur nor new")
        return
    for file in maildir_files(path, place):
        if isinstance(file, SourceError):
            yield file
        else:
            yield from read_path(_moved(file), look_inside(rfc5322.read), place, progress)


def maildir_files(path: str, place: Place) -> Iterator[str | SourceError]:
    """Every message of a Maildir, then of its subfolders: ".Sent" (Maildir++), "Sent" (Dovecot layout fs).

    Hidden files are skipped, as maildir(5) asks for; a directory that cannot be listed is an error among the
    paths.
    """
    found: list[tuple[str, str]] = []
    for folder in (os.path.join(path, name) for name in ("cur", "new")):
        if os.path.isdir(folder):
            listed, error = names(folder, place)
            found += [(name, folder) for name in listed]
            if error is not None:
                yield error
    for name, folder in sorted(found):
        yield os.path.join(folder, name)
    inner, error = names(path, place, hidden=True)
    if error is not None:
        yield error
    for folder in (os.path.join(path, name) for name in inner if name not in ("cur", "new", "tmp")):
        if is_maildir(folder) and not os.path.islink(folder):
            yield from maildir_files(folder, place)


def _moved(file: str) -> str:
    """Where a message is now: a mail reader at work moves it from new to cur and changes its flags."""
    if os.path.lexists(file):
        return file
    folder, name = os.path.split(file)
    unique = name.partition(":")[0]
    current = os.path.join(os.path.dirname(folder), "cur")
    try:
        return next(os.path.join(current, n) for n in os.listdir(current) if n.partition(":")[0] == unique)
    except (OSError, StopIteration):
        return file
