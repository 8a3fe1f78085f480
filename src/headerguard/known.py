"""What is known besides the message when a rule judges it: the stream, what was declared, who belongs to whom."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headerguard.address import BUNDLED, Address, SuffixList
from headerguard.address_list import Tier
from headerguard.baseline import Baseline
from headerguard.declared import Declared
from headerguard.fields import HIDDEN, RECIPIENT, VISIBLE, Role
from headerguard.finding import History
from headerguard.lists import DISPOSABLE, FREEMAIL, DomainList
from headerguard.message import Message, Recipient, Sighting, Stage
from headerguard.novelty import Trend
from headerguard.profile import Profile
from headerguard.riders import Company, company_of
from headerguard.seal import Seal
from headerguard.stream import NAMED, Level

if TYPE_CHECKING:
    from headerguard.dns_facts import Facts
    from headerguard.lookalike import Imitation, Lookalikes

__all__ = ["Known", "author_mailbox", "home_of", "is_given_away", "is_subscriber", "layer_of"]


@dataclass(slots=True)  # frozen it would cost three times as much, and there is one for each message
class Known:
    """All that a rule may know besides the message. Immutable by contract."""

    profile: Profile | None
    """What this stream has done, at the finest level that holds enough messages; None: too little is known."""
    level: Level | None
    """That level."""
    declared: Declared
    """What was declared."""
    own_domains: frozenset[str]
    """Registrable domains of the operator."""
    baseline: Baseline
    """Everything learned."""
    borrowed: bool = False
    """The level is the author of a stream that holds too little itself: what other streams of the author never did
    proves nothing about this one. Not so where subjects alone tell streams apart, and the author holds enough."""
    suffixes: SuffixList = BUNDLED
    """The Public Suffix List in use."""
    stream: Level | None = None
    """The finest level of the stream, whether or not enough is known of it."""
    rate: float = 1e-4
    """How often a clean message may be called novel, as configured."""
    partners: frozenset[str] = frozenset()
    """Registrable domains that the configuration expects of any stream."""
    freemail: DomainList = FREEMAIL
    """Domains that give a mailbox to everybody."""
    disposable: DomainList = DISPOSABLE
    """Domains of mailboxes that are thrown away."""
    bounded: bool = False
    """Whether own relays are configured, so that the trace above them can be believed."""
    news: frozenset[str] | None = None
    """The learned roles in which the message may show what the stream has not; None: too little is known to tell."""
    _near: list[Lookalikes] = field(default_factory=list, compare=False, repr=False)

    seal: Seal | None = None
    """What the application asked for, where the copy carries a seal that can be believed."""
    unbelieved: str | None = None
    """Why a seal that the copy carries cannot be believed; None for none, or where there is no key."""
    accepts: Callable[[Address], bool] | None = field(default=None, compare=False, repr=False)
    """Tells whom people judged benign in this stream; None: nobody."""
    aside: Container[str] = field(default=frozenset(), compare=False, repr=False)
    """Canonical addresses and registrable domains of strangers, and of those whom people judged, in this account."""
    _facts: Callable[[str], Facts | None] = field(default=lambda domain: None, compare=False, repr=False)

    def vouches_for(self, registrable: str) -> bool:
        """Whether a registrable domain is the operator's own, a partner's, or one that a closed role has shown."""
        return registrable in self.own_domains or registrable in self.partners or self.seen_anywhere(registrable)

    def is_stranger(self, sighting: Sighting) -> bool:
        """Whether nobody knows the domain of an address: not the operator, no stream, and not the caller."""
        domain = self.registrable(sighting.address)
        if self.vouches_for(domain):
            return False
        if self.knows(VISIBLE, domain):  # what the stream has shown elsewhere has been seen anywhere
            return False
        bounds = (*(self.declared.bound(sighting.role) or ()), self.declared.recipients, self.declared.blind)
        return not any(bound is not None and bound.allows(sighting.address) for bound in bounds)

    def imitated(self, sighting: Sighting) -> Imitation | None:
        """Whom a stranger imitates: one's own, a declared name or, in a closed role, what closed roles have shown.

        The names are put in order when the first stranger comes, and never for mail without one.
        """
        if not self.is_stranger(sighting):
            return None
        domain, closed = sighting.address.domain, self.closed(sighting.role)
        if self.registrable(sighting.address) in self.freemail:
            return None
        from headerguard.lookalike import Lookalikes

        if not self._near:
            self._near.append(Lookalikes(self.own_domains | self.partners, self.suffixes))
        found = self._near[0].imitated(domain)
        if found is None and self.declared.given:
            found = Lookalikes(self.declared.named(), self.suffixes).imitated(domain)
        if found is None and closed:
            found = self.baseline.lookalikes(self.suffixes).imitated(domain)
            if found is not None and not self.baseline.shows_closed(found.original):
                return None  # the role has opened since
        return found

    def company(self, message: Message) -> Company:
        """Who is beside whom in the message, put together once for all rules."""
        return company_of(message, self.suffixes)

    def hides(self, recipient: Recipient, message: Message) -> bool:
        """Whether nobody whom the message is meant for sees that a recipient gets it.

        No field names him, or he gets a copy of his own of a message that was meant for somebody unrelated.
        """
        return recipient.hidden or recipient.address.canonical in self.company(message).apart

    def facts(self, domain: str) -> Facts | None:
        """What DNS said of a domain when it was a stranger in an earlier finding; None: nobody asked. Asks nothing."""
        return self._facts(domain)

    def of_nameless_mail(self) -> Known:
        """The same with all mail of the account that has no name in the place of a stream without one."""
        if self.stream is None or self.stream.kind in NAMED:
            return self
        level = Level("author", "", self.stream.account)
        profile = self.baseline.streams.get(level.key)
        recent = self.baseline.recent(profile) if profile else None
        return dataclasses.replace(self, profile=recent, level=level, borrowed=True)

    def closed(self, role: Role, unused: bool = True) -> bool:
        """Whether a role is closed in this stream, so that a new value in it means something; see `Profile.closed`."""
        return self.profile is not None and self.profile.closed(role, unused and not self.borrowed)

    def closed_roles(self, unused: bool = True) -> frozenset[Role]:
        """Every role that is closed in this stream; `unused` as in `closed`."""
        return self.profile.closed_roles(unused and not self.borrowed) if self.profile else frozenset()

    def varied(self, role: Role) -> bool:
        """Whether this stream shows so many domains in a role that a new one says nothing."""
        return self.profile is not None and self.profile.varied(role)

    def knows(self, roles: Iterable[Role], domain: str) -> bool:
        """Whether this stream has shown a registrable domain in one of the roles."""
        return self.profile is not None and any(self.profile.knows(role, domain) for role in roles)

    def knows_address(self, roles: Iterable[Role], address: Address) -> bool:
        """Whether this stream has shown an exact address in one of the roles."""
        histories, pseudonym = self.profile.roles if self.profile else {}, self.baseline.pseudonym
        for role in roles:
            shown = histories[role].addresses if role in histories else None
            if shown and pseudonym(role, address) in shown:
                return True
        return False

    def address_trend(self, role: Role) -> Trend | None:
        """How the exact addresses of a role of this stream came; None where none are known, or any may stand there."""
        return self.profile.address_trend(role, self.baseline.pseudonyms.name) if self.profile else None

    def declares(self, recipient: Recipient) -> bool:
        """Whether what was declared for any of the roles of a recipient allows it, or people judged it benign."""
        if self.accepts is not None and self.accepts(recipient.address):
            return True
        bounds = [bound for role in recipient.roles for bound in self.declared.bound(role) or ()]
        return any(bound.allows(recipient.address) for bound in bounds) or self.declared.expects_hidden(
            recipient.address
        )

    def stranger(self, sighting: Sighting) -> str:
        """Who it is that is strange: the registrable domain, so that one incident covers every address there.

        Of a recipient it is the address where somebody declared who may stand there, as for `unexpected-recipient`.
        """
        role, address = sighting.role, sighting.address
        declared = role in RECIPIENT and self.declared.bound(role) is not None
        return str(address) if declared else self.registrable(address)

    def p_value(self, role: Role, domain: str) -> float | None:
        """How rare a registrable domain is in a role of this stream: the share of clean messages at least as unusual.

        None where too little is known, and where the role is open, so that no rule on domains keeps its promise.
        """
        return self.baseline.odds(self.profile, role, domain) if self.profile else None

    def seen_anywhere(self, domain: str) -> bool:
        """Whether any stream has shown a registrable domain in a closed role; the operator's own tell nobody apart."""
        return domain not in self.own_domains and self.baseline.has_seen(domain)

    def registrable(self, address: Address) -> str:
        """The registrable domain by the configured list."""
        return self.suffixes.registrable_domain(address.domain)

    def author_domains(self, message: Message) -> set[str]:
        """Registrable domains of the authors; what only some readers take for an author vouches for nothing."""
        authors = message.sightings_of((Role.FROM,))
        return {self.registrable(s.address) for s in authors if s.tier is not Tier.CANDIDATE}

    def history(self, role: str | None = None) -> History | None:
        """What was known before, for a finding."""
        return self.profile.history(role) if self.profile else None


