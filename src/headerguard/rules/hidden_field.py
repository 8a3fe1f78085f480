"""A field that a mail server acts on and an ordinary parser does not see."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.address_list import Tier
from headerguard.fields import RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.header import DefectName
from headerguard.message import Message
from headerguard.rule import Example, Known, Rule

_WHY = {
    DefectName.BLANK_BEFORE_COLON: "a blank before its colon",
    DefectName.MALFORMED_NAME: "a damaged name",
    DefectName.BYTE_ORDER_MARK: "a byte order mark before its name",
    DefectName.LEADING_BLANK: "a blank before its name",
    DefectName.OVER_LIMIT: "more header before it than readers take",
    DefectName.BARE_CR: "a bare CR before its name",
}
_JUDGED = RECIPIENT | {Role.FROM, Role.SENDER, Role.REPLY, Role.RECEIPT}


@dataclass(frozen=True)
class HiddenField(Rule):
    """An address field that ordinary parsers overlook.

    Flags: a destination, originator or control field with an address that has a blank before its colon ("Bcc :"), a
    damaged name, stands behind a bare CR, or beyond the size that readers take.

    Why: Postfix and Exim deliver to "Bcc : x@example.com"; the standard library of Python, and all that is built on it,
    ends the header there and files the rest as body. Such a field is invisible to the checks before the server.

    When it is wrong: a very old mailer, or a tool that damaged the header on its way into an archive.

    What to do: find what wrote the field; no current mail library writes it.

    References: RFC 5322 section 4.5 (blanks before the colon are obsolete syntax) and section 2.2.
    """

    id = "hidden-field"
    severity = Severity.HIGH
    defects = frozenset(_WHY)
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: jane@client.example\nBcc : copy@arxxwalls.com\n",
            clean="From: shop@shop.example\nTo: jane@client.example\nBcc: copy@arxxwalls.com\n",
            cites="Bcc : copy@arxxwalls.com",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Look at the address fields that carry such a defect and hold an address."""
        starts = {line.start for line in message.header.lines}
        for part in message.parts:
            if part.entry.role not in _JUDGED:
                continue
            field = message.header.field(part.line)
            reason = field.defect.name if field.defect else None
            if part.line.start not in starts:
                reason = DefectName.BARE_CR
            if reason in _WHY and (sightings := message.read(part)):
                names = " and ".join(str(s.address) for s in sightings[:3])
                sure = any(sighting.tier is not Tier.CANDIDATE for sighting in sightings)
                yield self.finding(
                    field,
                    f"{field.name or part.line.name} names {names} and has {_WHY[reason]}",
                    severity=None if sure else Severity.MEDIUM,
                )
