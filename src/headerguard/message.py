"""The message as headerguard sees it: every address once per place, with its role and its evidence.

A copy is never "the message": it has a stage, and it may or may not come with its envelope. Nothing is parsed before it
is asked for, and nothing twice.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import count, repeat
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from headerguard.address import Address
from headerguard.address_list import Tier, is_plain, lex, parse, parse_all
from headerguard.fields import ANY, CATALOGUE, HIDDEN, RECIPIENT, VISIBLE, Entry, Outline, Role, entry_of, outline
from headerguard.grammar import ENCODED, Decoder, Name
from headerguard.header import (
    Defect,
    DefectName,
    Header,
    Line,
    decode_octets,
    decode_words,
    encode_octets,
    header_length,
)
from headerguard.seal import seals_in
from headerguard.stream import Level, levels

if TYPE_CHECKING:
    from email.message import Message as EmailMessage

__all__ = ["Envelope", "Mark", "Message", "Origin", "Part", "Recipient", "Record", "Sighting", "Stage"]


class Stage(StrEnum):
    """What a copy shows: where on its way the message was when the copy was made."""

    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    EVENT = "event"
    ARCHIVE = "archive"
    UNKNOWN = "unknown"


def _path(path: object, field: str) -> str:
    """A path of the envelope as text; SMTP libraries hand over octets too."""
    if isinstance(path, bytes):
        return path.decode("utf-8", "surrogateescape")
    if not isinstance(path, str):
        raise TypeError(f"Envelope.{field} takes text, not {type(path).__name__}")
    return path


@dataclass(frozen=True, slots=True)
class Envelope:
    """The SMTP envelope (RFC 5321 section 2.3.1) as far as it was observed."""

    mail_from: str | None = None
    """The reverse-path; "" is the null path; None was not observed."""
    rcpt_to: tuple[str, ...] = ()
    """The forward-paths of this transaction: bare, in angle brackets, or whole mailboxes."""
    complete: bool | None = None
    """Whether `rcpt_to` is the whole logical message: servers and ESPs split it, only the submitter knows."""
    queue_id: str | None = None
    """The id that the server gave it."""
    observed: datetime | None = None
    """When; aware, or taken as UTC."""

    def __post_init__(self) -> None:
        """Take any iterable of recipients, and a single one as one. Raises TypeError for a path that is no text."""
        rcpt_to: str | Iterable[str] = self.rcpt_to
        paths = (rcpt_to,) if isinstance(rcpt_to, str | bytes) else tuple(rcpt_to)
        object.__setattr__(self, "rcpt_to", tuple(_path(path, "rcpt_to") for path in paths))
        if self.mail_from is not None:
            object.__setattr__(self, "mail_from", _path(self.mail_from, "mail_from"))


@dataclass(frozen=True, slots=True)
class Origin:
    """How to find this copy again; never a machine name."""

    kind: str
    """Id of the source kind."""
    path: str | None = None
    """The path as the caller gave it."""
    index: int | None = None
    """Number of the record in its container, from 0."""


class Sighting(NamedTuple):
    """One address at one place of a copy."""

    address: Address
    """The decoded value; `str()` gives the addr-spec."""
    role: Role
    """What it is there for."""
    field: str
    """Wire name in lower case; "rcpt to" or "mail from" for the envelope."""
    occurrence: int
    """Which field of that name, from 0; for the envelope which recipient."""
    tier: Tier
    """How sure the reading is."""
    span: tuple[int, int] | None
    """Start and end octet in the message; None where the copy has no octets."""
    display_name: str | None = None
    """The name it stands under, decoded, or None."""


class Mark(NamedTuple):
    """A host name, or an id of the sending account, at one place of a copy."""

    kind: str
    """host or account."""
    value: str
    """The host name in lower case, or "vendor:id"."""
    role: Role
    """What it is there for."""
    field: str
    """Wire name in lower case, or a path inside an event."""
    occurrence: int
    """Which field of that name, from 0."""
    span: tuple[int, int] | None
    """Start and end octet of the value that holds it; None where the copy has no octets."""


@dataclass(frozen=True, slots=True)
class Record:
    """What the source of a copy states outside its header and envelope: an event, a journal report, a log."""

    sightings: tuple[Sighting, ...] = ()
    """The addresses that it names; the field is a path inside the record."""
    marks: tuple[Mark, ...] = ()
    """The hosts and accounts that it names."""
    streams: tuple[tuple[str, str], ...] = ()
    """Kind and value of each name that it gives the stream, strongest first (see `stream.Level`)."""
    ids: tuple[str, ...] = ()
    """Its ids of the message, the caller's own first."""
    originals: Mapping[str, Address] = field(default_factory=dict)
    """Address key of a recipient to the address before it was expanded or forwarded."""
    date: datetime | None = None
    """When the message was sent, or this was written; aware."""
    subject: str = ""
    """The subject, where the copy has no header."""
    whole: bool = True
    """Whether it names every recipient that its To, Cc and Bcc can hold; an event on one recipient does not."""
    shown: bool = True
    """Whether its To and Cc are what recipients see; not so in a journal report, which has the message besides."""
    blind_spots: tuple[str, ...] = ()
    """What this record cannot show, a sentence each."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """An address that receives the message, merged over its sightings."""

    address: Address
    """As first seen."""
    sightings: tuple[Sighting, ...]
    """Every place that makes it a recipient, strongest first: envelope, then header order."""
    hidden: bool
    """No destination field that recipients can read names it."""
    original: Address | None = None
    """The address before alias or list expansion, where the copy shows it."""

    @property
    def roles(self) -> frozenset[Role]:
        """Every role it has."""
        return frozenset(s.role for s in self.sightings)

    @property
    def tier(self) -> Tier:
        """The surest of its readings."""
        return min((s.tier for s in self.sightings), key=list(Tier).index)


class Part(NamedTuple):
    """A field of the catalogue in this copy, not yet read."""

    entry: Entry
    line: Line
    occurrence: int
    cap: Tier
    """No address in it is surer than this."""
    number: int
    """Which part of the copy it is, from 0."""


_FOLD = re.compile(r"\r?\n[ \t]*")
_TRACE = frozenset(("received", "return-path", "delivered-to", "x-original-to", "envelope-to"))
_FROM = frozenset((Role.FROM,))
_CAPS = {
    DefectName.MALFORMED_NAME: Tier.CANDIDATE,
    DefectName.BYTE_ORDER_MARK: Tier.RECOVERED,
    DefectName.LEADING_BLANK: Tier.RECOVERED,
}
_TIERS = list(Tier)
_PLAIN = Tier.PLAIN  # a member is looked up by way of its class at three times the cost of a name
_start = itemgetter(1)  # of a line
_new = tuple.__new__  # half the cost of the generated constructor, which counts here
_make_part = partial(tuple.__new__, Part)


class Message:
    """One copy of an outbound message. Immutable by contract; views are computed when first asked for."""

    __slots__ = (
        "_encodings",
        "_levels",
        "_list_defects",
        "_marks",
        "_ordinary",
        "_outline",
        "_parts",
        "_readings",
        "_recipients",
        "_sightings",
        "_stated",
        "account",
        "envelope",
        "header",
        "origin",
        "record",
        "stage",
    )

    header: Header
    """The header block."""
    envelope: Envelope | None
    """None: not observed."""
    account: str | None
    """The sending account, where known."""
    stage: Stage
    """What this copy shows; inferred when the caller did not say."""
    origin: Origin | None
    """How to find it again."""
    record: Record | None
    """What its source states besides; None for a plain message."""

    def __init__(
        self,
        header: Header,
        envelope: Envelope | None = None,
        stage: Stage | str | None = None,
        account: str | None = None,
        origin: Origin | None = None,
        record: Record | None = None,
    ) -> None:
        """Put a copy together; `from_bytes` and `from_email` are the usual ways in."""
        self.header, self.envelope, self.account, self.origin = header, envelope, account, origin
        self.record = record
        self.stage = self._inferred_stage() if stage is None else Stage(stage)
        self._parts: list[Part] | None = None
        self._outline: Outline | None = None
        self._encodings: frozenset[int] | None = None
        self._readings: list[list[Sighting] | None] = []
        self._list_defects: dict[int, list[Defect]] = {}
        self._ordinary: dict[int, bool] = {}
        self._sightings: tuple[Sighting, ...] | None = None
        self._stated: tuple[Sighting, ...] | None = None
        self._recipients: tuple[Recipient, ...] | None = None
        self._levels: tuple[Level, ...] | None = None
        self._marks: tuple[Mark, ...] | None = None

    @classmethod
    def from_bytes(
        cls,
        octets: bytes | bytearray | memoryview,
        envelope: Envelope | None = None,
        stage: Stage | str | None = None,
        account: str | None = None,
        *,
        origin: Origin | None = None,
        limit: int | None = None,
        record: Record | None = None,
    ) -> Message:
        """Read a message, or its header block alone; the body is not looked at. Never raises on bad mail.

        `limit` octets of header are kept whole (default `header.LIMIT`); past it only fields of the catalogue are.
        Raises TypeError when it is not given octets, and ValueError for an unknown stage.
        """
        if not isinstance(octets, bytes | bytearray | memoryview):
            raise TypeError(f"Message.from_bytes takes bytes, not {type(octets).__name__}")
        block = bytes(octets[: header_length(octets)])
        header = Header(block, keep=_ALL) if limit is None else Header(block, limit=limit, keep=_ALL)
        return cls(header, envelope, stage, account, origin, record)

    @classmethod
    def from_email(
        cls,
        email_message: EmailMessage,
        envelope: Envelope | None = None,
        stage: Stage | str | None = None,
        account: str | None = None,
        *,
        origin: Origin | None = None,
    ) -> Message:
        """Read a message object of the standard library: its raw header items, never its serialised form.

        Raises TypeError when the object has no raw header items, and ValueError for an unknown stage.
        """
        items = getattr(email_message, "raw_items", None)
        if items is None:
            raise TypeError(f"Message.from_email takes an email.message.Message, not {type(email_message).__name__}")
        return cls.from_items(items(), envelope, stage, account, origin=origin)

    @classmethod
    def from_items(
        cls,
        items: Iterable[tuple[str, object]],
        envelope: Envelope | None = None,
        stage: Stage | str | None = None,
        account: str | None = None,
        *,
        origin: Origin | None = None,
        record: Record | None = None,
    ) -> Message:
        """Read names and values of fields in order, as a library or an event gives them. ValueError: unknown stage."""
        block, injected = _block(items)
        header = Header(block, keep=_ALL, has_octets=False, injected=injected)
        return cls(header, envelope, stage, account, origin, record)

    def _inferred_stage(self) -> Stage:
        if not _TRACE.isdisjoint(self.header.names):
            return Stage.DELIVERED
        return Stage.SUBMITTED if self.header.lines or self.envelope else Stage.UNKNOWN

    @property
    def names(self) -> frozenset[str]:
        """Lower-case names of every field of the header."""
        return self.header.names

    # ---- fields and sightings

    @property
    def parts(self) -> list[Part]:
        """The fields of the catalogue, in order, those included that only some readers would see."""
        if self._parts is None:
            known = [line for line in self.header.lines if line[0] in CATALOGUE]
            self._outline = plan = outline(tuple([line[0] for line in known]))
            self._parts = list(map(_make_part, zip(plan.entries, known, plan.occurrences, repeat(_PLAIN), count())))
            if self.header.defects:
                odd = self._odd_parts(self._parts, Counter(line.name for line in known))
                self._parts = [part._replace(number=number) for number, part in enumerate(odd)]
                self._outline = outline(tuple(part.line.name for part in odd))
            self._readings = [None] * len(self._parts)
        return self._parts

    @property
    def outline(self) -> Outline:
        """What follows from the names of those fields."""
        while self._outline is None:
            _ = self.parts  # works it out
        return self._outline

    def parts_named(self, names: Collection[str]) -> list[Part]:
        """Those of them that have one of the names (lower case)."""
        parts = self._parts or self.parts
        return [parts[number] for number in self.outline.named(names)]

    def _odd_parts(self, parts: list[Part], counts: Counter[str]) -> list[Part]:
        """Lower what stands under a damaged name, and add the fields that stand behind a bare CR."""
        caps = {d.span[0]: _CAPS[d.name] for d in self.header.defects if d.name in _CAPS and d.span}
        found = [part._replace(cap=caps.get(part.line.start, part.cap)) for part in parts] if caps else parts
        if all(d.name is not DefectName.BARE_CR for d in self.header.defects):
            return found
        known = {part.line.start: part for part in found}
        result: list[Part] = []
        for line in self.header.lines:
            inner = list(self._behind_bare_cr(line))
            if part := known.get(line.start):
                end = inner[0].start if inner else line.end
                result.append(part._replace(line=line._replace(end=end)))
            for hidden in inner:
                result.append(Part(CATALOGUE[hidden.name], hidden, counts[hidden.name], Tier.CANDIDATE, 0))
                counts[hidden.name] += 1
        return result

    def _behind_bare_cr(self, line: Line) -> Iterator[Line]:
        """Fields that a reader sees which takes a bare CR for a line end (both Postfix and Exim do not)."""
        found = [m for m in _AFTER_CR.finditer(self.header.text, line.start, line.end) if m[1].lower() in CATALOGUE]
        ends = [match.start() for match in found[1:]] + [line.end]
        for match, end in zip(found, ends[: len(found)], strict=True):
            yield Line(match[1].lower(), match.start(1), match.end(), end)

    def read(self, part: Part) -> list[Sighting]:
        """The addresses of one field, read once."""
        sightings = self._readings[part.number]
        if sightings is None:
            (_, start, value, end), (decode, _, _, sign) = part.line, part.entry.reading
            sightings = self._listed(part, decode) if decode else []
            if sign is not None and (self.header.text.find(sign, value, end) >= 0 or start in self._encoded):
                sightings += self._unpacked(part)
            self._readings[part.number] = sightings
        return sightings

    @property
    def _encoded(self) -> frozenset[int]:
        """Where the fields start that may spell an address without "@"."""
        if self._encodings is None:
            text, lines = self.header.text, self.header.lines
            found = set()
            for sign, rare in ENCODED.items():
                at = text.find(sign) if rare in text else -1
                while at >= 0:
                    line = lines[bisect_right(lines, at, key=_start) - 1]
                    found.add(line.start)
                    at = text.find(sign, max(at + 1, line.end))
            self._encodings = frozenset(found)
        return self._encodings

    def _listed(self, part: Part, decode: Decoder) -> list[Sighting]:
        """The addresses that stand in it as a list."""
        entry, (name, start, value, end), number, cap, _ = part
        mailboxes, defects = decode(self.header.text, value, end)
        if defects:
            self._list_defects[start] = [Defect(d, self.header.span(s, e), name) for d, s, e in defects]
        octets, role = self.header.has_octets, entry.role
        found = [
            _new(
                Sighting,
                (
                    address,
                    Role.MENTIONED if mentioned else role,
                    name,
                    number,
                    tier,
                    (first, last) if octets else None,
                    display,
                ),
            )
            for address, tier, first, last, display, mentioned in mailboxes
        ]
        return found if cap is _PLAIN else [s._replace(tier=max(s.tier, cap, key=_TIERS.index)) for s in found]

    def _names(self, part: Part) -> Iterator[Name]:
        """What is packed into a field."""
        unpack = part.entry.reading.unpack
        if unpack is not None:
            value = self.header.text[part.line.value : part.line.end].strip(" \t\r\n")
            if "\n" in value:
                value = _FOLD.sub(" ", value)
            yield from unpack(decode_words(decode_octets(value)))

    def _unpacked(self, part: Part) -> Iterator[Sighting]:
        """The addresses among it, each once in a role; each has the span of the whole value."""
        span, seen = self._value_span(part), set()
        for kind, value, role in self._names(part):
            if kind == "address" and "@" in value:
                for box in lex(encode_octets(value).decode("latin-1")).mailboxes:
                    meant = Role.MENTIONED if box.mentioned else role or part.entry.role
                    tier = max(box.tier, part.cap, key=_TIERS.index)
                    if (box.address, meant) not in seen:
                        seen.add((box.address, meant))
                        yield Sighting(box.address, meant, part.line.name, part.occurrence, tier, span, box.name)

    def _value_span(self, part: Part) -> tuple[int, int] | None:
        text, (_, _, start, end) = self.header.text, part.line
        while start < end and text[start] in " \t\r\n":
            start += 1
        while end > start and text[end - 1] in " \t\r\n":
            end -= 1
        return (start, end) if self.header.has_octets else None

    @property
    def marks(self) -> tuple[Mark, ...]:
        """Every host name and account id that the record and the fields of the catalogue state, in that order."""
        if self._marks is None:
            stated = self.record.marks if self.record else ()
            self._marks = (
                *stated,
                *self._path_marks(),
                *(mark for part in self.parts for mark in self._marks_in(part)),
            )
        return self._marks

    def marks_of(self, fields: Collection[str]) -> list[Mark]:
        """The same of the record and some fields only, by lower-case wire name; the others are not unpacked."""
        found = list(self.record.marks) if self.record else []
        if "return-path" in fields:
            found += self._path_marks()
        if not self.header.names.isdisjoint(fields):
            found += [mark for part in self.parts_named(fields) for mark in self._marks_in(part)]
        return found

    def _path_names(self) -> Iterable[Name]:
        """What the reverse-path of the envelope encodes, as a Return-Path does."""
        path = self.envelope.mail_from if self.envelope else None
        if not path or _UNPACK_PATH is None or ("=" not in path and "bounce-m" not in path.lower()):
            return ()
        return _UNPACK_PATH(path)

    def _path_marks(self) -> list[Mark]:
        return [
            Mark(kind, value, role or Role.BOUNCE, "mail from", 0, None)
            for kind, value, role in self._path_names()
            if kind != "address"
        ]

    def _marks_in(self, part: Part) -> Iterator[Mark]:
        span = self._value_span(part) if part.entry.reading.unpack else None
        for kind, value, role in self._names(part):
            if kind != "address":
                yield Mark(kind, value, role or part.entry.role, part.line.name, part.occurrence, span)

    @property
    def accounts(self) -> tuple[str, ...]:
        """The fingerprint of the sending account: each id that names it, as "vendor:id", in order, each once."""
        return tuple(dict.fromkeys(mark.value for mark in self.marks if mark.kind == "account"))

    def defects_of(self, part: Part) -> list[Defect]:
        """What is odd inside the address list of one field."""
        self.read(part)
        return self._list_defects.get(part.line.start, [])

    def sightings_of(self, roles: Collection[Role]) -> list[Sighting]:
        """The sightings in some roles only; fields of other roles are not parsed."""
        parts = self._parts or self.parts
        found = [s for s in self.stated if s.role in roles] if self.record or self.envelope else []
        for number in self.outline.of(roles):
            found += [s for s in self._readings[number] or self.read(parts[number]) if s.role in roles]
        return found + self._mentions() if Role.MENTIONED in roles else found

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """Every address once per place: envelope and record first, the header in order, then other fields."""
        if self._sightings is None:
            found, parts = list(self.stated), self.parts
            readings = self._readings
            for number in self.outline.holding:
                found += readings[number] or self.read(parts[number])
            self._sightings = (*found, *self._mentions())
        return self._sightings

    def _mentions(self) -> list[Sighting]:
        """The addresses in fields that nobody expects to hold one."""
        find = self.header.text.find
        encoded = self._encoded
        odd = {
            line
            for line in self.header.lines
            if line[0] not in CATALOGUE and (find("@", line[1], line[3]) >= 0 or line[1] in encoded)
        }
        if not odd:
            return []
        counts: dict[str, int] = {}
        found: list[Sighting] = []
        for line in self.header.lines:
            occurrence = counts[line.name] = counts.get(line.name, -1) + 1
            if line in odd:
                entry = entry_of(line.name) if line.name else ANY
                if find("@", line.start, line.value) >= 0:  # in the very name
                    line = line._replace(value=line.start)
                found += self._unpacked(Part(entry, line, occurrence, _PLAIN, -1))
        return found

    @property
    def stated(self) -> tuple[Sighting, ...]:
        """What envelope and record name."""
        if self._stated is None:
            self._stated = (*self._envelope_sightings(), *(self.record.sightings if self.record else ()))
        return self._stated

    def _envelope_sightings(self) -> Iterator[Sighting]:
        envelope = self.envelope
        if envelope is None:
            return
        if envelope.mail_from and (address := parse(envelope.mail_from)):
            yield Sighting(address, Role.BOUNCE, "mail from", 0, _PLAIN, None)
            for kind, value, role in self._path_names():
                if kind == "address":
                    if role is Role.ENVELOPE and envelope.rcpt_to:
                        role = Role.DELIVERED  # RCPT TO says who receives; this, whom another copy of it was for
                    for box in lex(encode_octets(value).decode("latin-1")).mailboxes:
                        yield Sighting(box.address, role or Role.BOUNCE, "mail from", 0, box.tier, None)
        for number, path in enumerate(envelope.rcpt_to):
            for address, tier, _, _, name, _ in parse_all(path):
                yield _new(Sighting, (address, Role.ENVELOPE, "rcpt to", number, tier, None, name))

    @property
    def defects(self) -> tuple[Defect, ...]:
        """Everything odd about this copy: the header's defects, then those of its address lists."""
        return (*self.header.defects, *(defect for part in self.parts for defect in self.defects_of(part)))

    def is_ordinary(self, part: Part) -> bool:
        """Whether a field is so plain that no reader can differ on it, told without parsing it."""
        ordinary = self._ordinary.get(part.number)
        if ordinary is None:
            _, _, value, end = part.line
            ordinary = self._ordinary[part.number] = part.cap is _PLAIN and is_plain(self.header.text, value, end)
        return ordinary

    # ---- recipients

    @property
    def recipients(self) -> tuple[Recipient, ...]:
        """Everybody who receives the message as far as this copy shows, merged over the sightings, all tiers."""
        if self._recipients is None:
            merged: dict[str, list[Sighting]] = {}
            shown: dict[str, Address] = {}
            shows = self.shows_destination
            record = self.record or _NOTHING_STATED
            stated = () if record.shown or not shows else record.sightings
            besides = frozenset(sighting for sighting in stated if sighting.role in VISIBLE)
            for sighting in self.sightings_of(RECIPIENT):
                key = sighting.address.key
                merged.setdefault(key, []).append(sighting)
                if sighting.role in VISIBLE and sighting.tier is not Tier.CANDIDATE and sighting not in besides:
                    shown[key] = sighting.address  # what only some readers see conceals nothing
            concealing = HIDDEN if shows else HIDDEN - {Role.ENVELOPE}
            if self.stage is Stage.ARCHIVE:
                concealing -= {Role.ARCHIVE}  # in a copy from the archive the archive is no stranger
            hiding = [
                key
                for key, found in merged.items()
                if key not in shown and any(s.role in concealing or s in besides for s in found)
            ]
            same = {address.canonical for address in shown.values()} if hiding else ()
            hidden = {key for key in hiding if merged[key][0].address.canonical not in same}
            self._recipients = tuple(
                Recipient(found[0].address, tuple(found), key in hidden, record.originals.get(key))
                for key, found in merged.items()
            )
        return self._recipients

    @property
    def hidden(self) -> tuple[str, ...]:
        """Addr-specs of the recipients that no To, Cc, Resent-To or Resent-Cc field of this message names."""
        return tuple(str(recipient.address) for recipient in self.recipients if recipient.hidden)

    @property
    def shows_destination(self) -> bool:
        """Whether this copy has any field that would name a recipient for all to see."""
        if not self.outline.roles.isdisjoint(VISIBLE) and any(part.entry.role in VISIBLE for part in self.parts):
            return True
        return self.record is not None and self.record.shown and any(s.role in VISIBLE for s in self.record.sightings)

    # ---- what else is known

    @property
    def author(self) -> str:
        """Address key of the first author (RFC 5322 section 3.6.2), "-" for none."""
        for sighting in self.sightings_of(_FROM):
            if sighting.tier is not Tier.CANDIDATE:
                return sighting.address.key[:320].replace(" ", "%20")
        return "-"

    def levels_as(self, stream: str | None = None, field: str | None = None) -> Iterator[Level]:
        """The levels of its stream, finest first, lazily; `stream` and `field` as in `stream.levels`."""
        record = self.record or _NOTHING_STATED
        return levels(self.header, self.account, stream, field, lambda: self.author, record.streams, record.subject)

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels of its stream, finest first, without a name from the caller."""
        if self._levels is None:
            self._levels = tuple(self.levels_as())
        return self._levels

    @property
    def stream(self) -> str | None:
        """The stream as people name it, or None where nothing names one and there is no author."""
        name = self.levels[0].name
        return None if name.startswith("subject:- ") else name

    @property
    def correlation(self) -> tuple[str, ...]:
        """The ids that join copies of one logical message: those of the record, Message-ID, the queue id."""
        ids = list(self.record.ids) if self.record else []
        ids += [found.text.strip("<> ") for found in self.header.all("message-id")]
        if self.envelope and self.envelope.queue_id:
            ids.append(self.envelope.queue_id)
        return tuple(dict.fromkeys(filter(None, ids)))

    @property
    def seals(self) -> tuple[str, ...]:
        """Everything in the header and among the ids of the record that has the form of a seal."""
        text, found = self.header.text, []
        if "=?" not in text:
            found += seals_in(text)
        else:  # the standard library writes a long word without a blank as encoded-words, cut anywhere
            values = (text[line.value : line.end] for line in self.header.lines)
            for value in values:
                found += seals_in(decode_words(decode_octets(_FOLD.sub(" ", value))) if "=?" in value else value)
        if self.record:
            found += seals_in(" ".join(self.record.ids))
        return tuple(dict.fromkeys(found))

    @property
    def date(self) -> datetime | None:
        """The Date field (RFC 5322 section 3.6.1), else that of the record, in UTC; None when absent or unreadable."""
        fields = self.header.all("date")
        if not fields:
            return self.record.date if self.record else None
        return _moment(fields[0].text)

    @property
    def dates(self) -> tuple[datetime, ...]:
        """Every time in UTC at which this copy was under way: Date, the last hop, its record, when it was observed."""
        hop = next((_moment(field.text.rpartition(";")[2]) for field in self.header.all("received")), None)
        observed = self.envelope.observed if self.envelope else None
        if observed and observed.tzinfo is None:
            observed = observed.replace(tzinfo=UTC)
        found = (self.date, hop, self.record.date if self.record else None, observed)
        return tuple(dict.fromkeys(filter(None, found)))

    @property
    def subject(self) -> str:
        """The first Subject, decoded, for people; "" for none."""
        fields = self.header.all("subject")
        return fields[0].text if fields else self.record.subject if self.record else ""

    def __repr__(self) -> str:
        """Say what kind of copy it is, never who is in it."""
        return f"<Message {self.stage} {len(self.header.lines)} fields>"


def _moment(text: str) -> datetime | None:
    """A date-time (RFC 5322 section 3.3) in UTC; None for what is none."""
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


_ALL = frozenset(CATALOGUE)
_NOTHING_STATED = Record()
_UNPACK_PATH = CATALOGUE["return-path"].reading.unpack
_AFTER_CR = re.compile(r"\r[ \t]*([!-9;-~]+)[ \t]*:")


def _block(items: Iterable[tuple[str, object]]) -> tuple[bytes, list[int]]:
    """A header block from raw header items, and where a value that holds a line end starts a line of its own."""
    block = bytearray()
    injected = []
    for name, value in items:
        octets = encode_octets(f"{name}: {_written(value)}").rstrip(b"\r\n") + b"\r\n"
        injected += [len(block) + match.end() for match in _LINE_IN_VALUE.finditer(octets)]
        block += octets
    return bytes(block), injected


def _written(value: object) -> str:
    """A header value as it would be sent; a Header object that refuses (it holds a field of its own) as it is."""
    from email.header import Header as EncodedHeader

    if isinstance(value, EncodedHeader):
        try:
            return value.encode(linesep="\r\n")
        except Exception:  # the refusal of the standard library must not hide what it refuses
            return str(value)
    return str(value)


_LINE_IN_VALUE = re.compile(rb"\n(?![ \t]|\Z)")
