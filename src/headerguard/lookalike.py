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
from itertools import accumulate
from math import ceil, log2
from typing import NamedTuple

from headerguard.address import BUNDLED, SuffixList, to_a_label
from headerguard.confusable import key_neighbours, key_of, merged, neighbours, readings, shown, skeleton

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


_LABEL = 63
_ALPHABET = "abcdefghjklmnopqrstuvwxyz23456789"
"""What is left of letters and digits once those that look alike are one."""
_NUMBERED = 4
"""Letters of a common word that is one with a number behind it, too: login1, invoice2026."""
_NUMBER = re.compile(r"(?<=[a-z-])\d+(?=\.)|(?<=-)[a-z](?=[.-])")
"""What counts in a row of names, at the end of their labels: node-7, mailbox-b."""
_MANY = 40
"""Letters that are read as similar ones, up to which pairs of them are tried, too."""


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


def _tells_nobody(text: str) -> bool:
    """Whether a part of a name, as it is read, is a common word, with a number behind it or not."""
    bare = text.rstrip("0123456789")
    return is_common(text) or (len(bare) >= _NUMBERED and is_common(bare))


_NEEDED = {
    How.CONFUSABLE: 2,
    How.SUBDOMAIN: 2,
    How.SUFFIX: 2,
    How.HYPHEN: 2,
    How.DOT: 2,
    How.TRANSPOSITION: 3,
    How.REPETITION: 3,
    How.VISUAL: 3,
    How.SUBSTITUTION: 3,
    How.OMISSION: 3,
    How.INSERTION: 3,
    How.WORD: 3,
}
"""How many letters a known name must have, hyphens aside, so that a likeness of the kind is hardly chance: measured on
names that have nothing to do with one another. Short names are alike by chance, and so are some of very many."""
_FEW, _EXTRA = 250, 4
"""Known names up to which that holds, and the letters that are asked for on top where more are known, at most."""
_TELLING = 3
"""Letters of the part of a name of several words that tells it when another part was replaced, at least; twice as many
for a part that is a common word."""
_CROWDED, _SHORT = frozenset(("com", "edu", "net", "org")), 3
"""Top levels under which nearly every name of so many letters is somebody's, so that a letter left out or another one
mostly leads to a stranger who has a right to it."""
_VETTED = frozenset(("edu", "gov", "int", "mil"))
"""Top levels whose registries ask who somebody is: nobody gets a name there to imitate one from elsewhere."""
_FOREIGN = -2
"""Letters more, where the stranger has letters of another script: hardly any name has them by chance."""
_REMEMBERED = 4_096
"""Strangers whose answer is remembered until a name is added: the same ones come again."""
_UNLIKE, _FAR = 2, 3
"""Letters more, where the likeness is a loose one, such as a slip on top of letters that look alike, and where a letter
from the other end of the keyboard replaces one."""
_ELSEWHERE = {How.WORD: 2}
"""Letters more under another suffix too, by the way; 5 for the others."""
_COMMON = {How.SUFFIX: 5, How.WORD: 3, How.INSERTION: 2}
"""Letters more, where the known name is a word that stands in many names; 1 for the other ways."""


