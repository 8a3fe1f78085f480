"""What each stream has done so far, profile by profile, and what all of them together tell.

Merging is commutative and associative with the empty baseline as identity. Levels that are too many to be told apart
are let go (see `crowds`). A file holds no time of writing and no positions, so the same mail gives the same bytes.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headerguard import stores
from headerguard.address import BUNDLED, Address, SuffixList
from headerguard.address_list import Tier
from headerguard.crowds import ACCOUNTS_CAP, Crowds
from headerguard.errors import BaselineError
from headerguard.fields import HIDDEN, Role
from headerguard.frequent import Frequent
from headerguard.horizon import HORIZON, recent
from headerguard.lists import FREEMAIL
from headerguard.message import Mark, Message, Sighting
from headerguard.novelty import JUDGED, Novelty, shipped
from headerguard.profile import (
    APART,
    BROKEN,
    CONCEALED,
    FLAGGED,
    LEARNED_ROLES,
    PARTIES,
    SHAPES,
    SHOWN,
    STREAM,
    Profile,
    bucket,
)
from headerguard.profile_record import MalformedError, mapping_at, profile_at, profile_record
from headerguard.pseudonym import NULL_PATH, Pseudonyms, is_kept, of_this_process
from headerguard.riders import MAILING, Company, Party, Riders, company_of, riders_at, riders_record
from headerguard.role_history import ENOUGH, RoleHistory, day_at
from headerguard.sibling import Siblings
from headerguard.stream import NAMED, Level
from headerguard.traits import learned_of, stated_in

if TYPE_CHECKING:
    from headerguard.lookalike import Lookalikes

__all__ = ["SCHEMA", "SHAPE", "Baseline", "names_in", "vouched_by"]

SCHEMA = 2
"""Of what is written. What schema 1 wrote is read as well: lists for counts, days one by one, no riders."""
SHAPE = ("shape", "")
"""What is not learned of a flagged message whatever it was flagged for: how many recipients it has, and the odds."""
_COUNTED = frozenset((Role.FROM, Role.REPLY, Role.TO, Role.CC, Role.BCC))
"""Roles whose absence is counted for the odds, one a family."""
_OURS = LEARNED_ROLES - {Role.TO, Role.CC, Role.RESENT_TO, Role.RESENT_CC}
"""Those that whoever is written to has no part in."""
_RETURNED = frozenset((Role.REPLY, Role.RECEIPT, Role.BOUNCE))
"""Those whose addresses may hold a number or a recipient, and are the same mailbox for all that."""
_ENVELOPE, _BOUNCE = Role.ENVELOPE.value, Role.BOUNCE.value  # plain text is found in a mapping in half the time
_CANDIDATE = Tier.CANDIDATE  # a member is looked up by way of its class at three times the cost of a name


class Baseline:
    """Everything learned, by level of stream. `learn` changes it in place; `merge` makes a new one."""

    __slots__ = (
        "__weakref__", "_crowds", "_homes", "_lookalikes", "_seen_in_role", "_shown", "_turned",
        "frequent", "horizon", "novelty", "pseudonyms", "riders", "siblings", "streams",
    )  # fmt: skip

    def __init__(self, key: bytes | None = None) -> None:
        """Start with nothing known. `key` hides exact addresses, and which are the same.

        Without one they are known in this process alone, and no file holds them. Raises ValueError for a key under 16
        octets.
        """
        self.pseudonyms = of_this_process() if key is None else Pseudonyms(key)
        """What stands for an address."""
        self.streams: MutableMapping[str, Profile] = {}
        """Profiles by level key (account/kind:value)."""
        self.horizon = HORIZON
        """Days after which what a stream has not shown any more does not count as known; see `horizon`."""
        self._crowds = Crowds()
        self.novelty = Novelty(shipped())
        """What all streams together tell about new domains, beside what was shipped."""
        self.riders: MutableMapping[str, Riders] = {}
        """Who was beside whom, by account and by stream that has a name."""
        self.frequent: dict[str | None, Frequent] = {}
        """Who comes most often, by account, since this process began."""
        self.siblings = Siblings()
        """Who got a copy of the messages that came lately, since this process began."""
        self._turned: dict[int, Profile] = {}  # by identity: those of whose roles any may have closed, opened or aged
        self._seen_in_role: set[str] | None = None
        self._shown: set[str] | None = None
        self._lookalikes: Lookalikes | None = None
        self._homes: dict[str, set[str]] | None = None  # kind:value -> level keys, whatever the account

    @property
    def trouble(self) -> str | None:
        """What keeps it from being kept up to date where it lives, in a sentence; None: nothing."""
        return None

    def flush(self) -> None:
        """Write what was learned where it lives, if it is a live one; see `live`. Raises BaselineError."""

    def close(self) -> None:
        """The same, and let go of it."""

    # ---- judging

    def profile(self, level: Level) -> Profile | None:
        """The profile of a level as it counts today, if it holds enough messages to judge by.

        All authors of an account together speak only where they are too many to be told apart.
        """
        profile = self.streams.get(level.key)
        if profile is None or profile.seen.count < ENOUGH:
            return None
        told_apart = level.value or level.kind == "account" or level.key in self._crowds
        return self.recent(profile) if told_apart else None

    def recent(self, profile: Profile) -> Profile:
        """A profile without what lies behind the horizon; nothing is deleted, as all of it may be shown again."""
        if profile.seen.last - profile.seen.first < self.horizon:  # as a rule
            return profile
        before = profile.aged.counts if profile.aged else {}
        found = recent(profile, self.horizon)
        if profile.aged.counts != before:
            self._seen_in_role = self._shown = None  # what has aged vouches for nobody any more, until it is back
        return found

    def accounts_of(self, level: Level) -> dict[str, int]:
        """Messages of a named stream in every account that knows it, by level key."""
        if self._homes is None:
            self._homes = {}
            for key in self.streams:
                self._homes.setdefault(key.partition("/")[2], set()).add(key)
        keys = self._homes.get(level.key.partition("/")[2], ()) if level.kind in NAMED else ()
        return {key: self.streams[key].messages for key in keys if key in self.streams}

    def odds(self, profile: Profile, role: Role, domain: str) -> float | None:
        """The share of clean messages that would look at least as unusual as this domain in this role of a stream.

        1 where the stream has shown it there; None where the role is open, so that nothing can be said.
        """
        if role not in JUDGED:
            return None
        trend = profile.trend(role)
        if not trend.closed:
            return None
        if profile.knows(role, domain):
            return 1.0
        surprise = self.novelty.surprise(trend, self.is_strange(domain))
        return self.novelty.p_value(surprise, profile.calm)

    def company(self, account: str | None, stream: Level | None) -> Iterator[Riders]:
        """Who was beside whom in an account, and in one of its streams."""
        for place in _company_places(account, stream):
            if place in self.riders:
                yield self._riders_at(place)

    def apart(
        self, message: Message, stream: Level, profile: Profile | None, suffixes: SuffixList
    ) -> tuple[frozenset[Party], int]:
        """The parties that get a copy of a message that somebody unrelated got just before, and how many have so far.

        Not those whom the `profile` has copied in secret before.
        """
        if not self.siblings.has_earlier(message, stream.key):  # as a rule
            return frozenset(), 0
        copied = [role for role in HIDDEN if role in profile.roles and profile.roles[role].addresses] if profile else ()
        of = self.pseudonyms.of_text
        usual = (lambda key: profile.knows_address(copied, of(key))) if profile and copied else None
        return self.siblings.apart(message, stream.key, suffixes, usual)

    def _riders_at(self, place: str) -> Riders:
        riders = self.riders.get(place)
        if riders is None:
            riders = self.riders[place] = Riders()
        riders.pseudonym = self.pseudonyms.of_text
        return riders

    def has_seen(self, domain: str) -> bool:
        """Whether any stream has shown a registrable domain in a closed role that nobody gets into by signing up.

        A provider of free mail is nobody in particular.
        """
        if self._turned:
            self._catch_up()
        if self._seen_in_role is None:
            self._seen_in_role = set(self._vouched())
        return domain in self._seen_in_role and domain not in FREEMAIL

    def is_strange(self, domain: str) -> bool:
        """Whether no stream has shown a registrable domain where nobody gets in by signing up, open roles included.

        That is what the odds count by; it vouches for nobody.
        """
        if self._shown is None:
            self._shown = set(self._everything())
        return domain not in self._shown

    def _everything(self) -> Iterator[str]:
        """The domains of all roles that nobody gets into by signing up."""
        for profile in map(self.recent, self.streams.values()):
            for role in profile.roles.keys() & _OURS:
                yield from profile.roles[role].values or ()

    def _vouched(self) -> Iterator[str]:
        """The domains that all streams together speak for."""
        for profile in self.streams.values():
            yield from vouched_by(self.recent(profile))

    def pseudonym(self, role: Role, address: Address) -> str:
        """What an address is known by in a role: its mailbox, without what is of one message only."""
        return self.pseudonyms.of(address, lasting=role in _RETURNED)

    def lookalikes(self, suffixes: SuffixList = BUNDLED) -> Lookalikes:
        """The names of all closed roles, to compare a stranger with; put in order when first asked for."""
        self._catch_up()
        if self._lookalikes is None:
            from headerguard.lookalike import Lookalikes

            self._lookalikes = Lookalikes(sorted(self._closed_names()), suffixes)
        return self._lookalikes

    def shows_closed(self, domain: str) -> bool:
        """Whether a role that is closed now has shown a registrable domain."""
        return domain in self._closed_names()

    def _closed_names(self) -> set[str]:
        """The domains that a closed role of any stream has shown."""
        return {
            name
            for profile in self.streams.values()
            for _, shown in _closed_roles(profile)
            for name in shown.values or ()
        }

    # ---- learning

    def learn(
        self,
        message: Message,
        levels: Iterable[Level] | None = None,
        day: int = 0,
        without: frozenset[tuple[str, str]] = frozenset(),
        suffixes: SuffixList = BUNDLED,
        hearsay: Callable[[Sighting | Mark], bool] | None = None,
        aside: Container[str] = frozenset(),
    ) -> None:
        """Add one message at every level.

        `without`: (role, registrable domain) pairs that must not become known, nor any address there, SHAPE among them
        where the message was flagged; `hearsay` tells what proves nothing, `aside` (canonical addresses, registrable
        domains) who is a stranger or was judged, so that he is no part of a habit.
        """
        levels = tuple(message.levels if levels is None else levels)
        profiles = [self._profile_to_learn(level) for level in levels]
        learning = [profile for profile in profiles if profile is not None]
        company = company_of(message, suffixes)
        self._learn_frequent(message)
        places = _company_places(message.account, levels[0] if profiles[0] else None) if learning else ()
        for place in places:
            self._riders_at(place).learn(company.everybody, day, aside)
        roles = stated_in(message, suffixes, without, hearsay)
        if SHAPE not in without:
            parted = self.apart(message, levels[0], profiles[0], suffixes)[1] if levels else 0
            roles.update(_shapes(company, parted, aside))
        elif broken := {value for role, value in without if role == BROKEN}:
            roles[BROKEN] = broken
        if levels:
            self.siblings.learn(message, levels[0].key, suffixes)
        if message.envelope is not None:
            roles[_ENVELOPE] = set()  # observed; that nobody was hidden in it is knowledge too
        if is_null := message.has_null_path:
            roles[_BOUNCE] = set()
        named = learned_of(message, suffixes, roles, hearsay, company.apart)
        addresses = self._named(named, roles, learning, without)
        if is_null:
            addresses.setdefault(_BOUNCE, set()).add(self.pseudonym(Role.BOUNCE, NULL_PATH))
        if SHAPE not in without and profiles and (finest := profiles[0]):
            self._learn_novelty(self.recent(finest), roles, aside)
        whole = profiles[-1] if levels and not levels[-1].value else None
        of_whole = _of_whole(roles, levels, message) if whole is not None else roles
        for profile in learning:
            profile.learn(of_whole if profile is whole else roles, day, addresses)
            if profile.turned or profile.seen.last - profile.seen.first >= self.horizon:
                self._turned[id(profile)] = profile
        if self._shown is not None:
            self._shown.update(value for role in roles.keys() & _OURS for value in roles[role])

    def _named(
        self,
        named: Iterable[tuple[str, str, Sighting]],
        roles: dict[str, set[str]],
        learning: Collection[Profile],
        without: Collection[tuple[str, str]],
    ) -> dict[str, set[str]]:
        """Enter the domains that a message names into its roles; gives the pseudonyms of exact addresses that count."""
        addresses: dict[str, set[str]] = {}
        tracked: dict[str, bool] = {}
        for role, domain, sighting in named:
            if without and (role, domain) in without:
                if sighting.role in FLAGGED:
                    roles.setdefault(FLAGGED[sighting.role], set()).add(domain)
                continue
            values = roles.get(role)
            if values is None:
                roles[role] = {domain}
            else:
                values.add(domain)
            if role not in tracked:
                tracked[role] = _is_tracked(role, learning)
            if tracked[role]:
                addresses.setdefault(role, set()).add(self.pseudonym(sighting.role, sighting.address))
        return addresses

    def _learn_frequent(self, message: Message) -> None:
        frequent = self.frequent.get(message.account)
        if frequent is None:
            if len(self.frequent) >= ACCOUNTS_CAP:
                return
            frequent = self.frequent[message.account] = Frequent()
        few = len(message.recipients) <= MAILING  # a mailing goes to everybody
        frequent.learn({recipient.address.canonical for recipient in message.recipients} if few else ())

    def _catch_up(self) -> None:
        """Keep what all streams together have shown in closed roles as it would be found by looking at all of them."""
        turned, self._turned = self._turned, {}
        for profile in turned.values():
            histories = self.recent(profile).roles
            for role, was_closed in profile.turned.items():
                history = histories[role]
                if history.closed:
                    self._vouch(role, history.values or ())
                elif was_closed and role in _OURS:
                    self._seen_in_role = None  # what it showed while it was closed is no evidence any more
            profile.turned.clear()

    def _vouch(self, role: str, names: Collection[str]) -> None:
        if self._seen_in_role is not None and role in _OURS:
            self._seen_in_role.update(names)
        if self._lookalikes is not None and role in LEARNED_ROLES:
            for name in names:
                self._lookalikes.add(name)

    def _learn_novelty(self, profile: Profile, roles: Mapping[str, set[str]], aside: Container[str]) -> None:
        """Count, at the finest level, what the message brings that the stream has not shown.

        Whoever was judged does not count: a single benign surprise would silence all others that are as rare.
        """
        seen = []
        for role in JUDGED:
            history, values = profile.roles.get(role), roles.get(role)
            if values is None and (role is Role.ENVELOPE or (history is None and role not in _COUNTED)):
                continue
            known = history.values if history else {}
            new = [v for v in values if v not in known and v not in aside] if values and known is not None else ()
            seen.append((profile.trend(role), bool(new), any(map(self.is_strange, new))))
        self.novelty.learn(seen, profile.calm)

    def _profile_to_learn(self, level: Level) -> Profile | None:
        key = level.key
        profile = self.streams.get(key)
        if profile is None:
            if gone := self._crowds.add(key):
                self._drop(gone)
                if key in gone:
                    return None
            profile = self.streams[key] = Profile()
            if self._homes is not None:
                self._homes.setdefault(key.partition("/")[2], set()).add(key)
        return profile

    def _drop(self, keys: Iterable[str]) -> None:
        """Let go of what is a crowd: its mail is known one level above."""
        for key in keys:
            for held in (self.streams, self.riders):
                if key in held:  # `pop` would read it from where it lives
                    del held[key]

    @property
    def crowded(self) -> tuple[str, ...]:
        """Families of levels that have become too many to be told apart; see `crowds`."""
        return self._crowds.names

    def is_crowd(self, level: Level) -> bool:
        """Whether a level is not told apart, as it is one of too many."""
        return self._crowds.hold(level.key)

    # ---- joining and comparing

    def merge(self, *others: Baseline) -> Baseline:
        """A new baseline that holds what this one and the others hold, under the first key that any of them has.

        Addresses that were learned under different keys stay beside each other: those of another key say nothing, and
        come to life again with theirs.
        """
        merged = Baseline()
        merged.horizon = self.horizon
        kept = [source.pseudonyms for source in (self, *others) if is_kept(source.pseudonyms.name)]
        merged.pseudonyms = kept[0] if kept else self.pseudonyms
        for source in (self, *others):
            for key, profile in source.streams.items():
                merged.streams.setdefault(key, Profile()).add(profile)
        for source in (self, *others):
            merged.novelty.add(source.novelty)
            for account, riders in source.riders.items():
                merged.riders.setdefault(account, Riders()).add(riders)
        merged._count_crowds(name for source in (self, *others) for name in source.crowded)
        return merged

    def _count_crowds(self, names: Iterable[str]) -> None:
        """Find out what is a crowd, besides what is said to be one."""
        self._crowds = Crowds(sorted(names))
        for key in list(self.streams):
            self._drop(self._crowds.add(key))

    def diff(self, earlier: Baseline) -> Iterator[str]:
        """What this baseline knows and an earlier one does not, a sentence each; accounts as a whole say it again."""
        mine, theirs = ({k for k in b.streams if not k.endswith(("/account:", "/author:"))} for b in (self, earlier))
        for key in sorted(mine - theirs):
            yield f"{key}: new stream, {_messages(self.streams[key].messages)}"
        for key in sorted(theirs - mine):
            yield f"{key}: stream is gone"
        for key in sorted(mine & theirs):
            yield from _role_changes(key, self.streams[key], earlier.streams[key])

    def __eq__(self, other: object) -> bool:
        """Equal content."""
        return isinstance(other, Baseline) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]

    # ---- the file

    def as_dict(self) -> dict[str, Any]:
        """The content as plain data (SCHEMA)."""
        return {
            "schema": SCHEMA,
            "crowded": list(self.crowded),
            "novelty": self.novelty.as_dict(),
            "riders": {place: riders_record(self.riders[place]) for place in sorted(self.riders)},
            "streams": {key: profile_record(self.streams[key]) for key in sorted(self.streams)},
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file; the old one stays whole until the new one is. Raises BaselineError. See `stores`."""
        stores.write(path, self.as_dict(), _names_line)

    @classmethod
    def change(
        cls, path: str | os.PathLike[str], changed: Callable[[Baseline], Baseline | None], key: bytes | None = None
    ) -> None:
        """Load a file, empty where there is none, and save what becomes of it (None: nothing).

        Where processes share it, none of them writes in between. Raises BaselineError.
        """

        def change(data: Any) -> Mapping[str, Any] | None:
            baseline = changed(Baseline(key) if data is None else Baseline._from_dict(data, key))
            return None if baseline is None else baseline.as_dict()

        try:
            stores.change(path, change, _names_line)
        except MalformedError as error:
            raise BaselineError(f"{os.fspath(path)}: {error}") from None

    @classmethod
    def load(cls, path: str | os.PathLike[str], key: bytes | None = None) -> Baseline:
        """Read what `save` wrote, or people merged by hand, or processes share. Raises BaselineError with the place.

        `key` is what exact addresses were learned under; without it, or with another one, they cannot be judged.
        """
        try:
            with _collector_at_rest():
                return cls._from_dict(stores.read(path), key)
        except MalformedError as error:
            raise BaselineError(f"{os.fspath(path)}: {error}") from None

    @classmethod
    def _from_dict(cls, data: Any, key: bytes | None = None) -> Baseline:
        top = mapping_at(data, "the file")
        schema = top.get("schema")
        if not isinstance(schema, int) or isinstance(schema, bool) or not 1 <= schema <= SCHEMA:
            newer = isinstance(schema, int) and schema > SCHEMA
            raise MalformedError(
                f"schema {schema!r} {'is newer than this program reads' if newer else 'is unknown'} (1 to {SCHEMA})"
            )
        baseline = cls(key)
        for level, record in mapping_at(top.get("streams"), "streams").items():
            if not level.isascii() and any("\ud800" <= char <= "\udfff" for char in level):
                raise MalformedError(f"streams[{level!a}] is no text")
            baseline.streams[level] = profile_at(record, f"streams[{level!r}]")
        for place, record in mapping_at(top.get("riders", {}), "riders").items():
            try:
                baseline.riders[place] = riders_at(record)
            except ValueError as error:
                raise MalformedError(f"riders[{place!a}]{error}") from None
        crowded = top.get("crowded", [])
        if not isinstance(crowded, list) or not all(isinstance(author, str) for author in crowded):
            raise MalformedError("crowded is not a list of strings")
        baseline._count_crowds(crowded)
        if "novelty" in top:
            try:
                baseline.novelty = Novelty.from_dict(top["novelty"], shipped())
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise MalformedError(f"novelty is not what it should be: {type(error).__name__}: {error}") from None
        return baseline


