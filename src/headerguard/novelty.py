"""The odds: how rare it is that a stream shows a registrable domain that it has never shown in a role.

A stream alone has seen too little to promise one false alarm in ten thousand messages, so streams pool what they say
about *when* something new turns up, and never what. The chance of a new domain is estimated by cell: the role, how long
the newest domain has been known, how many were seen once. The surprise of a message is the largest -ln of that chance
among its new domains, and its p-value the share of clean messages before it that surprised as much (a conformal
p-value; Bates et al., Annals of Statistics 2023). Streams in which new domains are common are held to the surprises of
their like as well, so that they do not use up the false alarms of the calm ones.

Only closed roles are judged. Where mail goes to new domains every day no rule on domains keeps such a promise, and a
protection report has to say so. Counts add and nothing else is kept: merging is commutative and associative, with the
empty state as identity.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from headerguard.role import HIDDEN, Role

__all__ = ["JUDGED", "Calm", "Novelty", "Trend", "shipped"]

CLOSED = 2
"""Different domains that a role may have shown to be closed."""
SETTLED = 20
"""Messages before a role in which people write to people counts as closed, and only while it shows one domain at most:
at first every such role looks closed."""
_DOUBT = 4.0
"""Trials that the general estimate is worth beside those of its cell."""
_ENOUGH = 30
"""Trials from which a cell bounds the estimate of the next one."""
_KINSHIP = 300.0
"""Messages that the surprises of all streams are worth beside those of a stream's like."""
_BINS_A_NAT = 8
_BINS = 256
WEIGHT = 12_000
"""Messages that the shipped prior is worth: just enough to promise one in ten thousand from the first day on."""


class Calm(StrEnum):
    """How often a stream shows anything new, in any role."""

    CALM = "calm"
    SOME = "some"
    OPEN = "open"

    @classmethod
    def of(cls, messages: int, values: int) -> Calm:
        """That of a stream that has shown so many different values, summed over its roles, in so many messages."""
        share = (values + 0.5) / (messages + 50)
        return cls.CALM if share < 0.01 else cls.SOME if share < 0.04 else cls.OPEN


Cell = tuple[str, int, int]
"""Family of roles, and the logarithms to the base 2 of the age of the newest domain and of the singles."""

_FAMILIES = {
    **dict.fromkeys((Role.FROM, Role.SENDER), "author"),
    **dict.fromkeys((Role.REPLY, Role.RECEIPT, Role.BOUNCE), "reply"),
    **dict.fromkeys((Role.TO, Role.RESENT_TO), "to"),
    **dict.fromkeys((Role.CC, Role.RESENT_CC), "cc"),
    **dict.fromkeys(HIDDEN, "hidden"),
}
"""Roles that change for the same reasons are counted together."""
JUDGED = frozenset(_FAMILIES)
"""The roles of which the odds are known."""
_PEOPLE = frozenset(("to", "cc"))


class Trend(NamedTuple):
    """What the chance of a new domain depends on: one role of one stream so far."""

    role: Role
    """Which one; of `JUDGED`."""
    messages: int
    """Messages that could have shown it."""
    values: int
    """Different domains that it has shown."""
    singles: int
    """Of these, how many it has shown once."""
    since: int
    """Messages since the newest of them turned up, at least."""

    @property
    def closed(self) -> bool:
        """Whether a new domain in it means something."""
        if _FAMILIES[self.role] in _PEOPLE:
            return self.values <= 1 and self.messages >= SETTLED
        return self.values <= CLOSED

    @property
    def cell(self) -> Cell:
        """Where it is counted."""
        return _FAMILIES[self.role], (self.since + 1).bit_length() - 1, min(5, (self.singles + 1).bit_length() - 1)


class Tally(NamedTuple):
    """What happened in one cell."""

    trials: float = 0
    """Messages."""
    new: float = 0
    """Those that brought a domain that was new to the role of the stream."""
    strange: float = 0
    """Those that brought one that was new everywhere."""

    def happened(self, strange: bool) -> float:
        """Those that brought a new domain, or a strange one."""
        return self.strange if strange else self.new

    def plus(self, trials: float, new: float, strange: float) -> Tally:
        """With more."""
        return Tally(self.trials + trials, self.new + new, self.strange + strange)


