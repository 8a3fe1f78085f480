"""The pseudonym: a keyed hash that stands for an address where the address itself must not be kept.

Whoever holds the key can ask whether a pseudonym stands for an address that he knows; without it, nothing can be told,
and no list of guesses helps. It holds which key made it, so pseudonyms of several keys can stand side by side: those of
another key say nothing here, and do no harm. BLAKE2b keyed (RFC 7693 section 2.9), cut to 64 bits.
"""

from __future__ import annotations

import base64
import os
from functools import cache
from hashlib import blake2b

from headerguard.address import Address
from headerguard.grammar.return_path import lasting_path

__all__ = ["LENGTH", "NULL_PATH", "Pseudonyms", "is_kept", "key_beside", "of_this_process"]

_NAME, _HASH = 3, 8
"""Octets that name the key, and those of the hash."""
LENGTH = 15
"""Characters of a pseudonym."""
NULL_PATH = Address("", "")
"""What stands for the null reverse-path."""
_PASSING = "~"
"""What the pseudonyms of a key that nobody keeps begin with; no letter of base64."""
_REMEMBERED = 8_192


class Pseudonyms:
    """Gives pseudonyms under one key."""

    __slots__ = ("_key", "_remembered", "name")

    def __init__(self, key: bytes, *, passing: bool = False) -> None:
        """Raises ValueError for a key under 16 octets. `passing`: the key ends with the process."""
        if len(key) < 16:
            raise ValueError("the key of pseudonyms has at least 16 octets")
        self._key = blake2b(key, digest_size=32, person=b"pseudonym").digest()
        name = _text(blake2b(b"name", key=self._key, digest_size=_NAME).digest())
        self.name = _PASSING + name[1:] if passing else name
        """What every pseudonym under this key begins with: four characters that tell the key and give nothing away."""
        self._remembered: dict[tuple[Address, bool] | str, str] = {}

    def __repr__(self) -> str:
        """Keep the key out of logs."""
        return f"<Pseudonyms {self.name}>"

    def of(self, address: Address, *, lasting: bool = False) -> str:
        """That of a mailbox, whichever way its address is written; `lasting`: of what is the same in every message."""
        found = self._remembered.get((address, lasting))
        if found is None:
            found = self.of_text(lasting_path(address.canonical) if lasting else address.canonical)
            self._remember((address, lasting), found)
        return found

    def of_text(self, text: str) -> str:
        """That of a canonical address, or of what else is one of its kind."""
        found = self._remembered.get(text)
        if found is None:
            digest = blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=_HASH).digest()
            found = self.name + _text(digest)
            self._remember(text, found)
        return found

    def _remember(self, what: tuple[Address, bool] | str, pseudonym: str) -> None:
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[what] = pseudonym


def is_kept(pseudonym: str) -> bool:
    """Whether it was made with a key that outlives the process, so that keeping it is of use."""
    return not pseudonym.startswith(_PASSING)


@cache
def of_this_process() -> Pseudonyms:
    """Those under a random key that ends with the process: what is learned in memory joins, and no file holds it."""
    return Pseudonyms(os.urandom(32), passing=True)


def key_beside(baseline: str) -> str:
    """Where the key is when nothing else is said: one for all baselines in a directory, so that they can be joined."""
    return os.path.join(os.path.dirname(baseline), "headerguard.key")


def _text(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")
