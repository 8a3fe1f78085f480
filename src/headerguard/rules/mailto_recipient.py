"""Somebody else gets every request that a mailto link makes."""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from headerguard.address_list import parse_all
from headerguard.fields import CATALOGUE
from headerguard.finding import Finding, Severity
from headerguard.grammar import mailto_copies
from headerguard.header import Field
from headerguard.known import Known
from headerguard.message import Message
from headerguard.rule import Example, Rule

_FIELDS = frozenset(name for name, entry in CATALOGUE.items() if entry.grammar == "uri-list")
_LINE = "From: shop@shop.example\nTo: jane@client.example\nList-Unsubscribe: <mailto:leave@shop.example{}>\n"


@dataclass(frozen=True)
class MailtoRecipient(Rule):
    """A mailto link of a List- field names another recipient in its parameters.

    Flags: in a List-Unsubscribe or other List- field, whom a link is sent to besides the first (one more address before
    the question mark, or to, cc and bcc behind it), at a registrable domain that is neither that of the first nor the
    author's nor the operator's.

    Why: every answer to the link, with the address of whoever answers, goes there as well.

    When it is wrong: a list service that keeps a copy of requests at another domain.

    What to do: find what wrote the field.

    References: RFC 2369; RFC 6068 section 2.
    """

    id = "mailto-recipient"
    severity = Severity.MEDIUM
    fields = _FIELDS
    examples = (
        Example(
            flagged=_LINE.format("?bcc=copy@arxxwalls.com"),
            clean=_LINE.format("?subject=leave"),
            cites="<mailto:leave@shop.example?bcc=copy@arxxwalls.com>",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Compare whom a link names besides with whom it is for."""
        fields: dict[str, tuple[Field, ...]] = {}
        familiar: Set[str] = frozenset()
        for part in message.parts_named(_FIELDS):
            name, _, start, end = part.line
            if not _may_copy(message.header.text[start:end]):
                continue
            if name not in fields:
                fields[name] = message.header.all(name)
                familiar = known.author_domains(message) | known.own_domains
            text = fields[name][part.occurrence].text if part.occurrence < len(fields[name]) else ""
            foreign = set(self._copies(text, familiar, known))
            for sighting in {s.address.key: s for s in message.read(part)}.values() if foreign else ():
                if sighting.address.key in foreign:
                    yield self.finding(sighting, f"{name} sends a copy of answers to {sighting.address}")

    @staticmethod
    def _copies(value: str, familiar: Set[str], known: Known) -> Iterator[str]:
        """Keys of the addresses that are at home neither with the link nor with the author or the operator."""
        for link, text in mailto_copies(value):
            home = {known.registrable(box.address) for box in parse_all(link)} | familiar
            for box in parse_all(text):
                if known.registrable(box.address) not in home:
                    yield box.address.key


def _may_copy(value: str) -> bool:
    """Whether a link in it may name more than one recipient, told without reading it."""
    return ("?" in value or value.count("@") > 1) and ("mailto" in value.lower() or "=?" in value)
