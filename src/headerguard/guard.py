"""The guard: the only place where rules, baseline, configuration and allowances meet."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Self

from headerguard.acknowledgement import Acknowledgements
from headerguard.address import BUNDLED, SuffixList
from headerguard.baseline import Baseline
from headerguard.blindness import Blindness
from headerguard.budget import Budget
from headerguard.config import Config, default, load
from headerguard.expectation import Expectations, bounds_of, numbers_of
from headerguard.fields import CATALOGUE, Role
from headerguard.finding import Evidence, Failure, Finding, Report, Skipped
from headerguard.incident import Incidents
from headerguard.known import Known
from headerguard.live import opened
from headerguard.message import Envelope, Mark, Message, Sighting, Stage
from headerguard.reconcile import Reconciliation, reconcile
from headerguard.rendering import render
from headerguard.rule import Bound, Compared, Declared, Rule
from headerguard.seal import Seal, believe, make_key, make_seal, read_key
from headerguard.stores import is_database
from headerguard.stream import NAMED, Level
from headerguard.trace import believed_to
from headerguard.traits import news_in, traits_of
from headerguard.triage import Sorted, Triage, beside, day_of, moment_of

if TYPE_CHECKING:
    from email.message import Message as EmailMessage
    from os import PathLike

    from headerguard.inquiry import Strangers
    from headerguard.lookalike import Lookalikes
    from headerguard.resolver import Resolver

__all__ = ["Guard"]

_MANY_SUBJECTS = 50
"""Messages of an author from which on they tell of a subject that holds too little itself."""

_UNMET = {
    "envelope": "this copy came without its envelope",
    "complete envelope": "the envelope is not known to be complete, and no recipients were declared",
    "baseline": "the stream has too little history to be judged by it",
    "header": "this copy has no header",
    "events": "this copy is not an event",
    "declared": "no recipients were declared",
    "copies": "only a reconciliation has all copies",
}


class Guard:
    """Checks messages, and learns what is normal. Immutable but for its baseline."""

    def __init__(
        self,
        rules: Iterable[Rule | type[Rule]] | None = None,
        baseline: Baseline | None = None,
        config: Config | None = None,
        seal_key: bytes | None = None,
        acknowledgements: Acknowledgements | None = None,
        incidents: Incidents | None = None,
        resolver: Resolver | None = None,
        expectations: Expectations | None = None,
    ) -> None:
        """None: the default rules, an empty baseline, the default configuration, and the files that it names.

        `acknowledgements` are read again when their file changes; `incidents` are those that are known already. A
        `resolver`, or [dns] enabled in the configuration, lets findings about strangers be explained by DNS; without
        either nothing is ever looked up. Raises ConfigError for a file of the key or of expectations that cannot
        be read.
        """
        self.config = config or default()
        chosen = self.config.rules if rules is None else rules
        self.rules: tuple[Rule, ...] = tuple(rule() if isinstance(rule, type) else rule for rule in chosen)
        self.baseline = Baseline() if baseline is None else baseline
        self.baseline.horizon = self.config.horizon
        self._elsewhere = frozenset[str]().union(*(rule.fields for rule in self.rules)) - CATALOGUE.keys()
        # What occurs in a copy -> the rules that look at it, and those that cannot.
        self._dispatch: dict[tuple[object, ...], tuple[tuple[Rule, ...], tuple[Skipped, ...]]] = {}
        self._blindness = Blindness()
        self.suffixes = SuffixList(self.config.suffix_list) if self.config.suffix_list else BUNDLED
        if expectations is None and self.config.expectations is not None:
            expectations = Expectations.load(self.config.expectations)
        self._recorded = None if expectations is None else expectations.streams.keys()
        if expectations is not None:
            self.config = _joined(self.config, expectations, self.suffixes)
        self.acknowledgements = acknowledgements or Acknowledgements(suffixes=self.suffixes)
        self.incidents = Incidents() if incidents is None else incidents
        self.incidents.budget = Budget.of(self.config.page, self.config.digest)
        usual = {rule.id: rule.severity for rule in self.rules}
        self._triage = Triage(self.config, usual, self.suffixes, self.acknowledgements, self.incidents)
        self._partners = frozenset(map(self.suffixes.registrable_domain, self.config.named))
        self._near: list[Lookalikes] = []
        self._seal_key = seal_key if seal_key is not None else read_key(self.config.seal_key)
        if resolver is None and self.config.dns.enable:
            resolver = self.config.dns.resolver()
        self._strangers = _strangers(resolver) if resolver else None

    @classmethod
    def from_config(cls, path: str | PathLike[str]) -> Guard:
        """A guard as a configuration file describes it, with the baseline that it names and what lies beside that.

        Raises ConfigError with every problem of the file, and BaselineError for a baseline that cannot be read.
        """
        import os

        config = load(path)
        key = read_key(config.key_of(config.baseline) if config.baseline else config.address_key)
        if config.baseline and (is_database(config.baseline) or os.path.exists(config.baseline)):
            baseline = opened(config.baseline, key)
        else:
            baseline = Baseline(key)
        return cls(baseline=baseline, config=config, **beside(config.baseline, config))

    def flush(self) -> None:
        """Write what was learned, where the baseline is a database, which otherwise happens from time to time.

        Raises BaselineError where that fails; nothing is lost, and it is tried again.
        """
        self.baseline.flush()

    def close(self) -> None:
        """Write what was learned, where the baseline is a database, and let go of it. Raises BaselineError."""
        self.baseline.close()

    def __enter__(self) -> Self:
        """A guard that is closed in the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    # ---- intent

    def seal(
        self, recipients: Iterable[str], blind: Iterable[str] = (), *, apart: bool = False, now: datetime | None = None
    ) -> str:
        """A short opaque value that says who a message is for, for an ESP metadata key or a header field; see `seal`.

        Copies and events that carry it are checked against it. `apart`: every recipient gets a copy of its own. The
        first call makes the key that the configuration names (mode 0600). Raises ValueError for what is no address,
        ConfigError where no key is configured or the file cannot be written.
        """
        if self._seal_key is None:
            self._seal_key = make_key(self.config.seal_key)
        return make_seal(self._seal_key, recipients, blind, apart=apart, now=now)

    def _believed(self, message: Message, now: datetime | None) -> Seal | str | None:
        """The seal of a copy, or why what it carries cannot be believed; None for none, or without a key."""
        texts = message.seals if self._seal_key is not None else ()
        if not texts:
            return None
        assert self._seal_key is not None
        event = message.record is not None and not message.record.whole
        return believe(self._seal_key, texts, message.dates or ((_utc(now),) if now else ()), late=event)

    # ---- judging

    def check(
        self,
        message: Message | bytes | EmailMessage,
        envelope: Envelope | None = None,
        stage: Stage | str | None = None,
        account: str | None = None,
        stream: str | None = None,
        recipients: Iterable[str] | None = None,
        blind: Iterable[str] | None = None,
        now: datetime | None = None,
        missing: bool = False,
    ) -> Report:
        """Judge one message; learns nothing, and does no I/O but that of the resolver where there is one.

        `recipients` bounds To, Cc, envelope and control fields, `blind` bounds Bcc (None: the same bound, []: nobody);
        an entry without an @ is a registrable domain; `missing` makes an absent declared address a finding. `now`
        (taken as UTC where it is naive) decides which allowances have lapsed; without it the time of the envelope or
        the Date field does. Raises TypeError for what is no message, ValueError for an unknown stage and for an
        unreadable declaration; never for bad mail.
        """
        copy = _message(message, envelope, stage, account)
        levels = copy.levels_as(stream, self.config.stream_field)
        return self._asked(self._check(copy, levels, _intent(recipients, blind, missing, self.suffixes), now)[0], now)

    async def check_async(
        self,
        message: Message | bytes | EmailMessage,
        envelope: Envelope | None = None,
        stage: Stage | str | None = None,
        account: str | None = None,
        stream: str | None = None,
        recipients: Iterable[str] | None = None,
        blind: Iterable[str] | None = None,
        now: datetime | None = None,
        missing: bool = False,
    ) -> Report:
        """The same for a program with an asyncio loop, which goes on while DNS is asked; see `check`."""
        copy = _message(message, envelope, stage, account)
        levels = copy.levels_as(stream, self.config.stream_field)
        report, _ = self._check(copy, levels, _intent(recipients, blind, missing, self.suffixes), now)
        if self._strangers is None or not report.findings:
            return report
        return await self._strangers.complete_async(
            report, self.config.own_domains, self.baseline, _today(report.message, now)
        )

    def _asked(self, report: Report, now: datetime | None) -> Report:
        """The report with what DNS says of the strangers in its findings, where there is anybody to ask."""
        if self._strangers is None or not report.findings:
            return report
        today = _today(report.message, now)
        return self._strangers.complete(report, self.config.own_domains, self.baseline, today)

    def check_all(self, messages: Iterable[Message]) -> Iterator[Report]:
        """Judge messages one by one, lazily."""
        return map(self.check, messages)

    def _check(
        self, message: Message, levels: Iterable[Level], intent: Declared, now: datetime | None
    ) -> tuple[Report, tuple[Finding, ...]]:
        """The report, and the findings that are accepted and not to be learned."""
        finest, known = self._known(levels, intent, message, now)
        if carried := self._believed(message, now):
            known = replace(known, seal=carried) if isinstance(carried, Seal) else replace(known, unbelieved=carried)
        if self._strangers is not None:
            known = replace(known, _facts=self._strangers.facts)
        findings: list[Finding] = []
        failures: list[Failure] = []
        rules, skipped = self._concerned(message, known)
        for rule in rules:
            try:
                findings += rule.check(message, known)
            except Exception as error:  # a rule that crashes is a result; the mail is not lost for it
                failures.append(Failure(rule.id, f"{type(error).__name__}: {error}"))
        if findings and (hearsay := self._hearsay(message)):
            findings = [finding for finding in findings if not all(map(hearsay, finding.evidence))]
        findings = list(map(self._attributed, findings))
        sorted_out, vouched = self._triage.sorted_out, known.vouches_for
        found = sorted_out(findings, message, finest.name, now, vouched) if findings else Sorted()
        spots = self._blindness.spots(message, finest, known)
        failed, allowed, notes, suffixes = tuple(failures), found.allowed, found.notes, self.suffixes
        if trouble := self.baseline.trouble:
            notes = (*notes, trouble)
        report = Report(
            message, found.judged, skipped, failed, allowed, spots, notes, suffixes=suffixes, _writer=render
        )
        return report, found.narrow

    def _attributed(self, finding: Finding) -> Finding:
        """The finding, which says so where its odds are not the site's own yet."""
        borrowed = finding.p_value is not None and self.baseline.novelty.is_borrowed(finding.p_value)
        return replace(finding, prior=True) if borrowed else finding

    def _known(
        self, levels: Iterable[Level], intent: Declared, message: Message, now: datetime | None
    ) -> tuple[Level, Known]:
        """The finest level, and what a rule may know: the profile of the finest that holds enough."""
        remaining = iter(levels)
        finest = level = next(remaining)
        while (profile := self.baseline.profile(level)) is None:
            following = next(remaining, None)
            if following is None:
                break
            level = following
        declared = self._declared(finest.name, intent)
        borrowed = level is not finest and not (finest.kind in NAMED and self.baseline.is_crowd(finest))
        if borrowed and finest.kind == "subject" and level.value and profile and profile.messages >= _MANY_SUBJECTS:
            borrowed = False  # languages, variants and names make many subjects of one routine
        judging = level if profile else None
        return finest, Known(
            profile,
            judging,
            declared,
            self.config.own_domains,
            self.baseline,
            borrowed,
            self.suffixes,
            finest,
            rate=self.config.false_alarm_rate,
            accepts=self._triage.accepting(message, finest.name, now),
            aside=self._triage.aside(message.account),
            partners=self._partners,
            freemail=self.config.freemail,
            disposable=self.config.disposable,
            bounded=bool(self.config.boundary),
            news=news_in(traits_of(message, self.suffixes), profile) if profile else None,
            _near=self._near,
        )

    def _declared(self, stream: str, intent: Declared) -> Declared:
        """The intent, and what is expected of the stream."""
        expected, most, sealed = (
            self.config.expected.get(stream),
            self.config.most.get(stream),
            self.config.sealed.get(stream),
        )
        recorded = None if self._recorded is None else stream in self._recorded
        if recorded is None and not (expected or most or sealed):
            return intent
        return replace(
            intent, expected=expected or {}, most=most or {}, sealed=sealed or frozenset(), recorded=recorded
        )

    def _hearsay(self, message: Message) -> Callable[[Evidence | Sighting | Mark], bool] | None:
        """Tells what stands in trace fields that none of the own relays can have written; None without a boundary."""
        if not self.config.boundary:
            return None
        end = believed_to(message.header, self.config.boundary)
        return lambda place: (
            place.span is not None
            and place.span[0] >= end
            and place.field in CATALOGUE
            and (place.field == "received" or CATALOGUE[place.field].stage == "delivered")
        )

    def _concerned(self, message: Message, known: Known) -> tuple[tuple[Rule, ...], tuple[Skipped, ...]]:
        """The rules that look at something that occurs in this copy, and those of them whose needs are not met.

        The others are never called.
        """
        roles = _added_roles(message)
        names = message.header.names & self._elsewhere if self._elsewhere else _NO_NAMES
        defects = frozenset(defect.name for defect in message.header.defects) if message.header.defects else _NO_NAMES
        met = _met(message, known)
        news = known.news
        occurring = (message.outline.names, roles, names, defects, met, news)
        concerned = self._dispatch.get(occurring)
        if concerned is None:
            roles |= message.outline.roles
            names |= message.outline.names
            looking = [
                rule
                for rule in self.rules
                if not (
                    roles.isdisjoint(rule.roles) and names.isdisjoint(rule.fields) and defects.isdisjoint(rule.defects)
                )
                and (news is None or not rule.news or not news.isdisjoint(rule.news))
            ]
            able = tuple(rule for rule in looking if met.issuperset(rule.needs))
            concerned = able, tuple(_skipped(rule.id, rule.needs - met) for rule in looking if rule not in able)
            if len(self._dispatch) < 4096:
                self._dispatch[occurring] = concerned
        return concerned

    def reconcile(self, copies: Iterable[Message]) -> Reconciliation:
        """Join copies of the same logical messages over stages, and say in which layer a recipient got in.

        Any number, in any order, in bounded memory. Copies with a seal that can be believed are held against it,
        others against what was submitted. Those of the rules speak that compare copies; what is allowed is left out.
        """
        rules = {rule.id: rule for rule in self.rules if isinstance(rule, Compared)}
        return reconcile(copies, self._sealed, rules, self.suffixes, self.config.own_domains, self._weighed)

    def _weighed(self, finding: Finding) -> Finding | None:
        declared = self._triage.is_declared(finding)
        return None if declared else replace(finding, severity=self._triage.weight(finding))

    def _sealed(self, copy: Message) -> Seal | None:
        found = self._believed(copy, None)
        return found if isinstance(found, Seal) else None

    # ---- learning

    def observe(
        self,
        message: Message | bytes | EmailMessage,
        envelope: Envelope | None = None,
        stage: Stage | str | None = None,
        account: str | None = None,
        stream: str | None = None,
        recipients: Iterable[str] | None = None,
        blind: Iterable[str] | None = None,
        now: datetime | None = None,
        missing: bool = False,
    ) -> Report:
        """Judge, then learn what was not flagged at `fail-on` or above: the call of a pipeline and of a replay.

        What was flagged is counted as incidents instead, and the report says which of them somebody is to be told of.
        """
        copy = _message(message, envelope, stage, account)
        stream_levels = tuple(copy.levels_as(stream, self.config.stream_field))
        report, narrow = self._check(copy, stream_levels, _intent(recipients, blind, missing, self.suffixes), now)
        report = self._asked(report, now)
        flagged = [finding for finding in report.findings if finding.severity >= self.config.fail_on]
        moment = moment_of(copy, now)
        withheld, aside = self._triage.withheld(copy, flagged, narrow), self._triage.aside(copy.account)
        hearsay = self._hearsay(copy)
        self.baseline.learn(copy, stream_levels, day_of(moment), withheld, self.suffixes, hearsay, aside)
        return self._triage.counted(report, flagged, moment)

    def learn(self, messages: Iterable[Message | bytes | EmailMessage]) -> Baseline:
        """Learn an archive as it is, without judging it, and return the baseline."""
        for message in messages:
            copy = _message(message, None, None, None)
            stream_levels = copy.levels_as(None, self.config.stream_field)
            day, hearsay = day_of(moment_of(copy, None)), self._hearsay(copy)
            self.baseline.learn(copy, stream_levels, day, suffixes=self.suffixes, hearsay=hearsay)
        return self.baseline


