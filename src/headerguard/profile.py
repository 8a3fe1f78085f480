"""What one level of a stream has done so far: who stands in which role, how often, from which day to which.

Joining is commutative and associative with the empty profile as identity: counts add, days take the extremes, sets
unite. Of a closed role it holds exact addresses as well, as pseudonyms: nobody can read them, and whoever has the key
can ask for one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from headerguard.fields import VISIBLE, Role
from headerguard.finding import History
from headerguard.novelty import JUDGED, Calm, Trend
from headerguard.pseudonym import is_kept
from headerguard.role_history import CLOSED_VALUES, ENOUGH, NEVER, VALUES_CAP, RoleHistory, Seen, day_at

__all__ = [
    "ACCOUNT",
    "APART",
    "BROKEN",
    "BUCKETS",
    "CONCEALED",
    "FLAGGED",
    "LEARNED_ROLES",
    "PARTIES",
    "RELAY_HOST",
    "SEAL",
    "SETTING",
    "SHAPES",
    "SHOWN",
    "SIGNER",
    "STREAM",
    "TRACKING_HOST",
    "Profile",
    "bucket",
    "less",
]

OPENED = 3
"""Different domains flagged in To or Cc that show it to be open: no stranger any more, but another routine."""
_TREND = 8
"""Values beyond which nobody asks how the values of a role came."""


LEARNED_ROLES = frozenset(
    (
        Role.FROM,
        Role.SENDER,
        Role.REPLY,
        Role.TO,
        Role.CC,
        Role.BCC,
        Role.ENVELOPE,
        Role.BOUNCE,
        Role.RECEIPT,
        Role.CONTROL,
        Role.ARCHIVE,
        Role.RESENT_TO,
        Role.RESENT_CC,
        Role.RESENT_BCC,
    )
)
"""Roles whose registrable domains are learned. Of the envelope only the recipients that the header does not name."""


ACCOUNT = "account"
"""Learned like a role: the fingerprints of the sending account ("vendor:id")."""
TRACKING_HOST = "tracking host"
"""Learned like a role: the registrable domains of tracking and unsubscribe hosts."""
SIGNER = "signing domain"
"""Learned like a role: the registrable domains that sign the message (RFC 6376, d= and i=)."""
RELAY_HOST = "relay host"
"""Learned like a role: the registrable domains of the hosts that the trace names, as far up as own relays vouch for."""
SETTING = "setting"
"""Learned like a role: what an account at an ESP is set to do, value by value."""
STREAM = "stream"
"""Learned like a role, of an account as a whole: the names of its streams."""
PARTIES = "parties"
"""Learned like a role: how many unrelated parties a message shows, as a bucket; one or none is "1"."""
CONCEALED = "hidden"
"""Learned like a role: how many hidden recipients a message has that no alias stands for, as a bucket."""
APART = "apart"
"""Learned like a role, where there are any: how many unrelated parties got a copy of their own after the first, as a
bucket."""
SHOWN = "shown"
"""Learned like a role: how many recipients a message shows, as a bucket."""
SEAL = "seal"
"""Learned like a role: the stages of copies that carried a seal."""
FLAGGED = {role: f"flagged {role}" for role in sorted(VISIBLE)}
"""Learned like a role: the registrable domains that were flagged in To and Cc, and so are not known there."""
BROKEN = "broken shape"
"""Learned like a role: the parties that were flagged for being one more than the stream shows."""
SHAPES = frozenset((PARTIES, CONCEALED, APART, SHOWN))
"""What is learned as a number of recipients."""


_new = tuple.__new__
_NO_VALUES: Mapping[str, Seen] = MappingProxyType({})


def bucket(count: int) -> str:
    """A number of recipients as it is learned: 0, 1, 2, 3-9 or 10+."""
    return str(count) if count < 3 else "3-9" if count < 10 else "10+"


BUCKETS = ("0", "1", "2", "3-9", "10+")
"""Numbers of recipients as they are learned, the least first; see `bucket`."""


class Profile:
    """What one level of a stream has done."""

    __slots__ = ("_closed", "_strange", "_values", "aged", "days", "roles", "seen", "turned")

    def __init__(
        self, seen: Seen = NEVER, roles: dict[str, RoleHistory] | None = None, days: dict[int, int] | None = None
    ) -> None:
        """Start with nothing, or with what a file holds."""
        self.seen = seen
        """Messages, first and last day."""
        self.roles = {} if roles is None else roles
        """Per role (`Role` value) what it has shown."""
        self.days = {} if days is None else days
        """Messages per day (proleptic Gregorian ordinals in UTC); those without a date are left out."""
        self.turned: dict[str, bool] = {}
        """Roles that may have closed, opened or grown since somebody cleared it: whether they were closed then."""
        self.aged: Any = None
        """What `horizon` has worked out."""
        self._closed: list[frozenset[Role]] = []
        self._strange: bool | None = None
        self._values: tuple[int, int] | None = None

    def __eq__(self, other: object) -> bool:
        """Equal content."""
        if not isinstance(other, Profile):
            return NotImplemented
        return (self.seen, self.days, self.roles) == (other.seen, other.days, other.roles)

    __hash__ = None  # type: ignore[assignment]

    @property
    def messages(self) -> int:
        """Messages learned."""
        return self.seen.count

    def closed(self, role: Role, unused: bool = True) -> bool:
        """Whether a role is closed: used often with hardly any variety or, if `unused`, never in enough messages."""
        if self._opened(role):
            return False
        history = self.roles.get(role)
        if history is None:  # an envelope that was never observed proves nothing about who is in it
            return unused and role is not Role.ENVELOPE and self.seen.count >= ENOUGH
        return history.closed and (unused or bool(history.values))

    def _opened(self, role: Role) -> bool:
        """Whether so many strangers were flagged in To or Cc that the stream must be writing to whom it will.

        Nobody gets a role opened by one address, however often it comes; and what hides is never opened like this.
        """
        return role in FLAGGED and self._is_open_by(FLAGGED[role])

    def _is_open_by(self, flagged: str) -> bool:
        history = self.roles.get(flagged)
        return history is not None and (history.values is None or len(history.values) >= OPENED)

    @property
    def opened(self) -> bool:
        """Whether so many strangers were flagged in To or Cc that whom it shows, and how many, is no habit any more."""
        return any(map(self._is_open_by, (BROKEN, *FLAGGED.values())))

    def trend(self, role: Role) -> Trend:
        """What the chance of a new domain in a role depends on (see `novelty`).

        How long the newest has been known is told by counts and days alone, never by the order of learning, so that
        merged profiles tell the same.
        """
        history = self.roles.get(role)
        messages = self.seen.count
        if role is Role.ENVELOPE:  # it counts where it was observed
            messages = history.messages if history else 0
        values = None if role in FLAGGED and self._opened(role) else history.values if history else _NO_VALUES
        if values is None or len(values) > _TREND:
            return _new(Trend, (role, messages, _TREND + 1, _TREND, 0))  # far from closed, and not worth a closer look
        if not values:
            return _new(Trend, (role, messages, 0, 0, messages))
        return self._trend(role, messages, values.values())

    def _trend(self, role: Role, messages: int, seen: Collection[Seen]) -> Trend:
        if len(seen) == 1:
            ((count, _, _),) = seen
            return _new(Trend, (role, messages, 1, int(count == 1), count - 1))
        newest = max(value.first for value in seen)
        since = min(value.count for value in seen if value.first == newest) - 1
        since = max(since, sum(count for day, count in self.days.items() if day > newest))
        return Trend(role, messages, len(seen), sum(value.count == 1 for value in seen), since)

    def address_trend(self, role: Role, key: str) -> Trend | None:
        """The same as `trend` for exact addresses, of which those under one key count (see `Pseudonyms.name`).

        Its messages are those in which the commonest was seen: what was learned without the key is not known. None
        where none are known, or so many that any may stand there.
        """
        history = self.roles.get(role)
        if history is None or not history.addresses:
            return None
        seen = [seen for address, seen in history.addresses.items() if address.startswith(key)]
        return self._trend(role, max(value.count for value in seen), seen) if seen else None

    def has_strange_addresses(self, key: str) -> bool:
        """Whether it holds exact addresses that were learned under another key than this; looked at once."""
        if self._strange is None:
            held = (address for history in self.roles.values() for address in history.addresses or ())
            self._strange = any(is_kept(address) and not address.startswith(key) for address in held)
        return self._strange

    def knows_address(self, roles: Iterable[Role], pseudonym: str) -> bool:
        """Whether one of the roles has shown an exact address."""
        return any(pseudonym in (self.roles[role].addresses or ()) for role in roles if role in self.roles)

    @property
    def calm(self) -> Calm:
        """How often it shows anything new."""
        return Calm.of(self.seen.count, self.variety)

    @property
    def variety(self) -> int:
        """How many different values it has shown in the roles of which the odds are known."""
        return self._varieties[0]

    @property
    def closeness(self) -> tuple[int, Calm]:
        """What changes with every new value that may change what the odds tell: in an open role none does."""
        return self._varieties[1], self.calm

    @property
    def _varieties(self) -> tuple[int, int]:
        """Different values in those roles, and the same counted to just beyond a closed role; kept until one is new."""
        roles = self.roles
        if self._values is None:
            numbers = [VALUES_CAP if h.values is None else len(h.values) for role, h in roles.items() if role in JUDGED]
            self._values = sum(numbers), sum(min(number, CLOSED_VALUES + 1) for number in numbers)
        return self._values

    @property
    def forms(self) -> int:
        """How many different numbers of recipients it has shown, over all shapes."""
        return sum(len(self.roles[shape].values or ()) for shape in self.roles.keys() & SHAPES)

    def limit(self, shape: str, rare: int) -> str | None:
        """The least number of recipients, as a bucket, that is more than the stream shows; None where there is none.

        Of a `shape` learned as buckets: where it has always shown one and the same lower number, in enough messages, or
        so many in no more than one of `rare`. Of those shown there is none where so many different ones were one too
        many that the stream must be one for groups; what hides is never opened like this.
        """
        if shape == PARTIES and self._is_open_by(BROKEN):
            return None
        history = self.roles.get(shape)
        if history is None or history.messages < ENOUGH or not history.values:
            return None
        most = max(seen.count for seen in history.values.values())
        constant = (history.messages - most) * rare <= history.messages
        if not constant and history.messages < rare:
            return None
        more, limit = 0, None
        for value in reversed(BUCKETS):
            more += history.values.get(value, NEVER).count
            if more * rare > history.messages:
                break
            limit = value
        return limit

    def is_beyond(self, shape: str, count: int, rare: int) -> bool:
        """Whether so many recipients are more than the stream shows; see `limit`."""
        limit = self.limit(shape, rare)
        return limit is not None and BUCKETS.index(bucket(count)) >= BUCKETS.index(limit)

    def divides(self, count: int, rare: int) -> bool:
        """Whether so many copies of their own are nothing new: it has shown them, more than once in `rare` messages."""
        history, messages = self.roles.get(APART), self.seen.count
        if history is None or not history.values:
            return messages < ENOUGH
        least = BUCKETS.index(bucket(count))
        more = sum(seen.count for value, seen in history.values.items() if BUCKETS.index(value) >= least)
        return messages < rare or more * rare > messages

    def varied(self, role: Role) -> bool:
        """Whether a role has shown more domains than a closed one may."""
        history = self.roles.get(role)
        return history is not None and (history.values is None or len(history.values) > CLOSED_VALUES)

    def closed_roles(self, unused: bool = True) -> frozenset[Role]:
        """Every learned role that is closed, worked out once until something is learned."""
        if not self._closed:
            closed = [role for role in LEARNED_ROLES if self.closed(role)]
            used = [role for role in closed if role in self.roles and self.roles[role].values]
            self._closed = [frozenset(used), frozenset(closed)]
        return self._closed[unused]

    def knows(self, role: Role, domain: str) -> bool:
        """Whether a closed role has shown a registrable domain."""
        history = self.roles.get(role)
        return history is not None and history.values is not None and domain in history.values

    def values(self, role: str) -> frozenset[str] | None:
        """What a role has shown in enough messages; None where that is too little to judge by, or too much."""
        history = self.roles.get(role)
        if history is None or history.messages < ENOUGH or history.values is None:
            return None
        return frozenset(history.values)

    def always(self, role: str, value: str) -> bool:
        """Whether a role stood in every message that was not flagged, enough of them, and has shown a value."""
        history, shown = self.roles.get(role), self.roles.get(SHOWN)
        if history is None or shown is None or not history.values:
            return False
        return ENOUGH <= history.messages == shown.messages and value in history.values

    def history(self, role: str | None = None) -> History:
        """What a finding tells about it."""
        values = self.roles[role].values if role is not None and role in self.roles else None
        known = sorted(values or {}, key=lambda value: (-(values or {})[value].count, value))
        return History(self.seen.count, day_at(self.seen.first), day_at(self.seen.last), tuple(known[:5]))

    def learn(
        self, roles: Mapping[str, set[str]], day: int, addresses: Mapping[str, Collection[str]] = MappingProxyType({})
    ) -> None:
        """Add one message: the values of every role in it, and the pseudonyms of exact addresses."""
        self._see(day)
        histories = self.roles
        for role, values in roles.items():
            history = histories.get(role) or self._begun(role)
            before, known = history.messages, history.values
            held = len(known) if known is not None else 0
            history.learn(values, addresses.get(role), day)
            if known is not None and (len(known) != held or before == ENOUGH - 1):
                self._turn(role, held, before)

    def _see(self, day: int) -> None:
        seen = self.seen
        self.seen = seen.again(day) if seen[2] != day else _new(Seen, (seen[0] + 1, seen[1], day))
        if day:
            self.days[day] = self.days.get(day, 0) + 1
        if seen[0] == ENOUGH - 1:
            self._closed = []

    def _begun(self, role: str) -> RoleHistory:
        """The history of a role that was not there before."""
        self._closed, self._values = [], None
        history = self.roles[str(role)] = RoleHistory()
        return history

    def _turn(self, role: str, held: int, before: int) -> None:
        """Remember that a role, which held so many values and messages, may have closed, opened or grown."""
        if held <= CLOSED_VALUES:
            self.turned.setdefault(role, before >= ENOUGH)
            self._closed = []
        if self._values is not None and role in JUDGED:
            values = self.roles[role].values
            now = VALUES_CAP if values is None else len(values)
            most = CLOSED_VALUES + 1
            self._values = self._values[0] + now - held, self._values[1] + min(now, most) - min(held, most)

    def add(self, other: Profile) -> None:
        """Join another profile of the same level into this one."""
        self.seen += other.seen
        self._strange = self._values = self.aged = None
        self._closed = []
        for day, count in other.days.items():
            self.days[day] = self.days.get(day, 0) + count
        for role, history in other.roles.items():
            self.roles.setdefault(role, RoleHistory()).add(history)


def less(now: Profile, before: Profile) -> Profile:
    """What a profile has learned since an earlier state of itself: joined with that, it is what it is now.

    Counts are what came since; days, and what is too much to keep, join with themselves.
    """
    learned = Profile(now.seen._replace(count=now.seen.count - before.seen.count))
    learned.days = {day: more for day, count in now.days.items() if (more := count - before.days.get(day, 0))}
    for role, history in now.roles.items():
        known = before.roles.get(role)
        if known is None or known.messages != history.messages:
            known = known or RoleHistory()
            values = _since(history.values, known.values), _since(history.addresses, known.addresses)
            learned.roles[role] = RoleHistory(history.messages - known.messages, *values)
    return learned


def _since(now: Mapping[str, Seen] | None, before: Mapping[str, Seen] | None) -> dict[str, Seen] | None:
    if now is None:
        return None
    counts = {value: seen.count - (before or {}).get(value, NEVER).count for value, seen in now.items()}
    return {value: seen._replace(count=counts[value]) for value, seen in now.items() if counts[value]}
