"""A copy carries a seal that proves nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.finding import Finding, Severity
from headerguard.message import Message
from headerguard.role import Role
from headerguard.rule import Example, Known, Rule


@dataclass(frozen=True)
class UnbelievedSeal(Rule):
    """A seal was forged, changed, or taken from another message.

    Flags: something in the form of a seal that was not made with this key, that is much older or newer than the copy,
    or that stands beside another.

    Why: whoever forges a seal wants a recipient to look as if it had been asked for.

    When it is wrong: the key was changed while mail was under way, or another system has its own key.

    What to do: look where the message was written, and judge it as one that carries no seal.

    References: RFC 2104; `headerguard.seal`.
    """

    id = "unbelieved-seal"
    severity = Severity.MEDIUM
    roles = frozenset((Role.FROM, Role.TO, Role.CC, Role.BCC, Role.ENVELOPE, Role.DELIVERED))
    examples = (
        Example(
            flagged="From: shop@shop.example\nTo: jane@client.example\n"
            "X-Seal: hg1.AAeDIuswqq_R.AAAAAbDeIrrmYw.RxfFVcKRIDatSAAA\n",
            clean="From: shop@shop.example\nTo: jane@client.example\n"
            "X-Seal: hg1.AAeDIuswqq_R.AAAAAbDeIrrmYw.RxfFVcKRIDatSUSd\n",
            cites="shop@shop.example",
            seal_key=b"the key of the examples",
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Say why; the place is the first address, as a seal may stand in any field or key."""
        if known.unbelieved and (sightings := message.sightings_of(self.roles)):
            author = min(sightings, key=lambda s: s.role is not Role.FROM)
            yield self.finding(author, f"the seal is not believed: {known.unbelieved}", subject="seal")
