"""Somebody receives the message whom neither the application nor the operator named."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.declared import Declared
from headerguard.fields import HIDDEN, RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.header import Defect, DefectName
from headerguard.known import Known, layer_of
from headerguard.message import Message, Recipient
from headerguard.rule import Example, Rule


@dataclass(frozen=True)
class UnexpectedRecipient(Rule):
    """A recipient that nobody declared.

    Flags: an address in To, Cc, Bcc, the envelope or an ESP control field that is neither in `recipients=` or `blind=`
    nor expected of the stream by the configuration; and, with `missing=True`, a declared address that is absent.

    Why: a template test asserts that the right person is in the list and never that nobody else is. The application
    knows whom it asked for, so anything more is wrong on the first message, without any history.

    When it is wrong: the declaration is out of date, or a relay expands a list or an alias before the copy is made.
    Where the copy says so (ORCPT, a journal, an X-Original-To that names somebody declared who receives nothing
    himself) and its envelope is not the whole one of the submitter, a member is a remark (LOW).

    What to do: find the code, template, setting or relay rule that added the address. If it belongs there, declare it:
    as an argument of the check, or under [streams.NAME.expected].

    References: RFC 5321 section 3.3 (RCPT); RFC 5322 section 3.6.3 (destination fields).
    """

    id = "unexpected-recipient"
    severity = Severity.HIGH
    roles = RECIPIENT
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: jane@client.example\nBcc: copy@arxxwalls.com\n",
            clean="From: shop@shop.example\nTo: jane@client.example\nBcc: audit@shop.example\n",
            cites="copy@arxxwalls.com",
            declared={"recipients": ["jane@client.example"], "blind": ["audit@shop.example"]},
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Compare every recipient with what was declared for its roles."""
        declared = known.declared
        if not declared.given and not declared.expected:
            return
        asked = declared.recipients.allows if declared.recipients else None
        for recipient in message.recipients:
            if role := self._undeclared_role(recipient, known):
                what = "a hidden copy to" if recipient.hidden else f"{role} names"
                yield self.finding(
                    recipient,
                    f"{what} {recipient.address}, whom nobody declared",
                    layer=layer_of(recipient, message.stage),
                    severity=Severity.LOW if message.is_expanded(recipient, asked) else None,
                    expected=declared.described(role),
                )
        if declared.missing and declared.given:
            yield from self._missing(message, known)

    @staticmethod
    def _undeclared_role(recipient: Recipient, known: Known) -> Role | None:
        """The first role in which nothing declared covers it; the envelope counts only where it stands alone."""
        named = recipient.roles - {Role.ENVELOPE}
        for sighting in recipient.sightings:
            if sighting.role in HIDDEN and known.declared.expects_hidden(recipient.address):
                continue
            if sighting.role is Role.ENVELOPE and _is_customer(recipient, known.declared):
                continue
            if sighting.role in named or not named:
                bounds = known.declared.bound(sighting.role)
                if bounds is not None and not any(bound.allows(recipient.address) for bound in bounds):
                    return sighting.role
        return None

    def _missing(self, message: Message, known: Known) -> Iterator[Finding]:
        declared: set[str] = set()
        for bound in (known.declared.recipients, known.declared.blind):
            declared |= bound.addresses if bound else set()
        for entry in sorted(declared - {recipient.address.key for recipient in message.recipients}):
            where = Defect(DefectName.NO_ADDRESS, None, "", f"{entry} is absent")
            yield self.finding(where, f"{entry} was declared and receives nothing", subject=entry)


def _is_customer(recipient: Recipient, declared: Declared) -> bool:
    """Whether a recipient in the envelope alone may be one whom no list names.

    Of a copy that shows no destination, as an event, the envelope is all there is; where a stream writes to customers
    in Bcc, who is one too many is a matter of numbers.
    """
    return declared.recipients is None and (not recipient.hidden or not HIDDEN.isdisjoint(declared.most))
