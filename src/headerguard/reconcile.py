"""Copies of one logical message joined over stages: asked for, submitted, carried, delivered, reported.

Copies are joined by every id that they share: the seal's own first, then those of ESPs and journals, the Message-ID,
the queue id. What has been read waits in a temporary database on disk that nobody else can open and that is gone at the
end, so memory is bounded and the order of the copies makes no difference.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntFlag

from headerguard.address import Address, SuffixList
from headerguard.fields import RECIPIENT, VISIBLE, Role
from headerguard.finding import Evidence, Finding, Severity
from headerguard.message import Message, Stage
from headerguard.seal import Seal, fold

__all__ = ["Reconciliation", "reconcile"]

COMPANIONS = 3
"""Unrelated registrable domains beside which an address that nobody asked for is a constant companion."""
SHARE = 0.02
"""The least share of the messages with several recipients that it is in."""


class _Is(IntFlag):
    """What a place makes of an address."""

    SUBMITTED = 1
    CARRIED = 2
    REPORTED = 4
    VISIBLE = 8
    BLIND = 16
    SEALED = 32
    SEALED_BLIND = 64
    MEANT = 128


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What joining the copies showed."""

    copies: int
    """Copies that were read."""
    messages: int
    """Logical messages that they make."""
    joined: int
    """Copies that share an id with another one."""
    unjoined: int
    """Copies that share an id with no other."""
    ambiguous: int
    """Copies of messages that carry more than one seal, so that two messages may have been taken for one."""
    findings: tuple[Finding, ...] = field(default=())
    """The strongest first."""

    @property
    def worst(self) -> Severity | None:
        """The highest severity among the findings."""
        return max((finding.severity for finding in self.findings), default=None)


def reconcile(
    copies: Iterable[Message],
    believed: Callable[[Message], Seal | None],
    suffixes: SuffixList,
    own_domains: frozenset[str] = frozenset(),
) -> Reconciliation:
    """Join copies and compare what each stage shows; `believed` gives the seal of a copy."""
    with _Store() as store:
        for message in copies:
            store.add(message, believed(message))
        return store.result(suffixes, own_domains)


_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -65536;
CREATE TABLE copy (number INTEGER PRIMARY KEY, part INTEGER, stage TEXT, sealed TEXT, apart INTEGER, count INTEGER);
CREATE TABLE id (text TEXT PRIMARY KEY, part INTEGER) WITHOUT ROWID;
CREATE TABLE part (number INTEGER PRIMARY KEY, root INTEGER);
CREATE TABLE place (copy INTEGER, canonical TEXT, address TEXT, what INTEGER, field TEXT, folded TEXT);
"""


class _Store:
    """Copies that wait to be compared. `part` is a forest: parts with one root are one logical message."""

    def __init__(self) -> None:
        self.database = sqlite3.connect("")  # a private temporary file, which SQLite deletes when it closes it
        self.database.executescript(_TABLES)
        self.copies = 0

    def __enter__(self) -> _Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    # ---- taking copies in

    def add(self, message: Message, seal: Seal | None) -> None:
        """Take in one copy."""
        number = self.copies
        self.copies += 1
        self.database.execute("INSERT INTO part VALUES (?, ?)", (number, number))
        ids = {f"seal {seal.id}"} if seal else set()
        for text in {*ids, *(f"id {text}" for text in _joining(message))}:
            self._join(text, number)
        self.database.execute(
            "INSERT INTO copy VALUES (?, ?, ?, ?, ?, ?)",
            (
                number,
                number,
                str(message.stage),
                seal.id if seal else None,
                seal.apart if seal else 1,
                len(seal.shown | seal.blind) if seal else 0,
            ),
        )
        rows = [
            (
                number,
                address.canonical,
                str(address),
                int(what | _sealed(seal, address)),
                where,
                fold(address.canonical),
            )
            for address, what, where in _places(message)
        ]
        self.database.executemany("INSERT INTO place VALUES (?, ?, ?, ?, ?, ?)", rows)

    def _join(self, text: str, number: int) -> None:
        found = self.database.execute("SELECT part FROM id WHERE text = ?", (text,)).fetchone()
        if found is None:
            self.database.execute("INSERT INTO id VALUES (?, ?)", (text, number))
            return
        one, other = self._root(found[0]), self._root(number)
        self.database.execute("UPDATE part SET root = ? WHERE number = ?", (min(one, other), max(one, other)))

    def _root(self, number: int) -> int:
        path = []
        while (
            root := self.database.execute("SELECT root FROM part WHERE number = ?", (number,)).fetchone()[0]
        ) != number:
            path.append(number)
            number = root
        self.database.executemany(
            "UPDATE part SET root = ? WHERE number = ?", [(number, passed) for passed in path[:-1]]
        )
        return number

    # ---- comparing

    def result(self, suffixes: SuffixList, own_domains: frozenset[str]) -> Reconciliation:
        """Compare the copies of every logical message."""
        for number in range(self.copies):
            self.database.execute("UPDATE copy SET part = ? WHERE number = ?", (self._root(number), number))
        self.database.execute("CREATE INDEX by_part ON copy (part)")
        self.database.execute("CREATE INDEX by_copy ON place (copy)")
        parts, single = self.database.execute(
            "SELECT count(*), total(size = 1) FROM (SELECT count(*) size FROM copy GROUP BY part)"
        ).fetchone()
        ambiguous = self.database.execute(
            "SELECT total(size) FROM (SELECT count(*) size FROM copy GROUP BY part HAVING count(DISTINCT sealed) > 1)"
        ).fetchone()[0]
        merged: dict[tuple[str | None, str, str], Finding] = {}
        companions = _Companions(suffixes, own_domains)
        for logical in self._logical():
            companions.add(logical)
            for finding in logical.findings():
                merged.setdefault(finding.key, finding)
        for finding in companions.findings():
            merged.setdefault(finding.key, finding)
        findings = sorted(merged.values(), key=lambda f: (-f.severity, f.rule, f.subject))
        alone = int(single)
        return Reconciliation(self.copies, parts, self.copies - alone, alone, int(ambiguous), tuple(findings))

    def _logical(self) -> Iterator[_Logical]:
        rows = self.database.execute(
            "SELECT copy.part, copy.number, stage, sealed, apart, count, canonical, address, what, field, folded"
            " FROM copy LEFT JOIN place ON place.copy = copy.number ORDER BY copy.part, canonical, what, address, field"
        )
        current: _Logical | None = None
        for part, number, stage, sealed, apart, count, canonical, address, what, where, folded in rows:
            if current is None or current.part != part:
                if current is not None:
                    yield current
                current = _Logical(part)
            current.stages.add(Stage(stage))
            current.copies.add(number)
            if sealed is not None:
                current.sealed, current.count = sealed, count
            current.apart &= bool(apart)
            if canonical is not None:
                current.add(canonical, address, _Is(what), where, folded, stage)
        if current is not None:
            yield current


def _joining(message: Message) -> Iterator[str]:
    """The ids of a copy; SendGrid's ends in what differs from recipient to recipient (Event Webhook reference)."""
    for text in message.correlation:
        yield text
        if ".filter" in text:
            yield text.partition(".filter")[0]


