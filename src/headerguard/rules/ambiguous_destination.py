"""A destination field that readers can take in different ways."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.address_list import Tier
from headerguard.fields import DESTINATION, RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.header import DefectName
from headerguard.known import Known
from headerguard.message import Message, Sighting
from headerguard.rule import Example, Rule


@dataclass(frozen=True)
class AmbiguousDestination(Rule):
    """A destination field that cannot be read in one way only.

    Flags: an address in a destination field that stands in broken syntax (unbalanced quotes, brackets or comments, a
    missing comma, an address beside another, an address inside an encoded-word), so that servers and libraries differ
    on who is meant; and a member that is no address at all, to which a server
    adds a domain of its own.

    Why: what the checker reads is not what the server does. Where they can differ, somebody can hide.

    When it is wrong: careless software writes such fields; real mail holds them.

    What to do: build destination fields with a mail library instead of joining strings.

    References: RFC 5322 section 3.4; RFC 7103 section 7.1.
    """

    id = "ambiguous-destination"
    severity = Severity.LOW
    roles = RECIPIENT
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: jane@client.example <copy@arxxwalls.com>\n",
            clean="From: shop@shop.example\nTo: jane@client.example, <copy@arxxwalls.com>\n",
            cites="jane@client.example",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Read only the destination fields that are not wholly ordinary."""
        for part in message.parts_named(DESTINATION):
            if message.is_ordinary(part):
                continue
            unsure = [s for s in message.read(part) if s.tier is not Tier.PLAIN and s.role is not Role.MENTIONED]
            if unsure:
                yield self._unsure(part.line.name, unsure)
            for defect in message.defects_of(part):
                if defect.name is DefectName.NO_ADDRESS:
                    yield self.finding(
                        defect, f"a member of {part.line.name} is no address; servers may add a domain to it"
                    )
                    break

    def _unsure(self, field: str, unsure: list[Sighting]) -> Finding:
        names = ", ".join(str(sighting.address) for sighting in unsure[:3])
        return self.finding(
            unsure[0], f"readers differ on {names} in {field}", also=unsure[1:5], severity=self.severity
        )
