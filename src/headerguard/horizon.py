"""The horizon: what a stream has not shown for so long that it does not count as known any more.

A domain that nobody has written to for years may belong to somebody else by now. Nothing is removed for it: a profile
is read as if it did not hold what lies behind the horizon, so that joining stays what it is. How many recipients a
stream shows is nobody's, and does not age. There is no clock. What day it is, the mail of the stream itself says, and
only what a good part of it says on several days: a date of 2099, or a clock that jumps, ages nothing. Who was shown
again since the stream moved on has not aged, so a stream that comes back after years knows all whom it shows then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from headerguard.profile import SHAPES, Profile
from headerguard.role_history import RoleHistory, Seen

__all__ = ["HORIZON", "recent"]

HORIZON = 400
"""Days: what comes once a year is not news."""
_DAYS = 7
"""Days with mail that have to agree on what day it is, so that no clock that is wrong for a while says it."""
_PART = 20
"""One message of so many has to be as late, so that no host with a wrong clock says it."""
_STRAY = 100
"""One message of so many may be older than the rest by mistake: what only such mail has shown, when is not known."""


class _Aged(NamedTuple):
    """A profile as it was read last, and what that rests on."""

    days: int
    """How many days with mail there were."""
    horizon: int
    seen: Seen | None
    """What it had learned."""
    roles: tuple[str, ...]
    """Roles that hold what has aged."""
    counts: Mapping[str, Collection[str] | int]
    """Of each of these roles what it still shows, where it is closed; else how many of its values have aged."""
    between: tuple[int, int]
    """What was last seen from the first of these days on, and before the second, has aged."""
    profile: Profile


def recent(profile: Profile, horizon: int = HORIZON) -> Profile:
    """A profile without what it has not shown for so many days; itself where there is nothing of the kind.

    What has aged is worked out again with every day that the stream sees. A role that was too much to keep stays so, as
    nobody knows what it has shown when.
    """
    if profile.seen.last - profile.seen.first < horizon:  # as a rule
        return profile
    held: _Aged | None = profile.aged
    if held is None or held.days != len(profile.days) or held.horizon != horizon:
        between = _behind(profile.days, horizon)
        named = [(role, history) for role, history in profile.roles.items() if role not in SHAPES]
        roles = tuple(role for role, history in named if _holds_aged(history, between))
        held = _Aged(len(profile.days), horizon, None, roles, {}, between, profile)
    if held.roles and held.seen != profile.seen:
        less = {role: _without(profile.roles[role], held.between) for role in held.roles}
        counts = {role: _told(profile.roles[role], history) for role, history in less.items()}
        found = Profile(profile.seen, {**profile.roles, **less}, profile.days)
        held = held._replace(seen=profile.seen, counts=counts, profile=found)
    profile.aged = held
    return held.profile


def _behind(days: Mapping[int, int], horizon: int) -> tuple[int, int]:
    """From which day on and before which one what was last seen has aged, by the messages of each day.

    In the direction of time a part of the mail decides, and several days; backwards no more than a few strays count.
    """
    total, order = sum(days.values()), sorted(days)
    first = _reached(days, order, max(3, total / _STRAY), 1)
    return first, _reached(days, reversed(order), total / _PART, _DAYS) - horizon


def _reached(days: Mapping[int, int], order: Iterable[int], messages: float, least: int) -> int:
    """The day by which so many messages came, on so many days at least; else the last in order."""
    day = 0
    for number, day in enumerate(order, 1):
        messages -= days[day]
        if messages <= 0 and number >= least:
            break
    return day


def _holds_aged(history: RoleHistory, between: tuple[int, int]) -> bool:
    """Whether any value or address of a role has aged."""
    held = (history.values, history.addresses)
    return any(_has_aged(seen, between) for values in held for seen in (values or {}).values())


def _told(held: RoleHistory, counts: RoleHistory) -> Collection[str] | int:
    """What a role tells all streams, or how many values it has lost; see `_Aged.counts`."""
    shown = counts.values or {}
    return frozenset(shown) if counts.closed else len(held.values or ()) - len(shown)


def _without(history: RoleHistory, between: tuple[int, int]) -> RoleHistory:
    """A role without what has aged."""
    values, addresses = (_kept(values, between) for values in (history.values, history.addresses))
    return RoleHistory(history.messages, values, addresses)


def _kept(values: Mapping[str, Seen] | None, between: tuple[int, int]) -> dict[str, Seen] | None:
    return None if values is None else {value: seen for value, seen in values.items() if not _has_aged(seen, between)}


def _has_aged(seen: Seen, between: tuple[int, int]) -> bool:
    since, before = between
    return seen.last >= since and seen.is_before(before)
