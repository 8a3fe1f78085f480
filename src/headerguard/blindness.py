"""The blindness: what neither a copy nor the history of its stream can tell, a sentence each.

A rule that is silent where it cannot see looks like one that saw nothing, so every report says it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from headerguard.known import Known
from headerguard.message import Message, Stage
from headerguard.profile import Profile
from headerguard.protection import gaps
from headerguard.role_history import ENOUGH, Seen
from headerguard.sources import blind_spots
from headerguard.stream import Level

__all__ = ["Blindness"]

_NO_ENVELOPE = "no envelope: a recipient that a relay added, or that Bcc named before this copy, is invisible here"
_PART = "the envelope may be a part of the message: a recipient of another transaction is invisible here"
_DELIVERED = "delivered copy: a Bcc field is removed before delivery, so its absence proves nothing"
_OTHER_KEY = "the key under which the stream learned exact addresses is not here: they are not judged, domains are"
_NO_DESTINATION = "no destination field: nobody in the envelope of this copy can be called hidden"
_LEVELS = 4_096
"""Levels of which the gaps are remembered."""


class _Gaps(NamedTuple):
    """What the history of a level cannot tell, and when that was worked out."""

    seen: Seen
    """What the profile had learned."""
    age: tuple[object, ...]
    """What of it changes what the history can tell."""
    given: bool
    """Whether recipients were declared."""
    spots: tuple[str, ...]
    """A sentence each."""


class Blindness:
    """What the copies that one guard judges cannot tell."""

    __slots__ = ("_gaps_of",)

    def __init__(self) -> None:
        """Start with nothing worked out."""
        self._gaps_of: dict[Level | None, _Gaps] = {}

    def spots(self, message: Message, stream: Level, known: Known) -> tuple[str, ...]:
        """What one copy cannot show, and what the history of its stream cannot tell."""
        return (*_unseen(message), *self._unknown(stream, known))

    def _unknown(self, stream: Level, known: Known) -> Iterator[str]:
        baseline, profile = known.baseline, known.profile
        if baseline.is_crowd(stream):
            if baseline.is_crowd(Level("account", "", stream.account)):
                yield f"account {stream.account!r} is one of too many to be told apart: nothing is known of it"
            else:
                yield f"{stream} is one of too many {stream.kind}s to be told apart: it is judged with others"
        if profile is None:
            young = baseline.streams.get(stream.key)
            held = young.messages if young else 0
            yield f"{stream} holds {held} of {ENOUGH} messages: nothing is judged by its history"
            return
        yield from self._gaps(profile, known)
        if profile.has_strange_addresses(baseline.pseudonyms.name):
            yield _OTHER_KEY

    def _gaps(self, profile: Profile, known: Known) -> tuple[str, ...]:
        """What the history cannot tell, worked out again where that may have changed, or the stream has doubled."""
        level, given, seen, expected = known.level, known.declared.given, profile.seen, known.declared.expected
        held = self._gaps_of.get(level)
        if held is not None and held.seen == seen and held.given == given and not expected:
            return held.spots
        age = profile.messages.bit_length(), profile.closeness, profile.forms
        if held is not None and held.age == age and held.given == given and not expected:
            spots = held.spots
        else:
            spots = tuple(gaps(profile, known.baseline, known.rate, known.declared))
        if len(self._gaps_of) > _LEVELS:
            self._gaps_of.clear()
        self._gaps_of[level] = _Gaps(seen, age, given, spots)
        return spots


def _unseen(message: Message) -> Iterator[str]:
    """What this copy cannot show."""
    envelope, stage = message.envelope, message.stage
    if envelope is None and stage is not Stage.EVENT:
        yield _NO_ENVELOPE
    elif envelope is not None and envelope.complete is not True:
        yield _PART
    if stage is Stage.DELIVERED:
        yield _DELIVERED
    if not message.shows_destination:
        yield _NO_DESTINATION
    if message.record is not None:
        yield from message.record.blind_spots
    if message.origin is not None:
        yield from blind_spots(message.origin.kind)
