"""The acknowledgement: what people said about a stranger, in a file beside the baseline to which lines are added only.

One JSON object a line. The last line about the same stranger in the same place holds. A line is written in one piece at
the end of the file, so that those of several processes do not tear. Whoever reads the file and finds it damaged keeps
what it said before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from enum import StrEnum
from typing import Any

from headerguard.address import BUNDLED, Address, SuffixList, to_a_label
from headerguard.address_list import parse as parse_address
from headerguard.errors import BaselineError
from headerguard.finding import Finding

__all__ = [
    "ANYBODY",
    "SUFFIX",
    "Acknowledgement",
    "Acknowledgements",
    "Verdict",
    "append",
    "cited_by",
    "key_of",
    "matches",
]

SCHEMA = 1
SUFFIX = ".acks.jsonl"
"""What the name of the file has more than that of the baseline."""
ANYBODY = "*"
"""The subject that stands for everybody: it needs a rule and a stream."""
_LONGEST = 16_384


class Verdict(StrEnum):
    """What somebody said about a stranger."""

    BENIGN = "benign"
    """He belongs there: what he does is shown apart, and learned."""
    HOSTILE = "hostile"
    """He does not: it stays a finding, for ever."""


def key_of(subject: str) -> str:
    """The form of a subject that compares: the key of an address, a domain in A-labels, a field in lower case.

    Nothing is looked for inside the text: it may come from a hostile message.
    """
    local, at, domain = subject.rpartition("@")
    return Address(local, to_a_label(domain)).key if at else to_a_label(domain.strip())


def written(subject: str) -> str:
    """What people wrote in the form that findings use: an address may be a whole mailbox; anything else as it is."""
    address = parse_address(subject) if "@" in subject else None
    return str(address) if address else subject


def matches(said: str, subject: str, cited: Collection[str] = (), suffixes: SuffixList = BUNDLED) -> bool:
    """Whether what somebody said of a subject is about a finding on a subject that cites addresses.

    A domain covers every address there. An address covers itself alone: a finding about its domain only where all that
    it cites is that address, and then it is the address that is meant, not the domain.
    """
    if said == ANYBODY:
        return True
    own, other = key_of(written(said)), key_of(subject)
    if own == other:
        return True
    host = other.rpartition("@")[2]
    if "@" not in own:
        return own in (host, suffixes.registrable_domain(host))
    at_home = "@" not in other and suffixes.registrable_domain(own.rpartition("@")[2]) == other
    return at_home and set(map(key_of, cited)) == {own}


def cited_by(finding: Finding) -> list[str]:
    """What a finding cites, as its rule gave it: of a sighting the address."""
    return [piece.text for piece in finding.evidence]


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A line of the file."""

    subject: str
    """An address, which covers no other, or a registrable domain, which covers all that is there."""
    verdict: Verdict
    """What was said of it."""
    reason: str
    """Why, for whoever reads it in a year."""
    role: str | None = None
    """The role in which it may stand; None: any."""
    stream: str | None = None
    """The stream, as reports name it; None: every stream."""
    account: str | None = None
    """The account; None: every account."""
    rule: str | None = None
    """Findings of this rule alone; None: of every rule."""
    who: str | None = None
    """Who said it."""
    until: date | None = None
    """The last day on which a benign verdict holds; None: it never lapses."""
    day: date | None = None
    """When it was said, as far as that was known."""

    @property
    def key(self) -> str:
        """The subject in the form that compares."""
        return key_of(written(self.subject))

    @property
    def place(self) -> tuple[str | None, ...]:
        """What a later line has to repeat to take its place."""
        return (self.key, self.role, self.stream, self.account, self.rule)

    def covers(self, finding: Finding, suffixes: SuffixList = BUNDLED) -> bool:
        """Whether a finding, as its rule gave it, is about the subject in this role, lapsed or not."""
        roles = {piece.place.partition("[")[0] for piece in finding.evidence}
        return (self.role is None or roles == {self.role}) and matches(
            self.subject, finding.subject, cited_by(finding), suffixes
        )

    def is_in(self, account: str | None, stream: str | None, rule: str | None = None) -> bool:
        """Whether it holds in an account and a stream of it, for a rule."""
        return (
            self.account in (None, account)
            and self.stream in (None, stream)
            and (self.rule is None or self.rule == rule)
        )

    def in_force(self, today: date | None) -> bool:
        """Whether it holds on a day; None: the day is unknown, so nothing lapses."""
        return self.until is None or today is None or today <= self.until

    def as_line(self) -> str:
        """The line, its end included. Raises BaselineError for what could not be read again."""
        record = {"schema": SCHEMA, **{f.name: getattr(self, f.name) for f in fields(self)}}
        told = {key: str(value) if isinstance(value, date) else value for key, value in record.items() if value}
        line = json.dumps(told)
        if len(line) > _LONGEST:
            raise BaselineError(f"an acknowledgement has {_LONGEST:,} characters at most, not {len(line):,}")
        try:
            _read(line)
        except _RefusedError as error:
            raise BaselineError(f"the acknowledgement cannot be kept: {error}") from None
        return f"{line}\n"


