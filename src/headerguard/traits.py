"""What of a message can be a habit of its stream: who stands in which role, who signs, tracks and sends it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from headerguard.address import SuffixList
from headerguard.address_list import Tier
from headerguard.fields import HIDDEN, MARKED, SIGNATURES, SIGNED_FOR, VISIBLE, Role
from headerguard.message import Mark, Message, Sighting
from headerguard.profile import (
    ACCOUNT,
    LEARNED_ROLES,
    RELAY_HOST,
    SEAL,
    SETTING,
    SHOWN,
    SIGNER,
    TRACKING_HOST,
    Profile,
    bucket,
)

__all__ = ["Traits", "learned_of", "mark_known", "news_in", "stated_in", "traits_of"]


_ENVELOPE = Role.ENVELOPE.value  # plain text is found in a mapping in half the time
_CANDIDATE = Tier.CANDIDATE  # a member is looked up by way of its class at three times the cost of a name


class Traits(NamedTuple):
    """All of a message that can be a habit, each with the role that it is learned under."""

    addresses: tuple[tuple[str, str, Sighting], ...]
    """Role, registrable domain and place of every address in a learned role, of all tiers."""
    marks: tuple[tuple[str, str, Mark], ...]
    """The same of accounts, settings, tracking hosts and signing domains."""


def traits_of(message: Message, suffixes: SuffixList) -> Traits:
    """Those of a message, put together once for all who ask."""
    return message.fact(_traits_of, suffixes)


def _traits_of(message: Message, suffixes: SuffixList) -> Traits:
    registrable = suffixes.registrable_domain
    addresses = [(_NAMES[s[1]], registrable(s[0][1]), s) for s in message.sightings_of(LEARNED_ROLES)]
    told = [(*mark_known(mark, suffixes), mark) for mark in (*message.marks_of(MARKED), *message.signers)]
    return Traits(tuple(addresses), tuple(trait for trait in told if trait[0]))


_NAMES: dict[str, str] = {role: role.value for role in Role}
"""Roles as the keys of a profile: a mapping of plain text finds those in half the time."""


def news_in(traits: Traits, profile: Profile) -> frozenset[str]:
    """The roles in which a message may show what a stream has not, or has shown where anything may stand.

    In any other role every value is one that the stream shows: no rule about what it never did can speak of it.
    """
    histories, news = profile.roles, set()
    for role, value, _ in (*traits.addresses, *traits.marks):
        history = histories.get(role)
        known = history.values if history else None
        if known is None or value not in known or not (role in VISIBLE or history is None or history.closed):
            news.add(role)
    return frozenset(news)


def mark_known(mark: Mark, suffixes: SuffixList) -> tuple[str, str]:
    """The role that a mark is learned under, "" for none, and what is learned of it."""
    if mark.kind in (ACCOUNT, SETTING):
        return mark.kind, mark.value
    if mark.role is Role.TRACKING:
        return TRACKING_HOST, suffixes.registrable_domain(mark.value)
    if mark.role is Role.IDENTITY and mark.field in SIGNATURES | SIGNED_FOR:
        return SIGNER, suffixes.registrable_domain(mark.value)
    if mark.role is Role.RELAY and mark.field == "received":
        return RELAY_HOST, suffixes.registrable_domain(mark.value)
    return "", mark.value


def learned_of(
    message: Message,
    suffixes: SuffixList,
    roles: dict[str, set[str]],
    hearsay: Callable[[Sighting | Mark], bool] | None,
    apart: Collection[str],
) -> Iterator[tuple[str, str, Sighting]]:
    """The addresses of a message that are learned; the role of the envelope is entered where it counts as observed.

    Whoever a report or an automatic answer goes to wrote first, and anybody can: who is hidden in one is not learned.
    """
    hidden: set[str] | None = None
    answer: bool | None = None
    for trait in traits_of(message, suffixes).addresses:
        role, _, sighting = trait
        if sighting[4] is _CANDIDATE:
            continue  # what only some readers see must not become known to all
        if hearsay is not None and hearsay(sighting):
            continue
        if role == _ENVELOPE:
            if hidden is None:
                hidden = {
                    r.address.key
                    for r in message.recipients
                    if r.address.canonical in apart or (r.hidden and not message.is_expanded(r))
                }
                if message.shows_destination:  # an event or a journal tells of the envelope as well
                    roles.setdefault(_ENVELOPE, set())
            if sighting.address.key not in hidden:
                continue
        if role in HIDDEN:
            answer = message.is_answer if answer is None else answer
            if answer:
                continue
        yield trait


def stated_in(
    message: Message,
    suffixes: SuffixList,
    without: Collection[tuple[str, str]],
    hearsay: Callable[[Sighting | Mark], bool] | None,
) -> dict[str, set[str]]:
    """What is learned of a message besides the domains of its addresses."""
    stated: dict[str, set[str]] = {}
    if not without:  # how many a message shows that was flagged for anything is no habit
        stated[SHOWN] = {bucket(sum(not recipient.hidden for recipient in message.recipients))}
        if message.seals:
            stated[SEAL] = {str(message.stage)}
    marks: Iterable[tuple[str, str, Mark]] = traits_of(message, suffixes).marks
    if hearsay is not None:  # without a boundary nobody vouches for any of the trace
        marks = (*marks, *((*mark_known(mark, suffixes), mark) for mark in message.hops))
    for role, value, mark in marks:
        if role and (role, value) not in without and not (hearsay and hearsay(mark)):
            stated.setdefault(role, set()).add(value)
    return stated
