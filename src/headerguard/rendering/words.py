"""What every format says in the same words: which message, what was known before, how rare a finding is."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import PurePath

from headerguard.fields import Role
from headerguard.finding import Evidence, Finding, History, Report
from headerguard.message import Message
from headerguard.rendering.disclosure import Disclosure, cut, visible

__all__ = [
    "address_limit",
    "anchor",
    "author",
    "count",
    "file_of",
    "history",
    "label",
    "line_of",
    "odds",
    "place_of",
    "shown_path",
    "stream_of",
    "subject",
    "until",
]

address_limit = 320
"""Characters of an address that are shown to people: RFC 5321 section 4.5.3.1 allows no more."""
_SUBJECT_LIMIT = 80
_AUTHORS = 3
_ALLOWED_DAYS = 70


def count(number: int, noun: str) -> str:
    """A number and its noun: "1 message", "1,904 messages"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def label(message: Message, number: int) -> str:
    """How people find a message: "mail/0412.eml", "archive.mbox#17", or its number among those checked."""
    origin = message.origin
    if origin is None or origin.path is None:
        return f"message[{number if origin is None or origin.index is None else origin.index}]"
    path = shown_path(origin.path)
    return path if origin.index is None else f"{path}#{origin.index}"


def shown_path(path: str) -> str:
    """A path as it stands, so that it can be typed, unless a terminal or a build system would act on it."""
    return path if path.isprintable() and "##" not in path else visible(path)


def file_of(message: Message) -> str | None:
    """The path, with slashes, of the file that a message stands in; None for none (standard input is none)."""
    path = message.origin.path if message.origin else None
    return PurePath(path).as_posix() if path and path != "-" else None


def line_of(message: Message, span: tuple[int, int] | None) -> int | None:
    """The line, from 1, at which a place begins in the file, or of the file; None where it holds other messages too."""
    if message.origin is not None and message.origin.line is not None:
        return message.origin.line
    if span is None or message.origin is None or message.origin.index is not None:
        return None
    return message.header.text.count("\n", 0, span[0]) + 1


def stream_of(report: Report) -> str | None:
    """The stream that a message was judged in: its findings know it even when the caller named it."""
    named = (finding.stream for finding in (*report.findings, *report.allowed) if finding.stream)
    return next(named, report.message.stream)


def place_of(evidence: Evidence) -> str:
    """Where a piece of evidence stands, for people."""
    return evidence.place or evidence.field or "message"


def anchor(finding: Finding) -> Evidence | None:
    """The first piece of evidence that stands in the header, else the first: where a file is to be opened."""
    in_header = (piece for piece in finding.evidence if piece.span is not None)
    return next(in_header, finding.evidence[0] if finding.evidence else None)


def author(message: Message, show: Disclosure) -> str:
    """Who a message says it is from, each once, as an event says it in several places."""
    found = list(dict.fromkeys(sighting.address for sighting in message.sightings_of((Role.FROM,))))
    names = [visible(cut(show.address(address), address_limit)) for address in found[:_AUTHORS]]
    more = f" and {len(found) - _AUTHORS} more" if len(found) > _AUTHORS else ""
    return ", ".join(names) + more if names else "nobody"


def subject(message: Message, show: Disclosure) -> str:
    """The Subject, in quotes."""
    return f"'{visible(cut(show.text(message.subject), _SUBJECT_LIMIT))}'"


def history(finding: Finding, show: Disclosure) -> str:
    """What was known before, or nothing where no history was asked."""
    known = finding.history
    if known is None:
        return ""
    if not known.messages:
        return "no earlier message of this stream is known"
    text = f"{count(known.messages, 'message')} of this stream{_days(known)}"
    if known.known:
        piece = anchor(finding)
        role = visible(place_of(piece).partition("[")[0]) if piece else "known"
        text += f"; {role} so far: {', '.join(_value(value, show) for value in known.known)}"
    return text + (f"; most like {_value(known.nearest, show)}" if known.nearest else "")


def _days(known: History) -> str:
    first = f" since {known.first_day}" if known.first_day else ""
    return first + (f" (last clean one {known.last_day})" if known.last_day else "")


def _value(value: str, show: Disclosure) -> str:
    return visible(cut(show.text(value), address_limit))


def odds(p_value: float | None, prior: bool = False) -> str:
    """A p-value as people say it, to two digits: "1 in 31,000 messages"; nothing for None.

    `prior`: it is said what it rests on, as the site has not earned it yet.
    """
    if p_value is None or not 0 <= p_value <= 1:
        return ""
    source = " (shipped prior)" if prior else ""
    if p_value < 1e-9:
        return f"less than 1 in 1,000,000,000 messages{source}"
    one_in = float(f"{1 / p_value:.2g}")
    return f"1 in {one_in:,.0f} messages{source}" if one_in >= 10 else f"1 in {one_in:g} messages{source}"


def until(report: Report, finding: Finding) -> str:
    """The last day of a new allowance: 70 days after the message was observed or dated. No clock is asked."""
    envelope, known = report.message.envelope, finding.history
    observed = envelope.observed.date() if envelope and envelope.observed else None
    dated = report.message.date
    day: date | None = observed or (dated.date() if dated else None) or (known.last_day if known else None)
    try:
        return (day + timedelta(days=_ALLOWED_DAYS)).isoformat() if day else "YYYY-MM-DD"
    except OverflowError:
        return "YYYY-MM-DD"
