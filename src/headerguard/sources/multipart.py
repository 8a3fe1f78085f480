"""A multipart body (RFC 2046 section 5.1) taken apart while it streams by: no part is held, whatever its size.

A body comes as pieces of octets and is handed on as lines; the lines of a part end where its boundary stands, so that
a multipart inside another is read by the same functions.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from headerguard.header import Header

__all__ = ["Block", "ContentType", "Part", "block", "content", "content_type", "fields", "leaves", "lines", "text"]

LINE = 1 << 16
"""Octets after which a line is handed on unfinished (64 KiB); a boundary has 72 at most (RFC 2046 section 5.1.1)."""
HEADER = 1 << 16
"""Octets of the header of a part that are kept (64 KiB)."""
_VALUE = 8_192
"""Characters of a Content-Type that are looked at."""


class ContentType(NamedTuple):
    """What a Content-Type field says (RFC 2045 section 5.1)."""

    media: str
    """Type and subtype in lower case; text/plain without a field."""
    parameters: dict[str, str]
    """By name in lower case, quotes resolved; of several the first."""

    @property
    def boundary(self) -> bytes:
        """The boundary of a multipart, b"" for none."""
        found = self.parameters.get("boundary", "").rstrip(" \t")
        return found.encode("utf-8", "surrogateescape") if self.media.startswith("multipart/") else b""


_PARAMETER = re.compile(r';[ \t]*+([^=;\s"]++)[ \t]*+=[ \t]*+("(?:[^"\\]|\\.)*+"|[^;\s"]*+)', re.DOTALL)


def content_type(header: Header) -> ContentType:
    """The first Content-Type of a header."""
    found = header.all("content-type")
    if not found:
        return ContentType("text/plain", {})
    value = found[0].text[:_VALUE]
    parameters: dict[str, str] = {}
    for match in _PARAMETER.finditer(value):
        given = match[2]
        unquoted = re.sub(r"\\(.)", r"\1", given[1:-1], flags=re.DOTALL) if given.startswith('"') else given
        parameters.setdefault(match[1].lower(), unquoted)
    return ContentType(value.partition(";")[0].strip().lower(), parameters)


# ---- lines


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Octets line by line, with their ends; a line longer than LINE comes in several."""
    held = bytearray()
    for piece in pieces:
        low, start = len(held), 0
        held += piece
        while (end := held.find(b"\n", max(start, low)) + 1) > 0:
            yield bytes(held[start:end])
            start = end
        if len(held) - start >= LINE:
            yield bytes(held[start:])
            start = len(held)
        del held[:start]
    if held:
        yield bytes(held)


class Block(NamedTuple):
    """A header block as it stood in a body."""

    octets: bytes
    """Its lines, without the empty one."""
    whole: bool
    """Whether an empty line ended it."""
    cut: bool
    """Whether it went on past the limit; what lay there is not in `octets`."""


def block(body: Iterator[bytes], limit: int, *, skip_empty: bool = False) -> Block:
    """The lines up to the first empty one, `limit` octets at most; `skip_empty` steps over empty ones before them."""
    held, fresh, cut = bytearray(), True, False
    for line in body:
        if fresh and line in (b"\n", b"\r\n"):
            if held or not skip_empty:
                return Block(bytes(held), True, cut)
        elif cut or len(held) + len(line) > limit:
            cut = True
        else:
            held += line
        fresh = line.endswith(b"\n")
    return Block(bytes(held), False, cut)


# ---- parts


class _Sections:
    """Lines cut at the delimiters of one boundary (RFC 2046 section 5.1.1: alone on a line, blanks may follow)."""

    def __init__(self, body: Iterator[bytes], boundary: bytes) -> None:
        """Look for `boundary` in lines."""
        self.body, self.fresh, self.met = body, True, b""
        self.open = b"--" + boundary
        self.close = self.open + b"--"

    def section(self) -> Iterator[bytes]:
        """The lines up to the next delimiter, which then is in `met`; b"" there when there was none."""
        self.met = b""
        for line in self.body:
            if self.fresh and line.startswith(self.open):
                found = line.rstrip(b" \t\r\n")
                if found in (self.open, self.close):
                    self.met = found
                    return
            self.fresh = line.endswith(b"\n")
            yield line


