"""A message shows one recipient more than its stream ever did."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import RECIPIENT
from headerguard.finding import Finding, Severity
from headerguard.message import Message
from headerguard.profile import PARTIES
from headerguard.riders import Riders
from headerguard.rule import Example, Known, Rule, layer_of

_LINES = "From: shop@shop.example\nTo: jane@client.example{}\nX-MC-Template: receipt\n"
_HISTORY = tuple(f"From: shop@shop.example\nTo: c{i}@client-{i}.example\nX-MC-Template: receipt\n" for i in range(20))


@dataclass(frozen=True)
class ExtraRecipient(Rule):
    """Two recipients who have nothing to do with one another, in a stream that always shows one.

    Flags: recipients in To and Cc (in a copy without these, as a log, all of them) at two registrable domains or more,
    at a provider of free mail two addresses, besides the author's own and what was declared, where the stream has shown
    one party at most in at least 20 messages, and more in no more than one of `rare`. The subject is the one that was
    beside others most often, else the last. A shape is no stranger: what was flagged once is known from then on.

    Why: mail to customers goes to a new domain every day, so that no domain is a surprise; a second recipient is.

    When it is wrong: a customer who adds an address of somebody else; the first message of a stream that is for groups.

    What to do: find out who added the recipient. Where the application asks for it, say so with `recipients=`.

    References: CVE-2023-7028 (a password reset sent to two addresses); RFC 5322 section 3.6.3.
    """

    id = "extra-recipient"
    severity = Severity.HIGH
    roles = RECIPIENT
    needs = frozenset(("baseline",))
    rare: int = 1_000
    examples = (
        Example(
            flagged=_LINES.format(", copy@arxxwalls.com"),
            clean=_LINES.format(", joe@client.example"),
            cites="copy@arxxwalls.com",
            history=_HISTORY,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Count parties only where the stream has shown one."""
        shape = known.profile.exceptions(PARTIES, "1") if known.profile and not known.borrowed else None
        if shape is None or shape[0] * self.rare > shape[1]:
            return
        shown = known.company(message).shown
        undeclared = [
            recipient
            for recipient in message.recipients
            if recipient.address.canonical in shown
            and known.registrable(recipient.address) not in known.own_domains
            and not known.declares(recipient)
        ]
        if len({shown[recipient.address.canonical] for recipient in undeclared}) > 1:
            riders = next(known.baseline.company(message.account, None), Riders())
            culprit = max(reversed(undeclared), key=lambda recipient: riders.count(recipient.address.canonical))
            yield self.finding(
                culprit,
                f"{culprit.address} receives it beside somebody unrelated, where {known.level} shows one recipient",
                also=[recipient for recipient in undeclared if recipient is not culprit][:5],
                layer=layer_of(culprit, message.stage),
                history=known.history(),
            )