class Surprises:
    """How many clean messages surprised how much."""

    __slots__ = ("bins", "messages")

    def __init__(self, messages: float = 0, bins: Mapping[int, float] | None = None) -> None:
        """Start with so many, of which the bins hold those that brought anything new."""
        self.messages = messages
        """All of them, those without any surprise included."""
        self.bins: dict[int, float] = dict(bins or {})
        """Messages by surprise, in eighths of a nat."""

    def add(self, other: Surprises, factor: float = 1) -> None:
        """Join others into these; whole numbers stay whole where the factor is."""
        self.messages += other.messages * factor
        for number, count in other.bins.items():
            self.bins[number] = self.bins.get(number, 0) + count * factor

    def learn(self, surprise: float | None) -> None:
        """Add one message."""
        self.messages += 1
        if surprise is not None:
            number = _bin(surprise)
            self.bins[number] = self.bins.get(number, 0) + 1

    def as_surprising(self, surprise: float) -> float:
        """How many surprised at least so much."""
        least = _bin(surprise)
        return sum(count for number, count in self.bins.items() if number >= least)


def _bin(surprise: float) -> int:
    return min(_BINS - 1, int(surprise * _BINS_A_NAT))


class Novelty:
    """What all streams together tell about new domains."""

    __slots__ = ("prior", "surprises", "tallies")

    def __init__(self, prior: Novelty | None = None) -> None:
        """Start with nothing of its own; what it says rests on `prior` as well, which stays as it is."""
        self.prior = prior
        self.tallies: dict[Cell, Tally] = {}
        """What happened, by cell."""
        self.surprises: dict[Calm, Surprises] = {}
        """Surprises of clean messages, by how calm their stream was."""

    # ---- judging

    def chance(self, trend: Trend, strange: bool) -> float:
        """How likely the next message is to bring a new domain, or one that is new everywhere (`strange`).

        A cell with few trials leans on a general estimate: never more likely than where the newest domain has been
        known for half as long (Good, Biometrika 1953, for the share of singles).
        """
        family, age, singles = cell = trend.cell
        general = min(0.999, math.sqrt((trend.singles + 0.5) / (trend.messages + 1) / (trend.since + 2)))
        general *= 0.3 if strange else 1
        younger = self._tally((family, age - 1, singles))
        if younger.trials >= _ENOUGH:
            general = min(general, (younger.happened(strange) + _DOUBT * general) / (younger.trials + _DOUBT))
        tally = self._tally(cell)
        return (tally.happened(strange) + _DOUBT * general) / (tally.trials + _DOUBT)

    def _tally(self, cell: Cell) -> Tally:
        own = self.tallies.get(cell, _NOTHING)
        return own.plus(*self.prior._tally(cell)) if self.prior else own

    def surprise(self, trend: Trend, strange: bool) -> float:
        """-ln of that chance."""
        return -math.log(self.chance(trend, strange))

    def p_value(self, surprise: float, calm: Calm) -> float:
        """The share of clean messages that surprised at least so much: overall, and among the like of the stream."""
        overall = (1 + self._as_surprising(surprise, tuple(Calm))) / (1 + self.messages)
        if calm is Calm.CALM:
            return overall
        like = self._as_surprising(surprise, (calm,)) + _KINSHIP * overall
        return max(overall, like / (self._messages((calm,)) + _KINSHIP))

    def _as_surprising(self, surprise: float, calms: Iterable[Calm]) -> float:
        own = sum(self.surprises[calm].as_surprising(surprise) for calm in calms if calm in self.surprises)
        return own + (self.prior._as_surprising(surprise, calms) if self.prior else 0)

    def _messages(self, calms: Iterable[Calm]) -> float:
        own = sum(self.surprises[calm].messages for calm in calms if calm in self.surprises)
        return own + (self.prior._messages(calms) if self.prior else 0)

    @property
    def messages(self) -> float:
        """Clean messages that the odds rest on, those of the prior included."""
        return self._messages(tuple(Calm))

    def is_borrowed(self, p_value: float) -> bool:
        """Whether its own clean messages are too few to tell half as much, so that it is the prior that says so.

        n of them tell of one in n + 1 at best; so the rarest is its own from where it has seen as many as the prior.
        """
        return self.prior is not None and 2 * p_value * (self.messages - self.prior.messages + 1) < 1

    # ---- learning

    def learn(self, seen: Iterable[tuple[Trend, bool, bool]], calm: Calm) -> None:
        """Add one clean message: of every role its trend before it, whether it brought a new domain, and a strange one.

        What it surprised by is worked out before it is added.
        """
        seen = list(seen)
        judged = [self.surprise(trend, strange) for trend, new, strange in seen if new and trend.closed]
        self.surprises.setdefault(calm, Surprises()).learn(max(judged, default=None))
        tallies = self.tallies
        for trend, new, strange in seen:
            cell = trend.cell
            trials, fresh, unknown = tallies.get(cell, _NOTHING)
            tallies[cell] = _new(Tally, (trials + 1, fresh + new, unknown + (new and strange)))

    def add(self, other: Novelty, weight: float = math.inf) -> None:
        """Join what another state has of its own; its surprises as if they came from `weight` messages at most."""
        held = other._messages(tuple(Calm))
        factor = weight / held if held > weight else 1
        for cell, tally in other.tallies.items():
            self.tallies[cell] = self.tallies.get(cell, _NOTHING).plus(*tally)
        for calm, surprises in other.surprises.items():
            self.surprises.setdefault(calm, Surprises()).add(surprises, factor)

    def less(self, earlier: Novelty) -> Novelty:
        """What it has learned since an earlier state of itself."""
        learned = Novelty(self.prior)
        for cell, tally in self.tallies.items():
            if (before := earlier.tallies.get(cell, _NOTHING)) != tally:
                learned.tallies[cell] = tally.plus(*(-count for count in before))
        for calm, surprises in self.surprises.items():
            more = learned.surprises[calm] = Surprises()
            more.add(surprises)
            if calm in earlier.surprises:
                more.add(earlier.surprises[calm], -1)
            more.bins = {number: count for number, count in more.bins.items() if count}
        return learned

    # ---- the file

    def as_dict(self) -> dict[str, Any]:
        """What it has of its own as plain data, sorted."""
        return {
            "tallies": {" ".join(map(str, cell)): list(self.tallies[cell]) for cell in sorted(self.tallies)},
            "surprises": {
                str(calm): {
                    "messages": self.surprises[calm].messages,
                    "bins": {str(n): count for n, count in sorted(self.surprises[calm].bins.items())},
                }
                for calm in sorted(self.surprises)
            },
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], prior: Novelty | None = None) -> Novelty:
        """What `as_dict` gave. Raises ValueError, KeyError, TypeError or AttributeError for anything else."""
        state = cls(prior)
        for name, values in data["tallies"].items():
            family, age, singles = name.split(" ")
            state.tallies[family, int(age), int(singles)] = Tally(*map(_count, values))
        for calm, entry in data["surprises"].items():
            bins = {int(number): _count(count) for number, count in entry["bins"].items()}
            if any(not 0 <= number < _BINS for number in bins):
                raise ValueError("a bin is out of range")
            state.surprises[Calm(calm)] = Surprises(_count(entry["messages"]), bins)
        return state


def _count(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{value!r} is no count")
    return value


_NOTHING = Tally()
_new = tuple.__new__  # half the cost of the generated constructor, which counts where each message is learned


@cache
def shipped() -> Novelty:
    """What was learned beforehand from public mail, worth WEIGHT messages; prior.json says where it is from."""
    data = json.loads(Path(__file__).with_name("prior.json").read_text(encoding="utf-8"))
    state = Novelty()
    state.add(Novelty.from_dict(data), WEIGHT)
    return state
