"""An address where a name or a comment should be."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import CATALOGUE, RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.rule import Example, Rule

_FIELDS = frozenset(name for name, entry in CATALOGUE.items() if entry.role in RECIPIENT)


@dataclass(frozen=True)
class EmbeddedAddress(Rule):
    """A display name or comment holds another address than the mailbox.

    Flags: an address in a display name, quoted string or comment of a destination field that differs from the address
    it stands with.

    Why: people read the name and servers the mailbox. A reader or server that splits differently delivers to the other.

    When it is wrong: mailing lists and forwarders write "jane@example.com via List". Real mail does that.

    What to do: look at which of the two the application meant.

    References: RFC 5322 section 3.4; CVE-2023-27043.
    """

    id = "embedded-address"
    severity = Severity.LOW
    roles = RECIPIENT
    examples = (
        Example(
            flagged='From: shop@shop.example\nTo: "jane@client.example" <copy@arxxwalls.com>\n',
            clean='From: shop@shop.example\nTo: "copy@arxxwalls.com" <copy@arxxwalls.com>\n',
            cites='"jane@client.example" ',
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Read only the destination fields that are not wholly ordinary."""
        for part in message.parts_named(_FIELDS):
            if not message.is_ordinary(part):
                for sighting in message.read(part):
                    if sighting.role is Role.MENTIONED:
                        yield self.finding(
                            sighting,
                            f"{sighting.field} shows {sighting.address} where a name should be",
                            severity=self.severity,
                        )
