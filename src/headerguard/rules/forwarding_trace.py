"""The message goes on to somebody by a forwarding rule."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import HIDDEN, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.rule import Example, Rule

_LOOPS = frozenset(("x-ms-exchange-forwardingloop", "x-ms-exchange-inbox-rules-loop"))
_BY_PEOPLE = frozenset(("x-forwarded-for",))
_LINES = "From: jane@client.example\nTo: boss@shop.example\n"


@dataclass(frozen=True)
class ForwardingTrace(Rule):
    """A mailbox passes the message on.

    Flags: the traces of forwarding and inbox rules of Exchange (X-MS-Exchange-ForwardingLoop, -Inbox-Rules-Loop), and a
    recipient of whom the copy says that another address was meant (expanded or forwarded in a journal, ORCPT, orig_to),
    where the two are at different registrable domains. It is a remark where that domain is known or the operator's own,
    and for the X-Forwarded-For of a mailbox whose owner set it up himself.

    Why: a rule that forwards what pays is the first thing that an intruder sets up in a mailbox, and the owner of the
    mailbox does not see it.

    When it is wrong: people forward their mail, and lists have members elsewhere.

    What to do: look at the rules of the mailbox that the finding names.

    References: FBI PIN 20201125-001; RFC 3461 section 4.2.
    """

    id = "forwarding-trace"
    severity = Severity.MEDIUM
    roles = frozenset((Role.ENVELOPE,))
    fields = _LOOPS | _BY_PEOPLE
    examples = (
        Example(
            flagged=_LINES + "X-MS-Exchange-Inbox-Rules-Loop: boss@shop.example\n",
            clean=_LINES + "X-MS-Exchange-Processed-By: rules\n",
            cites="boss@shop.example",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Look at the originals first: they name who receives."""
        for recipient in message.recipients if message.record and message.record.originals else ():
            if recipient.original is None:
                continue
            domain, before = known.registrable(recipient.address), known.registrable(recipient.original)
            if domain != before:
                familiar = known.own_domains | known.author_domains(message)
                expected = domain in familiar or known.knows(HIDDEN, domain)
                yield self.finding(
                    recipient,
                    f"mail for {recipient.original} goes on to {recipient.address}",
                    severity=Severity.LOW if expected else None,
                    layer="relay",
                )
        for part in message.parts_named(self.fields):
            severity = Severity.LOW if part.line.name in _BY_PEOPLE else None
            for sighting in message.read(part)[:1]:  # the mailbox; what follows is where it sends
                summary = f"{sighting.address} passes this message on"
                yield self.finding(sighting, summary, severity=severity, layer="relay")
