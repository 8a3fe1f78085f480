"""More recipients stand in a role than were recorded."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.declared import standing
from headerguard.fields import HIDDEN, RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known, layer_of
from headerguard.message import Message, Recipient
from headerguard.rule import Example, Rule

_VISIBLE = (Role.TO, Role.CC)


@dataclass(frozen=True)
class SurplusRecipient(Rule):
    """More recipients than the stream is expected to have.

    Flags: recipients in To or Cc, or hidden ones, beyond the number that the expectation of the stream gives for that
    role. Where the caller names `recipients=` or the role has a list, these say who is too many, and this rule is
    silent.

    Why: mail to customers goes to somebody else each time, so that nobody can be named beforehand. How many it goes to
    is known from the test of its template, and holds for the first message in production.

    When it is wrong: a template whose number of recipients depends on the order or the account, of which the test shows
    the least.

    What to do: find who added the recipient. If it belongs there, let the test of the template show such a message and
    record it again, or raise the number in the file of expectations.

    References: RFC 5322 section 3.6.3; CVE-2023-7028 (a password reset sent to two addresses).
    """

    id = "surplus-recipient"
    severity = Severity.HIGH
    roles = RECIPIENT
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: jane@client.example, copy@arxxwalls.com\n",
            clean="From: shop@shop.example\nTo: jane@client.example\n",
            cites="copy@arxxwalls.com",
            declared={"stream": "receipts"},
            config={"streams": {"receipts": {"expected": {"to": 1}}}},
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Count, in the order of the message: who comes after the number is too many."""
        declared = known.declared
        for role in _VISIBLE:
            if role in declared.most and declared.recipients is None:
                found = [r for r in standing(message, role) if isinstance(r, Recipient)]
                yield from self._beyond(found, declared.most[role], role, message, known)
        if not HIDDEN.isdisjoint(declared.most):
            hidden = [r for r in message.recipients if r.hidden and not known.declares(r) and _is_counted(r, known)]
            number = sum(most for role, most in declared.most.items() if role in HIDDEN)
            yield from self._beyond(hidden, number, Role.ENVELOPE, message, known)

    def _beyond(
        self, found: list[Recipient], most: int, role: Role, message: Message, known: Known
    ) -> Iterator[Finding]:
        for recipient in found[most:]:
            what = "a hidden copy to" if role in HIDDEN else f"{role} names"
            number = f"{most} recipient{'' if most == 1 else 's'}"
            yield self.finding(
                recipient,
                f"{what} {recipient.address}, one of {len(found)} where {known.stream} has {number} at most",
                layer=layer_of(recipient, message.stage),
                expected=known.declared.described(role),
            )


def _is_counted(recipient: Recipient, known: Known) -> bool:
    """Whether no list bounds the roles of a hidden recipient; the envelope is bound by who is hidden."""
    return all(role is Role.ENVELOPE or role not in known.declared.expected for role in recipient.roles)
