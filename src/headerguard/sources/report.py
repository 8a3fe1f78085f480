"""A message that reports on another one: what a machine wrote in it, and the header of the message it encloses.

Nothing else of such a message is read: not the rest of what is enclosed, not what its writer says to people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from headerguard.address_list import parse_all
from headerguard.errors import SourceError
from headerguard.fields import Role
from headerguard.message import Message, Record, Sighting, Stage
from headerguard.sources.multipart import Part, block, content, content_type, leaves, lines, text
from headerguard.sources.rfc5322 import has_field
from headerguard.sources.window import Items, Place

__all__ = ["Report", "messages", "outer_sightings", "sightings", "take_apart"]

LIMIT = 4 << 20
"""Octets of machine-written text that are read, decoded (4 MiB): some 100,000 recipients."""
ENCLOSED = 16 << 20
"""Octets of an enclosed header block that are read (16 MiB)."""
_ENCLOSED = frozenset(("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers"))
"""How a report encloses a message or its header (RFC 6522 section 3, RFC 6533 section 6)."""
_ASKS = frozenset((Role.BCC, Role.RESENT_BCC, Role.CONTROL))
"""Roles of fields that no reporter writes around a message: whoever did hides recipients behind a report."""


@dataclass(slots=True)
class Report:
    """A report taken apart."""

    message: Message
    """The report itself, as its container has it."""
    texts: list[str] = field(default_factory=list)
    """What a machine wrote in it, part by part."""
    enclosed: bytes | None = None
    """The header block of the message in it; None for none."""
    problems: list[str] = field(default_factory=list)
    """What is wrong with it, a sentence each."""

    @property
    def index(self) -> int | None:
        """Its number in its container."""
        return self.message.origin.index if self.message.origin else None

    def as_it_is(self, stage: Stage | None, place: Place) -> Message:
        """The report as a message like any other, for one that turns out not to report on any."""
        outer = self.message
        origin = place.origin(self.index)
        return Message(outer.header, outer.envelope, place.stage or stage, outer.account, origin, outer.record)

    def error(self, problem: str, place: Place) -> SourceError:
        """One sentence about this report."""
        return place.error(problem, self.index)


def take_apart(message: Message, body: Iterable[bytes], machine_written: Callable[[str], bool]) -> Report:
    """Read the report that a message is; `machine_written` tells by its media type what to read."""
    report = Report(message)
    kind = content_type(message.header)
    if not kind.boundary:
        report.problems.append("its Content-Type names no boundary, so that nothing can be told apart in it")
        return report
    left, count = LIMIT, 0
    for part in leaves(lines(body), kind):
        count += 1
        if part.type.media in _ENCLOSED and report.enclosed is None:
            report.enclosed = _enclosed(part, report.problems)
        elif machine_written(part.type.media) and left > 0:
            left = _take_text(part, left, report)
        if report.texts and report.enclosed is not None:
            break
    if not count:
        report.problems.append("the boundary that its Content-Type names does not occur in it")
    elif report.enclosed is None:
        report.problems.append("no message is enclosed in it")
    return report


def _enclosed(part: Part, problems: list[str]) -> bytes | None:
    """The header block of the message that a part is."""
    found = block(content(part), ENCLOSED, skip_empty=True)
    if found.cut:
        problems.append(f"the header of the enclosed message is longer than {ENCLOSED >> 20} MiB; the rest is not read")
    elif not found.octets.strip():
        return None
    elif not has_field(found.octets, 0, len(found.octets)):
        problems.append("what is enclosed in it has no header field")
    elif not found.whole and not part.closed:
        problems.append("it ends inside the header of the enclosed message; what is there was read")
    return found.octets


def _take_text(part: Part, left: int, report: Report) -> int:
    """Add the text of a part to a report, as many octets as are left; give how many then are."""
    held = bytearray()
    for line in content(part):
        if len(held) + len(line) > left:
            report.problems.append(f"what a machine wrote in it is longer than {LIMIT >> 20} MiB; the rest is not read")
            left = len(held)
            break
        held += line
    report.texts.append(text(bytes(held), part.type))
    return left - len(held)


# ---- what both kinds of report share


def messages(report: Report, record: Record, stage: Stage, place: Place) -> Items:
    """The message that a report is about, then an error for each thing that is wrong with the report.

    Its number in the report is 0 where it has none, as positions in it are none in the file.
    """
    origin = place.origin(report.index or 0)
    yield Message.from_bytes(report.enclosed or b"", stage=place.stage or stage, origin=origin, record=record)
    for problem in report.problems:
        yield report.error(problem, place)


def sightings(value: str, roles: Iterable[Role], path: str, number: int) -> Iterator[Sighting]:
    """The addresses of one line of a report, once per role."""
    for box in parse_all(value) if value else ():
        for role in roles:
            yield Sighting(box.address, role, path, number, box.tier, None, box.name)


def outer_sightings(message: Message, envelope: Role) -> Iterator[Sighting]:
    """The addresses of the report itself: mentioned, as they receive the report and not the message.

    A Bcc or a control field keeps its role: a sender who forges a report must not hide a recipient by it. `envelope`
    is the role of whom the report went to.
    """
    for sighting in message.sightings:
        if sighting.role is not Role.THREAD:
            role = envelope if sighting.role is Role.ENVELOPE else Role.MENTIONED
            role = sighting.role if sighting.role in _ASKS else role
            yield sighting._replace(role=role, field=f"report:{sighting.field}", span=None)
