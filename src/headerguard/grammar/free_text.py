"""Free text, in which every string that looks like an address may be one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

__all__ = ["LONGEST", "addresses_in", "readings_of", "strings"]

_LOCAL_PART = re.compile(r"[\w.!#$%'*+=^`~-]++|\"[^\"]++\"")
_STRICT_LOCAL_PART = re.compile(r"[\w.+%-]++")
_DOMAIN = re.compile(r"\w[\w-]*+(?:\.\w[\w-]*+)*+|\[[\w.:]++\]")
LONGEST = 320
"""Characters of a local part or domain that are looked at: RFC 3696 erratum 1690 allows 64 and 255."""


def addresses_in(text: str) -> Iterator[str]:
    """Every string in free text that looks like an address, in order, each once, in linear time."""
    return iter(dict.fromkeys(address for readings in readings_of(text) for address in readings))


def readings_of(text: str) -> Iterator[list[str]]:
    """What each "@" in free text may be part of, percent-encoded ones included.

    A local part is taken as far as it may reach, and once more to the last character that stands between words
    elsewhere ("=", "'"), so that both readings of `user=jane@client.example` count.
    """
    for shown in (text, unquote(text)) if "%40" in text else (text,):
        at = shown.find("@")
        while at >= 0:
            if found := _DOMAIN.match(shown, at + 1, at + 1 + LONGEST):
                before = shown[max(0, at - LONGEST) : at][::-1]
                locals_ = (pattern.match(before) for pattern in (_LOCAL_PART, _STRICT_LOCAL_PART))
                words = dict.fromkeys(local[0][::-1].lstrip(".") for local in locals_ if local)
                domains = (found[0],) if found[0].isascii() else dict.fromkeys((found[0], _in_ascii(found[0])))
                yield [f"{word}@{domain}" for word in words if word for domain in domains]
            at = shown.find("@", at + 1)


def _in_ascii(domain: str) -> str:
    """A domain as far as it is ASCII: writing without blanks between words goes on right behind it."""
    found = re.match(r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,63}", domain)
    return found[0] if found else domain


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value, keys included, in order, however deep."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            stack += [part for pair in reversed(item.items()) for part in reversed(pair)]
        elif isinstance(item, list):
            stack += reversed(item)
