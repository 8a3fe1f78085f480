"""A hidden copy to a mailbox that anybody can have."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.address import Address
from headerguard.address_list import Tier
from headerguard.fields import HIDDEN, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known, author_mailbox, is_given_away, layer_of
from headerguard.message import Message, Recipient
from headerguard.rule import Example, Rule

_CLEAN = "From: shop@shop.example\nTo: jane@client.example\n"
_COPIES = 2


@dataclass(frozen=True)
class FreemailBlindRecipient(Rule):
    """A hidden copy of business mail to a freemail or throw-away address.

    Flags: one or two recipients that no visible field names, asked for by Bcc, Resent-Bcc or a control field of an ESP,
    or in an envelope that is known to be whole, where the stream never hides anybody there, at a domain on the list of
    freemail or of disposable mailboxes. The message shows a recipient who is not at home with the author, the author is
    not at such a domain himself, nothing declares the copy, and the stream has not shown the domain in a hidden role.
    Where something bounds the role, `unexpected-recipient` judges all of it; where the history of the stream gives the
    copy away, `unfamiliar-blind-recipient` says it.

    Why: a company archives its mail at home. A copy to a mailbox that anybody gets in a minute, and that nobody can be
    asked about, is what is set up by somebody who is not supposed to.

    When it is wrong: the owner of a small company reads along on a private mailbox.

    What to do: find who added the copy. If it belongs there, declare it for the stream.

    References: FBI Private Industry Notification 20201125-001.
    """

    id = "freemail-blind-recipient"
    severity = Severity.MEDIUM
    roles = HIDDEN
    examples = (
        Example(
            flagged=_CLEAN + "Bcc: order.copies.7731@gmail.com\n",
            clean=_CLEAN + "Bcc: copies@shop.example\n",
            cites="order.copies.7731@gmail.com",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Nothing is read where nothing hides anybody."""
        if not any(_is_new(s.address, known) and _listed(s.address, known) for s in message.sightings_of(HIDDEN)):
            return
        hidden = [r for r in message.recipients if r.hidden and r.tier is not Tier.CANDIDATE and r.original is None]
        kinds = [(recipient, kind) for recipient in hidden if (kind := _kind(recipient, message, known))]
        if not kinds or len(hidden) > _COPIES:
            return
        home, author = known.author_domains(message), author_mailbox(message)
        shown = {known.registrable(r.address) for r in message.recipients if not r.hidden}
        if not shown - home or any(domain in known.freemail for domain in home):
            return
        for recipient, kind in kinds:
            bounded = any(known.declared.bound(sighting.role) is not None for sighting in recipient.sightings)
            if recipient.address.canonical == author or bounded or known.declares(recipient):
                continue
            if _is_new(recipient.address, known) and not is_given_away(recipient, message, known):
                summary = f"a hidden copy to a {kind} address, {recipient.address}"
                yield self.finding(recipient, summary, layer=layer_of(recipient, message.stage))


def _kind(recipient: Recipient, message: Message, known: Known) -> str | None:
    """What kind of mailbox a hidden recipient has, if it is one that anybody can have and the copy was asked for."""
    if not recipient.roles & (HIDDEN - {Role.ENVELOPE}) and not _is_whole(message, known):
        return None
    return _listed(recipient.address, known)


def _is_new(address: Address, known: Known) -> bool:
    """Whether the stream has never shown the domain in a hidden role, nor is it one's own."""
    domain = known.registrable(address)
    return domain not in known.own_domains and not known.knows(HIDDEN, domain)


def _listed(address: Address, known: Known) -> str | None:
    """What a list says of the mailbox."""
    domain = known.registrable(address)
    if domain in known.freemail:
        return "freemail"
    return "throw-away" if domain in known.disposable or address.domain in known.disposable else None


def _is_whole(message: Message, known: Known) -> bool:
    """Whether the envelope alone proves a copy: it is the whole one, and the stream never hides anybody in it."""
    return message.envelope is not None and message.envelope.complete is True and known.closed(Role.ENVELOPE)
