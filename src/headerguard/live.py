"""The live baseline: one that several processes judge by and learn into at the same time.

It is read stream by stream, when one is asked for. What is learned stays in memory and is added to the database from
time to time: what is known now, less what was known then, joined with what the others have added meanwhile. Joining is
commutative and associative, so no count is lost or counted twice, whoever comes first. Where the database cannot be
written, learning goes on in memory, `trouble` says so, and it is tried again.
"""

from __future__ import annotations

import atexit
import os
import time
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

from headerguard.baseline import Baseline, names_in
from headerguard.errors import BaselineError
from headerguard.novelty import Novelty, shipped
from headerguard.profile import Profile, less
from headerguard.profile_record import profile_at, profile_record
from headerguard.pseudonym import is_kept
from headerguard.riders import Rider, Riders, Traffic, rider_at, rider_record, riders_at, riders_record
from headerguard.role_history import Seen
from headerguard.stores import is_database
from headerguard.stores.sqlite import PATIENCE, Database, Row, loaded, text_of
from headerguard.stream import Level

__all__ = ["LiveBaseline", "opened"]

T = TypeVar("T")

MESSAGES = 500
"""Messages after which what was learned is written."""
SECONDS = 10.0
"""Seconds after which it is, with the next message."""
_NONE = Traffic()
_BRIEFLY = 0.05
"""Seconds that a pipeline waits for another process."""


def opened(path: str | os.PathLike[str], key: bytes | None = None) -> Baseline:
    """The baseline of a file: a live one where it is a database, or is to be. Raises BaselineError."""
    return LiveBaseline(path, key) if is_database(path) else Baseline.load(path, key)


class _Shelf(MutableMapping[str, T]):
    """Things by key, of which those that were asked for are in memory."""

    def __init__(self, keys: Iterator[str], fetch: Callable[[str], T | None]) -> None:
        self.keys_there, self.fetch = set(keys), fetch
        self.held: dict[str, T] = {}
        self.gone: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        found = self.held.get(key)
        if found is None and key in self.keys_there:
            found = self.fetch(key)
            if found is not None:
                self.held[key] = found
        return default if found is None else found

    def __getitem__(self, key: str) -> T:
        found: T | None = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: str, value: T) -> None:
        self.gone.discard(key)
        self.held[key] = value

    def __delitem__(self, key: str) -> None:
        if key not in self:
            raise KeyError(key)
        self.held.pop(key, None)
        if key in self.keys_there:
            self.keys_there.discard(key)
            self.gone.add(key)

    def __contains__(self, key: object) -> bool:
        return key in self.held or key in self.keys_there

    def __iter__(self) -> Iterator[str]:
        return iter(self.held.keys() | self.keys_there)

    def __len__(self) -> int:
        return len(self.held.keys() | self.keys_there)


class _Read(NamedTuple):
    """What the database said of a stream."""

    text: str | None
    seen: Seen


_NOTHING = _Read(None, Seen(0, 0, 0))


class _Company(NamedTuple):
    """What the database said of the riders of a place."""

    days: Mapping[int, Traffic] = MappingProxyType({})
    forgotten: int = 0
    companions: Mapping[str, Rider] = MappingProxyType({})


_NOBODY = _Company()
_NO_ODDS = text_of(Novelty().as_dict())


class _Joined(NamedTuple):
    """What others wrote and what was learned here, together."""

    streams: dict[str, tuple[str, Profile]]
    stale: Collection[str]
    riders: dict[str, _Company]
    odds: str | None


