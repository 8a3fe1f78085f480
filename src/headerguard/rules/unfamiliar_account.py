"""The copy comes out of another account than this stream ever did."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import MARKED, Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.profile import ACCOUNT
from headerguard.rule import Example, Rule

_LINES = "From: shop@shop.example\nTo: jane@client.example\nX-Mandrill-User: md_30490001\n"


@dataclass(frozen=True)
class UnfamiliarAccount(Rule):
    """A fingerprint of the sending account that this stream has never shown.

    Flags: an id of the account at an ESP (a stamp, return path, Feedback-ID or event) of a vendor that the stream has
    shown with one or two other ids in at least 20 messages. Where the stream has shown accounts, and none of the
    message's vendors among them, it weighs MEDIUM; beside one that it has shown, an ESP that it never did is a remark
    (LOW): anybody can write the id of another account into a header.

    Why: the account is whose mail it is. The same brand out of another account, or another ESP, is somebody else's.

    When it is wrong: the day an account or ESP is changed; then it is one incident for all streams.

    What to do: find out who owns the account. If it is yours, allow the fingerprint.

    References: the CoinGecko report of June 2024; the Trezor report of April 2022.
    """

    id = "unfamiliar-account"
    severity = Severity.HIGH
    roles = frozenset((Role.BOUNCE,))  # a reverse-path names an account too, and the envelope has one
    fields = MARKED
    news = frozenset((ACCOUNT,))
    needs = frozenset(("baseline",))
    examples = (
        Example(
            flagged=_LINES.replace("30490001", "77770002"),
            clean=_LINES,
            cites="md_77770002",
            history=(_LINES,) * 20,
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Compare the ids of each vendor with those that the stream has shown."""
        shown = known.profile.values(ACCOUNT) if known.profile else None
        if not shown:
            return
        marks = [mark for mark in message.marks_of(MARKED) if mark.kind == "account"]
        ids = Counter(map(_vendor, shown))
        houses = set(map(_house, shown))
        another = ids.keys().isdisjoint(_vendor(mark.value) for mark in marks)
        for mark in {mark.value: mark for mark in marks}.values():
            beside = _house(mark.value) not in houses
            if mark.value not in shown and (another or beside or 1 <= ids[_vendor(mark.value)] <= 2):
                yield self.finding(
                    mark,
                    f"sent from account {mark.value}, which {known.level} has never shown",
                    severity=Severity.MEDIUM if another else Severity.LOW if beside else None,
                    layer="esp account",
                    history=known.history(ACCOUNT),
                )


def _vendor(value: str) -> str:
    """What kind of id it is: "postmark-server" of "postmark-server:7"."""
    return value.partition(":")[0]


def _house(value: str) -> str:
    """Whose it is: "postmark" of the same."""
    return _vendor(value).partition("-")[0]
