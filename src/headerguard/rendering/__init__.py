"""Reports as text: for people, as records, for code scanning, for test reports and for build logs.

Every format is written field by field. Adding a field to a report adds nothing to any output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headerguard.finding import Report
from headerguard.rendering.disclosure import Disclosure, visible
from headerguard.rendering.options import Described, Options, Writer
from headerguard.rendering.tally import Noted, Tally

__all__ = ["FORMATS", "Described", "Noted", "Tally", "render", "stream", "visible"]

FORMATS = ("text", "json", "sarif", "junit", "github")
"""Every format: for people, JSON Lines, SARIF 2.1.0, JUnit XML, workflow commands of GitHub Actions."""


def render(
    report: Report | Iterable[Report],
    format: str = "text",
    *,
    redact: str = "none",
    colour: bool = False,
    verbose: bool = False,
    rules: Iterable[Described] = (),
    tally: Tally | None = None,
) -> str:
    """Write one report, or many, in one of `FORMATS`, without the last line end.

    The options are those of `stream`. Text ends with a line on all messages when it is given many.
    """
    many: Iterable[Report] = (report,) if isinstance(report, Report) else report
    options = Options(Disclosure(redact), colour, verbose, tuple(rules), tally or Tally(), many is report)
    return "".join(_pieces(many, format, options)).removesuffix("\n")


def stream(
    reports: Iterable[Report],
    format: str = "text",
    *,
    redact: str = "none",
    colour: bool = False,
    verbose: bool = False,
    rules: Iterable[Described] = (),
    tally: Tally | None = None,
) -> Iterator[str]:
    """Write many reports piece by piece; a report is taken only when the pieces before it have been.

    `redact="local"` shows the first character of each local part only. `colour` and `verbose` are for text,
    `rules` (the classes of the rules that ran) for SARIF. `tally`, when given, has counted every report once
    the pieces have run out. Text, JSON and SARIF need constant memory; JUnit holds a line a message and the
    text of the findings, GitHub at most 39 findings.

    Raises ValueError at once for an unknown format or redaction.
    """
    options = Options(Disclosure(redact), colour, verbose, tuple(rules), tally or Tally())
    return _pieces(reports, format, options)


def _pieces(reports: Iterable[Report], format: str, options: Options) -> Iterator[str]:
    return _writer(format)(options.tally.counted(reports), options)


def _writer(format: str) -> Writer:
    """The writer of a format; its module is loaded when it is first asked for."""
    if format == "text":
        from headerguard.rendering.text import chunks
    elif format == "json":
        from headerguard.rendering.records import chunks
    elif format == "sarif":
        from headerguard.rendering.sarif import chunks
    elif format == "junit":
        from headerguard.rendering.junit import chunks
    elif format == "github":
        from headerguard.rendering.github import chunks
    else:
        raise ValueError(_unknown(format))
    return chunks


def _unknown(format: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(str(format).lower(), FORMATS, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(FORMATS)}"
    return f"{format!r} is not a known format; {hint}"
