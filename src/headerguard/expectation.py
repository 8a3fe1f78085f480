"""Who may be in the mail of each stream: how many stand in a role, and who exactly where the role is closed.

What stands for a role is either a list, the addresses and registrable domains that may stand there, or a number: so
many, whoever they are. Tests record it, people review it, and production loads it; no customer's address is in it.

Joining is commutative, associative and idempotent: lists unite, of two numbers the larger counts, and a number beside a
list makes the role an open one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from headerguard.address import BUNDLED, Address, SuffixList
from headerguard.address_list import Tier, parse
from headerguard.declared import Bound, standing
from headerguard.errors import ConfigError
from headerguard.file import replace
from headerguard.message import Message
from headerguard.role import VISIBLE, Role
from headerguard.setting import RefusedError, Said, Table, a_place, shown

__all__ = ["RECORDED", "Expectations", "Place", "a_place_or_number", "bounds_of", "numbers_of", "observed"]

SCHEMA = 1
"""Version of the file. A reader refuses a newer one."""

RECORDED = (Role.BCC, Role.CC, Role.CONTROL, Role.ENVELOPE, Role.FROM, Role.RECEIPT, Role.REPLY, Role.TO)
"""What is recorded of every message, even where nobody stands there; of the envelope whom no field names."""

_RESENT_AS = {Role.RESENT_TO: Role.TO, Role.RESENT_CC: Role.CC, Role.RESENT_BCC: Role.BCC}
_ANSWERED = frozenset((Role.REPLY, Role.RECEIPT))

Place = int | frozenset[str]
"""How many may stand in a role, whoever they are; or who exactly."""
Expectation = Mapping[Role, Place]


class Expectations:
    """Who may be in the mail of each stream, by the name of the stream as people write it."""

    def __init__(self, streams: Mapping[str, Mapping[Any, Place]] | None = None) -> None:
        """Start with those of `streams`, or with nothing."""
        self.streams: dict[str, dict[Role, Place]] = {
            name: {Role(role): place for role, place in each.items()} for name, each in (streams or {}).items()
        }

    def of(self, stream: str) -> Expectation:
        """What is expected of one stream, nothing for an unknown one. What is resent is bound as what is sent."""
        known = self.streams.get(stream, {})
        resent = {again: known[role] for again, role in _RESENT_AS.items() if not isinstance(known.get(role, 0), int)}
        return {**resent, **known}

    def add(self, stream: str, more: Expectation) -> None:
        """Join what may be in the mail of one stream into what is known of it."""
        known = self.streams.setdefault(stream, {})
        for role, place in more.items():
            known[role] = _joined(known[role], place) if role in known else place

    def merge(self, *others: Expectations) -> Expectations:
        """New ones that allow whatever these or the others allow."""
        merged = Expectations(self.streams)
        for other in others:
            for stream, more in other.streams.items():
                merged.add(stream, more)
        return merged

    def narrowed(self, seen: Expectations) -> Expectations:
        """What of these was needed: the streams that were seen, and in them no more than stood there."""
        narrowed = Expectations()
        for stream in self.streams.keys() & seen.streams.keys():
            places = seen.streams[stream]
            known = self.streams[stream].items()
            narrowed.streams[stream] = {role: _needed(place, places.get(role, place)) for role, place in known}
        return narrowed

    def __eq__(self, other: object) -> bool:
        """Equal content."""
        return isinstance(other, Expectations) and self.streams == other.streams

    __hash__ = None  # type: ignore[assignment]

    # ---- the file

    def as_dict(self) -> dict[str, Any]:
        """The content as plain data, sorted (schema 1)."""
        streams = {
            name: {
                _key(role): place if isinstance(place, int) else sorted(place)
                for role, place in sorted(self.streams[name].items())
            }
            for name in sorted(self.streams)
        }
        return {"schema": SCHEMA, "streams": streams}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write sorted JSON; the old file stays whole until the new one is. Raises ConfigError."""
        text = json.dumps(self.as_dict(), indent=1, ensure_ascii=False) + "\n"
        try:
            replace(path, text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise ConfigError(f"{os.fspath(path)}: cannot be written: {error.strerror}") from error

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Expectations:
        """Read a file that `save` wrote. Raises ConfigError with every problem, each with its place.

        A stream or a role that stands there twice, as after a merge that kept both sides, is joined.
        """
        name = os.fspath(path)
        try:
            with open(path, "rb") as file:
                text = file.read().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
            raise ConfigError(f"{name}: cannot be read: {why}") from error
        try:
            data = json.loads(text, object_pairs_hook=_united)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{name}: is not JSON: {_place_of(error, text)}") from error
        return cls.from_dict(data, name)

    @classmethod
    def from_dict(cls, data: Any, source: str = "expectations") -> Expectations:
        """Read what `as_dict` gave. Raises ConfigError with every problem, each with its place in `source`."""
        return cls(_streams(Table(Said(source), "", data)))


def _key(role: Role) -> str:
    return role.replace("_", "-")


def _joined(one: Place, other: Place) -> Place:
    if isinstance(one, int) or isinstance(other, int):
        return max(place for place in (one, other) if isinstance(place, int))
    return one | other


def _needed(known: Place, seen: Place) -> Place:
    """What of a place was needed; an entry for a whole domain is, where anybody of it stood there."""
    if isinstance(known, int):
        return min(known, seen if isinstance(seen, int) else len(seen))
    if isinstance(seen, int):
        return known
    return frozenset(entry for entry in known if any(_covers(Bound([entry]), one) for one in seen))


def _covers(bound: Bound, entry: str) -> bool:
    address = parse(entry) if "@" in entry else None
    return bound.allows(address) if address else bound.allows_domain(entry)


def _united(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, in which a key that stands there twice holds what both hold."""
    united: dict[str, Any] = {}
    for key, value in pairs:
        united[key] = _both(united[key], value) if key in united else value
    return united


def _both(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return _united([*one.items(), *other.items()])
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *other]
    if isinstance(one, int) and isinstance(other, int):
        return max(one, other)
    return one if isinstance(one, int) else other


def _place_of(error: BaseException, text: str) -> str:
    conflict = next((n for n, line in enumerate(text.split("\n"), 1) if line.startswith(("<<<<<<<", ">>>>>>>"))), 0)
    if conflict:
        return f"line {conflict} is a conflict of git; keep what both sides have, or headerguard expect merge"
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno} column {error.colno}: {error.msg}"
    return str(error) or type(error).__name__


def _streams(top: Table) -> dict[str, dict[Role, Place]]:
    schema = top.get("schema", _a_schema, required=True)
    table = top.table("streams")
    streams = {}
    for name in table.names() if schema else ():
        stream = table.table(name, "role")
        places = {role: stream.get(_key(role), a_place_or_number) for role in RECORDED}
        streams[name.removeprefix("stream:")] = {role: p for role, p in places.items() if p is not None}
    top.said.finish()
    return streams


def _a_schema(value: Any) -> int:
    if value == SCHEMA and not isinstance(value, bool):
        return SCHEMA
    if isinstance(value, int) and value > SCHEMA:
        raise RefusedError(f"{value} is newer than this program reads ({SCHEMA}); record again, or update headerguard")
    raise RefusedError(f"takes {SCHEMA}, not {shown(value)}; pass a file that pytest --headerguard-update wrote")


def a_place_or_number(value: Any) -> Place:
    """A whole number from 0, or a list of addresses and domains."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31:
        return value
    if isinstance(value, list | tuple):
        return frozenset(a_place(entry) for entry in value)
    raise RefusedError(f"takes a list of addresses and domains, or a number from 0, not {shown(value)}")


# ---- what it means for a message -------------------------------------------------------------------------------------


def bounds_of(expectation: Expectation, suffixes: SuffixList = BUNDLED) -> dict[Role, Bound]:
    """Who may stand in the roles that have a list."""
    return {role: Bound(sorted(place), suffixes) for role, place in expectation.items() if not isinstance(place, int)}


def numbers_of(expectation: Expectation) -> dict[Role, int]:
    """How many may stand in the roles that have a number."""
    return {role: place for role, place in expectation.items() if isinstance(place, int)}


def observed(
    message: Message,
    customers: Bound | None = None,
    own_domains: Iterable[str] = (),
    suffixes: SuffixList = BUNDLED,
    known: Expectation | None = None,
) -> dict[Role, Place]:
    """What a message shows of its stream, as it is recorded: never an address of a customer.

    A customer is whom the test declared as a recipient, and whoever stands in To or Cc outside one's own domains.
    Where all others are, the role is closed, and who they are is recorded; where a role is open already (`known`), only
    how many. Replies to the author's own domain are recorded as that domain, as their addresses may vary.
    """
    own, author = frozenset(own_domains), _author_domains(message, suffixes)
    seen: dict[Role, Place] = {}
    for role in RECORDED:
        addresses = [who.address for who in standing(message, role)]
        fixed = set()
        for address in addresses:
            domain = suffixes.registrable_domain(address.domain)
            if not domain or (customers is not None and customers.allows(address)):
                break
            if role in VISIBLE and domain not in own:
                break
            fixed.add(domain if role in _ANSWERED and domain in author else _entry(address, domain))
        else:
            if not isinstance((known or {}).get(role), int):
                seen[role] = frozenset(fixed)
                continue
        seen[role] = len(addresses)
    return seen


def _author_domains(message: Message, suffixes: SuffixList) -> set[str]:
    authors = message.sightings_of((Role.FROM,))
    return {suffixes.registrable_domain(s.address.domain) for s in authors if s.tier is not Tier.CANDIDATE}


def _entry(address: Address, domain: str) -> str:
    """The address as a file can hold it, or its domain where it is so odd that it would not be read the same."""
    entry = str(address._replace(local_part=address.key.rpartition("@")[0]))
    try:
        return entry if a_place(entry) and Bound([entry]).addresses == {address.key} else domain
    except RefusedError:
        return domain
