"""What one role of a stream has shown: values and exact addresses, how often, from which day to which.

A role that shows more different values than a cap is open: its values are dropped for good, which keeps it small and
makes no difference to a judgement, as an open role protects nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

__all__ = ["ADDRESSES_CAP", "CLOSED_VALUES", "ENOUGH", "NEVER", "VALUES_CAP", "RoleHistory", "Seen", "day_at"]

ENOUGH = 20
"""Messages that a level, and a role in it, must hold before it is judged."""
CLOSED_VALUES = 2
"""A role with at most so many different registrable domains is closed."""
VALUES_CAP = 256
"""A role with more different values than this is open for good."""
ADDRESSES_CAP = 16
"""A role with more different addresses than this is open to any address for good."""


class Seen(NamedTuple):
    """How often a value was seen, and when. Days are proleptic Gregorian ordinals in UTC; 0 is "no date"."""

    count: int  # type: ignore[assignment]
    first: int
    last: int

    def again(self, day: int) -> Seen:
        """With one message more."""
        return self + Seen(1, day, day)

    def is_before(self, day: int) -> bool:
        """Whether it was last seen before a day; never where no date is known."""
        return 0 < self.last < day

    def __add__(self, other: Seen) -> Seen:  # type: ignore[override]
        """Join two counts."""
        first = min(self.first, other.first) if self.first and other.first else self.first or other.first
        return Seen(self.count + other.count, first, max(self.last, other.last))


_new = tuple.__new__
NEVER = Seen(0, 0, 0)
"""What was not seen yet."""


def day_at(ordinal: int) -> date | None:
    """The day of an ordinal; None for "no date"."""
    return date.fromordinal(ordinal) if ordinal else None


@dataclass(slots=True)
class RoleHistory:
    """What one role of a stream has shown."""

    messages: int = 0
    """Messages in which the role occurred."""
    values: dict[str, Seen] | None = field(default_factory=dict)
    """Registrable domains; None: more than VALUES_CAP, so the role is open."""
    addresses: dict[str, Seen] | None = field(default_factory=dict)
    """Pseudonyms of exact addresses (see `pseudonym`); None: more than ADDRESSES_CAP, or more domains than a closed
    role may show, so that any address may stand there."""

    def __post_init__(self) -> None:
        """Hold no more than is kept."""
        self._bound()

    @property
    def closed(self) -> bool:
        """Enough messages, and hardly any variety."""
        return self.messages >= ENOUGH and self.few

    @property
    def few(self) -> bool:
        """Whether it has shown no more than a closed role may."""
        return self.values is not None and len(self.values) <= CLOSED_VALUES

    def add(self, other: RoleHistory) -> None:
        """Join another history of the same role into this one."""
        self.messages += other.messages
        self.values = _joined(self.values, other.values)
        self.addresses = _joined(self.addresses, other.addresses)
        self._bound()

    def learn(self, values: Iterable[str], addresses: Iterable[str] | None, day: int) -> None:
        """Add one message."""
        self.messages += 1
        grown = self.values is not None and _count(self.values, values, day)
        if (addresses and self.addresses is not None and _count(self.addresses, addresses, day)) or grown:
            self._bound()

    def _bound(self) -> None:
        """Drop what is too much to keep. It depends on what is held alone, so joining and learning drop the same."""
        values, addresses = self.values, self.addresses
        if values is not None and len(values) > VALUES_CAP:
            self.values = values = None
        if values is None or len(values) > CLOSED_VALUES or (addresses and len(addresses) > ADDRESSES_CAP):
            self.addresses = None


def _count(known: dict[str, Seen], values: Iterable[str], day: int) -> bool:
    """Count values once more; gives whether any is new."""
    grown = False
    for value in values:
        seen = known.get(value)
        if seen is not None and seen[2] == day:  # as a rule; and this is what learning does most
            known[value] = _new(Seen, (seen[0] + 1, seen[1], day))
        else:
            grown |= seen is None
            known[value] = (seen or NEVER).again(day)
    return grown


def _joined(one: dict[str, Seen] | None, other: Mapping[str, Seen] | None) -> dict[str, Seen] | None:
    """Both, added to the first; None where either was too much to keep."""
    if one is None or other is None:
        return None
    for value, seen in other.items():
        one[value] = one[value] + seen if value in one else seen
    return one
