"""Does the time grow with the size and no faster? Every shape is measured at n and at 10 n, up to a limit of time."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from bench.shapes import ROUTINE, SHAPES, Scene, Shape

from headerguard import Baseline, Guard, Message, address

__all__ = ["LIMIT", "Series", "grow"]

LIMIT = 13.0
"""What 10 times the size may cost; 3 more than linear, as memory gets slower the more of it is used."""
_NOTICED = 0.004  # seconds: below, the fixed cost and the clock are in the way
_HARMLESS = 0.02  # seconds: the largest size of a shape may take this, however it got there
_ENOUGH = 0.002  # seconds: what takes less is measured several times
_SMALLEST = 10


class Series(NamedTuple):
    """What one shape cost in one use."""

    shape: str
    use: str
    ratio: float
    """time(10 n) / time(n) at the largest n."""
    size: int
    """The 10 n of it."""
    seconds: float
    """What that took."""
    reached: int
    """The largest n that was tried."""
    octets_a_microsecond: float
    """Speed at that size."""
    exhausted: bool
    """Whether there is no larger size to look at."""

    @property
    def ok(self) -> bool:
        """Whether it stayed under the limit, or is over before anybody could notice."""
        return self.ratio <= LIMIT or (self.exhausted and self.seconds < _HARMLESS)


def _read(scene: Scene) -> None:
    message = Message.from_bytes(scene.octets, scene.envelope)
    _ = message.sightings, message.marks, message.defects, message.recipients, message.hidden


def _check(scene: Scene, baseline: Baseline) -> None:
    Guard(baseline=baseline).check(scene.octets, scene.envelope, **scene.declared)


@cache
def _learned() -> Baseline:
    return Guard().learn([ROUTINE] * 40)


def _observe(scene: Scene) -> None:
    Guard().observe(scene.octets, scene.envelope, **scene.declared)


_USES: dict[str, Callable[[Scene], None]] = {
    "model": _read,
    "check, nothing known": lambda scene: _check(scene, Baseline()),
    "check, learned": lambda scene: _check(scene, _learned()),
    "observe": _observe,
}


_MEMORY = 6 << 30  # octets of address space: more is a finding and must not bring the machine down


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, hard))


def grow(budget: float, *, observe: bool = False, only: str = "") -> Iterator[Series]:
    """Measure every shape in every use; a single call takes at most about `budget` seconds unless it surprises."""
    _limit_memory()
    for use in ("model", "check, nothing known", "check, learned", *(("observe",) if observe else ())):
        _USES[use](Scene(ROUTINE))
    for shape in SHAPES:
        if only in shape.name:
            for use, call in _USES.items():
                if use != "observe" or observe:
                    yield _series(shape, use, call, budget)


def _series(shape: Shape, use: str, call: Callable[[Scene], None], budget: float) -> Series:
    """A series, or an endless ratio where the memory does not do."""
    try:
        return _climb(shape, use, call, budget)
    except MemoryError:
        return Series(shape.name, use, float("inf"), 0, 0.0, 0, 0.0, exhausted=False)


def _climb(shape: Shape, use: str, call: Callable[[Scene], None], budget: float) -> Series:
    """Go up in steps of ten; where the next step would take too long, as far as the time allows.

    The last step decides: what grows too fast does so the more the larger it is, while a step at which the memory gets
    slower comes once.
    """
    n, taken = _SMALLEST, _seconds(call, shape.make(_SMALLEST))
    ratio, size, at, growth = 0.0, n, taken, 10.0
    while n < shape.largest:
        following = min(n * 10, shape.largest)
        if taken * max(growth, 10) > budget:
            following = min(following, int(n * budget / taken / max(growth / 10, 1)))
        if following < 2 * n:
            break
        if short := following < n * 10:
            n = following // 10
            following, taken = n * 10, _seconds(call, shape.make(n))
        more = _seconds(call, shape.make(following))
        growth = more / taken
        if growth > LIMIT and more > _NOTICED:
            taken, more = _measured_again(call, shape, n, following, taken, more)
            growth = more / taken
        if more > _NOTICED:
            ratio, size, at = growth, following, more
        n, taken = following, more
        if short or (growth > 2 * LIMIT and more > _NOTICED):
            break
    if LIMIT < ratio <= 2 * LIMIT and size < shape.largest and at * ratio < 20 * budget:  # one step more tells
        size = min(size * 10, shape.largest)
        taken, at = (_seconds(call, shape.make(n)) for n in (size // 10, size))
        n, ratio, taken = size, at / taken, at
    speed = shape.make(n).size / taken / 1e6
    return Series(shape.name, use, ratio, size, at, n, speed, exhausted=n >= shape.largest)


def _measured_again(
    call: Callable[[Scene], None], shape: Shape, n: int, following: int, taken: float, more: float
) -> tuple[float, float]:
    """The machine may have been busy: the best of several measurements, until they are under the limit."""
    scenes = shape.make(n), shape.make(following)
    for _ in range(3 if more > 2 * LIMIT * taken else 6):
        taken, more = min(taken, _seconds(call, scenes[0])), min(more, _seconds(call, scenes[1]))
        if more <= LIMIT * taken:
            break
    return taken, more


def _seconds(call: Callable[[Scene], None], scene: Scene) -> float:
    """Processor time of one call, the best of several if it is short; nothing is remembered from one to the next."""
    best, total = float("inf"), 0.0
    for _ in range(7):
        _forget()
        gc.collect(0)
        gc.disable()
        began = time.process_time()
        try:
            call(scene)
        finally:
            taken = time.process_time() - began
            gc.enable()
        best, total = min(best, taken), total + taken
        if total > _ENOUGH:
            break
    return best


def _forget() -> None:
    """Empty the caches that outlive a call, as 10 n and n would not use them alike."""
    with contextlib.suppress(AttributeError):
        address.BUNDLED._known.clear()
        address.to_a_label.cache_clear()
