"""The message is signed for a domain that this stream has never been signed for."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import SIGNATURES, SIGNED_FOR, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.profile import SIGNER
from headerguard.role_history import CLOSED_VALUES
from headerguard.rule import Example, Rule

_RELATED = (Role.FROM, Role.SENDER, Role.BOUNCE)
_LINES = "From: shop@shop.example\nTo: jane@client.example\nDKIM-Signature: v=1; d=esp.example; s=k1; b=c2lnbg==\n"


@dataclass(frozen=True)
class UnfamiliarSigningDomain(Rule):
    """A signature for a domain that this stream has never been signed for.

    Flags: a domain in d= of DKIM-Signature or DomainKey-Signature (i= is the same or below it), in X-MC-SigningDomain
    or in the dkim filter of X-SMTPAPI that the stream never showed there, where it has shown one or two in at least 20
    messages; not the author's, the operator's own, or one that the stream shows as author, sender or for bounces.
    Beside a signature that is usual, and where the stream was never signed at all, it is a remark (LOW), unless the
    field asks the ESP for it.

    Why: the signature says who answers for the message. The same template signed by somebody else left by another way.

    When it is wrong: the day an ESP is changed; then it is one incident for all streams. A new selector or key is none.

    What to do: find out who signs. If that is your provider, allow the domain, or add yours to own-domains.

    References: RFC 6376 sections 3.5 and 3.11; Mailchimp Transactional: SMTP headers.
    """

    id = "unfamiliar-signing-domain"
    severity = Severity.MEDIUM
    fields = SIGNATURES | SIGNED_FOR
    news = frozenset((SIGNER,))
    needs = frozenset(("baseline",))
    examples = (
        Example(
            flagged=_LINES.replace("esp.example", "arxxwalls.com"),
            clean=_LINES.replace("s=k1", "s=k2"),
            cites="v=1; d=arxxwalls.com; s=k1; b=c2lnbg==",
            history=(_LINES,) * 20,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Compare the domains with those that the stream has shown."""
        if known.profile is None:
            return
        shown = known.profile.values(SIGNER)
        unused = SIGNER not in known.profile.roles and not known.borrowed
        if (not shown and not unused) or len(shown or ()) > CLOSED_VALUES:
            return
        signers = {known.suffixes.registrable_domain(mark.value): mark for mark in message.signers}
        beside = unused or not signers.keys().isdisjoint(shown or ())
        familiar = known.own_domains | known.author_domains(message) | (shown or frozenset())
        for domain, mark in signers.items():
            if domain not in familiar and not known.knows(_RELATED, domain):
                yield self.finding(
                    mark,
                    f"signed for {domain}, which {known.level} has never been",
                    subject=domain,
                    severity=Severity.LOW if beside and mark.field not in SIGNED_FOR else None,
                    history=known.history(SIGNER),
                )
