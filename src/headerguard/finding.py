"""What a check says: findings with their evidence, what could not run, what crashed, and the report that holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import IntEnum
from typing import TYPE_CHECKING

from headerguard.address import BUNDLED, SuffixList
from headerguard.errors import FindingsError

if TYPE_CHECKING:
    from headerguard.incident import Incident
    from headerguard.message import Message

__all__ = ["FACTS", "Evidence", "Failure", "Finding", "History", "Report", "Severity", "Skipped"]

FACTS = ("DNS", "Known")
"""What DNS says of a subject, and what is known without asking. As places of evidence they have a capital letter, which
no role and no field has."""
_GRAVER = "; weighs more for it"


class Severity(IntEnum):
    """What it would cost if the finding were true. Compares by weight; `str()` gives the lower-case name."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    def __str__(self) -> str:
        """Give the name that configuration and reports use."""
        return self.name.lower()

    @classmethod
    def parse(cls, name: str) -> Severity:
        """Read a name such as "high", in any case. Raises ValueError, naming the four, for anything else."""
        try:
            return cls[name.upper()]
        except KeyError:
            raise ValueError(f"{name!r} is not a severity: low, medium, high or critical") from None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One place in the copy that a finding rests on."""

    place: str
    """Where, for people: role and number among the addresses of that role, "bcc[1]"; a field "to" without a number."""
    field: str
    """Wire name in lower case, or "rcpt to" / "mail from"; "dns" or "known" for a fact, which stands nowhere there."""
    occurrence: int
    """Which field of that name, from 0; for the envelope which recipient."""
    text: str
    """The source octets as they stand, read as UTF-8 (undecodable octets as U+FFFD); what DNS says, in words."""
    span: tuple[int, int] | None
    """Start and end octet in the message; None where the copy has no octets."""
    note: str = ""
    """What this place adds to the finding, or nothing."""

    @property
    def is_fact(self) -> bool:
        """Whether it stands nowhere in the copy, and is what DNS or a list says of the subject."""
        return self.place in FACTS


@dataclass(frozen=True, slots=True)
class History:
    """What was known before, so that a finding can say how unusual it is."""

    messages: int = 0
    """Messages that the judging level of the stream had held."""
    first_day: date | None = None
    """Day (UTC) of the first of them."""
    last_day: date | None = None
    """Day (UTC) of the last clean one."""
    known: tuple[str, ...] = ()
    """Values seen in this role, most frequent first, at most five."""
    nearest: str | None = None
    """The known value that looks most like the subject, if any does."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, about one subject."""

    rule: str
    """Id of the rule that speaks."""
    subject: str
    """What it is about: an address, a registrable domain, or the name of a field."""
    severity: Severity
    """What it would cost if true."""
    summary: str
    """One sentence for people."""
    evidence: tuple[Evidence, ...]
    """Where it stands; the first is the primary one."""
    account: str | None = None
    """The sending account of the message."""
    stream: str | None = None
    """The stream of the message."""
    layer: str = "unknown"
    """Where it must have got in, as far as this stage shows: application, relay, esp account, unknown."""
    p_value: float | None = None
    """Share of clean messages that would look at least this unusual; None for a deterministic rule."""
    history: History | None = None
    """What was known before; None where no history was asked."""
    expected: str = ""
    """Who was declared or recorded for that place, in words; "" where nobody said."""
    prior: bool = False
    """Whether `p_value` rests on the shipped prior, as this site has not seen enough mail to say it by itself."""

    @property
    def key(self) -> tuple[str | None, str, str]:
        """Identity over edits, merges and streams: (account, rule, subject)."""
        return (self.account, self.rule, self.subject)

    @property
    def is_graver(self) -> bool:
        """Whether facts make it weigh one severity more than its rule says."""
        return any(piece.is_fact and piece.text.endswith(_GRAVER) for piece in self.evidence)

    def explained(self, place: str, damning: Iterable[str], others: Iterable[str] = ()) -> Finding:
        """The finding with facts about its subject, each a clause, under one of the places in `FACTS`.

        What is damning makes it weigh one severity more: once, whatever is said there and in the other places.
        """
        told = [Evidence(place, place.lower(), 0, fact + _GRAVER, None) for fact in damning]
        more = bool(told) and not self.is_graver
        told += [Evidence(place, place.lower(), 0, fact, None) for fact in others]
        severity = Severity(min(self.severity + more, Severity.CRITICAL))
        return replace(self, severity=severity, evidence=(*self.evidence, *told))


@dataclass(frozen=True, slots=True)
class Skipped:
    """A rule that could not run on this copy."""

    rule: str
    """Id of the rule."""
    reason: str
    """What it would have needed, in words."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that crashed. The report is incomplete."""

    rule: str
    """Id of the rule."""
    error: str
    """Type and text of the exception."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one check has to say about one message."""

    message: Message
    """The copy that was checked."""
    findings: tuple[Finding, ...] = ()
    """Most severe first."""
    skipped: tuple[Skipped, ...] = ()
    """Rules that could not run, with the reason."""
    failures: tuple[Failure, ...] = ()
    """Rules that crashed; not empty means that the report is incomplete."""
    allowed: tuple[Finding, ...] = ()
    """Findings that an allowance in force covers: judged, not hidden."""
    blind_spots: tuple[str, ...] = ()
    """What this copy cannot show, a sentence each."""
    notes: tuple[str, ...] = ()
    """What a reader should know and nobody needs to act on (a lapsed allowance, an allowance that cannot lapse)."""
    incidents: tuple[Incident, ...] = ()
    """Those that the findings at `fail_on` or above belong to, strongest first; `Guard.observe` alone counts them."""
    suffixes: SuffixList = BUNDLED
    """The Public Suffix List that the registrable domains come from; its `date` says how old it is."""
    _writer: Callable[[Report], str] | None = field(default=None, repr=False, compare=False)

    def __repr__(self) -> str:
        """What there is to say, as the command writes it, so that `assert report.ok` tells why it is not."""
        said = self._writer(self) if self._writer is not None else ""
        count = len(self.findings)
        return said or f"<Report: {count or 'no'} finding{'' if count < 2 else 's'} in 1 message>"

    @property
    def worst(self) -> Severity | None:
        """The highest severity among the findings, or None."""
        return max((finding.severity for finding in self.findings), default=None)

    @property
    def due(self) -> tuple[Incident, ...]:
        """The incidents that somebody is to be told of now, as the budget allows; see `Incident.tier`."""
        return tuple(incident for incident in self.incidents if incident.due)

    @property
    def complete(self) -> bool:
        """Whether every rule that could run did run to its end."""
        return not self.failures

    @property
    def ok(self) -> bool:
        """No finding at all, and complete."""
        return not self.findings and not self.failures

    def raise_for_findings(self, at_least: Severity = Severity.MEDIUM) -> None:
        """Raise `FindingsError` when a finding weighs `at_least` that much, or when a rule failed."""
        found = [f for f in self.findings if f.severity >= at_least]
        if found or self.failures:
            lines = [f"{f.rule} ({f.severity}): {f.summary}" for f in found]
            lines += [f"{f.rule} failed: {f.error}" for f in self.failures]
            raise FindingsError("\n".join(lines), self)
