"""A single message as it travels (RFC 5322): the header block is read, the body only where the kind asks for it."""

from __future__ import annotations

import re
from collections.abc import Callable

from headerguard.sources.body import Body
from headerguard.sources.window import AHEAD, Items, Place, Window

__all__ = ["FIELD", "LIMIT", "TOO_LONG", "block_end", "first_line", "has_field", "not_mail", "read"]

LIMIT = 64 << 20
"""Octets of a header block that are read at most (64 MiB); no mail system takes as much."""
HEAD = 1 << 16
"""Octets in which a first header field must turn up (64 KiB)."""
TOO_LONG = f"its header block is longer than {LIMIT >> 20} MiB; the rest of it was not read"
_STEP = 4_096
_OVERLAP = 8
"""Octets looked at twice, so that no line end or "From " that spans two steps is missed."""

Cut = Callable[[Window, int, int], int]
"""Gives the index between two at which a header block ends without an empty line; -1 for none; see AHEAD."""

FIELD = re.compile(rb"(?:\xef\xbb\xbf)?[A-Za-z0-9_][!-9;-~]{0,200}+[ \t]*+:(?!//)")
"""How a header field starts: narrower than RFC 5322 section 2.2, to leave out JSON, XML and web addresses."""
_ANY_FIELD = re.compile(rb"^" + FIELD.pattern, re.MULTILINE)
_LINE_ENDS = (b"\n", b"\r\n")

_MAGIC = {
    b"PK\x03\x04": "a ZIP archive",
    b"PK\x05\x06": "an empty ZIP archive",
    b"\x1f\x8b": "gzip data",
    b"BZh": "bzip2 data",
    b"\xfd7zXZ": "xz data",
    b"\x28\xb5\x2f\xfd": "Zstandard data",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF-": "a PDF document",
    b"\x7fELF": "a program",
    b"\xd0\xcf\x11\xe0": "an OLE compound file, such as an Outlook .msg",
    b"!BDN": "an Outlook .pst",
    b"SQLite format 3\x00": "a SQLite database",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
_MAGICS = tuple(_MAGIC)
_FORM_DATA = re.compile(rb"--[^\r\n]{1,70}\r?\nContent-Disposition:[ \t]*form-data", re.IGNORECASE)
"""How the body of such a request starts (RFC 7578 section 4.2): fields of a part, and none of a message."""


def read(window: Window, place: Place) -> Items:
    """Read the one message that a window shows: its header block up to the empty line, if there is one.

    An empty line is LF LF or LF CR LF (RFC 5322 section 2.1, with the bare LF that files have); a line of
    blanks is not one. Octets without any header field are an error item.
    """
    if problem := not_mail(window):
        if window.data or not window.failure:
            yield place.error(f"not a mail message ({problem})")
        return
    end, whole = block_end(window, 0)
    yield from place.reader(place.message(bytes(window.data[:end])), Body(window, end), place)
    if not whole and end >= LIMIT:
        yield place.error(TOO_LONG)
    window.finish()


def block_end(window: Window, begin: int, cut: Cut | None = None) -> tuple[int, bool]:
    """Index one past the empty line that ends the header block at `begin`, and whether there is one.

    Empty lines before the first field are stepped over. Without an empty line the block ends with the copy,
    or after LIMIT octets, or where `cut` says. Looks at small steps, so that the cost is that of the block.
    """
    start = low = first_line(window, begin)
    searched, limit = begin, begin + LIMIT
    while True:
        window.hold(min(low + _STEP, limit) + (AHEAD if cut else 0))
        high = min(low + _STEP, len(window.data), limit)
        end = _past_empty_line(window.data, low, high)
        if cut is not None and (at := cut(window, searched, high if end < 0 else end - 1)) >= 0:
            return at, False
        if end >= 0:
            return end, True
        if high == limit or (window.ended and high == len(window.data)):
            return high, False
        low = searched = max(start, high - _OVERLAP)


def first_line(window: Window, at: int) -> int:
    """Index of the first line from `at` on that is not empty, or of the end."""
    begin = at
    while True:
        window.hold(at + 2)
        data = window.data
        while data.startswith(_LINE_ENDS, at):
            at += 1 if data.startswith(b"\n", at) else 2
        if at + 2 <= len(data) or window.ended or at >= begin + LIMIT:
            return at


def _past_empty_line(data: bytearray, low: int, high: int) -> int:
    """Index one past the first empty line between two indexes, -1 for none."""
    crlf = data.find(b"\n\r\n", low, high)
    lf = data.find(b"\n\n", low, high if crlf < 0 else crlf + 1)
    if lf >= 0:
        return lf + 2
    return crlf + 3 if crlf >= 0 else -1


def not_mail(window: Window) -> str:
    """What a copy is instead of mail; "" for mail: a line before the first empty one starts a field."""
    window.hold(1)
    data = window.data
    if data.startswith(_MAGICS):
        return next(what for magic, what in _MAGIC.items() if data.startswith(magic))
    if data.startswith(b"ustar", 257) and b"\n" not in data[:257]:  # a sender can write "ustar" anywhere
        return "a tar archive"
    if FIELD.match(data):
        return ""
    if not data:
        return "empty file"
    start = first_line(window, 0)
    window.hold(start + HEAD)
    if _FORM_DATA.match(data, start):
        return "a form in parts (multipart/form-data)"
    end = _past_empty_line(data, start, start + HEAD)
    return "" if has_field(data, start, start + HEAD if end < 0 else end) else _looks_like(data[:HEAD])


def has_field(octets: bytes | bytearray, start: int = 0, end: int = HEAD) -> bool:
    """Whether any line between two indexes starts a header field."""
    return _ANY_FIELD.search(octets, start, end) is not None


def _looks_like(head: bytearray) -> str:
    """A name for octets that hold no header field."""
    if b"\x00" in head:
        return "binary data"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith((b"{", b"[")):
        return "text without a header field; it looks like JSON"
    if text.startswith(b"<"):
        return "text without a header field; it looks like XML or HTML"
    return "text without a header field" if text else "nothing but blanks"
