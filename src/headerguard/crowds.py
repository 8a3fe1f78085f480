"""Which levels are too many to be told apart: the subjects of an author, the authors of an account, its templates.

A family of keys with more members than a cap is a crowd: none of its members is kept, and its mail is judged by the
level above, which has learned all of it from the beginning. Whether a family is a crowd depends on its members alone,
never on the order in which they came, so parts that are joined tell the same as the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from headerguard.stream import NAMED

__all__ = ["CAPS", "SUBJECTS_CAP", "Crowds"]

CAPS: Mapping[str, int] = MappingProxyType({"author": 256, "subject": 4096, **dict.fromkeys(sorted(NAMED), 1024)})
"""How many keys of a kind an account may show."""
SUBJECTS_CAP = 256
"""How many subjects an author may show."""


class Crowds:
    """The families of one baseline. A family is named by the key of the level that stands for all of it."""

    __slots__ = ("_members",)

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Start with families that are crowds already."""
        self._members: dict[str, set[str] | None] = {}  # family -> its keys; None: a crowd
        for name in names:
            self.mark(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The families that are crowds."""
        return tuple(sorted(name for name, members in self._members.items() if members is None))

    def __contains__(self, name: str) -> bool:
        """Whether a family is a crowd."""
        return self._members.get(name, _FEW) is None

    def hold(self, key: str) -> bool:
        """Whether a key belongs to a crowd, so that it is not to be kept."""
        return bool(self._members) and any(family in self for family, _ in _families(key))

    def add(self, key: str) -> set[str]:
        """Note one key more; gives the keys that are not to be kept any longer, itself among them."""
        if self.hold(key):
            return {key}
        gone: set[str] = set()
        for family, cap in _families(key):
            members = self._members.setdefault(family, set())
            if members is not None:
                members.add(key)
                if len(members) > cap:
                    gone |= self.mark(family)
        return gone

    def _count_out(self, author: str) -> set[str]:
        """The subjects of an author are a crowd: among those of the account they count as so many as made it one.

        Those that a file names are not known any more; what is counted must not depend on that.
        """
        account, _, level = author.partition("/")
        family = f"{account}/subject:"
        members = self._members.setdefault(family, set())
        if members is None:
            return set()
        prefix = f"{account}/subject:{level.removeprefix('author:')} "
        members -= {key for key in members if key.startswith(prefix)}
        members |= {f"{prefix}{number}\0" for number in range(SUBJECTS_CAP + 1)}
        return self.mark(family) if len(members) > CAPS["subject"] else set()

    def mark(self, name: str) -> set[str]:
        """A family is a crowd, and so are those inside it; gives the keys that are not to be kept any longer."""
        if any(outer in self for outer in _outer(name)):
            return set()
        gone = self._members.get(name) or set()
        self._members[name] = None
        account, _, level = name.partition("/")
        if level == "author:":
            gone |= self.mark(f"{account}/subject:")
        elif level.startswith("author:"):
            gone |= self._count_out(name)
        if level in ("author:", "subject:"):  # the subjects of one author are no family of their own any more
            authors = f"{account}/author:"
            for inner in [one for one in self._members if one.startswith(authors) and one != authors]:
                gone |= self._members.pop(inner) or set()
        return gone


_FEW: frozenset[str] = frozenset()


def _families(key: str) -> Iterator[tuple[str, int]]:
    """The families that a key is a member of, with their caps; the level that stands for a family is in none."""
    account, _, level = key.partition("/")  # an account is written without any slash
    kind, _, value = level.partition(":")
    if value and kind in CAPS:
        yield f"{account}/{kind}:", CAPS[kind]
        if kind == "subject":
            yield f"{account}/author:{value.partition(' ')[0]}", SUBJECTS_CAP


def _outer(name: str) -> Iterator[str]:
    """The families that a family is inside of."""
    account, _, level = name.partition("/")
    if level.startswith("author:") and level != "author:":
        yield f"{account}/subject:"
