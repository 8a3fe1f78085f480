"""The catalogue of fields: wire name to role, grammar, stage, vendor and reference, as fields.json holds it.

Adding a field is one line there: with a sample value and what it shows, which the tests read. A field that is not in
the table, and any other that its line calls free of addresses, is searched for them all the same, when somebody asks
for what is merely mentioned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
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
    "TRACKED",
    "VISIBLE",
    "Entry",
    "Role",
    "entry_of",
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

MARKED = frozenset(
    name
    for name, entry in CATALOGUE.items()
    if entry.grammar in ("received", "return-path", "job", "arn", "mandrill-user", "mailchimp-user")
    or (entry.reading.unpack and entry.role is Role.TRACKING)
    or any(shown.startswith("account ") for shown in entry.shows)
)
"""Names of the fields that state an id of the sending account, or a host that tracks or unsubscribes."""

TRACKED = frozenset(name for name in MARKED if CATALOGUE[name].role is Role.TRACKING)
"""Those of them that state a host that tracks or unsubscribes."""

ANY = _entry({"name": "*", "role": "mentioned", "grammar": "text", "stage": "any", "vendor": "", "reference": ""})
"""What is true of every field: an address in it is mentioned."""

_FAMILIES = {entry.name[:-1].lower(): entry for entry in FIELDS if entry.grammar != "none" and entry.name.endswith("*")}


def entry_of(name: str) -> Entry:
    """The entry of a field by its lower-case wire name: its own, that of its family, or `ANY`."""
    if entry := CATALOGUE.get(name):
        return entry
    return next((entry for start, entry in _FAMILIES.items() if name.startswith(start)), ANY)
