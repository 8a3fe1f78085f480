"""What is seen at one place of a copy: an address, or the host or account that is named there."""

from __future__ import annotations

from typing import NamedTuple

from headerguard.address import Address
from headerguard.address_list import Tier
from headerguard.role import Role

__all__ = ["Mark", "Sighting"]


class Sighting(NamedTuple):
    """One address at one place of a copy."""

    address: Address
    """The decoded value; `str()` gives the addr-spec."""
    role: Role
    """What it is there for."""
    field: str
    """Wire name in lower case; "rcpt to" or "mail from" for the envelope."""
    occurrence: int
    """Which field of that name, from 0; for the envelope which recipient."""
    tier: Tier
    """How sure the reading is."""
    span: tuple[int, int] | None
    """Start and end octet in the message; None where the copy has no octets."""
    display_name: str | None = None
    """The name it stands under, decoded, or None."""

    @property
    def quality(self) -> tuple[str, ...]:
        """What is odd about the address, a sentence each; see `Address.quality`."""
        return self.address.quality


class Mark(NamedTuple):
    """A host name, an id of the sending account, or one of its settings, at one place of a copy."""

    kind: str
    """host, account or setting."""
    value: str
    """The host name in lower case, "vendor:id", or what is set and to what: "bcc copy@client.example"."""
    role: Role
    """What it is there for."""
    field: str
    """Wire name in lower case, or a path inside an event."""
    occurrence: int
    """Which field of that name, from 0."""
    span: tuple[int, int] | None
    """Start and end octet of the value that holds it; None where the copy has no octets."""
