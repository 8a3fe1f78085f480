"""A field that makes the ESP send a copy to somebody else."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import HIDDEN, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known, author_mailbox
from headerguard.message import Message
from headerguard.rule import Example, Rule

_ERRORS = frozenset(("x-mj-templateerrorreporting",))


@dataclass(frozen=True)
class ControlRecipient(Rule):
    """An ESP control field adds a recipient.

    Flags: a recipient that stands in a control field such as X-MC-BccAddress, unless it was declared or the stream has
    shown its registrable domain in a hidden role before; not the author himself, nor whom To or Cc shows. Who gets
    errors alone is for foreign-error-copy.

    Why: the ESP acts on the field and removes it. The recipient stands in no field that anybody receives, and the
    application's own list does not hold it either.

    When it is wrong: the field is how this account feeds its archive. Then declare the archive, or let the stream learn
    it; the rule alone is a remark.

    What to do: find what sets the field: a template, a library, a setting of the mail integration.

    References: Mailchimp Transactional, "Use SMTP headers to customize your messages".
    """

    id = "control-recipient"
    severity = Severity.LOW
    roles = frozenset((Role.CONTROL,))
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: jane@client.example\nX-MC-BccAddress: copy@arxxwalls.com\n",
            clean="From: shop@shop.example\nTo: jane@client.example\nX-MC-Template: receipt\n",
            cites="copy@arxxwalls.com",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Remark on every recipient of a control field that nothing explains."""
        sightings = [s for s in message.sightings_of(self.roles) if s.field not in _ERRORS]
        if not sightings:
            return
        author = author_mailbox(message)
        hidden = {recipient.address.key for recipient in message.recipients if recipient.hidden}
        for sighting in sightings:
            if sighting.address.key not in hidden:
                continue
            bounds = known.declared.bound(Role.CONTROL) or ()
            domain = known.registrable(sighting.address)
            expected = known.knows(HIDDEN, domain) or known.declared.expects_hidden(sighting.address)
            if expected or any(bound.allows(sighting.address) for bound in bounds):
                continue
            if sighting.address.canonical != author:
                yield self.finding(
                    sighting,
                    f"{sighting.field} makes the ESP copy the message to {sighting.address}",
                    layer="application",
                )
