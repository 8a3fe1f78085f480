"""A message shows one recipient more than its stream ever did."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from headerguard.fields import HIDDEN, RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.grammar.return_path import lasting_path
from headerguard.known import Known, author_mailbox, is_given_away, is_subscriber, layer_of
from headerguard.message import Message, Recipient
from headerguard.profile import CONCEALED, PARTIES, SHOWN, Profile
from headerguard.riders import NOBODY, Party, Riders
from headerguard.rule import Example, Rule
from headerguard.sibling import outsiders_of

_LINES = "From: shop@shop.example\nTo: jane@client.example{}\nX-MC-Template: receipt\n"
_HISTORY = tuple(f"From: shop@shop.example\nTo: c{i}@client-{i}.example\nX-MC-Template: receipt\n" for i in range(20))


@dataclass(frozen=True)
class ExtraRecipient(Rule):
    """More recipients than the stream ever has: a second one who has nothing to do with the first, or a hidden one.

    Flags: what is beyond a shape that the stream kept in at least 20 messages, whatever domain it is at. Of To and Cc
    (in a copy without these, as a log, of all recipients) the shape is the number of parties: registrable domains, at
    a provider of free mail addresses, besides the author's own. Of hidden recipients it is how many there are. So many
    are beyond it that stood in no more than one message of `rare`, where the stream always had the same lower number or
    is `rare` messages old. The subject is, of several, the one that was beside others most often; of hidden ones, the
    one at a domain that was never copied, else the least frequent. It stays a finding until somebody calls the subject
    benign, or the shape; three parties that were one too many in To and Cc show a stream that is for groups. At the
    author's own domain a hidden one weighs MEDIUM. Who is at home with the author is no party; where he stands in To
    first, an outsider beside him is one too many if the stream never shows so many recipients. Where its domain alone
    gives a hidden one away, `unfamiliar-blind-recipient` says it, and this rule is silent. A copy that shares its
    Message-ID, the id that a server took it in under, or a Subject with a number of five digits (more where numbers
    come fast) with one of the minute before, as far as the same process saw that, is of the same message: who is in it
    is one too many where the stream neither shows so many parties nor divides messages into so many.

    Why: mail to customers goes to a new domain every day, so that no domain is a surprise; a second recipient is. An
    archive gets a copy of everything, so that its vendor is no surprise; a second copy is.

    When it is wrong: a customer who adds an address of somebody else; the first message of a stream that is for groups;
    the day on which an archive is set up. A member of an alias or a list that the copy shows is not counted.

    What to do: find out who added the recipient. Where the application asks for it, say so with `recipients=`; a shape
    that is right for the stream is allowed with the subject `*`, this rule and the stream.

    References: CVE-2023-7028 (a password reset sent to two addresses); RFC 5322 section 3.6.3.
    """

    id = "extra-recipient"
    severity = Severity.HIGH
    roles = RECIPIENT
    needs = frozenset(("baseline",))
    rare: int = 1_000
    examples = (
        Example(
            flagged=_LINES.format(", copy@arxxwalls.com"),
            clean=_LINES.format(", joe@client.example"),
            cites="copy@arxxwalls.com",
            history=_HISTORY,
        ),
        Example(
            flagged=_LINES.format("\nBcc: audit@vault.example, copy@vault.example"),
            clean=_LINES.format("\nBcc: audit@vault.example"),
            cites="copy@vault.example",
            history=tuple(text + "Bcc: audit@vault.example\n" for text in _HISTORY),
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Count where the stream has a shape; who is alone is beyond it only where another copy came before."""
        profile = known.profile
        if profile is None or known.borrowed:
            return
        found = list(self._beyond(message, known, profile))
        yield from found or self._apart(message, known, profile)

    def _beyond(self, message: Message, known: Known, profile: Profile) -> Iterator[Finding]:
        if profile.limit(PARTIES, self.rare) is None and (
            not message.may_conceal or profile.limit(CONCEALED, self.rare) is None
        ):
            return
        company = known.company(message)
        if company is NOBODY:
            return
        parties = len(set(company.shown.values()))
        if profile.is_beyond(PARTIES, parties, self.rare):
            yield from self._beside(message, known, company.shown)
        elif parties == 1 and self._is_beyond_a_colleague(message, known, profile):
            yield from self._beside_a_colleague(message, known, company.shown)
        if profile.is_beyond(CONCEALED, len(company.hidden), self.rare):
            yield from self._hidden(message, known, company.hidden)

    def _apart(self, message: Message, known: Known, profile: Profile) -> Iterator[Finding]:
        """Those who get a copy of their own of a message that somebody unrelated got just before."""
        if known.stream is None:
            return
        new, copies = known.baseline.apart(message, known.stream, profile, known.suffixes)
        if not new or not profile.is_beyond(PARTIES, 1 + copies, self.rare) or profile.divides(copies, self.rare):
            return
        parties = outsiders_of(message, known.suffixes)
        undeclared = [
            recipient
            for recipient in self._undeclared(message, known, parties)
            if parties[recipient.address.canonical] in new and not known.hides(recipient, message)
        ]
        if undeclared:
            culprit = undeclared[-1]
            summary = (
                f"{culprit.address} gets a copy of a message to somebody unrelated, which {known.level} never divides"
            )
            yield self._extra(message, known, culprit, undeclared, summary)

    def _beside(self, message: Message, known: Known, shown: Mapping[str, Party]) -> Iterator[Finding]:
        undeclared = self._undeclared(message, known, shown)
        if len({shown[recipient.address.canonical] for recipient in undeclared}) > 1:
            often = _company_kept(message, known)
            culprit = max(reversed(undeclared), key=lambda recipient: often(recipient.address.canonical))
            summary = f"{culprit.address} receives it beside somebody unrelated, which {known.level} never has"
            yield self._extra(message, known, culprit, undeclared, summary)

    def _is_beyond_a_colleague(self, message: Message, known: Known, profile: Profile) -> bool:
        """Whether mail to somebody at home with the author, who is no party, shows more recipients than ever.

        Told by who stands in To first: a colleague in Cc is an internal copy, and says nothing of the customer.
        """
        if profile.limit(PARTIES, self.rare) is None:
            return False
        first = next(iter(message.sightings_of((Role.TO,))), None)
        if first is None or known.registrable(first.address) not in known.author_domains(message):
            return False
        return profile.is_beyond(SHOWN, sum(not recipient.hidden for recipient in message.recipients), self.rare)

    def _beside_a_colleague(self, message: Message, known: Known, shown: Mapping[str, Party]) -> Iterator[Finding]:
        undeclared = self._undeclared(message, known, shown)
        if undeclared:
            culprit = undeclared[-1]
            summary = f"{culprit.address} receives it beside somebody of the author's, which {known.level} never has"
            yield self._extra(message, known, culprit, undeclared, summary)

    def _hidden(self, message: Message, known: Known, hidden: Collection[str]) -> Iterator[Finding]:
        author = author_mailbox(message)
        undeclared = [
            recipient
            for recipient in self._undeclared(message, known, hidden)
            if recipient.address.canonical != author and not is_subscriber(recipient, message)
        ]
        if undeclared:
            often = _company_kept(message, known)
            culprit = min(
                reversed(undeclared),
                key=lambda r: (known.knows(HIDDEN, known.registrable(r.address)), often(r.address.canonical)),
            )
            summary = f"{culprit.address} is a hidden recipient more than {known.level} ever has"
            if not is_given_away(culprit, message, known):
                yield self._extra(message, known, culprit, undeclared, summary)

    @staticmethod
    def _undeclared(message: Message, known: Known, concerned: Collection[str]) -> list[Recipient]:
        return [
            recipient
            for recipient in message.recipients
            if recipient.address.canonical in concerned
            and known.registrable(recipient.address) not in known.own_domains
            and not known.declares(recipient)
        ]

    def _extra(
        self, message: Message, known: Known, culprit: Recipient, all_of_them: list[Recipient], summary: str
    ) -> Finding:
        subscriber = known.level is not None and known.level.kind == "list" and culprit.roles == {Role.ENVELOPE}
        at_home = culprit.hidden and known.registrable(culprit.address) in known.author_domains(message)
        return self.finding(
            culprit,
            summary,
            subject=lasting_path(culprit.address.canonical) if subscriber else None,  # another one each time
            also=[recipient for recipient in all_of_them if recipient is not culprit][:5],
            severity=Severity.MEDIUM if at_home else None,
            layer=layer_of(culprit, message.stage),
            history=known.history(),
        )


def _company_kept(message: Message, known: Known) -> Callable[[str], int]:
    """How often an address was beside unrelated ones in this account."""
    return next(known.baseline.company(message.account, None), Riders()).count
