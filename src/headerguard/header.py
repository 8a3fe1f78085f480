"""The header block of a message: cut it off, split it into fields, keep every octet, name every oddity.

All work is done on the header block read as Latin-1, one character per octet, so that a position in the text is an
offset in the message. Nothing raises and nothing is dropped: what no field syntax covers is a field without a name.
Grammar: RFC 5322 sections 2.2, 3.2.2 and 4.5, RFC 2047, RFC 6532. What mail servers do beyond them is said where it
matters (Postfix and Exim accept blanks before the colon, LF line ends and any number of occurrences).
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import accumulate, chain
from operator import itemgetter
from typing import NamedTuple

__all__ = [
    "LIMIT",
    "Defect",
    "DefectName",
    "Field",
    "Header",
    "Line",
    "decode_octets",
    "decode_value",
    "decode_words",
    "decoded_words",
    "encode_octets",
    "header_length",
]

LIMIT = 1 << 20
"""Octets of header block that are kept whole; past it only the fields that a caller names (1 MiB, as go-message)."""

_WINDOW = 16_384
_empty_line = re.compile(rb"\n\r?+\n").search


class DefectName(StrEnum):
    """Closed list of what can be wrong with a header. The values are part of the output and do not change."""

    BARE_CR = "bare-cr"
    BLANK_BEFORE_COLON = "blank-before-colon"
    BYTE_ORDER_MARK = "byte-order-mark"
    CONTROL_CHARACTER = "control-character"
    EMPTY_NAME = "empty-name"
    INJECTED_LINE = "injected-line"
    LEADING_BLANK = "leading-blank"
    MALFORMED_NAME = "malformed-name"
    MBOX_FROM_LINE = "mbox-from-line"
    NO_COLON = "no-colon"
    NOT_UTF8 = "not-utf8"
    NUL = "nul"
    OVER_LIMIT = "over-limit"
    UNTERMINATED = "unterminated"
    # Inside an address list (found by headerguard.address_list).
    AMBIGUOUS_MEMBER = "ambiguous-member"
    EMBEDDED_ADDRESS = "embedded-address"
    ENCODED_ADDRESS = "encoded-address"
    MISSING_COMMA = "missing-comma"
    NO_ADDRESS = "no-address"
    UNBALANCED = "unbalanced"


@dataclass(frozen=True, slots=True)
class Defect:
    """One oddity of a copy, with its place."""

    name: DefectName
    """Which oddity."""
    span: tuple[int, int] | None
    """Start and end octet in the message; None where the copy has no octets."""
    field: str = ""
    """Lower-case name of the field it stands in, or "" for none."""
    note: str = ""
    """More for people, or nothing."""


class Line(NamedTuple):
    """A field as the lexer leaves it: positions in `Header.text`, nothing decoded."""

    name: str
    """Lower-case name without blanks; "" where there is none."""
    start: int
    """First character of the field."""
    value: int
    """First character after the colon."""
    end: int
    """One past the last character, line end included."""


@dataclass(frozen=True, slots=True)
class Field:
    """One header field, exactly as it stands."""

    name: str
    """The name as written, without surrounding blanks; "" for a line that has none."""
    octets: bytes
    """The whole field: name, colon, value with its folding, line end."""
    start: int | None
    """Offset of the first octet in the message; None where the copy has no octets (RFC 5322 section 2.2)."""
    end: int | None
    """Offset one past the last octet."""
    defect: Defect | None = None
    """The first defect of the field's own syntax, or None."""

    @property
    def text(self) -> str:
        """The value for people: unfolded (RFC 5322 section 2.2.3), words decoded (RFC 2047), UTF-8 (RFC 6532)."""
        value = self.octets.partition(b":")[2] if self.name else self.octets
        return _text(value.decode("latin-1"))


_FOLDED = re.compile(r"\r?\n(?=[ \t])")


def _text(value: str) -> str:
    """A value, an octet a character, for people."""
    unfolded = _FOLDED.sub("", value) if "\n" in value else value
    return decode_words(decode_octets(unfolded.strip(" \t\r\n")))


# One physical field: a clean name with its colon, or nothing; then the rest of the line and its continuation lines.
_FIELD = re.compile(r"([!-9;-~]++:)?([^\n]*+(?:\n[ \t][^\n]*+)*+\n?+)")
_find_fields = _FIELD.findall
_NEXT = re.compile(r"\n(?![ \t])")
_start = itemgetter(1)  # of a line
_make_line = partial(tuple.__new__, Line)  # a fifth of the cost of the generated constructor, which counts here
_CLEAN_NAME = re.compile(r"[!-9;-~]+")
_LAST_NAME = re.compile(r"[!-9;-~]+(?=[^!-9;-~]*\Z)")
_MBOX_FROM = re.compile(r">?From [ \t]*[^ \t\r\n]")
_bare_cr = re.compile(r"\r(?!\n)").search
_BOM = "\xef\xbb\xbf"