class _Suspicion(NamedTuple):
    """A known name that a stranger may stand for; of two as near as each other the one under its suffix comes first."""

    need: int
    """Letters that the name must have."""
    elsewhere: bool
    """Whether it stands under another suffix than the stranger."""
    size: int
    """Letters that it has, less than nothing, so that the longest one comes first."""
    name: str
    how: How


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

    def nearest(self, domain: str) -> list[Imitation]:
        """Every known name that a domain looks like, the nearest first, each in its nearest way. Never raises."""
        ways: dict[str, Imitation] = {}
        for found in sorted(self._telling(domain)):
            ways.setdefault(found.name, Imitation(found.name, found.how))
        return list(ways.values())

    def _look(self, domain: str) -> Imitation | None:
        best = min(self._telling(domain), default=None)
        return Imitation(best.name, best.how) if best else None

    def _telling(self, domain: str) -> list[_Suspicion]:
        """The known names that a domain is so like that it is hardly chance; none for one that is known."""
        domain = to_a_label(domain)
        registrable = self.suffixes.registrable_domain(domain)
        if not self._by_key or registrable in self:
            return []
        stranger = _Stranger(domain, registrable)
        extra = min(_EXTRA, max(0, ceil(log2(self._count / _FEW)))) if stranger.label.isascii() else _FOREIGN
        telling = [found for found in self._suspicions(stranger) if -found.size >= found.need + extra]
        return [found for found in telling if not stranger.stands_beside(found.name)]

    # ---- ways to imitate, backwards

    def _suspicions(self, stranger: _Stranger) -> Iterator[_Suspicion]:
        """Every known name that a stranger may stand for."""
        yield from self._dots(stranger)
        key = stranger.key
        alike = list(self._alike(stranger)) if key else []
        yield from alike
        if key and not any(-found.size >= found.need for found in alike):
            loose = _UNLIKE if key in _words() or stranger.plain.isdecimal() else 0  # such are names by themselves
            yield from self._slips(key, stranger.plain, stranger.suffix, loose)
            yield from self._similar(key, stranger.suffix, loose)
            yield from self._extended(stranger)

    def _named(self, key: str, how: How, suffix: str, loose: int = 0) -> Iterator[_Suspicion]:
        """The names at a key, for a way."""
        for name in self._at(key):
            merged = 0 if key == _key_of(name) else 1
            yield _suspicion(name, how, suffix, loose + merged)

    def _alike(self, stranger: _Stranger) -> Iterator[_Suspicion]:
        """Names that a reader takes for the stranger's, but for hyphens and what stands behind the dot."""
        for key in {stranger.key, merged(stranger.key)}:
            for name in self._at(key):
                theirs = _plain(name)
                same = theirs.replace("-", "") == stranger.plain.replace("-", "")
                if name.partition(".")[2] != stranger.suffix:
                    yield _suspicion(name, How.SUFFIX, stranger.suffix, 0 if same else _UNLIKE + 1)
                else:
                    moved = same and theirs != stranger.plain
                    yield _suspicion(name, How.HYPHEN if moved else How.CONFUSABLE, stranger.suffix)

    def _dots(self, stranger: _Stranger) -> Iterator[_Suspicion]:
        """A known name in front of another, or in pieces."""
        labels = stranger.labels
        if len(labels) < 3:
            return
        for index, label in enumerate(labels[: -stranger.suffix.count(".") - 2]):
            if len(label) > _LABEL:
                continue
            for name in {name for rest in _behind_words(label) for name in self._at(key_of(rest))}:
                behind = name.partition(".")[2].split(".")
                *same, last = labels[index + 1 : index + 1 + len(behind)]
                if same == behind[:-1] and f"{last}-".startswith(f"{behind[-1]}-"):
                    yield _Suspicion(_NEEDED[How.SUBDOMAIN] - _EXTRA, False, -_size(name), name, How.SUBDOMAIN)
            if "-" in label:
                yield from self._flat(key_of(label), How.SUBDOMAIN)
        for width in (1, 2, 3):
            for pieces in (2, 3):
                parts, suffix = labels[-width - pieces : -width], ".".join(labels[-width:])
                if len(parts) == pieces and sum(map(len, parts)) <= _LABEL:
                    for found in self._named(key_of("".join(parts)), How.DOT, suffix):
                        if not found.elsewhere:
                            yield found

    def _flat(self, key: str, how: How, suffix: str = "") -> Iterator[_Suspicion]:
        """The dot of example.com left out, with or without another top level."""
        for cut in range(2, len(key) - 1):
            for name in self._at(key[:cut]):
                flat = key_of(name.partition(".")[2].replace(".", ""))
                if flat in (key[cut:], key[cut:] + key_of(suffix.replace(".", ""))):
                    yield _Suspicion(_NEEDED[how], False, -_size(name), name, how)

    def _slips(self, key: str, plain: str, suffix: str, loose: int = 0) -> Iterator[_Suspicion]:
        """One letter swapped, left out, more, or another."""
        known = self._by_key
        cuts = [(key[:i], key[i:]) for i in range(len(key) + 1)]
        found: list[tuple[str, How, int]] = []
        for head, tail in cuts:
            if len(tail) > 1 and (swapped := head + tail[1] + tail[0] + tail[2:]) in known:
                found.append((swapped, How.TRANSPOSITION, 0))
            if tail and (fewer := head + tail[1:]) in known:
                doubled = tail[0] in (head[-1:], tail[1:2])
                found.append((fewer, How.REPETITION if doubled else How.INSERTION, _strangeness(head, tail)))
            if tail[:2] == "es" and (fewer := head + tail[2:]) in known:
                found.append((fewer, How.INSERTION, 1))
        longer = {head + sign + tail for head, tail in cuts for sign in _ALPHABET}
        found += [(other, How.OMISSION, 0) for other in longer & known.keys()]
        other_letter = {head + sign + tail[1:] for head, tail in cuts if tail for sign in _ALPHABET}
        for other in (other_letter & known.keys()) - {key}:
            found.append((other, How.SUBSTITUTION, 0))
        for other, how, strange in found:
            for suspicion in self._named(other, how, suffix, loose + strange):
                ours, theirs = _difference(plain, _plain(suspicion.name))
                far = how is How.SUBSTITUTION and ours + theirs not in neighbours()
                more = (len(theirs) > 1 or len(ours + theirs) > 2) and ours != theirs[::-1]
                yield suspicion._replace(need=suspicion.need + _FAR * far + _UNLIKE * more)

    def _similar(self, key: str, suffix: str, loose: int = 0) -> Iterator[_Suspicion]:
        """Up to two letters replaced with similar ones."""
        tried, latest = {key}, {key}
        for step in (0, 1):
            latest = {other for key in latest for other in readings(key)} - tried
            tried |= latest
            for other in latest & self._by_key.keys():
                yield from self._named(other, How.VISUAL, suffix, loose + step)
            if len(latest) > _MANY:
                return

    def _extended(self, stranger: _Stranger) -> Iterator[_Suspicion]:
        """A known name with something before or behind it."""
        key, suffix, letters = stranger.key, stranger.suffix, stranger.letters
        for cut in range(2, len(key) - 1):
            joined = cut not in stranger.hyphens
            for part, rest, front in ((key[:cut], letters[cut:], False), (key[cut:], letters[:cut], True)):
                for found in self._named(part, How.WORD, suffix, _looseness(part, rest, joined)):
                    # what ends with a name, or is one word with it, is more often a compound of some language
                    yield found._replace(need=found.need + found.elsewhere * (joined + front))
        yield from self._flat(key, How.DOT, suffix)
        if stranger.hyphens:
            yield from self._among_words(stranger)
            yield from self._replaced(stranger)

    def _replaced(self, stranger: _Stranger) -> Iterator[_Suspicion]:
        """A known name of several words, one of them replaced with a common one."""
        front, behind = _parts(stranger.label) or ("", "")
        for part, word in ((front, stranger.tokens[-1]), (behind, stranger.tokens[0])):
            if _tells_nobody(word) and len(part.strip()) >= (_TELLING * 2 if part.strip() in _words() else _TELLING):
                for found in self._named(part, How.WORD, stranger.suffix):
                    if not found.elsewhere:
                        yield found

    def _among_words(self, stranger: _Stranger) -> Iterator[_Suspicion]:
        """What is left without the words between hyphens, itself imitated or not."""
        left = _without_words(stranger.label)
        core = key_of(left)
        if core and core != stranger.key:
            yield from self._named(core, How.WORD, stranger.suffix)
            plain = skeleton(left)
            slips = self._slips(core, plain, stranger.suffix, _UNLIKE + 1)
            for found in (*slips, *self._similar(core, stranger.suffix, _UNLIKE + 1)):
                yield found._replace(how=How.WORD)