def _places(message: Message) -> Iterator[tuple[Address, _Is, str]]:
    """Every recipient of a copy with what its place makes of it."""
    submitted = message.stage is Stage.SUBMITTED
    for s in message.sightings_of(RECIPIENT | {Role.DELIVERED}):
        if s.role is Role.ARCHIVE and message.stage is Stage.ARCHIVE:
            continue  # a copy from the archive names the archive
        if s.role is Role.DELIVERED and message.stage is not Stage.EVENT:
            continue  # a trace field tells of a hop, and the archive's mailbox is one
        what = _Is.SUBMITTED if submitted else _Is.CARRIED if s.field == "rcpt to" else _Is.REPORTED
        if s.role in VISIBLE:
            what |= _Is.VISIBLE
        if s.role in (Role.BCC, Role.RESENT_BCC):
            what |= _Is.BLIND
        yield s.address, what, s.field


def _sealed(seal: Seal | None, address: Address) -> _Is:
    if seal is None:
        return _Is(0)
    if seal.is_blind(address):
        return _Is.SEALED | _Is.SEALED_BLIND
    return _Is.SEALED if seal.allows(address) else _Is.MEANT if seal.means(address) else _Is(0)


class _Logical:
    """One logical message: every recipient, with all that the copies say of it."""

    def __init__(self, part: int) -> None:
        self.part = part
        self.stages: set[Stage] = set()
        self.copies: set[int] = set()
        self.sealed: str | None = None
        self.count, self.apart = 0, True
        self.recipients: dict[str, _Is] = {}
        self.exact: dict[str, tuple[str, str]] = {}
        self.folded: dict[str, set[str]] = {}

    def add(self, canonical: str, address: str, what: _Is, where: str, folded: str, stage: str) -> None:
        """Note one place of one recipient."""
        self.recipients[canonical] = self.recipients.get(canonical, _Is(0)) | what
        self.exact.setdefault(canonical, (address, f"{stage}: {where}"))
        self.folded.setdefault(folded, set()).add(canonical)

    @property
    def asked(self) -> frozenset[str] | None:
        """Whom the application asked for: the seal, else what it submitted; None where no copy shows that."""
        if self.sealed:
            return frozenset(who for who, what in self.recipients.items() if what & _Is.SEALED)
        submitted = frozenset(who for who, what in self.recipients.items() if what & _Is.SUBMITTED)
        return submitted if Stage.SUBMITTED in self.stages else None

    def findings(self) -> Iterator[Finding]:
        """What the stages disagree on."""
        asked = self.asked
        if asked is None:
            return
        if self.count > len(asked) and self.stages != {Stage.SUBMITTED}:
            yield self._unmet(self.count - len(asked))
        for who, what in self.recipients.items():
            if who not in asked:
                yield self._stranger(who, what, asked)
            elif what & _Is.VISIBLE and what & (_Is.SEALED_BLIND | _Is.BLIND) and not self._shown_when_submitted(what):
                yield self._finding("revealed-blind-recipient", who, "a blind recipient stands where all can see it")
            elif Stage.EVENT in self.stages and what & ~_Is.REPORTED == what and self._reports():
                yield self._finding(
                    "undelivered-request", who, "asked for, and no event tells of it", Severity.LOW, "unknown"
                )

    def _unmet(self, missing: int) -> Finding:
        """Some that the seal holds and no copy names: by count alone, as a hash says nothing."""
        evidence = Evidence("seal", "seal", 0, str(self.sealed), None, f"{len(self.copies)} copies")
        severity = Severity.LOW if self.apart else Severity.MEDIUM
        number = f"{missing} recipient" + ("" if missing == 1 else "s")
        return Finding("undelivered-request", f"seal {self.sealed}", severity, f"no copy names {number}", (evidence,))

    def _shown_when_submitted(self, what: _Is) -> bool:
        return not self.sealed and bool(what & _Is.SUBMITTED) and not what & _Is.REPORTED

    def _reports(self) -> bool:
        return any(what & _Is.REPORTED for what in self.recipients.values())

    def _stranger(self, who: str, what: _Is, asked: frozenset[str]) -> Finding:
        twins = set().union(*(names for names in self.folded.values() if who in names)) - {who}
        if what & _Is.MEANT or twins & asked:
            return self._finding("folded-delivery", who, "only looks like a recipient that was asked for")
        layer = (
            "application" if what & _Is.SUBMITTED else "relay" if what & _Is.CARRIED else self._behind_the_submission()
        )
        return self._finding(
            "unrequested-delivery", who, "receives the message, and nobody asked for that", layer=layer
        )

    def _behind_the_submission(self) -> str:
        return "esp account" if Stage.SUBMITTED in self.stages or self.sealed else "unknown"

    def _finding(
        self, rule: str, who: str, summary: str, severity: Severity = Severity.HIGH, layer: str = "esp account"
    ) -> Finding:
        address, where = self.exact[who]
        evidence = Evidence("recipient", where, 0, address, None, f"{len(self.copies)} copies")
        return Finding(rule, address, severity, f"{address} {summary}", (evidence,), layer=layer)


