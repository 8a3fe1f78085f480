"""A copy carries a seal that proves nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.role import RECIPIENT, Role
from headerguard.rule import Example, Rule


@dataclass(frozen=True)
class UnbelievedSeal(Rule):
    """A seal was forged, changed, cut short, or taken from another time.

    Flags: something in the form of a seal that was not made with this key, that is more than a week older, or newer,
    than any date of the copy (its Date, the last hop, the envelope), or that stands beside another. An event on one
    recipient may come long after. A seal on another message for the same recipients is believed: it says what is true
    of them, and `headerguard reconcile` tells that it is on two.

    Why: whoever forges a seal wants a recipient to look as if it had been asked for.

    When it is wrong: the key was changed while mail was under way, another system has its own key, an ESP or a relay
    cuts long values, or a request to an API for many messages has a seal for each: use one, with `apart=True`.

    What to do: look where the message was written, and judge it as one that carries no seal.

    References: RFC 2104; `headerguard.seal`.
    """

    id = "unbelieved-seal"
    severity = Severity.MEDIUM
    roles = RECIPIENT | {Role.FROM, Role.DELIVERED}
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: jane@client.example\n"
            "X-Seal: hg1-AAd9kHhJchbCAAAAARFcVDJykQibw1MwiHK-L08AAA\n",
            clean="From: shop@shop.example\nTo: jane@client.example\n"
            "X-Seal: hg1-AAd9kHhJchbCAAAAARFcVDJykQibw1MwiHK-L087s4\n",
            cites="shop@shop.example",
            seal_key=b"the key of the examples",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Say why; the place is the first address, as a seal may stand in any field or key."""
        if known.unbelieved and (sightings := message.sightings_of(self.roles)):
            author = min(sightings, key=lambda s: s.role is not Role.FROM)
            yield self.finding(author, f"the seal is not believed: {known.unbelieved}", subject="seal")
