"""A destination field names somebody who is not in the envelope."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.address_list import Tier
from headerguard.fields import VISIBLE, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Envelope, Message, Stage
from headerguard.rule import Example, Rule


@dataclass(frozen=True)
class MissingEnvelopeRecipient(Rule):
    """A visible recipient that the envelope leaves out.

    Flags: an address in To or Cc that is not in RCPT TO. Only where the envelope is known to be complete or the caller
    gave an intent: servers split messages, and a list or an alias stands in To while its members are in the envelope.

    Why: the reader believes that the person shown has the message. A recipient replaced in the envelope alone shows
    nothing in the header but this.

    When it is wrong: To holds a mailing list, an alias, or a name kept for show.

    What to do: compare the envelope with what the application asked for.

    References: RFC 5321 section 3.3; RFC 5322 section 3.6.3.
    """

    id = "missing-envelope-recipient"
    severity = Severity.LOW
    roles = VISIBLE
    needs = frozenset(("envelope", "complete envelope"))
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: jane@client.example, joe@client.example\n",
            clean="From: shop@shop.example\nTo: jane@client.example\n",
            cites="joe@client.example",
            envelope=Envelope("shop@shop.example", ("jane@client.example",), complete=True),
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Compare the visible recipients with the envelope."""
        for recipient in message.recipients:
            if (
                recipient.roles & VISIBLE
                and Role.ENVELOPE not in recipient.roles
                and recipient.tier is not Tier.CANDIDATE
            ):
                yield self.finding(
                    recipient,
                    f"{recipient.address} is shown as a recipient and is not in the envelope",
                    layer="application" if message.stage is Stage.SUBMITTED else "relay",
                )
