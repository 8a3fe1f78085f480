"""Who gets a good part of all mail of an account, one copy after the other.

Where the copies of one message cannot be joined, whoever gets a copy of everything looks like any other recipient:
alone in To, alone in the envelope. All that is left is how often he comes. Of each account the addresses that come most
often are counted, a few dozen of them: whoever gets more than one message of so many is not lost (Misra and Gries,
Science of Computer Programming 1982). Every process counts for itself, from its first message on, and no file holds it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

__all__ = ["KEPT", "Frequent", "Often"]

KEPT = 64
"""Addresses that are counted."""


class Often(NamedTuple):
    """How often an address came."""

    count: int  # type: ignore[assignment]
    """Messages, at least."""
    before: int
    """Messages of the account that came before the first of them."""


_NEVER = Often(0, 0)


class Frequent:
    """Those of one account who come most often."""

    __slots__ = ("_counted", "messages")

    def __init__(self) -> None:
        """Start with nobody."""
        self.messages = 0
        """All messages of the account."""
        self._counted: dict[str, Often] = {}

    def __len__(self) -> int:
        """How many addresses are counted."""
        return len(self._counted)

    def learn(self, keys: Collection[str]) -> None:
        """Add one message, and the canonical addresses of those who get it."""
        counted = self._counted
        for key in keys:
            known = counted.get(key)
            if known is not None:
                counted[key] = Often(known.count + 1, known.before)
            elif len(counted) < KEPT:
                counted[key] = Often(1, self.messages)
            else:
                self._counted = counted = {k: Often(n - 1, before) for k, (n, before) in counted.items() if n > 1}
        self.messages += 1

    def of(self, key: str) -> Often:
        """How often an address came so far."""
        return self._counted.get(key, _NEVER)

    def rivals(self, key: str, settled: int, times: int) -> int:
        """How many others, who turned up after so many messages as well, come a fraction as often as he or more."""
        own = self.of(key)
        others = (often for other, often in self._counted.items() if other != key and often.before >= settled)
        return sum(
            times * often.count >= own.count and times * self._share(often) >= self._share(own) for often in others
        )

    def _share(self, often: Often) -> float:
        return often.count / max(self.messages - often.before, 1)
