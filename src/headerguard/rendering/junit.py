"""Reports as a test report: a suite a stream, a case a message, in the XML that JUnit's readers agree on.

The totals stand in the first element, so nothing can be written before the last report: what is kept until
then is the finished XML of each case, never a report. The XML is ASCII, so that any encoding will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from headerguard.finding import Report
from headerguard.rendering.disclosure import cut, visible
from headerguard.rendering.options import Options
from headerguard.rendering.text import block
from headerguard.rendering.words import label, stream_of, subject

__all__ = ["chunks"]

_LIMIT = 300
"""Characters of a name or a summary in an attribute."""
_NEWLINE = "\n"
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


@dataclass(slots=True)
class _Suite:
    """The cases of one stream."""

    cases: list[str] = field(default_factory=list)
    failures: int = 0
    errors: int = 0


def chunks(reports: Iterable[Report], options: Options) -> Iterator[str]:
    """The head with the totals, then a piece a case."""
    plain = replace(options, colour=False)
    suites: dict[str, _Suite] = {}
    for number, report in enumerate(reports):
        _add(suites.setdefault(_stream(report, plain), _Suite()), report, number, plain)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"<testsuites{_totals('headerguard', list(suites.values()))}>\n"
    for name, suite in suites.items():
        yield f"<testsuite{_totals(name, [suite])}>\n"
        yield from suite.cases
        yield "</testsuite>\n"
    yield "</testsuites>\n"


def _add(suite: _Suite, report: Report, number: int, options: Options) -> None:
    suite.failures += bool(report.findings)
    suite.errors += bool(report.failures)
    suite.cases.append(_case(report, number, options))


def _case(report: Report, number: int, options: Options) -> str:
    """One message: a failure when there are findings, an error when a rule failed."""
    name = f"{label(report.message, number)} {subject(report.message, options.show)}"
    head = f"<testcase{_attributes(name=name, classname=_stream(report, options))}"
    told = "".join(_outcomes(report, number, options))
    return f"{head}>\n{told}</testcase>\n" if told else f"{head}/>\n"


def _stream(report: Report, options: Options) -> str:
    return visible(cut(options.show.text(stream_of(report) or "-"), _LIMIT))


def _outcomes(report: Report, number: int, options: Options) -> Iterator[str]:
    if report.findings:
        worst = max(report.findings, key=lambda finding: finding.severity)
        summary = f"{worst.rule} ({worst.severity}): {options.show.text(worst.summary)}"
        more = f" (and {len(report.findings) - 1} more)" if len(report.findings) > 1 else ""
        attributes = _attributes(message=visible(cut(summary, _LIMIT)) + more, type=visible(worst.rule))
        yield f"<failure{attributes}>{_xml(block(report, number, options))}</failure>\n"
    if report.failures:
        lines = [f"{failure.rule}: {options.show.text(failure.error)}" for failure in report.failures]
        attributes = _attributes(message=visible(cut(lines[0], _LIMIT)), type=visible(report.failures[0].rule))
        yield f"<error{attributes}>{_xml(_NEWLINE.join(map(visible, lines)))}</error>\n"


def _totals(name: str, suites: list[_Suite]) -> str:
    return _attributes(
        name=name,
        tests=str(sum(len(suite.cases) for suite in suites)),
        failures=str(sum(suite.failures for suite in suites)),
        errors=str(sum(suite.errors for suite in suites)),
    )


def _attributes(**values: str) -> str:
    return "".join(f' {name}="{_xml(value)}"' for name, value in values.items())


def _xml(text: str) -> str:
    """Text for XML 1.0. What XML cannot hold at all has been made visible before."""
    return text.translate(_MARKUP).encode("ascii", "xmlcharrefreplace").decode("ascii")
