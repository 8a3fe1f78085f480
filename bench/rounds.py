"""Interleaved rounds: every contestant reads the same new messages in every round, in another order each time."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from bench.contestants import Contestant
from bench.messages import Made

from headerguard import Baseline

__all__ = ["Figure", "Rounds", "cpu_seconds"]

T = TypeVar("T")


class Figure(NamedTuple):
    """A figure over rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Figure:
        """Median and extremes."""
        found = list(values)
        return cls(statistics.median(found), min(found), max(found))

    def __str__(self) -> str:
        return f"{self.median:6.2f} ({self.low:.2f}-{self.high:.2f})"


def cpu_seconds(work: Callable[[T], object], items: Iterable[T]) -> float:
    """Processor time of this process for a row of items, without garbage collection."""
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        for item in items:
            work(item)
        return time.process_time() - began
    finally:
        gc.enable()


class Rounds:
    """The times of some contestants, round by round, in seconds a message."""

    def __init__(self, contestants: dict[str, Contestant]) -> None:
        self.contestants = contestants
        self.seconds: dict[str, list[float]] = {name: [] for name in contestants}
        self._peer_reference: dict[str, list[float]] = {}

    def run(self, messages: Sequence[Made], baseline: Baseline, number: int) -> None:
        """One round. A peer takes part in every third, reads every third message, and is compared on those."""
        names = list(self.contestants)
        turn = number % len(names)
        some = messages[::3]
        for name in names[turn:] + names[:turn]:
            contestant = self.contestants[name]
            if contestant.peer and number % 3:
                continue
            chosen = some if contestant.peer else messages
            taken = cpu_seconds(contestant.start(baseline), chosen) / len(chosen)
            self.seconds[name].append(taken)
            if contestant.peer:
                reference = cpu_seconds(self.contestants["reference"].start(baseline), chosen) / len(chosen)
                self._peer_reference.setdefault(name, []).append(reference)

    def microseconds(self, name: str) -> Figure:
        """Microseconds a message."""
        return Figure.of(second * 1e6 for second in self.seconds[name])

    def ratio(self, name: str) -> Figure:
        """Ratio to the reference: of each round, and then the median of those."""
        against = self._peer_reference.get(name, self.seconds["reference"])
        return Figure.of(own / other for own, other in zip(self.seconds[name], against, strict=True))

    def added(self, name: str, base: str) -> tuple[Figure, Figure]:
        """What one costs more than another that does a part of it: in microseconds, and as a ratio to the reference."""
        more = [own - part for own, part in zip(self.seconds[name], self.seconds[base], strict=True)]
        ratios = (own / other for own, other in zip(more, self.seconds["reference"], strict=True))
        return Figure.of(second * 1e6 for second in more), Figure.of(ratios)
