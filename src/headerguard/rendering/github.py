"""Findings as workflow commands of GitHub Actions, which shows them as annotations: `::error file=...::...`.

A step may set ten annotations of each kind, and the rest is dropped in silence. So the worst ones are kept,
and one notice says how many findings there are besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headerguard.finding import Finding, Report, Severity
from headerguard.rendering.disclosure import Disclosure, cut, visible
from headerguard.rendering.options import Options
from headerguard.rendering.tally import Noted
from headerguard.rendering.words import (
    anchor,
    count,
    file_of,
    history,
    label,
    line_of,
    odds,
    place_of,
    shown_path,
    stream_of,
)

__all__ = ["chunks"]

_KINDS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
}
_LIMITS = {"error": 10, "warning": 10, "notice": 9}
"""Annotations of each kind: GitHub takes ten, and the last notice is ours."""
_TEXT_LIMIT = 1_000
_SOURCE_LIMIT = 200


def chunks(reports: Iterable[Report], options: Options) -> Iterator[str]:
    """A line an annotation, the most severe first."""
    kept: dict[Severity, list[str]] = {severity: [] for severity in sorted(Severity, reverse=True)}
    for number, report in enumerate(reports):
        for finding in report.findings:
            lines = kept[finding.severity]
            if len(lines) < _LIMITS[_KINDS[finding.severity]]:
                lines.append(_annotation(report, number, finding, options.show))
    failed = sorted(options.tally.failures.items())
    yield from _chosen(kept, [_failure(rule, noted, options.show) for rule, noted in failed], options)


def _chosen(kept: dict[Severity, list[str]], failures: list[str], options: Options) -> Iterator[str]:
    """What fits: critical findings, then rules that failed, then the others; then how many did not fit."""
    left = dict(_LIMITS)
    findings = sum(options.tally.findings.values())
    for severity, lines in kept.items():
        room = left[_KINDS[severity]]
        yield from lines[:room]
        findings -= len(lines[:room])
        room -= len(lines[:room])
        if severity is Severity.CRITICAL:
            yield from failures[:room]
            room -= len(failures[:room])
        left[_KINDS[severity]] = room
    if findings or options.tally.unreadable:
        more = f"{count(findings, 'more finding')} without an annotation; " if findings else ""
        yield _command("notice", "headerguard", more + options.tally.line())


def _annotation(report: Report, number: int, finding: Finding, show: Disclosure) -> str:
    """One finding: the file and line it stands at, and what there is to say in a few lines."""
    piece = anchor(finding)
    lines = [_said(show.text(finding.summary))]
    if piece is not None:
        lines.append(f"{visible(place_of(piece))}  {_said(show.source(piece.text), _SOURCE_LIMIT)}")
    stream = stream_of(report)
    where = label(report.message, number)
    where += f" of stream '{_said(show.text(stream), _SOURCE_LIMIT)}'" if stream else ""
    lines += [history(finding, show), odds(finding.p_value, finding.prior), where]
    return _command(
        _KINDS[finding.severity],
        f"{visible(finding.rule)} ({finding.severity})",
        *filter(None, lines),
        file=file_of(report.message),
        line=line_of(report.message, piece.span if piece else None),
    )


def _failure(rule: str, noted: Noted, show: Disclosure) -> str:
    text = f"on {count(noted.messages, 'message')}: {_said(show.text(noted.text))}"
    return _command("error", f"{visible(rule)} failed", text)


def _said(text: str, limit: int = _TEXT_LIMIT) -> str:
    return visible(cut(text, limit))


def _command(kind: str, title: str, *lines: str, file: str | None = None, line: int | None = None) -> str:
    """One workflow command on one line, from text without line ends."""
    given = {"file": shown_path(file) if file else None, "line": line if file else None, "title": title}
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in given.items() if value)
    return f"::{kind} {properties}::{'%0A'.join(map(_data, lines))}\n"


def _data(text: str) -> str:
    """Escape as GitHub's toolkit does."""
    return text.replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
