"""Mail that tests send to nobody: judged by what the test declares and by what was recorded, and recorded on request.

A rehearsal is offline whatever the configuration says: its guard gets no resolver.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headerguard.address import BUNDLED, SuffixList
from headerguard.address_list import parse
from headerguard.baseline import Baseline
from headerguard.config import Allow, Config, default, find, load
from headerguard.declared import Bound
from headerguard.errors import ConfigError, FindingsError
from headerguard.expectation import Expectations, Place, observed
from headerguard.finding import Finding, Report
from headerguard.guard import Guard
from headerguard.message import Message
from headerguard.provenance import Origin
from headerguard.rendering import render
from headerguard.rendering.disclosure import argument
from headerguard.rendering.failed_test import failed_test
from headerguard.rendering.sarif import joined_logs
from headerguard.role import HIDDEN
from headerguard.rule import near_miss
from headerguard.rules import BUILTIN, RENAMED

__all__ = ["FILE", "JUDGING", "Case", "Rehearsal"]

FILE = "mail-expectations.json"
"""Name of the file of expectations where nothing else is configured."""

_BY_EXPECTATION = frozenset(("unexpected-recipient", "unexpected-reply-path", "unexpected-author", "surplus-recipient"))
"""Rules that judge by what was recorded: their findings on the message alone are what production would say of it."""
_UNRECORDED = "unrecorded-stream"
JUDGING = _BY_EXPECTATION | {_UNRECORDED}
"""Rules that judge by expectations, or by there being none."""
_NAMELESS = frozenset(("author", "subject", "account"))
_ALLOWED = 5
"""Subjects that a line on what to allow names."""
_TEST = "the test accepts it"


@dataclass(frozen=True, slots=True)
class Case:
    """The test that makes a message, as far as what is said about it needs it."""

    id: str
    """What names it to the program that runs it: "tests/test_mail.py::test_receipt[a]"."""
    path: str | None = None
    """Its file, relative to the root of the project."""
    line: int | None = None
    """The line of the file at which the message is handed over, from 1."""
    run: str = "pytest {}"
    """The command that runs it again; {} stands for the id."""
    record: str | None = "pytest --headerguard-update {}"
    """The command that records its mail; None where the program cannot."""
    allow: str = "@pytest.mark.headerguard(allow={})"
    """How the test allows a list of subjects."""

    @property
    def stream(self) -> str:
        """The stream of mail that has no name of its own: the test without its parameters."""
        return self.id.partition("[")[0]


class Rehearsal:
    """Judges the mail of a run of tests, and keeps what it saw."""

    def __init__(
        self,
        config: Config | None = None,
        baseline: Baseline | None = None,
        expectations: Expectations | None = None,
        record: str = "",
    ) -> None:
        """None: the defaults, an empty baseline, nothing recorded. `record`: "" for nothing, "all", or "new" streams.

        Raises ValueError for any other `record`.
        """
        if record not in ("", "all", "new"):
            raise ValueError(f"{record!r} is no way to record: all, new, or nothing")
        self.config = replace(config or default(), expectations=None)
        self.baseline, self.record = baseline if baseline is not None else Baseline(), record
        self.file: Path | None = None
        self.before = expectations or Expectations()
        self.expectations = Expectations(self.before.streams)
        self.seen = Expectations()
        """What stood in the mail that nothing was found in."""
        self.recorded = Expectations()
        """What of it is to be recorded."""
        self.messages = 0
        self.flagged: list[Report] = []
        self._found = 0
        self._logs: list[str] = []

    @classmethod
    def at(
        cls,
        folder: str | os.PathLike[str],
        config: str | None = None,
        baseline: str | None = None,
        expected: str | None = None,
        record: str = "",
    ) -> Rehearsal:
        """The rehearsal of a project: paths are relative to its folder, the configuration is the nearest one upwards.

        The expectations are those of `expected`, else of the configuration, else `mail-expectations.json` in the
        folder; a file that is not there yet holds none. Raises ConfigError and BaselineError.
        """
        root = Path(folder)
        path = root / config if config else find(root)
        settings = load(path) if path else default()
        file = root / expected if expected else Path(settings.expectations or root / FILE)
        known = Expectations.load(file) if file.exists() else None
        made = cls(settings, Baseline.load(root / baseline) if baseline else None, known, record)
        made.file = file
        return made

    # ---- judging

    def judge(
        self,
        messages: Sequence[Message],
        test: Case,
        stream: str | None = None,
        recipients: Iterable[str] | None = None,
        blind: Iterable[str] | None = None,
        missing: bool = False,
        allow: Iterable[str] = (),
        ignore: Iterable[str] = (),
    ) -> list[Report]:
        """A report of each message. `recipients`, `blind` and `missing` as in `Guard.check`.

        `allow` are subjects and `ignore` ids of rules whose findings are accepted. The stream is `stream`, else the
        name that the message has, else the test. Raises ValueError for an unreadable declaration, and ConfigError for a
        rule that there is not.
        """
        named = None if recipients is None else _listed(recipients)
        hidden = None if blind is None else _listed(blind)
        accepted = _accepted(allow, ignore)
        reports = []
        for number, message in enumerate(messages):
            asked = _Asked(self._stream(message, stream, test), named, hidden, missing, accepted)
            report = self._judged(message, asked)
            reports.append(report)
            if report.findings or report.failures:
                origin = Origin("test", test.path, number, test.line)
                self.flagged.append(replace(report, message=_at(message, origin)))
        self.messages += len(reports)
        return reports

    def _judged(self, message: Message, case: _Asked) -> Report:
        """Record where that is asked for, then judge by what is recorded then; what is flagged is not recorded."""
        stream, known = case.stream, self.expectations.streams.get(case.stream)
        customers = None if case.recipients is None else Bound(case.recipients, self._suffixes)
        seen = observed(message, customers, self.config.own_domains, self._suffixes, known)
        seen = {role: _not_accepted(place, case.accepted) for role, place in seen.items()}
        expected = Expectations({} if known is None else {stream: known})
        recording = self.record == "all" or (self.record == "new" and stream not in self.before.streams)
        if recording and case.blind is not None:  # who is named for hidden copies is not overruled by a recording
            strict = self._checked(message, case, expected)
            recording = not any(map(_is_hidden_copy, strict.findings))
        if recording:
            expected.add(stream, seen)
        report = self._checked(message, case, expected)
        if not self.fails(report):
            self.seen.add(stream, seen)
            if recording:
                self.recorded.add(stream, seen)
                self.expectations.add(stream, seen)
        return report

    def _checked(self, message: Message, case: _Asked, expected: Expectations) -> Report:
        """By all rules and the declaration, then by what was recorded alone: that is what production will say."""
        report = Guard(None, self.baseline, self.config, expectations=expected).check(
            message, stream=case.stream, recipients=case.recipients, blind=case.blind, missing=case.missing
        )
        if case.declares and expected.streams:
            rules = [rule for rule in self.config.rules if rule.id in _BY_EXPECTATION]
            alone = Guard(rules, self.baseline, self.config, expectations=expected).check(message, stream=case.stream)
            told = {(finding.rule, finding.subject) for finding in report.findings}
            more = (finding for finding in alone.findings if (finding.rule, finding.subject) not in told)
            report = replace(report, findings=(*report.findings, *more))
        weighed = [self._weighed(finding) for finding in report.findings]
        findings = tuple(finding for finding in weighed if not (case.declares and finding.rule == _UNRECORDED))
        return _accepting(replace(report, findings=findings), case.accepted)

    def _weighed(self, finding: Finding) -> Finding:
        """Where nobody said who may receive a message, nothing was tested: that fails a test."""
        if finding.rule != _UNRECORDED:
            return finding
        return replace(finding, severity=max(finding.severity, self.config.fail_on))

    def _stream(self, message: Message, stream: str | None, test: Case) -> str:
        finest = next(message.levels_as(stream, self.config.stream_field))
        return test.stream if finest.kind in _NAMELESS else finest.name

    @property
    def _suffixes(self) -> SuffixList:
        return SuffixList(self.config.suffix_list) if self.config.suffix_list else BUNDLED

    def fails(self, report: Report) -> bool:
        """Whether a report fails a test: a finding at `fail-on` or above, or a rule that failed."""
        return bool(report.failures) or (report.worst is not None and report.worst >= self.config.fail_on)

    def raise_for(
        self,
        reports: Sequence[Report],
        test: Case,
        recipients: Iterable[str] | None = None,
        blind: Iterable[str] | None = None,
    ) -> None:
        """Raise `FindingsError` where a report fails a test: all that is wrong, and what to type next.

        `recipients` and `blind` are those of `judge`: whom they leave out only the test can name.
        """
        failed = [(number, report) for number, report in enumerate(reports) if self.fails(report)]
        if failed:
            text = failed_test(failed, len(reports), test.id, self._steps(failed, test, recipients, blind))
            raise FindingsError(text, failed[0][1])

    def _steps(
        self,
        failed: Iterable[tuple[int, Report]],
        test: Case,
        recipients: Iterable[str] | None,
        blind: Iterable[str] | None,
    ) -> Iterator[tuple[str, str]]:
        """What to type next, the command that ends in the id of the test last."""
        found = [finding for _, report in failed for finding in report.findings]
        findings = [finding for finding in found if finding.severity >= self.config.fail_on]
        named, hidden = (None if entries is None else Bound(_listed(entries)) for entries in (recipients, blind))
        declare = [finding for finding in findings if _is_left_out(finding, named, hidden)]
        if declare:
            names = {"blind" if _is_hidden_copy(finding) else "recipients" for finding in declare}
            subjects = list(dict.fromkeys(finding.subject for finding in declare))
            yield "declare", f"{' or '.join(sorted(names))}=[..., {', '.join(map(repr, subjects[:_ALLOWED]))}]"
        subjects = list(dict.fromkeys(finding.subject for finding in findings if finding.rule != _UNRECORDED))
        if subjects:
            yield "allow", test.allow.format(repr(subjects[:_ALLOWED]))
        if test.record and findings and not declare and all(f.rule in JUDGING for f in findings):
            yield "record", test.record.format(argument(test.id))
        else:
            yield "again", test.run.format(argument(test.id))

    # ---- what comes of it

    def sarif(self) -> str:
        """The findings of the run for code scanning (SARIF 2.1.0), each at the file and line of its test."""
        own = [render(self.flagged, "sarif", rules=self.config.rules)] if self.flagged or not self._logs else []
        return joined_logs([*own, *self._logs])

    def handed_over(self) -> dict[str, Any]:
        """What a worker of a run in several processes hands to the one that writes: plain data."""
        return {
            "seen": self.seen.as_dict(),
            "recorded": self.recorded.as_dict(),
            "messages": self.messages,
            "flagged": self.found,
            "sarif": self.sarif() if self.flagged else None,
        }

    def take(self, handed: Mapping[str, Any]) -> None:
        """Join what a worker handed over."""
        self.seen = self.seen.merge(Expectations.from_dict(handed["seen"]))
        self.recorded = self.recorded.merge(Expectations.from_dict(handed["recorded"]))
        self.messages += handed["messages"]
        self._found += handed["flagged"]
        if handed["sarif"]:
            self._logs.append(handed["sarif"])

    @property
    def found(self) -> int:
        """Messages that something was found in."""
        return len(self.flagged) + self._found

    def write(self, prune: bool = False) -> list[str]:
        """Write what was recorded, and with `prune` only what the run has seen; gives the streams that changed.

        Nothing is written where nothing changed. Raises ConfigError for a file that cannot be read or written.
        """
        assert self.file is not None
        before = Expectations.load(self.file) if self.file.exists() else Expectations()
        after = before.merge(self.recorded)
        if prune:
            after = after.narrowed(self.seen)
        if after != before:
            after.save(self.file)
        names = before.streams.keys() | after.streams.keys()
        return sorted(name for name in names if before.streams.get(name) != after.streams.get(name))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a test says of its messages."""

    stream: str
    recipients: list[str] | None
    blind: list[str] | None
    missing: bool
    accepted: list[Allow]

    @property
    def declares(self) -> bool:
        return self.recipients is not None or self.blind is not None


