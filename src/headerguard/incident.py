"""The incident: what one stranger does in one account, however many messages, streams and rules name him.

Findings speak of messages, incidents of whom somebody has to look into. An address and its registrable domain are one
stranger where the domain itself is strange; where only the address is, as at a customer's or at a provider of free
mail, it stands alone. What is kept is bounded, and joining is commutative and associative with nothing as identity: an
incident is kept or not by a hash of its name alone, so that every part that keeps it has counted all of it.
"""

from __future__ import annotations

import json
import math
import os
from bisect import insort
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from hashlib import blake2b
from typing import Any, NamedTuple

from headerguard.acknowledgement import Acknowledgement, Acknowledgements, Verdict
from headerguard.address import BUNDLED, SuffixList
from headerguard.budget import Budget, Clock, Spending, Tier, whole
from headerguard.errors import BaselineError
from headerguard.file import replace as write
from headerguard.finding import Finding, Severity
from headerguard.message import Message
from headerguard.profile import ACCOUNT, SETTING
from headerguard.profile_record import MalformedError, mapping_at
from headerguard.role import Role
from headerguard.role_history import Seen, day_at
from headerguard.stores.json_file import parsed
from headerguard.stranger import ADDRESSES, KEPT, Record, Strength, addresses_of, party_of, stranger_in, stranger_of

__all__ = ["CAP", "SUFFIX", "Incident", "Incidents", "Key", "Status", "judged"]

SCHEMA = 1
SUFFIX = ".incidents.json"
"""What the name of the file has more than that of the baseline."""
CAP = 10_000
"""Incidents that are kept; what others name is counted and said."""
_INFRASTRUCTURE = frozenset((Role.BOUNCE, Role.TRACKING, Role.IDENTITY, Role.RELAY, ACCOUNT, SETTING, "host"))
_MOVED = 3
"""Streams in which the same infrastructure is new that make it a migration."""


class Status(StrEnum):
    """What people have said about an incident."""

    OPEN = "open"
    BENIGN = "benign"
    HOSTILE = "hostile"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Incident:
    """What is known of one stranger in one account, at one moment."""

    account: str | None
    """The sending account."""
    subject: str
    """The stranger: an address, a registrable domain, or what else findings are about."""
    severity: Severity
    """Of the gravest finding."""
    strength: Strength
    """Of the strongest."""
    p_value: float | None
    """Of the rarest; None where no finding had one."""
    messages: int
    """Messages with a finding on it."""
    recipients: int
    """Recipients of these besides the stranger, summed: whose mail was seen."""
    first: date | None
    """Day (UTC) of the first of them that has a date."""
    last: date | None
    """Day of the last."""
    streams: tuple[str, ...] = ()
    """Where it was seen; of many streams not all are kept."""
    roles: tuple[str, ...] = ()
    """The roles that it played there."""
    stages: tuple[str, ...] = ()
    """The stages of the copies that showed it."""
    rules: tuple[str, ...] = ()
    """The rules that named it."""
    addresses: tuple[str, ...] = ()
    """Exact addresses of it; of many not all are kept."""
    status: Status = Status.OPEN
    """What people have said about it."""
    tier: Tier = Tier.COUNTED
    """Where it is told, as the budget allows."""
    due: bool = False
    """Whether this is the moment to tell somebody: its 1st, 3rd, 10th, 100th ... message, or a stream more."""

    @property
    def migration(self) -> bool:
        """Whether it is new infrastructure in several streams at once, as on the day an ESP is changed."""
        return len(self.streams) >= _MOVED and _INFRASTRUCTURE.issuperset(self.roles)

    @property
    def rank(self) -> tuple[object, ...]:
        """Sorts the strongest evidence first, then the rarest, then what comes most often."""
        rarity = 0.0 if self.p_value is None else self.p_value
        return (-self.strength, -self.severity, rarity, -self.messages, self.account or "", self.subject)


Key = tuple[str | None, str]
"""Account and stranger."""


class _Read(NamedTuple):
    """What a file held when it was read or written last."""

    place: str
    counts: dict[Key, tuple[int, int]]
    """Messages and recipients."""
    spending: Spending
    uncounted: int