def layer_of(recipient: Recipient, stage: Stage) -> str:
    """Where a recipient must have got in, as far as its places and the stage of the copy show."""
    roles = recipient.roles
    if stage is Stage.SUBMITTED or roles & (VISIBLE | {Role.BCC, Role.RESENT_BCC, Role.CONTROL}):
        return "application"
    return "relay" if roles & HIDDEN and stage is not Stage.EVENT else "unknown"  # an event tells of all ways in


def is_given_away(recipient: Recipient, message: Message, known: Known) -> bool:
    """Whether the domain of a hidden recipient alone gives it away, so that `unfamiliar-blind-recipient` says all."""
    domain, closed = known.registrable(recipient.address), known.closed_roles()
    if domain in _shown(message, known) or known.knows(HIDDEN, domain):
        return False
    odds = [known.p_value(s.role, domain) for s in recipient.sightings if s.role in HIDDEN & closed]
    return any(chance is not None and chance <= known.rate for chance in odds)


def is_subscriber(recipient: Recipient, message: Message) -> bool:
    """Whether a hidden recipient is the subscriber to whom this copy of a list was delivered, as no list shows those.

    Only its return path may name him as a recipient.
    """
    if "list-id" not in message.names or any(s.field != "return-path" for s in recipient.sightings if s.role in HIDDEN):
        return False
    return recipient.address.canonical in {s.address.canonical for s in message.sightings_of((Role.DELIVERED,))}


def author_mailbox(message: Message) -> str | None:
    """The canonical address of the only author, None for several: a copy to himself tells nobody else."""
    authors = message.sightings_of((Role.FROM,))
    boxes = {s.address.canonical for s in authors if s.tier is not Tier.CANDIDATE and s.role is Role.FROM}
    return boxes.pop() if len(boxes) == 1 else None


def home_of(message: Message, known: Known) -> set[str]:
    """The registrable domains of the authors, and of all whom the message shows: a colleague, an alias, a tag."""
    return _shown(message, known) | known.author_domains(message)


def _shown(message: Message, known: Known) -> set[str]:
    """The registrable domains of all whom the message shows to whom it is meant for.

    Who has a mailbox at the same provider of free mail is nobody's colleague.
    """
    apart = known.company(message).apart
    shown = {
        known.registrable(sighting.address)
        for sighting in message.sightings_of(VISIBLE)
        if sighting.tier is not Tier.CANDIDATE and sighting.address.canonical not in apart
    }
    return {domain for domain in shown if domain not in known.freemail}
