"""The catalogue of fields: wire name to role, grammar, stage, vendor and reference, as fields.json holds it.

Adding a field is one line there: with a sample value and what it shows, which the tests read. A field that is not in
the table, and any other that its line calls free of addresses, is searched for them all the same, when somebody asks
for what is merely mentioned.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from headerguard.grammar import Grammar, grammar
from headerguard.role import HIDDEN, RECIPIENT, VISIBLE, Role

__all__ = [
    "ANY",
    "CATALOGUE",
    "DESTINATION",
    "FIELDS",
    "HIDDEN",
    "MARKED",
    "RECIPIENT",
    "SIGNATURES",
    "SIGNED_FOR",
    "TRACKED",
    "VISIBLE",
    "Entry",
    "Outline",
    "Role",
    "entry_of",
    "outline",
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One field of the catalogue."""

    name: str
    """Wire name as its standard or vendor writes it; a name that ends in "*" stands for all that start so."""
    role: Role
    """What its addresses are there for."""
    grammar: str
    """How the value is read, by name; "none" for a field that is not there to hold an address."""
    reading: Grammar
    """The functions behind that name."""
    stage: str
    """Where on its way the message has it: envelope, submitted, delivered, archive or any."""
    vendor: str
    """Whose field it is; "" for a standard."""
    reference: str
    """Where the meaning is defined."""
    roles: frozenset[Role]
    """Every role that something in it may have."""
    holds: bool
    """Whether it can hold an address; some hold but hosts and ids."""
    destination: bool = False
    """A destination field: a server that takes recipients from the header acts on it (RFC 5322 section 3.6.3)."""
    single: bool = False
    """RFC 5322 section 3.6 allows at most one in a message."""
    sample: str = ""
    """A value as it looks in real mail."""
    shows: tuple[str, ...] = ()
    """What the sample holds: "role address", "host name" or "account vendor:id"."""


def _entry(record: dict[str, object]) -> Entry:
    role, reading = Role(str(record["role"])), grammar(str(record["grammar"]))
    return Entry(
        str(record["name"]),
        role,
        str(record["grammar"]),
        reading,
        str(record["stage"]),
        str(record["vendor"]),
        str(record["reference"]),
        reading.also | {role},
        reading.decode is not None or reading.sign is not None,
        bool(record.get("destination")),
        bool(record.get("single")),
        str(record.get("sample", "")),
        tuple(map(str, record.get("shows", ()))),  # type: ignore[call-overload]
    )


FIELDS: tuple[Entry, ...] = tuple(
    map(_entry, json.loads(Path(__file__).with_name("fields.json").read_text(encoding="utf-8")))
)
"""Every field of the catalogue, those included that hold no address."""

CATALOGUE: Mapping[str, Entry] = {
    entry.name.lower(): entry for entry in FIELDS if entry.grammar != "none" and not entry.name.endswith("*")
}
"""Every field that is looked into, by wire name in lower case. Read-only by contract; a proxy would cost each time."""

DESTINATION = frozenset(name for name, entry in CATALOGUE.items() if entry.destination)
"""Names of the destination fields."""

SIGNATURES = frozenset(
    name for name, entry in CATALOGUE.items() if entry.grammar == "dkim" and entry.role is Role.IDENTITY
)
"""Names of the fields that sign the message for a domain (RFC 6376)."""
SIGNED_FOR = frozenset(("x-mc-signingdomain", "x-smtpapi"))
"""Names of the fields that ask an ESP to."""

MARKED = frozenset(
    name
    for name, entry in CATALOGUE.items()
    if entry.grammar in ("received", "return-path", "job", "arn", "mandrill-user", "mailchimp-user")
    or (entry.reading.unpack and Role.TRACKING in entry.roles)
    or any(shown.startswith("account ") for shown in entry.shows)
)
"""Names of the fields that state an id of the sending account, or a host that tracks or unsubscribes."""

TRACKED = frozenset(name for name in MARKED if Role.TRACKING in CATALOGUE[name].roles)
"""Those of them that state a host that tracks or unsubscribes."""

ANY = _entry({"name": "*", "role": "mentioned", "grammar": "text", "stage": "any", "vendor": "", "reference": ""})
"""What is true of every field: an address in it is mentioned."""

_FAMILIES = {entry.name[:-1].lower(): entry for entry in FIELDS if entry.grammar != "none" and entry.name.endswith("*")}


def entry_of(name: str) -> Entry:
    """The entry of a field by its lower-case wire name: its own, that of its family, or `ANY`."""
    if entry := CATALOGUE.get(name):
        return entry
    return next((entry for start, entry in _FAMILIES.items() if name.startswith(start)), ANY)


class Outline:
    """All that follows from the names alone of the fields of a header that are in the catalogue, in order.

    Messages of a stream have the same names in the same order, so this is worked out once for all of them.
    """

    __slots__ = ("_named", "_of", "_order", "entries", "holding", "names", "occurrences", "repeated", "roles")

    def __init__(self, names: tuple[str, ...], catalogue: Mapping[str, Entry] = CATALOGUE) -> None:
        """Look the names up; lower case, all of them in the catalogue."""
        self.entries = tuple(catalogue[name] for name in names)
        """The entry of each field."""
        counts: Counter[str] = Counter()
        occurrences = []
        for name in names:
            occurrences.append(counts[name])
            counts[name] += 1
        self.occurrences = tuple(occurrences)
        """Which field of its name each is, from 0."""
        self.roles = frozenset[Role]().union(*(entry.roles for entry in self.entries))
        """Every role that something in the header may have."""
        self.holding = tuple(number for number, entry in enumerate(self.entries) if entry.holds)
        """Numbers of the fields that can hold an address."""
        self.repeated = frozenset(name for name, count in counts.items() if count > 1)
        """Names that occur more than once."""
        self.names = frozenset(names)
        """Every name."""
        self._order = names
        self._of: dict[frozenset[Role], tuple[int, ...]] = {}
        self._named: dict[frozenset[str], tuple[int, ...]] = {}

    def of(self, roles: Collection[Role]) -> tuple[int, ...]:
        """Numbers of the fields that can hold an address in one of the roles."""
        wanted = frozenset(roles)
        found = self._of.get(wanted)
        if found is None:
            every = Role.MENTIONED in wanted
            found = tuple(n for n in self.holding if every or not self.entries[n].roles.isdisjoint(wanted))
            if len(self._of) < _WANTED:
                self._of[wanted] = found
        return found

    def named(self, names: Collection[str]) -> tuple[int, ...]:
        """Numbers of the fields that have one of the names."""
        wanted = frozenset(names)
        found = self._named.get(wanted)
        if found is None:
            found = tuple(number for number, name in enumerate(self._order) if name in wanted)
            if len(self._named) < _WANTED:
                self._named[wanted] = found
        return found


_WANTED = 64
"""Sets of roles, and of names, that are remembered of one outline; the built-in rules ask for some twenty."""
_LONG = 128
"""Fields of a header whose outline is not remembered: nobody sends such headers but to fill memory."""


def outline(names: tuple[str, ...]) -> Outline:
    """The outline of a header by the names of its fields; lower case, all of them in the catalogue."""
    return _outline(names) if len(names) <= _LONG else Outline(names)


_outline = lru_cache(maxsize=1024)(Outline)
