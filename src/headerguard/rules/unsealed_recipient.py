"""Somebody receives a sealed message whom the application did not ask for."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import RECIPIENT, VISIBLE, Role
from headerguard.finding import Finding, Severity
from headerguard.message import Message, Recipient
from headerguard.rule import Example, Known, Rule, layer_of

_KEY = b"the key of the examples"
_SEALED = """\
From: shop@shop.example
To: jane@client.example
X-Seal: hg1.AAeDIuswqq_R.AAAAAbDeIrrmYw.RxfFVcKRIDatSUSd
"""


@dataclass(frozen=True)
class UnsealedRecipient(Rule):
    """A recipient of a sealed message that the application did not ask for.

    Flags: in a copy or event that carries a seal which can be believed (`Guard.seal`), every recipient that was not
    sealed, one that differs from a sealed one only by case or Unicode compatibility, and a blind one that everybody
    can see.

    Why: the seal is what the application asked for. Whatever differs got in behind it, or leaked; no history is needed.

    When it is wrong: a list or alias that a server expands (the copy says what it was before, where it can), or a
    recipient that the application added after it made the seal.

    What to do: the layer says where it must have got in: with the message, at a relay, or in the account at the ESP.

    References: CVE-2019-19844; the ChunkHost report of March 2014.
    """

    id = "unsealed-recipient"
    severity = Severity.HIGH
    roles = RECIPIENT | {Role.DELIVERED}
    examples = (
        Example(
            flagged=_SEALED + "Bcc: copy@arxxwalls.com\n",
            clean=_SEALED,
            cites="copy@arxxwalls.com",
            seal_key=_KEY,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Compare every recipient with the seal."""
        seal = known.seal
        if seal is None:
            return
        for recipient in message.recipients:
            address = recipient.address
            if seal.is_blind(address) and any(s.role in VISIBLE for s in recipient.sightings):
                yield self._said(message, recipient, f"{address} was to be a blind recipient, and all can see it")
            elif seal.means(address):
                yield self._said(message, recipient, f"{address} only looks like a recipient that was asked for")
            elif not seal.allows(address) and not (recipient.original and seal.allows(recipient.original)):
                yield self._said(message, recipient, f"{address} was not asked for by the application")

    def _said(self, message: Message, recipient: Recipient, summary: str) -> Finding:
        return self.finding(recipient, summary, layer=layer_of(recipient, message.stage))
