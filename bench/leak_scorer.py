"""Histories of message headers, scored by the odds that a baseline gives: adapter for the shared evaluation of leaks.

    eval_leaks.py stream FILE... --prior FILE... --scorer bench.leak_scorer:make --gate

A record is one message; its `user` is the stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headerguard import Baseline, Message
from headerguard.novelty import WEIGHT, Novelty
from headerguard.profile import LEARNED_ROLES
from headerguard.stream import Level

__all__ = ["Scorer", "mail", "make"]

_EPOCH = 719_163  # proleptic Gregorian ordinal of 1 January 1970


def mail(record: dict[str, Any]) -> tuple[Message, Level, int]:
    """A record as a message, the level of its stream, and its day."""
    fields = [("From", record["from"]), ("Reply-To", record.get("reply_to"))]
    fields += [("To", record["to"]), ("Cc", record["cc"]), ("Bcc", record["bcc"])]
    lines = [f"{name}: {_list(value)}\r\n" for name, value in fields if value]
    level = Level("stream", record["user"], None)
    return Message.from_bytes("".join(lines).encode()), level, int(record["date"] // 86_400) + _EPOCH


def _list(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ",\r\n\t".join(value)


class Scorer:
    """Learns message by message and gives the p-value of the next."""

    def __init__(self, prior: Novelty | None = None) -> None:
        self.baseline = Baseline()
        self.baseline.novelty = Novelty(prior)

    def as_prior(self) -> Scorer:
        """Keep what may be shipped to others: counts, and no domain."""
        prior = Novelty()
        prior.add(self.baseline.novelty, WEIGHT)
        return Scorer(prior)

    def observe(self, record: dict[str, Any]) -> None:
        message, level, day = mail(record)
        self.baseline.learn(message, (level,), day)

    def pvalue(self, record: dict[str, Any]) -> float:
        message, level, _ = mail(record)
        return min(self._odds(message, level), default=1.0)

    def _odds(self, message: Message, level: Level) -> Iterator[float]:
        profile = self.baseline.streams.get(level.key)
        for sighting in message.sightings_of(LEARNED_ROLES) if profile else ():
            assert profile is not None
            odds = self.baseline.odds(profile, sighting.role, sighting.address.registrable_domain)
            if odds is not None:
                yield odds


def make() -> Scorer:
    """A scorer that knows nothing."""
    return Scorer()