class LiveBaseline(Baseline):
    """A baseline in a database. It is one process's view of it; several threads of it have to take turns."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        key: bytes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open a database, which is made when something is written. Raises BaselineError.

        `clock` tells when it is time to write, in seconds.
        """
        super().__init__(key)
        self._database, self._clock = Database(path), clock
        self._read: dict[str, _Read] = {}  # level key -> what the database said of it
        self._company: dict[str, _Company] = {}
        self._revision = self._database.revision
        self.streams = self._streams = _Shelf(iter(self._database.keys("streams")), self._read_profile)
        self.riders = self._riders = _Shelf(iter(self._database.keys("riders")), self._read_riders)
        self._count_crowds(self._database.keys("crowded"))
        self._written_crowds = set(self.crowded)
        self._odds = self._database.record("novelty", "")
        self.novelty = self._novelty(self._odds)
        self._pending, self._due = 0, clock() + SECONDS
        self._trouble: str | None = None
        reference = weakref.ref(self)
        self._at_exit = lambda: _close(reference())
        atexit.register(self._at_exit)

    @property
    def trouble(self) -> str | None:
        """What keeps it from being written or read, in a sentence; None: nothing."""
        return self._trouble

    # ---- reading

    def _read_profile(self, key: str) -> Profile | None:
        """A profile that is judged by; one that cannot be read is none, and said: a pipeline goes on."""
        try:
            text = self._database.record("streams", key)
            profile = self._profile(key, text)
        except BaselineError as error:
            self._trouble = str(error)
            return None
        if text is None:
            return None
        self._read[key] = _Read(text, profile.seen)
        return profile

    def _profile(self, key: str, text: str | None) -> Profile:
        if text is None:
            return Profile()
        return self._decoded(Row("streams", key, text), profile_at)

    def _decoded(self, row: Row, decode: Callable[[Any, str], T]) -> T:
        path, where = self._database.path, f"{row.section}[{row.key!a}]"
        try:
            return decode(loaded(path, row), where)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BaselineError(f"{path}: {error}") from None

    def _novelty(self, text: str | None) -> Novelty:
        row = Row("novelty", "", text)
        return Novelty(shipped()) if text is None else self._decoded(row, lambda d, _: Novelty.from_dict(d, shipped()))

    def _read_riders(self, place: str) -> Riders | None:
        try:
            company = self._read_company(place)
        except BaselineError as error:
            self._trouble = str(error)
            return None
        self._company[place] = company
        return _riders(company)

    def _read_company(self, place: str) -> _Company:
        text = self._database.record("riders", place)
        if text is None:
            return _Company()
        counts = self._counts(Row("riders", place, text))
        companions = {}
        for row in self._database.rows("companions", f"{place} "):
            name = row.key.rpartition(" ")[2]
            if len(row.key) == len(place) + 1 + len(name):
                companions[name] = self._rider(name, row)
        return counts._replace(companions=companions)

    def _counts(self, row: Row) -> _Company:
        if row.record is None:  # others dropped it
            return _NOBODY
        riders = self._decoded(row, lambda record, _: riders_at({**record, "companions": {}}))
        return _Company(riders.days, riders.forgotten)

    def _rider(self, name: str, row: Row) -> Rider:
        return self._decoded(row, lambda record, _: rider_at(name, record))

    def _vouched(self) -> Iterator[str]:
        for names in self._names():
            yield from names.partition("|")[0].split()

    def _closed_names(self) -> set[str]:
        return {name for names in self._names() for name in names.split()} - {"|"}

    def _names(self) -> Iterator[str]:
        """What each stream has shown in closed roles, read from the rows of those that nobody has asked for yet."""
        try:
            there = self._database.names("streams")
        except BaselineError as error:
            self._trouble, there = str(error), []
        yield from (names for key, names in there if key not in self._streams.held)
        yield from (names_in(profile, self.horizon) for profile in self._streams.held.values())

    def _everything(self) -> Iterator[str]:
        """What is vouched for, as all streams would have to be read for more."""
        return self._vouched()

    # ---- learning

    def learn(self, *arguments: Any, **more: Any) -> None:
        """Add one message, and write from time to time."""
        super().learn(*arguments, **more)
        self._pending += 1
        if self._pending >= MESSAGES or self._clock() >= self._due:
            self._flush_briefly()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what was learned; to another file, all that is known."""
        if os.path.realpath(path) == os.path.realpath(self._database.path):
            self.flush()
        else:
            super().save(path)

    def profile(self, level: Level) -> Profile | None:
        """The profile of a level, if it holds enough messages to judge by; others write while a process only judges."""
        if self._clock() >= self._due:
            self._flush_briefly()
        return super().profile(level)

    def _flush_briefly(self) -> None:
        """Nothing that goes wrong here is for a pipeline to wait for, or to fail at."""
        try:
            self.flush(_BRIEFLY)
        except BaselineError as error:
            self._settle()
            self._trouble = f"{error}; what is learned stays in memory until it can be written"

    def flush(self, patience: float = PATIENCE) -> None:
        """Write what was learned, and pick up what others wrote; nothing is lost where that fails.

        Waits for another process as many seconds as `patience` says. Raises BaselineError.
        """
        if self._is_changed():
            with self._database.writing(patience) as put:
                joined = self._join(self._database.since(self._revision))
                revision = put(self._rows(joined))
        else:
            revision = self._database.revision
            joined = self._join(self._database.since(self._revision))
        self._revision = revision
        self._become(joined)
        self._settle()

    def _settle(self) -> None:
        self._trouble, self._pending, self._due = None, 0, self._clock() + SECONDS

    def _is_changed(self) -> bool:
        crowds = self._written_crowds != set(self.crowded)
        gone = bool(self._streams.gone or self._riders.gone)
        return crowds or gone or any(self._changed_streams()) or any(self._changed_places())

    def _changed_streams(self) -> Iterator[str]:
        """Keys of the streams that were learned into: they hold more messages than was read."""
        return (
            key for key, profile in self._streams.held.items() if profile.seen != self._read.get(key, _NOTHING).seen
        )

    def _changed_places(self) -> Iterator[str]:
        known, held = self._company, self._riders.held.items()
        return (place for place, riders in held if riders.days != known.get(place, _NOBODY).days)

    def _join(self, changes: list[Row]) -> _Joined:
        """What there is to know now: what others wrote, with what was learned here on top. Memory is not touched yet,

        but for the keys of streams, which others may have made or dropped.
        """
        self._take_keys(changes)
        others: dict[str, dict[str, Row]] = {}
        for row in changes:
            others.setdefault(row.section, {})[row.key] = row
        company: dict[str, dict[str, Row]] = {}
        for key, row in others.get("companions", {}).items():
            place, _, name = key.rpartition(" ")
            company.setdefault(place, {})[name] = row
        places = {
            *self._changed_places(),
            *(self._riders.held.keys() & (company.keys() | others.get("riders", {}).keys())),
        }
        streams = {key: self._joined(key, others.get("streams", {})) for key in self._changed_streams()}
        stale = others.get("streams", {}).keys() - streams.keys()
        riders = {p: self._joined_riders(p, others.get("riders", {}).get(p), company.get(p, {})) for p in places}
        odds = others.get("novelty", {}).get("", Row("novelty", "", self._odds)).record
        return _Joined(streams, stale, riders, self._joined_odds(odds))

    def _become(self, joined: _Joined) -> None:
        """Take it over into memory."""
        for key in joined.stale:
            self._streams.held.pop(key, None)
            self._read.pop(key, None)
        for key, (text, profile) in joined.streams.items():
            self._streams.held[key], self._read[key] = profile, _Read(text, profile.seen)
            self._streams.keys_there.add(key)
            if self._lookalikes is not None:  # joined, a role may be closed that was not in any of the parts
                self._liken(names_in(profile, self.horizon))
        for place, company in joined.riders.items():
            if not company.days:  # others dropped it, and nothing came since
                self._riders.held.pop(place, None)
                self._company.pop(place, None)
                continue
            riders = _riders(company)
            if place in self._riders.held:
                riders.recall(self._riders.held[place])
            self._company[place], self._riders.held[place] = company, riders
            self._riders.keys_there.add(place)
        if joined.odds != self._odds and joined.odds is not None:
            self._odds, self.novelty = joined.odds, self._novelty(joined.odds)
        self._streams.gone.clear()
        self._riders.gone.clear()
        self._written_crowds = set(self.crowded)
        self._seen_in_role, self._shown, self._homes = None, None, None

    def _take_keys(self, changes: list[Row]) -> None:
        """Learn from what others wrote which streams there are, and which of them are too many."""
        for row in changes:
            if row.section in ("streams", "riders"):
                there: set[str] = (self._streams if row.section == "streams" else self._riders).keys_there
                (there.discard if row.record is None else there.add)(row.key)
        for row in changes:
            if row.section == "crowded" and row.record is not None:
                self._drop(self._crowds.mark(row.key))
            elif row.section == "streams" and row.record is not None:
                self._drop(self._crowds.add(row.key))
            if row.section == "streams":
                self._liken(row.names)

    def _liken(self, names: str) -> None:
        """Compare strangers with the names of a stream too, where any are compared."""
        if self._lookalikes is not None:
            for name in names.replace("|", "").split():
                self._lookalikes.add(name)

    def _joined(self, key: str, others: Mapping[str, Row]) -> tuple[str, Profile]:
        now, before = self._streams.held[key], self._read.get(key, _NOTHING).text
        there = others[key].record if key in others else before
        if before is None:  # it may be there all the same, if it could not be read
            there = self._database.record("streams", key)
        if there != before:
            joined = self._profile(key, there)
            joined.add(less(now, self._profile(key, before)))
            now = joined
        return text_of(profile_record(now)), now

    def _joined_riders(self, place: str, counts: Row | None, others: Mapping[str, Row]) -> _Company:
        now, before = self._riders.held[place], self._company.get(place, _NOBODY)
        there = before if counts is None else self._counts(counts)
        riders = {name: self._rider(name, row) for name, row in others.items()}
        if place not in self._company:  # it was not asked for before
            there = self._read_company(place)
            riders = dict(there.companions)
        companions = dict(now.companions)
        for name, rider in riders.items():
            mine, known = companions.get(name), before.companions.get(name)
            companions[name] = rider if mine is None or mine is known else rider + _more(mine, known)
        if counts is not None and counts.record is None:  # what came since stays
            old = before.companions
            companions = {n: _more(r, old.get(n)) for n, r in now.companions.items() if r is not old.get(n)}
        days = dict(there.days)
        for day, came in now.days.items():
            if (more := came - before.days.get(day, _NONE)) != _NONE:
                days[day] = days.get(day, _NONE) + more
        return _Company(days, there.forgotten + now.forgotten - before.forgotten, companions)

    def _joined_odds(self, there: str | None) -> str | None:
        if there == self._odds:
            own = text_of(self.novelty.as_dict())
            return own if own != _NO_ODDS else there
        joined = self._novelty(there)
        joined.add(self.novelty.less(self._novelty(self._odds)))
        return text_of(joined.as_dict())

    def _rows(self, joined: _Joined) -> Iterator[Row]:
        for key, (text, profile) in joined.streams.items():
            yield Row("streams", key, text, names_in(profile, self.horizon))
        for key in self._streams.gone:
            yield Row("streams", key, None)
        for place in self._riders.gone:
            yield Row("riders", place, None)
            yield from (row._replace(record=None) for row in self._database.rows("companions", f"{place} "))
        crowded = set(self.crowded)
        for key in crowded ^ self._written_crowds:
            yield Row("crowded", key, "true" if key in crowded else None)
        for place, company in joined.riders.items():
            if company.days:
                yield from self._company_rows(place, company)
        if joined.odds is not None:
            yield Row("novelty", "", joined.odds)

    def _company_rows(self, place: str, company: _Company) -> Iterator[Row]:
        before = self._company.get(place, _NOBODY).companions
        counts = riders_record(_riders(_Company(company.days, company.forgotten)))
        del counts["companions"]  # rows of their own
        yield Row("riders", place, text_of(counts))
        for name, rider in company.companions.items():
            if before.get(name) is not rider and is_kept(name):
                yield Row("companions", f"{place} {name}", text_of(rider_record(rider)))
        for name in before.keys() - company.companions.keys():
            yield Row("companions", f"{place} {name}", None)

    def close(self) -> None:
        """Write what was learned, and let go of the database. Raises BaselineError, and then it stays open."""
        self.flush()
        self._database.close()
        atexit.unregister(self._at_exit)


def _close(baseline: LiveBaseline | None) -> None:
    """When the process ends, nobody is left to be told that it cannot be written."""
    if baseline is not None:
        with suppress(BaselineError):
            baseline.close()


def _more(now: Rider, before: Rider | None) -> Rider:
    """What a rider was seen in since; days, places and partners join with themselves."""
    return now._replace(count=now.count - before.count) if before else now


def _riders(company: _Company) -> Riders:
    riders = Riders()
    riders.days, riders.forgotten = dict(company.days), company.forgotten
    riders.traffic = sum(riders.days.values(), _NONE)
    riders.companions = dict(company.companions)
    return riders
