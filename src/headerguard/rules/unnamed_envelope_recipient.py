"""The envelope holds somebody whom no destination field names."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import HIDDEN, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known, layer_of
from headerguard.message import Envelope, Message
from headerguard.rule import Example, Rule


@dataclass(frozen=True)
class UnnamedEnvelopeRecipient(Rule):
    """An envelope recipient that no field of the header names.

    Flags: an address of RCPT TO that stands in no To, Cc, Bcc or control field of the same copy, unless it was declared
    or the stream has shown its registrable domain in a hidden role before. Only where the envelope is known to be
    complete or the caller gave an intent: servers split messages and lists expand.

    Why: this is what every blind copy looks like once a server has removed the Bcc field, the honest and the other.

    When it is wrong: the application hands blind recipients to the server in the envelope alone, as most mail libraries
    do. The rule alone is a remark; what it proves depends on history and intent.

    What to do: compare with what the application asked for; give `recipients=` and `blind=` to let the machine do it.

    References: RFC 5321 section 7.2; RFC 5322 section 3.6.3.
    """

    id = "unnamed-envelope-recipient"
    severity = Severity.LOW
    roles = frozenset((Role.ENVELOPE,))
    needs = frozenset(("envelope", "complete envelope"))
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: jane@client.example\n",
            clean="From: shop@shop.example\nTo: jane@client.example\nBcc: copy@arxxwalls.com\n",
            cites="copy@arxxwalls.com",
            envelope=Envelope("shop@shop.example", ("jane@client.example", "copy@arxxwalls.com"), complete=True),
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Look at the recipients whose only place is the envelope."""
        for recipient in message.recipients:
            if recipient.roles != {Role.ENVELOPE} or recipient.sightings[0].field != "rcpt to":
                continue
            domain = known.registrable(recipient.address)
            bounds = known.declared.bound(Role.ENVELOPE) or ()
            expected = known.knows(HIDDEN, domain) or known.declared.expects_hidden(recipient.address)
            if expected or any(bound.allows(recipient.address) for bound in bounds):
                continue
            yield self.finding(
                recipient,
                f"the envelope holds {recipient.address}, whom no field of the header names",
                layer=layer_of(recipient, message.stage),
            )
