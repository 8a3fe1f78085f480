"""The fields of the catalogue in one header, each read once and not before it is asked for."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from itertools import count, repeat
from operator import itemgetter
from typing import NamedTuple

from headerguard.address_list import Tier, is_plain, lex_text
from headerguard.fields import ANY, CATALOGUE, Entry, Outline, entry_of, outline
from headerguard.grammar import ENCODED, Decoder, Name
from headerguard.grammar.received import hosts_in
from headerguard.grammar.tags import signer
from headerguard.header import Defect, DefectName, Header, Line, decode_value
from headerguard.role import Role
from headerguard.sighting import Mark, Sighting

__all__ = ["Part", "Parts"]


class Part(NamedTuple):
    """A field of the catalogue in this copy, not yet read."""

    entry: Entry
    line: Line
    occurrence: int
    cap: Tier
    """No address in it is surer than this."""
    number: int
    """Which part of the copy it is, from 0."""


_CAPS = {
    DefectName.MALFORMED_NAME: Tier.CANDIDATE,
    DefectName.BYTE_ORDER_MARK: Tier.RECOVERED,
    DefectName.LEADING_BLANK: Tier.RECOVERED,
}
_AFTER_CR = re.compile(r"\r[ \t]*([!-9;-~]+)[ \t]*:")
_TIERS = list(Tier)
_MENTIONED = Role.MENTIONED
_PLAIN = Tier.PLAIN  # a member is looked up by way of its class at three times the cost of a name
_start = itemgetter(1)  # of a line
_new = tuple.__new__  # half the cost of the generated constructor, which counts here
_make_part = partial(tuple.__new__, Part)


class Parts:
    """The parts of a header, and what stands in them. Immutable by contract."""

    __slots__ = ("_defects", "_encodings", "_found", "_header", "_marks", "_ordinary", "_readings", "all", "outline")

    all: list[Part]
    """Every part, in order, those included that only some readers would see."""
    outline: Outline
    """What follows from their names."""

    def __init__(self, header: Header) -> None:
        """Find them; none is read yet."""
        self._header = header
        known = [line for line in header.lines if line[0] in CATALOGUE]
        self.outline = plan = outline(tuple([line[0] for line in known]))
        self.all = list(map(_make_part, zip(plan.entries, known, plan.occurrences, repeat(_PLAIN), count())))
        if header.defects:
            odd = self._odd(self.all, Counter(line.name for line in known))
            self.all = [part._replace(number=number) for number, part in enumerate(odd)]
            self.outline = outline(tuple(part.line.name for part in odd))
        self._readings: list[list[Sighting] | None] = [None] * len(self.all)
        self._encodings: frozenset[int] | None = None
        self._found: dict[frozenset[Role], list[Sighting]] = {}
        self._defects: dict[int, list[Defect]] = {}
        self._ordinary: dict[int, bool] = {}
        self._marks: dict[int, list[Mark]] = {}

    # ---- which there are

    def named(self, names: Collection[str]) -> list[Part]:
        """Those that have one of the names (lower case)."""
        parts = self.all
        return [parts[number] for number in self.outline.named(names)]

    def shows(self, roles: Collection[Role]) -> bool:
        """Whether one of them is there for one of the roles, and not merely may hold it."""
        return not self.outline.roles.isdisjoint(roles) and any(part.entry.role in roles for part in self.all)

    def _odd(self, parts: list[Part], counts: Counter[str]) -> list[Part]:
        """Lower what stands under a damaged name, and add the fields that stand behind a bare CR."""
        caps = {d.span[0]: _CAPS[d.name] for d in self._header.defects if d.name in _CAPS and d.span}
        found = [part._replace(cap=caps.get(part.line.start, part.cap)) for part in parts] if caps else parts
        if all(d.name is not DefectName.BARE_CR for d in self._header.defects):
            return found
        known = {part.line.start: part for part in found}
        result: list[Part] = []
        for line in self._header.lines:
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
        found = [m for m in _AFTER_CR.finditer(self._header.text, line.start, line.end) if m[1].lower() in CATALOGUE]
        ends = [match.start() for match in found[1:]] + [line.end]
        for match, end in zip(found, ends[: len(found)], strict=True):
            yield Line(match[1].lower(), match.start(1), match.end(), end)

    # ---- addresses

    def read(self, part: Part) -> list[Sighting]:
        """The addresses of one field, read once."""
        sightings = self._readings[part.number]
        if sightings is None:
            (_, start, value, end), (decode, _, _, sign, _) = part.line, part.entry.reading
            sightings = self._listed(part, decode) if decode else []
            if sign is not None and (self._header.text.find(sign, value, end) >= 0 or start in self._encoded):
                sightings += self._unpacked(part)
            self._readings[part.number] = sightings
        return sightings

    def sightings_of(self, roles: Collection[Role]) -> list[Sighting]:
        """The addresses in some roles only; fields of other roles are not parsed."""
        wanted = frozenset(roles)
        known = self._found.get(wanted)
        if known is None:
            parts, readings = self.all, self._readings
            known = self._found[wanted] = []
            for number in self.outline.of(wanted):
                known += [s for s in readings[number] or self.read(parts[number]) if s[1] in wanted]
            if _MENTIONED in wanted:
                known += self._mentions()
        return known.copy()

    @property
    def sightings(self) -> list[Sighting]:
        """Every address once per place: the parts in order, then other fields."""
        parts, readings = self.all, self._readings
        found: list[Sighting] = []
        for number in self.outline.holding:
            found += readings[number] or self.read(parts[number])
        found += self._mentions()
        return found

    @property
    def _encoded(self) -> frozenset[int]:
        """Where the fields start that may spell an address without "@"."""
        if self._encodings is None:
            text, lines = self._header.text, self._header.lines
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
        mailboxes, defects = decode(self._header.text, value, end)
        if defects:
            self._defects[start] = [Defect(d, self._header.span(s, e), name) for d, s, e in defects]
        octets, role = self._header.has_octets, entry.role
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
            yield from unpack(decode_value(self._header.text[part.line.value : part.line.end].strip(" \t\r\n")))

    def _unpacked(self, part: Part) -> Iterator[Sighting]:
        """The addresses among it, each once in a role; each has the span of the whole value."""
        span, seen = self._value_span(part), set()
        for kind, value, role in self._names(part):
            if kind == "address" and "@" in value:
                for box in lex_text(value).mailboxes:
                    meant = Role.MENTIONED if box.mentioned else role or part.entry.role
                    tier = max(box.tier, part.cap, key=_TIERS.index)
                    if (box.address, meant) not in seen:
                        seen.add((box.address, meant))
                        yield Sighting(box.address, meant, part.line.name, part.occurrence, tier, span, box.name)

    def _value_span(self, part: Part) -> tuple[int, int] | None:
        text, (_, _, start, end) = self._header.text, part.line
        while start < end and text[start] in " \t\r\n":
            start += 1
        while end > start and text[end - 1] in " \t\r\n":
            end -= 1
        return (start, end) if self._header.has_octets else None

    def _mentions(self) -> list[Sighting]:
        """The addresses in fields that nobody expects to hold one."""
        find = self._header.text.find
        encoded = self._encoded
        odd = {
            line
            for line in self._header.lines
            if line[0] not in CATALOGUE and (find("@", line[1], line[3]) >= 0 or line[1] in encoded)
        }
        if not odd:
            return []
        counts: dict[str, int] = {}
        found: list[Sighting] = []
        for line in self._header.lines:
            occurrence = counts[line.name] = counts.get(line.name, -1) + 1
            if line in odd:
                entry = entry_of(line.name) if line.name else ANY
                if find("@", line.start, line.value) >= 0:  # in the very name
                    line = line._replace(value=line.start)
                found += self._unpacked(Part(entry, line, occurrence, _PLAIN, -1))
        return found

    # ---- hosts and accounts

    @property
    def marks(self) -> Iterator[Mark]:
        """Every host name and account id, in order."""
        return (mark for part in self.all for mark in self._marks_in(part))

    def marks_of(self, fields: Collection[str]) -> list[Mark]:
        """Those in some fields only, by lower-case wire name; the others are not unpacked."""
        if self._header.names.isdisjoint(fields):
            return []
        return [mark for part in self.named(fields) for mark in self._marks_in(part)]

    def _marks_in(self, part: Part) -> Iterable[Mark]:
        """Those of one field, read once."""
        if part.entry.reading.unpack is None:
            return ()
        marks = self._marks.get(part.number)
        if marks is None:
            if (sign := part.entry.reading.mark) and not self._has_any((sign, "=?"), part.line):
                return ()
            marks = self._marks[part.number] = self._marked(part, self._names(part))
        return marks

    def _marked(self, part: Part, names: Iterable[Name]) -> list[Mark]:
        """What the names in a field say besides addresses."""
        kept = [name for name in names if name[0] != "address"]
        span = self._value_span(part) if kept and part.entry.reading.unpack else None
        entry, line, occurrence, _, _ = part
        return [Mark(kind, value, role or entry.role, line.name, occurrence, span) for kind, value, role in kept]

    def hosts_of(self, fields: Collection[str]) -> list[Mark]:
        """The hosts of a trace or a signature in some fields: what every message has, so nothing else of it is read."""
        if self._header.names.isdisjoint(fields):
            return []
        text = self._header.text
        found: list[Mark] = []
        for part in self.named(fields):
            read = hosts_in if part.line.name == "received" else signer
            found += self._marked(part, read(text, part.line.value, part.line.end))
        return found

    def _has_any(self, signs: Iterable[str], line: Line) -> bool:
        return any(self._header.text.find(sign, line.value, line.end) >= 0 for sign in signs)

    # ---- oddities

    @property
    def defects(self) -> Iterator[Defect]:
        """What is odd inside the address lists of all of them."""
        return (defect for part in self.all for defect in self.defects_of(part))

    def defects_of(self, part: Part) -> list[Defect]:
        """What is odd inside the address list of one."""
        self.read(part)
        return self._defects.get(part.line.start, [])

    def is_ordinary(self, part: Part) -> bool:
        """Whether a field is so plain that no reader can differ on it, told without parsing it."""
        ordinary = self._ordinary.get(part.number)
        if ordinary is None:
            _, _, value, end = part.line
            ordinary = self._ordinary[part.number] = part.cap is _PLAIN and is_plain(self._header.text, value, end)
        return ordinary
