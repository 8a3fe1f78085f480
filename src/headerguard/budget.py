"""The budget: how many incidents may open before somebody is told later, and by what clock.

Time comes from the messages alone, so it may jump, be missing or be wrong. A window looks both ways, so that a message
that comes late finds what was spent around its day; and a time counts only once three of the last messages reached it,
so that one Date field of 2099 opens no fresh window.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, NamedTuple

__all__ = ["Budget", "Clock", "Rate", "Spending", "Tier", "hour_of", "whole"]

_HOURS = {"hour": 1, "day": 24, "week": 168, "month": 720}
_RECENT = 16
_AGREEING = 3
CAP = 1_024
"""Hours with openings that are kept, the latest of them."""


class Tier(IntEnum):
    """Where an incident is told. Compares by urgency; `str()` gives the lower-case name."""

    COUNTED = 1
    """Nowhere but in a number: neither budget had room."""
    DIGEST = 2
    """In the list of the day."""
    PAGE = 3
    """At once."""

    def __str__(self) -> str:
        """Give the name that configuration and reports use."""
        return self.name.lower()


class Rate(NamedTuple):
    """A number of incidents in a time."""

    count: int  # type: ignore[assignment]
    """How many."""
    hours: int
    """In so many hours; a month has thirty days."""

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read "5/day" as the configuration holds it. Raises ValueError or KeyError for anything else."""
        number, _, unit = text.partition("/")
        return cls(int(number), _HOURS[unit])

    @property
    def a_day(self) -> float:
        """How many that is a day."""
        return self.count * 24 / self.hours


class Budget(NamedTuple):
    """What the operator can take; None: no limit."""

    page: Rate | None = None
    """Incidents that may wake somebody up."""
    digest: Rate | None = None
    """Incidents that may stand in a list."""

    @classmethod
    def of(cls, page: str | None, digest: str | None) -> Budget:
        """As the configuration says it."""
        return cls(Rate.parse(page) if page else None, Rate.parse(digest) if digest else None)


def hour_of(moment: datetime | None) -> int | None:
    """The hour of a time as a number (since 1 January of the year 1, UTC); None for no time or no plausible one."""
    if moment is None or not 1980 <= moment.year <= 2100:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    moment = moment.astimezone(UTC)
    return moment.toordinal() * 24 + moment.hour


class Clock:
    """The time that the last messages agree on."""

    __slots__ = ("_recent", "_same", "hour")

    def __init__(self) -> None:
        """Start without any."""
        self.hour = 0
        """The latest hour that three of the last sixteen messages with a time have reached; of fewer the earliest."""
        self._recent: deque[int] = deque(maxlen=_RECENT)
        self._same = 0  # how many of the last had this very hour

    def see(self, hour: int | None) -> int:
        """Take note of the time of a message; gives the hour."""
        if hour is None or (hour == self.hour and self._same >= _RECENT):
            return self.hour
        self._same = self._same + 1 if self._recent and hour == self._recent[-1] else 1
        self._recent.append(hour)
        self.hour = sorted(self._recent)[-_AGREEING:][0]
        return self.hour


class Spending:
    """What was opened when, by tier. Joining adds, with the empty state as identity."""

    __slots__ = ("hours",)

    def __init__(self) -> None:
        """Start with nothing spent."""
        self.hours: dict[int, dict[Tier, int]] = {}
        """Openings by hour and tier."""

    def place(self, urgent: bool, hour: int, budget: Budget, least: Tier | None = None) -> Tier:
        """Where an incident is told that opens now, and spend it. `least`: where it stands already, which is free."""
        for tier, rate in ((Tier.PAGE, budget.page), (Tier.DIGEST, budget.digest)):
            if least is not None and tier <= least:
                return least
            if (urgent or tier is not Tier.PAGE) and (rate is None or self.spent(tier, hour, rate) < rate.count):
                self._spend(tier, hour)
                return tier
        if least is None:
            self._spend(Tier.COUNTED, hour)
        return Tier.COUNTED

    def spent(self, tier: Tier, hour: int, rate: Rate) -> int:
        """How many were told there in the window around an hour."""
        return sum(told.get(tier, 0) for at, told in self.hours.items() if abs(at - hour) < rate.hours)

    def _spend(self, tier: Tier, hour: int) -> None:
        told = self.hours.setdefault(hour, {})
        told[tier] = told.get(tier, 0) + 1
        self._trim()

    def _trim(self) -> None:
        while len(self.hours) > CAP:
            del self.hours[min(self.hours)]

    def add(self, other: Spending) -> None:
        """Join what was spent elsewhere."""
        for hour, told in other.hours.items():
            mine = self.hours.setdefault(hour, {})
            for tier, count in told.items():
                mine[tier] = mine.get(tier, 0) + count
        self._trim()

    def less(self, earlier: Spending) -> Spending:
        """What was spent since an earlier state of it."""
        since = Spending()
        for hour, told in self.hours.items():
            before = earlier.hours.get(hour, {})
            more = {tier: count - before.get(tier, 0) for tier, count in told.items() if count > before.get(tier, 0)}
            if more:
                since.hours[hour] = more
        return since

    def as_dict(self) -> dict[str, dict[str, int]]:
        """Plain data, sorted."""
        return {
            str(hour): {str(tier): self.hours[hour][tier] for tier in sorted(self.hours[hour])}
            for hour in sorted(self.hours)
        }

    @classmethod
    def from_dict(cls, data: Any) -> Spending:
        """What `as_dict` gave. Raises ValueError, KeyError, TypeError or AttributeError for anything else."""
        found = cls()
        for hour, told in data.items():
            found.hours[int(hour)] = {Tier[name.upper()]: whole(count) for name, count in told.items()}
        found._trim()
        return found


def whole(value: object) -> int:
    """A whole number that is not negative. Raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is not a whole number")
    return value
