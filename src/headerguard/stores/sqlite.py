"""The live store: one SQLite database that several processes read and add to at the same time.

A row holds one record as JSON, under its section and key, with the revision of its last change, so that a process picks
up what others wrote. All that belongs together is written in one transaction, in a write-ahead log: whoever is killed
loses what he had not written yet, and never damages what is there (https://www.sqlite.org/wal.html).
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from headerguard.errors import BaselineError

__all__ = ["PATIENCE", "Database", "Row", "change", "is_database", "loaded", "read", "rows", "text_of", "write"]

PATIENCE = 10.0
"""Seconds that a command waits for another process before it gives up."""
_MAGIC = b"SQLite format 3\0"
_SUFFIXES = frozenset((".db", ".sqlite", ".sqlite3"))
_APPLICATION = 0x68677264
"""What the header of the database says it belongs to ("hgrd")."""
_TABLES = """
CREATE TABLE record (
    section TEXT NOT NULL, key TEXT NOT NULL, record TEXT, names TEXT, revision INTEGER NOT NULL,
    PRIMARY KEY (section, key)
);
CREATE INDEX record_by_revision ON record (revision);
"""
SCHEMA = 2
"""The schema of a baseline in a database; there was none in the first."""


class Row(NamedTuple):
    """One record."""

    section: str
    """streams, riders, companions (of a place of riders), crowded or novelty."""
    key: str
    record: str | None
    """As JSON; None: it is gone."""
    names: str = ""
    """The domains of its closed roles, so that nobody has to read all streams to know whom they show."""


def is_database(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a database, or is to become one by its suffix (.sqlite, .sqlite3, .db)."""
    try:
        with open(path, "rb") as file:
            if file.read(len(_MAGIC)) == _MAGIC:
                return True
    except OSError:
        pass
    return Path(path).suffix.lower() in _SUFFIXES


class Database:
    """The rows of one file, which is made with the first change. Every call raises BaselineError where it fails."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Nothing is opened yet."""
        self.path = os.fspath(path)
        self._connection: sqlite3.Connection | None = None
        self._process = 0
        self._lock = threading.RLock()

    def _connected(self, new: float | None = None) -> sqlite3.Connection | None:
        """The connection of this process; None where there is no file.

        `new`: it is to be made, and these are the seconds to wait for others who do the same.
        """
        if self._connection is not None and self._process == os.getpid():
            if new is not None and _is_empty(self._connection):  # another process had only just made it
                _create(self._connection, new)
            return self._connection
        if new is None and not os.path.exists(self.path):
            return None
        self._connection = None  # that of a parent process is left alone: closing it would take its locks away
        connection = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(connection, new)
        except BaseException:
            connection.close()
            raise
        self._connection, self._process = connection, os.getpid()
        return connection

    def _prepare(self, connection: sqlite3.Connection, new: float | None) -> None:
        empty = _is_empty(connection)  # before anything else is read: another process may be making it now
        application, schema = (_pragma(connection, name) for name in ("application_id", "user_version"))
        if empty and new is not None:
            _create(connection, new)
        elif not empty and application != _APPLICATION:
            raise BaselineError(f"{self.path}: is a database of another program")
        elif schema > SCHEMA:
            raise BaselineError(
                f"{self.path}: schema {schema} is newer than this program reads ({SCHEMA} in a database)"
            )
        connection.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def _saying(self, doing: str) -> Iterator[None]:
        """One error for all that goes wrong, with the file in it."""
        with self._lock:
            try:
                if os.path.isdir(self.path):
                    raise BaselineError(f"{self.path}: cannot be {doing}: Is a directory")
                yield
            except sqlite3.Error as error:
                raise BaselineError(f"{self.path}: {_reason(error, doing)}") from error

    # ---- reading

    def rows(self, section: str, start: str = "") -> list[Row]:
        """All rows of a section whose key begins so."""
        where, values = "section = ? AND record IS NOT NULL", [section]
        if start:  # a range is looked up in the index
            where, values = f"{where} AND key >= ? AND key < ?", [section, start, start[:-1] + chr(ord(start[-1]) + 1)]
        return [Row(*found) for found in self._select("section, key, record, names", where, values)]

    def keys(self, section: str) -> list[str]:
        """The keys of a section."""
        return [key for (key,) in self._select("key", "section = ? AND record IS NOT NULL", [section])]

    def names(self, section: str) -> list[tuple[str, str]]:
        """By key, the names that the rows of a section have."""
        return list(self._select("key, names", "section = ? AND record IS NOT NULL AND names != ''", [section]))

    def record(self, section: str, key: str) -> str | None:
        """One record."""
        found = self._select("record", "section = ? AND key = ?", [section, key])
        return found[0][0] if found else None

    def since(self, revision: int) -> list[Row]:
        """What was changed after a revision."""
        return [Row(*found) for found in self._select("section, key, record, names", "revision > ?", [revision])]

    @property
    def revision(self) -> int:
        """The number of the last change."""
        return int(self._select("coalesce(max(revision), 0)", "true", [])[0][0]) if os.path.exists(self.path) else 0

    def _select(self, columns: str, where: str, values: list[Any]) -> list[Any]:
        with self._saying("read"):
            connection = self._connected()
            if connection is None or _is_empty(connection):
                return [(0,)] if columns.startswith("coalesce") else []
            return connection.execute(f"SELECT {columns} FROM record WHERE {where}", values).fetchall()

    # ---- writing

    @contextmanager
    def writing(self, patience: float = PATIENCE) -> Iterator[Callable[[Iterable[Row]], int]]:
        """A transaction of one's own: what is read inside stays true until its end, and all is written or nothing.

        Gives the function that writes rows, and says the revision that they have. Another process is waited for as long
        as `patience` says, in seconds.
        """
        with self._saying("written"):
            connection = self._connected(patience)
            assert connection is not None
            connection.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                revision = self.revision + 1
                yield lambda changed: self._put(connection, revision, changed)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def _put(self, connection: sqlite3.Connection, revision: int, changed: Iterable[Row]) -> int:
        for row in changed:
            if row.record is None and row.section == "companions":  # there is no end of them, and nobody waits for it
                connection.execute("DELETE FROM record WHERE section = ? AND key = ?", row[:2])
            else:
                connection.execute("INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?)", (*row, revision))
        return revision

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            self._connection = None


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _create(connection: sqlite3.Connection, patience: float) -> None:
    """Make the tables, unless another process was quicker."""
    until = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:  # of all there is, this alone does not wait for another process by itself
            if time.monotonic() >= until:
                raise
            time.sleep(0.01)
    connection.execute("BEGIN IMMEDIATE")
    if _is_empty(connection):
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
    connection.execute("COMMIT")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _reason(error: sqlite3.Error, doing: str) -> str:
    text = str(error)
    if "locked" in text or "busy" in text:
        return f"cannot be {doing}: another process keeps it locked"
    if isinstance(error, sqlite3.OperationalError) or "full" in text:
        return f"cannot be {doing}: {text}"
    return f"is not a baseline: {text}"


