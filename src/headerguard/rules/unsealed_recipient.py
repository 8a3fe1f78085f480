"""Somebody receives a sealed message whom the application did not ask for."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.address import Address
from headerguard.fields import HIDDEN, RECIPIENT, VISIBLE, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known, layer_of
from headerguard.message import Message, Recipient, Stage
from headerguard.rule import Example, Rule
from headerguard.seal import Seal

_KEY = b"the key of the examples"
_SEALED = """\
From: shop@shop.example
To: jane@client.example
X-Seal: hg1-AAd9kHhJchbCAAAAARFcVDJykQibw1MwiHK-L087s4
"""


@dataclass(frozen=True)
class UnsealedRecipient(Rule):
    """A recipient of a sealed message that the application did not ask for.

    Flags: in a copy or event that carries a seal which can be believed (`Guard.seal`), every recipient that was not
    sealed, one that differs from a sealed one only by case or Unicode compatibility, and a blind one that everybody
    can see. A trace field (`Delivered-To`, the `for` clause of `Received`) weighs one severity less, as mail is also
    forwarded by those who get it, and LOW where another one shows that the copy came by way of a sealed recipient. Not
    the mailbox that an archive copy lies in, and not who is declared to get hidden copies of the stream.

    Why: the seal is what the application asked for. Whatever differs got in behind it, or leaked; no history is needed.

    When it is wrong: a list or alias that a server expands (the copy says what it was before, where it can), a
    recipient who forwards, or one that the application added after it made the seal.

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
        """Compare every recipient with the seal, then what trace fields say of the way of this copy."""
        seal = known.seal
        if seal is None:
            return
        for recipient in message.recipients:
            if summary := _wrong(recipient, seal, message, known):
                yield self.finding(recipient, summary, layer=layer_of(recipient, message.stage))
        if message.stage is not Stage.ARCHIVE:
            yield from self._traced(message, seal, known)

    def _traced(self, message: Message, seal: Seal, known: Known) -> Iterator[Finding]:
        """Those who are in no other place. An event states a delivery, a header the way of a single copy."""
        stamps = [s for s in message.sightings_of((Role.DELIVERED, Role.ENVELOPE)) if s.field != "rcpt to"]
        passed = message.stage is not Stage.EVENT and any(seal.allows(stamp.address) for stamp in stamps)
        told = {recipient.address.key for recipient in message.recipients}
        for stamp in stamps:
            address = stamp.address
            if address.key in told or seal.allows(address) or _is_expected(address, known):
                continue
            told.add(address.key)
            if passed:
                summary = f"{address} got the message by way of a recipient that was asked for"
                yield self.finding(stamp, summary, severity=Severity.LOW)
            else:
                summary = f"{address} got the message, and was not asked for by the application"
                yield self.finding(stamp, summary, severity=Severity.MEDIUM, layer="relay")


def _wrong(recipient: Recipient, seal: Seal, message: Message, known: Known) -> str | None:
    """What is wrong with a recipient; None for nothing."""
    address = recipient.address
    if seal.is_blind(address) and not recipient.roles.isdisjoint(VISIBLE):
        return f"{address} was to be a blind recipient, and all can see it"
    if seal.means(address):
        return f"{address} only looks like a recipient that was asked for"
    if seal.allows(address) or (recipient.original and seal.allows(recipient.original)):
        return None
    if _is_expected(address, known) or (message.stage is Stage.ARCHIVE and recipient.roles == {Role.ARCHIVE}):
        return None
    return f"{address} was not asked for by the application"


def _is_expected(address: Address, known: Known) -> bool:
    """Whether the operator has declared it for hidden copies of the stream."""
    return any(bound.allows(address) for role, bound in known.declared.expected.items() if role in HIDDEN)