class _Companions:
    """Addresses that ride along with recipients who have nothing to do with one another.

    The account-level "Bcc everything" leaves no header (ChunkHost, 2014): nothing but the company an address keeps.
    """

    def __init__(self, suffixes: SuffixList, own_domains: frozenset[str]) -> None:
        self.suffixes, self.own_domains = suffixes, own_domains
        self.several = 0
        self.seen: Counter[str] = Counter()
        self.partners: dict[str, set[str]] = {}
        self.exact: dict[str, tuple[str, str]] = {}

    def add(self, logical: _Logical) -> None:
        """Note who is beside whom in one logical message."""
        if len(logical.recipients) < 2 or len(logical.recipients) > 50:
            return  # a mailing says nothing about company
        self.several += 1
        asked = logical.asked or frozenset()
        domains = {who: self.suffixes.registrable_domain(who.rpartition("@")[2]) for who in logical.recipients}
        for who in logical.recipients:
            if who not in asked and domains[who] not in self.own_domains:
                self._beside(who, {domain for other, domain in domains.items() if other != who} - {domains[who]})
                self.exact.setdefault(who, logical.exact[who])

    def _beside(self, who: str, domains: set[str]) -> None:
        self.seen[who] += 1
        partners = self.partners.setdefault(who, set())
        if len(partners) <= COMPANIONS:
            partners |= domains
        if len(self.seen) > 200_000:  # who was seen once so far can still come back, and starts again
            for rare in [key for key, count in self.seen.items() if count == 1]:
                del self.seen[rare], self.partners[rare], self.exact[rare]

    def findings(self) -> Iterator[Finding]:
        """Everybody who is beside enough of them."""
        for who, count in self.seen.items():
            if len(self.partners[who]) >= COMPANIONS and count >= max(COMPANIONS, SHARE * self.several):
                address, where = self.exact[who]
                evidence = Evidence("recipient", where, 0, address, None, f"beside {count} unrelated recipients")
                yield Finding(
                    "constant-companion",
                    address,
                    Severity.HIGH,
                    f"{address} receives {count} of {self.several} messages beside recipients that are unrelated",
                    (evidence,),
                    layer="esp account",
                )
