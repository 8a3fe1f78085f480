"""What of a message can be a habit of its stream: who stands in which role, who signs, tracks and sends it."""

from __future__ import annotations

from typing import NamedTuple

from headerguard.address import SuffixList
from headerguard.fields import MARKED, SIGNATURES, SIGNED_FOR, VISIBLE, Role
from headerguard.message import Mark, Message, Sighting
from headerguard.profile import (
    ACCOUNT,
    LEARNED_ROLES,
    RELAY_HOST,
    SETTING,
    SIGNER,
    TRACKING_HOST,
    Profile,
)

__all__ = ["Traits", "mark_known", "news_in", "traits_of"]


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