def _suspicion(name: str, how: How, suffix: str, loose: int = 0) -> _Suspicion:
    """What it takes to say that a stranger under a suffix imitates a name so."""
    elsewhere = name.partition(".")[2] != suffix
    need = _NEEDED[how] + loose
    if elsewhere and how is not How.SUFFIX:
        need += _ELSEWHERE.get(how, 5)
    if suffix in _CROWDED and how in (How.SUBSTITUTION, How.OMISSION) and _size(name) <= _SHORT:
        need += 1
    if elsewhere and suffix in _VETTED:
        need += _LABEL  # no name has as many
    if _key_of(name) in _words():
        need += _COMMON.get(how, 1)
    return _Suspicion(need, elsewhere, -_size(name), name, how)


def _strangeness(head: str, tail: str) -> int:
    """Letters more for one too many, if it is no neighbour of those beside it, nor at the end, nor a plural."""
    more, beside = tail[0], {head[-1:], tail[1:2]}
    near = more in beside or any(more + other in key_neighbours() for other in beside)
    return 0 if near or len(tail) == 1 or more == "s" else _UNLIKE


def _difference(ours: str, theirs: str) -> tuple[str, str]:
    """Two labels without what they have in common in front and behind."""
    start = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    ours, theirs = ours[start:], theirs[start:]
    pairs = zip(reversed(ours), reversed(theirs), strict=False)
    end = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(theirs)))
    return ours[: len(ours) - end], theirs[: len(theirs) - end]