# ---- the whole -------------------------------------------------------------------------------------------------------


def rows(data: Mapping[str, Any], names: Callable[[Any], str] = lambda record: "") -> Iterator[Row]:
    """A baseline as plain data, row by row."""
    for key, record in data["streams"].items():
        yield Row("streams", key, text_of(record), names(record))
    for place, record in data["riders"].items():
        counts = {name: value for name, value in record.items() if name != "companions"}
        yield Row("riders", place, text_of(counts))
        for companion, rider in record["companions"].items():
            yield Row("companions", f"{place} {companion}", text_of(rider))
    for key in data["crowded"]:
        yield Row("crowded", key, "true")
    yield Row("novelty", "", text_of(data["novelty"]))


def text_of(record: Any) -> str:
    """A record as it stands in a row: the same text for the same record."""
    return json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _data(database: Database) -> dict[str, Any]:
    """All rows as plain data."""
    data: dict[str, Any] = {"schema": SCHEMA, "streams": {}, "riders": {}, "crowded": database.keys("crowded")}
    for section in ("streams", "riders"):
        for row in database.rows(section):
            data[section][row.key] = loaded(database.path, row)
    for row in database.rows("companions"):
        place, _, companion = row.key.rpartition(" ")
        riders = data["riders"].get(place)
        if isinstance(riders, dict):
            riders.setdefault("companions", {})[companion] = loaded(database.path, row)
    for riders in data["riders"].values():
        if isinstance(riders, dict):
            riders.setdefault("companions", {})
    for row in database.rows("novelty"):
        data["novelty"] = loaded(database.path, row)
    return data


def loaded(path: str, row: Row) -> Any:
    """The record of a row. Raises BaselineError that names it."""
    try:
        return json.loads(row.record or "null")
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{path}: {row.section}[{row.key!a}] is no JSON: {error}") from None


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What the database holds as plain data, as of one moment. Raises BaselineError."""
    if not os.path.exists(path):
        raise BaselineError(f"{os.fspath(path)}: cannot be read: No such file or directory")
    with closing(Database(path)) as database, database._saying("read"):
        connection = database._connected()
        assert connection is not None
        connection.execute("BEGIN")
        return _data(database)


def write(path: str | os.PathLike[str], data: Mapping[str, Any], names: Callable[[Any], str]) -> None:
    """Replace all that it holds. Raises BaselineError, and then it holds what it did."""
    change(path, lambda _: data, names)


def change(
    path: str | os.PathLike[str],
    changed: Callable[[dict[str, Any]], Mapping[str, Any] | None],
    names: Callable[[Any], str],
) -> None:
    """Read all, write what becomes of it (None: nothing), and let nobody else write in between."""
    with closing(Database(path)) as database, database.writing() as put:
        before = {row[:2]: row for section in _SECTIONS for row in database.rows(section)}
        data = changed(_data(database))
        if data is not None:
            after = {row[:2]: row for row in rows(data, names)}
            put(row for at, row in after.items() if before.get(at) != row)
            put(Row(*at, None) for at in before.keys() - after.keys())


_SECTIONS = ("streams", "riders", "companions", "crowded", "novelty")
