"""Two recipients that people and databases take for one."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.address_list import parse
from headerguard.fields import RECIPIENT
from headerguard.finding import Finding, Severity
from headerguard.known import Known, layer_of
from headerguard.message import Message
from headerguard.rule import Example, Rule
from headerguard.seal import fold

_TWIN = "m\N{LATIN SMALL LETTER DOTLESS I}ke@client.example"


@dataclass(frozen=True)
class FoldedRecipient(Rule):
    """A recipient that equals another, or a declared one, only after Unicode folding.

    Flags: a recipient whose address is that of another recipient of the message, or of one that the application
    declared, after compatibility and case folding, and is another address without it.

    Why: a system that looks an account up by the folded form and mails the form that was typed in gives what it sends,
    a password reset say, to a stranger.

    When it is wrong: never seen; mailboxes that differ so little belong to nobody by chance.

    What to do: send to the address that is stored, not to the one that was typed.

    References: CVE-2019-19844; Unicode Technical Report 36 section 2.
    """

    id = "folded-recipient"
    severity = Severity.HIGH
    roles = RECIPIENT
    examples = (
        Example(
            flagged=f"From: shop@shop.example\nTo: {_TWIN}\n",
            clean="From: shop@shop.example\nTo: mike@client.example\n",
            cites=_TWIN,
            declared={"recipients": ["mike@client.example"]},
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Fold only what is not ASCII, or stands at a domain that is not."""
        envelope = " ".join(message.envelope.rcpt_to) if message.envelope else ""
        if message.record is None and _is_plain(message.header.text) and _is_plain(envelope):
            return
        odd = [r for r in message.recipients if not r.address.local_part.isascii() or "xn--" in r.address.domain]
        if not odd:
            return
        bounds = (known.declared.recipients, known.declared.blind)
        plain = {r.address.key for r in message.recipients} | {a for b in bounds if b is not None for a in b.addresses}
        for recipient in odd:
            folded = parse(fold(recipient.address.unicode))
            if folded is not None and folded.key in plain - {recipient.address.key}:
                yield self.finding(
                    recipient,
                    f"{recipient.address} only looks like {folded}",
                    layer=layer_of(recipient, message.stage),
                )


def _is_plain(text: str) -> bool:
    """Whether no address in a header can need folding; told at once, as nearly every header is so."""
    return text.isascii() and ("--" not in text or "xn--" not in text.lower())
