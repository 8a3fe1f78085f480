"""Lists of tags and parameters: signatures, results of authentication, types before an address."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headerguard.grammar.name import Name, host_of, hosts, rest, scan
from headerguard.role import Role

__all__ = ["authentication_results", "before_semicolon", "dkim", "parameters", "signer", "typed_address"]

_QUOTED_OCTET = re.compile(r"=([0-9A-Fa-f]{2})")
_PARAMETER = re.compile(r"([A-Za-z][\w.-]{0,40})[ \t]*=[ \t]*(?:\"([^\"]{0,998})\"|([^\s;()\"]{1,998}))")


def _quoted(text: str) -> str:
    """DKIM-Quoted-Printable, decoded (RFC 6376 section 2.11)."""
    return _QUOTED_OCTET.sub(lambda found: chr(int(found[1], 16)), text)


def dkim(value: str) -> Iterator[Name]:
    """d=, i= and the copied fields z= of a signature (RFC 6376 section 3.5), where blanks mean nothing."""
    named: list[Name] = []
    others: list[str] = []
    for part in value.split(";"):
        tag, _, text = part.partition("=")
        tag, text = tag.strip(), re.sub(r"\s+", "", text)
        if tag == "z":
            named += scan(_quoted(f"{text} {part}"), Role.MENTIONED)
        else:
            named += hosts(text) if tag == "d" else ()
            if tag == "i" and text.count("@") == 1:
                named += [Name("address", _quoted(text))] if text[0] != "@" else hosts(text[1:])
            else:
                others.append(part)
    return rest(others, named)


_FIRST_TAG = re.compile(r"\s*+d\s*+=\s*+([^;\s]{1,255})")
_LATER_TAG = re.compile(rf";{_FIRST_TAG.pattern}")


def signer(text: str, start: int, end: int) -> Iterator[Name]:
    """The domain in d= alone, found without reading the rest; i= is the same or below it (RFC 6376 section 6.1.1)."""
    found = _FIRST_TAG.match(text, start, end) or _LATER_TAG.search(text, start, end)
    if found:
        yield from host_of(found[1], Role.IDENTITY)


_ASSERTED = {"smtp.mailfrom", "header.i", "smtp.auth"}


def authentication_results(value: str) -> Iterator[Name]:
    """The identities of ptypes smtp and header (RFC 8601 section 2.7); rcpttodomain is what Exchange Online adds."""
    for found in _PARAMETER.finditer(value):
        name, text = found[1].lower(), found[2] or found[3]
        if name == "smtp.rcptto":
            yield Name("address", text, Role.DELIVERED)
        elif name in _ASSERTED and "@" in text.strip("@"):
            yield Name("address", text)
        elif name == "smtp.rcpttodomain":
            yield from hosts(text, Role.DELIVERED)
        elif name in ("header.d", "header.from", *_ASSERTED):
            yield from hosts(text.lstrip("@"))


def parameters(wanted: frozenset[str], value: str) -> Iterator[Name]:
    """Values of named parameters: addresses where there is an "@", else hosts."""
    for found in _PARAMETER.finditer(value):
        if found[1].lower() in wanted:
            text = found[2] or found[3]
            yield from scan(text) if "@" in text else hosts(text)


def typed_address(value: str) -> Iterator[Name]:
    """An address after its type (RFC 3461 section 4.2): "rfc822;jane@client.example"."""
    return scan(value.partition(";")[2] or value)


def before_semicolon(value: str) -> Iterator[Name]:
    """An address before its parameters."""
    return scan(value.partition(";")[0])
