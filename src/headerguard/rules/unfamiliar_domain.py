"""A registrable domain that a stream has never shown in a role where it hardly ever shows a new one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from headerguard.fields import HIDDEN, VISIBLE, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known, author_mailbox, home_of, is_subscriber, layer_of
from headerguard.message import Message, Recipient, Sighting
from headerguard.rule import Example, Rule

_CLEAN = "From: shop@shop.example\nTo: jane@client.example\nX-MC-Template: receipt\n"
_HISTORY = tuple(
    f"From: shop@shop.example\nTo: c{i}@client-{i}.example\nBcc: audit@shop.example\nX-MC-Template: receipt\n"
    for i in range(20)
)


@dataclass(frozen=True)
class _UnfamiliarDomain(Rule):
    """What the rules of this file share: one role or several, closed in the stream, and a domain it never showed."""

    needs = frozenset(("baseline",))
    unused: ClassVar[bool] = True
    """Whether a role that the stream never used is closed."""

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Look only at the roles that are closed in this stream, so open ones are not even parsed."""
        if closed := known.closed_roles(self.unused) & self.roles:
            own = known.own_domains | self.familiar(message, known)
            for sighting in message.sightings_of(closed):
                if self.is_unfamiliar(sighting, own, known):
                    yield self.judged(sighting, known)

    def familiar(self, message: Message, known: Known) -> set[str]:
        """Registrable domains that this very message makes familiar."""
        return set()

    def is_unfamiliar(self, sighting: Sighting, own: frozenset[str], known: Known) -> bool:
        """Neither shown by the stream in this role, nor the operator's own, nor expected, and as rare as was promised.

        In To and Cc a role that has shown one domain at most is closed, and the odds silence nothing: what is shipped
        of them comes from people who write to people, and a machine that always writes to one domain is another matter.
        """
        domain = known.registrable(sighting.address)
        if domain in own or known.knows((sighting.role,), domain):
            return False
        bounds = known.declared.bound(sighting.role) or ()
        if any(bound.allows(sighting.address) for bound in bounds):
            return False
        odds = known.p_value(sighting.role, domain)
        return odds is not None if sighting.role in VISIBLE else odds is None or odds <= known.rate

    def judged(self, sighting: Sighting, known: Known) -> Finding:
        """The finding."""
        domain = known.registrable(sighting.address)
        return self.finding(
            sighting,
            f"{sighting.field} names {domain}, which {known.level} has never shown there",
            subject=known.stranger(sighting),
            history=known.history(sighting.role),
            p_value=known.p_value(sighting.role, domain),
        )