def vouched_by(profile: Profile) -> Iterator[str]:
    """The domains that a stream has shown in closed roles that nobody gets into by signing up."""
    for role in profile.roles.keys() & _OURS:
        history = profile.roles[role]
        if history.closed:
            yield from history.values or ()


def _closed_roles(profile: Profile) -> Iterator[tuple[str, RoleHistory]]:
    for role, history in profile.roles.items():
        if history.closed and role in LEARNED_ROLES:
            yield role, history


def names_in(profile: Profile, horizon: int = HORIZON) -> str:
    """The domains that closed roles of a stream have shown, in one line: those that it vouches for, a bar, the rest."""
    vouched = set(vouched_by(recent(profile, horizon)))
    rest = {name for _, history in _closed_roles(profile) for name in history.values or ()} - vouched
    return " ".join((*sorted(vouched), "|", *sorted(rest))) if vouched or rest else ""


def _names_line(record: Any) -> str:
    return names_in(profile_at(record, ""))


def _shapes(company: Company, parted: int, aside: Container[str]) -> Iterator[tuple[str, set[str]]]:
    """How many recipients a message has, of each kind that is counted; `parted` got copies of their own before."""
    usual = {name for key, name in company.shown.items() if key not in aside and name not in aside}
    yield PARTIES, {bucket(len(usual) or 1)}
    yield CONCEALED, {bucket(len(company.hidden))}
    if parted:
        yield APART, {bucket(parted)}


