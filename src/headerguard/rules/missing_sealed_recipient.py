"""A copy of a sealed message lacks somebody whom it should show."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from headerguard.address import Address
from headerguard.fields import RECIPIENT, VISIBLE, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message, Stage
from headerguard.rule import Example, Rule, Where


@dataclass(frozen=True)
class MissingSealedRecipient(Rule):
    """A sealed message no longer names somebody that it was sealed for.

    Flags: in a copy or event that carries a seal which can be believed and shows all recipients, fewer of them than
    were sealed: blind ones count where it has the whole envelope, or is the request of an API; else those that all may
    see. Not where they were sealed `apart`, and not in an event on one recipient: `headerguard reconcile` tells there.

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
            "X-Seal: hg1-AAd9kHhJchbCAAAAARFcVDJykQibw1MwiHK-L087s4\n",
            clean="From: shop@shop.example\nTo: jane@client.example\n"
            "X-Seal: hg1-AAd9kHhJchbCAAAAARFcVDJykQibw1MwiHK-L087s4\n",
            cites="copy@arxxwalls.com",
            seal_key=b"the key of the examples",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Count whom the seal names and the copy does not."""
        seal = known.seal
        listed = None if seal is None or seal.apart else _listed(message)
        if seal is None or listed is None:
            return
        asked = seal.shown if listed.visible else seal.shown | seal.blind
        missing = len(asked - {seal.hash(address) for address in listed.addresses})
        shown = message.sightings_of(VISIBLE) or message.sightings_of(self.roles)
        places: list[Where] = [*shown[:9], *(() if shown else message.header.fields[:1])]
        if missing and places:
            number = f"{missing} recipient" + ("" if missing == 1 else "s")
            summary = f"{number} of seal {seal.id} not named"
            yield self.finding(places[0], summary, subject=f"seal {seal.id}", also=places[1:])


class _Listed(NamedTuple):
    """Everybody whom a copy lists."""

    addresses: list[Address]
    visible: bool
    """Only those that everybody may see: blind ones may be missing from it."""


def _listed(message: Message) -> _Listed | None:
    """What is known to be all of them; None where a copy shows some by nature."""
    envelope, record = message.envelope, message.record
    if envelope is not None and envelope.complete:
        found = message.sightings_of((Role.ENVELOPE,))
        return _Listed([s.address for s in found if s.field == "rcpt to"], visible=False)
    if record is not None and not record.whole:
        return None
    if record is not None and message.stage is Stage.EVENT:
        carried = [s.address for s in record.sightings if s.role is Role.ENVELOPE]
        if carried:
            return _Listed(carried, visible=False)
    named = [a for r in message.recipients for a in (r.address, r.original) if a is not None]
    requested = record is not None and message.stage is Stage.SUBMITTED and envelope is None
    return _Listed(named, visible=not requested) if requested or message.shows_destination else None
