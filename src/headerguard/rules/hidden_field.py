"""A field that a mail server acts on and an ordinary parser does not see."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice

from headerguard.address_list import Tier
from headerguard.fields import RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.header import DefectName, Field
from headerguard.known import Known
from headerguard.message import Message, Part, Sighting
from headerguard.rule import Example, Rule

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
        """One finding for all fields of a name that carry the same defect, however many there are."""
        found: dict[tuple[str, DefectName], list[tuple[Field, list[Sighting]]]] = {}
        for part, field, reason in self.overlooked(message):
            if sightings := message.read(part):
                found.setdefault((part.line.name, reason), []).append((field, list(sightings)))
        for (name, reason), places in found.items():
            places.sort(key=lambda place: not _is_sure(place[1]))
            named = list(islice(chain.from_iterable(sightings for _, sightings in places), 3))
            first, *others = [field for field, _ in places]
            yield self.finding(
                first,
                f"{first.name or name} names {' and '.join(str(s.address) for s in named)} and has {_WHY[reason]}",
                also=others,
                severity=None if _is_sure(places[0][1]) else Severity.MEDIUM,
            )

    @staticmethod
    def overlooked(message: Message) -> Iterator[tuple[Part, Field, DefectName]]:
        """The address fields that carry such a defect."""
        starts = {line.start for line in message.header.lines}
        for part in message.parts:
            if part.entry.role not in _JUDGED:
                continue
            field = message.header.field(part.line)
            reason = field.defect.name if field.defect else None
            if part.line.start not in starts:
                reason = DefectName.BARE_CR
            if reason is not None and reason in _WHY:
                yield part, field, reason


def _is_sure(sightings: Iterable[Sighting]) -> bool:
    return any(sighting.tier is not Tier.CANDIDATE for sighting in sightings)
