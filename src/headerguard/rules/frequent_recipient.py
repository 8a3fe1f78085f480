"""One address that gets a good part of all mail, each time in a copy of its own."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known, layer_of
from headerguard.message import Message
from headerguard.riders import is_mailing
from headerguard.rule import Example, Rule

_CLOSED = RECIPIENT - {Role.TO, Role.CC}
_LEAST = 20
_SETTLED = 20
"""Messages after which somebody new is new."""
_FAR_LESS = 3
_RIVALS = 3
"""Others who come a third as often: where there are so many, the account writes to few."""

_LETTER = "From: shop@shop.example\nTo: {0}\n"
_HISTORY = tuple(_LETTER.format(f"c{number}@client-{number}.example") for number in range(_SETTLED))
_COPIES = tuple(_LETTER.format("copy@arxxwalls.com") for _ in range(_LEAST - 1))


@dataclass(frozen=True)
class FrequentRecipient(Rule):
    """An address that nobody declared gets a good part of all mail of the account, alone in each copy.

    Flags: a recipient who is beside nobody unrelated and has got at least twenty messages of the account, this one
    included, which are at least `share` of all since the first of them, where that was not among the first twenty; and
    no three others who turned up as late come a third as often. Not who is declared, at home with the author or the
    operator, or at a domain that the stream has copied in secret before. Every process counts from its own first
    message on.

    Why: a relay that writes each recipient a copy of his own, and a log with a line for each, leave nothing of who was
    beside whom. Whoever gets a copy of all mail then looks like any other customer, but for how often he comes.

    When it is wrong: a new customer who gets more mail than any other; a new monitor that is sent test mail.

    What to do: find out whose address it is. If it belongs there, declare or allow it.

    References: Misra and Gries 1982 (how it is counted); the ChunkHost report of March 2014.
    """

    id = "frequent-recipient"
    severity = Severity.MEDIUM
    roles = RECIPIENT
    share: float = 0.05
    examples = (
        Example(
            flagged=_LETTER.format("copy@arxxwalls.com"),
            clean=_LETTER.format("jane@client.example"),
            cites="copy@arxxwalls.com",
            history=_HISTORY + _COPIES,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Ask how often each recipient has come so far."""
        frequent = known.baseline.frequent.get(message.account)
        if frequent is None or is_mailing(message):
            return
        for recipient in message.recipients:
            key = recipient.address.canonical
            count, before = frequent.of(key)
            messages = frequent.messages + 1 - before
            if count + 1 < _LEAST or before < _SETTLED or count + 1 < self.share * messages:
                continue
            domain = known.registrable(recipient.address)
            home = known.own_domains | known.author_domains(message)
            if domain in home or known.knows(_CLOSED, domain) or known.declares(recipient):
                continue
            if len(known.company(message).everybody) > 1:
                return  # who is beside others is known by his company
            if frequent.rivals(key, _SETTLED, _FAR_LESS) < _RIVALS:
                yield self.finding(
                    recipient,
                    f"{recipient.address} gets {count + 1:,} of the last {messages:,} messages of the account",
                    layer=layer_of(recipient, message.stage),
                )
