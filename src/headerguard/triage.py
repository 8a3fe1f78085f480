"""The triage: what becomes of findings. Which are accepted, which incidents they belong to, what is kept from learning.

Judged before learned: what was flagged becomes known only when somebody has called it benign, and then as far as that
goes: an address that is benign does not make its domain known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from headerguard.acknowledgement import SUFFIX as ACKNOWLEDGED
from headerguard.acknowledgement import Acknowledgement, Acknowledgements, Verdict, cited_by
from headerguard.address import BUNDLED, Address, SuffixList
from headerguard.address_list import parse as parse_address
from headerguard.baseline import SHAPE
from headerguard.budget import Tier, hour_of
from headerguard.citation import Citations
from headerguard.config import Allow, Config
from headerguard.fields import HIDDEN, MARKED, VISIBLE
from headerguard.finding import Finding, Report, Severity
from headerguard.incident import SUFFIX as COUNTED
from headerguard.incident import Incident, Incidents, judged
from headerguard.message import Message
from headerguard.profile import BROKEN
from headerguard.stranger import Strength, addresses_of, party_of, stranger_of
from headerguard.traits import mark_known

__all__ = ["Sorted", "Triage", "beside", "day_of", "moment_of"]


class Sorted(NamedTuple):
    """Findings, weighed and complete, most severe first."""

    judged: tuple[Finding, ...] = ()
    """Those that count."""
    allowed: tuple[Finding, ...] = ()
    """Those that are accepted."""
    narrow: tuple[Finding, ...] = ()
    """Of these, those in which an address alone is accepted and not its domain, or that until a day: not to be learned,
    as what is known is known of the domain and for good."""
    notes: tuple[str, ...] = ()
    """What a reader should know."""


class Triage:
    """What an operator and his people have said, brought to findings."""

    def __init__(
        self,
        config: Config,
        usual: Mapping[str, Severity],
        suffixes: SuffixList,
        acknowledgements: Acknowledgements,
        incidents: Incidents,
    ) -> None:
        """`usual`: what the rules weigh of themselves, by id."""
        self.config, self.usual, self.suffixes = config, usual, suffixes
        self.acknowledgements, self.incidents = acknowledgements, incidents

    # ---- sorting

    def sorted_out(
        self,
        findings: Iterable[Finding],
        message: Message,
        stream: str,
        now: datetime | None,
        vouched: Callable[[str], bool],
    ) -> Sorted:
        """Complete the findings, weigh them as configured, and set apart what is accepted.

        `vouched` tells registrable domains that are no strangers.
        """
        self.acknowledgements.refresh()
        complete = Citations(message, stream)
        says = self.config.allow or self.acknowledgements.said
        moment = moment_of(message, now) if says else None
        today = moment.date() if moment else None
        judged, allowed, narrow, notes = [], [], [], []
        for finding in findings:
            done = complete(finding, self.weight(finding))
            covering = self._covering(finding, message.account, stream) if says else []
            accepting = _accepting(covering, today)
            if accepting:
                allowed.append(done)
                narrow += [done] * all("@" in one.subject or one.until for one in accepting)
                continue
            judged.append(self._explained(done, vouched))
            notes += [f"the {_noun(one)} of {one.subject} has lapsed" for one in covering if not one.in_force(today)]
        if says and today is None:
            notes.append("the copy has no date, so no allowance can lapse")
        if self.acknowledgements.problem:
            notes.append(f"what people said before holds, as their file is damaged: {self.acknowledgements.problem}")
        judged.sort(key=lambda f: (-f.severity, f.rule, f.subject))
        return Sorted(tuple(judged), tuple(allowed), tuple(narrow), tuple(dict.fromkeys(notes)))

    def weight(self, finding: Finding) -> Severity:
        """The severity as configured; what weighs less than its rule usually does so under any severity."""
        configured = self.config.severities.get(finding.rule)
        if not configured:
            return finding.severity
        return Severity(max(configured + finding.severity - self.usual[finding.rule], 1))

    def _explained(self, finding: Finding, vouched: Callable[[str], bool]) -> Finding:
        """The finding with what is known of the mailbox of a stranger, without asking anybody.

        What is low stays so: low rules speak of customers, of whom many throw their mailbox away or mistype it. What is
        high stays so: somebody is told at once, and a kind of mailbox proves no more.
        """
        domain = stranger_of(finding.subject).rpartition("@")[2]
        registrable = self.suffixes.registrable_domain(domain)
        listed = domain in self.config.disposable or registrable in self.config.disposable
        fact = "on the list of throw-away mailboxes" if listed else Address("", domain).impossible
        if fact is None or vouched(registrable) or not any(addresses_of(finding)):
            return finding
        damning = finding.severity is Severity.MEDIUM
        return finding.explained("Known", [fact] * damning, [fact] * (not damning))

    def _covering(self, finding: Finding, account: str | None, stream: str) -> list[Allow | Acknowledgement]:
        """What was said about a finding, as its rule gave it."""
        rule, subject, cited = finding.rule, finding.subject, cited_by(finding)
        allowances = [a for a in self.config.allow if a.covers(rule, subject, stream, cited)]
        return [*allowances, *self.acknowledgements.about(finding, account, stream)]

    def is_declared(self, finding: Finding) -> bool:
        """Whether the configuration allows a finding of a reconciliation, or expects its subject as a hidden copy."""
        if any(allowance.covers(finding.rule, finding.subject, None) for allowance in self.config.allow):
            return True
        address = parse_address(finding.subject)
        bounds = [b for expected in self.config.expected.values() for role, b in expected.items() if role in HIDDEN]
        return address is not None and any(bound.allows(address) for bound in bounds)

    def accepting(self, message: Message, stream: str, now: datetime | None) -> Callable[[Address], bool] | None:
        """Tells which addresses are judged benign in a stream; None where nobody is."""
        if not self.acknowledgements.said:
            return None
        moment = moment_of(message, now)
        today = moment.date() if moment else None
        return lambda address: self.acknowledgements.accepts(address, message.account, stream, today)

    # ---- incidents

    def counted(self, report: Report, flagged: Collection[Finding], moment: datetime | None) -> Report:
        """The report with the incidents that what was flagged belongs to, one message more each."""
        hour = self.incidents.clock.see(hour_of(moment))
        if not flagged:
            return report
        opened = self.incidents.observe(report.message, flagged, day_of(moment), hour, self.suffixes)
        found = tuple(judged(one, self.acknowledgements, moment.date() if moment else None) for one in opened)
        notes = dict.fromkeys((*report.notes, *_overdrawn(found)))
        return replace(report, incidents=found, notes=tuple(notes))

    def aside(self, account: str | None) -> Container[str]:
        """Whom to leave out where habits are counted: strangers, and those whom somebody has judged."""
        strangers: Container[str] = self.incidents.strangers(account)
        return _Either(strangers, self.acknowledgements.names) if self.acknowledgements.said else strangers

    # ---- learning

    def withheld(
        self, message: Message, flagged: Collection[Finding], narrow: Collection[Finding]
    ) -> frozenset[tuple[str, str]]:
        """What must not become known: role and registrable domain of all that findings name, and the shape as such.

        `narrow`: those that are accepted and not learned (`Sorted.narrow`); the shape of such a message is.
        """
        if not flagged and not narrow:
            return _NOTHING
        shape = {SHAPE, *self._broken(flagged)} if flagged else _NOTHING
        return frozenset(shape.union(self._named(message, [*flagged, *narrow])))

    def _broken(self, flagged: Iterable[Finding]) -> Iterator[tuple[str, str]]:
        """The parties that were one more than the stream shows, for all to see."""
        for finding in flagged:
            places = {piece.place.partition("[")[0] for piece in finding.evidence}
            if Strength.of(finding) is Strength.SHAPE and not places.isdisjoint(VISIBLE):
                yield BROKEN, party_of(finding.subject, self.suffixes)

    def _named(self, message: Message, findings: Iterable[Finding]) -> Iterator[tuple[str, str]]:
        """Role and registrable domain of all that findings name: the subject, or every address of a field."""
        named: dict[tuple[object, ...], set[tuple[str, str]]] = {}
        for sighting in message.sightings:
            known = (sighting.role, self.suffixes.registrable_domain(sighting.address.domain))
            for place in ((sighting.field,), (sighting.field, sighting.occurrence, sighting.span)):
                named.setdefault(place, set()).add(known)
        for mark in (*message.marks_of(MARKED), *message.signers, *message.hops):
            named.setdefault((mark.field,), set()).add(mark_known(mark, self.suffixes))
        for finding in findings:
            for evidence in finding.evidence:
                role, number, _ = evidence.place.partition("[")
                if number:
                    yield role, self.suffixes.registrable_domain(finding.subject.rpartition("@")[2])
                    yield from named.get((evidence.field, evidence.occurrence, evidence.span), ())
                else:
                    yield from named.get((evidence.field,), ())


def _overdrawn(incidents: Iterable[Incident]) -> Iterator[str]:
    """What the budget had no room for, a sentence each."""
    for incident in incidents:
        if incident.due and incident.tier is Tier.COUNTED:
            yield "an incident is counted and told nowhere else: the budget is used up"
        elif incident.due and incident.severity >= Severity.HIGH and incident.tier is Tier.DIGEST:
            yield "an incident is told in the digest: the budget for pages is used up"


def beside(baseline: str | None, config: Config) -> dict[str, Any]:
    """What lies beside a baseline, as arguments of `Guard`. Raises BaselineError for what cannot be read."""
    if baseline is None:
        return {}
    suffixes = SuffixList(config.suffix_list) if config.suffix_list else BUNDLED
    return {
        "acknowledgements": Acknowledgements(baseline + ACKNOWLEDGED, suffixes),
        "incidents": Incidents.load(baseline + COUNTED),
    }


class _Either:
    """What one or the other holds."""

    def __init__(self, one: Container[str], other: Container[str]) -> None:
        self.one, self.other = one, other

    def __contains__(self, name: object) -> bool:
        """Whether one of them does."""
        return name in self.one or name in self.other


_NOTHING: frozenset[tuple[str, str]] = frozenset()


def _accepting(covering: Iterable[Allow | Acknowledgement], today: date | None) -> list[Allow | Acknowledgement]:
    """What accepts a finding on a day; nothing does where somebody said that it is hostile."""
    found = []
    for one in covering:
        if isinstance(one, Acknowledgement) and one.verdict is Verdict.HOSTILE:
            return []
        if one.in_force(today):
            found.append(one)
    return found


def _noun(said: Allow | Acknowledgement) -> str:
    return "allowance" if isinstance(said, Allow) else "acknowledgement"


def moment_of(message: Message, now: datetime | None) -> datetime | None:
    """When a message is judged, in UTC: now, else when its envelope was observed, else its date; None for no time."""
    moment = now or (message.envelope.observed if message.envelope else None) or message.date
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC) if moment else None


def day_of(moment: datetime | None) -> int:
    """The day of a time as an ordinal; 0 where there is none or it is no plausible one."""
    return moment.toordinal() if moment and 1980 <= moment.year <= 2100 else 0
