"""Incidents that became known, as they would look to a sender: a routine, its first abusive copy, and a clean twin.

incidents.json holds them, in words and mail of our own; all names in it are reserved ones (RFC 2606), but for hosts of
providers that a decoder keys on and the domain that was published in 2022.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from headerguard.finding import Finding, Severity
from headerguard.guard import Guard
from headerguard.message import Message
from headerguard.sources import read

__all__ = ["Played", "Scenario", "play", "scenarios"]

ROUTINE = 30
"""Messages of the routine that are observed first."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One incident."""

    id: str
    """Its name, with the year."""
    title: str
    """What it is, in a few words."""
    date: str
    """When it became known or happened, as far as that is published (ISO 8601)."""
    story: str
    """What happened, in one or two sentences."""
    references: tuple[str, ...]
    """Where it is told."""
    names: str
    """What a finding has to name."""
    kind: str
    """Id of the source kind of its copies."""
    history: tuple[str, ...]
    """Lines of one copy of the routine; {n} counts. Empty: nothing was learned."""
    clean: tuple[str, ...]
    """Lines of a copy in which nothing is wrong."""
    abusive: tuple[str, ...]
    """Lines of the first copy in which something is."""
    submitted: tuple[str, ...] = ()
    """Lines of the message as it was submitted, where only copies joined over stages show it."""
    stream: str | None = None
    """The stream, where its owner names it."""
    recipients: tuple[str, ...] | None = None
    """Whom the application asked for, where nothing else tells."""


@dataclass(frozen=True, slots=True)
class Played:
    """What the guard says."""

    scenario: Scenario
    """About what."""
    alarms: tuple[Finding, ...]
    """Findings at MEDIUM or above in the routine, in which nothing was wrong."""
    clean: tuple[Finding, ...]
    """Findings at MEDIUM or above in the clean twin."""
    flagged: tuple[Finding, ...]
    """Findings at MEDIUM or above in the abusive copy."""

    def story(self) -> Iterator[str]:
        """What happened and what the guard says of it, line by line."""
        told = self.scenario
        yield f"{told.title} ({told.date})"
        yield from textwrap.wrap(told.story, 100)
        yield ""
        if told.history:
            yield f"{ROUTINE} messages of the routine were observed: {len(self.alarms)} findings."
        yield f"A copy in which nothing is wrong: {len(self.clean)} findings. The first abusive copy:"
        for finding in self.flagged[:3]:
            yield f"   {finding.rule} ({finding.severity}): {finding.summary}"
        yield ""
        yield from (f"See {reference}" for reference in told.references)

    @property
    def ok(self) -> bool:
        """The abusive copy is flagged for what is wrong with it, and nothing else is."""
        named = any(self.scenario.names in f"{f.subject} {f.summary}" for f in self.flagged)
        return named and not self.alarms and not self.clean


@cache
def scenarios() -> dict[str, Scenario]:
    """Every packaged incident by its name, in the order of the file."""
    records = json.loads(Path(__file__).with_name("incidents.json").read_text(encoding="utf-8"))
    return {record["id"]: _scenario(record) for record in records}


def _scenario(record: dict[str, Any]) -> Scenario:
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in record.items()}
    return Scenario(**values)


def play(scenario: Scenario) -> Played:
    """Observe the routine, then judge the clean twin and the abusive copy."""
    guard = Guard()
    alarms: list[Finding] = []
    for number in range(ROUTINE if scenario.history else 0):
        for message in _copies(scenario, scenario.history, number):
            alarms += _serious(guard.observe(message, stream=scenario.stream).findings)
    clean, flagged = (_judged(guard, scenario, lines) for lines in (scenario.clean, scenario.abusive))
    return Played(scenario, tuple(alarms), clean, flagged)


def _judged(guard: Guard, scenario: Scenario, lines: tuple[str, ...]) -> tuple[Finding, ...]:
    copies = _copies(scenario, lines, ROUTINE)
    if scenario.submitted:
        sent = read(_octets(scenario.submitted, 0), "eml", "submitted")
        return _serious(guard.reconcile([*sent, *copies]).findings)
    found = [guard.check(copy, stream=scenario.stream, recipients=scenario.recipients) for copy in copies]
    return _serious(finding for report in found for finding in report.findings)


def _copies(scenario: Scenario, lines: tuple[str, ...], number: int) -> list[Message]:
    return list(read(_octets(lines, number), scenario.kind))


def _octets(lines: tuple[str, ...], number: int) -> bytes:
    return ("\r\n".join(lines) + "\r\n\r\n").replace("{n}", str(number)).encode()


def _serious(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(finding for finding in findings if finding.severity >= Severity.MEDIUM)
