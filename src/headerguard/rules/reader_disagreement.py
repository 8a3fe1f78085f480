"""Two readers of the same field see different addresses."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.address_list import Tier
from headerguard.fields import CATALOGUE, Role
from headerguard.finding import Finding, Severity
from headerguard.header import DefectName
from headerguard.known import Known
from headerguard.message import Message, Part
from headerguard.rule import Example, Rule
from headerguard.trace import SECOND_READER_FIELDS, second_reading


@dataclass(frozen=True)
class ReaderDisagreement(Rule):
    """mail-parser reads other addresses in a field than this library.

    Flags: an address that one of the two readers finds in From, To, Cc, Bcc or Reply-To and the other does not. The
    second reader is asked only where the header has a defect, repeats a field, or holds an address that is not plain.

    Why: software that stands between the application and the server reads with libraries like this one. An address that
    they miss is an address that they do not check.

    When it is wrong: mail-parser returns the first of several fields and refuses what is ambiguous, by design. The
    finding says that a difference exists, not that anybody meant it.

    What to do: as for the defect itself: build the header with a mail library.

    References: "Composition Kills" (USENIX Security 2020); RFC 7103.
    """

    id = "reader-disagreement"
    severity = Severity.LOW
    fields = frozenset(SECOND_READER_FIELDS)
    examples = (
        Example(
            flagged="From: shop@shop.example\nBcc: audit@shop.example\nBcc: copy@arxxwalls.com\n",
            clean="From: shop@shop.example\nBcc: audit@shop.example\nCc: copy@arxxwalls.com\n",
            cites="copy@arxxwalls.com",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Ask the second reader only where it can make a difference."""
        parts = message.parts_named(self.fields)
        if not self._doubtful(message, parts):
            return
        second = second_reading(message.header)
        if isinstance(second, str):
            yield self.finding(message.header.field(parts[0].line), second)
            return
        for part in parts:
            seen = [s for s in message.read(part) if s.tier is not Tier.CANDIDATE and s.role is not Role.MENTIONED]
            lost = [s for s in seen if s.address.key not in second[part.line.name]]
            if lost:
                yield self.finding(
                    lost[0], f"mail-parser does not see {lost[0].address} in {part.line.name}", also=lost[1:5]
                )
        for name, keys in second.items():
            own = {s.address.key for part in parts if part.line.name == name for s in message.read(part)}
            where = next((part for part in parts if part.line.name == name), None)
            for key in sorted(keys - own) if where else ():
                assert where is not None
                yield self.finding(
                    message.header.field(where.line), f"only mail-parser sees {key} in {name}", subject=key
                )

    @staticmethod
    def _doubtful(message: Message, parts: list[Part]) -> bool:
        if not parts:
            return False
        if any(d.field in CATALOGUE or d.name in _MISLEADING for d in message.header.defects):
            return True
        if not message.outline.repeated.isdisjoint(SECOND_READER_FIELDS):
            return True
        return any(
            not message.is_ordinary(part) and any(s.tier is not Tier.PLAIN for s in message.read(part))
            for part in parts
        )


_MISLEADING = frozenset((DefectName.NO_COLON, DefectName.EMPTY_NAME, DefectName.NUL, DefectName.BARE_CR))