def _looseness(part: str, rest: str, joined: bool) -> int:
    """Letters more that a known name needs to be seen in a longer one."""
    if _tells_nobody(rest):
        return int(len(part) + len(rest) < 6) if joined else -2
    if not joined:
        return 3
    return 7 if len(rest) > 3 else 5


def _behind_words(label: str) -> Iterator[str]:
    """A label, and what is left of it without one common word in front, two, and so on."""
    yield label
    while "-" in label:
        word, _, label = label.partition("-")
        if not _tells_nobody(word):
            return
        yield label


def _without_words(label: str) -> str:
    """A label without the common words in front and behind."""
    tokens = label.split("-")
    telling = [index for index, token in enumerate(tokens) if not _tells_nobody(token)]
    return "-".join(tokens[telling[0] : telling[-1] + 1]) if telling else ""


def _key_of(registrable: str) -> str:
    return key_of(shown(registrable.partition(".")[0]))


def _plain(name: str) -> str:
    """The label of a known name as it is read, letter by letter."""
    return skeleton(shown(name.partition(".")[0]))


def _parts(label: str) -> tuple[str, ...]:
    """Keys of a name of several words without its last one and without its first one; no key has the blank of them."""
    head, _, tail = label.rpartition("-")[0], "", label.partition("-")[2]
    return (key_of(head) + " ", " " + key_of(tail)) if head and tail else ()


def _size(name: str) -> int:
    """Letters of the label of a known name."""
    return len(_key_of(name))


class _Stranger:
    """A domain, cut as it is compared."""

    __slots__ = ("hyphens", "key", "label", "labels", "letters", "plain", "row", "suffix", "tokens")

    def __init__(self, domain: str, registrable: str) -> None:
        self.labels = skeleton(shown(domain)).split(".")
        label, _, suffix = registrable.partition(".")
        self.label = shown(label) if len(label) <= _LABEL else ""
        self.suffix = skeleton(shown(suffix))
        self.key = key_of(self.label)
        self.plain = skeleton(self.label)
        self.tokens = self.plain.split("-")
        self.letters = self.plain.replace("-", "").replace("_", "")
        self.row = _NUMBER.sub("0", registrable)
        self.hyphens = set(accumulate(len(token.replace("_", "")) for token in self.tokens[:-1]))

    def stands_beside(self, name: str) -> bool:
        """Whether a name differs in its last number alone: one more of a row of them."""
        return _NUMBER.sub("0", name) == self.row
