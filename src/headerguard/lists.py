"""Lists of domains that say what kind of mailbox is there: given to everybody, or thrown away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from headerguard.address import to_a_label
from headerguard.errors import ConfigError

__all__ = ["DISPOSABLE", "FREEMAIL", "DomainList"]

_DOMAIN = re.compile(r"(?!-)[^\s@/:,;#]+\.[^\s@/:,;#.]+")


class DomainList:
    """Domains of one kind: those that come with headerguard, more of a file, without some. Read when it is asked."""

    __slots__ = ("_domains", "name", "path", "without")

    def __init__(self, name: str, path: str | None = None, without: Iterable[str] = ()) -> None:
        """`name` is that of the packaged list, `path` a file with more domains, one a line (`read` checks it)."""
        self.name, self.path, self.without = name, path, frozenset(map(to_a_label, without))
        self._domains: frozenset[str] | None = None

    def __contains__(self, domain: str) -> bool:
        """Whether a domain (A-labels) is on the list."""
        if self._domains is None:
            more = read(self.path) if self.path else ()
            self._domains = frozenset((*_lines(self._packaged()), *more)) - self.without
        return domain in self._domains

    def __repr__(self) -> str:
        """Its name."""
        return f"DomainList({self.name!r})"

    @property
    def date(self) -> str:
        """The day of the packaged list ("2026-11-25")."""
        found = re.search(r"^# Date: (\S+)$", self._packaged(), re.MULTILINE)
        return found[1] if found else ""

    def _packaged(self) -> str:
        from importlib.resources import files

        return files("headerguard").joinpath(f"{self.name}.txt").read_text(encoding="utf-8")


def read(path: str) -> frozenset[str]:
    """The domains in a file, one a line, "#" for remarks. Raises ConfigError that names the line."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 at octet {error.start}") from error
    for number, line in enumerate(text.splitlines(), 1):
        for domain in _domains(line):
            if not _DOMAIN.fullmatch(domain):
                raise ConfigError(f"{path}: line {number}: {domain[:80]!r} is no domain")
    return frozenset(_domains(text))


def _domains(text: str) -> Iterator[str]:
    return map(to_a_label, _lines(text))


def _lines(text: str) -> Iterator[str]:
    """The lines without their remarks, empty ones left out; those of packaged lists are A-labels."""
    return (bare for line in text.splitlines() if (bare := line.partition("#")[0].strip()))


FREEMAIL = DomainList("freemail")
"""Providers at which everybody gets a mailbox for the asking: one address there says nothing about the next."""
DISPOSABLE = DomainList("disposable")
"""Mailboxes that anybody may read, or that vanish."""
