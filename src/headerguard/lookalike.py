"""Whom a stranger's domain looks like: one name against all the known ones.

Known names are kept by what their label looks like, once each, and the ways in which a name is imitated are gone
backwards from the stranger: letters that look alike, one slip of the keyboard, a hyphen or a dot moved, another top
level, a word more. So what a question costs depends on the length of the stranger and hardly on how many names are
known, and a name more is one entry more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from math import log2
from typing import NamedTuple

from headerguard.address import BUNDLED, SuffixList, to_a_label
from headerguard.confusable import SIMILAR, key_of, merged, readings, shown, skeleton

__all__ = ["How", "Imitation", "Lookalikes", "is_common"]


class How(StrEnum):
    """In which way a domain imitates another."""

    CONFUSABLE = "confusable"
    """The same to a reader: letters of another script, an accent, 1 for l, rn for m (UTS #39)."""
    HYPHEN = "hyphen"
    """The same but for hyphens."""
    SUFFIX = "suffix"
    """The same name under another top level or public suffix."""
    DOT = "dot"
    """The same but for a dot that moved."""
    SUBDOMAIN = "subdomain"
    """The whole of the other stands in front of it."""
    TRANSPOSITION = "transposition"
    """Two neighbouring letters swapped."""
    REPETITION = "repetition"
    """A letter doubled, or one of two left out."""
    VISUAL = "visual"
    """One or two letters replaced with similar ones."""
    SUBSTITUTION = "substitution"
    """One letter replaced with another one."""
    OMISSION = "omission"
    """One letter left out."""
    INSERTION = "insertion"
    """One letter more."""
    WORD = "word"
    """The other with a word before or behind it."""


class Imitation(NamedTuple):
    """What a domain looks like."""

    original: str
    """The registrable domain that is known."""
    how: How
    """In which way."""


_HOST = 255
"""Characters of a domain that are looked at, from its end (RFC 1035 section 2.3.4)."""
_LABEL = 63
_ALPHABET = "abcdefghjklmnopqrstuvwxyz23456789"
"""What is left of letters and digits once those that look alike are one."""
_NUMBER = re.compile(r"\d+|(?<=-)[a-z](?=[.-])")
"""What counts in a row of names: node-7, mailbox-b."""
_MANY = 40
"""Letters that are read as similar ones, up to which pairs of them are tried, too."""
_KEYBOARDS = (
    ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"),
    ("1234567890", "qwertzuiop", "asdfghjkl", "yxcvbnm"),
    ("1234567890", "azertyuiop", "qsdfghjklm", "wxcvbn"),
)


@lru_cache(maxsize=1)
def _neighbours() -> frozenset[str]:
    """Pairs of letters that a slip takes for each other: near on a keyboard, both vowels, one bit off, or similar."""
    pairs = {a + b for rows in _KEYBOARDS for row in rows for a, b in pairwise(row)}
    for upper, lower in (pair for rows in _KEYBOARDS for pair in pairwise(rows)):
        pairs |= {a + b for i, a in enumerate(upper) for b in lower[max(i - 1, 0) : i + 1]}
    pairs |= {a + b for a in "aeiou" for b in "aeiou"}
    signs = "abcdefghijklmnopqrstuvwxyz0123456789"
    pairs |= {a + b for a in signs for b in signs if (ord(a) ^ ord(b)).bit_count() == 1}
    pairs |= {a + b for a, others in SIMILAR.items() for b in others if len(a + b) == 2}
    keys = set(map(key_of, pairs))
    return frozenset(keys | {pair[::-1] for pair in keys})


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    """Words that tell nobody from anybody, as keys."""
    from importlib.resources import files

    text = files("headerguard").joinpath("words.txt").read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(key_of(word) for line in lines for word in line.split())


def is_common(word: str) -> bool:
    """Whether a word stands in very many names, so that it tells nobody from anybody."""
    return key_of(word) in _words()


_NEEDED = {
    How.CONFUSABLE: 3,
    How.SUBDOMAIN: 2,
    How.SUFFIX: 3,
    How.HYPHEN: 3,
    How.TRANSPOSITION: 4,
    How.REPETITION: 4,
    How.VISUAL: 4,
    How.SUBSTITUTION: 4,
    How.OMISSION: 4,
    How.INSERTION: 4,
    How.DOT: 4,
    How.WORD: 4,
}
"""How many letters a known name must have, hyphens aside, so that a likeness of the kind is hardly chance: measured on
names that have nothing to do with one another. Short names are alike by chance, and so are some of very many."""
_FEW, _EXTRA = 250, 3
"""Known names up to which that holds, and the letters that are asked for on top where more are known, at most."""
_REMEMBERED = 4_096
"""Strangers whose answer is remembered until a name is added: the same ones come again."""
_UNLIKE, _ELSEWHERE = 2, 3
"""Letters more, where the likeness is a loose one: a letter from the other end of the keyboard; another suffix too."""
_COMMON = 4
"""Letters more, where the known name is a word that stands in many names."""

Suspicion = tuple[int, str, How]
"""The letters that the known name must have, the name, the way."""


class Lookalikes:
    """Known names, and whom of them a stranger imitates."""

    __slots__ = ("_answers", "_by_key", "_count", "suffixes")

    def __init__(self, names: Iterable[str] = (), suffixes: SuffixList = BUNDLED) -> None:
        """Start with some known domains or hosts; of each the registrable domain counts."""
        self.suffixes = suffixes
        self._by_key: dict[str, str | tuple[str, ...]] = {}
        self._count = 0
        self._answers: dict[str, Imitation | None] = {}
        for name in names:
            self.add(name)

    def __len__(self) -> int:
        """How many names are known."""
        return self._count

    def __contains__(self, registrable: str) -> bool:
        """Whether a registrable domain is known."""
        return registrable in self._at(_key_of(registrable))

    def add(self, name: str) -> None:
        """Know one name more. Raises nothing: what is no domain is kept and never found."""
        registrable = self.suffixes.registrable_domain(to_a_label(name))
        key = _key_of(registrable)
        if not key or registrable in self._at(key):
            return
        self._count += 1
        self._answers.clear()
        for place in {key, merged(key), *_parts(shown(registrable.partition(".")[0]))}:
            others = self._at(place)
            self._by_key[place] = (*others, registrable) if others else registrable

    def _at(self, key: str) -> tuple[str, ...]:
        found = self._by_key.get(key, ())
        return (found,) if isinstance(found, str) else found

    def imitated(self, domain: str) -> Imitation | None:
        """The known name that a domain looks like, if it looks like one and is none. Never raises."""
        if domain not in self._answers:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            self._answers[domain] = self._look(domain)
        return self._answers[domain]

    def _look(self, domain: str) -> Imitation | None:
        domain = to_a_label(domain)
        registrable = self.suffixes.registrable_domain(domain)
        if not self._by_key or registrable in self:
            return None
        stranger = _Stranger(domain, registrable)
        extra = min(_EXTRA, max(0, round(log2(self._count / _FEW)))) if stranger.label.isascii() else -1
        telling = [
            (need, -_size(name), name, how)
            for need, name, how in self._suspicions(stranger)
            if _size(name) >= need + extra and not stranger.stands_beside(name)
        ]
        best = min(telling, default=None)
        return Imitation(*best[2:]) if best else None

    # ---- ways to imitate, backwards

    def _suspicions(self, stranger: _Stranger) -> Iterator[Suspicion]:
        """Every known name that a stranger may stand for."""
        yield from self._dots(stranger)
        key = stranger.key
        alike = list(self._alike(stranger)) if key else []
        yield from alike
        if key and not alike:
            yield from self._slips(key, stranger.suffix)
            yield from self._similar(key, stranger.suffix)
            yield from self._extended(stranger)

    def _named(self, key: str, how: How, suffix: str, loose: int = 0) -> Iterator[Suspicion]:
        """The names at a key, for a way."""
        for name in self._at(key):
            other = 0 if name.partition(".")[2] == suffix else _ELSEWHERE
            common = _COMMON if key in _words() else 0
            merged = 0 if key == _key_of(name) else 1
            yield _NEEDED[how] + loose + other + common + merged, name, how

    def _alike(self, stranger: _Stranger) -> Iterator[Suspicion]:
        """Names that a reader takes for the stranger's, but for hyphens and what stands behind the dot."""
        for key in {stranger.key, merged(stranger.key)}:
            for name in self._at(key):
                label, _, suffix = name.partition(".")
                common = _COMMON if key in _words() else 0
                if suffix != stranger.suffix:
                    yield _NEEDED[How.SUFFIX] + common, name, How.SUFFIX
                elif label.replace("-", "") == stranger.label.replace("-", ""):
                    yield _NEEDED[How.HYPHEN] + common, name, How.HYPHEN
                else:
                    yield _NEEDED[How.CONFUSABLE], name, How.CONFUSABLE

    def _dots(self, stranger: _Stranger) -> Iterator[Suspicion]:
        """A known name in front of another, or in pieces."""
        labels = stranger.labels
        if len(labels) < 3:
            return
        for index, label in enumerate(labels[:-2]):
            for name in self._at(key_of(label)) if len(label) <= _LABEL else ():
                behind = name.partition(".")[2].split(".")
                if labels[index + 1 : index + 1 + len(behind)] == behind:
                    yield _NEEDED[How.SUBDOMAIN] - _EXTRA, name, How.SUBDOMAIN
        for width in (1, 2, 3):
            for pieces in (2, 3):
                parts, suffix = labels[-width - pieces : -width], ".".join(labels[-width:])
                if len(parts) == pieces and sum(map(len, parts)) <= _LABEL:
                    for need, name, how in self._named(key_of("".join(parts)), How.DOT, suffix):
                        if name.endswith(f".{suffix}"):
                            yield need, name, how

    def _slips(self, key: str, suffix: str, loose: int = 0) -> Iterator[Suspicion]:
        """One letter swapped, left out, more, or another."""
        known = self._by_key
        cuts = [(key[:i], key[i:]) for i in range(len(key) + 1)]
        for head, tail in cuts:
            if len(tail) > 1 and (swapped := head + tail[1] + tail[0] + tail[2:]) in known:
                yield from self._named(swapped, How.TRANSPOSITION, suffix, loose)
            if tail and (fewer := head + tail[1:]) in known:
                doubled = tail[0] in (head[-1:], tail[1:2])
                yield from self._named(fewer, How.REPETITION if doubled else How.INSERTION, suffix, loose)
            if tail[:2] == "es" and (fewer := head + tail[2:]) in known:
                yield from self._named(fewer, How.INSERTION, suffix, loose + 1)
        longer = {head + sign + tail for head, tail in cuts for sign in _ALPHABET}
        for other in longer & known.keys():
            yield from self._named(other, How.OMISSION, suffix, loose)
        other_letter = {head + sign + tail[1:] for head, tail in cuts if tail for sign in _ALPHABET}
        for other in (other_letter & known.keys()) - {key}:
            ours, theirs = next((a, b) for a, b in zip(key, other, strict=True) if a != b)
            near = 0 if ours + theirs in _neighbours() else _UNLIKE
            yield from self._named(other, How.SUBSTITUTION, suffix, loose + near)

    def _similar(self, key: str, suffix: str, loose: int = 0) -> Iterator[Suspicion]:
        """Up to two letters replaced with similar ones."""
        tried, latest = {key}, {key}
        for step in (0, 1):
            latest = {other for key in latest for other in readings(key)} - tried
            tried |= latest
            for other in latest & self._by_key.keys():
                yield from self._named(other, How.VISUAL, suffix, loose + step)
            if len(latest) > _MANY:
                return

    def _extended(self, stranger: _Stranger) -> Iterator[Suspicion]:
        """A known name with something before or behind it."""
        key, suffix = stranger.key, stranger.suffix
        for cut in range(2, len(key) - 1):
            joined = cut not in stranger.hyphens
            for part, rest in ((key[:cut], key[cut:]), (key[cut:], key[:cut])):
                if part in self._by_key:
                    yield from self._named(part, How.WORD, suffix, _looseness(part, rest, joined))
            for name in self._at(key[:cut]):  # the dot of example.com left out, with or without another top level
                flat = key_of(name.partition(".")[2].replace(".", ""))
                if flat in (key[cut:], key[cut:] + key_of(suffix.replace(".", ""))):
                    yield _NEEDED[How.DOT], name, How.DOT
        if stranger.hyphens:
            yield from self._among_words(stranger)
            yield from self._replaced(stranger)

    def _replaced(self, stranger: _Stranger) -> Iterator[Suspicion]:
        """A known name of several words, one of them replaced with a common one."""
        label = stranger.label
        for part, word in zip(_parts(label), (stranger.tokens[-1], stranger.tokens[0]), strict=False):
            if word in _words() and part.strip() not in _words() and len(part) > 7:
                yield from self._named(part, How.WORD, stranger.suffix)

    def _among_words(self, stranger: _Stranger) -> Iterator[Suspicion]:
        """What is left without the words between hyphens, itself imitated or not."""
        words = _words()
        first = next((i for i, token in enumerate(stranger.tokens) if token not in words), None)
        if first is None:
            return
        last = max(i for i, token in enumerate(stranger.tokens) if token not in words)
        core = "".join(stranger.tokens[first : last + 1])
        if core != stranger.key:
            yield from self._named(core, How.WORD, stranger.suffix)
            for need, name, _ in (*self._slips(core, stranger.suffix), *self._similar(core, stranger.suffix)):
                yield need + _UNLIKE, name, How.WORD


def _looseness(part: str, rest: str, joined: bool) -> int:
    """Letters more that a known name needs to be seen in a longer one."""
    if rest in _words():
        return int(len(part) + len(rest) < 8) if joined else -1
    return 6 if joined and len(rest) > 3 else 4


def _key_of(registrable: str) -> str:
    return key_of(shown(registrable.partition(".")[0]))


def _parts(label: str) -> tuple[str, ...]:
    """Keys of a name of several words without its last one and without its first one; no key has the blank of them."""
    head, _, tail = label.rpartition("-")[0], "", label.partition("-")[2]
    return (key_of(head) + " ", " " + key_of(tail)) if head and tail else ()


def _size(name: str) -> int:
    """Letters of the label of a known name."""
    return len(_key_of(name))


class _Stranger:
    """A domain, cut as it is compared."""

    __slots__ = ("hyphens", "key", "label", "labels", "row", "suffix", "tokens")

    def __init__(self, domain: str, registrable: str) -> None:
        self.labels = skeleton(shown(domain)).split(".")
        label, _, suffix = registrable.partition(".")
        self.label = shown(label) if len(label) <= _LABEL else ""
        self.suffix = skeleton(shown(suffix))
        self.tokens = [key_of(token) for token in self.label.split("-")]
        self.key = "".join(self.tokens)
        self.row = _NUMBER.sub("0", registrable)
        self.hyphens = {sum(map(len, self.tokens[: i + 1])) for i in range(len(self.tokens) - 1)}

    def stands_beside(self, name: str) -> bool:
        """Whether a name differs in its number alone: one more of a row of them."""
        return _NUMBER.sub("0", name) == self.row
