"""A copy of a sealed message lacks somebody whom it should show."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import RECIPIENT, VISIBLE
from headerguard.finding import Finding, Severity
from headerguard.message import Message
from headerguard.rule import Example, Known, Rule


@dataclass(frozen=True)
class MissingSealedRecipient(Rule):
    """A sealed message no longer names somebody that it was sealed for.

    Flags: in a copy or event that carries a seal which can be believed, that shows a destination and whose source names
    everybody it knows of, fewer recipients than were sealed as visible. Not where they were sealed `apart`.

    Why: who was asked for and does not receive is either lost mail, or mail that was turned round.

    When it is wrong: the ESP sends each recipient a copy of its own; seal with `apart=True` then.

    What to do: look what became of the request; the seal's id is in the finding.

    References: RFC 5322 section 3.6.3.
    """

    id = "missing-sealed-recipient"
    severity = Severity.MEDIUM
    roles = RECIPIENT
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: copy@arxxwalls.com\n"
            "X-Seal: hg1.AAeDIuswqq_R.AAAAAbDeIrrmYw.RxfFVcKRIDatSUSd\n",
            clean="From: shop@shop.example\nTo: jane@client.example\n"
            "X-Seal: hg1.AAeDIuswqq_R.AAAAAbDeIrrmYw.RxfFVcKRIDatSUSd\n",
            cites="copy@arxxwalls.com",
            seal_key=b"the key of the examples",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Count whom the seal names and the copy does not."""
        seal = known.seal
        if seal is None or seal.apart or not message.shows_destination or (message.record and not message.record.whole):
            return
        missing = len(seal.shown - {seal.hash(recipient.address) for recipient in message.recipients})
        if missing:
            shown = message.sightings_of(VISIBLE)
            where = shown[0] if shown else message.header.fields[0]
            number = f"{missing} recipient" + ("" if missing == 1 else "s")
            yield self.finding(
                where, f"{number} of seal {seal.id} not named", subject=f"seal {seal.id}", also=shown[1:9]
            )
