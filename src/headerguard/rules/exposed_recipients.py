"""Many recipients can read each other's addresses, in a stream that shows one."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import VISIBLE
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.profile import SHOWN
from headerguard.rule import Example, Rule

_FROM = "From: shop@shop.example\n"
_MANY = 5
_LIST = ", ".join(f"c{number}@client-{number}.example" for number in range(12))

_FEW = frozenset(("0", "1", "2"))


@dataclass(frozen=True)
class ExposedRecipients(Rule):
    """A list of recipients stands where all of them can see it.

    Flags: at least `least` recipients in To and Cc at `domains` or more registrable domains, or five times as many at
    fewer, in a stream of at least 20 messages that never showed more than two.

    Why: whoever is on the list learns who else is, and that cannot be called back. Mostly a single field was wrong:
    To instead of Bcc, or an ESP's switch that keeps recipients apart.

    When it is wrong: the first message of a routine to a working group.

    What to do: hold the message back, and put the recipients into Bcc or send each a copy.

    References: the reports on the Ministry of Defence of September 2021 and on BitMEX of November 2019.
    """

    id = "exposed-recipients"
    severity = Severity.HIGH
    roles = VISIBLE
    needs = frozenset(("baseline",))
    least: int = 10
    domains: int = 5
    examples = (
        Example(
            flagged=f"{_FROM}To: {_LIST}\n",
            clean=f"{_FROM}To: c1@client-1.example\n",
            cites="c0@client-0.example",
            history=tuple(f"{_FROM}To: c{number}@client-{number}.example\n" for number in range(20)),
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Count who is shown."""
        profile = None if known.borrowed else known.profile
        usual = profile.values(SHOWN) if profile and not profile.opened else None
        if (
            usual is None
            or not usual <= _FEW
            or (message.record is None and message.header.text.count("@") < self.least)
        ):
            return
        shown = {s.address.key: s for s in message.sightings_of(VISIBLE)}
        domains = {known.registrable(s.address) for s in shown.values()} if len(shown) >= self.least else ()
        if len(domains) >= self.domains or (domains and len(shown) >= _MANY * self.least):
            first, *others = shown.values()
            yield self.finding(
                first,
                f"{len(shown)} recipients, {len(domains)} domains, are shown to each other, where {known.level} shows "
                "one or two",
                subject=str(first.role),
                also=others[:4],
                history=known.history(),
            )
