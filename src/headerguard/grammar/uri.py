"""The web addresses and mailto links of a List- field (RFC 2369, RFC 6068)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote

from headerguard.grammar.name import Name, host_of, hosts, scan
from headerguard.role import Role

__all__ = ["mailto_copies", "uris"]

_URI = re.compile(r"<\s*([A-Za-z][A-Za-z0-9+.-]{0,20}:[^<>]*)>|(?:\A|[\s,])((?:https?|mailto):[^\s<>,]+)")


def uris(value: str) -> Iterator[Name]:
    """The URIs of a List- field (RFC 2369): hosts, mailto addresses, the recipients in their parameters (RFC 6068)."""
    between, at = [], 0
    for found in _URI.finditer(value):
        between.append(value[at : found.start()])
        at = found.end()
        uri = _unfolded(found)
        if uri[:7].lower() == "mailto:":
            yield from _mailto(uri[7:])
        else:
            yield from host_of(uri)
            yield from scan(uri, Role.MENTIONED)
    between.append(value[at:])
    yield from scan(" ".join(between), Role.MENTIONED)


def _unfolded(found: re.Match[str]) -> str:
    uri = found[1] or found[2]
    return "".join(uri.split()) if "\n" in uri or " " in uri else uri


def _mailto(rest: str) -> Iterator[Name]:
    path, parameters = _mailto_parts(rest)
    for address in path:
        yield Name("address", address)
        yield from hosts(address.rpartition("@")[2])
    for key, text in parameters:
        if key.lower() in _SENT_TO:
            for address in text.split(","):
                yield Name("address", address, Role.MENTIONED)
        else:
            yield from scan(f"{key} {text}", Role.MENTIONED)


def _mailto_parts(rest: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Addresses and parameters of a mailto URI; templates write the separator as HTML does."""
    path, _, query = rest.partition("?")
    named = "@" in query or "%" in query  # reading parameters costs more than all the rest
    parameters = parse_qsl(query.replace("&amp;", "&"), keep_blank_values=True) if named else []
    return [unquote(address) for address in path.split(",")], parameters


_SENT_TO = ("to", "cc", "bcc")


def mailto_copies(value: str) -> Iterator[tuple[str, str]]:
    """Who else gets what the mailto links of a List- field make: the address that a link is for, and each one more.

    Both as they are written, the second perhaps a list (RFC 6068 section 2).
    """
    for found in _URI.finditer(value):
        uri = _unfolded(found)
        if uri[:7].lower() == "mailto:":
            path, parameters = _mailto_parts(uri[7:])
            sent_to = [*path, *(text for key, text in parameters if key.lower() in _SENT_TO)]
            first, *others = [text for text in sent_to if "@" in text] or [""]
            yield from ((first, text) for text in others)
