"""The logical message: copies that share an id, put together on disk.

What has been read waits in a temporary database that nobody else can open and that is gone at the end, so memory is
bounded, however many copies, messages and recipients there are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter

from headerguard.address import Address
from headerguard.fields import RECIPIENT, VISIBLE, Role
from headerguard.message import Message, Stage
from headerguard.seal import SHORT, Seal, fold

__all__ = ["Is", "Joined", "stored", "taken_apart"]


class Is:
    """What the places of an address make of it, as bits."""

    SUBMITTED = 1
    CARRIED = 2
    REPORTED = 4
    SHOWN_AT_FIRST = 8
    SHOWN = 16
    BLIND = 32
    SEALED = 64
    SEALED_BLIND = 128
    MEANT = 256


_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -32768;
CREATE TABLE copy (number INTEGER PRIMARY KEY, part INTEGER, stage TEXT, name TEXT, sealed TEXT);
CREATE TABLE id (text TEXT PRIMARY KEY, part INTEGER) WITHOUT ROWID;
CREATE TABLE part (number INTEGER PRIMARY KEY, root INTEGER);
CREATE TABLE place (copy INTEGER, canonical TEXT, key TEXT, what INTEGER, seen TEXT);
CREATE TABLE seal (id TEXT PRIMARY KEY, made INTEGER, apart INTEGER, shown BLOB, blind BLOB) WITHOUT ROWID;
CREATE TABLE message (part INTEGER PRIMARY KEY, copies INTEGER, submitted INTEGER, further INTEGER, events INTEGER,
    seals INTEGER, sealed TEXT, apart INTEGER, count INTEGER);
CREATE TABLE recipient (part INTEGER, canonical TEXT, folded TEXT, what INTEGER, named INTEGER, seen TEXT);
CREATE TABLE facts (part INTEGER PRIMARY KEY, recipients INTEGER, named INTEGER, told INTEGER);
CREATE TABLE rider (canonical TEXT, part INTEGER);
CREATE TABLE finding (rule TEXT, subject TEXT, severity INTEGER, layer TEXT, summary TEXT, field TEXT, text TEXT,
    note TEXT, PRIMARY KEY (rule, subject)) WITHOUT ROWID;
"""
_MESSAGES = """
INSERT INTO message SELECT part, count(*), max(stage = 'submitted'), max(stage <> 'submitted'), max(stage = 'event'),
    count(DISTINCT sealed), min(sealed), min(coalesce(apart, 1)), max((length(shown) + length(blind)) / 6)
    FROM copy LEFT JOIN seal ON seal.id = sealed GROUP BY part
"""
_PLACES = """
SELECT copy.part, canonical, key, what, seen, seals FROM place JOIN copy ON copy.number = copy
    JOIN message ON message.part = copy.part ORDER BY copy.part, canonical, seen
"""
_FACTS = f"""
CREATE INDEX by_part ON recipient (part);
CREATE INDEX by_twin ON recipient (part, folded) WHERE named;
INSERT INTO facts SELECT part, count(*), sum(named), max(what & {Is.REPORTED} > 0) FROM recipient GROUP BY part;
"""


