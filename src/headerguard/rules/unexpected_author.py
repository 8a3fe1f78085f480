"""The message says that it comes from somebody who is not the house."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.rule import Example, Rule


@dataclass(frozen=True)
class UnexpectedAuthor(Rule):
    """An author outside the own domains, in mail that the application sends.

    Flags: an address in From that is neither expected of the stream as `from` nor at an own domain. Where the stream
    expects nobody, only with `recipients=` or `blind=` given, and where there is something to compare with:
    `own-domains`, or the default author that an adapter found in the settings of a framework (DEFAULT_FROM_EMAIL).

    Why: whoever changes the author gets the answers, and what a domain that is not one's own signs or bounces. Without
    a reference nothing tells one author from another, so the rule is silent then.

    When it is wrong: mail that is sent in the name of a customer, at a domain of the customer's own. Where the stream
    has shown the domain, or so many that one more says nothing, the rule is silent.

    What to do: find what sets From. If it belongs there, add the domain to own-domains or to [streams.NAME.expected].

    References: RFC 5322 section 3.6.2.
    """

    id = "unexpected-author"
    severity = Severity.HIGH
    roles = frozenset((Role.FROM,))
    examples = (
        Example(
            flagged="From: shop@arxxwalls.com\nTo: jane@client.example\n",
            clean="From: shop@shop.example\nTo: jane@client.example\n",
            cites="shop@arxxwalls.com",
            declared={"recipients": ["jane@client.example"]},
            config={"own-domains": ["shop.example"]},
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Compare with what is expected of the stream, then with the own domains."""
        bounds = known.declared.bound(Role.FROM)
        own = known.own_domains | (self._configured(message, known) if bounds is None else frozenset())
        if bounds is None and not (known.declared.given and own):
            return
        for sighting in message.sightings_of(self.roles):
            domain = known.registrable(sighting.address)
            if domain in own or any(bound.allows(sighting.address) for bound in bounds or ()):
                continue
            if bounds is None and (known.knows(self.roles, domain) or known.varied(Role.FROM)):
                continue
            yield self.finding(
                sighting,
                f"{sighting.field} names {sighting.address}, who is not expected to send this",
                expected=known.declared.described(Role.FROM),
            )

    @staticmethod
    def _configured(message: Message, known: Known) -> frozenset[str]:
        """The registrable domains of the authors that stand in the settings of what sends."""
        stated = message.record.sightings if message.record else ()
        found = (s for s in stated if s.role is Role.IDENTITY and s.field.startswith("settings."))
        return frozenset(known.registrable(s.address) for s in found)
