"""Somebody else gets every request that a mailto link makes."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import CATALOGUE, Role
from headerguard.finding import Finding, Severity
from headerguard.message import Message
from headerguard.rule import Example, Known, Rule

_FIELDS = frozenset(name for name, entry in CATALOGUE.items() if entry.grammar == "uri-list")
_LINE = "From: shop@shop.example\nTo: jane@client.example\nList-Unsubscribe: <mailto:leave@shop.example{}>\n"


@dataclass(frozen=True)
class MailtoRecipient(Rule):
    """A mailto link of a List- field names another recipient in its parameters.

    Flags: an address in a List-Unsubscribe or other List- field that is not what the link is for (to, cc, bcc or
    anything else after the question mark), at a registrable domain that is neither the link's own nor the author's.

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
        """Compare the addresses in parameters with what the links are for."""
        text = message.header.text
        for part in message.parts_named(_FIELDS):
            if text.find("?", part.line.value, part.line.end) < 0:
                continue
            sightings = message.read(part)
            familiar = {known.registrable(s.address) for s in sightings if s.role is not Role.MENTIONED}
            familiar |= known.author_domains(message) | known.own_domains
            value = text[part.line.value : part.line.end]
            for sighting in sightings:
                foreign = sighting.role is Role.MENTIONED and known.registrable(sighting.address) not in familiar
                if foreign and self._is_parameter(value, str(sighting.address)):
                    yield self.finding(sighting, f"{part.line.name} sends a copy of answers to {sighting.address}")

    @staticmethod
    def _is_parameter(value: str, address: str) -> bool:
        """Whether the link itself names the address as a recipient, and not merely in a token for its subject."""
        from urllib.parse import unquote

        before = unquote("".join(value.split())).partition(address)[0].lower().rpartition("mailto:")[2]
        return before.rstrip("=").endswith(("?to", "?cc", "?bcc", "&to", "&cc", "&bcc", ",")) and "?" in before
