"""Who receives a message, as far as a copy shows: its sightings put together, and whom it hides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from headerguard.address import Address
from headerguard.address_list import Tier
from headerguard.role import VISIBLE, Role
from headerguard.sighting import Sighting

__all__ = ["Recipient", "recipients_of"]


class Recipient(NamedTuple):
    """An address that receives the message, merged over its sightings."""

    address: Address
    """As first seen."""
    sightings: tuple[Sighting, ...]
    """Every place that makes it a recipient, strongest first: envelope, then header order."""
    hidden: bool
    """No destination field that recipients can read names it."""
    original: Address | None = None
    """The address before alias or list expansion, where the copy shows it."""

    @property
    def roles(self) -> frozenset[Role]:
        """Every role it has."""
        return frozenset(s.role for s in self.sightings)

    @property
    def tier(self) -> Tier:
        """The surest of its readings."""
        sightings = self[1]
        if len(sightings) == 1:
            return sightings[0][4]
        tiers = [s.tier for s in sightings]
        return next(tier for tier in _SUREST_FIRST if tier in tiers)


_SUREST_FIRST = tuple(Tier)
_CANDIDATE = Tier.CANDIDATE
_new = tuple.__new__  # half the cost of the generated constructor, which counts here


def recipients_of(
    sightings: Iterable[Sighting],
    concealing: Collection[Role],
    unseen: Collection[Sighting],
    originals: Mapping[str, Address],
) -> tuple[Recipient, ...]:
    """Recipients in the order of their first sightings, of all tiers.

    Hidden is whom a role among `concealing` or a sighting among `unseen` (which shows nobody, whatever its role) names,
    and no other under its address or another of the same mailbox. `originals` as in `Record`.
    """
    merged: dict[str, list[Sighting]] = {}
    shown: dict[str, Address] = {}
    for sighting in sightings:
        address = sighting[0]
        key = address.key
        merged.setdefault(key, []).append(sighting)
        seen = not unseen or sighting not in unseen  # hashing a sighting costs more than all the rest
        if seen and sighting[1] in VISIBLE and sighting[4] is not _CANDIDATE:
            shown[key] = address  # what only some readers see conceals nothing
    hiding = [
        key for key in merged.keys() - shown.keys() if any(s.role in concealing or s in unseen for s in merged[key])
    ]
    same = {address.canonical for address in shown.values()} if hiding else ()
    hidden = {key for key in hiding if merged[key][0].address.canonical not in same}
    return tuple(
        [
            _new(Recipient, (found[0][0], tuple(found), key in hidden, originals.get(key)))
            for key, found in merged.items()
        ]
    )
