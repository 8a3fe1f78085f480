"""What a value names: addresses, hosts, the sending account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from headerguard.grammar.free_text import LONGEST, addresses_in, readings_of, strings
from headerguard.role import Role

__all__ = ["Name", "account_of", "host_of", "hosts", "rest", "scan"]


class Name(NamedTuple):
    """Something that a value names."""

    kind: str
    """address, host or account (an id of the sending account, "vendor:id")."""
    value: str
    """As it stands after decoding."""
    role: Role | None = None
    """What it is there for; None: what the field is there for."""


def scan(value: str, role: Role | None = None) -> Iterator[Name]:
    """Every address in a text."""
    if "@" in value or "%40" in value:
        for address in addresses_in(value):
            yield Name("address", address, role)


def rest(value: Any, named: Iterable[Name]) -> Iterator[Name]:
    """What was found by name, then every other address in the texts of a value as mentioned."""
    found = list(named)
    yield from found
    known = {address for name in found if name.kind == "address" for address in addresses_in(name.value)}
    for text in strings(value):
        for alike in readings_of(text):
            if known.isdisjoint(alike):
                known.update(alike)
                for address in alike:
                    yield Name("address", address, Role.MENTIONED)


def account_of(vendor: str, value: object) -> Iterator[Name]:
    """The id by which a vendor knows the sending account; nothing for what is no id."""
    if isinstance(value, str | int) and not isinstance(value, bool) and str(value).strip():
        yield Name("account", f"{vendor}:{str(value).strip()[:200]}")


_AUTHORITY = re.compile(
    r"<?[A-Za-z][A-Za-z0-9+.-]{0,20}://(?:[^/?#@\s]{0,255}@)?(\[[0-9A-Fa-f:.]{2,64}\]|[^/?#:@\s]{1,255})"
)
_HOST = re.compile(r"(?:\w(?:[\w-]{0,61}\w)?\.)+\w(?:[\w-]{0,61}\w)?|\[[0-9a-f:.]{2,64}\]")


def hosts(value: Any, role: Role | None = None) -> Iterator[Name]:
    """Host names, bare or in web addresses, separated by blanks or commas."""
    for text in re.split(r"[\s,;]+", value) if isinstance(value, str) else ():
        yield from host_of(text, role)


def host_of(text: str, role: Role | None = None) -> Iterator[Name]:
    """The host of a web address, or a bare one."""
    host = authority[1] if "://" in text and (authority := _AUTHORITY.match(text)) else text
    if found := _HOST.fullmatch(host[:LONGEST].strip("<>.").lower()):
        yield Name("host", found[0], role)
