"""The review: what people are asked about strangers and residents, and what they answer.

Nothing here asks a clock: the day is the last one that the mail has shown.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from statistics import median
from typing import NamedTuple

from headerguard import upkeep
from headerguard.acknowledgement import SUFFIX as ACKNOWLEDGED
from headerguard.acknowledgement import Acknowledgement, Acknowledgements, Verdict, append
from headerguard.address import BUNDLED, SuffixList
from headerguard.arguments import baseline_at, configuration, path_of_baseline, plural
from headerguard.baseline import Baseline
from headerguard.budget import Rate
from headerguard.config import Config, find
from headerguard.errors import ConfigError
from headerguard.explain import level_of, place
from headerguard.fields import HIDDEN, Role
from headerguard.incident import SUFFIX as COUNTED
from headerguard.incident import Incident, Incidents, Status, judged
from headerguard.profile import Profile
from headerguard.rendering.records import incident_record
from headerguard.role_history import ENOUGH, day_at
from headerguard.rule import near_miss
from headerguard.terminal import Terminal, dumps, visible

__all__ = ["Case", "audited", "baseline_allow", "baseline_audit", "baseline_review", "openings", "walk"]

CLEAN, FINDINGS = 0, 1

_SHARE = 0.5
"""The share of a stream from which a resident that its siblings know nothing of is suspicious."""
_AUDITED = HIDDEN | {Role.REPLY, Role.RECEIPT}
"""Roles whose residents nobody sees."""
_DAYS = 28

Ask = Callable[[str], str]
Show = Callable[[Iterable[str]], None]


class Case:
    """What lies beside a baseline: its incidents, and what was said about them."""

    def __init__(self, baseline: str, config: Config) -> None:
        """Read both. Raises BaselineError for what cannot be read."""
        self.suffixes = SuffixList(config.suffix_list) if config.suffix_list else BUNDLED
        self.path = baseline + ACKNOWLEDGED
        self.said = Acknowledgements(self.path, self.suffixes)
        self.incidents = Incidents.load(baseline + COUNTED)
        now = date.today()  # what mail says of the future makes nothing lapse
        self.today = max((one.last for one in self.incidents if one.last and one.last <= now), default=None)

    def judged(self) -> list[Incident]:
        """All of them as people have judged them, strongest first."""
        self.said.refresh()
        return [judged(one, self.said, self.today) for one in self.incidents]

    def open(self) -> list[Incident]:
        """Those about which nobody has said anything that holds, strongest first."""
        return [one for one in self.judged() if one.status in (Status.OPEN, Status.LAPSED)]

    def say(self, one: Acknowledgement) -> None:
        """Add what somebody says. Raises BaselineError."""
        append(self.path, [replace(one, day=one.day or self.today)])

    def about(self, subject: str) -> Incident:
        """The open incident that a subject belongs to. Raises ConfigError, naming the nearest, for none."""
        incidents = self.open()
        for one in incidents:
            if subject in (one.subject, *one.addresses):
                return one
        near = near_miss(subject, [name for one in incidents for name in (one.subject, *one.addresses)])
        raise ConfigError(f"no open incident is about {subject!r}{near}; baseline allow takes any subject")


# ---- the commands


def baseline_allow(arguments: Namespace, terminal: Terminal) -> int:
    """Accept findings about a subject: beside the baseline that is named, else in the configuration."""
    until = f"until {arguments.until}" if arguments.until is not None else "for good, as no --until was given"
    if arguments.baseline is not None:
        case = Case(arguments.baseline, configuration(arguments, terminal))
        case.say(_said(arguments, Verdict.BENIGN))
        terminal.lines([f"{visible(case.path)}: {visible(arguments.subject)} is benign {until}"])
        return CLEAN
    if lost := [f"--{name}" for name in ("account", "role", "who") if getattr(arguments, name) is not None]:
        raise ConfigError(f"{lost[0]} is for a baseline that is named with --baseline")
    path = Path(arguments.config or find() or "headerguard.toml")
    asked = {"subject": arguments.subject, "reason": arguments.reason}
    asked |= {key: value for key in ("rule", "stream") if (value := getattr(arguments, key)) is not None}
    if arguments.until is not None:
        asked["until"] = arguments.until.isoformat()
    upkeep.allow(path, asked)
    terminal.lines([f"{visible(str(path))}: {visible(arguments.subject)} is allowed {until}"])
    return CLEAN


def _said(arguments: Namespace, verdict: Verdict) -> Acknowledgement:
    """What the arguments say about their subject."""
    names = ("role", "stream", "account", "rule", "who", "until")
    return Acknowledgement(
        arguments.subject, verdict, arguments.reason, **{name: getattr(arguments, name, None) for name in names}
    )


def baseline_review(arguments: Namespace, terminal: Terminal) -> int:
    """Ask about open incidents one by one, list them, or take what the arguments say."""
    config = configuration(arguments, terminal)
    case = Case(path_of_baseline(arguments, config, "review"), config)
    if arguments.verdict is not None:
        if arguments.subject is None or arguments.reason is None:
            raise ConfigError("--verdict needs --subject and --reason")
        case.about(arguments.subject)
        case.say(_said(arguments, Verdict(arguments.verdict)))
        left = len(case.open())
    elif arguments.format == "json":
        found = case.open()
        terminal.lines(dumps(incident_record(incident)) for incident in found)
        left = len(found)
    elif sys.stdin is not None and sys.stdin.isatty():
        left = walk(case, terminal.ask, terminal.lines, arguments.who)
    else:
        found = case.open()
        terminal.lines(line for incident in found for line in described(incident))
        left = len(found)
    terminal.say(f"{plural(left, 'incident')} open")
    return FINDINGS if left else CLEAN


def baseline_audit(arguments: Namespace, terminal: Terminal) -> int:
    """List who lives in a baseline and was never judged."""
    config = configuration(arguments, terminal)
    path = path_of_baseline(arguments, config, "audit")
    baseline = baseline_at(path)
    baseline.horizon = config.horizon
    told = list(audited(baseline, Case(path, config), config.own_domains))
    terminal.lines(told)
    return FINDINGS if told else CLEAN


# ---- asking


def described(incident: Incident) -> Iterator[str]:
    """What people need to know of an incident, a line each."""
    whose = "" if incident.account is None else f" in account {visible(incident.account)!r}"
    again = ", what was said has lapsed" if incident.status is Status.LAPSED else ""
    yield f"{visible(incident.subject)}{whose}  {incident.severity}, by {incident.strength}{again}"
    days = f", {incident.first} to {incident.last}" if incident.first and incident.last else ""
    yield f"   {plural(incident.messages, 'message')}{days}, with {plural(incident.recipients, 'recipient')} besides"
    for name, values in (
        ("streams", incident.streams),
        ("roles", incident.roles),
        ("rules", incident.rules),
        ("addresses", incident.addresses),
    ):
        shown = ", ".join(map(visible, values[:5])) + (f" and {len(values) - 5:,} more" if len(values) > 5 else "")
        yield f"   {name:<10} {shown}"
    if incident.migration:
        yield "   the same change in many streams: a migration, if somebody moved"


def walk(case: Case, ask: Ask, show: Show, who: str | None = None) -> int:
    """Ask about one open incident after the other, until there are none or somebody quits; gives how many are left."""
    incidents = case.open()
    for number, incident in enumerate(incidents, 1):
        show([f"[{number}/{len(incidents)}]", *described(incident)])
        try:
            answer = ask("benign, hostile, skip or quit? [s] ").strip().lower()[:1]
            if answer == "q":
                break
            verdict = {"b": Verdict.BENIGN, "h": Verdict.HOSTILE}.get(answer)
            if verdict is not None and (said := _answer(incident, verdict, ask, show, who)):
                case.say(said)
        except EOFError:
            show([""])
            break
    return len(case.open())


def _answer(
    incident: Incident,
    verdict: Verdict,
    ask: Callable[[str], str],
    show: Callable[[Iterable[str]], None],
    who: str | None,
) -> Acknowledgement | None:
    """What somebody says about an incident; None where he gives no reason."""
    narrow = incident.addresses[0] if len(incident.addresses) == 1 else incident.subject
    subject = ask(f"about {visible(narrow)}, or whom? [{visible(narrow)}] ").strip() or narrow
    reason = ask("why? ").strip()
    if not reason:
        show(["without a reason nothing is said"])
        return None
    until: date | None = None
    while text := (ask("until which day? (it never lapses) ").strip() if verdict is Verdict.BENIGN else ""):
        try:
            until = date.fromisoformat(text)
            break
        except ValueError:
            show([f"{visible(text)} is not a day, such as 2027-01-31"])
    return Acknowledgement(subject, verdict, reason, account=incident.account, who=who, until=until)


# ---- residents


class _Resident(NamedTuple):
    """A registrable domain in a closed role of a stream."""

    key: str
    role: str
    domain: str
    share: float


def audited(baseline: Baseline, case: Case, own: Iterable[str] = ()) -> Iterator[str]:
    """Who lives in a baseline and was never judged, the suspicious ones first; and what has lapsed. A sentence each."""
    today = case.today or day_at(max((profile.seen.last for profile in baseline.streams.values()), default=0))
    for one in case.said.lapsed(today):
        yield f"{visible(one.subject)}: what was said has lapsed on {one.until}: {visible(one.reason)}"
    residents = [one for one in _residents(baseline) if one.domain not in set(own)]
    alone = {one for one in residents if one.share > _SHARE and _is_alone(one, baseline)}
    for who in sorted(residents, key=lambda who: (who not in alone, who)):
        if standing := _standing(who, case.said, today):
            odd = ", and its siblings have nobody there" if who in alone else ""
            where = f"{place(who.key)} in {who.share:.0%} of its messages{odd}"
            yield f"{visible(who.domain)} is {who.role} of {where}: {standing}"
    for account, riders in sorted(baseline.riders.items()):
        for key in riders.residents():
            if not any(True for _ in case.said.judging(key)):
                anyone = f"an address ({visible(key)} in the baseline)"
                yield f"{anyone} has been beside unrelated recipients in {place(account)} from the beginning"
    if left := len(case.open()):
        yield f"{left:,} incident{'s are' if left > 1 else ' is'} open: headerguard baseline review"


def _residents(baseline: Baseline) -> Iterator[_Resident]:
    for key, profile in baseline.streams.items():
        if level_of(key).kind in ("author", "account") or profile.messages < ENOUGH:
            continue
        counts = baseline.recent(profile)
        for role in sorted(_AUDITED & profile.roles.keys()):
            history = counts.roles[role]
            if history.closed:
                for domain, seen in (history.values or {}).items():
                    yield _Resident(key, str(role), domain, seen.count / profile.messages)


def _is_alone(one: _Resident, baseline: Baseline) -> bool:
    """Whether its stream alone has anybody in the role, while siblings that are known well enough have nobody."""
    account, _, rest = one.key.partition("/")
    like = f"{account}/{rest.partition(':')[0]}:"
    siblings = [
        baseline.recent(profile)
        for key, profile in baseline.streams.items()
        if key != one.key and key.startswith(like) and profile.messages >= ENOUGH
    ]
    return bool(siblings) and not any(_holds(profile, one.role) for profile in siblings)


def _holds(profile: Profile, role: str) -> bool:
    history = profile.roles.get(role)
    return history is not None and history.values != {}


def _standing(one: _Resident, said: Acknowledgements, today: date | None) -> str | None:
    """Why a resident is not to be trusted silently; None for one that was judged benign."""
    level = level_of(one.key)
    found = [
        judge
        for judge in said.judging(one.domain)
        if judge.is_in(level.account, level.name, judge.rule) and judge.role in (None, one.role)
    ]
    if any(judge.verdict is Verdict.HOSTILE for judge in found):
        return "judged hostile, and known: headerguard baseline forget removes it"
    if any(judge.in_force(today) for judge in found):
        return None
    return "what was said has lapsed" if found else "never judged"


# ---- how many to expect


def openings(baseline: Baseline, config: Config) -> Iterator[str]:
    """How many incidents are to be expected a day at the rate that is promised, and what the budget has room for."""
    days: dict[int, int] = {}
    for key, profile in baseline.streams.items():
        if level_of(key).kind == "author":
            for day, count in profile.days.items():
                days[day] = days.get(day, 0) + count
    if not days:
        yield "no message has a date, so nobody can say how many incidents are to be expected a day"
        return
    volume = median(days[day] for day in sorted(days)[-_DAYS:])
    expected = volume * config.false_alarm_rate
    yield f"{volume:,.0f} messages a day: {expected:.2g} false openings a day at most, at the promised rate of" + (
        f" 1 in {1 / config.false_alarm_rate:,.0f}"
    )
    for name, said in (("page", config.page), ("digest", config.digest)):
        if said:
            room = Rate.parse(said).a_day
            verdict = "room enough" if expected <= room else "too little: what does not fit is said later, or counted"
            yield f"   {name} {said} is {room:.2g} a day: {verdict}"
