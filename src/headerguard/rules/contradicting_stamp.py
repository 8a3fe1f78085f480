"""A delivery stamp says that this copy went to somebody whom the header does not name."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import CATALOGUE, HIDDEN, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known, author_mailbox, layer_of
from headerguard.message import Message, Sighting
from headerguard.rule import Example, Rule

_LINES = "From: shop@shop.example\nTo: jane@client.example\n"
_ENVELOPE = frozenset((Role.ENVELOPE,))


@dataclass(frozen=True)
class ContradictingStamp(Rule):
    """A stamp of an ESP or server names a recipient that no destination field shows.

    Flags: an address in X-PM-RCPT, X-Mailgun-Sid, X-MSFBL, a return path that encodes the recipient, X-Gm-Original-To,
    Envelope-To and the like, that no To or Cc names, where the header has one of these. Not in mail of lists, whose
    subscribers no header names, and not at a domain that the message shows or the stream has shown hidden, nor for whom
    was declared, nor the author.

    Why: the stamp is written by whoever delivers. It is often all that the copy of a blind recipient shows.

    When it is wrong: an alias that points to another domain, and newsletters addressed to themselves.

    What to do: find out who receives at that address, and which account or relay sent the copy there.

    References: RFC 5321 section 7.2; Postmark, Mailgun, SparkPost and SendGrid stamps as seen in delivered mail.
    """

    id = "contradicting-stamp"
    severity = Severity.LOW
    roles = _ENVELOPE
    needs = frozenset(("header",))
    examples = (
        Example(
            flagged=_LINES + "Envelope-To: copy@arxxwalls.com\n",
            clean=_LINES + "Envelope-To: jane@client.example\n",
            cites="copy@arxxwalls.com",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Look at the hidden recipients that a field of the header stamps."""
        if not {"list-id", "list-post"}.isdisjoint(message.names):
            return
        if not any(map(_is_stamp, message.sightings_of(_ENVELOPE))):
            return
        author = author_mailbox(message)
        visible = {known.registrable(r.address) for r in message.recipients if not r.hidden}
        bounds = known.declared.bound(Role.ENVELOPE) or ()
        for recipient in message.recipients:
            places = [s for s in recipient.sightings if _is_stamp(s)] if recipient.hidden else ()
            address, domain = recipient.address, known.registrable(recipient.address)
            if not places or domain in visible or known.knows(HIDDEN, domain) or address.canonical == author:
                continue
            if not known.declared.expects_hidden(address) and not any(bound.allows(address) for bound in bounds):
                yield self.finding(
                    places[0],
                    f"this copy went to {address}, whom its header does not name",
                    also=places[1:],
                    layer=layer_of(recipient, message.stage),
                )


def _is_stamp(sighting: Sighting) -> bool:
    """Whether a field of the catalogue says so, not the transaction or an event."""
    return sighting.role is Role.ENVELOPE and sighting.field in CATALOGUE