@dataclass(frozen=True)
class UnfamiliarBlindRecipient(_UnfamiliarDomain):
    """A hidden copy to a domain that this stream has never copied.

    Flags: a recipient that no visible field names (Bcc, an ESP control field, an archive of the ESP, the envelope
    alone), or who gets a copy of his own of a message whose return path names somebody unrelated, at a registrable
    domain that the stream never showed in any hidden role, where that hidden role is closed: never used in at least 20
    messages, or used in at least 20 with at most two domains. The envelope counts only where it was observed.

    Why: a silent copy is what an intruder adds and what nobody looks for. A routine mail that never had one, or always
    the same archive, has no reason for another.

    When it is wrong: a new archive or monitoring service, or a first alias that a relay expands. Where the copy says
    by way of whom (a journal, ORCPT, an X-Original-To that the message shows) it is a remark (LOW); at the author's own
    domain, or one that the message shows and that gives mailboxes to nobody else, it weighs MEDIUM. A copy to the
    author himself is none.

    What to do: find who added the copy before it goes out again. If it belongs there, allow the domain for this stream.

    References: the DigitalOcean report of 15 August 2022; RFC 5322 section 3.6.3; RFC 5321 section 7.2.
    """

    id = "unfamiliar-blind-recipient"
    severity = Severity.HIGH
    roles = HIDDEN
    news = roles
    examples = (
        Example(
            flagged=_CLEAN + "Bcc: copy@arxxwalls.com\n",
            clean=_CLEAN + "Bcc: audit@shop.example\n",
            cites="copy@arxxwalls.com",
            history=_HISTORY,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Look at each hidden recipient in the surest of its places: a field that asks for it, else the envelope."""
        closed = known.closed_roles() & self.roles
        if not closed or not message.sightings_of(HIDDEN):
            return
        found = []
        for recipient in message.recipients:
            if known.hides(recipient, message) and not is_subscriber(recipient, message):
                places = [s for s in recipient.sightings if s.role in HIDDEN]
                surest = min(places, key=lambda s: s.role is Role.ENVELOPE)
                if surest.role in closed and self.is_unfamiliar(surest, known.own_domains, known):
                    found.append((recipient, surest))
        if not found:
            return
        author, home = author_mailbox(message), home_of(message, known)
        for recipient, surest in found:
            if recipient.address.canonical != author:
                expanded = surest.role is Role.ENVELOPE and message.is_expanded(recipient)
                severity = Severity.LOW if expanded else None
                if not expanded and known.registrable(surest.address) in home:
                    severity = Severity.MEDIUM
                yield self.hidden_copy(message, recipient, surest, severity, known)

    def is_unfamiliar(self, sighting: Sighting, own: frozenset[str], known: Known) -> bool:
        """A domain that the stream copied in another hidden role is familiar: a relay turns one into the other."""
        familiar = known.knows(self.roles, known.registrable(sighting.address))
        expected = familiar or known.declared.expects_hidden(sighting.address)
        return not expected and super().is_unfamiliar(sighting, own, known)

    def hidden_copy(
        self, message: Message, recipient: Recipient, surest: Sighting, severity: Severity | None, known: Known
    ) -> Finding:
        """Say how it is hidden, and show every place of the recipient."""
        domain = known.registrable(surest.address)
        by = f" by way of {recipient.original}" if recipient.original is not None else ""
        how = _HOW.get(surest.role, "in the envelope alone" if recipient.hidden else "of a message to somebody else")
        return self.finding(
            surest,
            f"a hidden copy to {domain}, {how}{by}",
            subject=known.stranger(surest),
            also=[s for s in recipient.sightings if s is not surest],
            severity=severity,
            layer=layer_of(recipient, message.stage),
            history=known.history(surest.role),
            p_value=known.p_value(surest.role, domain),
        )


_HOW = {
    Role.BCC: "asked for in the header",
    Role.RESENT_BCC: "asked for in the header",
    Role.CONTROL: "asked of the ESP by a control field",
    Role.ARCHIVE: "as an archive that the ESP keeps",
}


@dataclass(frozen=True)
class UnfamiliarRecipient(_UnfamiliarDomain):
    """A visible recipient at a domain that this stream has never written to in that role.

    Flags: an address in To or Cc at a registrable domain that the stream never showed there, where that role is closed:
    never used in at least 20 messages, or used in at least 20 with one domain at most. Three different domains that
    were flagged there show that it is open.

    Why: a report that goes to the same team every day has no reason to go to anybody else. Where a role is open, as To
    is in mail to customers, a new domain is the rule and says nothing.

    When it is wrong: the team changed, or a stream of one customer got its second.

    What to do: find out who added the recipient. If it belongs there, allow the domain for this stream.

    References: RFC 5322 section 3.6.3.
    """

    id = "unfamiliar-recipient"
    severity = Severity.MEDIUM
    roles = frozenset((Role.TO, Role.CC, Role.RESENT_TO, Role.RESENT_CC))
    news = roles
    examples = (
        Example(
            flagged=_CLEAN + "Cc: copy@arxxwalls.com\n",
            clean=_CLEAN + "Cc: team@shop.example\n",
            cites="copy@arxxwalls.com",
            history=tuple(text + "Cc: team@shop.example\n" for text in _HISTORY),
        ),
    )


@dataclass(frozen=True)
class UnfamiliarAuthor(_UnfamiliarDomain):
    """A From or Sender at a domain that this stream has never written from.

    Flags: an author or sender address at a registrable domain that the stream never showed in that role, where the role
    is closed: at least 20 messages with at most two domains. Mail without a name is known by its author, so that a new
    author is a new stream: it is held against all mail of the account that has no name, but for reports, automatic
    answers, and what a forwarder passed on under his own return path (SRS).

    Why: a stream knows who writes it. Another author is another system, or another owner of the account.

    When it is wrong: the brand changed its domain, or a platform gave the stream a new tenant.

    What to do: find out who sends. If the domain is yours, add it to own-domains.

    References: RFC 5322 section 3.6.2.
    """

    id = "unfamiliar-author"
    severity = Severity.HIGH
    needs = frozenset()
    unused = False
    roles = frozenset((Role.FROM, Role.SENDER))
    news = roles
    examples = (
        Example(
            flagged=_CLEAN.replace("shop@shop.example", "shop@arxxwalls.com"),
            clean=_CLEAN,
            cites="shop@arxxwalls.com",
            history=_HISTORY,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Where nobody has ever written this, ask who writes in the account."""
        if known.profile is None and not (message.is_answer or message.is_forwarded):
            known = known.of_nameless_mail()
        yield from super().check(message, known)


@dataclass(frozen=True)
class UnfamiliarReplyPath(_UnfamiliarDomain):
    """Replies or receipts go to a domain that this stream has never named for them.

    Flags: an address in Reply-To, Mail-Followup-To, Disposition-Notification-To or Return-Receipt-To at a registrable
    domain that the stream never showed there and that is not the author's, where the role is closed: never used in at
    least 20 messages, or used in at least 20 with at most two domains.

    Why: a changed Reply-To takes every answer away from the sender, and no recipient list shows it.

    When it is wrong: support moved to another provider.

    What to do: find what set the field. If it belongs there, allow the domain for this stream.

    References: RFC 5322 section 3.6.2; RFC 8098 section 2.1.
    """

    id = "unfamiliar-reply-path"
    severity = Severity.HIGH
    roles = frozenset((Role.REPLY, Role.RECEIPT))
    news = roles
    examples = (
        Example(
            flagged=_CLEAN + "Reply-To: help@arxxwalls.com\n",
            clean=_CLEAN + "Reply-To: help@shop.example\n",
            cites="help@arxxwalls.com",
            history=_HISTORY,
        ),
    )

    def familiar(self, message: Message, known: Known) -> set[str]:
        """The author's own."""
        return known.author_domains(message)


@dataclass(frozen=True)
class UnfamiliarBouncePath(_UnfamiliarDomain):
    """Bounces go to a domain that this stream has never used for them.

    Flags: a Return-Path, Errors-To or MAIL FROM at a registrable domain that the stream never showed there, where the
    role is closed: at least 20 messages with at most two domains.

    Why: the bounce domain belongs to whoever really sends. Another one means another relay, ESP or account.

    When it is wrong: on the day the ESP or its bounce domain changes; then it is one incident for the whole account.

    What to do: if you changed the provider, allow the domain. If nobody did, look for a second sender.

    References: RFC 5321 section 4.4.
    """

    id = "unfamiliar-bounce-path"
    severity = Severity.MEDIUM
    unused = False
    roles = frozenset((Role.BOUNCE,))
    news = roles
    examples = (
        Example(
            flagged="Return-Path: <b@arxxwalls.com>\n" + _CLEAN,
            clean="Return-Path: <b@esp.example>\n" + _CLEAN,
            cites="b@arxxwalls.com",
            history=tuple("Return-Path: <b@esp.example>\n" + text for text in _HISTORY),
        ),
    )
