"""A stranger whose domain looks like one that is known."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from headerguard.fields import RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message, Sighting
from headerguard.rule import Example, Rule

_CLEAN = "From: shop@shop.example\nTo: jane@client.example\nX-MC-Template: receipt\n"
_OWN = {"own-domains": ["brightpath.example"]}


@dataclass(frozen=True)
class LookalikeDomain(Rule):
    """A domain that nobody knows and that looks like one of yours, of a partner, or of a closed role.

    Flags: an address in any recipient, author, reply, receipt or bounce role at a domain that no stream has shown where
    nobody signs up, that was not declared, and that imitates one of `own-domains`, one that the configuration expects
    or the caller asked for or, where the role is closed in this stream, one that a closed role of any stream has shown.
    It imitates it by letters that look alike, in any script (UTS #39), by one slip of the keyboard, a hyphen or a dot
    that moved, another top level, a word before or behind it, or by standing in front of another domain.

    Why: who wants to be taken for somebody registers a name that is read as his. A copy to such a domain, or an answer
    that goes there, passes every glance.

    When it is wrong: a brand of yours under another top level, or a customer whose name happens to be near yours. Short
    names are alike by chance, so they are asked for more likeness.

    What to do: look at the domain letter by letter (`headerguard explain DOMAIN`). If it is yours or a partner's, add
    it to own-domains or to what the stream expects.

    References: Unicode Technical Standard 39; the ChunkHost report of 2014, whose copy went to chunkhost.info.
    """

    id = "lookalike-domain"
    severity = Severity.HIGH
    roles = RECIPIENT | {Role.FROM, Role.SENDER, Role.REPLY, Role.RECEIPT, Role.BOUNCE}
    news = roles
    examples = (
        Example(
            flagged=_CLEAN + "Reply-To: help@brlghtpath.example\n",
            clean=_CLEAN + "Reply-To: help@brightpath.example\n",
            cites="help@brlghtpath.example",
            config=_OWN,
        ),
        Example(
            flagged=_CLEAN + "Bcc: copy@brightpath.example.stranger.test\n",
            clean=_CLEAN + "Bcc: copy@brightpath.stranger.test\n",
            cites="copy@brightpath.example.stranger.test",
            config=_OWN,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Look at every role where there is a name to be near to, else at the closed ones alone."""
        near = known.own_domains or known.partners or known.declared.given
        roles: Collection[Role] = self.roles if near else known.closed_roles() & self.roles
        if known.news is not None:  # nobody is a stranger where the stream has always shown him
            roles = [role for role in roles if role in known.news]
        places: dict[str, list[Sighting]] = {}
        for sighting in message.sightings_of(roles) if roles else ():
            if (domain := sighting.address.domain) not in known.own_domains:
                places.setdefault(domain, []).append(sighting)
        for domain, (first, *others) in places.items():
            if known.is_stranger(first) and (imitation := known.imitated(first)) and (near or _counts(first, message)):
                yield self.finding(
                    first,
                    f"{first.field} names {domain}, which looks like {imitation.original} ({imitation.how})",
                    subject=known.registrable(first.address),
                    also=others,
                )


def _counts(sighting: Sighting, message: Message) -> bool:
    """Whether a closed role speaks of a sighting: of the envelope only hidden recipients are learned."""
    if sighting.role is not Role.ENVELOPE:
        return True
    return any(r.hidden and r.address.key == sighting.address.key for r in message.recipients)
