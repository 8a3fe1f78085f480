"""Findings for people: which message, all of its recipients with the culprit marked, what to type next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headerguard.address_list import Tier
from headerguard.finding import Evidence, Finding, Report, Severity
from headerguard.rendering.disclosure import argument, cut, visible
from headerguard.rendering.options import Options
from headerguard.rendering.roster import Row, roster, shortened
from headerguard.rendering.words import (
    address_limit,
    author,
    count,
    history,
    label,
    odds,
    place_of,
    stream_of,
    subject,
    until,
)

__all__ = ["Block", "block", "chunks", "counted"]

_SOURCE_LIMIT = 200
_TEXT_LIMIT = 1_000
_COMMANDS = 3
_PLACES = 3
_SGR = {
    Severity.CRITICAL: "1;31",
    Severity.HIGH: "31",
    Severity.MEDIUM: "33",
    Severity.LOW: "36",
}
_BOLD, _FAINT = "1", "2"


def chunks(reports: Iterable[Report], options: Options) -> Iterator[str]:
    """One piece a message that there is something to say about, then a line on all of them."""
    between = ""
    for number, report in enumerate(reports):
        told = block(report, number, options)
        if told:
            yield f"{between}{told}\n"
            between = "\n"
    if options.summary:
        yield f"{between}headerguard: {options.tally.line()}\n"


def block(report: Report, number: int, options: Options) -> str:
    """What there is to say about one message; nothing when it is clean, unless verbose has more to tell."""
    if report.ok and not options.verbose:
        return ""
    return "\n".join(Block(report, options).lines(number))


def counted(blocks: Iterable[Block]) -> str:
    """What was found, the number first: a line that begins so stands alone in the short summary of a test run."""
    blocks = list(blocks)
    culprits = [block.culprits for block in blocks]
    if None in culprits:
        return count(sum(len(block.report.findings) for block in blocks), "finding")
    return count(sum(filter(None, culprits)), "unexpected recipient")


class Block:
    """One report on its way to a terminal."""

    def __init__(self, report: Report, options: Options) -> None:
        """Sort the findings by the recipients that they are about."""
        self.report, self.options, self.show = report, options, options.show
        self.rows, self.others = roster(report.message, report.findings) if report.findings else ([], [])

    def lines(self, number: int) -> list[str]:
        """All lines, or none for a clean message with nothing to note."""
        notes = list(self.notes())
        if self.report.ok and not notes:
            return []
        title = self._paint(f"headerguard: {self._what()} 1 message{self.of_stream()}", _BOLD)
        return [title, *self.body(number), *self._commands(), *notes]

    def body(self, number: int) -> Iterator[str]:
        """Which message, all of its recipients, and what is wrong."""
        message = self.report.message
        written_by = author(message, self.show)
        yield f"   {label(message, number)}  {subject(message, self.show)}  from {written_by}"
        yield from self._findings()

    # ---- the first line

    def of_stream(self) -> str:
        """Which stream it is of, or nothing."""
        stream = stream_of(self.report)
        return f" of stream '{self._said(stream, 200)}'" if stream else ""

    def _what(self) -> str:
        if not self.report.findings:
            return "no finding in" if self.report.complete else "check incomplete on"
        return f"{counted([self])} in"

    @property
    def culprits(self) -> int | None:
        """How many recipients the findings are about; None where one is about something else."""
        return None if self.others else sum(row.culprit for row in self.rows)

    # ---- recipients and findings

    def _findings(self) -> Iterator[str]:
        """The recipients with what is wrong about them, then what is wrong elsewhere."""
        if not self.report.findings:
            return
        shown, left_out = shortened(self.rows)
        width = max((len(row.place) for row in shown), default=0)
        for row in shown:
            yield self._row(row, width)
            for finding in row.findings:
                yield from self._finding(finding, row.place)
        if left_out:
            yield f"       ... and {left_out:,} more"
        if not self.rows:
            yield "       (this copy names no recipient)"
        yield from self._other_findings()

    def _other_findings(self) -> Iterator[str]:
        """What is about no recipient, by the place it stands at."""
        told: dict[str, list[Finding]] = {}
        for finding in self.others:
            told.setdefault(self._place(finding), []).append(finding)
        for line, findings in told.items():
            yield self._paint(f"   >   {line}", _SGR[max(finding.severity for finding in findings)])
            for finding in findings:
                yield from self._finding(finding, place_of(finding.evidence[0]) if finding.evidence else "")

    def _row(self, row: Row, width: int) -> str:
        address = visible(cut(self.show.address(row.recipient.address), address_limit))
        line = f"{row.place:<{width}}  {address}{_reading(row.recipient.tier)}"
        return f"       {line}" if row.severity is None else self._paint(f"   >   {line}", _SGR[row.severity])

    def _place(self, finding: Finding) -> str:
        """The place of a finding that is about no recipient, and what stands there."""
        if not finding.evidence:
            return self._said(finding.subject, address_limit)
        return f"{visible(place_of(finding.evidence[0]))}  {self._source(finding.evidence[0])}"

    def _finding(self, finding: Finding, place: str) -> Iterator[str]:
        """What a rule says, and below it what it rests on."""
        yield f"       {visible(finding.rule)} ({finding.severity}): {self._said(finding.summary)}"
        for line in self._grounds(finding, place):
            yield self._paint(f"             {line}", _FAINT)

    def _grounds(self, finding: Finding, place: str) -> Iterator[str]:
        if known := history(finding, self.show):
            yield known
        if finding.expected:
            yield f"expected: {self._said(finding.expected)}"
        if rare := odds(finding.p_value, finding.prior):
            yield f"odds: {rare}"
        if finding.layer != "unknown":
            stage = self.report.message.stage
            yield f"got in at: {visible(finding.layer)}, as far as a copy of stage {stage} shows"
        for piece in finding.evidence:
            if piece.note and place_of(piece) == place:
                yield f"here: {self._said(piece.note)}"
        elsewhere = [piece for piece in finding.evidence if place_of(piece) != place]
        yield from self._elsewhere([piece for piece in elsewhere if not piece.is_fact])
        for piece in elsewhere:
            if piece.is_fact:
                yield f"{piece.place}: {self._said(piece.text)}"

    def _elsewhere(self, pieces: list[Evidence]) -> Iterator[str]:
        """The places that a finding rests on besides the one it is shown at."""
        for piece in pieces[:_PLACES]:
            note = f" ({self._said(piece.note)})" if piece.note else ""
            yield f"also at {visible(place_of(piece))}: {self._source(piece)}{note}"
        if len(pieces) > _PLACES:
            yield f"also at {count(len(pieces) - _PLACES, 'more place')}"

    # ---- what comes after

    def _commands(self) -> Iterator[str]:
        """What to type next: to understand, and to allow."""
        explain = dict.fromkeys(f"headerguard explain {argument(f.rule)}" for f in self.report.findings)
        allow = dict.fromkeys(self._allow(f) for f in self.report.findings if self._is_shown(f.subject))
        for name, commands in (("explain:", list(explain)), ("allow:", list(allow))):
            for command in commands[:_COMMANDS]:
                yield f"   {name:<9} {command}"
            if len(commands) > _COMMANDS:
                yield f"   {'':<9} ... and {len(commands) - _COMMANDS:,} more"

    def _allow(self, finding: Finding) -> str:
        stream = stream_of(self.report)
        of_stream = f" --stream {argument(stream)}" if stream and self._is_shown(stream) else ""
        last = until(self.report, finding)
        rest = f'{of_stream} --reason "..." --until {last}'
        subject = argument(finding.subject)
        if finding.subject.startswith("-"):
            return f"headerguard baseline allow{rest} -- {subject}"
        return f"headerguard baseline allow {subject}{rest}"

    def notes(self) -> Iterator[str]:
        """What else the report holds, a line each."""
        report = self.report
        for failure in report.failures:
            line = f"   failed:   {visible(failure.rule)}: {self._said(failure.error)}"
            yield self._paint(line, _SGR[Severity.HIGH])
        for found in report.allowed:
            subject, summary = self._said(found.subject, address_limit), self._said(found.summary)
            yield f"   allowed:  {visible(found.rule)} ({found.severity}) {subject}: {summary}"
        for incident in report.due:
            of_all = f"{count(incident.messages, 'message')} in {count(len(incident.streams), 'stream')}"
            yield f"   incident: {self._said(incident.subject, address_limit)}: {of_all}, for the {incident.tier}"
        if self.options.verbose:
            for skipped in report.skipped:
                yield f"   skipped:  {visible(skipped.rule)}: {self._said(skipped.reason)}"
        for text in report.blind_spots:
            yield f"   unseen:   {self._said(text)}"
        for text in report.notes:
            yield f"   note:     {self._said(text)}"

    # ---- how it is written

    def _said(self, text: str, limit: int = _TEXT_LIMIT) -> str:
        return visible(cut(self.show.text(text), limit))

    def _is_shown(self, text: str) -> bool:
        """Whether redaction leaves a text as it is: a command with anything else would be of no use."""
        return self.show.text(text) == text

    def _source(self, piece: Evidence) -> str:
        return visible(cut(self.show.source(piece.text), _SOURCE_LIMIT))

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.options.colour else text


def _reading(tier: Tier) -> str:
    if tier is Tier.CANDIDATE:
        return "  (candidate: only some readers take this for an address)"
    return "  (recovered from broken syntax)" if tier is Tier.RECOVERED else ""
