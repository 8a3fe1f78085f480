"""What text looks like: the letters that a reader takes it for, whatever script they are of.

The skeletons of UTS #39, and one step further: capitals, combining marks and what cannot be seen make no difference to
somebody who reads an address in passing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from headerguard.address import normalized

__all__ = ["key_neighbours", "key_of", "merged", "neighbours", "readings", "shown", "skeleton"]

_LONGEST_LABEL = 63
"""Octets of a label (RFC 1035 section 2.3.4)."""
_FOLD = {ord(a): b for a, b in (("i", "l"), ("1", "l"), ("|", "l"), ("0", "o"), ("-", None), ("_", None))}
_DIGRAPHS = (("rn", "m"), ("nn", "m"), ("vv", "w"), ("cl", "d"))
_SIMILAR: dict[str, tuple[str, ...]] = {
    "b": ("d", "h"), "c": ("e",), "d": ("b", "cl"), "e": ("c",), "g": ("q",), "h": ("b",), "m": ("n", "rn"),
    "n": ("m",), "q": ("g",), "r": ("n",), "u": ("v",), "v": ("u", "y"), "y": ("v",),
    "2": ("z",), "3": ("8", "e"), "4": ("a",), "5": ("s",), "6": ("9", "b"), "7": ("t",), "8": ("3", "b"),
    "9": ("6", "g"), "cl": ("d",), "dl": ("d",), "lb": ("b",), "lc": ("k",), "lh": ("h",), "nn": ("m",), "rn": ("m",),
    "uu": ("w",), "uv": ("w",), "vu": ("w",), "vv": ("w",),
}  # fmt: skip
"""What stands in an imitation, and the letters that it may stand for."""
_KEYBOARDS = (
    ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"),
    ("1234567890", "qwertzuiop", "asdfghjkl", "yxcvbnm"),
    ("1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn"),
)


def skeleton(text: str) -> str:
    """The letters that a reader takes a text for; two texts with one skeleton look alike. Never raises."""
    if text.isascii():
        return text.lower()
    looks = _looks()  # before it is folded, too: a lunate sigma looks like c, and what it folds to like o
    folded = normalized("NFKC", normalized("NFKC", text.translate(looks)).casefold())
    bare = "".join(c for c in normalized("NFD", folded) if unicodedata.category(c)[0] not in "MC")
    return bare.translate(looks)


def key_of(label: str) -> str:
    """What a label looks like, hyphens aside."""
    return skeleton(label).translate(_FOLD)


def merged(key: str) -> str:
    """A key with two letters that look like one taken for it."""
    for pair, one in _DIGRAPHS:
        key = key.replace(pair, one)
    return key


def readings(key: str) -> Iterator[str]:
    """A key with one letter or two read as similar ones."""
    for index in range(len(key)):
        for width in (1, 2):
            for other in _SIMILAR.get(key[index : index + width], ()):
                yield key[:index] + other + key[index + width :]


@lru_cache(maxsize=1)
def neighbours() -> frozenset[str]:
    """Pairs of letters that a slip takes for each other: near on a keyboard, both vowels, one bit off, or similar."""
    pairs = {a + b for rows in _KEYBOARDS for row in rows for a, b in pairwise(row)}
    for upper, lower in (pair for rows in _KEYBOARDS for pair in pairwise(rows)):
        pairs |= {a + b for i, a in enumerate(upper) for b in lower[max(i - 1, 0) : i + 1]}
    pairs |= {a + b for a in "aeiou" for b in "aeiou"}
    signs = "abcdefghijklmnopqrstuvwxyz0123456789"
    pairs |= {a + b for a in signs for b in signs if (ord(a) ^ ord(b)).bit_count() == 1}
    pairs |= {a + b for a, others in _SIMILAR.items() for b in others if len(a + b) == 2}
    return frozenset(pairs | {pair[::-1] for pair in pairs})


@lru_cache(maxsize=1)
def key_neighbours() -> frozenset[str]:
    """The same pairs as keys have them: what is beside i is beside l, too, since they look alike."""
    return frozenset(pair.translate(_FOLD) for pair in neighbours())


def shown(domain: str) -> str:
    """A domain as a mail reader may show it: with every A-label decoded that can be, whatever IDNA says of it."""
    return ".".join(map(_shown_label, domain.split("."))) if "xn--" in domain else domain


def _shown_label(label: str) -> str:
    if not label.startswith("xn--") or len(label) > _LONGEST_LABEL:
        return label
    try:
        return label[4:].encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label


@lru_cache(maxsize=1)
def _looks() -> dict[int, str]:
    """What each character looks like, as scripts/confusables.py wrote it."""
    from importlib.resources import files

    table = {}
    for line in files("headerguard").joinpath("confusables.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            target, _, chars = line.partition(" ")
            table.update(dict.fromkeys(map(ord, chars), target))
    return table
