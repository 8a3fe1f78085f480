"""A stream that one account sent comes out of another."""

from collections.abc import Iterator
from dataclasses import dataclass

from headerguard.fields import Role
from headerguard.finding import Finding, Severity
from headerguard.known import Known
from headerguard.message import Message
from headerguard.role_history import ENOUGH
from headerguard.rule import Example, Rule

_FEW = 3
"""A name that more accounts know is nobody's own, as those of a platform's templates."""
_LINES = "From: shop@shop.example\nTo: jane@client.example\n"


@dataclass(frozen=True)
class MovedStream(Rule):
    """A stream that is known from one account turns up in another.

    Flags: a copy that came with its account, whose stream has a name (the caller's, a template, campaign, tag or list)
    that this account has not shown in 20 messages and one other account alone has, in at least `least`.

    Why: who has stolen a template sends it from where he is. Under another account the stream has no history, so that
    nothing else in it is judged.

    When it is wrong: the stream was moved on purpose, or a second account was given the first one's templates.

    What to do: find out whose account it is; where it is right, allow the stream.

    References: the CoinGecko report of June 2024.
    """

    id = "moved-stream"
    severity = Severity.HIGH
    roles = frozenset((Role.FROM, Role.TO, Role.ENVELOPE))
    least: int = 100
    examples = (
        Example(
            flagged=_LINES + "X-Mc-Template: receipt\n",
            clean=_LINES + "X-Mc-Template: welcome\n",
            cites="shop@shop.example",
            history=(_LINES + "X-Mc-Template: receipt\n",) * 100,
            account="shop",
            declared={"account": "stranger"},
        ),
    )

    def check(self, message: Message, known: Known) -> Iterator[Finding]:
        """Ask the baseline who else knows the stream."""
        if message.account is None or known.stream is None:
            return
        others = known.baseline.accounts_of(known.stream)
        others.pop(known.stream._replace(account=None).key, None)  # learned before anybody said whose it was
        enough = {key: count for key, count in others.items() if count >= ENOUGH}
        if known.stream.key in enough or len(enough) != 1 or len(others) > _FEW:
            return
        ((key, count),) = enough.items()
        sightings = message.sightings_of((Role.FROM,)) or message.sightings_of(self.roles)
        if count >= self.least and sightings:
            account, own = key.partition("/")[0], others.get(known.stream.key, "never")
            yield self.finding(
                sightings[0],
                f"{known.stream} was sent {count:,} times from account {account!r}, and {own} from {message.account!r}",
                subject=known.stream.name,
                layer="esp account",
            )
