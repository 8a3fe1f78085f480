"""Another address at a domain that is familiar, in a role where the stream has always shown the same ones."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from headerguard.fields import HIDDEN, VISIBLE, Role
from headerguard.finding import Finding, Severity
from headerguard.grammar.return_path import lasting_path
from headerguard.known import Known, author_mailbox, home_of, is_subscriber, layer_of
from headerguard.lists import FREEMAIL
from headerguard.message import Message, Recipient, Sighting
from headerguard.profile import LEARNED_ROLES
from headerguard.role_history import ENOUGH
from headerguard.rule import Example, Rule
from headerguard.traits import traits_of

_CLEAN = "From: shop@shop.example\nTo: jane@client.example\nX-MC-Template: receipt\n"
_HISTORY = tuple(
    f"From: shop@shop.example\nTo: c{i}@client-{i}.example\nBcc: shop@vault.example\nX-MC-Template: receipt\n"
    for i in range(20)
)

_AUTHORS = frozenset((Role.FROM, Role.SENDER))
_RETURNED = frozenset((Role.REPLY, Role.RECEIPT, Role.BOUNCE))
_RARE = 0.034
"""The chance of another address below which one is unfamiliar: that after 20 messages that all showed the same one."""


@dataclass(frozen=True)
class UnfamiliarAddress(Rule):
    """An address that a stream has never shown, at a domain that it has, where it always shows the same addresses.

    Flags: an author, a recipient, or an address for replies, receipts or bounces that the stream never showed there, at
    a registrable domain that it did. The role has to be closed: at most two domains and sixteen addresses, the
    commonest of them seen in at least 20 messages, and none new for as long; in To and Cc none was seen only once. For
    a hidden recipient all hidden roles count as one. A hidden recipient weighs HIGH, others MEDIUM.

    Why: a domain is not an identity where others have mailboxes as well: at a provider of free mail, at an archive that
    serves many customers, at a platform. Whoever has an account there looks familiar to every rule on domains.

    When it is wrong: a new mailbox for the archive, a new address for answers. At one of own-domains or, where it is
    not the author who changed, the author's domain it weighs one severity less; so does a hidden recipient at a domain
    that the message shows. Bounces to another mailbox than ever are a remark (LOW) unless it is one of free mail, and
    so is a recipient that an expanded alias explains. Numbers, hashes and recipients inside an address for replies or
    bounces make no other address, nor does a +tag; who writes to a list, and reads it, is anybody.

    What to do: find out whose mailbox it is. If it belongs there, allow the address for this stream.

    References: RFC 5321 section 2.3.11 (mailbox and address); RFC 5233 (subaddresses).
    """

    id = "unfamiliar-address"
    severity = Severity.HIGH
    roles = LEARNED_ROLES
    needs = frozenset(("baseline",))
    examples = (
        Example(
            flagged=_CLEAN + "Bcc: other@vault.example\n",
            clean=_CLEAN + "Bcc: shop@vault.example\n",
            cites="other@vault.example",
            history=_HISTORY,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Look only at roles that are closed and were used, so that open ones are not even parsed."""
        closed = known.closed_roles(unused=False)
        anybody = _AUTHORS if known.level and known.level.kind == "list" else frozenset()  # may write to a list
        seen = closed.difference(HIDDEN, anybody)
        for role, _, sighting in traits_of(message, known.suffixes).addresses:
            if role in seen and self._is_unfamiliar(sighting, (sighting.role,), known):
                yield self._changed(message, sighting, known)
        if (hidden := closed & HIDDEN) and message.sightings_of(HIDDEN):
            author = author_mailbox(message)
            for recipient in message.recipients:
                usual = recipient.address.canonical == author or is_subscriber(recipient, message)
                if known.hides(recipient, message) and not usual and not known.declares(recipient):
                    places = [s for s in recipient.sightings if s.role in HIDDEN]
                    surest = min(places, key=lambda s: s.role is Role.ENVELOPE)
                    if self._is_unfamiliar(surest, hidden, known):
                        yield self._added(message, recipient, surest, known)

    @staticmethod
    def _is_unfamiliar(sighting: Sighting, roles: Iterable[Role], known: Known) -> bool:
        """Never shown, at a domain that was, in roles that hardly ever show another address."""
        address = sighting.address
        if known.knows_address(roles, address) or not known.knows(roles, known.registrable(address)):
            return False
        if any(bound.allows(address) for bound in known.declared.bound(sighting.role) or ()):
            return False
        return any(_is_constant(role, known) for role in roles)

    def _changed(self, message: Message, sighting: Sighting, known: Known) -> Finding:
        """Somebody else where everybody can see it."""
        role, address, domain = sighting.role, sighting.address, known.registrable(sighting.address)
        home = known.own_domains if role in _AUTHORS else known.own_domains | known.author_domains(message)
        remark = domain in home or (role is Role.BOUNCE and domain not in FREEMAIL)
        return self.finding(
            sighting,
            f"{sighting.field} names {address}, and {known.level} has always shown others there",
            subject=lasting_path(address.canonical) if role in _RETURNED else None,
            severity=Severity.LOW if remark else Severity.MEDIUM,
            history=known.history(role),
        )

    def _added(self, message: Message, recipient: Recipient, surest: Sighting, known: Known) -> Finding:
        """Somebody else whom nobody sees."""
        expanded = surest.role is Role.ENVELOPE and message.is_expanded(recipient)
        home = known.registrable(surest.address) in known.own_domains | home_of(message, known)
        return self.finding(
            surest,
            f"a hidden copy to {recipient.address}, where {known.level} has always copied others",
            also=[s for s in recipient.sightings if s is not surest],
            severity=Severity.LOW if expanded else Severity.MEDIUM if home else None,
            layer=layer_of(recipient, message.stage),
            history=known.history(surest.role),
        )


def _is_constant(role: Role, known: Known) -> bool:
    """Whether the next message is very unlikely to show another address in a role.

    The chance is the estimate of `novelty` where nothing is pooled: the share of addresses that were seen once (Good,
    Biometrika 1953), and how long the newest has been known. No odds come of it, as no other mail was counted.
    """
    trend = known.address_trend(role)
    if trend is None or trend.messages < ENOUGH or trend.since < ENOUGH - 1 or (trend.singles and role in VISIBLE):
        return False
    return math.sqrt((trend.singles + 0.5) / (trend.messages + 1) / (trend.since + 2)) < _RARE