class Incidents:
    """All incidents, by account and stranger. `observe` changes it in place; `add` joins another."""

    __slots__ = ("_below", "_order", "_read", "_strangers", "budget", "clock", "records", "spending", "uncounted")

    def __init__(self, budget: Budget | None = None) -> None:
        """Start with none."""
        self.budget = budget or Budget()
        """How many may open before somebody is told later."""
        self.records: dict[Key, Record] = {}
        """What is kept, by account and stranger."""
        self.spending = Spending()
        """What of the budget is spent."""
        self.clock = Clock()
        """The time of the messages; forgotten when the process ends."""
        self.uncounted = 0
        """Messages that named a stranger for whom there was no room."""
        self._order: list[tuple[bytes, Key]] = []  # what decides who has room, in order
        self._below: dict[Key, set[str]] = {}  # account and registrable domain -> addresses there with a record
        self._strangers: dict[str | None, set[str]] = {}
        self._read: _Read | None = None

    # ---- opening

    def observe(
        self,
        message: Message,
        findings: Iterable[Finding],
        day: int = 0,
        hour: int = 0,
        suffixes: SuffixList = BUNDLED,
    ) -> tuple[Incident, ...]:
        """Count the findings on one message, and give the incidents that they belong to, strongest first.

        `day` is the ordinal of its day, 0 where it has no plausible one, and `hour` what the clock says.
        """
        named: dict[str, list[Finding]] = {}
        for finding in findings:
            named.setdefault(stranger_in(finding), []).append(finding)
        told: dict[Key, tuple[str, list[Finding]]] = {}
        for stranger, found in named.items():
            party = party_of(stranger, suffixes)
            strange = party in named or (message.account, party) in self.records
            key = (message.account, party if strange else stranger)
            told.setdefault(key, (party, []))[1].extend(found)
        everybody = _Everybody(message, suffixes)
        counted = [self._count(key, party, found, everybody, day) for key, (party, found) in told.items()]
        return tuple(self._tell(incident, more, hour) for incident, more in sorted(counted, key=lambda c: c[0].rank))

    def _count(
        self, key: Key, party: str, findings: list[Finding], everybody: _Everybody, day: int
    ) -> tuple[Incident, bool]:
        """The incident with one message more, and whether that is in a stream more."""
        addresses = {address for finding in findings for address in addresses_of(finding)}
        record = Record(party, seen=Seen(1, day, day))
        for finding in findings:
            record.note(finding, everybody.stage, addresses_of(finding))
        record.recipients = everybody.besides(key[1], addresses)
        earlier = self.incident(*key)
        self._admit(key, record)
        incident = self.incident(*key) or _snapshot(key, [record])
        known = earlier.streams if earlier else ()
        more = not set(incident.streams).issubset(known) and not incident.migration
        return incident, more

    def _admit(self, key: Key, record: Record) -> None:
        """Join a record, if there is room for its stranger."""
        if key in self.records:
            self.records[key].add(record)
        else:
            self.records[key] = record
            insort(self._order, (_place(key), key))
            if record.party != key[1]:
                self._below.setdefault((key[0], record.party), set()).add(key[1])
        self._strangers.setdefault(key[0], set()).update(self.records[key].strangers(key[1]))
        if len(self._order) > CAP:
            self._evict(self._order.pop()[1])

    def _evict(self, key: Key) -> None:
        record = self.records.pop(key)
        self.uncounted += record.seen.count
        self._strangers[key[0]].difference_update(record.strangers(key[1]))
        if below := self._below.get((key[0], record.party)):
            below.discard(key[1])

    def _tell(self, incident: Incident, more: bool, hour: int) -> Incident:
        """Whether somebody is to be told now, and where; only what opens or moves up is spent."""
        if not (more or _is_step(incident.messages)):
            return incident
        record = self.records.get((incident.account, incident.subject))
        least = record.tier if record else None
        budget = self.budget if hour else Budget()  # without any time there is no telling what a window holds
        tier = self.spending.place(incident.severity >= Severity.HIGH, hour, budget, least)
        if record is not None:
            record.tier = tier
        return replace(incident, tier=tier, due=True)

    # ---- asking

    def incident(self, account: str | None, subject: str) -> Incident | None:
        """That of a stranger, with the addresses that belong to a domain that is strange itself."""
        own = self.records.get((account, subject))
        if own is None:
            return None
        parts = [self.records[account, address] for address in self._below.get((account, subject), ())]
        return _snapshot((account, subject), [own, *parts])

    def __iter__(self) -> Iterator[Incident]:
        """All incidents, strongest first."""
        groups: dict[Key, list[Record]] = {}
        for (account, subject), record in self.records.items():
            key = (account, record.party if (account, record.party) in self.records else subject)
            groups.setdefault(key, []).append(record)
        return iter(sorted((_snapshot(key, parts) for key, parts in groups.items()), key=lambda i: i.rank))

    def __len__(self) -> int:
        """How many are kept."""
        return len(self.records)

    def strangers(self, account: str | None) -> Collection[str]:
        """Whom incidents of an account are about: canonical addresses and registrable domains."""
        return self._strangers.get(account, _NOBODY)

    # ---- joining

    def add(self, *others: Incidents) -> None:
        """Join what others know; the budget stays."""
        for other in others:
            for key, record in other.records.items():
                self._admit(key, record.copy())
            self.spending.add(other.spending)
            self.uncounted += other.uncounted

    # ---- the file

    def as_dict(self) -> dict[str, Any]:
        """Plain data (schema 1), sorted. It holds addresses."""
        ordered = sorted(self.records.items(), key=lambda item: (item[0][0] or "", item[0][0] is None, item[0][1]))
        return {
            "schema": SCHEMA,
            "uncounted": self.uncounted,
            "spent": self.spending.as_dict(),
            "incidents": [{"account": a, "subject": s, **record.as_dict()} for (a, s), record in ordered],
        }

    @classmethod
    def from_dict(cls, data: Any, budget: Budget | None = None) -> Incidents:
        """What `as_dict` gave. Raises MalformedError that names the place."""
        top = mapping_at(data, "the file")
        schema = top.get("schema")
        if schema != SCHEMA:
            newer = isinstance(schema, int) and schema > SCHEMA
            raise MalformedError(f"schema {schema!r} {'is newer than this program reads' if newer else 'is unknown'}")
        found = cls(budget)
        where = "the file"
        try:
            found.uncounted = whole(top.get("uncounted", 0))
            where = "spent"
            found.spending = Spending.from_dict(top.get("spent", {}))
            for number, entry in enumerate(top["incidents"]):
                where = f"incidents[{number}]"
                account, subject = entry["account"], entry["subject"]
                if not isinstance(subject, str) or not (account is None or isinstance(account, str)):
                    raise ValueError("account or subject is no text")
                found._admit((account, subject), Record.from_dict(entry))
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise MalformedError(f"{where} is not what it should be: {type(error).__name__}: {error}") from None
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write sorted JSON that its owner alone can read, as a whole. Raises BaselineError.

        What others have written there since it was read or written here is joined.
        """
        place = os.path.realpath(path)
        if self._read is not None and self._read.place == place:
            self._join(self.load(path), self._read)
        text = json.dumps(self.as_dict(), indent=1, sort_keys=True) + "\n"
        try:
            write(path, text.encode(), 0o600)
        except OSError as error:
            raise BaselineError(f"{os.fspath(path)}: cannot be written: {error.strerror}") from error
        self._remember(place)

    def _remember(self, place: str) -> None:
        counts = {key: (record.seen.count, record.recipients) for key, record in self.records.items()}
        self._read = _Read(place, counts, Spending.from_dict(self.spending.as_dict()), self.uncounted)

    def _join(self, there: Incidents, before: _Read) -> None:
        """Become what the file holds by now, with what was counted here since."""
        for key, record in self.records.items():
            count, recipients = before.counts.get(key, (0, 0))
            if record.seen.count != count:
                more = record.copy()
                more.seen = record.seen._replace(count=record.seen.count - count)
                more.recipients -= recipients
                there._admit(key, more)
        there.spending.add(self.spending.less(before.spending))
        there.uncounted += self.uncounted - before.uncounted
        for name in ("_below", "_order", "_strangers", "records", "spending", "uncounted"):
            setattr(self, name, getattr(there, name))

    @classmethod
    def load(cls, path: str | os.PathLike[str], budget: Budget | None = None) -> Incidents:
        """Read what `save` wrote; nothing where there is no such file. Raises BaselineError that names the place."""
        name = os.fspath(path)
        try:
            with open(path, "rb") as file:
                found = cls.from_dict(parsed(file.read().decode()), budget)
        except FileNotFoundError:
            found = cls(budget)
        except OSError as error:
            raise BaselineError(f"{name}: cannot be read: {error.strerror}") from error
        except MalformedError as error:
            raise BaselineError(f"{name}: {error}") from None
        except ValueError as error:
            raise BaselineError(f"{name}: holds no incidents: {error}") from error
        found._remember(os.path.realpath(path))
        return found


_NOBODY: frozenset[str] = frozenset()


def judged(incident: Incident, said: Acknowledgements, today: date | None) -> Incident:
    """The incident with what people have said about it; `today`: the day on which it is asked, as far as it is known.

    Hostile is what any of them says. Benign is what holds wherever it was seen, for every address that it has shown.
    """
    wholes, parts = [*said.judging(incident.subject)], [[*said.judging(name)] for name in incident.addresses]
    named = [_where(incident, found) for found in (wholes, *parts)]
    if any(one.verdict is Verdict.HOSTILE for found in named for one in found):
        return replace(incident, status=Status.HOSTILE)
    for in_force, status in ((True, Status.BENIGN), (False, Status.LAPSED)):
        holding = [[one for one in found if not in_force or one.in_force(today)] for found in named]
        everybody = holding[1:] and len(holding) <= ADDRESSES and all(_everywhere(incident, one) for one in holding[1:])
        if everybody or _everywhere(incident, holding[0]):
            return replace(incident, status=status)
    return incident


def _where(incident: Incident, said: Iterable[Acknowledgement]) -> list[Acknowledgement]:
    """Those that hold where an incident was seen."""
    return [
        one
        for one in said
        if one.account in (None, incident.account)
        and (one.stream is None or one.stream in incident.streams)
        and (one.role is None or one.role in incident.roles)
        and (one.rule is None or one.rule in incident.rules)
    ]


def _everywhere(incident: Incident, said: Iterable[Acknowledgement]) -> bool:
    """Whether some of them hold in every stream and role, for every rule."""
    found = list(said)
    places = ((stream, role, rule) for stream in incident.streams for role in incident.roles for rule in incident.rules)
    return bool(found) and all(
        any(one.stream in (None, s) and one.role in (None, r) and one.rule in (None, u) for one in found)
        for s, r, u in places
    )


def _place(key: Key) -> bytes:
    """A number that decides who has room, whatever the order in which incidents come."""
    return blake2b(repr(key).encode("utf-8", "backslashreplace"), digest_size=8).digest()


def _is_step(messages: int) -> bool:
    """1, 3, 10, 100, 1,000 ..."""
    return messages == 3 or str(messages).strip("0") == "1"


class _Everybody:
    """The recipients of a message, counted once for all strangers in it, who may be as many."""

    def __init__(self, message: Message, suffixes: SuffixList) -> None:
        self.stage = str(message.stage)
        pairs = [(r.address.canonical, suffixes.registrable_domain(r.address.domain)) for r in message.recipients]
        self._total, self._domains = len(pairs), Counter(domain for _, domain in pairs)
        self._addresses: dict[str, list[str]] = {}  # the domain of each recipient of that address
        for address, domain in pairs:
            self._addresses.setdefault(address, []).append(domain)

    def besides(self, subject: str, addresses: Collection[str]) -> int:
        """Recipients besides a stranger, who is a registrable domain or one address."""
        known = {subject, *map(stranger_of, addresses)}
        elsewhere = sum(domain != subject for key in known for domain in self._addresses.get(key, ()))
        return self._total - self._domains[subject] - elsewhere


def _snapshot(key: Key, parts: list[Record]) -> Incident:
    """What records tell together."""
    told = Record(key[1])
    for part in parts:
        told.add(part)
    streams, roles, stages, rules, addresses = (tuple(sorted(told.names[name])) for name in KEPT)
    return Incident(
        *key,
        told.severity,
        told.strength,
        None if told.p_value == math.inf else told.p_value,
        told.seen.count,
        told.recipients,
        day_at(told.seen.first),
        day_at(told.seen.last),
        streams,
        roles,
        stages,
        rules,
        addresses,
        tier=told.tier or Tier.COUNTED,
    )
