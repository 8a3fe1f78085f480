"""Where a baseline lives: in a file for review in git, or in a database that several processes share.

The records that it is made of are plain data here; only `baseline` knows what they mean.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from headerguard.stores import json_file, sqlite
from headerguard.stores.sqlite import is_database

__all__ = ["Store", "change", "is_database", "read", "write"]

Data = Mapping[str, Any]


class Store(Protocol):
    """What a place where baselines live can do; each of it raises BaselineError that names the place."""

    def read(self, path: str | os.PathLike[str]) -> Any:
        """All that it holds, as plain data."""

    def write(self, path: str | os.PathLike[str], data: Data, names: Callable[[Any], str]) -> None:
        """Replace it by other data; what is there stays whole until that is done."""

    def change(
        self, path: str | os.PathLike[str], changed: Callable[[Any], Data | None], names: Callable[[Any], str]
    ) -> None:
        """Read it and write what becomes of it (None: nothing)."""


def _store(path: str | os.PathLike[str]) -> Store:
    return sqlite if is_database(path) else json_file


def read(path: str | os.PathLike[str]) -> Any:
    """All that a baseline holds, as plain data. Raises BaselineError that names the place."""
    return _store(path).read(path)


def write(path: str | os.PathLike[str], data: Data, names: Callable[[Any], str]) -> None:
    """Replace it; what is there stays whole until that is done. `names`: those that a stream has shown, in one line."""
    _store(path).write(path, data, names)


def change(path: str | os.PathLike[str], changed: Callable[[Any], Data | None], names: Callable[[Any], str]) -> None:
    """Read it and write what becomes of it; where processes share it, nobody else writes in between."""
    _store(path).change(path, changed, names)
