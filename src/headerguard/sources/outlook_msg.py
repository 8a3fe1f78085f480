"""A message as Outlook saves it (.msg): properties of MAPI in a compound file (MS-OXMSG, MS-OXPROPS).

What counts is the table of recipients, where Bcc stands too, and the header as it came over the wire, which a message
that was saved before it was sent does not have. Body and attachments are never read.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from headerguard.fields import Role
from headerguard.header import encode_octets
from headerguard.message import Message, Record, Sighting, Stage
from headerguard.sources.compound import MAGIC, Compound, Entry
from headerguard.sources.compressed import UnreadableError
from headerguard.sources.multipart import ContentType, text
from headerguard.sources.report import sightings
from headerguard.sources.spool import anywhere
from headerguard.sources.window import Items, Place, Window

__all__ = ["KIND", "read", "recognise"]

KIND = "outlook_msg"
"""Id of the source kind."""

_HEADERS = 0x007D
_SUBJECT, _SENT, _MESSAGE_ID, _FLAGS, _CODEPAGE = 0x0037, 0x0039, 0x1035, 0x0E07, 0x3FFD
_DISPLAYED = {Role.TO: 0x0E04, Role.CC: 0x0E03, Role.BCC: 0x0E02}
_REPLY_ENTRIES, _REPLY_NAMES = 0x004F, 0x0050
_AUTHOR, _SENDER = (0x5D02, 0x0065, 0x0042), (0x5D01, 0x0C1F, 0x0C1A)
_TYPE, _RECIPIENT = 0x0C15, (0x39FE, 0x3003, 0x3001)
"""Of people: SMTP address, address of any type, name."""
_ROLES = {0: Role.MENTIONED, 1: Role.TO, 2: Role.CC, 3: Role.BCC}
"""PidTagRecipientType; 0 is who sent it. Whatever else stands there, a row is a recipient."""
_OWN = 0x28
"""Of PidTagMessageFlags: not sent yet, or sent by the owner of the mailbox."""

_LONGEST = {_HEADERS: 16 << 20, _REPLY_ENTRIES: 1 << 20, **dict.fromkeys(_DISPLAYED.values(), 4 << 20)}
_LONG = 1 << 16
"""Octets of a property that are read at most: 64 KiB, of some more."""
_STREAM = re.compile(r"__substg1\.0_([0-9A-F]{4})(001F|001E|0102)", re.IGNORECASE)
_ROW = "__recip_version1.0_"
_FIXED = "__properties_version1.0"
_ONE_OFF = bytes.fromhex("812b1fa4bea310199d6e00dd010f5402")
"""The provider of an address that is in no directory (MS-OXCDATA section 2.2.5.1)."""
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)

_OLD_TITLE = "Microsoft Mail Internet Headers"
"""What Exchange 2003 writes on top of a header."""
_CHARSETS = {65001: "utf-8", 932: "shift_jis", 936: "gbk", 949: "euc-kr", 950: "big5", 20127: "utf-8"}

_QUOTES = " '"
"""How Outlook shows an address that is its own name: 'jane@client.example'."""

_NAMED_ONLY = "recipients of whom only the name in a directory is there: {}"
_BLIND_NAMES = "its Bcc names people without an address"


def recognise(window: Window) -> str | None:
    """A compound file, which no other kind is."""
    window.hold(len(MAGIC))
    return KIND if window.data.startswith(MAGIC) else None


def read(window: Window, place: Place) -> Items:
    """Read one saved message."""
    if recognise(window) is None:
        if window.data or not window.failure:
            yield place.error("not an Outlook message (no compound file)")
        return
    problems: list[str] = []
    try:
        with anywhere(window, "a compound file") as (file, size):
            message = _message(Compound(file, size), place, problems)
    except OSError as error:
        yield place.error(f"not an Outlook message ({error})")
        return
    if message is None:
        yield place.error("not an Outlook message (a compound file of another program)")
        return
    yield message
    for problem in problems:
        yield place.error(problem)


def _message(compound: Compound, place: Place, problems: list[str]) -> Message | None:
    """The message in a compound file; None where there is none."""
    saved = _Properties(compound, None, problems)
    if not saved.found:
        return None
    header = saved.text(_HEADERS)
    if header.startswith(_OLD_TITLE):
        header = header.partition("\n")[2]
    block = Message.from_bytes(encode_octets(header))
    found, spots = _recipients(compound, saved, problems)
    found += [s if s.field not in block.names else s._replace(role=Role.MENTIONED) for s in _writers(saved)]
    record = Record(
        tuple(s._replace(field=f"msg:{s.field}") for s in found),
        ids=tuple(filter(None, (saved.text(_MESSAGE_ID).strip("<> "),))),
        date=_date(saved.fixed.get(_SENT, b"")),
        subject=saved.text(_SUBJECT),
        blind_spots=tuple(spots),
    )
    stage = place.stage
    if stage is None and not header:
        stage = Stage.SUBMITTED if saved.integer(_FLAGS) & _OWN else Stage.UNKNOWN
    # Positions are those in the property, and none in the file, so that the message has a number.
    return Message(block.header, None, stage, None, place.origin(0), record)


def _recipients(compound: Compound, saved: _Properties, problems: list[str]) -> tuple[list[Sighting], list[str]]:
    """Everybody in the table of recipients, and who is shown besides; then what they leave unknown."""
    found: list[Sighting] = []
    without = 0
    for number, entry in enumerate(saved.rows):
        try:
            row = _Properties(compound, entry, problems, saved.charset)
        except UnreadableError as error:
            problems.append(f"{error} ({entry.name})")
            continue
        role = _ROLES.get(row.integer(_TYPE) & 0xF, Role.ENVELOPE) if _TYPE in row.fixed else Role.ENVELOPE
        seen = list(_person(row, _RECIPIENT, role, str(role), number))
        without += not seen
        found += seen
    known = {s.address.key for s in found}
    spots = [_NAMED_ONLY.format(without)] if without else []
    for role, number in _DISPLAYED.items():
        shown = saved.text(number)
        found += [s for s in _listed(shown, role, f"display {role}", 0) if s.address.key not in known]
        if role is Role.BCC and shown.strip() and not any(s.role is Role.BCC for s in found):
            spots.append(_BLIND_NAMES)
    return found, spots


def _writers(saved: _Properties) -> Iterator[Sighting]:
    """Who wrote and sent it, and who is to get the answers; each under the field that says the same."""
    author = list(_person(saved, _AUTHOR, Role.FROM, "from", 0))
    yield from author
    for sender in _person(saved, _SENDER, Role.SENDER if author else Role.FROM, "sender" if author else "from", 0):
        if sender.address.key not in {s.address.key for s in author}:
            yield sender
    replies = list(_one_offs(saved.octets(_REPLY_ENTRIES), saved.charset)) or [saved.text(_REPLY_NAMES)]
    for number, reply in enumerate(replies):
        yield from _listed(reply, Role.REPLY, "reply-to", number)


def _listed(value: str, role: Role, field: str, number: int) -> Iterator[Sighting]:
    """The addresses in a list of names and addresses."""
    for name in value.split(";"):
        if "@" in name:
            yield from sightings(name.strip(_QUOTES), (role,), field, number)


def _person(
    row: _Properties, properties: tuple[int, int, int], role: Role, field: str, number: int
) -> Iterator[Sighting]:
    """The address of somebody: that for SMTP, else another that is one, else the name where it is one."""
    smtp, other, name = map(row.text, properties)
    name = name.strip(_QUOTES)
    for value in (smtp, other, name):
        if "@" in value and not value.startswith("/"):  # a name in a directory: "/O=EXAMPLE/CN=RECIPIENTS/CN=JANE"
            for s in sightings(value, (role,), field, number):
                yield s._replace(display_name=s.display_name or (name if value is not name else None) or None)
            return


def _one_offs(octets: bytes, charset: str) -> Iterator[str]:
    """The addresses in a list of entries that are in no directory (MS-OXCDATA section 2.2.5.1): name, type, address."""
    for entry in octets.split(_ONE_OFF)[1:]:
        wide = len(entry) > 3 and entry[3] & 0x80
        written = text(entry[4:], ContentType("text/plain", {"charset": "utf-16-le" if wide else charset})).split("\0")
        if len(written) > 2:
            yield written[2]


def _date(octets: bytes) -> datetime | None:
    """A FILETIME (MS-DTYP section 2.3.3): 100 ns since 1601; None for none, or beyond the year 9999."""
    try:
        ticks = int.from_bytes(octets, "little")
        return _EPOCH + timedelta(microseconds=ticks // 10) if ticks else None
    except OverflowError:
        return None


class _Properties:
    """The properties of a message or of a recipient, as far as anybody asks for them."""

    def __init__(self, compound: Compound, storage: Entry | None, problems: list[str], charset: str = "") -> None:
        """Find those of a storage, or of the message itself. Raises UnreadableError where the directory is damaged."""
        self._compound, self._problems = compound, problems
        self.streams: dict[tuple[int, str], Entry] = {}
        self.fixed: dict[int, bytes] = {}
        self.rows: list[Entry] = []
        self.found = False
        fixed = None
        for entry in compound.entries(storage):
            if not entry.is_stream:
                self.rows += [entry] if entry.name.startswith(_ROW) else []
            elif match := _STREAM.fullmatch(entry.name):
                self.streams[int(match[1], 16), match[2].upper()] = entry
            elif entry.name == _FIXED:
                fixed = entry
        if fixed is not None:
            self.found = True
            octets = self._read(fixed, _LONG)
            for at in range(8 if storage else 32, len(octets) - 15, 16):  # MS-OXMSG section 2.4.1
                self.fixed.setdefault(struct.unpack_from("<H", octets, at + 2)[0], octets[at + 8 : at + 16])

        page = self.integer(_CODEPAGE) or 1252
        self.charset = (
            charset or _CHARSETS.get(page) or (f"iso-8859-{page - 28590}" if page > 28590 else f"windows-{page}")
        )

    def text(self, number: int) -> str:
        """A text, in UTF-16 or in the charset of the message; "" for none."""
        for kind, of in (("001F", "utf-16-le"), ("001E", self.charset)):
            if (entry := self.streams.get((number, kind))) is not None:
                octets = self._read(entry, _LONGEST.get(number, _LONG))
                return text(octets, ContentType("text/plain", {"charset": of})).rstrip("\0")
        return ""

    def octets(self, number: int) -> bytes:
        """A binary property; b"" for none."""
        entry = self.streams.get((number, "0102"))
        return self._read(entry, _LONGEST.get(number, _LONG)) if entry else b""

    def integer(self, number: int) -> int:
        """A number of 32 bits; 0 for none."""
        return int.from_bytes(self.fixed.get(number, b"")[:4], "little")

    def _read(self, entry: Entry, most: int) -> bytes:
        """The octets of a stream; what is damaged or too long is noted."""
        try:
            octets = self._compound.read(entry, most)
        except UnreadableError as error:
            self._problems.append(f"{error} ({entry.name})")
            return b""
        if entry.size > most:
            self._problems.append(f"longer than {most >> 10} KiB; the rest is not read ({entry.name})")
        return octets