class _RefusedError(ValueError):
    """A line that cannot be read; the text says why."""


_TEXTS = frozenset(("subject", "reason", "role", "stream", "account", "rule", "who"))
_KEYS = frozenset(("schema", *(f.name for f in fields(Acknowledgement))))


def _read(line: str) -> Acknowledgement:
    """What a line says."""
    if line.startswith(("<<<<<<<", "=======", ">>>>>>>", "|||||||")):
        raise _RefusedError("is a conflict that a merge left open")
    try:
        record = json.loads(line, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise _RefusedError(f"is no JSON: column {error.colno}: {error.msg}") from None
    except RecursionError:
        raise _RefusedError("is no JSON: it nests too deep") from None
    if not isinstance(record, dict):
        raise _RefusedError("is not an object")
    schema = record.pop("schema", None)
    if schema != SCHEMA or isinstance(schema, bool):
        newer = isinstance(schema, int) and schema > SCHEMA
        raise _RefusedError(
            f"has schema {schema!r}, which {'is newer than this program reads' if newer else 'is none'}"
        )
    for key, value in record.items():
        if key not in _KEYS:
            raise _RefusedError(f"has {key!r}, which is no key of it")
        if key in _TEXTS and not (isinstance(value, str) and value.strip() and value.isprintable()):
            raise _RefusedError(f"has a {key} that is no text")
    for key in ("subject", "verdict", "reason"):
        if key not in record:
            raise _RefusedError(f"has no {key}")
    if record["subject"] == ANYBODY and not {"rule", "stream"} <= record.keys():
        raise _RefusedError("is about everybody, and names no rule and stream")
    return _acknowledgement(record)


def _acknowledgement(record: dict[str, Any]) -> Acknowledgement:
    for key in ("until", "day"):
        if key in record:
            try:
                record[key] = date.fromisoformat(record[key])
            except (ValueError, TypeError):
                raise _RefusedError(f"has {key} {record[key]!r}, which is no day, such as 2027-01-31") from None
    try:
        record["verdict"] = Verdict(record["verdict"])
    except ValueError:
        raise _RefusedError(f"has the verdict {record['verdict']!r}, which is neither benign nor hostile") from None
    return Acknowledgement(**record)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys come once each."""
    record = dict(pairs)
    if len(record) != len(pairs):
        raise _RefusedError("has a key twice")
    return record


def append(path: str | os.PathLike[str], said: Iterable[Acknowledgement]) -> None:
    """Add lines to the file, which is made, for its owner alone to read, where there is none.

    Raises BaselineError, and adds nothing, where the file could not be read afterwards.
    """
    name, octets = os.fspath(path), "".join(one.as_line() for one in said).encode()
    Acknowledgements(path)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            written = os.write(handle, octets)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise BaselineError(f"{name}: cannot be written: {error.strerror}") from error
    if written != len(octets):
        raise BaselineError(f"{name}: only {written} of {len(octets)} octets could be written")


class Acknowledgements:
    """What the file says; `refresh` reads it again where it has changed."""

    __slots__ = ("_by_host", "_state", "names", "path", "problem", "said", "suffixes")

    def __init__(self, path: str | os.PathLike[str] | None = None, suffixes: SuffixList = BUNDLED) -> None:
        """Read the file; None, or one that is not there, says nothing. Raises BaselineError: file and line."""
        self.path = None if path is None else os.fspath(path)
        self.suffixes = suffixes
        self.said: tuple[Acknowledgement, ...] = ()
        """What holds: of several lines about the same the last."""
        self.names: frozenset[str] = frozenset()
        """The subjects: canonical addresses and domains."""
        self.problem: str | None = None
        """Why the file as it is cannot be read, so that what it said before holds; None: it can."""
        self._by_host: Mapping[str, list[Acknowledgement]] = {}
        self._state = self._stat()
        if self._state is not None:
            self._take(self._load())

    def refresh(self) -> None:
        """Read the file again if it looks different; costs one look at the directory where it does not."""
        state = self._stat()
        if state == self._state:
            return
        self._state = state
        try:
            self._take(() if state is None else self._load())
            self.problem = None
        except BaselineError as error:
            self.problem = str(error)

    def about(self, finding: Finding, account: str | None, stream: str | None) -> list[Acknowledgement]:
        """Those that cover a finding, as its rule gave it, in a stream of an account, lapsed or not."""
        host = key_of(finding.subject).rpartition("@")[2]
        candidates = {
            id(one): one for name in (host, self.suffixes.registrable_domain(host), ANYBODY) for one in self._at(name)
        }
        found = (one for one in candidates.values() if one.is_in(account, stream, finding.rule))
        return [one for one in found if one.covers(finding, self.suffixes)]

    def judging(self, subject: str) -> Iterator[Acknowledgement]:
        """Those about a subject or its domain, or about everybody, wherever they hold."""
        own = key_of(subject)
        host = own.rpartition("@")[2]
        names = dict.fromkeys((host, self.suffixes.registrable_domain(host), ANYBODY))
        return (one for name in names for one in self._at(name) if one.key in (own, *names))

    def accepts(self, address: Address, account: str | None, stream: str | None, today: date | None) -> bool:
        """Whether an address is judged benign in a stream, for every rule and role, and is not judged hostile."""
        host = address.domain
        found = [
            one
            for name in {host, self.suffixes.registrable_domain(host)}
            for one in self._at(name)
            if one.is_in(account, stream) and one.key in (address.key, name) and one.role is None
        ]
        return any(one.in_force(today) for one in found) and all(one.verdict is Verdict.BENIGN for one in found)

    def lapsed(self, today: date | None) -> Iterator[Acknowledgement]:
        """Those that do not hold any more."""
        return (one for one in self.said if not one.in_force(today))

    def _at(self, host: str) -> list[Acknowledgement]:
        return self._by_host.get(host, [])

    def _take(self, said: Iterable[Acknowledgement]) -> None:
        self.said = tuple({one.place: one for one in said}.values())
        by_host: dict[str, list[Acknowledgement]] = {}
        for one in self.said:
            host = one.key.rpartition("@")[2]
            for name in {host, self.suffixes.registrable_domain(host)}:
                by_host.setdefault(name, []).append(one)
        self._by_host = by_host
        addresses = (parse_address(one.subject) for one in self.said if "@" in one.subject)
        domains = (one.key for one in self.said if "@" not in one.subject)
        self.names = frozenset((*domains, *(found.canonical for found in addresses if found)))

    def _stat(self) -> tuple[int, ...] | None:
        if self.path is None:
            return None
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            return None
        except OSError:
            return (-1,)
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _load(self) -> list[Acknowledgement]:
        assert self.path is not None
        try:
            with open(self.path, "rb") as file:
                text = file.read().decode("utf-8", "surrogateescape")
        except OSError as error:
            raise BaselineError(f"{self.path}: cannot be read: {error.strerror}") from error
        said = []
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                if number == len(lines):
                    raise _RefusedError("is cut off")
                said.append(_read(line.removesuffix("\r")))
            except _RefusedError as error:
                raise BaselineError(f"{self.path}: line {number} {error}") from None
        return said