def stored(text: str) -> str | bytes:
    """Text for a column: half characters, which SQLite does not take, as octets."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass")


class Joined:
    """Copies that wait to be compared. `part` is a forest: copies whose parts have one root are one message."""

    def __init__(self) -> None:
        """Start with none."""
        self.database = sqlite3.connect("")  # a private temporary file, which SQLite deletes when it closes it
        self.database.text_factory = lambda octets: octets.decode("utf-8", "surrogatepass")
        self.database.executescript(_TABLES)
        self.rows = self.database.execute
        self.copies = 0
        self.key = b""

    def __enter__(self) -> Joined:
        """Give the copies."""
        return self

    def __exit__(self, *_: object) -> None:
        """Drop them."""
        self.database.close()

    # ---- taking copies in

    def add(self, message: Message, seal: Seal | None) -> None:
        """Take in one copy."""
        number = self.copies
        self.copies += 1
        self.rows("INSERT INTO part VALUES (?, ?)", (number, number))
        for text in {*((f"seal {seal.id}",) if seal else ()), *(f"id {text}" for text in _joining(message))}:
            self._join(stored(text), number)
        if seal:
            self.key = seal.key
            hashes = [b"".join(sorted(part)) for part in (seal.shown, seal.blind - seal.shown)]
            made = int(seal.made.timestamp())
            self.rows("INSERT OR IGNORE INTO seal VALUES (?, ?, ?, ?, ?)", (seal.id, made, seal.apart, *hashes))
        name = next((stored(found.text.strip("<> ")) for found in message.header.all("message-id")), None)
        row = (number, number, str(message.stage), name, seal.id if seal else None)
        self.rows("INSERT INTO copy VALUES (?, ?, ?, CAST(? AS TEXT), ?)", row)
        self.database.executemany(
            "INSERT INTO place VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), ?, CAST(? AS TEXT))",
            [
                (number, stored(address.canonical), stored(address.key), what, stored(_seen(address, where)))
                for address, what, where in _places(message)
            ],
        )

    def _join(self, text: str | bytes, number: int) -> None:
        found = self.rows("SELECT part FROM id WHERE text = CAST(? AS TEXT)", (text,)).fetchone()
        if found is None:
            self.rows("INSERT INTO id VALUES (CAST(? AS TEXT), ?)", (text, number))
            return
        one, other = self._root(found[0]), self._root(number)
        self.rows("UPDATE part SET root = ? WHERE number = ?", (min(one, other), max(one, other)))

    def _root(self, number: int) -> int:
        path = []
        while (root := self.rows("SELECT root FROM part WHERE number = ?", (number,)).fetchone()[0]) != number:
            path.append(number)
            number = root
        self.database.executemany(
            "UPDATE part SET root = ? WHERE number = ?", [(number, passed) for passed in path[:-1]]
        )
        return number

    # ---- putting messages together

    def put_together(self) -> None:
        """Make the logical messages, and the recipients of each from all their places."""
        self.database.executemany(
            "UPDATE copy SET part = ? WHERE number = ?", ((self._root(number), number) for number in range(self.copies))
        )
        self.rows(_MESSAGES)
        self.database.executemany(
            "INSERT INTO recipient VALUES (?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, CAST(? AS TEXT))",
            self._recipients(),
        )
        self.database.executescript(_FACTS)

    def _recipients(self) -> Iterator[tuple[object, ...]]:
        for part, places in groupby(self.rows(_PLACES), itemgetter(0)):
            seals: list[Seal] | None = None
            for canonical, found in groupby(places, itemgetter(1)):
                what, first, named = 0, None, set()
                for _, _, key, bits, seen, sealed in found:
                    if sealed:
                        seals = self._seals(part) if seals is None else seals
                        for seal in seals:
                            bits |= _sealed(seal, key)
                    if bits & (Is.SEALED if sealed else Is.SUBMITTED):
                        named.add(key if sealed else "")
                    what, first = what | bits, seen if first is None else first
                yield part, stored(canonical), stored(fold(canonical)), what, len(named), stored(first or "")

    def _seals(self, part: int) -> list[Seal]:
        rows = self.rows("SELECT DISTINCT seal.* FROM copy JOIN seal ON seal.id = sealed WHERE part = ?", (part,))
        return [
            Seal(name, datetime.fromtimestamp(made, UTC), bool(apart), _hashes(shown), _hashes(blind), self.key)
            for name, made, apart, shown, blind in rows
        ]


def _hashes(octets: bytes) -> frozenset[bytes]:
    return frozenset(octets[at : at + SHORT] for at in range(0, len(octets), SHORT))


def _joining(message: Message) -> Iterator[str]:
    """The ids of a copy; SendGrid's ends in what differs from recipient to recipient (Event Webhook reference)."""
    for text in message.correlation:
        yield text
        if ".filter" in text:
            yield text.partition(".filter")[0]


def _places(message: Message) -> Iterator[tuple[Address, int, str]]:
    """Every recipient of a copy with what its place makes of it."""
    submitted = message.stage is Stage.SUBMITTED
    for s in message.sightings_of(RECIPIENT | {Role.DELIVERED}):
        if s.role is Role.ARCHIVE and message.stage is Stage.ARCHIVE:
            continue  # a copy from the archive names the archive
        if s.role is Role.DELIVERED and message.stage is not Stage.EVENT:
            continue  # a trace field tells of a hop, and the archive's mailbox is one
        what = Is.SUBMITTED if submitted else Is.CARRIED if s.field in ("rcpt to", "mail from") else Is.REPORTED
        if s.role in VISIBLE:
            what |= Is.SHOWN_AT_FIRST if submitted else Is.SHOWN
        if s.role in (Role.BCC, Role.RESENT_BCC):
            what |= Is.BLIND
        yield s.address, what, f"{message.stage}: {s.field}"


def _sealed(seal: Seal, key: str) -> int:
    """What a seal says of an address key."""
    digest = seal.hash(key)
    if digest in seal.blind:
        return Is.SEALED | Is.SEALED_BLIND
    if digest in seal.shown:
        return Is.SEALED
    return Is.MEANT if seal.allows(fold(key)) else 0


def taken_apart(seen: str) -> tuple[str, str]:
    """The address and the place that `seen` of a recipient holds."""
    end = 9 + int(seen[:9])
    return seen[9:end], seen[end:]


def _seen(address: Address, where: str) -> str:
    """An address and its place as one text, so that the least of them belong together."""
    return f"{len(str(address)):09d}{address}{where}"