def _message(
    message: Message | bytes | EmailMessage,
    envelope: Envelope | None,
    stage: Stage | str | None,
    account: str | None,
) -> Message:
    """Whatever a caller holds as a Message; what he adds goes over what it has."""
    if isinstance(message, Message):
        if envelope is None and stage is None and account is None:
            return message
        return Message(
            message.header,
            envelope if envelope is not None else message.envelope,
            message.stage if stage is None else stage,
            message.account if account is None else account,
            message.origin,
            message.record,
        )
    if isinstance(message, bytes | bytearray | memoryview):
        return Message.from_bytes(message, envelope, stage, account)
    return Message.from_email(message, envelope, stage, account)


def _joined(config: Config, recorded: Expectations, suffixes: SuffixList) -> Config:
    """The configuration with what was recorded beside what it says itself."""
    expected, most = dict(config.expected), dict(config.most)
    for name in recorded.streams:
        places = recorded.of(name)
        expected[name] = _both(expected.get(name, {}), bounds_of(places, suffixes))
        most[name] = {**most.get(name, {}), **numbers_of(places)}
    return replace(config, expected=expected, most=most)


def _both(one: Mapping[Role, Bound], other: Mapping[Role, Bound]) -> dict[Role, Bound]:
    """Bounds that allow whom either allows."""
    joined = {**one, **other}
    for role in one.keys() & other.keys():
        joined[role] = Bound((*one[role].entries, *other[role].entries), other[role].suffixes)
    return joined