def _of_whole(roles: Mapping[str, set[str]], levels: Sequence[Level], message: Message) -> Mapping[str, set[str]]:
    """What an account as a whole, or all of its mail without a name, learns of a message."""
    if levels[-1].kind == "account":
        return {**roles, STREAM: {levels[0].name}}
    if Role.FROM in roles and message.is_forwarded:  # nobody of the account wrote it
        return {role: values for role, values in roles.items() if role != Role.FROM}
    return roles


def _is_tracked(role: str, profiles: Iterable[Profile]) -> bool:
    """Whether any of the profiles keeps exact addresses of a role."""
    for profile in profiles:
        history = profile.roles.get(role)
        if history is None or history.addresses is not None:
            return True
    return False


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Nothing of what a file is made into is garbage, and looking for it takes a third of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _company_places(account: str | None, stream: Level | None) -> Iterator[str]:
    """Where company is looked at: the account as a whole, and what has a name in it."""
    yield Level("account", "", account).key
    if stream is not None and stream.kind in NAMED:
        yield stream.key


def _messages(count: int) -> str:
    return f"{count:,} message" + ("" if count == 1 else "s")


_COUNTED_AS = {PARTIES: "of unrelated parties", SHOWN: "shown", CONCEALED: "hidden", APART: "with a copy apart"}


def _counted(value: str, shape: str) -> str:
    return f"{value} recipient{'' if value == '1' else 's'} {_COUNTED_AS[shape]}"


def _role_changes(key: str, now: Profile, before: Profile) -> Iterator[str]:
    for role in sorted(now.roles):
        history, earlier = now.roles[role], before.roles.get(role) or RoleHistory()
        if history.values is None:
            if earlier.values is not None:
                yield f"{key}: {role} is open now"
            continue
        for value in sorted(
            history.values.keys() - (earlier.values or {}).keys() if earlier.values is not None else ()
        ):
            if (role, value) == (CONCEALED, "0"):
                continue  # the rule, and nothing new
            since = day_at(history.values[value].first)
            when = f" since {since}" if since else ""
            what = f"{role} has {value}" if role not in SHAPES else _counted(value, role)
            yield f"{key}: {what}, {_messages(history.values[value].count)}{when}"
