"""A Bcc field that left the house."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message, Stage
from headerguard.rule import Example, Rule


@dataclass(frozen=True)
class DisclosedBlindRecipient(Rule):
    """A delivered copy still shows its blind recipients.

    Flags: an address in a Bcc or Resent-Bcc field of a delivered copy.

    Why: the field is meant for the submitting server, which removes it. Where it is delivered, every recipient can read
    who was copied in secret.

    When it is wrong: the copy is the blind recipient's own, written for him alone (RFC 5322 allows that), or it comes
    from a folder of sent mail that was filed through a server.

    What to do: let the submitting server remove the field, or do not write it and give blind recipients to the server
    in the envelope.

    References: RFC 5322 section 3.6.3 (the three ways of Bcc) and section 5.
    """

    id = "disclosed-blind-recipient"
    severity = Severity.LOW
    roles = frozenset((Role.BCC, Role.RESENT_BCC))
    examples = (
        Example(
            flagged="Return-Path: <shop@shop.example>\nTo: jane@client.example\nBcc: audit@shop.example\n",
            clean="Return-Path: <shop@shop.example>\nTo: jane@client.example\nCc: audit@shop.example\n",
            cites="audit@shop.example",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Remark on each blind recipient that a delivered copy shows."""
        if message.stage is Stage.DELIVERED:
            for sighting in message.sightings_of(self.roles):
                yield self.finding(
                    sighting, f"every recipient of this copy can read that {sighting.address} was copied"
                )