class Header:
    """An ordered list of raw fields. There is no getter that returns one of several fields of a name."""

    __slots__ = ("_fields", "_notes", "defects", "has_octets", "lines", "names", "text")

    text: str
    """The header block read as Latin-1; index i is octet i of the message."""
    lines: list[Line]
    """Every field in order, undecoded."""
    names: frozenset[str]
    """Lower-case names of all fields."""
    defects: tuple[Defect, ...]
    """What is wrong: names of fields first, then the block, then octets, kind by kind."""
    has_octets: bool
    """Whether positions are octets of a real message (False: built from a parsed message)."""

    def __init__(
        self,
        block: bytes,
        *,
        limit: int = LIMIT,
        keep: Collection[str] = (),
        has_octets: bool = True,
        injected: Iterable[int] = (),
    ) -> None:
        """Lex a header block. Past `limit` octets only fields named in `keep` (lower case) are kept.

        `injected` holds the offsets of lines that a caller knows to be part of a value.
        """
        self.text = text = block.decode("latin-1")
        self.has_octets = has_octets
        self._fields: tuple[Field, ...] | None = None
        self._notes: dict[int, DefectName] = dict.fromkeys(injected, DefectName.INJECTED_LINE)
        cut = len(text) if len(text) <= limit else _next_field(text, limit)
        found = _find_fields(text, 0, cut)
        found.pop()  # the expression matches the end of the text once more
        # Where each name and each rest ends, added up; a field starts where the one before it ends.
        edges = list(accumulate(map(len, chain.from_iterable(found)), initial=0))
        names = [name[:-1].lower() for name, _ in found]
        lines = list(map(_make_line, zip(names, edges[0:-1:2], edges[1::2], edges[2::2], strict=True)))
        if "" in names:
            lines = [line if line.name else self._odd(line.start, line.end) for line in lines]
        if cut < len(text):
            lines += self._kept(cut, keep)
        self.lines = lines
        self.names = frozenset([line[0] for line in lines])
        self.defects = tuple(self._find_defects(limit))

    @classmethod
    def from_items(cls, items: Iterable[tuple[str, object]], *, keep: Collection[str] = ()) -> Header:
        """Names and values of fields in order, as a library or an event gives them; `keep` as in the constructor."""
        block = bytearray()
        injected: list[int] = []
        for name, value in items:
            octets = encode_octets(f"{name}: {_written(value)}").rstrip(b"\r\n") + b"\r\n"
            injected += [len(block) + match.end() for match in _LINE_IN_VALUE.finditer(octets)]
            block += octets
        return cls(bytes(block), keep=keep, has_octets=False, injected=injected)

    def _kept(self, cut: int, keep: Collection[str]) -> Iterator[Line]:
        """The lines from `cut` on that have one of the names, one after the other: millions are never held at once."""
        for found in _FIELD.finditer(self.text, cut):
            start, end = found.span()
            if start == end:
                break
            line = Line(found[1][:-1].lower(), start, found.end(1), end) if found[1] else self._odd(start, end)
            if line.name in keep:
                self._notes.setdefault(start, DefectName.OVER_LIMIT)
                yield line
            else:
                self._notes.pop(start, None)

    def _odd(self, start: int, end: int) -> Line:
        """A line whose name is not clean: give the name a lenient reader would see, and say what is odd."""
        before, colon, _ = self.text[start:end].partition(":")
        if _MBOX_FROM.match(before):
            self._notes.setdefault(start, DefectName.MBOX_FROM_LINE)
            return Line("", start, end, end)
        if not colon:
            self._notes.setdefault(start, DefectName.NO_COLON if before.strip("\r\n") else DefectName.LEADING_BLANK)
            return Line("", start, start, end)
        name = before.strip(" \t\r\n")
        if not name:
            self._notes.setdefault(start, DefectName.EMPTY_NAME)
        elif before.startswith(_BOM):
            self._notes.setdefault(start, DefectName.BYTE_ORDER_MARK)
            name = name[len(_BOM) :].strip(" \t")
        elif _CLEAN_NAME.fullmatch(name):
            leading = before[0] in " \t"
            self._notes.setdefault(start, DefectName.LEADING_BLANK if leading else DefectName.BLANK_BEFORE_COLON)
        else:
            self._notes.setdefault(start, DefectName.MALFORMED_NAME)
            last = _LAST_NAME.search(name[-128:])
            name = last[0] if last else name
        return Line(name.lower(), start, start + len(before) + 1, end)

    def _find_defects(self, limit: int) -> Iterator[Defect]:
        """Defects of the block, then of the fields. Tests look at the whole block first: clean mail pays little."""
        text = self.text
        if self._notes:
            for line in self.lines:
                if line.start in self._notes:
                    yield Defect(self._notes[line.start], self.span(line.start, line.end), line.name)
        if len(text) > limit:
            yield Defect(DefectName.OVER_LIMIT, self.span(limit, len(text)), "", f"header block of {len(text)} octets")
        if text and not text.endswith("\n"):
            yield Defect(DefectName.UNTERMINATED, self.span(len(text), len(text)))
        if _bare_cr(text):
            yield from self._at(r"\r(?!\n)", DefectName.BARE_CR)
        if "\x00" in text:
            yield from self._at("\x00", DefectName.NUL)
        if not text.isascii():
            yield from self._not_utf8()

    def _at(self, pattern: str, name: DefectName) -> Iterator[Defect]:
        """The first place of a pattern in each field."""
        search = re.compile(pattern).search
        for line in self.lines:
            if match := search(self.text, line.start, line.end):
                if match.end() == len(self.text) and name is DefectName.BARE_CR:
                    continue  # the block was cut in the middle of a line end
                yield Defect(name, self.span(match.start(), match.end()), line.name)

    def _not_utf8(self) -> Iterator[Defect]:
        for line in self.lines:
            octets = self.text[line.start : line.end]
            if not octets.isascii():
                try:
                    octets.encode("latin-1").decode("utf-8")
                except UnicodeDecodeError as error:
                    at = line.start + error.start
                    yield Defect(DefectName.NOT_UTF8, self.span(at, at + 1), line.name)

    def span(self, start: int, end: int) -> tuple[int, int] | None:
        """Positions in `text` as octets of the message, or None where there are none."""
        return (start, end) if self.has_octets else None

    def field(self, line: Line) -> Field:
        """The field of one line."""
        head = self.text[line.start : line.value]
        name = head[:-1].removeprefix(_BOM).strip(" \t\r\n") if head.endswith(":") else ""
        defect = None
        if line.start in self._notes:
            defect = Defect(self._notes[line.start], self.span(line.start, line.end), line.name)
        octets = self.text[line.start : line.end].encode("latin-1")
        start, end = self.span(line.start, line.end) or (None, None)
        return Field(name, octets, start, end, defect)

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every field in order; joined, their octets are the header block again (up to the limit)."""
        if self._fields is None:
            self._fields = tuple(map(self.field, self.lines))
        return self._fields

    def all(self, name: str) -> tuple[Field, ...]:
        """Every field of that name in order; names compare without case (RFC 5322 section 1.2.2)."""
        wanted = name.lower()
        if wanted not in self.names:
            return ()
        return tuple([self.field(line) for line in self.lines if line[0] == wanted])

    def texts(self, name: str) -> list[str]:
        """The value of every field of a name (lower case) in order, for people, as `Field.text` gives it."""
        if name not in self.names:
            return []
        return [_text(self.text[line[2] : line[3]]) for line in self.lines if line[0] == name]

    def raw(self, name: str) -> str | None:
        """The value of the first field of a name (lower case) as it stands, an octet a character; None for none."""
        if name not in self.names:
            return None
        start, end = next((line[2], line[3]) for line in self.lines if line[0] == name)
        return self.text[start:end]

    def lines_with(self, sign: str) -> Iterator[Line]:
        """The fields in which a text occurs, in order, found without looking at each."""
        at = self.text.find(sign)
        while at >= 0:
            if (number := bisect_right(self.lines, at, key=_start) - 1) >= 0:
                yield self.lines[number]
            following = self.lines[number + 1].start if number + 1 < len(self.lines) else len(self.text)
            at = self.text.find(sign, following)

    def __repr__(self) -> str:
        """Say how much there is, never what."""
        return f"<Header of {len(self.lines)} fields, {len(self.defects)} defects>"


_LINE_IN_VALUE = re.compile(rb"\n(?![ \t]|\Z)")


def _written(value: object) -> str:
    """A header value as it would be sent; a Header object that refuses (it holds a field of its own) as it is."""
    from email.header import Header as EncodedHeader

    if isinstance(value, EncodedHeader):
        try:
            return value.encode(linesep="\r\n")
        except Exception:  # the refusal of the standard library must not hide what it refuses
            return str(value)
    return str(value)


def _next_field(text: str, at: int) -> int:
    """Where the first field starts that starts at or after a place."""
    found = _NEXT.search(text, at - 1)
    return found.end() if found else len(text)


def header_length(octets: bytes | bytearray | memoryview) -> int:
    """Length of the header block: up to and with the line before the first empty line (RFC 5322 section 2.1).

    A line that holds only blanks continues a field and ends nothing. Empty lines before the first field are stepped
    over, as a reader that stopped there would lose every field. Looks at a growing window, so a body costs nothing.
    """
    if isinstance(octets, memoryview):
        return _length_in_view(octets.cast("B"))
    data, start = octets, 0
    while data[start : start + 1] in (b"\n", b"\r") and (
        data[start : start + 1] == b"\n" or data[start : start + 2] == b"\r\n"
    ):
        start += 1 if data[start : start + 1] == b"\n" else 2
    low, size = start, len(data)
    high = min(size, start + _WINDOW)
    while True:
        if found := _empty_line(data, low, high):
            return found.start() + 1
        if high == size:
            return size
        low, high = max(start, high - 2), min(size, high * 4)


def _length_in_view(view: memoryview) -> int:
    """The same for a view, which cannot be searched: copy a window, not the body."""
    size = _WINDOW
    while (length := header_length(bytes(view[:size]))) == size < len(view):
        size *= 4
    return length


def encode_octets(text: str) -> bytes:
    """Text as octets: UTF-8, octets that a reader escaped as they were, and whatever else is no text all the same."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def decode_octets(text: str) -> str:
    """Text that stands for octets, one character each, as people read it: UTF-8 (RFC 6532), else Latin-1."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


_FOLD = re.compile(r"\r?\n[ \t]*")


def decode_value(text: str) -> str:
    """The value of a field, one character per octet, for reading: a blank for each fold, words decoded."""
    return decode_words(decode_octets(_FOLD.sub(" ", text) if "\n" in text else text))


# Only charsets that mail uses: any other name would make the codec registry look for, and remember, a module.
_CHARSET = re.compile(
    r"utf-?8|utf-?7|utf-16(?:[bl]e)?|us-ascii|ascii|ansi_x3\.4-1968|iso-?8859-\d\d?(?:-[ie])?"
    r"|iso-2022-(?:jp|kr)(?:-\d)?|windows-\d{3,4}|cp-?\d{3,4}|koi8-[rut]|gb2312|gbk|gb18030|hz-gb-2312|big5(?:-hkscs)?|euc-(?:jp|kr|cn)"
    r"|shift_jis|ks_c_5601-1987|latin-?\d|macintosh|tis-620",
    re.IGNORECASE,
)
_WORD = re.compile(r"=\?([!-><@-~]{1,75}?)\?([bBqQ])\?([^?\s]*+)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)[ \t\r\n]+(?==\?[!-><@-~]{1,75}\?[bBqQ]\?)")
_SURROGATE = re.compile("[\ud800-\udfff]")  # UTF-7 can spell a lone one
_HEX = re.compile(r"=([0-9A-Fa-f]{2})")


def decode_words(text: str) -> str:
    """Decode encoded-words once (RFC 2047 section 6). A word that cannot be decoded stays as it is."""
    if "=?" not in text:
        return text
    return _WORD.sub(_decode_word, _BETWEEN_WORDS.sub(r"\1", text))


def decoded_words(text: str, start: int, end: int) -> Iterator[str]:
    """What each encoded-word between two positions says."""
    return map(_decode_word, _WORD.finditer(text, start, end))


def _decode_word(match: re.Match[str]) -> str:
    charset, encoding, payload = match.groups()
    charset = charset.partition("*")[0]  # RFC 2231 section 5: a language may follow the charset
    if not _CHARSET.fullmatch(charset):
        return match[0]
    try:
        if encoding in "bB":
            octets = binascii.a2b_base64(payload.encode("ascii") + b"==")
        else:
            octets = _HEX.sub(lambda m: chr(int(m[1], 16)), payload.replace("_", " ")).encode("latin-1")
        return _SURROGATE.sub("\ufffd", octets.decode(charset, "replace"))
    except (LookupError, UnicodeError, ValueError):
        return match[0]
