"""Who travels along with recipients that have nothing to do with one another.

Whoever has an account's mail copied to himself stands beside one customer after the other. Which role he is given, and
at which domain he is, makes no difference to that (ChunkHost 2014: an account-wide blind copy leaves no header). What
is kept of each address that was ever beside an unrelated one is how often, since when, and a few hashes of whom it was
beside. Counts add, days take the earlier, hashes unite: merging is commutative and associative with the empty state as
identity, as long as the cap on addresses is not reached. Addresses are kept as pseudonyms alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from headerguard.address import SuffixList
from headerguard.address_list import Tier
from headerguard.fields import CATALOGUE, DESTINATION
from headerguard.lists import FREEMAIL
from headerguard.message import Envelope, Message
from headerguard.pseudonym import LENGTH, is_kept, of_this_process
from headerguard.role import RECIPIENT, VISIBLE, Role

__all__ = [
    "NOBODY",
    "Company",
    "Party",
    "Rider",
    "Riders",
    "Traffic",
    "company_of",
    "is_mailing",
    "rider_at",
    "rider_record",
    "riders_at",
    "riders_record",
]

PARTNERS = 3
"""Unrelated partners that make a companion a rider."""
SHARE = 0.02
"""The least share of the messages since it turned up that a rider is beside somebody in."""
SETTLED = 20
"""Messages after which somebody new is new; who was there before is a resident, and for an audit to find."""
FAR_LESS = 3
"""How many times as often as the customers beside it a rider comes."""
CROWD = 4
"""Unrelated parties, residents left aside, from which a message goes to a circle of people."""
SOCIABLE = 0.03
"""The share of such messages, of all or since somebody turned up, from which on company says nothing: people who write
to each other, and robots that answer them, do it all the time; mail to customers hardly ever."""
MAILING = 20
"""Recipients from which a message is a mailing to a group, which says nothing about company."""
_KEPT = 16
_HASH = slice(4, 12)
"""What is kept of the pseudonym of a party: it never stands without that of whom it was beside, which names the key."""
CAP = 100_000
"""Addresses that are remembered; past it those that were seen once are forgotten, and a rider needs longer to show."""

_CANDIDATE, _ENVELOPE = (
    Tier.CANDIDATE,
    Role.ENVELOPE,
)  # a member is looked up by way of its class at three times the cost

Party = str
"""Who belongs together: a registrable domain, or one address at a provider of free mail."""


class Company(NamedTuple):
    """The recipients of a message that are not at home with its author: the party of each, by canonical address key."""

    shown: Mapping[str, Party]
    """Those that To and Cc show; all of a copy that has no such field, as a log."""
    everybody: Mapping[str, Party]
    """All, those included for whom another copy was made (the return path names them)."""
    hidden: frozenset[str] = frozenset()
    """Those, at home with the author or not, whom nothing shows and no alias or list stands for; and those who get a
    copy of their own of a message that was meant for somebody unrelated, as its return path tells."""
    apart: frozenset[str] = frozenset()
    """Of these, those in the envelope of such a copy of their own, whatever its To says."""


NOBODY = Company({}, {})


def company_of(message: Message, suffixes: SuffixList) -> Company:
    """Who is beside whom in a message; nobody where there is one recipient, which is told without reading addresses."""
    return message.fact(_company_of, suffixes)


def _company_of(message: Message, suffixes: SuffixList) -> Company:
    if not _has_several(message):
        return NOBODY
    registrable = suffixes.registrable_domain
    home = {registrable(s.address.domain) for s in message.sightings_of((Role.FROM,))}
    shown: dict[str, Party] = {}
    everybody: dict[str, Party] = {}
    shows = message.shows_destination
    hidden: set[str] = set()
    expands = message.record is not None or "x-original-to" in message.names
    carried: set[str] = set()
    for recipient in message.recipients:
        if recipient.tier is _CANDIDATE or (expands and message.is_expanded(recipient)):
            continue
        address, sightings, is_hidden, _ = recipient
        key, domain, roles = address.canonical, registrable(address[1]), [s[1] for s in sightings]
        if is_hidden:
            hidden.add(key)
        if _ENVELOPE in roles:
            carried.add(key)
        if domain not in home:
            everybody[key] = party = key if domain in FREEMAIL else domain
            if not shows or not (is_hidden or VISIBLE.isdisjoint(roles)):
                shown[key] = party
    meant: dict[str, Party] = {}
    for sighting in message.stated if "x-original-to" not in message.names else ():
        if sighting.field == "mail from" and sighting.role is Role.DELIVERED:  # another copy of it is for him
            key, domain = sighting.address.canonical, registrable(sighting.address.domain)
            if domain not in home and not any(key.endswith(who) for who in everybody):  # a stamp before the name
                meant[key] = key if domain in FREEMAIL else domain
    beside = bool(meant) and set(meant.values()).isdisjoint(everybody.values())
    apart = frozenset(everybody.keys() & carried if beside else ())  # copies on the side, whomever To names
    everybody = {**meant, **everybody}
    if len(everybody) > 1:
        return Company(shown, everybody, apart | hidden, apart)
    return Company(shown, {}, frozenset(hidden)) if hidden or len(message.recipients) > 1 else NOBODY


def is_mailing(message: Message) -> bool:
    """Whether a message has more recipients than say anything about company."""
    return len(message.recipients) > MAILING


def _has_several(message: Message) -> bool:
    """Whether a message may have more than one recipient, told by what stands in it where."""
    envelope = message.envelope
    if message.record is not None or (envelope and len(envelope.rcpt_to) > 1):
        return True
    text, count, shown = message.header.text, 0, ""
    for part in message.parts_named(_ASKING):
        count += text.count("@", part.line.value, part.line.end)
        if count > 1 or part.line.name not in DESTINATION:
            return True
        shown += text[part.line.value : part.line.end]
    return envelope is not None and (count == 0 or _is_elsewhere(envelope, shown))


_ASKING = frozenset(
    name for name, entry in CATALOGUE.items() if not entry.roles.isdisjoint(RECIPIENT - {Role.ENVELOPE})
)


def _is_elsewhere(envelope: Envelope, shown: str) -> bool:
    """Whether the one recipient of the envelope is not the one that the header shows, or that the return path names."""
    if not envelope.rcpt_to:
        return False
    (path,) = envelope.rcpt_to
    return path.strip(" <>") not in shown or "=" in (envelope.mail_from or "")


class Rider(NamedTuple):
    """An address that was beside unrelated ones."""

    count: int  # type: ignore[assignment]
    """Messages in which it was."""
    day: int
    """The first of them (proleptic Gregorian ordinal, UTC; 0 without a date)."""
    partners: frozenset[str]
    """Hashes of the parties beside it, the lowest few, under the key of its own pseudonym."""

    def __add__(self, other: Rider) -> Rider:  # type: ignore[override]
        """Both."""
        day = min(self.day, other.day) if self.day and other.day else self.day or other.day
        kept = self.partners
        if not other.partners <= kept:
            kept = frozenset(sorted(kept | other.partners)[:_KEPT])
        return Rider(self.count + other.count, day, kept)


class Traffic(NamedTuple):
    """How much mail there was."""

    messages: int = 0
    """All, those with one recipient included."""
    groups: int = 0
    """Of these, those to several parties that have nothing to do with one another, residents left aside."""
    crowds: int = 0
    """Of these, those to so many that it was a crowd."""

    def __add__(self, other: Traffic) -> Traffic:  # type: ignore[override]
        """Both."""
        return Traffic(self[0] + other[0], self[1] + other[1], self[2] + other[2])

    def __sub__(self, other: Traffic) -> Traffic:
        """What came after the other."""
        return Traffic(self[0] - other[0], self[1] - other[1], self[2] - other[2])


_NONE = Traffic()


class Riders:
    """What is known of companions in one place: an account, or a stream."""

    __slots__ = ("_before", "companions", "days", "forgotten", "pseudonym", "traffic")

    def __init__(self, pseudonym: Callable[[str], str] | None = None) -> None:
        """Start with nothing. `pseudonym` gives what stands for an address or a party; None: one of this process."""
        self.pseudonym = pseudonym or of_this_process().of_text
        self.days: dict[int, Traffic] = {}
        """What came on each day; 0 is no date."""
        self.traffic = _NONE
        """All of it."""
        self.companions: dict[str, Rider] = {}
        """By pseudonym of the canonical address key."""
        self.forgotten = 0
        """How many were let go at the cap."""
        # What had come when somebody turned up: exact where this process saw it, else what came on the days before.
        self._before: dict[str, Traffic] = {}

    @property
    def messages(self) -> int:
        """Messages seen, those with one recipient included."""
        return self.traffic.messages

    def learn(self, parties: Mapping[str, Party], day: int = 0, aside: Container[str] = frozenset()) -> None:
        """Add one message: the party of each of its recipients, by canonical address key; see `riders_in`."""
        came = Traffic(1)
        if len(parties) > MAILING:  # it says nothing about company, and would crowd out those who are remembered
            unrelated = len(set(parties.values()))
            came = Traffic(1, int(unrelated > 1), int(unrelated >= CROWD))
        elif len(parties) > 1 and len(set(parties.values())) > 1:
            unrelated = self._unrelated(parties, aside)
            came = Traffic(1, int(unrelated > 1), int(unrelated >= CROWD))
            beside = {name for key, name in parties.items() if key not in aside and name not in aside}
            others = self._others(parties)
            for key, name in parties.items():  # to stand beside a stranger is none of a customer's doing
                if len(beside) > (name in beside):
                    who = self.pseudonym(key)
                    if who not in self.companions:
                        self._before[who] = self.traffic
                    self.companions[who] = self._with(who, others[name], day)
            if len(self.companions) > CAP:
                self._forget()
        self.traffic += came
        self.days[day] = self.days.get(day, _NONE) + came

    def _others(self, parties: Mapping[str, Party]) -> dict[Party, frozenset[str]]:
        """Hashes of the parties beside each party of a message, as many as are kept: the same for most of many."""
        hashes = {name: self.pseudonym(name)[_HASH] for name in parties.values()}
        lowest = sorted(set(hashes.values()))[: _KEPT + 1]
        most = frozenset(lowest[:_KEPT])
        return {name: frozenset(lowest).difference((own,)) if own in most else most for name, own in hashes.items()}

    def _with(self, who: str, others: frozenset[str], day: int) -> Rider:
        """What would be known of a recipient with a message added."""
        seen = Rider(1, day, others)
        known = self.companions.get(who)
        return known + seen if known else seen

    def before(self, who: str) -> Traffic:
        """What had come when somebody (a pseudonym) turned up; all of it for one who never did."""
        found = self._before.get(who)
        if found is None:
            rider = self.companions.get(who)
            if rider is None:
                return self.traffic
            earlier = [came for day, came in self.days.items() if 0 < day < rider.day]
            found = self._before[who] = sum(earlier, _NONE)
        return found

    def _known(self, key: str) -> Rider | None:
        return self.companions.get(self.pseudonym(key))

    def add(self, other: Riders) -> None:
        """Join what another place knows."""
        self.traffic += other.traffic
        self.forgotten += other.forgotten
        for day, came in other.days.items():
            self.days[day] = self.days.get(day, _NONE) + came
        for key, rider in other.companions.items():
            self.companions[key] = self.companions[key] + rider if key in self.companions else rider

    def recall(self, earlier: Riders) -> None:
        """Take over what an earlier state of this place in this process saw of when somebody turned up."""
        self._before = {who: before for who, before in earlier._before.items() if who in self.companions}

    def _forget(self) -> None:
        """Let those go that were seen once."""
        rare = [key for key, rider in self.companions.items() if rider.count == 1]
        for key in rare or list(self.companions)[: CAP // 10]:
            del self.companions[key]
            self._before.pop(key, None)
            self.forgotten += 1

    def forget(self, who: str) -> bool:
        """Let go of somebody (a pseudonym), as if he had never been beside anybody; gives whether he was known."""
        self._before.pop(who, None)
        return self.companions.pop(who, None) is not None

    def count(self, key: str) -> int:
        """In how many messages an address was beside unrelated ones."""
        known = self._known(key)
        return known.count if known else 0

    def riders_in(
        self, parties: Mapping[str, Party], day: int = 0, aside: Container[str] = frozenset()
    ) -> dict[str, Rider]:
        """Those of the recipients of one message who ride along, with what is known of each, this message included.

        Somebody who came after the beginning, often enough, beside enough that are unrelated; and of the parties beside
        him, residents left aside, at least half come far less often than he does. Where the same people write to each
        other all come as often, and nobody is a rider; nor where mail goes to crowds all the time. `aside`: keys and
        parties that are left out as residents are, so that one rider, found out or judged, hides no other.
        """
        often = {key: name for key, name in parties.items() if self.count(key) + 1 >= PARTNERS}
        if not often or len(parties) > MAILING:
            return {}
        usual = self._usual(parties, aside)
        found, others = {}, self._others(parties)
        for key, name in often.items():
            rider = self._with(self.pseudonym(key), others[name], day)
            if self._rides(key, rider, parties, usual):
                found[key] = rider
        return found

    def _usual(self, parties: Mapping[str, Party], aside: Container[str]) -> list[str]:
        """Those that are neither residents nor to be left aside."""
        return [key for key in parties if not (self._is_resident(key) or key in aside or parties[key] in aside)]

    def _unrelated(self, parties: Mapping[str, Party], aside: Container[str]) -> int:
        """How many parties there are, without residents and those to be left aside."""
        return len({parties[key] for key in self._usual(parties, aside)})

    def _rides(self, key: str, rider: Rider, parties: Mapping[str, Party], usual: Iterable[str]) -> bool:
        if len(rider.partners) < PARTNERS or rider.count < PARTNERS:
            return False
        before = self.before(self.pseudonym(key))
        if before.messages < SETTLED or self.share(key, rider) < SHARE or 2 * before.groups > before.messages:
            return False
        others = [other for other in usual if parties[other] != parties[key]]
        rare = sum(FAR_LESS * (self.count(other) + 1) <= rider.count for other in others)
        return bool(others) and 2 * rare >= len(others) and not self._is_sociable(before, parties, usual)

    def _is_sociable(self, before: Traffic, parties: Mapping[str, Party], usual: Iterable[str]) -> bool:
        """Whether so much of the mail goes to crowds, in all or since somebody turned up, that company is no news."""
        now = self.traffic + Traffic(1, 0, int(len({parties[key] for key in usual}) >= CROWD))
        since = now - before
        return now.crowds >= SOCIABLE * now.messages or since.crowds >= SOCIABLE * since.messages

    def least_share(self, key: str, rider: Rider) -> float:
        """The share that is left when chance is given its due: one standard deviation of a count."""
        return self.share(key, rider) * (1 - 1 / math.sqrt(rider.count))

    def share(self, key: str, rider: Rider) -> float:
        """Of the messages since somebody turned up, this one included, those in which he was beside unrelated ones."""
        return rider.count / (self.messages + 1 - self.before(self.pseudonym(key)).messages)

    def residents(self) -> list[str]:
        """Those who have been beside unrelated ones from the beginning, by pseudonym."""
        return sorted(who for who in self.companions if self._resides(who))

    def _is_resident(self, key: str) -> bool:
        return self._resides(self.pseudonym(key))

    def _resides(self, who: str) -> bool:
        known = self.companions.get(who)
        return known is not None and known.count >= PARTNERS and self.before(who).messages < SETTLED


# ---- the file --------------------------------------------------------------------------------------------------------


def riders_record(riders: Riders) -> dict[str, Any]:
    """Riders as plain data, without those whose pseudonyms end with the process."""
    kept = ((key, rider) for key, rider in sorted(riders.companions.items()) if is_kept(key))
    return {
        "forgotten": riders.forgotten,
        "days": {_day_text(day): " ".join(map(str, came)) for day, came in sorted(riders.days.items())},
        "companions": {key: rider_record(rider) for key, rider in kept},
    }


def rider_record(rider: Rider) -> str:
    """A rider as one line: how often, since when, beside whom."""
    return " ".join((str(rider.count), _day_text(rider.day), *sorted(rider.partners)))


def _day_text(day: int) -> str:
    return date.fromordinal(day).isoformat() if day else "-"


def _day_at(text: str) -> int:
    return 0 if text == "-" else date.fromisoformat(text).toordinal()


def riders_at(record: Any) -> Riders:
    """What `riders_record` wrote. Raises ValueError with what is wrong, the key first."""
    riders = Riders()
    if not isinstance(record, dict) or not isinstance(record.get("companions"), dict):
        raise ValueError(" has no object of companions")
    forgotten, days = record.get("forgotten"), record.get("days")
    if not isinstance(forgotten, int) or isinstance(forgotten, bool) or forgotten < 0:
        raise ValueError(".forgotten is not a whole number")
    if not isinstance(days, dict):
        raise ValueError(" has no object of days")
    riders.forgotten = forgotten
    for day, text in days.items():
        riders.days[_ordinal(day)] = _traffic_at(day, text)
    riders.traffic = sum(riders.days.values(), _NONE)
    for key, text in record["companions"].items():
        riders.companions[key] = rider_at(key, text)
    return riders


def _ordinal(day: str) -> int:
    try:
        return _day_at(day)
    except ValueError:
        raise ValueError(f".days[{day!r}] is no day") from None


def _traffic_at(day: str, text: Any) -> Traffic:
    try:
        messages, groups, crowds = map(int, text.split(" "))
    except (ValueError, AttributeError):
        raise ValueError(f".days[{day!r}] is not messages, groups and crowds") from None
    if not 0 <= crowds <= groups <= messages:
        raise ValueError(f".days[{day!r}] is out of range")
    return Traffic(messages, groups, crowds)


def rider_at(key: str, text: Any) -> Rider:
    """What `rider_record` wrote. Raises ValueError."""
    try:
        count, day, *partners = text.split(" ")
        rider = Rider(int(count), _day_at(day), frozenset(partners))
    except (ValueError, AttributeError):
        raise ValueError(f".companions[{key!r}] is not count, day and partners") from None
    if rider.count < 0 or len(partners) > _KEPT or len(key) != LENGTH:
        raise ValueError(f".companions[{key!r}] is out of range")
    return rider
