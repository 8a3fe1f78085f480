"""The stranger: whom a finding is about, what that rests on, and what is kept of him.

Joining is commutative and associative: counts add, days and weights take the extremes, names unite up to a cap.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum
from typing import Any

from headerguard.address import Address, SuffixList, to_a_label
from headerguard.address_list import parse as parse_address
from headerguard.budget import Tier, whole
from headerguard.finding import Finding, Severity
from headerguard.lists import FREEMAIL
from headerguard.role_history import Seen, day_at

__all__ = ["ADDRESSES", "KEPT", "Record", "Strength", "addresses_of", "party_of", "stranger_in", "stranger_of"]

KEPT = ("streams", "roles", "stages", "rules", "addresses")
"""What a record keeps names of."""
_NAMES = 64
"""Streams, and other names, that one record keeps."""
ADDRESSES = 8
"""Exact addresses that one record keeps."""


class Strength(IntEnum):
    """What the strongest finding of an incident rests on, weakest first."""

    NOVELTY = 1
    """A domain that is new to a role, at the odds that were promised."""
    CLOSED = 2
    """An address that is new to a role of few addresses."""
    COMPANY = 3
    """Somebody beside many who are unrelated."""
    SHAPE = 4
    """More recipients than the stream ever had."""
    INTENT = 5
    """The application said who, and it is somebody else."""

    def __str__(self) -> str:
        """Give the name that reports use."""
        return self.name.lower()

    @classmethod
    def of(cls, finding: Finding) -> Strength:
        """That of a finding; a rule that needs neither intent nor history counts by its severity, without facts."""
        known = _STRENGTHS.get(finding.rule)
        if known is None:
            own = Severity(max(finding.severity - finding.is_graver, Severity.LOW))
            known = cls.NOVELTY if finding.p_value is not None else _BY_SEVERITY[own]
        return known


_STRENGTHS = {
    **dict.fromkeys(
        ("unexpected-author", "unexpected-recipient", "unexpected-reply-path", "unsealed-recipient"), Strength.INTENT
    ),
    **dict.fromkeys(("extra-recipient", "exposed-recipients", "surplus-recipient"), Strength.SHAPE),
    **dict.fromkeys(("frequent-recipient", "riding-recipient"), Strength.COMPANY),
    **dict.fromkeys(("unfamiliar-account", "moved-stream", "unfamiliar-address"), Strength.CLOSED),
    **dict.fromkeys(
        (
            "unfamiliar-author",
            "unfamiliar-blind-recipient",
            "unfamiliar-bounce-path",
            "unfamiliar-recipient",
            "unfamiliar-relay",
            "unfamiliar-reply-path",
            "unfamiliar-signing-domain",
            "unfamiliar-stream",
            "unfamiliar-tracking-host",
        ),
        Strength.NOVELTY,
    ),
}
_BY_SEVERITY = {
    Severity.LOW: Strength.NOVELTY,
    Severity.MEDIUM: Strength.CLOSED,
    Severity.HIGH: Strength.SHAPE,
    Severity.CRITICAL: Strength.INTENT,
}


def stranger_of(subject: str) -> str:
    """The form of a subject that compares: an address in its canonical form, anything else in lower case.

    Nothing is looked for inside the text: it may come from a hostile message.
    """
    local, at, domain = subject.rpartition("@")
    return Address(local, to_a_label(domain)).canonical if at else to_a_label(subject.strip())


def stranger_in(finding: Finding) -> str:
    """Whom a finding is about. A provider of free mail is nobody: it is the address there."""
    stranger = stranger_of(finding.subject)
    if stranger in FREEMAIL:
        stranger = next(map(stranger_of, addresses_of(finding)), stranger)
    return stranger


_LONGEST = 1_024
"""Characters of evidence that may be an address and its name."""


def addresses_of(finding: Finding) -> Iterator[str]:
    """The exact addresses of the stranger that a finding shows: its subject, or what it cites of a domain."""
    if "@" in finding.subject:
        yield finding.subject
        return
    for piece in finding.evidence[:ADDRESSES]:
        is_short = len(piece.text) <= _LONGEST  # a long field is not read anew for each stranger in it
        address = parse_address(piece.text) if is_short and "@" in piece.text else None
        if address is not None and ("." + address.domain).endswith("." + finding.subject):
            yield str(address)


def party_of(stranger: str, suffixes: SuffixList) -> str:
    """The registrable domain of an address that is not at a provider of free mail; else the stranger itself."""
    _, at, domain = stranger.rpartition("@")
    registrable = suffixes.registrable_domain(domain) if at else stranger
    return stranger if registrable in FREEMAIL else registrable


_NEVER = Seen(0, 0, 0)


@dataclass(slots=True)
class Record:
    """What is kept of a stranger."""

    party: str
    """The registrable domain of an address that is not at a provider of free mail; else the subject itself."""
    severity: Severity = Severity.LOW
    strength: Strength = Strength.NOVELTY
    p_value: float = math.inf
    recipients: int = 0
    seen: Seen = _NEVER
    names: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in KEPT})
    tier: Tier | None = None

    def note(self, finding: Finding, stage: str, addresses: Iterable[str]) -> None:
        """Add what a finding says."""
        self.severity = max(self.severity, finding.severity)
        self.strength = max(self.strength, Strength.of(finding))
        if finding.p_value is not None:
            self.p_value = min(self.p_value, finding.p_value)
        roles = {piece.place.partition("[")[0] for piece in finding.evidence[:_NAMES] if not piece.is_fact}
        values = ({finding.stream or ""}, roles, {stage}, {finding.rule}, set(addresses))
        for name, found in zip(KEPT, values, strict=True):
            self._keep(name, found)

    def _keep(self, name: str, values: Collection[str]) -> None:
        """Unite; of too many the first in order are kept, which is the same in whatever order they come."""
        kept, most = self.names[name], ADDRESSES if name == "addresses" else _NAMES
        kept.update(value[:320] for value in values)
        if len(kept) > most:
            self.names[name] = set(sorted(kept)[:most])

    def strangers(self, subject: str) -> Iterator[str]:
        """The names in their canonical form: its own, and those of its addresses."""
        yield subject
        yield from map(stranger_of, self.names["addresses"])

    def add(self, other: Record) -> None:
        """Join what another place knows of the same stranger."""
        self.severity, self.strength = max(self.severity, other.severity), max(self.strength, other.strength)
        self.p_value = min(self.p_value, other.p_value)
        self.recipients += other.recipients
        self.seen += other.seen
        for name in KEPT:
            self._keep(name, other.names[name])
        self.tier = max(filter(None, (self.tier, other.tier)), default=None)

    def copy(self) -> Record:
        """One that changes on its own."""
        made = Record(self.party)
        made.add(self)
        return made

    def as_dict(self) -> dict[str, Any]:
        """Plain data, sorted."""
        return {
            "party": self.party,
            "severity": str(self.severity),
            "strength": str(self.strength),
            "p_value": None if self.p_value == math.inf else self.p_value,
            "recipients": self.recipients,
            "seen": [self.seen.count, *(_iso(day) for day in self.seen[1:])],
            "tier": None if self.tier is None else str(self.tier),
            **{name: sorted(self.names[name]) for name in KEPT},
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Record:
        """What `as_dict` gave. Raises ValueError, KeyError, TypeError or AttributeError for anything else."""
        count, *days = data["seen"]
        first, last = (0 if day is None else date.fromisoformat(day).toordinal() for day in days)
        p_value, tier, party = data["p_value"], data["tier"], data["party"]
        if not isinstance(party, str) or not (p_value is None or 0 <= p_value <= 1):
            raise ValueError("party or p_value is of another kind")
        record = cls(
            party,
            Severity.parse(data["severity"]),
            Strength[data["strength"].upper()],
            math.inf if p_value is None else float(p_value),
            whole(data["recipients"]),
            Seen(whole(count), first, last),
            tier=None if tier is None else Tier[tier.upper()],
        )
        for name in KEPT:
            if not isinstance(data[name], list) or not all(isinstance(value, str) for value in data[name]):
                raise ValueError(f"{name} is not a list of strings")
            record._keep(name, data[name])
        return record


def _iso(ordinal: int) -> str | None:
    day = day_at(ordinal)
    return day.isoformat() if day else None
