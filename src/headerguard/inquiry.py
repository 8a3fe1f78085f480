"""The stranger: a domain in a finding that nobody here knows, and what DNS adds to the finding.

Rules come first: only who was flagged is asked about. Facts explain a finding and may make it weigh one severity more;
they never make one, and what nobody knows changes nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from headerguard.dns_facts import Facts, look_up, look_up_async
from headerguard.finding import Finding, Report

if TYPE_CHECKING:
    from headerguard.baseline import Baseline
    from headerguard.resolver import Resolver

__all__ = ["Strangers"]

AT_ONCE = 16
"""Strangers of one message that are asked about, those of the gravest findings first."""
LOOKALIKE = "lookalike-domain"
"""The rule whose findings are about imitations."""
KEPT = 1024
"""Strangers of whom is remembered what DNS said."""


class Strangers:
    """What was learned of strangers so far, and how to learn more."""

    def __init__(self, resolver: Resolver) -> None:
        """Ask with this resolver."""
        self.resolver = resolver
        self._kept: OrderedDict[str, Facts] = OrderedDict()
        self._lookalikes: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def facts(self, domain: str) -> Facts | None:
        """What was learned of a domain before; None: nobody asked. Asks nothing."""
        return self._kept.get(domain)

    def complete(self, report: Report, own: frozenset[str], baseline: Baseline, today: date | None) -> Report:
        """The report with what DNS says of the strangers in it. Never raises: a lookup that fails is a note."""
        wanted = _strangers(report, own, baseline)
        if not wanted:
            return report
        try:
            found = look_up(self.resolver, dict.fromkeys(wanted.values()), report.suffixes)
        except Exception as error:  # no thread, no socket, no memory: the mail is judged without
            return _noted(report, [f"DNS was not asked: {type(error).__name__}: {error}"])
        return self._told(report, wanted, found, today)

    async def complete_async(
        self, report: Report, own: frozenset[str], baseline: Baseline, today: date | None
    ) -> Report:
        """The same for a program with an asyncio loop."""
        wanted = _strangers(report, own, baseline)
        if not wanted:
            return report
        try:
            found = await look_up_async(self.resolver, dict.fromkeys(wanted.values()), report.suffixes)
        except Exception as error:  # as above
            return _noted(report, [f"DNS was not asked: {type(error).__name__}: {error}"])
        return self._told(report, wanted, found, today)

    def _told(self, report: Report, wanted: Mapping[str, str], found: dict[str, Facts], today: date | None) -> Report:
        """The findings with their facts, in their new order, and what could not be learned."""
        alike = {wanted[f.subject] for f in report.findings if f.subject in wanted and _is_lookalike(f)}
        shared = self._keep(found, alike)
        mailed = {sighting.address.domain for sighting in report.message.sightings}
        findings = [_explained(f, shared.get(wanted.get(f.subject, "")), today, mailed) for f in report.findings]
        findings.sort(key=lambda f: (-f.severity, f.rule, f.subject))
        return _noted(replace(report, findings=tuple(findings)), _unlearned(found.values()))

    def _keep(self, found: dict[str, Facts], lookalikes: Iterable[str]) -> dict[str, Facts]:
        """Remember the facts, and say with whom each of them shares a mail host."""
        with self._lock:
            for kept, more in ((self._kept, found), (self._lookalikes, dict.fromkeys(lookalikes))):
                kept.update(more)  # type: ignore[arg-type]
                while len(kept) > KEPT:
                    kept.popitem(last=False)
            hosts: dict[str, set[str]] = {}
            for facts in self._kept.values():
                for host in facts.own_hosts:
                    hosts.setdefault(host, set()).add(facts.domain)
            alike = frozenset(self._lookalikes)
        return {domain: _sharing(facts, hosts, alike) for domain, facts in found.items()}


def _is_lookalike(finding: Finding) -> bool:
    """Whether a finding is about an imitation: the rule says so, or names what is imitated."""
    return finding.rule == LOOKALIKE or bool(finding.history and finding.history.nearest)


def _sharing(facts: Facts, hosts: Mapping[str, set[str]], lookalikes: frozenset[str]) -> Facts:
    others = sorted({other for host in facts.own_hosts for other in hosts.get(host, ())} - {facts.domain})
    alike = next((other for other in others if other in lookalikes), "")
    return replace(facts, shared_with=tuple(others), shared_with_lookalike=alike)


def _strangers(report: Report, own: frozenset[str], baseline: Baseline) -> dict[str, str]:
    """Subjects of findings that are, or are at, a domain nobody here knows, each with the domain to ask about."""
    named = dict(_names(report))
    found: dict[str, str] = {}
    asked: set[str] = set()
    for finding in report.findings:
        domain = named.get(finding.subject)
        if domain is None or (domain not in asked and len(asked) >= AT_ONCE):
            continue
        registrable = report.suffixes.registrable_domain(domain)
        if registrable not in own and not baseline.has_seen(registrable):
            found[finding.subject] = domain
            asked.add(domain)
    return found


def _names(report: Report) -> Iterator[tuple[str, str]]:
    """Every way a finding may name a domain of the message, and the domain: the surest way last."""
    hosts = [mark.value for mark in report.message.marks if mark.kind == "host"]
    domains = dict.fromkeys([*hosts, *(s.address.domain for s in report.message.sightings)])
    for domain in domains:
        yield report.suffixes.registrable_domain(domain), domain
    for sighting in report.message.sightings:
        yield str(sighting.address), sighting.address.domain
        yield sighting.address.key, sighting.address.domain
    for domain in domains:
        yield domain, domain


def _explained(finding: Finding, facts: Facts | None, today: date | None, mailed: Collection[str]) -> Finding:
    """The finding with what DNS says, one severity graver where that is damning."""
    told = facts.told(today, facts.domain in mailed) if facts else []
    if not told:
        return finding
    others = "; ".join(fact.text for fact in told if not fact.damning)
    return finding.explained("DNS", (fact.text for fact in told if fact.damning), [others] if others else ())


def _unlearned(found: Iterable[Facts]) -> Iterator[str]:
    for facts in found:
        if facts.unanswered:
            yield f"DNS did not tell all of {facts.domain}: {', '.join(dict.fromkeys(facts.unanswered))}"


def _noted(report: Report, notes: Iterable[str]) -> Report:
    return replace(report, notes=(*report.notes, *notes))
