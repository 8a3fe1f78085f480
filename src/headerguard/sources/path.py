"""The path of an SMTP envelope as commands, logs and From_ lines write it (RFC 5321 section 4.1.2), and its parameters.

An envelope of which no recipient was seen would claim that there is none. What is known then is one address: the
reverse-path, which a record states.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from headerguard.address import Address
from headerguard.address_list import Tier, parse, parse_all
from headerguard.fields import Role
from headerguard.sighting import Sighting

__all__ = ["cut", "further", "original", "originals", "reverse_path"]

_PATH = re.compile(r'[ \t]*+<((?:"(?:[^"\\]|\\.)*+"|[^">])*+)>')
_ODD_PATH = re.compile(r"[ \t]*+<([^>]*+)>")  # a quote without its partner
_NO_BRACKETS = re.compile(r"[ \t]*+([^\s<>]++)")
_PARAMETER = re.compile(r"(?:^|(?<=[ \t]))[A-Za-z0-9][A-Za-z0-9-]*+=[^\s=<>]++(?=[ \t]|$)")
"""A parameter with its value (RFC 5321 section 4.1.2), which may have the form of an address."""
_ORCPT = re.compile(r"(?:^|[ \t])ORCPT=(rfc822|utf-8);(\S++)", re.IGNORECASE)
_XTEXT = re.compile(r"\+([0-9A-F]{2})|\\x\{([0-9A-F]{2,6})\}")


def cut(text: str, *, bare: bool = False) -> tuple[str, str] | None:
    """The path at the start of a text without its brackets, and what follows it; None where none starts.

    "" is the null path. `bare` takes a path without brackets, too, as old mailers write it.
    """
    match = _PATH.match(text) or _ODD_PATH.match(text) or (_NO_BRACKETS.match(text) if bare else None)
    return (match[1], text[match.end() :]) if match else None


def further(parameters: str) -> list[str]:
    """The addresses that stand where parameters should: no server takes two paths, but a writer may mean both."""
    return [str(box.address) for box in parse_all(_PARAMETER.sub("", parameters))] if "@" in parameters else []


def original(parameters: str) -> Address | None:
    """The address that ORCPT among the parameters of RCPT gives (RFC 3461 section 4.2; UTF-8: RFC 6533 section 3)."""
    found = _ORCPT.search(parameters)
    return parse(_XTEXT.sub(_character, found[2])) if found else None


def _character(match: re.Match[str]) -> str:
    """What an escape of xtext (RFC 3461 section 4) or of utf-8-addr-xtext stands for; itself where that is nothing."""
    code = int(match[1] or match[2], 16)
    return chr(code) if code < 0x110000 else match[0]


def originals(pairs: Iterable[tuple[str, Address | None]]) -> dict[str, Address]:
    """Address key of each recipient to the address that it stood for at first, where that is another."""
    found: dict[str, Address] = {}
    for path, first in pairs:
        if first is not None and (now := parse(path)) is not None and now.key != first.key:
            found.setdefault(now.key, first)
    return found


def reverse_path(path: str | None, field: str) -> tuple[Sighting, ...]:
    """A reverse-path as a record states it; none for the null path, or for one that is no address."""
    address = parse(path) if path else None
    return () if address is None else (Sighting(address, Role.BOUNCE, field, 0, Tier.PLAIN, None),)
