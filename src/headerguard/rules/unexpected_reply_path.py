"""Replies or receipts go to somebody whom nobody declared."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.rule import Example, Rule


@dataclass(frozen=True)
class UnexpectedReplyPath(Rule):
    """A reply, bounce or receipt address outside the author's domain.

    Flags: with `recipients=` or `blind=` given, an address in Reply-To, Return-Path, Errors-To,
    Disposition-Notification-To and the like that shares no registrable domain with the author, a declared entry or an
    own domain. The same where the configuration lists who is expected in that role of the stream.

    Why: a changed Reply-To diverts every answer, and a changed receipt or error address reports every reader, without a
    change in who receives the message.

    When it is wrong: an ESP takes bounces at a domain of its own (LOW), or a form sets the visitor as Reply-To. Where
    the stream has shown either before, the rule is silent; while a live baseline has little of the stream it is a
    remark (LOW), so that the stream can be learned.

    What to do: find what set the field. If it belongs there, add the domain to own-domains or to the declaration.

    References: RFC 5322 section 3.6.2; RFC 8098 section 2.1.
    """

    id = "unexpected-reply-path"
    severity = Severity.MEDIUM
    roles = frozenset((Role.REPLY, Role.BOUNCE, Role.RECEIPT))
    needs = frozenset(("declared",))
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: jane@client.example\nReply-To: help@arxxwalls.com\n",
            clean="From: shop@shop.example\nTo: jane@client.example\nReply-To: help@shop.example\n",
            cites="help@arxxwalls.com",
            declared={"recipients": ["jane@client.example"]},
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Compare the registrable domains."""
        given = known.declared.given
        found = message.sightings_of(self.roles if given else self.roles & known.declared.expected.keys())
        if not found:
            return
        own = known.own_domains | (known.author_domains(message) if _is_expected_author(message, known) else set())
        bounds = [b for b in (known.declared.recipients, known.declared.blind) if b is not None]
        declared = {known.suffixes.registrable_domain(key.rpartition("@")[2]) for b in bounds for key in b.addresses}
        learning = (known.profile is None or known.borrowed) and bool(known.baseline.streams)
        for sighting in found:
            domain = known.registrable(sighting.address)
            if domain in own or domain in declared or any(b.allows_domain(domain) for b in bounds):
                continue
            if (expected := known.declared.expected.get(sighting.role)) and expected.allows(sighting.address):
                continue
            if known.knows((sighting.role,), domain) or known.varied(sighting.role):
                continue
            weight = Severity.LOW if sighting.role is Role.BOUNCE or learning else None
            yield self.finding(
                sighting,
                f"{sighting.field} goes to {sighting.address}, which nobody declared",
                severity=weight,
                expected=known.declared.described(sighting.role),
            )


def _is_expected_author(message: Message, known: Known) -> bool:
    """Whether the author may vouch for a domain: not one whom the stream does not expect."""
    expected = known.declared.expected.get(Role.FROM)
    return expected is None or all(expected.allows(s.address) for s in message.sightings_of((Role.FROM,)))
