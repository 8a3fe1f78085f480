"""A packaged incident, replayed: a routine mail names one address more, in four disguises.

The mail is made here, octet by octet, and goes through the public interface like any other: a guard observes a week of
it, then judges the day after. Every disguise has a clean twin, the same message without the address, which has to stay
silent. All names are reserved ones (RFC 2606) but that of the domain that was published; its local part is invented.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from email.utils import format_datetime
from typing import NamedTuple

from headerguard.errors import ConfigError
from headerguard.finding import Finding, Report, Severity
from headerguard.guard import Guard
from headerguard.message import Envelope, Message

__all__ = ["INCIDENTS", "Learned", "Replay", "Scene", "incident", "replay", "story"]

INCIDENTS = {"digitalocean-2022": "August 2022: a routine mail names one address more than the day before"}
"""Every incident that can be replayed, with a line about it."""

STRANGER = "copy@arxxwalls.com"
"""The address that was added."""
ARCHIVE = "audit@cloud.example"
"""Where a hidden copy of every receipt belongs."""
FIRST, LAST = date(2022, 7, 31), date(2022, 8, 6)
"""The week that is learned; the next day is judged."""

_WIDTH = 100
_NAMES = ("amara", "bela", "chen", "dora", "emil", "farah", "goran", "hana", "ivo", "jane", "kofi", "lena", "mats")
_PLACES = ("alder", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "juniper", "knoll")
_TENANTS = ("Blue Heron", "Copper Lane", "Night Ferry", "Paper Moon", "Salt & Pine")
_SUBJECTS = {
    "password-reset": "Reset your password",
    "receipts": "Your receipt {number}",
    "weekly-usage": "Your usage in the week before {day}",
}
_DAILY = {"password-reset": 12, "receipts": 9, "weekly-usage": 0}
_SUNDAY = {"password-reset": 12, "receipts": 9, "weekly-usage": 40}


class _Sent(NamedTuple):
    """A message as the program hands it over."""

    stream: str
    octets: bytes
    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Learned:
    """What the week taught about one stream."""

    stream: str
    """Its name."""
    messages: int
    """Messages of the week."""
    customers: int
    """Different registrable domains that they went to."""
    hidden: tuple[str, ...]
    """Who got a hidden copy."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One disguise of the added address."""

    title: str
    """How the address was added."""
    flagged: Report
    """What is said about the message with it."""
    clean: Report
    """What is said about its twin without it."""

    @property
    def named(self) -> tuple[Finding, ...]:
        """The findings that fail a command and name the stranger."""
        domain = STRANGER.partition("@")[2]
        serious = (finding for finding in self.flagged.findings if finding.severity >= Severity.MEDIUM)
        return tuple(f for f in serious if domain in f.subject or domain in f.summary)

    @property
    def ok(self) -> bool:
        """The stranger is named, and the twin is silent."""
        return bool(self.named) and self.clean.ok and self.flagged.complete


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it."""

    name: str
    """The incident, a key of `INCIDENTS`."""
    learned: tuple[Learned, ...]
    """The streams of the week."""
    alarms: int
    """Findings in the week itself, in which nothing was wrong."""
    scenes: tuple[Scene, ...]
    """The day after."""

    @property
    def ok(self) -> bool:
        """All that must be flagged is, and nothing else."""
        return not self.alarms and all(scene.ok for scene in self.scenes)


def incident(name: str, others: Iterable[str] = ()) -> str:
    """The incident of a name. Raises ConfigError, naming the nearest (also of `others`), for one that there is not."""
    if name not in INCIDENTS:
        known = [*INCIDENTS, *others]
        near = get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(known)}"
        raise ConfigError(f"no packaged incident is called {name!r}; {hint}")
    return name


def replay(name: str = "digitalocean-2022") -> Replay:
    """Observe the week, judge the day after; the result is the same every time.

    Raises ConfigError for an incident that is not packaged.
    """
    name, guard = incident(name), Guard()
    week = list(_week())
    reports = [guard.observe(sent.octets, envelope=sent.envelope, stream=sent.stream) for sent in week]
    learned = tuple(_learned(stream, reports, week) for stream in _SUBJECTS)
    alarms = sum(len(report.findings) + len(report.failures) for report in reports)
    scenes = tuple(Scene(title, _judged(guard, bad), _judged(guard, good)) for title, bad, good in _day_after())
    return Replay(name, learned, alarms, scenes)


def _judged(guard: Guard, sent: _Sent) -> Report:
    return guard.check(Message.from_bytes(sent.octets, sent.envelope), stream=sent.stream)


def _learned(stream: str, reports: Iterable[Report], week: Iterable[_Sent]) -> Learned:
    own = [report.message for report, sent in zip(reports, week, strict=True) if sent.stream == stream]
    customers = {r.address.registrable_domain for message in own for r in message.recipients if not r.hidden}
    hidden = {address for message in own for address in message.hidden}
    return Learned(stream, len(own), len(customers), tuple(sorted(hidden)))


# ---- the mail --------------------------------------------------------------------------------------------------------


def _week() -> Iterator[_Sent]:
    """The routine mail of seven days."""
    for day in (FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)):
        for stream, messages in (_SUNDAY if day.weekday() == 6 else _DAILY).items():
            for number in range(messages):
                yield _sent(stream, 100 * day.day + number, day)


def _day_after() -> Iterator[tuple[str, _Sent, _Sent]]:
    """How the address is added, the message with it, and the same message without it."""
    day = LAST + timedelta(days=1)
    resets, receipt, usage = (_sent(s, 4711, day) for s in ("password-reset", "receipts", "weekly-usage"))
    yield "a second address in Bcc", _sent("receipts", 4711, day, bcc=f"{ARCHIVE}, {STRANGER}"), receipt
    yield "in the envelope, and in no field", _sent("password-reset", 4711, day, also=STRANGER), resets
    control = f"X-MC-BccAddress: {STRANGER}"
    yield "a control field that the mail provider obeys", _sent("weekly-usage", 4711, day, control), usage
    blank = f"Bcc : {STRANGER}"
    yield "a Bcc with a blank before its colon", _sent("password-reset", 4711, day, blank, also=STRANGER), resets


def _sent(stream: str, number: int, day: date, *fields: str, bcc: str = ARCHIVE, also: str = "") -> _Sent:
    """One message: what its number makes of it, and what was added."""
    customer = f"{_NAMES[number % 13]}@{_PLACES[number % 11]}-{number % 29}.example"
    hidden = [f"Bcc: {bcc}"] if stream == "receipts" else []
    moment = datetime.combine(day, time(6 + number % 12, number % 60), UTC)
    header = (
        f"From: {_TENANTS[number % 5]} <no-reply@cloud.example>",
        f"To: {customer}",
        *hidden,
        *fields,
        "Subject: " + _SUBJECTS[stream].format(number=number, day=day),
        f"Date: {format_datetime(moment)}",
        f"Message-ID: <{stream}.{day:%m%d}.{number}@cloud.example>",
    )
    octets = "\r\n".join((*header, "", "This text is not looked at.", "")).encode()
    recipients = [customer, *(bcc.split(", ") if hidden else ()), *filter(None, [also])]
    envelope = Envelope("bounces@cloud.example", tuple(recipients), complete=True, observed=moment)
    return _Sent(stream, octets, envelope)


# ---- the story -------------------------------------------------------------------------------------------------------

_STORY = (
    "On 7 August 2022 a routine mail of DigitalOcean, sent through its mail provider, named an address at"
    " arxxwalls.com. The same mail of 6 August had not named it: somebody had got into the provider. The day"
    " after, a customer reported a password reset that he had not asked for. Which field the address stood in was not"
    " published, so here it is in four disguises, in the mail of an invented company."
)
_NEXT = (
    "headerguard check your.mbox --learn --baseline baseline.json",
    "headerguard show your.mbox",
    "headerguard explain unfamiliar-blind-recipient",
)


def story(replayed: Replay, render: Callable[[Report], str]) -> Iterator[str]:
    """The replay for people, a line at a time; `render` writes a report as text."""
    yield f"{replayed.name}, replayed from packaged samples, offline"
    yield ""
    yield from textwrap.wrap(_STORY, _WIDTH)
    yield ""
    total = sum(learned.messages for learned in replayed.learned)
    alarms = f"{replayed.alarms} findings" if replayed.alarms else "nothing to report"
    yield f"Learned: {total} messages of 31 July to 6 August 2022, {alarms}"
    yield from map(_habit, replayed.learned)
    for number, scene in enumerate(replayed.scenes, 1):
        yield ""
        yield f"{number}. {scene.title}"
        yield from _told(scene, render)
    yield ""
    yield from _verdict(replayed)
    yield from (f"   {command}" for command in _NEXT)


def _habit(learned: Learned) -> str:
    hidden = f"a hidden copy always to {', '.join(learned.hidden)}" if learned.hidden else "never a hidden copy"
    return f"   {learned.stream:<16}{learned.messages:>3} messages to {learned.customers} domains, {hidden}"


def _told(scene: Scene, render: Callable[[Report], str]) -> Iterator[str]:
    """The lines of the report that name the culprit, without grounds and commands; then the twin."""
    if scene.named:
        spoken = tuple(f"{finding.rule} ({finding.severity}): " for finding in scene.named)
        for line in render(scene.flagged).splitlines():
            if line.startswith(("headerguard:", "   >")) or line.strip().startswith(spoken):
                yield from textwrap.wrap(line, _WIDTH, subsequent_indent=" " * 13)
    else:
        yield "   MISSED: the address is not reported"
    yield "   clean twin: silent" if scene.clean.ok else "   clean twin: NOT SILENT"


def _verdict(replayed: Replay) -> Iterator[str]:
    flagged = sum(bool(scene.named) for scene in replayed.scenes)
    silent = sum(scene.clean.ok for scene in replayed.scenes)
    yield f"{flagged} of {len(replayed.scenes)} reported, {silent} of {len(replayed.scenes)} twins silent. Your turn:"
