"""Which levels are too many to be told apart: the subjects of an author, the authors of an account, its templates.

A family of keys with more members than a cap is a crowd: none of its members is kept, and its mail is judged by the
level above, which has learned all of it from the beginning. Above accounts there is nothing, so of accounts that are
too many some are kept, by lot. Whether a family is a crowd, and which accounts are kept, depends on its members alone,
never on the order in which they came, so parts that are joined tell the same as the whole.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from types import MappingProxyType

from headerguard.stream import NAMED, UNKNOWN

__all__ = ["ACCOUNTS", "ACCOUNTS_CAP", "CAPS", "SUBJECTS_CAP", "Crowds"]

CAPS: Mapping[str, int] = MappingProxyType({"author": 256, "subject": 4096, **dict.fromkeys(sorted(NAMED), 1024)})
"""How many keys of a kind an account may show."""
SUBJECTS_CAP = 256
"""How many subjects an author may show; in his account he counts as one more when he shows too many."""
ACCOUNTS_CAP = 4096
"""How many accounts are kept."""
ACCOUNTS = "%/account:"
"""The family of all accounts; no account is written like that (see `Level.key`)."""


class Crowds:
    """The families of one baseline. A family is named by the key of the level that stands for all of it."""

    __slots__ = ("_accounts", "_kept", "_marked", "_members", "_talkative")

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Start with families that are crowds already."""
        self._members: dict[str, set[str]] = {}  # family that is no crowd -> its keys
        self._marked: set[str] = set()  # families that are
        self._talkative: dict[str, int] = {}  # account -> its authors that are crowds
        self._kept: set[str] = set()  # accounts
        self._accounts: list[tuple[bytes, str]] = []  # the same by lot
        for name in names:
            self.mark(name)

    @property
    def names(self) -> tuple[str, ...]:
        """The families that are crowds."""
        return tuple(sorted(self._marked))

    def __contains__(self, name: str) -> bool:
        """Whether a family is a crowd."""
        return name in self._marked

    def hold(self, key: str) -> bool:
        """Whether a key belongs to a crowd, so that it is not to be kept."""
        if not self._marked:
            return False
        return self._is_left_out(key.partition("/")[0]) or any(family in self for family, _ in _families(key))

    def _is_left_out(self, account: str) -> bool:
        """Whether an account is none of those that are kept."""
        if len(self._accounts) < ACCOUNTS_CAP or account in self._kept or account == UNKNOWN:
            return False
        return ACCOUNTS in self and (_lot(account), account) > self._accounts[-1]

    def add(self, key: str) -> set[str]:
        """Note one key more; gives the keys that are not to be kept any longer, itself maybe among them."""
        gone = self._admit(key.partition("/")[0])
        if self.hold(key):
            return {*gone, key}
        for family, cap in _families(key):
            if family not in self:
                self._members.setdefault(family, set()).add(key)
                if self._size(family) > cap:
                    gone |= self.mark(family)
        return gone

    def _size(self, family: str) -> int:
        """How many members a family has; an author with too many subjects has one more than the cap of his own."""
        account, _, level = family.partition("/")
        talkative = self._talkative.get(account, 0) if level == "subject:" else 0
        return len(self._members.get(family, _FEW)) + talkative * (SUBJECTS_CAP + 1)

    def mark(self, name: str) -> set[str]:
        """A family is a crowd, and so are those inside it; gives the keys that are not to be kept any longer."""
        account, _, level = name.partition("/")
        gone = self._admit(account)
        if self.hold(name) or name in self or any(outer in self for outer in _outer(name)):
            return gone
        gone |= self._members.pop(name, _FEW)
        self._marked.add(name)
        if level == "author:":
            gone |= self.mark(f"{account}/subject:")
        if level in ("author:", "subject:"):  # the subjects of one author are no family of their own any more
            self._talkative.pop(account, None)
            authors = f"{account}/author:"
            for inner in [one for one in self._members if one.startswith(authors) and one != authors]:
                gone |= self._members.pop(inner)
            self._marked -= {one for one in self._marked if one.startswith(authors) and one != authors}
        elif level.startswith("author:"):
            gone |= self._note_talkative(account, name, gone)
        return gone

    def _note_talkative(self, account: str, author: str, subjects: set[str]) -> set[str]:
        """An author has too many subjects: from now on he counts, and not they, so that parts count like the whole."""
        self._talkative[account] = self._talkative.get(account, 0) + 1
        if (authors := f"{account}/author:") not in self:
            self._members.setdefault(authors, set()).add(author)
        family = f"{account}/subject:"
        if members := self._members.get(family):
            members -= subjects
        return self.mark(family) if self._size(family) > CAPS["subject"] else set()

    # ---- accounts

    def _admit(self, account: str) -> set[str]:
        """Keep an account; gives the keys of the one that makes room for it, maybe its own."""
        if account in self._kept or account in (UNKNOWN, ACCOUNTS.partition("/")[0]):
            return set()
        self._kept.add(account)
        insort(self._accounts, (_lot(account), account))
        if len(self._accounts) <= ACCOUNTS_CAP:
            return set()
        self._marked.add(ACCOUNTS)
        other = self._accounts.pop()[1]
        self._kept.discard(other)
        self._talkative.pop(other, None)
        gone = {f"{other}/account:", f"{other}/author:"}
        for kind in CAPS:
            gone |= self._members.pop(f"{other}/{kind}:", _FEW)
            self._marked.discard(f"{other}/{kind}:")
        for author in gone:  # the family of his subjects
            self._members.pop(author, None)
        self._marked -= gone
        return gone


_FEW: frozenset[str] = frozenset()


def _lot(account: str) -> bytes:
    """A number that decides who has room, whatever the order in which accounts come."""
    return blake2b(account.encode("utf-8", "backslashreplace"), digest_size=8).digest()


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