class Part:
    """One part of a multipart. Its body is gone as soon as the next part is asked for."""

    __slots__ = ("_sections", "body", "header", "type")

    header: Header
    """Its header, HEADER octets at most."""
    type: ContentType
    """What its Content-Type says."""
    body: Iterator[bytes]
    """The lines of its body, encoded as they are."""

    def __init__(self, sections: _Sections) -> None:
        """Read the header of the part that starts here."""
        self._sections, self.body = sections, sections.section()
        self.header = Header(block(self.body, HEADER).octets)
        self.type = content_type(self.header)

    @property
    def closed(self) -> bool:
        """Whether a boundary ended it, once its body was read to the end."""
        return self._sections.met != b""


def leaves(body: Iterator[bytes], kind: ContentType, depth: int = 1) -> Iterator[Part]:
    """The parts of a multipart in order; those of a multipart in it in its place, `depth` levels of them."""
    if not kind.boundary:
        return
    sections = _Sections(body, kind.boundary)
    _pass(sections.section())  # the preamble
    while sections.met == sections.open:
        part = Part(sections)
        if depth and part.type.boundary:
            yield from leaves(part.body, part.type, depth - 1)
        else:
            yield part
        _pass(part.body)


def _pass(body: Iterator[bytes]) -> None:
    for _ in body:
        pass


# ---- what is in a part


def content(part: Part) -> Iterator[bytes]:
    """The lines of a part with its Content-Transfer-Encoding undone (RFC 2045 section 6)."""
    found = part.header.all("content-transfer-encoding")
    encoding = found[0].text.strip().lower() if found else ""
    if encoding == "base64":
        return lines(_base64(part.body))
    return lines(_quoted_printable(part.body)) if encoding == "quoted-printable" else part.body


_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))
_PADDING = re.compile(rb"=+")


def _base64(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Octets from base64. What is not of its alphabet is passed over (section 6.8), padding may stand in the middle."""
    rest = b""
    for piece in pieces:
        *ended, rest = _PADDING.split(rest + piece.translate(None, _NOT_BASE64))
        yield from map(_unpadded, ended)
        whole = len(rest) & ~3
        yield binascii.a2b_base64(rest[:whole])
        rest = rest[whole:]
    yield _unpadded(rest)


def _unpadded(run: bytes) -> bytes:
    """Octets from base64 without its padding; a last character that encodes nothing is left out."""
    run = run[: len(run) - (len(run) % 4 == 1)]
    return binascii.a2b_base64(run + b"=" * (-len(run) % 4))


def _quoted_printable(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Octets from quoted-printable; an escape that spans two pieces of a long line is kept together."""
    rest = b""
    for piece in pieces:
        held = rest + piece
        cut = len(held) if held.endswith(b"\n") else held.rfind(b"=", max(0, len(held) - 2))
        cut = len(held) if cut < 0 else cut
        rest = held[cut:]
        yield binascii.a2b_qp(held[:cut])
    yield binascii.a2b_qp(rest)


_CHARSET = re.compile(
    r"us-ascii|utf-?(?:8|16|32)(?:-?[lb]e)?|iso-?8859-\d{1,2}|iso-2022-[a-z]{2}|windows-\d{3,4}|koi8-[rut]"
    r"|gb(?:2312|k|18030)|big5|shift[_-]jis|euc-(?:jp|kr)|ks_c_5601-1987"
)
"""Charsets of mail. Not every codec of Python: some are no charsets, and some take more than linear time."""


def text(octets: bytes, kind: ContentType) -> str:
    """Text of a part in its charset; without a known one UTF-8, of which undecodable octets stay as surrogates."""
    charset = kind.parameters.get("charset", "").strip().lower()
    if _CHARSET.fullmatch(charset) and charset not in ("us-ascii", "utf-8", "utf8"):
        try:
            return octets.decode(charset, "replace")
        except LookupError:  # windows-9999
            pass
    return octets.decode("utf-8", "surrogateescape")


_LINE_END = re.compile(r"\r*\n|\r")
_KEY = re.compile(r"\ufeff?([A-Za-z][A-Za-z-]{0,60})[ \t]*:(.*)", re.DOTALL)


def fields(written: str) -> Iterator[tuple[str, str]]:
    """The lines "Key: value" of a text that a machine wrote: key in lower case, folded lines joined by a blank.

    An empty line is a pair of empty strings; any other line is left out.
    """
    key, values = "", [""]
    for line in _LINE_END.split(written):
        said = line.strip(" \t\r")
        if key and said and line[0] in " \t":
            values.append(said)
            continue
        if key:
            yield key, " ".join(values)
        found = _KEY.match(line)
        key = found[1].lower() if found else ""
        values = [found[2].strip(" \t\r")] if found else [""]
        if not said:
            yield "", ""
    if key:
        yield key, " ".join(values)
