"""Findings for code scanning: SARIF 2.1.0 with Errata 01 (OASIS), one run.

The log is written as it comes, results first: only what is known about each rule is kept until the end.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from headerguard.finding import Evidence, Finding, Report, Severity
from headerguard.rendering.disclosure import Disclosure, cut, encodable, visible
from headerguard.rendering.options import Described, Options
from headerguard.rendering.records import dumps, fingerprint
from headerguard.rendering.tally import Noted
from headerguard.rendering.words import anchor, count, file_of, history, line_of, odds, place_of, stream_of

__all__ = ["chunks", "joined_logs"]

Record = dict[str, Any]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.0", Severity.LOW: "2.0"}
"""security-severity, on the scale of CVSS; GitHub calls over 9.0 critical, from 7.0 high, from 4.0 medium."""
_SUPPRESSION = {"kind": "external", "status": "accepted", "justification": "an allowance in force covers it"}
_TEXT_LIMIT = 1_000
_SOURCE_LIMIT = 200
_RELATED = 20
"""Further places that a result names."""


def chunks(reports: Iterable[Report], options: Options) -> Iterator[str]:
    """The head, one piece a result, and the tool with its rules."""
    rules = _Rules(options.rules)
    yield f'{{"$schema":"{_SCHEMA}","version":"2.1.0","runs":[{{"results":['
    before = "\n"
    for report in reports:
        for result in _results(report, rules, options.show):
            yield before + dumps(result)
            before = ",\n"
    run = {"tool": {"driver": _driver(rules)}, "invocations": [_invocation(options)]}
    if not options.show.full:
        run["redactionTokens"] = ["***"]
    yield f"\n],{dumps(run)[1:-1]}}}]}}\n"


def joined_logs(logs: Iterable[str]) -> str:
    """Logs of parts of one run, as workers of a test run write them, as one log: each rule once."""
    parts = [json.loads(log) for log in logs]
    whole = parts[0]
    rules: dict[str, Record] = {}
    results = [result for part in parts for result in part["runs"][0]["results"]]
    for part in parts:
        rules |= {rule["id"]: rule for rule in part["runs"][0]["tool"]["driver"]["rules"]}
    order = {rule: number for number, rule in enumerate(rules)}
    for result in results:
        result["ruleIndex"] = order[result["ruleId"]]
    notes = [note for part in parts for note in part["runs"][0]["invocations"][0]["toolExecutionNotifications"]]
    run = whole["runs"][0]
    run["results"], run["tool"]["driver"]["rules"] = results, list(rules.values())
    run["invocations"][0] |= {
        "executionSuccessful": all(part["runs"][0]["invocations"][0]["executionSuccessful"] for part in parts),
        "toolExecutionNotifications": notes,
    }
    return dumps(whole) + "\n"


class _Rules:
    """The rules of the run: those that were given, then those that findings name, each with its index."""

    def __init__(self, given: Iterable[Described]) -> None:
        self.descriptors: list[Record] = []
        self.index: dict[str, int] = {}
        for rule in given:
            self._add(rule.id, rule.severity, _documentation(rule))

    def _add(self, rule: str, severity: Severity, text: str) -> int:
        if rule not in self.index:
            self.index[rule] = len(self.descriptors)
            self.descriptors.append(_descriptor(rule, severity, text))
        return self.index[rule]

    def of(self, finding: Finding) -> int:
        """The index of the rule of a finding."""
        return self._add(finding.rule, finding.severity, "")


def _documentation(rule: Described) -> str:
    """The docstring of a rule, which is a class, or an object of one; not one that it only inherits."""
    owner = rule if isinstance(rule, type) else type(rule)
    return inspect.cleandoc(owner.__doc__ or "")


def _descriptor(rule: str, severity: Severity, text: str) -> Record:
    name = visible(rule)
    summary = " ".join(text.partition("\n\n")[0].split()) or name
    return {
        "id": name,
        "shortDescription": {"text": cut(summary, _TEXT_LIMIT)},
        "fullDescription": {"text": cut(" ".join(text.split()) or name, _TEXT_LIMIT)},
        "help": {"text": text or name, "markdown": text or name},
        "defaultConfiguration": {"level": _LEVELS[severity]},
        "properties": {"security-severity": _SCORES[severity], "tags": ["security", "email"]},
    }


# ---- results


def _results(report: Report, rules: _Rules, show: Disclosure) -> Iterator[Record]:
    for finding in report.findings:
        yield _result(report, finding, rules, show)
    for finding in report.allowed:
        yield {**_result(report, finding, rules, show), "suppressions": [_SUPPRESSION]}


def _result(report: Report, finding: Finding, rules: _Rules, show: Disclosure) -> Record:
    piece = anchor(finding)
    related = [other for other in finding.evidence if other is not piece][:_RELATED]
    return {
        "ruleId": visible(finding.rule),
        "ruleIndex": rules.of(finding),
        "level": _LEVELS[finding.severity],
        "message": {"text": _sentences(finding, show)},
        "locations": [_location(report, piece, show)],
        "relatedLocations": [_related(report, other, show) for other in related],
        "partialFingerprints": {"headerguardKey/v1": fingerprint(finding)},
        "properties": _properties(report, finding, show),
    }


def _sentences(finding: Finding, show: Disclosure) -> str:
    """The summary, what was known before, and how rare it is."""
    parts = [_said(finding.summary, show), history(finding, show), odds(finding.p_value, finding.prior)]
    return _plain("; ".join(filter(None, parts)) or visible(finding.rule))


def _said(text: str, show: Disclosure) -> str:
    return visible(cut(show.text(text), _TEXT_LIMIT))


def _plain(text: str) -> str:
    """A message without embedded links (SARIF section 3.11.6), which a viewer would make clickable."""
    return text.replace("[", "\\[").replace("]", "\\]") if "](" in text else text


def _properties(report: Report, finding: Finding, show: Disclosure) -> Record:
    """What no other property of a result holds."""
    stream = stream_of(report)
    properties = {
        "severity": str(finding.severity),
        "security-severity": _SCORES[finding.severity],
        "subject": _said(finding.subject, show),
        "layer": visible(finding.layer),
        "stage": str(report.message.stage),
        "stream": None if stream is None else _said(stream, show),
        "odds": odds(finding.p_value, finding.prior) or None,
        "blindSpots": [_said(text, show) for text in report.blind_spots],
    }
    return {name: value for name, value in properties.items() if value}


# ---- locations


def _location(report: Report, piece: Evidence | None, show: Disclosure) -> Record:
    """A place: the file as far as there is one, and the field within the stream."""
    place = "message" if piece is None else visible(place_of(piece))
    name = f"{_said(stream_of(report) or '-', show)}/{place}"
    location: Record = {"logicalLocations": [{"name": place, "fullyQualifiedName": name}]}
    path = file_of(report.message)
    if path is not None:
        location["physicalLocation"] = {"artifactLocation": {"uri": _uri(path)}} | _region(report, piece)
    return location


def _region(report: Report, piece: Evidence | None) -> Record:
    """Line and octets. In a file that holds many messages positions within one say nothing about the file."""
    span = None if piece is None else piece.span
    line = line_of(report.message, span)
    if line is None or (span is None and not _is_of_test(report)):
        return {}
    if span is None or _is_of_test(report):
        return {"region": {"startLine": line}}
    return {"region": {"startLine": line, "byteOffset": span[0], "byteLength": span[1] - span[0]}}


def _is_of_test(report: Report) -> bool:
    """Whether the file is that of the test which hands the message over, not of the message."""
    return report.message.origin is not None and report.message.origin.line is not None


def _related(report: Report, piece: Evidence, show: Disclosure) -> Record:
    text = _said(piece.note, show) or visible(cut(show.source(piece.text), _SOURCE_LIMIT))
    return {**_location(report, piece, show), "message": {"text": _plain(text)}}


def _uri(path: str) -> str:
    """A path as a URI reference (RFC 3986): a relative one stays relative."""
    pure = PurePath(path)
    try:
        octets = pure.as_posix().encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a character, which file names of Windows can hold
        octets = encodable(pure.as_posix()).encode()
    if not pure.is_absolute():
        return quote(octets, safe="/")
    lead = "file://" if octets.startswith(b"/") else "file:///"
    return lead + quote(octets, safe="/:" if pure.drive else "/")


# ---- the tool and its run


def _driver(rules: _Rules) -> Record:
    from headerguard.version import __version__

    return {"name": "headerguard", "version": __version__, "rules": rules.descriptors}


def _invocation(options: Options) -> Record:
    tally, show = options.tally, options.show
    notes = [_notification(rule, noted, "failed", show) for rule, noted in sorted(tally.failures.items())]
    notes += [_notification(rule, noted, "skipped", show) for rule, noted in sorted(tally.skipped.items())]
    if tally.unreadable:
        text = f"{count(tally.unreadable, 'record')} could not be read"
        notes.append({"level": "error", "message": {"text": text}})
    return {"executionSuccessful": tally.complete, "toolExecutionNotifications": notes}


def _notification(rule: str, noted: Noted, what: str, show: Disclosure) -> Record:
    """What happened to one rule: it failed, or it was skipped."""
    first = _said(noted.text, show)
    text = f"{visible(rule)} {what} on {count(noted.messages, 'message')}; the first time: {first}"
    return {
        "level": "error" if what == "failed" else "note",
        "associatedRule": {"id": visible(rule)},
        "message": {"text": _plain(text)},
    }
