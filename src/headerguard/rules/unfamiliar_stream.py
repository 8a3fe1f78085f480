"""Mail of a stream that its account has never sent, after a time in which it sent the same ones."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import RECIPIENT, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.profile import STREAM
from headerguard.rule import Example, Rule
from headerguard.stream import NAMED, Level

_LINES = "Date: {} Mar 2026 10:00:00 +0000\nFrom: shop@shop.example\nTo: jane@client.example\nX-MC-Template: {}\n"


@dataclass(frozen=True)
class UnfamiliarStream(Rule):
    """A stream that the account has never shown.

    Flags: a message whose stream has a name (the caller's, a template, campaign, tag or list) that the account has
    never shown in `least` messages, where all others have been known for `quiet` days and more. So it speaks once a
    day at most for each account, about the first of the new ones. It is silent where a file of expectations says which
    streams there are (`unrecorded-stream`), and where an account has more streams than are kept.

    Why: under a name of its own a message has no history, so that nothing in it is judged. Who sends through a stolen
    account takes a name of his own, or none.

    When it is wrong: on days on which a new mail is released, which is why it is a remark.

    What to do: find out who released it. Nothing has to be allowed; from its 20th message on the stream is judged.

    References: RFC 2919 section 3; the page on architecture of this documentation (How one message travels).
    """

    id = "unfamiliar-stream"
    severity = Severity.LOW
    roles = frozenset((Role.FROM, *RECIPIENT))
    least: int = 1_000
    quiet: int = 7
    examples = (
        Example(
            flagged=_LINES.format(20, "gift-card"),
            clean=_LINES.format(20, "receipt"),
            cites="shop@shop.example",
            history=(_LINES.format(1, "receipt"),) * 1_000,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Ask whether anybody knows the stream, then how long the newest of the others has been known."""
        stream = known.stream
        if stream is None or stream.kind not in NAMED or known.declared.recorded is not None:
            return
        streams = known.baseline.streams
        account = None if stream.key in streams else streams.get(Level("account", "", stream.account).key)
        history = account.roles.get(STREAM) if account else None
        if account is None or account.messages < self.least or history is None or not history.values:
            return
        moment = (message.envelope.observed if message.envelope else None) or message.date
        today = moment.date().toordinal() if moment else 0
        newest = max((seen.first for seen in history.values.values() if seen.first <= today), default=0)
        places = message.sightings_of((Role.FROM,)) or message.sightings_of(RECIPIENT)
        if newest and today - newest >= self.quiet and places:
            yield self.finding(
                places[0],
                f"{stream} is new to the account, which has had no new one for {today - newest} days",
                subject=stream.name,
                history=account.history(STREAM),
            )
