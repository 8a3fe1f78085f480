"""What was declared of a message: whom the application asked for, and what the operator expects of its stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from headerguard.address import BUNDLED, Address, SuffixList, to_a_label
from headerguard.address_list import Tier, parse, parse_all
from headerguard.message import Message, Recipient, Sighting
from headerguard.provenance import Stage
from headerguard.role import HIDDEN, RECIPIENT, Role

__all__ = ["Bound", "Declared", "standing"]


class Bound:
    """An upper bound on who may stand somewhere: whole addresses, and registrable domains (entries without an @)."""

    __slots__ = ("addresses", "domains", "entries", "suffixes")

    def __init__(self, entries: Iterable[str], suffixes: SuffixList = BUNDLED) -> None:
        """Read the entries; an address may be bare, in brackets or a whole mailbox. Raises ValueError for neither."""
        self.entries = (entries,) if isinstance(entries, str) else tuple(entries)
        self.suffixes = suffixes
        self.addresses: set[str] = set()
        self.domains: set[str] = set()
        for entry in self.entries:
            if not isinstance(entry, str):
                raise ValueError(f"{entry!r} is neither an address nor a domain")
            if "@" in entry and len({address.key for address, *_ in parse_all(entry)}) > 1:
                raise ValueError(f"{entry!r} holds several addresses; give each as an entry of its own")
            if "@" not in entry:
                self.domains.add(to_a_label(entry.strip()))
            elif (address := parse(entry)) is None:
                raise ValueError(f"{entry!r} is neither an address nor a domain")
            else:
                self.addresses.add(address.key)

    def allows(self, address: Address) -> bool:
        """Whether the bound names the address or its registrable domain."""
        return address.key in self.addresses or self.allows_domain(address.domain)

    def allows_domain(self, domain: str) -> bool:
        """Whether the bound names the registrable domain of a host as a whole."""
        return bool(self.domains) and (
            domain in self.domains or self.suffixes.registrable_domain(domain) in self.domains
        )


_ALSO_BOUND = HIDDEN | {Role.REPLY, Role.BOUNCE, Role.RECEIPT}


@dataclass(frozen=True, slots=True)
class Declared:
    """What the application asked for and what the operator declared."""

    recipients: Bound | None = None
    """Bound on To, Cc, envelope and control; None: not given."""
    blind: Bound | None = None
    """Bound on Bcc; None: the same as `recipients`; an empty bound: nobody."""
    missing: bool = False
    """Whether a declared address that is absent is a finding too."""
    expected: Mapping[Role, Bound] = field(default_factory=dict)
    """What the configuration expects of this stream, per role."""
    most: Mapping[Role, int] = field(default_factory=dict)
    """How many the configuration expects in a role of this stream at most, whoever they are."""
    recorded: bool | None = None
    """Whether the file of expectations knows this stream; None: the configuration names no such file."""
    sealed: frozenset[Stage] = frozenset()
    """The stages at which the configuration expects copies of this stream to carry a seal."""

    @property
    def given(self) -> bool:
        """Whether the caller gave an intent at all."""
        return self.recipients is not None or self.blind is not None

    def named(self) -> Iterator[str]:
        """The domains of all whom the application asked for."""
        for bound in (self.recipients, self.blind):
            if bound is not None:
                yield from bound.domains
                yield from (key.rpartition("@")[2] for key in bound.addresses)

    def bound(self, role: Role) -> tuple[Bound, ...] | None:
        """The bounds on a role, any one of which may allow an address; None when nothing bounds it.

        Envelope and control fields may hold whom `recipients` or `blind` names; an author is bound by neither.
        """
        asked: tuple[Bound | None, ...] = ()
        if self.given:
            if role in (Role.BCC, Role.RESENT_BCC):
                asked = (self.blind if self.blind is not None else self.recipients,)
            elif role in (Role.TO, Role.CC, Role.RESENT_TO, Role.RESENT_CC):
                asked = (self.recipients,)
            elif self.recipients is not None and role in _ALSO_BOUND:
                asked = (self.recipients, self.blind)
        bounds = tuple(b for b in (*asked, self.expected.get(role)) if b is not None)
        return bounds or None

    def expects_hidden(self, address: Address) -> bool:
        """Whether the configuration expects an address as a hidden copy; a server turns one such role into another."""
        return any(bound.allows(address) for role, bound in self.expected.items() if role in HIDDEN)

    def described(self, role: Role) -> str:
        """Who is declared for a role, in words: "bcc nobody"; "" where nothing bounds it."""
        bounds = self.bound(role)
        if bounds is None:
            return f"{role} {self.most[role]} at most" if role in self.most else ""
        entries = list(dict.fromkeys(entry for bound in bounds for entry in bound.entries))
        more = f" and {len(entries) - _SHOWN:,} more" if len(entries) > _SHOWN else ""
        return f"{role} {', '.join(entries[:_SHOWN]) or 'nobody'}{more}"


_SHOWN = 5
"""Entries of a bound that a sentence names."""

_RESENT = {Role.TO: Role.RESENT_TO, Role.CC: Role.RESENT_CC, Role.BCC: Role.RESENT_BCC}


def standing(message: Message, role: Role) -> list[Recipient] | list[Sighting]:
    """Who stands in a role, each once, as expectations count them.

    In the envelope only whom the message hides and no other role names; what is resent counts as what is sent.
    """
    if role not in RECIPIENT:
        found = {s.address.key: s for s in message.sightings_of((role,)) if s.tier is not Tier.CANDIDATE}
        return list(found.values())
    if role is Role.ENVELOPE:
        return [r for r in message.recipients if r.hidden and r.roles == {Role.ENVELOPE}]
    roles = {role, _RESENT.get(role, role)}
    return [recipient for recipient in message.recipients if roles & recipient.roles]
