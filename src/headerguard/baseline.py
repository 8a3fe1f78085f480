"""What each stream has done so far: who stands in which role, how often, from which day to which.

Merging is commutative and associative with the empty baseline as identity: counts add, days take the extremes, sets
unite. A role or an author that shows more different values than a cap is open: its values are dropped for good, which
keeps a baseline small and makes no difference to a judgement, as an open role protects nothing. A file holds no time of
writing and no positions, so the same mail gives the same bytes.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from headerguard.address import BUNDLED, SuffixList
from headerguard.address_list import Tier
from headerguard.errors import BaselineError
from headerguard.fields import MARKED, Role
from headerguard.finding import History
from headerguard.message import Mark, Message, Sighting
from headerguard.novelty import JUDGED, Calm, Novelty, Trend, shipped
from headerguard.riders import Riders, company_of
from headerguard.stream import Level, level_key

__all__ = [
    "ACCOUNT",
    "CLOSED_VALUES",
    "ENOUGH",
    "PARTIES",
    "SEAL",
    "SETTING",
    "SHOWN",
    "TRACKING_HOST",
    "Baseline",
    "Profile",
    "RoleHistory",
    "Seen",
    "bucket",
    "mark_known",
]

SCHEMA = 1
ENOUGH = 20
"""Messages that a level, and a role in it, must hold before it is judged."""
CLOSED_VALUES = 2
"""A role with at most so many different registrable domains is closed."""
VALUES_CAP = 256
"""A role with more different values than this is open for good."""
_TREND = 8
"""Values beyond which nobody asks how the values of a role came."""
SUBJECTS_CAP = 256
"""An author with more different subjects than this is not refined by subject any more."""

_COUNTED = frozenset((Role.FROM, Role.REPLY, Role.TO, Role.CC, Role.BCC))
"""Roles whose absence is counted for the odds, one a family."""

LEARNED_ROLES = frozenset(
    (
        Role.FROM,
        Role.SENDER,
        Role.REPLY,
        Role.TO,
        Role.CC,
        Role.BCC,
        Role.ENVELOPE,
        Role.BOUNCE,
        Role.RECEIPT,
        Role.CONTROL,
        Role.ARCHIVE,
        Role.RESENT_TO,
        Role.RESENT_CC,
        Role.RESENT_BCC,
    )
)
"""Roles whose registrable domains are learned. Of the envelope only the recipients that the header does not name."""

_OURS = LEARNED_ROLES - {Role.TO, Role.CC, Role.RESENT_TO, Role.RESENT_CC}
"""Those that whoever is written to has no part in."""

ACCOUNT = "account"
"""Learned like a role: the fingerprints of the sending account ("vendor:id")."""
TRACKING_HOST = "tracking host"
"""Learned like a role: the registrable domains of tracking and unsubscribe hosts."""
SETTING = "setting"
"""Learned like a role: what an account at an ESP is set to do, value by value."""
PARTIES = "parties"
"""Learned like a role: how many unrelated parties a message shows, as a bucket; one or none is "1"."""
SHOWN = "shown"
"""Learned like a role: how many recipients a message shows, as a bucket."""
SEAL = "seal"
"""Learned like a role: the stages of copies that carried a seal."""


class Seen(NamedTuple):
    """How often a value was seen, and when. Days are proleptic Gregorian ordinals in UTC; 0 is "no date"."""

    count: int  # type: ignore[assignment]
    first: int
    last: int

    def __add__(self, other: Seen) -> Seen:  # type: ignore[override]
        """Join two counts."""
        first = min(self.first, other.first) if self.first and other.first else self.first or other.first
        return Seen(self.count + other.count, first, max(self.last, other.last))


_NEVER = Seen(0, 0, 0)
_NAMED = frozenset(("stream", "template", "campaign", "tag", "list"))


def bucket(count: int) -> str:
    """A number of recipients as it is learned: 0, 1, 2, 3-9 or 10+."""
    return str(count) if count < 3 else "3-9" if count < 10 else "10+"


def _day(ordinal: int) -> date | None:
    return date.fromordinal(ordinal) if ordinal else None


@dataclass(slots=True)
class RoleHistory:
    """What one role of a stream has shown."""

    messages: int = 0
    """Messages in which the role occurred."""
    values: dict[str, Seen] | None = field(default_factory=dict)
    """Registrable domains; None: more than VALUES_CAP, so the role is open."""

    @property
    def closed(self) -> bool:
        """Enough messages, and hardly any variety."""
        return self.messages >= ENOUGH and self.values is not None and len(self.values) <= CLOSED_VALUES

    def add(self, other: RoleHistory) -> None:
        """Join another history of the same role into this one."""
        self.messages += other.messages
        if self.values is None or other.values is None:
            self.values = None
            return
        for value, seen in other.values.items():
            known = self.values.get(value)
            self.values[value] = seen if known is None else known + seen
        if len(self.values) > VALUES_CAP:
            self.values = None


@dataclass(slots=True)
class Profile:
    """What one level of a stream has done."""

    seen: Seen = _NEVER
    """Messages, first and last day."""
    roles: dict[str, RoleHistory] = field(default_factory=dict)
    """Per role (`Role` value) what it has shown."""
    days: dict[int, int] = field(default_factory=dict)
    """Messages per day (proleptic Gregorian ordinals in UTC); those without a date are left out."""
    _closed: list[frozenset[Role]] = field(default_factory=list, compare=False, repr=False)
    _closed_at: Seen | None = field(default=None, compare=False, repr=False)

    @property
    def messages(self) -> int:
        """Messages learned."""
        return self.seen.count

    def closed(self, role: Role, unused: bool = True) -> bool:
        """Whether a role is closed: used often with hardly any variety or, if `unused`, never in enough messages."""
        history = self.roles.get(role)
        if history is None:  # an envelope that was never observed proves nothing about who is in it
            return unused and role is not Role.ENVELOPE and self.seen.count >= ENOUGH
        return history.closed and (unused or bool(history.values))

    def trend(self, role: Role) -> Trend:
        """What the chance of a new domain in a role depends on (see `novelty`).

        How long the newest has been known is told by counts and days alone, never by the order of learning, so that
        merged profiles tell the same.
        """
        history = self.roles.get(role)
        messages = self.seen.count
        if role is Role.ENVELOPE:  # it counts where it was observed
            messages = history.messages if history else 0
        if history is None or history.values == {}:
            return Trend(role, messages, 0, 0, messages)
        if history.values is None or len(history.values) > _TREND:
            return Trend(role, messages, _TREND + 1, _TREND, 0)  # far from closed, and not worth a closer look
        seen = history.values.values()
        if len(seen) == 1:
            (only,) = seen
            return Trend(role, messages, 1, int(only.count == 1), only.count - 1)
        newest = max(value.first for value in seen)
        since = min(value.count for value in seen if value.first == newest) - 1
        since = max(since, sum(count for day, count in self.days.items() if day > newest))
        return Trend(role, messages, len(seen), sum(value.count == 1 for value in seen), since)

    @property
    def calm(self) -> Calm:
        """How often it shows anything new."""
        histories = [self.roles[role].values for role in self.roles.keys() & JUDGED]
        return Calm.of(self.seen.count, sum(VALUES_CAP if values is None else len(values) for values in histories))

    def exceptions(self, role: str, usual: str) -> tuple[int, int] | None:
        """Messages that showed another value than the usual one, and all; None where that is too little to judge by."""
        history = self.roles.get(role)
        if history is None or history.messages < ENOUGH or history.values is None:
            return None
        return history.messages - history.values.get(usual, _NEVER).count, history.messages

    def varied(self, role: Role) -> bool:
        """Whether a role has shown more domains than a closed one may."""
        history = self.roles.get(role)
        return history is not None and (history.values is None or len(history.values) > CLOSED_VALUES)

    def closed_roles(self, unused: bool = True) -> frozenset[Role]:
        """Every learned role that is closed, worked out once until something is learned."""
        if self._closed_at != self.seen:
            self._closed = [frozenset(role for role in LEARNED_ROLES if self.closed(role, u)) for u in (False, True)]
            self._closed_at = self.seen
        return self._closed[unused]

    def knows(self, role: Role, domain: str) -> bool:
        """Whether a closed role has shown a registrable domain."""
        history = self.roles.get(role)
        return history is not None and history.values is not None and domain in history.values

    def values(self, role: str) -> frozenset[str] | None:
        """What a role has shown in enough messages; None where that is too little to judge by, or too much."""
        history = self.roles.get(role)
        if history is None or history.messages < ENOUGH or history.values is None:
            return None
        return frozenset(history.values)

    def always(self, role: str, value: str) -> bool:
        """Whether a role stood in every message that was not flagged, enough of them, and has shown a value."""
        history, shown = self.roles.get(role), self.roles.get(SHOWN)
        if history is None or shown is None or not history.values:
            return False
        return ENOUGH <= history.messages == shown.messages and value in history.values

    def history(self, role: str | None = None) -> History:
        """What a finding tells about it."""
        values = self.roles[role].values if role is not None and role in self.roles else None
        known = sorted(values or {}, key=lambda value: (-(values or {})[value].count, value))
        return History(self.seen.count, _day(self.seen.first), _day(self.seen.last), tuple(known[:5]))

    def learn(self, roles: Mapping[str, set[str]], day: int) -> None:
        """Add one message."""
        self.seen += Seen(1, day, day)
        if day:
            self.days[day] = self.days.get(day, 0) + 1
        for role, domains in roles.items():
            history = self.roles.get(role)
            if history is None:
                history = self.roles[str(role)] = RoleHistory()
            history.messages += 1
            values = history.values
            if values is None:
                continue
            for domain in domains:
                known = values.get(domain)
                values[domain] = Seen(1, day, day) if known is None else known + Seen(1, day, day)
            if len(values) > VALUES_CAP:
                history.values = None

    def add(self, other: Profile) -> None:
        """Join another profile of the same level into this one."""
        self.seen += other.seen
        for day, count in other.days.items():
            self.days[day] = self.days.get(day, 0) + count
        for role, history in other.roles.items():
            self.roles.setdefault(role, RoleHistory()).add(history)


class Baseline:
    """Everything learned, by level of stream. `learn` changes it in place; `merge` makes a new one."""

    __slots__ = ("_homes", "_seen_in_role", "_subjects", "novelty", "riders", "streams")

    def __init__(self) -> None:
        """Start with nothing known."""
        self.streams: dict[str, Profile] = {}
        """Profiles by level key (account/kind:value)."""
        self._subjects: dict[str, set[str] | None] = {}  # author key -> keys of its subject levels; None: crowded
        self.novelty = Novelty(shipped())
        """What all streams together tell about new domains, beside what was shipped."""
        self.riders: dict[str, Riders] = {}
        """Who was beside whom, by account and by stream that has a name; forgotten when the process ends."""
        self._seen_in_role: set[str] | None = None
        self._homes: dict[str, set[str]] | None = None  # kind:value -> level keys, whatever the account

    # ---- judging

    def profile(self, level: Level) -> Profile | None:
        """The profile of a level, if it holds enough messages to judge by."""
        profile = self.streams.get(level.key)
        return profile if profile is not None and profile.seen.count >= ENOUGH else None

    def accounts_of(self, level: Level) -> dict[str, int]:
        """Messages of a named stream in every account that knows it, by level key."""
        if self._homes is None:
            self._homes = {}
            for key in self.streams:
                self._homes.setdefault(key.partition("/")[2], set()).add(key)
        keys = self._homes.get(level.key.partition("/")[2], ()) if level.kind in _NAMED else ()
        return {key: self.streams[key].messages for key in keys if key in self.streams}

    def odds(self, profile: Profile, role: Role, domain: str) -> float | None:
        """The share of clean messages that would look at least as unusual as this domain in this role of a stream.

        1 where the stream has shown it there; None where the role is open, so that nothing can be said.
        """
        if role not in JUDGED:
            return None
        trend = profile.trend(role)
        if not trend.closed:
            return None
        if profile.knows(role, domain):
            return 1.0
        surprise = self.novelty.surprise(trend, not self.has_seen(domain))
        return self.novelty.p_value(surprise, profile.calm)

    def company(self, account: str | None, stream: Level | None) -> Iterator[Riders]:
        """Who was beside whom in an account, and in one of its streams."""
        for place in _company_places(account, stream):
            if place in self.riders:
                yield self.riders[place]

    def has_seen(self, domain: str) -> bool:
        """Whether any stream has shown a registrable domain in a role that nobody gets into by signing up."""
        if self._seen_in_role is None:
            histories = [
                profile.roles[role] for profile in self.streams.values() for role in profile.roles.keys() & _OURS
            ]
            self._seen_in_role = {value for history in histories for value in history.values or ()}
        return domain in self._seen_in_role

    # ---- learning

    def learn(
        self,
        message: Message,
        levels: Iterable[Level] | None = None,
        day: int = 0,
        without: frozenset[tuple[str, str]] = frozenset(),
        suffixes: SuffixList = BUNDLED,
        hearsay: Callable[[Sighting | Mark], bool] | None = None,
    ) -> None:
        """Add one message at every level.

        `without`: (role, registrable domain) pairs that must not become known; `hearsay` tells what proves nothing.
        """
        levels = tuple(message.levels if levels is None else levels)
        company = company_of(message, suffixes)
        for place in _company_places(message.account, levels[0] if levels else None):
            self.riders.setdefault(place, Riders()).learn(company.everybody, day)
        roles: dict[str, set[str]] = _stated(message, suffixes, without, hearsay)
        roles[PARTIES] = {bucket(len(set(company.shown.values())) or 1)}  # what is flagged once is known from then on
        hidden: set[str] | None = None
        if message.envelope is not None:
            roles[Role.ENVELOPE] = set()  # observed; that nobody was hidden in it is knowledge too
        for sighting in message.sightings_of(LEARNED_ROLES):
            if sighting.tier is Tier.CANDIDATE:
                continue  # what only some readers see must not become known to all
            if hearsay is not None and hearsay(sighting):
                continue
            if sighting.role is Role.ENVELOPE:
                if hidden is None:
                    hidden = {recipient.address.key for recipient in message.recipients if recipient.hidden}
                    if message.shows_destination:  # an event or a journal tells of the envelope as well
                        roles.setdefault(Role.ENVELOPE, set())
                if sighting.address.key not in hidden:
                    continue
            domain = suffixes.registrable_domain(sighting.address.domain)
            if not without or (sighting.role, domain) not in without:
                roles.setdefault(sighting.role, set()).add(domain)
        profiles = [self._profile_to_learn(level) for level in levels]
        if profiles and (finest := profiles[0]):
            self._learn_novelty(finest, roles)
        for profile in filter(None, profiles):
            profile.learn(roles, day)
        if self._seen_in_role is not None:
            self._seen_in_role.update(value for role in roles.keys() & _OURS for value in roles[role])

    def _learn_novelty(self, profile: Profile, roles: Mapping[str, set[str]]) -> None:
        """Count, at the finest level, what the message brings that the stream has not shown."""
        seen = []
        for role in _COUNTED | ((profile.roles.keys() | roles.keys()) & JUDGED):
            if role is Role.ENVELOPE and role not in roles:
                continue
            history = profile.roles.get(role)
            known = history.values if history else {}
            new = roles.get(role, set()).difference(known) if known is not None else ()
            seen.append((profile.trend(Role(role)), bool(new), not all(map(self.has_seen, new))))
        self.novelty.learn(seen, profile.calm)

    def _profile_to_learn(self, level: Level) -> Profile | None:
        key = level.key
        profile = self.streams.get(key)
        if profile is None:
            if level.kind == "subject" and not self._admit_subject(key):
                return None
            profile = self.streams[key] = Profile()
            if self._homes is not None:
                self._homes.setdefault(key.partition("/")[2], set()).add(key)
        return profile

    def _admit_subject(self, key: str) -> bool:
        """Note one subject more of an author; past the cap all of them go, as nothing is a routine there."""
        author = _author_key(key)
        subjects = self._subjects.setdefault(author, set())
        if subjects is None:
            return False
        subjects.add(key)
        if len(subjects) > SUBJECTS_CAP:
            self._crowd(author)
            return False
        return True

    def _crowd(self, author: str) -> None:
        for key in self._subjects.get(author) or ():
            self.streams.pop(key, None)
        self._subjects[author] = None

    @property
    def crowded(self) -> tuple[str, ...]:
        """Author keys that show too many subjects to be refined by them."""
        return tuple(sorted(author for author, subjects in self._subjects.items() if subjects is None))

    # ---- joining and comparing

    def merge(self, *others: Baseline) -> Baseline:
        """A new baseline that holds what this one and the others hold."""
        merged = Baseline()
        for source in (self, *others):
            for key, profile in source.streams.items():
                merged.streams.setdefault(key, Profile()).add(profile)
        crowded = {author for source in (self, *others) for author in source.crowded}
        merged._count_subjects(crowded)
        for source in (self, *others):
            merged.novelty.add(source.novelty)
            for account, riders in source.riders.items():
                merged.riders.setdefault(account, Riders()).add(riders)
        return merged

    def _count_subjects(self, crowded: Iterable[str]) -> None:
        self._subjects = dict.fromkeys(crowded)
        for key in [key for key in self.streams if _author_key(key)]:
            if not self._admit_subject(key):
                self.streams.pop(key, None)

    def diff(self, earlier: Baseline) -> Iterator[str]:
        """What this baseline knows and an earlier one does not, a sentence each; accounts as a whole say it again."""
        mine, theirs = ({k for k in b.streams if not k.endswith("/account:")} for b in (self, earlier))
        for key in sorted(mine - theirs):
            yield f"{key}: new stream, {_messages(self.streams[key].messages)}"
        for key in sorted(theirs - mine):
            yield f"{key}: stream is gone"
        for key in sorted(mine & theirs):
            yield from _role_changes(key, self.streams[key], earlier.streams[key])

    def __eq__(self, other: object) -> bool:
        """Equal content."""
        return isinstance(other, Baseline) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]

    # ---- the file

    def as_dict(self) -> dict[str, Any]:
        """The content as plain data (schema 1)."""
        return {
            "schema": SCHEMA,
            "crowded": list(self.crowded),
            "novelty": self.novelty.as_dict(),
            "streams": {key: _profile_record(self.streams[key]) for key in sorted(self.streams)},
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write sorted JSON; the old file stays whole until the new one is. Raises BaselineError."""
        text = json.dumps(self.as_dict(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        target = os.path.realpath(path)
        try:
            handle, temporary = tempfile.mkstemp(prefix=".headerguard-", dir=os.path.dirname(target))
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                os.chmod(temporary, os.stat(target).st_mode & 0o777 if os.path.exists(target) else 0o644)
                os.replace(temporary, target)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError as error:
            raise BaselineError(f"{os.fspath(path)}: cannot be written: {error.strerror}") from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Baseline:
        """Read a file that `save` wrote, or that people merged by hand. Raises BaselineError that names the place."""
        name = os.fspath(path)
        try:
            with open(path, encoding="utf-8") as file:
                data = json.load(file)
        except OSError as error:
            raise BaselineError(f"{name}: cannot be read: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise BaselineError(f"{name}: is not a baseline: {_place(error)}") from error
        try:
            return cls._from_dict(data)
        except _MalformedError as error:
            raise BaselineError(f"{name}: {error}") from None

    @classmethod
    def _from_dict(cls, data: Any) -> Baseline:
        top = _mapping(data, "the file")
        schema = top.get("schema")
        if schema != SCHEMA:
            known = isinstance(schema, int) and schema > SCHEMA
            raise _MalformedError(
                f"schema {schema!r} {'is newer than this program reads' if known else 'is unknown'} ({SCHEMA})"
            )
        baseline = cls()
        for key, record in _mapping(top.get("streams"), "streams").items():
            if any("\ud800" <= char <= "\udfff" for char in key):
                raise _MalformedError(f"streams[{key!a}] is no text")
            baseline.streams[key] = _profile(record, f"streams[{key!r}]")
        crowded = top.get("crowded", [])
        if not isinstance(crowded, list) or not all(isinstance(author, str) for author in crowded):
            raise _MalformedError("crowded is not a list of strings")
        baseline._count_subjects(crowded)
        if "novelty" in top:
            try:
                baseline.novelty = Novelty.from_dict(top["novelty"], shipped())
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise _MalformedError(f"novelty is not what it should be: {type(error).__name__}: {error}") from None
        return baseline


def _company_places(account: str | None, stream: Level | None) -> Iterator[str]:
    """Where company is looked at: the account as a whole, and what has a name in it."""
    yield level_key(account, "account:")
    if stream is not None and stream.kind in _NAMED:
        yield stream.key


def _stated(
    message: Message,
    suffixes: SuffixList,
    without: Collection[tuple[str, str]],
    hearsay: Callable[[Sighting | Mark], bool] | None,
) -> dict[str, set[str]]:
    """What is learned of a message besides the domains of its addresses."""
    stated: dict[str, set[str]] = {}
    if not without:  # how many a message shows that was flagged for anything is no habit
        stated[SHOWN] = {bucket(sum(not recipient.hidden for recipient in message.recipients))}
        if message.seals:
            stated[SEAL] = {str(message.stage)}
    for mark in message.marks_of(MARKED):
        role, value = known = mark_known(mark, suffixes)
        if role and known not in without and not (hearsay and hearsay(mark)):
            stated.setdefault(role, set()).add(value)
    return stated


def mark_known(mark: Mark, suffixes: SuffixList) -> tuple[str, str]:
    """The role that a mark is learned under, "" for none, and what is learned of it."""
    if mark.kind in (ACCOUNT, SETTING):
        return mark.kind, mark.value
    if mark.role is Role.TRACKING:
        return TRACKING_HOST, suffixes.registrable_domain(mark.value)
    return "", mark.value


def _author_key(key: str) -> str:
    """The key of the author level above a subject level, or "" for any other level."""
    account, _, level = key.partition("/")  # an account is written without any slash
    kind, _, value = level.partition(":")
    return f"{account}/author:{value.partition(' ')[0]}" if kind == "subject" else ""


def _messages(count: int) -> str:
    return f"{count:,} message" + ("" if count == 1 else "s")


def _role_changes(key: str, now: Profile, before: Profile) -> Iterator[str]:
    for role in sorted(now.roles):
        history, earlier = now.roles[role], before.roles.get(role) or RoleHistory()
        if history.values is None:
            if earlier.values is not None:
                yield f"{key}: {role} is open now"
            continue
        for value in sorted(
            history.values.keys() - (earlier.values or {}).keys() if earlier.values is not None else ()
        ):
            since = _day(history.values[value].first)
            when = f" since {since}" if since else ""
            yield f"{key}: {role} has {value}, {_messages(history.values[value].count)}{when}"


# ---- reading and writing records -------------------------------------------------------------------------------------


class _MalformedError(ValueError):
    """A record that cannot be read; the text names the place."""


def _place(error: BaseException) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} column {error.colno}: {error.msg}"
    return str(error) or type(error).__name__


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _MalformedError(f"{where} is not an object")
    return value


def _seen_record(seen: Seen) -> list[Any]:
    return [seen.count, *(day.isoformat() if (day := _day(ordinal)) else None for ordinal in (seen.first, seen.last))]


def _profile_record(profile: Profile) -> dict[str, Any]:
    return {
        "seen": _seen_record(profile.seen),
        "days": {date.fromordinal(day).isoformat(): count for day, count in sorted(profile.days.items())},
        "roles": {
            str(role): {
                "messages": history.messages,
                "values": None
                if history.values is None
                else {value: _seen_record(seen) for value, seen in sorted(history.values.items())},
            }
            for role, history in sorted(profile.roles.items())
        },
    }


def _seen(value: Any, where: str) -> Seen:
    try:
        count, first, last = value
        days = [date.fromisoformat(day).toordinal() if day is not None else 0 for day in (first, last)]
    except (TypeError, ValueError):
        raise _MalformedError(f"{where} is not [count, first day, last day]") from None
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise _MalformedError(f"{where} has no whole number of messages")
    return Seen(count, *days)


def _ordinal(day: str, where: str) -> int:
    try:
        return date.fromisoformat(day).toordinal()
    except ValueError:
        raise _MalformedError(f"{where} has {day!r}, which is no day") from None


def _whole(value: Any, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _MalformedError(f"{where} is not a whole number")
    return value


def _profile(record: Any, where: str) -> Profile:
    fields = _mapping(record, where)
    profile = Profile(_seen(fields.get("seen"), f"{where}.seen"))
    for day, count in _mapping(fields.get("days", {}), f"{where}.days").items():
        profile.days[_ordinal(day, f"{where}.days")] = _whole(count, f"{where}.days[{day!r}]")
    for role, entry in _mapping(fields.get("roles"), f"{where}.roles").items():
        place = f"{where}.roles[{role!r}]"
        if role not in {*Role, ACCOUNT, TRACKING_HOST, SETTING, PARTIES, SHOWN, SEAL}:
            raise _MalformedError(f"{place} is not a role")
        messages = _whole(_mapping(entry, place).get("messages"), f"{place}.messages")
        values = entry.get("values")
        history = RoleHistory(messages, None)
        if values is not None:
            found = _mapping(values, f"{place}.values")
            history.values = {value: _seen(seen, f"{place}.values[{value!r}]") for value, seen in found.items()}
            if len(history.values) > VALUES_CAP:
                history.values = None
        profile.roles[role] = history
    return profile