_NOTHING_DECLARED = Declared()


def _intent(
    recipients: Iterable[str] | None, blind: Iterable[str] | None, missing: bool, suffixes: SuffixList
) -> Declared:
    if recipients is None and blind is None:
        return _NOTHING_DECLARED
    return Declared(
        None if recipients is None else Bound(recipients, suffixes),
        None if blind is None else Bound(blind, suffixes),
        missing,
    )


def _strangers(resolver: Resolver) -> Strangers:
    from headerguard.inquiry import Strangers  # nothing of DNS is loaded where nobody asks it

    return Strangers(resolver)


def _skipped(rule: str, lacking: Collection[str]) -> Skipped:
    """The result for a rule that could not run."""
    need = next((known for known in _UNMET if known in lacking), min(lacking))
    return Skipped(rule, _UNMET.get(need, f"needs {need}"))


def _met(message: Message, known: Known) -> frozenset[str]:
    """Which needs of rules this copy meets."""
    met = set()
    envelope, intended = message.envelope, known.declared.given
    if envelope is not None:
        met.add("envelope")
        if envelope.complete or intended:
            met.add("complete envelope")
    if known.profile is not None:
        met.add("baseline")
    if message.header.lines:
        met.add("header")
    if message.stage is Stage.EVENT:
        met.add("events")
    if intended or known.declared.expected:
        met.add("declared")
    return frozenset(met)


_NO_NAMES: frozenset[str] = frozenset()
_NO_ROLES: frozenset[Role] = frozenset()
_ENVELOPE_ROLES = frozenset((Role.ENVELOPE, Role.BOUNCE))


def _added_roles(message: Message) -> frozenset[Role]:
    """Roles that may occur in a copy besides those that the names of its fields tell of."""
    roles = _NO_ROLES if message.envelope is None else _ENVELOPE_ROLES
    if message.record is not None:
        record = message.record
        roles = roles.union((s.role for s in record.sightings), (mark.role for mark in record.marks))
    return roles


def _today(message: Message, now: datetime | None) -> date | None:
    moment = moment_of(message, now)
    return moment.date() if moment else None


def _utc(moment: datetime) -> datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