def _not_accepted(place: Place, accepted: Sequence[Allow]) -> Place:
    """What of a place is to be recorded: what one test accepts is no matter of production."""
    if isinstance(place, int) or not accepted:
        return place
    subjects = [allowance for allowance in accepted if allowance.rule is None]
    return frozenset(entry for entry in place if not any(a.covers("", entry, None) for a in subjects))


def _is_hidden_copy(finding: Finding) -> bool:
    return finding.rule == "unexpected-recipient" and _role(finding) in HIDDEN


def _is_left_out(finding: Finding, named: Bound | None, hidden: Bound | None) -> bool:
    """Whether the test itself says who may be there, and leaves out the subject: a recording does not overrule it."""
    bound = hidden if _is_hidden_copy(finding) else named
    address = parse(finding.subject)
    return finding.rule == "unexpected-recipient" and bound is not None and not (address and bound.allows(address))


def _role(finding: Finding) -> str:
    return finding.evidence[0].place.partition("[")[0] if finding.evidence else ""


def _listed(entries: Iterable[str]) -> list[str]:
    return [entries] if isinstance(entries, str) else list(entries)


def _accepted(allow: Iterable[str], ignore: Iterable[str]) -> list[Allow]:
    """Allowances of a test. Raises ConfigError for a rule that there is not."""
    return [Allow(None, subject, None, _TEST, None) for subject in _listed(allow)] + [
        Allow(_rule(rule), "", None, _TEST, None) for rule in _listed(ignore)
    ]


def _rule(name: str) -> str:
    """The id of a rule as it is called now; one with a dot is of another package."""
    known = [rule.id for rule in BUILTIN]
    name = RENAMED.get(name, name)
    if name not in known and "." not in name:
        raise ConfigError(f"ignore: no rule is called {name!r}{near_miss(name, known)}")
    return name


def _accepting(report: Report, accepted: Iterable[Allow]) -> Report:
    """The report with the findings set apart that a test accepts."""
    allowed = tuple(f for f in report.findings if any(_covers(allowance, f) for allowance in accepted))
    if not allowed:
        return report
    findings = tuple(finding for finding in report.findings if finding not in allowed)
    return replace(report, findings=findings, allowed=(*report.allowed, *allowed))


def _covers(allowance: Allow, finding: Finding) -> bool:
    if allowance.rule is not None:
        return allowance.rule == finding.rule
    return allowance.covers(finding.rule, finding.subject, None)


def _at(message: Message, origin: Origin) -> Message:
    """The same copy, found at another place."""
    return Message(message.header, message.envelope, message.stage, message.account, origin, message.record)
