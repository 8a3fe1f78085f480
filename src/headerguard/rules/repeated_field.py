"""A field that may occur once and occurs twice."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import CATALOGUE
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.rule import Example, Rule


@dataclass(frozen=True)
class RepeatedField(Rule):
    """A destination or originator field occurs more than once.

    Flags: a second To, Cc, Bcc, From, Sender or Reply-To field that names an address.

    Why: RFC 5322 allows each once. Servers that take recipients from the header act on all of them; most mail libraries
    and readers show the first or the last. Whoever adds a second one is read by the server and by nobody else.

    When it is wrong: a gateway or a library that adds a field instead of extending it. Real mail does that.

    What to do: find what adds the second field; one field with all addresses says the same to every reader.

    References: RFC 5322 section 3.6; RFC 7103 section 7.5.
    """

    id = "repeated-field"
    severity = Severity.LOW
    fields = frozenset(name for name, entry in CATALOGUE.items() if entry.single)
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: jane@client.example\nTo: copy@arxxwalls.com\n",
            clean="From: shop@shop.example\nTo: jane@client.example\nCc: copy@arxxwalls.com\n",
            cites="To: copy@arxxwalls.com",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Point at every occurrence but the first."""
        repeated = message.outline.repeated & self.fields
        for name in sorted(repeated):
            first, *others = message.parts_named((name,))
            named = [message.header.field(part.line) for part in others if message.read(part)]
            if named:
                where = message.header.field(first.line)
                yield self.finding(named[0], f"{where.name} occurs {len(others) + 1} times", also=(*named[1:], where))
