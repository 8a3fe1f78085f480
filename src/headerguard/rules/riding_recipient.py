"""One address beside many recipients that have nothing to do with one another."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known, layer_of
from headerguard.message import Message
from headerguard.riders import is_mailing
from headerguard.rule import Example, Rule

_FROM = "From: shop@shop.example\nTo: c{0}@client-{0}.example"
_QUIET = tuple(f"{_FROM.format(i)}\n" for i in range(20))
_COMPANY = tuple(f"{_FROM.format(i)}, copy@arxxwalls.com\n" for i in range(20, 22))

_CLOSED = RECIPIENT - {Role.TO, Role.CC}


@dataclass(frozen=True)
class RidingRecipient(Rule):
    """An address that nobody declared travels along with recipients who are unrelated.

    Flags: a recipient that has been beside at least three unrelated parties (registrable domains; at a provider of free
    mail addresses), the one of this message included, in at least 2 % of the messages of the account or of the stream
    since it turned up, and comes three times as often as at least half of those beside it. Not who was there from the
    first twenty messages on, nor where three messages of a hundred go to four unrelated parties or more, nor whose
    domain the stream has copied in secret before, nor who is declared or at home with the author or the operator. It
    weighs HIGH in half of the messages, or in `most` of them beyond chance; MEDIUM in `much`, else LOW.

    Why: this is what a copy of all mail looks like, whatever domain it goes to, in whatever role it is hidden.

    When it is wrong: a new agency or accountant that serves many customers; a new archive. It is one incident each.

    What to do: find out whose address it is. If it belongs there, declare or allow it.

    References: the ChunkHost report of March 2014.
    """

    id = "riding-recipient"
    severity = Severity.HIGH
    roles = RECIPIENT
    most: float = 0.15
    much: float = 0.05
    examples = (
        Example(
            flagged=f"{_FROM.format(30)}, copy@arxxwalls.com\n",
            clean=f"{_FROM.format(30)}\n",
            cites="copy@arxxwalls.com",
            history=_QUIET + _COMPANY,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Ask whom each recipient has been beside so far."""
        parties = {} if is_mailing(message) else known.company(message).everybody
        riding: dict[str, tuple[float, float, int]] = {}
        for riders in known.baseline.company(message.account, known.stream) if len(parties) > 1 else ():
            for key, rider in riders.riders_in(parties, aside=known.aside).items():
                share, sure = riders.share(key, rider), riders.least_share(key, rider)
                riding[key] = max(riding.get(key, (0, 0, 0)), (share, sure, rider.count))
        for recipient in message.recipients if riding else ():
            key, domain = recipient.address.canonical, known.registrable(recipient.address)
            if key not in riding or domain in known.own_domains or known.declares(recipient):
                continue
            if not known.knows(_CLOSED, domain):
                share, sure, count = riding[key]
                high = share >= 0.5 or sure >= self.most
                yield self.finding(
                    recipient,
                    f"{recipient.address} travels along with unrelated recipients, in {count:,} messages",
                    severity=None if high else Severity.MEDIUM if share >= self.much else Severity.LOW,
                    layer=layer_of(recipient, message.stage),
                )
