"""The recipients of a message as a list for people: the place of each, and whom the findings are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from headerguard.address import Address
from headerguard.fields import RECIPIENT, Role
from headerguard.finding import Evidence, Finding, Severity
from headerguard.message import Message, Recipient, Sighting

__all__ = ["Row", "roster", "shortened"]

_ORDER = (
    Role.TO,
    Role.CC,
    Role.BCC,
    Role.RESENT_TO,
    Role.RESENT_CC,
    Role.RESENT_BCC,
    Role.CONTROL,
    Role.ARCHIVE,
    Role.ENVELOPE,
)
_RANK = {role: rank for rank, role in enumerate(_ORDER)}
_LABELS = 16
"""Labels of a domain, from the right, that are compared with a subject: no registrable domain has more."""


class Row(NamedTuple):
    """One recipient."""

    place: str
    """Role and number among the addresses of that role, the header before the envelope: "bcc[1]"."""
    recipient: Recipient
    """Who."""
    severity: Severity | None
    """The worst of the findings about this recipient, or None."""
    findings: tuple[Finding, ...]
    """What is to be told here: each finding once, at the first of the recipients that it is about."""

    @property
    def culprit(self) -> bool:
        """Whether a finding is about this recipient."""
        return self.severity is not None


def roster(message: Message, findings: Sequence[Finding]) -> tuple[list[Row], list[Finding]]:
    """Every recipient in the order of the header, and the findings that are about no recipient."""
    places = _places(message)
    listed = sorted(message.recipients, key=lambda recipient: _first(places, recipient))
    told: dict[int, list[Finding]] = {}
    worst: dict[int, Severity] = {}
    others = []
    for finding, numbers in _culprits(listed, findings):
        for number in numbers:
            worst[number] = max(worst.get(number, finding.severity), finding.severity)
        if numbers:
            told.setdefault(numbers[0], []).append(finding)
        else:
            others.append(finding)
    rows = [
        Row(_written(_first(places, recipient)), recipient, worst.get(number), tuple(told.get(number, ())))
        for number, recipient in enumerate(listed)
    ]
    return rows, others


def shortened(rows: Sequence[Row], limit: int = 12) -> tuple[list[Row], int]:
    """At most `limit` rows, every culprit among them whatever their number, and how many were left out."""
    spare = limit - sum(row.culprit for row in rows)
    shown = []
    for row in rows:
        if not row.culprit:
            spare -= 1
        if row.culprit or spare >= 0:
            shown.append(row)
    return shown, len(rows) - len(shown)


_Place = tuple[int, int]  # rank of the role, number among the addresses of that role


def _places(message: Message) -> dict[Sighting, _Place]:
    """The place of each sighting."""
    numbers: Counter[Role] = Counter()
    places: dict[Sighting, _Place] = {}
    for sighting in message.sightings_of(RECIPIENT):
        places.setdefault(sighting, (_RANK[sighting.role], numbers[sighting.role]))
        numbers[sighting.role] += 1
    return places


def _first(places: dict[Sighting, _Place], recipient: Recipient) -> _Place:
    """The place to show a recipient at."""
    return min(places[sighting] for sighting in recipient.sightings)


def _written(place: _Place) -> str:
    return f"{_ORDER[place[0]]}[{place[1]}]"


def _culprits(recipients: Sequence[Recipient], findings: Sequence[Finding]) -> Iterator[tuple[Finding, list[int]]]:
    """Each finding with the numbers of the recipients that it is about."""
    wanted = {finding.subject.lower() for finding in findings}
    named: dict[str, list[int]] = {}
    for number, recipient in enumerate(recipients):
        for name in wanted.intersection(_names(recipient.address)):
            named.setdefault(name, []).append(number)
    for finding in findings:
        numbers = named.get(finding.subject.lower(), ())
        yield finding, [number for number in numbers if _rests_on(finding, recipients[number])]


def _names(address: Address) -> Iterator[str]:
    """What the subject of a finding about this address may be: the address, its domain, a domain above it."""
    yield str(address).lower()
    yield address.key.lower()
    yield address.domain.lower()
    labels = address.domain.lower().split(".")[-_LABELS:]
    for start in range(len(labels) - 1):  # never a top level alone: "to" and "cc" are fields, and countries
        yield ".".join(labels[start:])


def _rests_on(finding: Finding, recipient: Recipient) -> bool:
    """Whether the evidence stands where this recipient stands; without any, the subject alone decides."""
    pairs = ((piece, sighting) for piece in finding.evidence for sighting in recipient.sightings)
    return not finding.evidence or any(_same_place(piece, sighting) for piece, sighting in pairs)


def _same_place(piece: Evidence, sighting: Sighting) -> bool:
    if (piece.field, piece.occurrence) != (sighting.field, sighting.occurrence):
        return False
    if piece.span is None or sighting.span is None:
        return True
    return piece.span[0] < sighting.span[1] and sighting.span[0] < piece.span[1]
