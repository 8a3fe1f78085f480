"""A relay passed the message on that this stream has never come by."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.profile import RELAY_HOST
from headerguard.rule import Example, Rule

_LINES = """\
Received: from esp.example by mx.archive.example; Sun, 7 Aug 2022 10:00:05 +0000
Received: from app.shop.example by mx.shop.example; Sun, 7 Aug 2022 10:00:00 +0000
From: shop@shop.example
To: jane@client.example
"""
_MOST = 4
"""Registrable domains of a way that is always the same: one's own, a provider or two, where the copy lies."""


@dataclass(frozen=True)
class UnfamiliarRelay(Rule):
    """A relay above the own boundary that this stream has never come by.

    Flags: where `boundary` names the own relays, a host after "from" or "by" in a Received field that one of them wrote
    or that stands above, at a registrable domain that the stream never showed there, where it has shown four at most in
    at least 20 messages. What stands below is hearsay, and a host without a domain is not counted.

    Why: who puts a relay of his into the way reads everything, and changes no address.

    When it is wrong: providers rename their hosts and add others, and a host may call itself as it likes, so that this
    is a remark; give it more weight in the configuration where the way is your own from end to end.

    What to do: find out whose host it is. If it belongs there, allow the domain.

    References: RFC 5321 section 4.4.
    """

    id = "unfamiliar-relay"
    severity = Severity.LOW
    fields = frozenset(("received",))
    needs = frozenset(("baseline",))
    examples = (
        Example(
            flagged=_LINES.replace("esp.example", "arxxwalls.com"),
            clean=_LINES.replace("esp.example", "out2.esp.example"),
            cites="from arxxwalls.com by mx.archive.example; Sun, 7 Aug 2022 10:00:05 +0000",
            history=(_LINES,) * 20,
            config={"boundary": ["mx.shop.example"]},
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Compare the hosts with those of earlier messages; those below the boundary are left out by the guard."""
        shown = known.profile.values(RELAY_HOST) if known.profile and known.bounded else None
        if not shown or len(shown) > _MOST:
            return
        hosts = {known.suffixes.registrable_domain(mark.value): mark for mark in reversed(message.hops)}
        for domain, mark in hosts.items():
            if domain not in shown | known.own_domains:
                yield self.finding(
                    mark,
                    f"passed on by {mark.value}, at a domain by which {known.level} has never come",
                    subject=domain,
                    layer="relay",
                    history=known.history(RELAY_HOST),
                )
