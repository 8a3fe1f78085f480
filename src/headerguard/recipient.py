"""Who receives a message, as far as a copy shows: its sightings put together, and whom it hides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from headerguard.address import Address
from headerguard.address_list import Tier
from headerguard.role import VISIBLE, Role
from headerguard.sighting import Sighting

__all__ = ["Recipient", "recipients_of"]


@dataclass(frozen=True, slots=True)
class Recipient:
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
        tiers = [s.tier for s in self.sightings]
        return tiers[0] if len(tiers) == 1 else next(tier for tier in _SUREST_FIRST if tier in tiers)


_SUREST_FIRST = tuple(Tier)


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
        key = sighting.address.key
        merged.setdefault(key, []).append(sighting)
        seen = not unseen or sighting not in unseen  # hashing a sighting costs more than all the rest
        if seen and sighting.role in VISIBLE and sighting.tier is not Tier.CANDIDATE:
            shown[key] = sighting.address  # what only some readers see conceals nothing
    hiding = [
        key
        for key, found in merged.items()
        if key not in shown and any(s.role in concealing or s in unseen for s in found)
    ]
    same = {address.canonical for address in shown.values()} if hiding else ()
    hidden = {key for key in hiding if merged[key][0].address.canonical not in same}
    return tuple(
        Recipient(found[0].address, tuple(found), key in hidden, originals.get(key)) for key, found in merged.items()
    )
