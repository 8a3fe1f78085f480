"""Errors or receipts go to somebody who has nothing to do with the message."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.address_list import Tier
from headerguard.fields import VISIBLE, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message, Stage
from headerguard.rule import Example, Rule

_FIELDS = frozenset(
    (
        "errors-to",
        "bounces-to",
        "x-mj-templateerrorreporting",
        "disposition-notification-to",
        "return-receipt-to",
        "x-confirm-reading-to",
    )
)
_KIN = frozenset((Role.FROM, Role.SENDER, Role.REPLY))
_LINES = "From: shop@shop.example\nTo: jane@client.example\n"


@dataclass(frozen=True)
class ForeignErrorCopy(Rule):
    """Copies of errors or receipts are asked for at a foreign domain.

    Flags: an address in Errors-To, Bounces-To, X-MJ-TemplateErrorReporting, Disposition-Notification-To,
    Return-Receipt-To or X-Confirm-Reading-To that is no shown recipient, at a registrable domain that is not that of
    the author, a reply address, the operator or a declared entry, and that the stream has not shown there. Not in
    delivered copies, in which lists set such fields.

    Why: an error copy holds the whole message or says who received it, and no recipient list shows its reader.

    When it is wrong: a service that handles bounces for the sender.

    What to do: find what set the field. If the domain is yours, add it to own-domains.

    References: RFC 8098 section 2.1; RFC 2076 section 3.5; Mailjet: custom headers.
    """

    id = "foreign-error-copy"
    severity = Severity.LOW
    fields = _FIELDS
    examples = (
        Example(
            flagged=_LINES + "Errors-To: copy@arxxwalls.com\n",
            clean=_LINES + "Errors-To: errors@shop.example\n",
            cites="copy@arxxwalls.com",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Compare the addresses in these fields with everybody who may well read errors."""
        if message.stage is Stage.DELIVERED:
            return
        kin = [s for s in message.sightings_of(_KIN | VISIBLE) if s.tier is not Tier.CANDIDATE]
        familiar = {known.registrable(s.address) for s in kin if s.role in _KIN} | known.own_domains
        shown = {s.address.canonical for s in kin if s.role in VISIBLE}  # not all who have mail at the same provider
        for part in message.parts_named(_FIELDS):
            for sighting in message.read(part):
                domain = known.registrable(sighting.address)
                bounds = known.declared.bound(sighting.role) or ()
                declared = any(bound.allows(sighting.address) for bound in bounds)
                kindred = domain in familiar or sighting.address.canonical in shown
                if not kindred and not known.knows((sighting.role,), domain) and not declared:
                    yield self.finding(sighting, f"{part.line.name} sends copies to {sighting.address}")
