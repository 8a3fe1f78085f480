"""What many reports come to: numbers only, so that a million reports need no more memory than one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from headerguard.finding import Report, Severity
from headerguard.rendering.disclosure import visible
from headerguard.rendering.words import count

__all__ = ["Noted", "Tally"]


class Noted(NamedTuple):
    """What happened to one rule, over all messages."""

    text: str
    """The reason or error of the first time."""
    messages: int
    """On how many messages."""


class Tally:
    """Counts over the reports that went by; `stream` and `render` feed the one they are given."""

    __slots__ = ("allowed", "failures", "findings", "flagged", "messages", "skipped", "unreadable")

    messages: int
    """Reports counted."""
    flagged: int
    """Those of them with at least one finding that is not allowed."""
    findings: Counter[Severity]
    """Findings by severity, allowed ones aside."""
    allowed: int
    """Findings that an allowance covers."""
    skipped: dict[str, Noted]
    """Rules that could not run on at least one message, by id."""
    failures: dict[str, Noted]
    """Rules that crashed on at least one message, by id."""
    unreadable: int
    """Records that could not be read. Whoever reads them counts them here."""

    def __init__(self) -> None:
        """Start at nothing."""
        self.messages = self.flagged = self.allowed = self.unreadable = 0
        self.findings = Counter()
        self.skipped, self.failures = {}, {}

    def add(self, report: Report) -> None:
        """Count one report."""
        self.messages += 1
        self.flagged += bool(report.findings)
        self.allowed += len(report.allowed)
        self.findings.update(finding.severity for finding in report.findings)
        _note(self.skipped, {skipped.rule: skipped.reason for skipped in report.skipped})
        _note(self.failures, {failure.rule: failure.error for failure in report.failures})

    def counted(self, reports: Iterable[Report]) -> Iterator[Report]:
        """Pass reports on, counting each."""
        for report in reports:
            self.add(report)
            yield report

    @property
    def worst(self) -> Severity | None:
        """The highest severity among the findings, or None."""
        return max(self.findings, default=None)

    @property
    def complete(self) -> bool:
        """Whether every record was read and every rule that could run did run to its end."""
        return not self.failures and not self.unreadable

    def line(self) -> str:
        """One line for people."""
        parts = [count(self.messages, "message"), f"{self.flagged:,} with findings{self._by_severity()}"]
        if self.allowed:
            parts.append(f"{self.allowed:,} allowed")
        if self.skipped:
            parts.append(count(len(self.skipped), "skipped rule"))
        return ", ".join(parts) + self._incomplete()

    def _by_severity(self) -> str:
        kinds = [f"{self.findings[kind]:,} {kind}" for kind in sorted(self.findings, reverse=True)]
        return f" ({', '.join(kinds)})" if kinds else ""

    def _incomplete(self) -> str:
        failures = sorted(self.failures.items())
        reasons = [f"{visible(rule)} failed on {count(n.messages, 'message')}" for rule, n in failures]
        if self.unreadable:
            reasons.append(f"{count(self.unreadable, 'record')} could not be read")
        return f", incomplete: {'; '.join(reasons)}" if reasons else ""


def _note(table: dict[str, Noted], happened: dict[str, str]) -> None:
    for rule, text in happened.items():
        before = table.get(rule)
        table[rule] = Noted(text, 1) if before is None else before._replace(messages=before.messages + 1)
