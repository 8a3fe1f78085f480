"""The recipients of a message as a list for people: a place for each, and who of them the findings are about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from headerguard.address import Address
from headerguard.fields import RECIPIENT, Role
from headerguard.finding import Evidence, Finding
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
    culprit: bool
    """Whether a finding is about this recipient."""
    findings: tuple[Finding, ...]
    """What is to be told here: each finding once, at the first of the recipients that it is about."""


def roster(message: Message, findings: Sequence[Finding]) -> tuple[list[Row], list[Finding]]:
    """Every recipient in the order of the header, and the findings that are about no recipient."""
    places = _places(message)
    listed = sorted(message.recipients, key=lambda recipient: _RANK[_best(recipient).role])
    culprits = _culprits(listed, findings)
    told: dict[int, list[Finding]] = {}
    for finding, numbers in zip(findings, culprits, strict=True):
        if numbers:
            told.setdefault(numbers[0], []).append(finding)
    marked = {number for numbers in culprits for number in numbers}
    rows = [
        Row(places[_best(recipient)], recipient, number in marked, tuple(told.get(number, ())))
        for number, recipient in enumerate(listed)
    ]
    return rows, [finding for finding, numbers in zip(findings, culprits, strict=True) if not numbers]


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


def _places(message: Message) -> dict[Sighting, str]:
    """The place of each sighting, numbered among the addresses of its role."""
    numbers: Counter[Role] = Counter()
    places: dict[Sighting, str] = {}
    for sighting in message.sightings_of(RECIPIENT):
        places.setdefault(sighting, f"{sighting.role}[{numbers[sighting.role]}]")
        numbers[sighting.role] += 1
    return places


def _best(recipient: Recipient) -> Sighting:
    """The place to show a recipient at."""
    return min(recipient.sightings, key=lambda sighting: _RANK[sighting.role])


def _culprits(recipients: Sequence[Recipient], findings: Sequence[Finding]) -> list[list[int]]:
    """For each finding the numbers of the recipients it is about."""
    wanted = {finding.subject.lower() for finding in findings}
    named: dict[str, list[int]] = {}
    for number, recipient in enumerate(recipients):
        for name in wanted.intersection(_names(recipient.address)):
            named.setdefault(name, []).append(number)
    return [
        [n for n in named.get(finding.subject.lower(), ()) if _rests_on(finding, recipients[n])]
        for finding in findings
    ]


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
